//! What a run called and what was answered, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
