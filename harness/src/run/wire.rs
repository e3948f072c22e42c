//! What parent and worker say to each other: requests and responses, as JSON in shared memory.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::module::Loaded;
use crate::sequence::{InitArgs, Sequence, Value};

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Load the module.
    Load(Load),
    /// Execute cases one after the other.
    Run(Batch),
    /// Finalize and unload the module, in the order a program would.
    Unload,
}

/// Which module to load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The library; `None` is the built-in token.
    pub path: Option<PathBuf>,
    /// Version of the function list asked for.
    pub version: Option<(u8, u8)>,
}

/// What loading gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadReply {
    /// It is loaded.
    Loaded(Box<Loaded>),
    /// It cannot be used, and what to do.
    Failed(String),
}

/// Cases to execute on a loaded module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The slot under test.
    pub slot: u64,
    /// The target's arguments of `C_Initialize`; `None` is NULL.
    pub init_args: Option<InitArgs>,
    /// The cases.
    pub cases: Vec<Job>,
    /// Whether the state of the process is compared around every case.
    pub audit: bool,
}

/// One case as the worker sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its number in the journal.
    pub number: u32,
    /// Whether the library is initialised when the first step is made.
    pub initialized: bool,
    /// Values that references may name: `target`, `with`.
    pub given: Vec<(String, Value)>,
    /// The calls.
    pub sequence: Sequence,
    /// Whether the user is to be logged in by the worker itself, which need not do so anew after a case
    /// of the same kind.
    pub shares_login: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReply {
    /// Cases executed; the rest did not fit the journal and wait for the next request.
    pub done: usize,
}
