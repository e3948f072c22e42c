//! A history of runs: a file to which every run adds one line of JSON, and where in it times have changed
//! for good.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use p11assay_reports::bench::{Estimate, Run};
use serde::{Deserialize, Serialize};

use super::rank;

/// Fewest runs on either side of a change: with fewer a rank test at this level tells nothing.
const LEAST: usize = 4;
/// Probability of error at which a change counts, corrected for the places where it could be.
const LEVEL: f64 = 0.05;

/// A run in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it started, RFC 3339.
    pub started: String,
    /// The target's name.
    pub target: String,
    /// Its library's version, as it tells it.
    pub version: String,
    /// SHA-256 of the module; absent for the built-in token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Version of p11assay.
    pub p11assay: String,
    /// The processor: times of different ones are no series.
    pub cpu: String,
    /// Medians by benchmark, nanoseconds.
    pub medians: BTreeMap<String, Estimate>,
}

/// A change for good.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangePoint {
    /// The target.
    pub target: String,
    /// The benchmark.
    pub id: String,
    /// The first run after it: its start.
    pub since: String,
    /// The version of the target's library since then.
    pub version: String,
    /// Median of the runs before it, back to the change before.
    pub before: f64,
    /// Median of the runs after it, up to the next change.
    pub after: f64,
}

/// A history that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// No access.
    #[error("the history {path}: {source}")]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is none of a history.
    #[error("the history {path}, line {line}: {source}; remove the line, or give another file")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Line {
    /// What the history keeps of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let medians = run.measured().filter_map(|(entry, measured)| {
            let latency = measured.latency.as_ref()?;
            Some((entry.id.clone(), latency.median))
        });
        Self {
            started: run.started.clone(),
            target: run.target.name.clone(),
            version: run
                .target
                .info
                .get("libraryVersion")
                .cloned()
                .unwrap_or_default(),
            sha256: run.target.sha256.clone(),
            p11assay: run.version.clone(),
            cpu: run.machine.cpu.clone(),
            medians: medians.collect(),
        }
    }
}

/// Adds a run.
///
/// # Errors
/// [`HistoryError`] if the file cannot be written.
pub fn append(path: &Path, run: &Run) -> Result<(), HistoryError> {
    let access = |source| HistoryError::Access {
        path: path.to_owned(),
        source,
    };
    let mut line = serde_json::to_vec(&Line::of(run)).map_err(|error| access(error.into()))?;
    line.push(b'\n');
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(access)?;
    // One write: two runs that end at once leave two whole lines.
    file.write_all(&line).map_err(access)
}

/// Reads all runs, in the order in which they were added.
///
/// # Errors
/// [`HistoryError`] if the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<Line>, HistoryError> {
    let access = |source| HistoryError::Access {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(access)?;
    let mut lines = Vec::new();
    for (place, text) in BufReader::new(file).lines().enumerate() {
        let text = text.map_err(access)?;
        if text.trim().is_empty() {
            continue;
        }
        lines.push(
            serde_json::from_str(&text).map_err(|source| HistoryError::Malformed {
                path: path.to_owned(),
                line: place + 1,
                source,
            })?,
        );
    }
    Ok(lines)
}

/// A benchmark on a target and a processor, over its runs.
#[derive(Debug)]
pub struct Series<'l> {
    /// The target.
    pub target: &'l str,
    /// The benchmark.
    pub id: &'l str,
    /// The processor: times of different ones are no series.
    pub cpu: &'l str,
    /// The runs in their order, with the median of each.
    pub points: Vec<(&'l Line, Estimate)>,
}

/// Every series of a history.
#[must_use]
pub fn series(lines: &[Line]) -> Vec<Series<'_>> {
    let mut series: BTreeMap<_, Vec<(&Line, Estimate)>> = BTreeMap::new();
    for line in lines {
        for (id, median) in &line.medians {
            let key = (line.target.as_str(), id.as_str(), line.cpu.as_str());
            series.entry(key).or_default().push((line, *median));
        }
    }
    let one = |((target, id, cpu), points)| Series {
        target,
        id,
        cpu,
        points,
    };
    series.into_iter().map(one).collect()
}

impl Series<'_> {
    /// Where its times have changed for good.
    #[must_use]
    pub fn changes(&self) -> Vec<ChangePoint> {
        let times: Vec<f64> = self.points.iter().map(|(_, median)| median.value).collect();
        let mut places = Vec::new();
        split(&times, 0, &mut places);
        let ends: Vec<usize> = [0].into_iter().chain(places).chain([times.len()]).collect();
        let change = |window: &[usize]| {
            let [begin, place, end] = [window[0], window[1], window[2]];
            let (first, _) = self.points[place];
            ChangePoint {
                target: self.target.to_owned(),
                id: self.id.to_owned(),
                since: first.started.clone(),
                version: first.version.clone(),
                before: rank::median(&times[begin..place]),
                after: rank::median(&times[place..end]),
            }
        };
        ends.windows(3).map(change).collect()
    }
}

