//! How a worker ended, and where in the module it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a worker ended when it did not return from a batch, or a program that the token needs.
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
    /// A file was written beyond the size that one may have.
    FileLimit {
        /// The limit, bytes.
        limit: u64,
    },
    /// A background program that the token needs ended, while the worker went on.
    Program {
        /// The program, as the target names it.
        program: String,
        /// How it ended.
        end: Box<End>,
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
