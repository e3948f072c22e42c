//! What kind of result a case is for a reader: its verdict, unless a waiver says more.

use crate::evidence::{Case, Verdict};

/// Kinds, what asks for attention first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Crash,
    Hang,
    Security,
    Deviation,
    Fault,
    NotJudged,
    UnexpectedPass,
    Weak,
    Waived,
    Pass,
    NotApplicable,
}

impl Kind {
    /// Every kind, the words for it, and the class that colours it.
    pub(super) const ALL: [(Kind, &'static str, &'static str); 11] = [
        (Kind::Crash, "crash", "grave"),
        (Kind::Hang, "hang", "grave"),
        (Kind::Security, "security violation", "grave"),
        (Kind::Deviation, "deviation", "bad"),
        (Kind::Fault, "fault of p11assay", "odd"),
        (Kind::NotJudged, "not judged", "odd"),
        (Kind::UnexpectedPass, "unexpected pass", "warn"),
        (Kind::Weak, "weak", "warn"),
        (Kind::Waived, "waived", "waived"),
        (Kind::Pass, "pass", "good"),
        (Kind::NotApplicable, "not applicable", "calm"),
    ];

    pub(super) fn of(case: &Case) -> Kind {
        match case.verdict {
            _ if case.is_waived() => Kind::Waived,
            Verdict::Pass if case.unexpected_pass => Kind::UnexpectedPass,
            Verdict::Pass => Kind::Pass,
            Verdict::NotApplicable => Kind::NotApplicable,
            Verdict::PermittedButWeak => Kind::Weak,
            Verdict::Environment => Kind::NotJudged,
            Verdict::Deviation => Kind::Deviation,
            Verdict::SecurityViolation => Kind::Security,
            Verdict::Hang => Kind::Hang,
            Verdict::Crash => Kind::Crash,
            Verdict::HarnessFault => Kind::Fault,
        }
    }

    /// The words for it.
    pub(super) fn words(self) -> &'static str {
        Kind::ALL[self as usize].1
    }

    /// The class that colours it.
    pub(super) fn class(self) -> &'static str {
        Kind::ALL[self as usize].2
    }

    /// True if it says that something is wrong and not accepted.
    pub(super) fn is_open(self) -> bool {
        self <= Kind::Deviation
    }
}

/// How many cases are of which kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds([usize; Kind::ALL.len()]);

impl Kinds {
    pub(super) fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// What is wrong and not accepted.
    pub(super) fn open(&self) -> usize {
        self.present()
            .filter(|(kind, _)| kind.is_open())
            .map(|(_, count)| count)
            .sum()
    }

    /// Kinds that there are, with their numbers, what asks for attention first.
    pub(super) fn present(&self) -> impl Iterator<Item = (Kind, usize)> {
        let all = Kind::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
            .map(|((kind, ..), count)| (kind, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds() {
        for (place, (kind, ..)) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }
}