/// Where times of a benchmark on a target have changed for good, on each processor for itself.
#[must_use]
pub fn changes(lines: &[Line]) -> Vec<ChangePoint> {
    series(lines).iter().flat_map(Series::changes).collect()
}

/// Places where a series changes, in order: the most probable one, then those on either side of it (binary
/// segmentation with the rank sum test).
fn split(times: &[f64], offset: usize, places: &mut Vec<usize>) {
    let possible = LEAST..(times.len() + 1).saturating_sub(LEAST);
    let tried = possible.len() as f64;
    let probability = |place: &usize| rank::differ(&times[..*place], &times[*place..]);
    let best = possible
        .map(|place| (place, probability(&place)))
        .min_by(|one, two| one.1.total_cmp(&two.1));
    let Some((place, p)) = best else { return };
    if p * tried >= LEVEL {
        return;
    }
    split(&times[..place], offset, places);
    places.push(offset + place);
    split(&times[place..], offset + place, places);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use p11assay_reports::bench::{Entry, FORMAT, Latency, Machine, Measured, Outcome, Settings};

    /// A run with benchmarks `bench/x/0` and so on of these times.
    pub(in crate::bench) fn run(latencies: Vec<Latency>) -> Run {
        let entries = latencies
            .into_iter()
            .enumerate()
            .map(|(number, latency)| Entry {
                id: format!("bench/x/{number}"),
                title: String::new(),
                parameters: BTreeMap::new(),
                functions: Vec::new(),
                bytes: None,
                outcome: Outcome::Measured(Box::new(Measured {
                    latency: Some(latency),
                    ..Measured::default()
                })),
            });
        Run {
            format: FORMAT,
            version: "1".to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            target: Default::default(),
            machine: Machine::default(),
            settings: Settings {
                rounds: 2,
                samples: 30,
                measurement_ns: 0,
                warm_up_ns: 0,
                threads: Vec::new(),
                rate: None,
            },
            entries: entries.collect(),
            noise: None,
            remarks: Vec::new(),
            complete: true,
        }
    }

    fn line(number: usize, time: f64) -> Line {
        let median = Estimate {
            value: time,
            ..Estimate::default()
        };
        Line {
            started: format!("run {number}"),
            target: "t".to_owned(),
            version: "1".to_owned(),
            sha256: None,
            p11assay: "1".to_owned(),
            cpu: "c".to_owned(),
            medians: BTreeMap::from([("bench/x".to_owned(), median)]),
        }
    }

    fn series(times: &[f64]) -> Vec<Line> {
        let times = times.iter().enumerate();
        times.map(|(number, time)| line(number, *time)).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let mut times: Vec<f64> = (0..10).map(|n| 100.0 + f64::from(n % 3)).collect();
        times.extend((0..10).map(|n| 110.0 + f64::from(n % 3)));
        times.extend((0..8).map(|n| 90.0 + f64::from(n % 3)));
        let found = changes(&series(&times));
        let told: Vec<_> = found
            .iter()
            .map(|c| (c.since.as_str(), c.before, c.after))
            .collect();
        assert_eq!(told, [("run 10", 101.0, 111.0), ("run 20", 111.0, 91.0)]);
    }

    #[test]
    fn noise_and_a_single_slow_run_are_no_change() {
        let times: Vec<f64> = (0..30).map(|n| 100.0 + f64::from(n * 7 % 11)).collect();
        assert_eq!(changes(&series(&times)), []);
        let mut one = vec![100.0; 20];
        one[10] = 400.0;
        assert_eq!(changes(&series(&one)), []);
        assert_eq!(changes(&series(&[100.0, 200.0, 200.0])), []);
    }

    #[test]
    fn runs_are_added_and_read_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        let latency = Latency {
            median: Estimate {
                value: 12.0,
                low: 11.0,
                high: 13.0,
            },
            ..Latency::default()
        };
        for _ in 0..2 {
            append(&path, &run(vec![latency.clone()])).expect("written");
        }
        let lines = read(&path).expect("read");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].medians["bench/x/0"].value, 12.0);
        std::fs::write(&path, "{}\n").expect("written");
        let error = read(&path).expect_err("no line of a history");
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
