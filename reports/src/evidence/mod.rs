//! The evidence model: the complete record of a run as a stream of events, one JSON object a
//! line, appended as the run goes. Every report renders from this alone.
//!
//! This module owns the types. Writing and reading the stream is left to `stream`, its
//! renderings to the other modules of this crate.

mod case;
mod end;
mod tally;
mod words;

use crate::gate::Gate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use case::{Call, Case, Confirmation, Finding};
pub use end::{End, Frame};
pub use tally::{Tally, TallyTable};
pub use words::{Class, Clause, Level, Verdict, Why};

/// Version of the evidence format. A reader refuses a larger number than it knows.
pub const FORMAT: u32 = 1;

/// One line of the evidence stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line of a run, and again when a run is resumed.
    RunStarted(RunStarted),
    /// What was tested, as it described itself to the probe.
    Target(Box<Target>),
    /// Which cases are going to be executed, in order.
    Plan(Plan),
    /// One case came to its end.
    Case(Box<Case>),
    /// What was called, once at the end of the run or of its part.
    Tally(Tally),
    /// Something worth knowing that belongs to no case (a worker restarted, output of a
    /// provisioning command, a file descriptor leaked between cases).
    Note(Note),
    /// The run was stopped from outside (Ctrl-C, SIGTERM, `--fail-fast`) before its plan was done.
    Interrupted(Interrupted),
    /// The last line of a run that came to its end.
    RunFinished(RunFinished),
}

/// The head of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`FORMAT`] at the time of writing.
    pub format: u32,
    /// Version of p11assay.
    pub version: String,
    /// Start of the run, RFC 3339 with offset, UTC.
    pub started: String,
    /// The run's seed: with the same plan and target it gives the same sequences.
    pub seed: u64,
    /// The command line, PINs taken out.
    pub command: Vec<String>,
    /// Facts of the machine (`os`, `arch`, `kernel`, `cpus`).
    pub host: BTreeMap<String, String>,
    /// True if this run goes on where an interrupted one stopped.
    #[serde(default)]
    pub resumed: bool,
    /// What decides the exit code.
    #[serde(default)]
    pub gate: Gate,
}

/// Identity of the target: what a reader needs to know which module was tested.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Target {
    /// Name of the target description (`softhsm2`), or of the module file.
    pub name: String,
    /// Path of the module, or `builtin`.
    pub module: String,
    /// SHA-256 of the module file, hexadecimal; absent for the built-in token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// GNU build-id of the module file, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// The Cryptoki version the run was judged by, `3.2`.
    pub cryptoki_version: String,
    /// `CK_INFO` of the module, field name to printable value.
    pub info: BTreeMap<String, String>,
    /// Interfaces the module offers: name, version, flags.
    pub interfaces: Vec<Interface>,
    /// `CK_SLOT_INFO` of the slot under test, with `slotID`.
    pub slot: BTreeMap<String, String>,
    /// `CK_TOKEN_INFO` of the token under test.
    pub token: BTreeMap<String, String>,
    /// Number of mechanisms of the slot under test.
    pub mechanisms: usize,
    /// Functions of the interface's table that the module leaves NULL.
    pub missing_functions: Vec<String>,
    /// True if the token was declared free to be overwritten.
    pub disposable: bool,
    /// The flags that name the target again, without secrets; empty if they were not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

/// An entry of `C_GetInterfaceList`, or the table of `C_GetFunctionList`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Name, `PKCS 11` or a vendor's.
    pub name: String,
    /// Version of its function list, `major.minor`.
    pub version: String,
    /// `CK_FLAGS` of the interface.
    pub flags: u64,
}

/// The cases of a run in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Suites the plan was made from (file names).
    pub suites: Vec<String>,
    /// Hierarchical ids of all cases.
    pub cases: Vec<String>,
    /// The reading of the profile test cases, `relaxed` or `strict`.
    pub reading: String,
    /// Set if several runs share out one plan, and this is the plan of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// One part of a plan that several runs share out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// Hierarchical ids of the cases of all parts, in order.
    pub whole: Vec<String>,
}

/// A remark of the run that belongs to no case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What kind: `provision`, `worker`, `process-state`, `warning`, [`Note::EXPIRED_WAIVER`].
    pub kind: String,
    /// The remark.
    pub text: String,
}

impl Note {
    /// Kind of a remark on a waiver that covers a case of the run and has expired.
    pub const EXPIRED_WAIVER: &'static str = "expired-waiver";
}

/// A run stopped from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// What stopped it: `SIGINT`, `SIGTERM`, `fail-fast`.
    pub by: String,
    /// Cases of the plan that were not executed.
    pub remaining: usize,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// RFC 3339.
    pub finished: String,
    /// Wall-clock time, nanoseconds.
    pub duration_ns: u64,
    /// Cases per verdict.
    pub counts: BTreeMap<Verdict, usize>,
    /// The exit code the command is about to give.
    pub exit_code: i32,
}
