//! The exit codes of the `p11assay` command: one constant each, and the one function that picks
//! among them. Giving the code to the operating system is left to the harness.

use crate::counts::Counts;
use crate::evidence::Verdict;
use crate::gate::Gate;

/// Every applicable case passed the gate. Weaknesses that the standard permits, waived findings and
/// findings that the gate lets pass do not change this.
pub const PASSED: i32 = 0;
/// The gate stopped the run: a finding (deviation, security violation, hang or crash) that no waiver
/// accepts, a waiver that has expired, or a case that passed although it is waived.
pub const FINDINGS: i32 = 1;
/// The command line, a suite file or a target description is wrong; nothing was executed.
pub const USAGE: i32 = 2;
/// The target could not be used, or the host kept at least one case from being judged, or times are too noisy for a gate.
pub const TARGET_UNUSABLE: i32 = 3;
/// p11assay itself failed in at least one case, or as a whole.
pub const HARNESS_FAULT: i32 = 4;
/// The selection left nothing to run.
pub const NOTHING_SELECTED: i32 = 5;
/// The run was stopped from outside before its plan was done, and nothing was found until then:
/// what a shell gives for a command that Ctrl-C stopped.
pub const INTERRUPTED: i32 = 130;

/// The exit code of a run with these counts that is held to a gate.
///
/// The first that holds decides:
/// 1. a finding that no waiver accepts and the gate stops, or a waiver that holds no more:
///    [`FINDINGS`]. It comes first so that nothing else that went wrong in the run can hide it;
/// 2. a fault of the harness: [`HARNESS_FAULT`];
/// 3. a case the environment kept from being judged: [`TARGET_UNUSABLE`]. This is no statement on
///    the target, yet 0 would claim more than was seen;
/// 4. cases of the plan not executed: [`INTERRUPTED`];
/// 5. no case at all: [`NOTHING_SELECTED`];
/// 6. [`PASSED`], which includes a run in which no case applies.
///
/// [`USAGE`] is never given here: where it applies there are no counts.
#[must_use]
pub fn exit_code(counts: &Counts, gate: &Gate) -> i32 {
    let stopped = counts.stopped(gate) + counts.stale_waivers(gate);
    let rules = [
        (stopped > 0, FINDINGS),
        (counts.of(Verdict::HarnessFault) > 0, HARNESS_FAULT),
        (counts.not_judged() > 0, TARGET_UNUSABLE),
        (counts.not_executed > 0, INTERRUPTED),
        (counts.recorded() == 0, NOTHING_SELECTED),
    ];
    rules
        .into_iter()
        .find_map(|(holds, code)| holds.then_some(code))
        .unwrap_or(PASSED)
}

