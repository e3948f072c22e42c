//! What parent and worker say to each other about benchmarks: one is made ready, measured in several
//! ways, and let go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cryptoki::{Kind, names};
use crate::execute::WrongReturn;
use crate::run::wire::Job;
use crate::sequence::InitArgs;

/// What a worker is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Run these sequences, one for each thread, and keep what they made.
    Prepare(Box<Prepare>),
    /// Make so many operations with the first of them.
    Time {
        /// Operations.
        iterations: u64,
    },
    /// Go through the loop so often without the module.
    Idle {
        /// Operations.
        iterations: u64,
    },
    /// Have criterion measure the first of them.
    Sample(Box<Sampling>),
    /// Let threads make operations, each one after the other.
    Closed(Closed),
    /// Let operations arrive at a fixed rate.
    Open(Open),
    /// Let everything go and close all sessions.
    Release,
}

/// A benchmark to be made ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepare {
    /// The slot under test.
    pub slot: u64,
    /// The target's arguments of `C_Initialize`; `None` is NULL.
    pub init_args: Option<InitArgs>,
    /// A sequence for each thread; those after the first find the user logged in.
    pub lanes: Vec<Job>,
    /// How many steps at the end of each are measured.
    pub measured: usize,
}

/// How criterion is to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// The benchmark's id: what criterion knows it by.
    pub id: String,
    /// Bytes of an operation.
    pub bytes: Option<u64>,
    /// Where criterion writes.
    pub folder: PathBuf,
    /// Samples.
    pub samples: usize,
    /// Time before them, nanoseconds.
    pub warm_up_ns: u64,
    /// Time for all of them, nanoseconds.
    pub measurement_ns: u64,
    /// How often estimates are made anew from drawn samples.
    pub resamples: usize,
    /// Whether criterion draws its plots and writes its HTML.
    pub plots: bool,
}

/// Threads that begin the next operation when one is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Numbers of threads, which take turns; none is more than were prepared.
    pub threads: Vec<usize>,
    /// Turns of each.
    pub turns: usize,
    /// Length of a turn, nanoseconds.
    pub slice_ns: u64,
    /// Of how many operations one is timed.
    pub stride: u64,
}

/// Operations that arrive whether others are done or not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// Threads that share them; not more than were prepared.
    pub threads: usize,
    /// Time between two arrivals, nanoseconds.
    pub interval_ns: f64,
    /// Arrivals.
    pub count: u64,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// The time that it took, nanoseconds.
    Timed {
        /// Time.
        ns: u64,
    },
    /// What threads did, for each number of them.
    Loads(Vec<Load>),
    /// A call returned what it should not.
    Wrong(Wrong),
    /// It cannot be done, and why.
    Failed(String),
}

/// What threads did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Load {
    /// Operations done.
    pub operations: u64,
    /// Operations that ended with a wrong return value.
    pub errors: u64,
    /// Time on the clock, nanoseconds.
    pub wall_ns: u64,
    /// Operations a second in each slice.
    pub slices: Vec<f64>,
    /// Times of operations.
    pub latency: p11assay_reports::bench::Percentiles,
    /// The first wrong return value.
    pub wrong: Option<Wrong>,
}

/// A call that returned what it should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Number of the step.
    pub step: u32,
    /// Its function.
    pub function: String,
    /// What came back.
    pub rv: u64,
}

impl From<WrongReturn> for Wrong {
    fn from(wrong: WrongReturn) -> Self {
        Self {
            step: wrong.step,
            function: wrong.function.name().to_owned(),
            rv: wrong.rv,
        }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, function, rv } = self;
        let name = names::display(Kind::RETURN, *rv);
        write!(
            f,
            "step {step}: {function} returned {name} while it was measured"
        )
    }
}
