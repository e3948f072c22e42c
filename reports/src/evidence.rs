//! The evidence model: the complete record of a run as a stream of events, one JSON object a
//! line, appended as the run goes. Every report renders from this alone.
//!
//! This module owns the types. Writing and reading the stream is left to `stream`, its
//! renderings to the other modules of this crate.

use crate::gate::Gate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// How a case ended. The order is the order of gravity: a case with several findings takes the
/// gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All expectations held.
    Pass,
    /// The case does not apply to this target; `Case::reason` says why.
    NotApplicable,
    /// The standard permits what the target did, yet it serves the application or its security badly.
    PermittedButWeak,
    /// The host or its configuration kept the case from being judged.
    Environment,
    /// The target did what the standard does not permit.
    Deviation,
    /// A deviation that breaks a security property the standard promises.
    SecurityViolation,
    /// The target did not return within its deadline.
    Hang,
    /// The target ended the worker (signal, exit, memory limit), or wrote outside its buffers.
    Crash,
    /// p11assay itself failed: not a statement on the target.
    HarnessFault,
}

/// How binding the judged requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The standard says MUST or SHALL.
    Must,
    /// The standard says SHOULD.
    Should,
    /// A condition of a profile.
    Profile,
    /// A security property.
    Security,
}

/// How honest the arguments of a case are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Legal calls.
    A,
    /// Honest memory with bad values.
    B,
    /// Lying pointers or lengths.
    C,
}

/// Why a case does not apply to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The module or the token lacks what the case is about: a version, a function, a mechanism.
    Absent,
    /// The token has it, and its policy keeps the case from it: a size of key, an approved mode, a user.
    Refused,
    /// The run could not come to the state that the case asks for: no PIN was given, the token may not
    /// be overwritten, or it does not hold what the case presumes.
    NotReachable,
}

/// A place in a standard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clause {
    /// Short name of the document, `PKCS11-Base`, `PKCS11-Prof`.
    pub document: String,
    /// Its version, `3.2`.
    pub version: String,
    /// The section, `5.13.1`.
    pub section: String,
}

/// The record of one executed (or not applicable) case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Hierarchical id, `profiles/baseline-provider/bl-m-1-32`: the same everywhere.
    pub id: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The clause the case rests on.
    pub clause: Clause,
    /// How binding it is.
    pub level: Level,
    /// How honest its arguments are.
    pub class: Class,
    /// How it ended.
    pub verdict: Verdict,
    /// What kind of reason it does not apply for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// Why it does not apply, or what in the environment is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reading the verdict rests on, if the case has two (`relaxed` or `strict`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// What was found, in the order of steps. Empty for a pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Calls made to the target.
    pub calls: u64,
    /// Time spent in those calls, nanoseconds.
    pub call_ns: u64,
    /// Time from the case's first preparation to its verdict, nanoseconds.
    pub duration_ns: u64,
    /// Every call made, for a case that did not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Call>,
    /// What the module wrote to standard output during the case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// What the module wrote to standard error during the case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// Path of the reproducer, relative to the run's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducer: Option<String>,
    /// The command that replays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// In how many fresh workers the case was executed again alone, and how often it ended the same
    /// way; absent if it was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmation>,
    /// Why the finding is accepted, if a waiver of the target covers the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
    /// True if a waiver covers the case and the case passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unexpected_pass: bool,
}

/// Whether a finding shows again in a fresh worker that executes only its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// How often it was tried.
    pub tries: u32,
    /// How often the verdict was the same.
    pub same: u32,
}

/// One thing found wrong (or weak) in a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Verdict this finding alone asks for.
    pub verdict: Verdict,
    /// Number of the step, from 1; absent if it belongs to no step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The lane of the step, from 1, if it stands in one of several that run at the same time; 0 for a
    /// step of a child process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<u32>,
    /// The Cryptoki function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Which oracle says so: `return-code`, `expectation`, `guard`, `end`, `process-state`, ...
    pub oracle: String,
    /// One sentence: what came.
    pub message: String,
    /// What was permitted, names of return codes or a relation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<String>,
    /// The clause, where it is another than the case's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<Clause>,
    /// How the worker ended, for a crash or a hang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// One call of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Number of the step, from 1.
    pub step: u32,
    /// The lane that made it, from 1, if it was one of several that ran at the same time; 0 for a child
    /// process. Calls of a
    /// lane are in their order; how those of several lanes lay in time is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<u32>,
    /// The Cryptoki function.
    pub function: String,
    /// Arguments as readable text, secrets taken out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// Name of the return value; absent if the call did not return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    /// Outputs as readable text, secrets taken out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Duration, nanoseconds.
    #[serde(default)]
    pub ns: u64,
}

/// How a worker ended when it did not return from a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum End {
    /// Killed by a signal.
    Signal {
        /// Name, `SIGSEGV`.
        signal: String,
        /// `si_code` as a name where known (`SEGV_MAPERR`), else a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Faulting address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<u64>,
        /// `read`, `write` or `execute`, where the hardware tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<String>,
        /// Registers, name to value.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        registers: BTreeMap<String, u64>,
        /// Stack, innermost first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        frames: Vec<Frame>,
    },
    /// The module called `exit`, `_exit` or the like.
    Exited {
        /// Exit status.
        status: i32,
    },
    /// No return within the deadline.
    Hang {
        /// The deadline, milliseconds.
        deadline_ms: u64,
        /// Where it hung, innermost first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        frames: Vec<Frame>,
    },
    /// Resident memory went above the limit.
    MemoryLimit {
        /// The limit, bytes.
        limit: u64,
        /// What was seen, bytes.
        resident: u64,
    },
}

/// A stack frame relative to the file it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// File name of the module, or `?`.
    pub module: String,
    /// Offset of the instruction from the module's load base, bytes.
    pub offset: u64,
    /// GNU build-id of the module, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Nearest symbol, if the module has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

/// How often what was called, passed cases among them, whose traces are not kept. Names are those of
/// the standard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls by function and return value.
    #[serde(default)]
    pub calls: TallyTable,
    /// Successful calls by mechanism and function.
    #[serde(default)]
    pub mechanisms: TallyTable,
    /// Successful calls by attribute of their templates and function.
    #[serde(default)]
    pub attributes: TallyTable,
    /// Right answers to what cases judge, by function and return value.
    #[serde(default)]
    pub answers: TallyTable,
}

/// Numbers by two names.
pub type TallyTable = BTreeMap<String, BTreeMap<String, u64>>;

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: Tally) {
        let pairs = [
            (&mut self.calls, other.calls),
            (&mut self.mechanisms, other.mechanisms),
            (&mut self.attributes, other.attributes),
            (&mut self.answers, other.answers),
        ];
        for (sum, more) in pairs {
            for (row, cells) in more {
                let sum = sum.entry(row).or_default();
                for (cell, count) in cells {
                    *sum.entry(cell).or_default() += count;
                }
            }
        }
    }
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
