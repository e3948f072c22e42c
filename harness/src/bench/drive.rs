//! The parent's side of a run of benchmarks: each is tried as a case first, then measured round by round in
//! fresh workers. Whatever ends a worker is recorded with the benchmark, and the others go on.

mod bed;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use p11assay_reports::bench::{Entry, Measured, OpenLoop, Outcome, Settings, Throughput};
use p11assay_reports::evidence::Verdict;

use super::Benchmark;
use super::estimate;
use super::rank;
use super::wire::{Ask, Closed, Load, Open, Sampling};
use crate::plan::Unmet;
use crate::run::{Station, StationError};
use crate::sequence::Value;
pub(super) use bed::{Left, prepare, timed, try_as_case};
use bed::{done, failed, loads};

/// Folder of criterion's files in that of a run.
pub const ARTEFACTS: &str = "criterion";

/// Fewest samples that criterion takes.
const LEAST_SAMPLES: usize = 10;
/// Operations by which the loop's own cost is measured, and how often.
const IDLE: (u64, usize) = (20_000, 9);
/// Turns that each number of threads gets.
const TURNS: usize = 12;
/// Time of an operation below which not each is timed, nanoseconds: reading the clock takes some tens.
const TIMED: f64 = 2000.0;
/// Throughput with more threads, as a part of that of one, below which it is a finding if it is no chance.
const SLOWER: f64 = 0.9;

/// How to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the record says of it.
    pub settings: Settings,
    /// Bootstrap resamples of criterion's.
    pub resamples: usize,
    /// Time for the threads of a benchmark, nanoseconds.
    pub threads_ns: u64,
    /// Whether criterion draws plots.
    pub plots: bool,
    /// Cores that threads may run on.
    pub cores: usize,
    /// The run's folder.
    pub folder: PathBuf,
}

/// A benchmark in a run.
pub struct Planned {
    /// The benchmark.
    pub benchmark: Benchmark,
    /// Why it does not apply; `None` if it does.
    pub unmet: Option<Unmet>,
}

/// Who wants to know how a run goes.
pub trait Watcher {
    /// A benchmark is about to be measured.
    fn begins(&mut self, round: u32, id: &str);
    /// Something came of a benchmark; the entries so far.
    ///
    /// # Errors
    /// If it cannot be recorded.
    fn entry(&mut self, entries: &[Entry]) -> Result<(), String>;
}

/// Why a run ends early.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No worker.
    #[error(transparent)]
    Station(#[from] StationError),
    /// What was found cannot be recorded.
    #[error("{0}")]
    Record(String),
}

/// Measures benchmarks on a station, round by round.
///
/// # Errors
/// If the run cannot go on, or was stopped; what was measured by then is recorded.
pub fn measure(
    station: &mut Station,
    given: &Value,
    planned: &[Planned],
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<Vec<Entry>, DriveError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(planned.len());
    for round in 0..plan.settings.rounds {
        if round > 0 {
            station.renew()?;
        }
        for (place, Planned { benchmark, unmet }) in planned.iter().enumerate() {
            if round == 0 {
                entries.push(entry(benchmark, unmet.as_ref()));
            }
            let before = match &entries[place].outcome {
                Outcome::Measured(measured) => (**measured).clone(),
                _ => continue,
            };
            watcher.begins(round, &benchmark.case.id);
            let subject = Subject {
                benchmark,
                given,
                plan,
            };
            entries[place].outcome = match subject.round(station, round, before) {
                Ok(measured) => Outcome::Measured(Box::new(measured)),
                Err(Left::With(outcome)) => outcome,
                Err(Left::Station(error)) => {
                    // Nothing is known of what was not begun.
                    entries.retain(|entry| is_known(&entry.outcome));
                    watcher.entry(&entries).map_err(DriveError::Record)?;
                    return Err(error.into());
                }
            };
            watcher.entry(&entries).map_err(DriveError::Record)?;
        }
    }
    // There may have been nothing to measure.
    watcher.entry(&entries).map_err(DriveError::Record)?;
    Ok(entries)
}

fn is_known(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Measured(measured) => measured.latency.is_some(),
        _ => true,
    }
}

