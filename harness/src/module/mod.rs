//! Loading a module and finding its function tables and interfaces.
//!
//! A module's tables are copied, entry by entry as far as its version says they reach, so that a
//! NULL entry, a short table or an unreadable one is a fact to report and never a call to make.

mod entry;
pub(crate) mod memory;

use serde::{Deserialize, Serialize};

pub use entry::{Entry, LoadError, Module, Source};

use crate::cryptoki::{Function, Version};

/// One interface that a module offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name: `PKCS 11`, or a vendor's.
    pub name: String,
    /// Version of its function list, `major.minor`; absent for a vendor's, whose layout is unknown.
    pub version: Option<(u8, u8)>,
    /// `CK_FLAGS`.
    pub flags: u64,
    /// What is wrong with the entry, if anything.
    pub remark: Option<String>,
}

/// What loading found out about a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Version of the function list in use.
    pub version: (u8, u8),
    /// Where the list came from: `C_GetInterfaceList`, `C_GetFunctionList`.
    pub from: String,
    /// All interfaces, those of other names included.
    pub interfaces: Vec<Interface>,
    /// Functions that the list's version has and the module leaves NULL.
    pub missing: Vec<String>,
    /// Oddities of the entry points and tables.
    pub remarks: Vec<String>,
}

impl Loaded {
    /// The version of the function list in use.
    #[must_use]
    pub fn version(&self) -> Version {
        Version {
            major: self.version.0,
            minor: self.version.1,
        }
    }

    /// True if the list in use has the function. One below 2.40 is taken for a short one of 2.40.
    #[must_use]
    pub fn has(&self, function: Function) -> bool {
        let named = |name: &String| name == function.name();
        function.since() <= self.version().max(Version::V2_40) && !self.missing.iter().any(named)
    }
}