/// The code of several runs together: the first of [`FINDINGS`], [`HARNESS_FAULT`], [`TARGET_UNUSABLE`],
/// [`INTERRUPTED`] and [`NOTHING_SELECTED`] that one of them has, else [`PASSED`].
#[must_use]
pub fn gravest(codes: impl IntoIterator<Item = i32>) -> i32 {
    const ORDER: [i32; 5] = [
        FINDINGS,
        HARNESS_FAULT,
        TARGET_UNUSABLE,
        INTERRUPTED,
        NOTHING_SELECTED,
    ];
    let codes: Vec<i32> = codes.into_iter().collect();
    let first = ORDER.into_iter().find(|code| codes.contains(code));
    first.unwrap_or(PASSED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Level;
    use crate::gate::{Allowance, Scope};
    use std::collections::BTreeMap;

    fn counts(verdicts: &[Verdict]) -> Counts {
        let mut counts = Counts::default();
        for verdict in verdicts {
            *counts.verdicts.entry(*verdict).or_default() += 1;
            if verdict.is_finding() {
                let open = counts.open.entry(Level::Should).or_default();
                *open.entry(*verdict).or_default() += 1;
            }
        }
        counts
    }

    fn code(verdicts: &[Verdict]) -> i32 {
        exit_code(&counts(verdicts), &Gate::default())
    }

    #[test]
    fn a_finding_is_hidden_by_nothing() {
        for finding in Verdict::ALL.into_iter().filter(|v| v.is_finding()) {
            let others = Verdict::ALL.into_iter().filter(|v| !v.is_finding());
            let mut all = counts(&others.chain([finding]).collect::<Vec<_>>());
            all.not_executed = 7;
            assert_eq!(exit_code(&all, &Gate::default()), FINDINGS, "{finding:?}");
        }
    }

    #[test]
    fn of_several_runs_the_gravest_code_counts() {
        assert_eq!(
            gravest([PASSED, INTERRUPTED, FINDINGS, HARNESS_FAULT]),
            FINDINGS
        );
        assert_eq!(
            gravest([NOTHING_SELECTED, TARGET_UNUSABLE]),
            TARGET_UNUSABLE
        );
        assert_eq!(gravest([]), PASSED);
    }

    #[test]
    fn what_is_no_finding_never_gives_one() {
        use Verdict::{Environment, HarnessFault, NotApplicable, Pass, PermittedButWeak};
        assert_eq!(code(&[Pass, Environment]), TARGET_UNUSABLE);
        assert_eq!(code(&[Pass, Environment, HarnessFault]), HARNESS_FAULT);
        assert_eq!(code(&[Pass, PermittedButWeak]), PASSED);
        assert_eq!(code(&[NotApplicable]), PASSED);
    }

    #[test]
    fn a_run_that_judged_too_little_does_not_pass() {
        let gate = Gate::default();
        assert_eq!(exit_code(&Counts::default(), &gate), NOTHING_SELECTED);
        let mut stopped = counts(&[Verdict::Pass]);
        stopped.not_executed = 1;
        assert_eq!(exit_code(&stopped, &gate), INTERRUPTED);
    }

    #[test]
    fn a_waived_finding_passes_and_an_open_one_beside_it_does_not() {
        let mut counts = counts(&[Verdict::Crash]);
        let gate = Gate::default();
        counts.waived.insert(Verdict::Crash, 1);
        counts.open.clear();
        assert_eq!(exit_code(&counts, &gate), PASSED);
        let open = BTreeMap::from([(Verdict::Crash, 1)]);
        counts.open.insert(Level::Must, open);
        assert_eq!(exit_code(&counts, &gate), FINDINGS);
    }

    #[test]
    fn a_case_that_is_known_not_to_be_judged_passes_alone() {
        let mut counts = counts(&[Verdict::Environment, Verdict::Environment]);
        let gate = Gate::default();
        counts.waived.insert(Verdict::Environment, 1);
        assert_eq!(exit_code(&counts, &gate), TARGET_UNUSABLE);
        counts.waived.insert(Verdict::Environment, 2);
        assert_eq!(exit_code(&counts, &gate), PASSED);
    }

    #[test]
    fn what_the_gate_lets_pass_does_not_hide_what_it_stops() {
        let gate = Gate {
            scope: Scope::Must,
            ..Gate::default()
        };
        let passing = counts(&[Verdict::Deviation, Verdict::Environment]);
        assert_eq!(exit_code(&passing, &gate), TARGET_UNUSABLE);
        let stopped = counts(&[Verdict::Deviation, Verdict::Hang]);
        assert_eq!(exit_code(&stopped, &gate), FINDINGS);
    }

    #[test]
    fn waivers_that_hold_no_more_fail_unless_allowed() {
        let mut expired = counts(&[Verdict::Pass]);
        expired.expired_waivers = 1;
        let mut unexpected = counts(&[Verdict::Pass]);
        unexpected.unexpected_passes = 1;
        for (counts, what) in [
            (expired, Allowance::ExpiredWaiver),
            (unexpected, Allowance::UnexpectedPass),
        ] {
            assert_eq!(exit_code(&counts, &Gate::default()), FINDINGS);
            let gate = Gate {
                allow: [what].into(),
                ..Gate::default()
            };
            assert_eq!(exit_code(&counts, &gate), PASSED);
        }
    }
}