fn entry(benchmark: &Benchmark, unmet: Option<&Unmet>) -> Entry {
    Entry {
        id: benchmark.case.id.clone(),
        title: benchmark.case.title.clone(),
        parameters: benchmark
            .parameters
            .iter()
            .cloned()
            .collect::<BTreeMap<_, _>>(),
        functions: benchmark.functions().collect(),
        bytes: benchmark.bytes,
        outcome: match unmet {
            None => Outcome::Measured(Box::default()),
            Some(unmet) if unmet.verdict == Verdict::NotApplicable => Outcome::NotApplicable {
                reason: unmet.reason.clone(),
            },
            Some(unmet) => failed("environment", &unmet.reason),
        },
    }
}

/// A benchmark on a target.
struct Subject<'s> {
    benchmark: &'s Benchmark,
    given: &'s Value,
    plan: &'s Plan,
}

impl Subject<'_> {
    /// Measures once more; gives what is known of it then.
    fn round(
        &self,
        station: &mut Station,
        round: u32,
        mut measured: Measured,
    ) -> Result<Measured, Left> {
        if round == 0 {
            try_as_case(self.benchmark, self.given, station)?;
        }
        prepare(self.benchmark, self.given, station, 1)?;
        if round == 0 {
            measured.overhead_ns = self.overhead(station)?;
        }
        let latency = self.sample(station, round)?;
        measured.latency = Some(estimate::add(measured.latency.take(), latency));
        let median = measured
            .latency
            .as_ref()
            .map_or(0.0, |latency| latency.median.value);
        if round == 0 {
            if self.benchmark.threads {
                self.threads(station, median, &mut measured)?;
            }
            if let Some(rate) = self.plan.settings.rate {
                measured.open = Some(self.open(station, rate, &mut measured.findings)?);
            }
        }
        done(station.ask(Ask::Release)??)?;
        Ok(measured)
    }

    /// What the loop costs without the module: the least of several, since disturbances only add.
    fn overhead(&self, station: &mut Station) -> Result<f64, Left> {
        let (iterations, times) = IDLE;
        let mut least = f64::INFINITY;
        for _ in 0..times {
            let ns = timed(station.ask(Ask::Idle { iterations })??)?;
            least = least.min(ns as f64 / iterations as f64);
        }
        Ok(least)
    }

    fn sample(&self, station: &mut Station, round: u32) -> Result<estimate::Measurement, Left> {
        let settings = &self.plan.settings;
        let once = timed(station.ask(Ask::Time { iterations: 1 })??)?.max(1);
        // As many samples as there is time for.
        let affordable = usize::try_from(settings.measurement_ns / once).unwrap_or(usize::MAX);
        let id = &self.benchmark.case.id;
        let folder = self
            .plan
            .folder
            .join(ARTEFACTS)
            .join(format!("round-{}", round + 1))
            .join(id);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Left::With(failed("harness-fault", error.to_string())))?;
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let sampling = Sampling {
            id: id.clone(),
            bytes: self.benchmark.bytes,
            folder: folder.clone(),
            samples: settings.samples.min(affordable).max(LEAST_SAMPLES),
            warm_up_ns: settings.warm_up_ns,
            measurement_ns: settings.measurement_ns,
            resamples: self.plan.resamples,
            plots: self.plan.plots,
        };
        done(station.ask(Ask::Sample(Box::new(sampling)))??)?;
        let base = std::path::absolute(&self.plan.folder);
        let base = base.as_deref().unwrap_or(Path::new(""));
        estimate::read(&folder, base, id)
            .map_err(|reason| Left::With(failed("harness-fault", reason)))
    }

    /// Measures threads, as many as the settings say, and what comes of more of them.
    fn threads(
        &self,
        station: &mut Station,
        median: f64,
        measured: &mut Measured,
    ) -> Result<(), Left> {
        let counts = &self.plan.settings.threads;
        let most = counts.iter().copied().max().unwrap_or(1) as usize;
        if most > 1 {
            prepare(self.benchmark, self.given, station, most)?;
        }
        let closed = Closed {
            threads: counts.iter().map(|count| *count as usize).collect(),
            turns: TURNS,
            slice_ns: self.plan.threads_ns / TURNS as u64,
            stride: (TIMED / median.max(1.0)).ceil().clamp(1.0, 1000.0) as u64,
        };
        let loads = loads(station.ask(Ask::Closed(closed))??)?;
        for (count, load) in counts.iter().zip(loads) {
            errors(&load, &mut measured.findings);
            let one = measured.closed.iter().find(|load| load.threads == 1);
            let throughput = throughput(*count, load, one);
            // More threads than cores have to wait for each other, whatever the module does.
            let judged = one.filter(|_| *count as usize <= self.plan.cores);
            measured
                .findings
                .extend(judged.and_then(|one| slower(one, &throughput)));
            measured.closed.push(throughput);
        }
        Ok(())
    }

    fn open(
        &self,
        station: &mut Station,
        rate: f64,
        findings: &mut Vec<String>,
    ) -> Result<OpenLoop, Left> {
        let count = (rate * self.plan.threads_ns as f64 / 1e9).max(1.0) as u64;
        let ask = Open {
            threads: 1,
            interval_ns: 1e9 / rate,
            count,
        };
        let load = loads(station.ask(Ask::Open(ask))??)?
            .pop()
            .unwrap_or_default();
        errors(&load, findings);
        let per_second = load.operations as f64 * 1e9 / load.wall_ns.max(1) as f64;
        // The last arrival is one interval before the end.
        if per_second < rate * 0.9 * count as f64 / (count as f64 + 1.0) {
            findings.push(format!(
                "keeps up with {per_second:.0} of {rate:.0} operations a second"
            ));
        }
        Ok(OpenLoop {
            rate,
            threads: 1,
            operations: load.operations,
            errors: load.errors,
            per_second,
            latency: load.latency,
        })
    }
}

