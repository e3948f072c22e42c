//! What a target offers to properties: the mechanisms that it lists for a use, and its functions.

use std::collections::BTreeMap;

use cryptoki_sys::CK_FLAGS;
use p11assay_reports::evidence::Why;

use crate::cryptoki::mechanism::{self, Mechanism, Use};
use crate::cryptoki::{Function, Version, names};
use crate::plan::{Capabilities, Unmet};

/// A target as properties see it.
#[derive(Debug, Clone)]
pub struct Ground {
    capabilities: Capabilities,
    /// The mechanisms that are listed and that the standard has, by what they are listed for.
    rows: BTreeMap<u64, &'static Mechanism>,
    /// The reference token, if it is there, too.
    reference: Option<Box<Ground>>,
}

impl Ground {
    /// What the probe found.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        // A module may have had a mechanism before the standard, and in its own way.
        let ripe = |row: &&Mechanism| {
            let since = names::constant(row.name).map(|constant| constant.since);
            since.is_none_or(|since| since <= capabilities.version.max(Version::V2_40))
        };
        let listed = |row: &&Mechanism| capabilities.mechanisms.contains_key(&row.value);
        let rows = mechanism::all().iter().filter(listed).filter(ripe);
        let rows = rows.map(|row| (row.value, row)).collect();
        Self {
            capabilities,
            rows,
            reference: None,
        }
    }

    /// The same beside the reference token, of which the probe found this.
    #[must_use]
    pub fn beside(self, reference: Capabilities) -> Self {
        Self {
            reference: Some(Box::new(Self::new(reference))),
            ..self
        }
    }

    /// The reference token, or that there is none.
    pub(super) fn reference(&self) -> Result<&Ground, Unmet> {
        let reference = self.reference.as_deref();
        reference.ok_or_else(|| absent("the reference token is not asked"))
    }

    /// The mechanisms for a use, listed with these flags.
    pub(super) fn mechanisms(&self, of: Use, flags: CK_FLAGS) -> Vec<&'static Mechanism> {
        let rows = self.rows.values().copied();
        let fits = |row: &&Mechanism| row.uses.contains(&of) && self.has(row.value, flags);
        rows.filter(fits).collect()
    }

    /// True if the mechanism is listed with these flags.
    pub(super) fn has(&self, mechanism: u64, flags: CK_FLAGS) -> bool {
        let info = self.capabilities.mechanisms.get(&mechanism);
        self.rows.contains_key(&mechanism) && info.is_some_and(|info| info.flags & flags == flags)
    }

    /// The smallest and the largest key that a mechanism is listed with, in its own unit.
    pub(super) fn sizes(&self, mechanism: u64) -> Option<(u64, u64)> {
        let info = self.capabilities.mechanisms.get(&mechanism)?;
        (info.max_key_size > 0).then_some((info.min_key_size, info.max_key_size))
    }

    /// True if the function can be called.
    pub(super) fn can(&self, function: Function) -> bool {
        self.capabilities.lacks(function).is_none()
    }

    /// True if the security officer can be logged in.
    pub(super) fn knows_so_pin(&self) -> bool {
        self.capabilities.so_pin
    }

    /// Nothing, or why a property that calls these functions does not apply.
    pub(super) fn needs(&self, functions: &[Function]) -> Result<(), Unmet> {
        let mut lacking = functions.iter().filter_map(|f| self.capabilities.lacks(*f));
        lacking.next().map_or(Ok(()), |reason| Err(absent(reason)))
    }
}

/// The target lacks what a property is about.
pub(super) fn absent(reason: impl Into<String>) -> Unmet {
    Unmet::because(Why::Absent, reason)
}
