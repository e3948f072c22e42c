//! How a worker is to be started, and what can go wrong with that.

use p11assay_reports::evidence::End;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::cancel::Canceller;
use super::journal::Timing;

/// Size that a file may have which a worker writes, bytes: far more than any token keeps, and too little for a module that
/// writes without end to fill a disk.
const FILE_LIMIT: u64 = 64 << 30;

/// How to start and bound a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The binary that calls [`serve`](super::serve): usually this very binary.
    pub program: PathBuf,
    /// What makes it a worker: usually one hidden subcommand. The number of the shared memory's
    /// descriptor is appended.
    pub arguments: Vec<OsString>,
    /// Variables set for the worker.
    pub environment: BTreeMap<OsString, OsString>,
    /// Whether the worker starts without the variables of this process.
    pub clear_environment: bool,
    /// Where the worker starts; the current directory if absent.
    pub working_directory: Option<PathBuf>,
    /// How long one call may take.
    pub call_deadline: Duration,
    /// How long the worker may be without a call in flight and without an answer: time that the
    /// harness itself spends in it.
    pub idle_deadline: Duration,
    /// How long the start may take, and the orderly stop.
    pub start_deadline: Duration,
    /// Resident memory the whole worker may have, bytes.
    pub memory_limit: Option<u64>,
    /// Size that a file may have which the worker writes, bytes (`RLIMIT_FSIZE`).
    pub file_limit: u64,
    /// Largest request, bytes.
    pub request_capacity: usize,
    /// Largest response, bytes.
    pub response_capacity: usize,
    /// Size of the journal, bytes. Memory is taken only as it is written.
    pub journal_capacity: usize,
    /// Most of each of standard output and standard error that is kept of one request, bytes.
    /// Writes beyond it fail in the worker.
    pub output_capacity: usize,
    /// Whether calls are timed.
    pub timing: Timing,
    /// What cancels the worker. Clones of these options share it.
    pub canceller: Canceller,
}

impl WorkerOptions {
    /// Options with usual bounds for a worker started as `program arguments...`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>) -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            program: program.into(),
            arguments,
            environment: BTreeMap::new(),
            clear_environment: false,
            working_directory: None,
            call_deadline: Duration::from_secs(30),
            idle_deadline: Duration::from_secs(60),
            start_deadline: Duration::from_secs(10),
            memory_limit: Some(2 << 30),
            file_limit: FILE_LIMIT,
            request_capacity: 16 * MIB,
            response_capacity: 16 * MIB,
            journal_capacity: 64 * MIB,
            output_capacity: 16 * MIB,
            timing: Timing::On,
            canceller: Canceller::new(),
        }
    }
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The shared memory could not be made.
    #[error("no shared memory for a worker: {0}; lower the worker's capacities or free memory")]
    SharedMemory(#[source] std::io::Error),
    /// A thread to watch over the worker could not be made.
    #[error("no thread to watch a worker: {0}; run fewer workers at once")]
    Watcher(#[source] std::io::Error),
    /// The program could not be executed.
    #[error(
        "cannot start the worker {program}: {source}; check the path and the working directory"
    )]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The worker did not report in time.
    #[error(
        "the worker was not ready within {deadline:?}; raise the start deadline, or look at what \
         it wrote: {stderr}"
    )]
    NotReady {
        /// The deadline.
        deadline: Duration,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The worker ended before it was ready.
    #[error("the worker ended before it was ready ({end:?}); look at what it wrote: {stderr}")]
    Ended {
        /// How.
        end: Box<End>,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The start was cancelled.
    #[error("the start of a worker was cancelled; run again to go on")]
    Cancelled,
}