fn errors(load: &Load, findings: &mut Vec<String>) {
    if let Some(wrong) = &load.wrong {
        findings.push(format!(
            "{} of its operations failed, the first: {wrong}",
            load.errors
        ));
    }
}

fn throughput(threads: u32, load: Load, one: Option<&Throughput>) -> Throughput {
    let per_second = load.operations as f64 * 1e9 / load.wall_ns.max(1) as f64;
    let Load {
        operations,
        errors,
        wall_ns,
        slices,
        latency,
        ..
    } = load;
    Throughput {
        threads,
        operations,
        errors,
        wall_ns,
        per_second,
        slices,
        scaling: one.map(|one| per_second / one.per_second),
        latency,
    }
}

/// A remark if more threads get less done, and the slices of time say that it is no chance.
fn slower(one: &Throughput, more: &Throughput) -> Option<String> {
    let scaling = more.per_second / one.per_second;
    let p = rank::longer(&more.slices, &one.slices, 1.0);
    (scaling < SLOWER && p < 0.01).then(|| {
        let threads = more.threads;
        format!(
            "slower with more threads: {threads} threads get {scaling:.2} times as much done as one"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use p11assay_reports::bench::Percentiles;

    fn throughput_of(threads: u32, rate: f64) -> Throughput {
        let slices: Vec<f64> = (0..10)
            .map(|n| rate * (0.97 + 0.006 * f64::from(n)))
            .collect();
        Throughput {
            threads,
            per_second: rate,
            slices,
            latency: Percentiles::default(),
            ..Throughput::default()
        }
    }

    #[test]
    fn more_threads_that_do_less_are_a_finding() {
        let one = throughput_of(1, 1000.0);
        let told = slower(&one, &throughput_of(2, 700.0)).expect("a finding");
        assert!(told.contains("2 threads get 0.70 times"), "{told}");
        assert_eq!(slower(&one, &throughput_of(2, 990.0)), None);
        assert_eq!(slower(&one, &throughput_of(2, 1900.0)), None);
    }

    #[test]
    fn throughput_is_operations_over_wall_clock() {
        let load = Load {
            operations: 500,
            wall_ns: 250_000_000,
            ..Load::default()
        };
        let one = throughput_of(1, 1000.0);
        let found = throughput(2, load, Some(&one));
        assert_eq!((found.per_second, found.scaling), (2000.0, Some(2.0)));
    }
}
