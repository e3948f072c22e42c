//! The record of a run of benchmarks: one JSON document, written anew after every benchmark, from which
//! tables, comparisons and histories are made. Measuring is left to the harness.

mod file;
mod table;
mod units;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Target;

pub use file::{FileError, read, write};
pub use table::{comparison, table};
pub use units::{bytes, per_second, percent, time};

/// Version of the format. A reader refuses a larger number than it knows.
pub const FORMAT: u32 = 1;

/// A run of benchmarks on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// Version of p11assay.
    pub version: String,
    /// Start of the run, RFC 3339 with offset, UTC.
    pub started: String,
    /// What was measured, as it described itself to the probe.
    pub target: Target,
    /// On what.
    pub machine: Machine,
    /// How.
    pub settings: Settings,
    /// The benchmarks in their order.
    pub entries: Vec<Entry>,
    /// How far measurements of the same differ in this run; absent before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// What is remarkable of the run as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// False while the run goes on, and if it was stopped.
    pub complete: bool,
}

/// Facts of the machine that times depend on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system, architecture and kernel.
    pub system: String,
    /// Model of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// What decides the processor's frequency; absent if the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// What the kernel's clock is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// True if the processor says that it is one of a virtual machine.
    pub virtual_machine: bool,
    /// Processes that wanted to run, mean of the minute before the run.
    pub load_before: f64,
    /// The same at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_after: Option<f64>,
    /// True if the program, and with it the built-in token, was built without optimisation.
    pub unoptimized: bool,
}

/// How a run measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Times that all benchmarks are gone through, each in a fresh process.
    pub rounds: u32,
    /// Samples of a benchmark in a round.
    pub samples: usize,
    /// Time for these samples together, nanoseconds.
    pub measurement_ns: u64,
    /// Time before them, nanoseconds.
    pub warm_up_ns: u64,
    /// Numbers of threads that share a module in turn.
    pub threads: Vec<u32>,
    /// Operations a second that arrive by themselves, if such arrivals were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// A benchmark and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Hierarchical id, `bench/sign/CKM_ECDSA/P-256`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Parameters by name (`mechanism`, `bytes`, ...), as they are shown.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// The functions that one operation calls, in order.
    pub functions: Vec<String>,
    /// Bytes that one operation processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was measured.
    Measured(Box<Measured>),
    /// The target lacks what it needs.
    NotApplicable {
        /// What.
        reason: String,
    },
    /// It could not be measured: the module crashed, hung, or returned what it should not.
    Failed {
        /// `crash`, `hang`, `deviation`, `environment` or `harness-fault`.
        verdict: String,
        /// What happened.
        message: String,
    },
}

/// The figures of a benchmark.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Time of one operation, one caller; absent if only threads were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// What the harness itself adds to one operation, by the same loop without the module, nanoseconds.
    pub overhead_ns: f64,
    /// Callers that begin the next operation when one is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<Throughput>,
    /// Operations that arrive at a fixed rate, done or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenLoop>,
    /// What is worth knowing: slower with more threads, late arrivals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// An estimate with the interval that it lies in with a confidence of 95%.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Time of one operation, nanoseconds, from means over many.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Median; its interval covers those of all rounds.
    pub median: Estimate,
    /// Mean, likewise.
    pub mean: Estimate,
    /// Standard deviation of the samples.
    pub std_dev: f64,
    /// How far the medians of rounds differ, as a part of the smallest: measured against itself.
    pub spread: f64,
    /// The samples of each round.
    pub rounds: Vec<Round>,
}

/// The samples of one round.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Round {
    /// Time of an operation by sample, nanoseconds: each a mean over a number of operations.
    pub samples: Vec<f64>,
    /// Operations of one sample.
    pub operations: u64,
    /// Where criterion's own files are, below the run's folder.
    pub artefacts: String,
}

/// What callers achieve together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Throughput {
    /// Threads, each with a session of its own.
    pub threads: u32,
    /// Operations done.
    pub operations: u64,
    /// Operations that returned what they should not.
    pub errors: u64,
    /// Time on the clock, nanoseconds.
    pub wall_ns: u64,
    /// Operations a second of wall clock.
    pub per_second: f64,
    /// The same by slices of the time.
    pub slices: Vec<f64>,
    /// As many times the throughput of one thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<f64>,
    /// Time of an operation as a caller sees it.
    pub latency: Percentiles,
}

