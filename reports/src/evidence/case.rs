//! The record of a case: its findings, and the calls of one that did not pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Class, Clause, End, Level, Verdict, Why};

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
    /// How often the case was executed until it showed something, or until that was given up; absent if once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<u32>,
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
    /// What stands out in the arguments of the call, `mechanism NULL`: which is NULL, short, huge, dangling or of
    /// a wrong class. Empty if nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<String>,
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
    /// process. Calls of a lane are in their order.
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
    /// When a call of a lane began, nanoseconds after the first of all lanes: how their calls lay in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ns: Option<u64>,
}
