//! Counting cases by how they ended, and the properties of a verdict that every rendering and
//! the exit code share. What is shown for a count is left to the renderings.

use crate::evidence::{Case, Level, Verdict, Why};
use crate::gate::{Allowance, Gate};
use serde::Serialize;
use std::collections::BTreeMap;

impl Verdict {
    /// Every verdict, in the order of gravity.
    pub const ALL: [Verdict; 9] = [
        Verdict::Pass,
        Verdict::NotApplicable,
        Verdict::PermittedButWeak,
        Verdict::Environment,
        Verdict::Deviation,
        Verdict::SecurityViolation,
        Verdict::Hang,
        Verdict::Crash,
        Verdict::HarnessFault,
    ];

    /// The name used in the evidence stream, `security-violation`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::NotApplicable => "not-applicable",
            Verdict::PermittedButWeak => "permitted-but-weak",
            Verdict::Environment => "environment",
            Verdict::Deviation => "deviation",
            Verdict::SecurityViolation => "security-violation",
            Verdict::Hang => "hang",
            Verdict::Crash => "crash",
            Verdict::HarnessFault => "harness-fault",
        }
    }

    /// True if the verdict says that the target is at fault: deviation, security violation, hang
    /// and crash. A weakness the standard permits is none.
    #[must_use]
    pub const fn is_finding(self) -> bool {
        matches!(
            self,
            Verdict::Deviation | Verdict::SecurityViolation | Verdict::Hang | Verdict::Crash
        )
    }
}

impl Why {
    /// Every reason, with the name used in the evidence stream and the words for people.
    pub const ALL: [(Why, &'static str, &'static str); 3] = [
        (Why::Absent, "absent", "absent"),
        (Why::Refused, "refused", "refused by policy"),
        (Why::NotReachable, "not-reachable", "not reachable"),
    ];

    /// The words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        let found = Why::ALL.into_iter().find(|(why, ..)| *why == self);
        found.map_or("", |(.., words)| words)
    }
}

impl Level {
    /// The word of the standard, or what stands for it: `MUST`, `SHOULD`, `profile`, `security`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::Profile => "profile",
            Level::Security => "security",
        }
    }
}

impl Case {
    /// True if the case is a finding that no waiver accepts.
    #[must_use]
    pub fn is_open_finding(&self) -> bool {
        self.verdict.is_finding() && self.waived.is_none()
    }

    /// True if a waiver accepts how the case ended: a finding, or that it could not be judged, of which
    /// only a waiver speaks that says so.
    #[must_use]
    pub fn is_waived(&self) -> bool {
        let accepted = self.verdict.is_finding() || self.verdict == Verdict::Environment;
        accepted && self.waived.is_some()
    }
}

/// Cases of a run by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Executed (or not applicable) cases per verdict, waived ones among them.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// Those of them that a waiver accepts, per verdict.
    pub waived: BTreeMap<Verdict, usize>,
    /// Findings that no waiver accepts, per level and verdict.
    pub open: BTreeMap<Level, BTreeMap<Verdict, usize>>,
    /// Cases that do not apply, by the kind of reason.
    pub not_applicable: BTreeMap<Why, usize>,
    /// Cases that passed although a waiver covers them.
    pub unexpected_passes: usize,
    /// Waivers of cases of the run whose last day is over.
    pub expired_waivers: usize,
    /// Cases of the plan that were not executed.
    pub not_executed: usize,
}

impl Counts {
    /// Counts one case.
    pub fn add(&mut self, case: &Case) {
        *self.verdicts.entry(case.verdict).or_default() += 1;
        if let Some(why) = case.why {
            *self.not_applicable.entry(why).or_default() += 1;
        }
        if case.is_waived() {
            *self.waived.entry(case.verdict).or_default() += 1;
        } else if case.verdict.is_finding() {
            let level = self.open.entry(case.level).or_default();
            *level.entry(case.verdict).or_default() += 1;
        }
        self.unexpected_passes += usize::from(case.unexpected_pass);
    }

    /// Cases with this verdict, waived or not.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> usize {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// Findings of this verdict that no waiver accepts.
    #[must_use]
    pub fn open(&self, verdict: Verdict) -> usize {
        let levels = self.open.values();
        levels.filter_map(|verdicts| verdicts.get(&verdict)).sum()
    }

    /// Findings that no waiver accepts.
    #[must_use]
    pub fn findings(&self) -> usize {
        self.open.values().flat_map(BTreeMap::values).sum()
    }

    /// Findings that no waiver accepts and the gate does not let pass.
    #[must_use]
    pub fn stopped(&self, gate: &Gate) -> usize {
        let all = self.open.iter().flat_map(|(level, verdicts)| {
            let stopped = |(verdict, _): &(&Verdict, _)| gate.stops(*level, **verdict);
            verdicts.iter().filter(stopped).map(|(_, count)| count)
        });
        all.sum()
    }

    /// Waivers that hold no more and that the gate does not let pass: expired ones, and those of
    /// cases that passed.
    #[must_use]
    pub fn stale_waivers(&self, gate: &Gate) -> usize {
        let counted = [
            (Allowance::ExpiredWaiver, self.expired_waivers),
            (Allowance::UnexpectedPass, self.unexpected_passes),
        ];
        let stopped = counted.into_iter().filter(|(what, _)| !gate.allows(*what));
        stopped.map(|(_, count)| count).sum()
    }

    /// Cases that the environment kept from being judged, and of which no waiver says that they are.
    #[must_use]
    pub fn not_judged(&self) -> usize {
        let waived = self.waived.get(&Verdict::Environment);
        self.of(Verdict::Environment) - waived.copied().unwrap_or(0)
    }

    /// Cases that a waiver accepts as they ended.
    #[must_use]
    pub fn waived_cases(&self) -> usize {
        self.waived.values().sum()
    }

    /// Cases that came to a verdict, not applicable ones among them.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.verdicts.values().sum()
    }
}

impl<'a> FromIterator<&'a Case> for Counts {
    fn from_iter<I: IntoIterator<Item = &'a Case>>(cases: I) -> Self {
        let mut counts = Counts::default();
        for case in cases {
            counts.add(case);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_stream_and_all_is_in_order_of_gravity() {
        for verdict in Verdict::ALL {
            let written = serde_json::to_string(&verdict).unwrap();
            assert_eq!(written, format!("\"{}\"", verdict.name()));
        }
        assert!(Verdict::ALL.is_sorted());
        for (why, name, _) in Why::ALL {
            assert_eq!(serde_json::to_string(&why).unwrap(), format!("\"{name}\""));
        }
    }
}
