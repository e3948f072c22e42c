//! What criterion found, from the files that it wrote. Its folders are named after ids that it cut short,
//! so the id in `benchmark.json` decides which of them is meant.

use std::path::{Path, PathBuf};

use p11assay_reports::bench::{Estimate, Latency, Round};
use serde::Deserialize;
use statrs::statistics::Statistics;

use super::rank;

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Estimates {
    mean: Estimated,
    median: Estimated,
}

#[derive(Deserialize)]
struct Estimated {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// One measurement of a benchmark.
pub(super) struct Measurement {
    median: Estimate,
    mean: Estimate,
    round: Round,
}

/// Reads what criterion wrote of a benchmark below a folder. `base` is the run's folder, which paths are
/// told from.
pub(super) fn read(folder: &Path, base: &Path, id: &str) -> Result<Measurement, String> {
    let found = find(folder, id, 0).ok_or_else(|| {
        let folder = folder.display();
        format!(
            "criterion left nothing of `{id}` in {folder}: at least one sample took no time at all"
        )
    })?;
    let estimates: Estimates = json(&found.join("estimates.json"))?;
    let sample: Sample = json(&found.join("sample.json"))?;
    let pairs = sample.times.iter().zip(&sample.iters);
    let artefacts = found.parent().unwrap_or(&found);
    Ok(Measurement {
        median: estimates.median.into(),
        mean: estimates.mean.into(),
        round: Round {
            samples: pairs
                .map(|(time, count)| picoseconds(time / count))
                .collect(),
            operations: sample.iters.first().map_or(0, |count| *count as u64),
            artefacts: artefacts
                .strip_prefix(base)
                .unwrap_or(artefacts)
                .display()
                .to_string(),
        },
    })
}

/// A time to the picosecond: more digits only fill the record.
fn picoseconds(ns: f64) -> f64 {
    (ns * 1000.0).round() / 1000.0
}

/// The folder `new` of the benchmark with this id.
fn find(folder: &Path, id: &str, depth: usize) -> Option<PathBuf> {
    let new = folder.join("new");
    let known: Result<Benchmark, _> = json(&new.join("benchmark.json"));
    if known.is_ok_and(|known| known.full_id == id) {
        return Some(new);
    }
    let entries = std::fs::read_dir(folder).ok().filter(|_| depth < 4)?;
    let folders = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    folders
        .filter(|path| path.is_dir())
        .find_map(|path| find(&path, id, depth + 1))
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| told(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| told(&error))
}

impl From<Estimated> for Estimate {
    fn from(estimated: Estimated) -> Self {
        Self {
            value: estimated.point_estimate,
            low: estimated.confidence_interval.lower_bound,
            high: estimated.confidence_interval.upper_bound,
        }
    }
}

/// Adds a measurement to those of other rounds.
pub(super) fn add(latency: Option<Latency>, measurement: Measurement) -> Latency {
    let Measurement {
        median,
        mean,
        round,
    } = measurement;
    let mut all = latency.unwrap_or_default();
    let first = all.rounds.is_empty();
    all.rounds.push(round);
    let samples = all.samples();
    let wide = |before: Estimate, new: Estimate, value| Estimate {
        value,
        low: if first {
            new.low
        } else {
            before.low.min(new.low)
        },
        high: before.high.max(new.high),
    };
    all.median = wide(all.median, median, rank::median(&samples));
    all.mean = wide(all.mean, mean, samples.iter().mean());
    all.std_dev = samples.iter().std_dev();
    let medians = all.rounds.iter().map(|round| rank::median(&round.samples));
    all.spread = rank::spread(&medians.collect::<Vec<_>>());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of the form that criterion writes, in a folder whose name says little.
    fn written(folder: &Path, id: &str, times: [f64; 3]) {
        let new = folder.join("cut_short/any/new");
        std::fs::create_dir_all(&new).expect("a folder");
        let write =
            |name: &str, text: String| std::fs::write(new.join(name), text).expect("a file");
        write(
            "benchmark.json",
            format!(r#"{{"full_id": "{id}", "title": "x..."}}"#),
        );
        let estimate = |value: f64| {
            format!(
                r#"{{"confidence_interval": {{"confidence_level": 0.95, "lower_bound": {},
                "upper_bound": {}}}, "point_estimate": {value}, "standard_error": 1.0}}"#,
                value - 1.0,
                value + 1.0
            )
        };
        let [low, middle, high] = times.map(|time| time / 10.0);
        let mean = (low + middle + high) / 3.0;
        let text = format!(
            r#"{{"mean": {}, "median": {}}}"#,
            estimate(mean),
            estimate(middle)
        );
        write("estimates.json", text);
        let text =
            format!(r#"{{"sampling_mode": "Flat", "iters": [10, 10, 10], "times": {times:?}}}"#);
        write("sample.json", text);
    }

    #[test]
    fn the_id_in_the_file_decides() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), "bench/x/1", [100.0, 200.0, 300.0]);
        let found = read(folder.path(), folder.path(), "bench/x/1").expect("a measurement");
        assert_eq!(found.round.samples, [10.0, 20.0, 30.0]);
        assert_eq!(found.round.artefacts, "cut_short/any");
        let other = read(folder.path(), folder.path(), "bench/x/2").err();
        assert!(other.is_some_and(|reason| reason.contains("bench/x/2")));
    }

    #[test]
    fn rounds_are_joined_and_their_difference_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let measure = |times| {
            written(folder.path(), "b/x", times);
            read(folder.path(), folder.path(), "b/x").expect("a measurement")
        };
        let one = add(None, measure([100.0, 200.0, 300.0]));
        assert_eq!(
            (one.median.value, one.median.low, one.spread),
            (20.0, 19.0, 0.0)
        );
        let both = add(Some(one), measure([110.0, 220.0, 330.0]));
        assert_eq!((both.median.low, both.median.high), (19.0, 23.0));
        assert_eq!(both.rounds.len(), 2);
        assert!((both.spread - 0.1).abs() < 1e-9, "{both:?}");
        assert!((both.median.value - 21.0).abs() < 1e-9, "{both:?}");
    }
}
