//! Why no case can cover something: `suites/spec/untested.csv`, a row for a return value of a function or of
//! all (`*`), for a mechanism in a function, or for an attribute (`*`).

use std::collections::HashMap;

use crate::cryptoki::Function;

/// The reasons.
pub(super) struct Excuses(HashMap<(&'static str, &'static str), &'static str>);

impl Excuses {
    pub(super) fn read() -> Self {
        let rows = include_str!("../../../suites/spec/untested.csv")
            .lines()
            .skip(1);
        let parse = |row: &'static str| {
            let mut fields = row.splitn(3, ',');
            Some(((fields.next()?, fields.next()?), fields.next()?))
        };
        let parse = |row| parse(row).unwrap_or_else(|| panic!("suites/spec/untested.csv: {row}"));
        Self(rows.map(parse).collect())
    }

    pub(super) fn of_return(&self, function: Function, value: &str) -> Option<String> {
        self.find(value, function.name())
    }

    pub(super) fn of_mechanism(&self, mechanism: &str, function: Function) -> Option<String> {
        self.find(mechanism, function.name())
    }

    pub(super) fn of_attribute(&self, attribute: &str) -> Option<String> {
        self.find(attribute, "*")
    }

    fn find(&self, what: &str, function: &str) -> Option<String> {
        let own = self
            .0
            .iter()
            .find(|((w, f), _)| *w == what && *f == function);
        let any = || self.0.iter().find(|((w, f), _)| *w == what && *f == "*");
        own.or_else(any).map(|(_, reason)| (*reason).to_owned())
    }

    /// What the rows are about, and in which function.
    #[cfg(test)]
    pub(super) fn subjects(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.keys().copied()
    }
}
