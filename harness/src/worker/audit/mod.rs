//! The audit of a worker's process-wide state: each way in which a module may change what is not
//! its to change silently (signal handlers, working directory, descriptors, environment, ...).
//!
//! This module owns the changes and their wording, `state` capturing, comparing and putting back.
//! Whether a change is a finding is left to the oracles.

mod state;

pub use state::ProcessState;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What a process does on a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// The default action.
    Default,
    /// Nothing.
    Ignored,
    /// Calls a function.
    Handled,
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "its default action",
            Self::Ignored => "being ignored",
            Self::Handled => "a handler",
        })
    }
}

/// What became of an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableChange {
    /// It was set where there was none.
    Added,
    /// It has another value.
    Changed,
    /// It is gone.
    Removed,
}

/// One difference between two states of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum StateChange {
    /// A signal is acted on differently. Both may be `Handled`: then by another function.
    Signal {
        /// Name of the signal.
        signal: String,
        /// Before.
        from: Disposition,
        /// After.
        to: Disposition,
    },
    /// Signals are blocked that were not, or the other way round.
    SignalMask {
        /// Newly blocked.
        blocked: Vec<String>,
        /// No longer blocked.
        unblocked: Vec<String>,
    },
    /// The stack for signal handlers is another one.
    AlternateStack,
    /// The working directory is another one.
    Directory {
        /// Before.
        from: PathBuf,
        /// After; empty if it cannot be told.
        to: PathBuf,
    },
    /// The mode mask for new files is another one.
    Umask {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// A descriptor was closed that the module did not open.
    DescriptorClosed {
        /// Its number.
        fd: i32,
    },
    /// A descriptor refers to another file.
    DescriptorReplaced {
        /// Its number.
        fd: i32,
    },
    /// A descriptor was left open.
    DescriptorOpened {
        /// Its number.
        fd: i32,
        /// What it refers to.
        target: String,
    },
    /// A variable of the environment is another one. Its value is not told: it may be a secret.
    Environment {
        /// Its name.
        name: String,
        /// What became of it.
        change: VariableChange,
    },
    /// The C locale is another one.
    Locale {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// A resource limit is another one.
    Limit {
        /// Its name.
        resource: String,
        /// Before: the soft limit.
        from: u64,
        /// After: the soft limit.
        to: u64,
    },
}

impl StateChange {
    /// True for what a module may well do in the open: keeping a descriptor.
    #[must_use]
    pub fn is_informational(&self) -> bool {
        matches!(self, Self::DescriptorOpened { .. })
    }
}

impl fmt::Display for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { signal, from, to } if from == to => {
                write!(f, "the handler of {signal} was replaced")
            }
            Self::Signal { signal, from, to } => {
                write!(f, "{signal} was changed from {from} to {to}")
            }
            Self::SignalMask { blocked, unblocked } => {
                let (blocked, unblocked) = (blocked.join(" "), unblocked.join(" "));
                write!(f, "signals blocked: [{blocked}], unblocked: [{unblocked}]")
            }
            Self::AlternateStack => write!(f, "the stack for signal handlers was replaced"),
            Self::Directory { from, to } => {
                let (from, to) = (from.display(), to.display());
                write!(f, "the working directory was changed from {from} to {to}")
            }
            Self::Umask { from, to } => {
                write!(f, "the umask was changed from {from:03o} to {to:03o}")
            }
            Self::DescriptorClosed { fd } => write!(f, "descriptor {fd} was closed"),
            Self::DescriptorReplaced { fd } => write!(f, "descriptor {fd} was redirected"),
            Self::DescriptorOpened { fd, target } => {
                write!(f, "descriptor {fd} was left open on {target}")
            }
            Self::Environment { name, change } => {
                let change = match change {
                    VariableChange::Added => "added",
                    VariableChange::Changed => "changed",
                    VariableChange::Removed => "removed",
                };
                write!(f, "environment variable {name} was {change}")
            }
            Self::Locale { from, to } => {
                write!(f, "the locale was changed from {from} to {to}")
            }
            Self::Limit { resource, from, to } => {
                write!(f, "{resource} was changed from {from} to {to}")
            }
        }
    }
}
