//! Return values that the shipped cases are known to provoke, `suites/spec/provoked.csv`: what the built-in
//! token answers where a case judges it and takes the answer for right. A test keeps the table true.

use std::collections::HashSet;

use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, returns};
use crate::sequence::Call;

/// The table.
pub(super) struct Provoked(HashSet<(&'static str, &'static str)>);

impl Provoked {
    pub(super) fn read() -> Self {
        let rows = include_str!("../../../suites/spec/provoked.csv")
            .lines()
            .skip(1);
        let pairs = rows.flat_map(|row| {
            let (function, values) = row
                .split_once(',')
                .unwrap_or_else(|| panic!("suites/spec/provoked.csv: {row}"));
            values.split(' ').map(move |value| (function, value))
        });
        Self(pairs.collect())
    }

    fn has(&self, function: Function, rv: u64) -> bool {
        let value = names::display(Kind::RETURN, rv);
        self.0.contains(&(function.name(), value.as_str()))
    }

    /// The return values that a judged call covers: the one that it asks for; of several that it takes,
    /// those that are known to come.
    pub(super) fn by(&self, call: &Call) -> Vec<u64> {
        let function = call.function;
        match (&call.returns[..], &call.except[..]) {
            ([], []) => vec![cryptoki_sys::CKR_OK],
            ([only], []) => vec![*only],
            (several, []) => several
                .iter()
                .copied()
                .filter(|rv| self.has(function, *rv))
                .collect(),
            (_, except) => returns::listed(function)
                .filter(|rv| !except.contains(rv) && self.has(function, *rv))
                .collect(),
        }
    }
}
