//! The account of a property: how many cases ran, how many of them could be judged, and why the others
//! could not.

use std::collections::{BTreeMap, BTreeSet};

use p11assay_reports::evidence::Why;

use crate::plan::Unmet;

/// Most subjects that are named with a reason.
const NAMED: usize = 3;

/// What came of the cases of one property.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Cases run.
    pub cases: u64,
    /// Those of them in which the property held or was broken.
    pub judged: u64,
    /// Those that did not apply, by the reason.
    pub spared: BTreeMap<String, Spared>,
    /// What the failures were about, by their marks.
    pub failed: BTreeMap<String, BTreeSet<String>>,
    /// Why none could be asked at all.
    pub unmet: Option<Unmet>,
}

/// Cases that did not apply for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spared {
    /// How many.
    pub count: u64,
    /// What kind of reason; None if something in the host kept them from being judged.
    pub why: Option<Why>,
    /// What they were about.
    pub subjects: BTreeSet<String>,
}

impl Account {
    /// Counts a case that did not apply.
    pub(super) fn spare(&mut self, reason: &str, why: Option<Why>, subject: &str) {
        self.cases += 1;
        let spared = self.spared.entry(reason.to_owned()).or_default();
        spared.count += 1;
        spared.why = why;
        spared.subjects.insert(subject.to_owned());
    }

    /// Cases that did not apply.
    #[must_use]
    pub fn not_applicable(&self) -> u64 {
        self.spared.values().map(|spared| spared.count).sum()
    }

    /// The account in one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.unmet {
            Some(unmet) => format!("not applicable: {}", unmet.reason),
            None => format!(
                "{} cases, {} judged, {} not applicable",
                self.cases,
                self.judged,
                self.not_applicable()
            ),
        }
    }

    /// The reasons, the most frequent first, one a line.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut all: Vec<_> = self.spared.iter().collect();
        all.sort_by_key(|(_, spared)| std::cmp::Reverse(spared.count));
        all.into_iter()
            .map(|(reason, spared)| spared.line(reason))
            .collect()
    }

    /// The failures and what they were about, one a line.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let line = |(mark, subjects)| format!("failed: {mark} ({})", few(subjects));
        self.failed.iter().map(line).collect()
    }

    /// Why the property as a whole was not judged; None if it was.
    #[must_use]
    pub fn unjudged(&self) -> Option<Unmet> {
        if self.judged > 0 || self.cases == 0 && self.unmet.is_none() {
            return None;
        }
        let first = || {
            let most = self.spared.iter().max_by_key(|(_, spared)| spared.count)?;
            let (reason, spared) = most;
            let reason = spared.line(reason);
            Some(match spared.why {
                Some(why) => Unmet::because(why, reason),
                None => Unmet::environment(reason),
            })
        };
        self.unmet.clone().or_else(first)
    }
}

impl Spared {
    fn line(&self, reason: &str) -> String {
        format!("{} x {reason} ({})", self.count, few(&self.subjects))
    }
}

/// The first few of these.
fn few(subjects: &BTreeSet<String>) -> String {
    let named: Vec<&str> = subjects.iter().take(NAMED).map(String::as_str).collect();
    match subjects.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_by_their_number_and_with_a_few_subjects() {
        let mut account = Account::default();
        for subject in ["a", "b", "c", "d", "a"] {
            account.spare("often", Some(Why::Refused), subject);
        }
        account.spare("once", None, "a");
        assert_eq!(account.line(), "6 cases, 0 judged, 6 not applicable");
        assert_eq!(
            account.reasons(),
            ["5 x often (a, b, c and 1 more)", "1 x once (a)"]
        );
        let unmet = account.unjudged().expect("nothing was judged");
        assert_eq!(unmet.why, Some(Why::Refused));
        account.judged = 1;
        assert_eq!(account.unjudged(), None);
    }
}
