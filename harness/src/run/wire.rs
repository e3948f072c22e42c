//! What parent and worker say to each other: requests and responses, in shared memory. Both are the same
//! program, so that a form without names will do (postcard).

use std::borrow::Cow;

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bench::wire::Ask;
use crate::module::Loaded;
use crate::sequence::decode::Variants;
use crate::sequence::{InitArgs, Sequence, Value};
use crate::target::Removal;
use crate::worker::reach::{Cover, Covered};

/// The bytes of a request or a response.
///
/// # Errors
/// If it has none, which no value of this module's types is without.
pub fn to_bytes(message: &impl Serialize) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(message)
}

/// The request or response that the bytes are.
///
/// # Errors
/// If they are none.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, postcard::Error> {
    postcard::from_bytes(bytes)
}

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request<'r> {
    /// Load the module.
    Load(Load),
    /// Execute cases one after the other.
    Run(Batch<'r>),
    /// Run variants of a tape.
    Vary(Box<Vary<'r>>),
    /// Do something about a benchmark.
    Bench(Ask),
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
    /// The functions that are to be followed, if any.
    pub cover: Option<Cover>,
    /// How the token is taken out of its slot and put back, if it can be.
    pub removal: Option<Removal>,
}

/// What loading gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadReply {
    /// It is loaded.
    Loaded(Box<Loaded>),
    /// It is loaded, and the functions of these libraries are followed, or cannot be.
    Covered(Box<Loaded>, Result<Vec<Covered>, String>),
    /// It cannot be used, and what to do.
    Failed(String),
}

/// Cases to execute on a loaded module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch<'r> {
    /// The slot under test.
    pub slot: u64,
    /// The target's arguments of `C_Initialize`; `None` is NULL.
    pub init_args: Option<InitArgs>,
    /// The cases.
    pub cases: Cow<'r, [Job]>,
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
    /// Whether the token must have no objects when the first step is made.
    pub on_empty_token: bool,
    /// Whether the token is thrown away afterwards, for a new one.
    pub own_token: bool,
}

/// Variants of a tape that are to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vary<'r> {
    /// The slot under test.
    pub slot: u64,
    /// The target's arguments of `C_Initialize`; `None` is NULL.
    pub init_args: Option<InitArgs>,
    /// `$target`.
    pub given: Cow<'r, Value>,
    /// The variants.
    pub variants: Cow<'r, Variants>,
    /// How many of them.
    pub count: u32,
}

/// What variants came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Turnout {
    /// For each variant, which of the outcomes it had.
    pub turns: Vec<u16>,
    /// For each variant, the bytes that it gave where its phrases decide them, as one number.
    pub values: Vec<u32>,
    /// The outcomes that differ.
    pub outcomes: Vec<Outcome>,
}

/// What the calls of a variant answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The answers, one a call, as far as calls were made ([`crate::execute::Answer`]).
    pub answers: Vec<u64>,
    /// Whether memory was written over, or an absurd size named.
    pub alarm: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReply {
    /// Cases executed; the rest did not fit the journal and wait for the next request.
    pub done: usize,
}