/// Operations that arrive at a fixed rate. The time of one counts from when it should have begun.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OpenLoop {
    /// Arrivals a second.
    pub rate: f64,
    /// Threads that share them.
    pub threads: u32,
    /// Operations done.
    pub operations: u64,
    /// Operations that returned what they should not.
    pub errors: u64,
    /// Operations a second of wall clock: less than the rate if the module cannot keep up.
    pub per_second: f64,
    /// Time from when an operation should have begun to its end.
    pub latency: Percentiles,
}

/// A distribution of times, nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// Operations that were timed.
    pub count: u64,
    /// Least.
    pub min: u64,
    /// Median.
    pub p50: u64,
    /// Nine of ten are at most this.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// Most.
    pub max: u64,
    /// Mean.
    pub mean: f64,
    /// Points of the distribution: part of the operations, and the time that they take at most.
    pub curve: Vec<(f64, u64)>,
}

/// How far measurements of the same differ within a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Noise {
    /// Median of the spreads of all benchmarks.
    pub median: f64,
    /// What nine of ten spreads are below.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

impl Run {
    /// The benchmarks that were measured.
    pub fn measured(&self) -> impl Iterator<Item = (&Entry, &Measured)> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.outcome {
                Outcome::Measured(measured) => Some((entry, &**measured)),
                _ => None,
            })
    }

    /// The benchmark of an id.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Benchmarks by what came of them: measured, not applicable, failed.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for entry in &self.entries {
            let place = match entry.outcome {
                Outcome::Measured(_) => 0,
                Outcome::NotApplicable { .. } => 1,
                Outcome::Failed { .. } => 2,
            };
            counts[place] += 1;
        }
        counts
    }
}

impl Latency {
    /// The samples of all rounds.
    #[must_use]
    pub fn samples(&self) -> Vec<f64> {
        let rounds = self.rounds.iter();
        rounds.flat_map(|round| round.samples.clone()).collect()
    }
}

/// What a comparison says of one benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// No difference can be told.
    None,
    /// Less time.
    Faster,
    /// More time.
    Slower,
    /// More time by more than the gate lets pass.
    Regressed,
    /// The gate cannot judge it: measurements of the same differ by more than it asks about, or more time than it lets pass was
    /// measured and may be chance.
    Noisy,
}

/// Two measurements of one benchmark side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The benchmark.
    pub id: String,
    /// Median of the first, nanoseconds.
    pub before: f64,
    /// Median of the second, nanoseconds.
    pub after: f64,
    /// Second over first, with a confidence of 95%.
    pub ratio: Estimate,
    /// How probable a difference like this is if there is none, corrected for the number of benchmarks.
    pub p_value: f64,
    /// The same for a regression up to the gate's threshold; absent without a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_p_value: Option<f64>,
    /// How far measurements of the same differ.
    pub spread: f64,
    /// What that comes to.
    pub change: Change,
}

/// A comparison of two runs, or of two targets in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// What the first is.
    pub before: String,
    /// What the second is.
    pub after: String,
    /// The test, in words.
    pub test: String,
    /// Largest regression that passes; absent without a gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How far measurements of the same differ.
    pub noise: Noise,
    /// Benchmark by benchmark.
    pub entries: Vec<Compared>,
    /// Benchmarks that only one of the two has, and why if that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

impl Comparison {
    /// Benchmarks that the gate stops.
    pub fn regressed(&self) -> impl Iterator<Item = &Compared> {
        self.entries
            .iter()
            .filter(|entry| entry.change == Change::Regressed)
    }

    /// Benchmarks that took more time than the gate lets pass, which may be chance: neither stopped nor passed.
    pub fn undecided(&self) -> impl Iterator<Item = &Compared> {
        let threshold = self.threshold.unwrap_or(f64::INFINITY);
        self.entries.iter().filter(move |entry| {
            // What differs from itself by as much is noise.
            let bound = 1.0 + threshold.max(entry.spread);
            entry.change == Change::Noisy && entry.ratio.value > bound
        })
    }
}
