//! What a target can do, as the probe found it.

use std::collections::{BTreeMap, BTreeSet};

use super::Unmet;
pub use crate::cryptoki::mechanism::MechanismInfo;
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Version};

/// The facts of a target that decide which cases apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Capabilities {
    /// The version the target is judged by.
    pub version: Version,
    /// Functions that the module's list has.
    pub functions: BTreeSet<Function>,
    /// Mechanisms of the slot under test.
    pub mechanisms: BTreeMap<u64, MechanismInfo>,
    /// `CKF_` flags of the token.
    pub token_flags: u64,
    /// Profiles that the token claims by objects.
    pub profiles: BTreeSet<u64>,
    /// Whether the user's PIN is known.
    pub pin: bool,
    /// Whether the security officer's PIN is known.
    pub so_pin: bool,
    /// Whether the token may be overwritten.
    pub disposable: bool,
    /// Whether the token can be taken out of its slot.
    pub removable: bool,
    /// Whether there can be another token in the place of this one.
    pub renewable: bool,
    /// Mechanisms that are listed and that the host keeps from working.
    pub troubles: Vec<Trouble>,
}

/// Mechanisms that a token lists and that do not work at all, for lack of something in the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How the names of the mechanisms begin.
    pub prefixes: &'static [&'static str],
    /// What was seen, and what to mend.
    pub reason: String,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            version: Version::V2_40,
            functions: BTreeSet::new(),
            mechanisms: BTreeMap::new(),
            token_flags: 0,
            profiles: BTreeSet::new(),
            pin: false,
            so_pin: false,
            disposable: false,
            removable: false,
            renewable: false,
            troubles: Vec::new(),
        }
    }
}

impl Capabilities {
    /// What keeps a mechanism from working that is listed; `None` if nothing is known to. Keys are made
    /// without the algorithm that they are for.
    #[must_use]
    pub fn trouble(&self, mechanism: u64) -> Option<Unmet> {
        let name = names::display(Kind::MECHANISM, mechanism);
        let begins = |prefix: &&str| name.starts_with(*prefix) && !name.ends_with("_KEY_GEN");
        let mut troubles = self.troubles.iter();
        let trouble = troubles.find(|trouble| trouble.prefixes.iter().any(begins))?;
        Some(Unmet::environment(trouble.reason.clone()))
    }

    /// Why a function cannot be called; `None` if it can.
    #[must_use]
    pub fn lacks(&self, function: Function) -> Option<String> {
        if self.functions.contains(&function) {
            return None;
        }
        Some(if function.since() > self.version {
            let (since, version) = (function.since(), self.version);
            format!("{function} came with Cryptoki {since}; the module has {version}")
        } else {
            format!("the module's function list has no {function}")
        })
    }
}
