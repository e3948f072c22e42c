//! The exit codes of the `p11assay` command: one constant each, and the one function that picks
//! among them. Giving the code to the operating system is left to the harness.

use crate::counts::Counts;
use crate::evidence::Verdict;

/// Every applicable case passed. Weaknesses that the standard permits, waived findings and
/// unexpected passes do not change this.
pub const PASSED: i32 = 0;
/// At least one finding (deviation, security violation, hang or crash) that no waiver accepts.
pub const FINDINGS: i32 = 1;
/// The command line, a suite file or a target description is wrong; nothing was executed.
pub const USAGE: i32 = 2;
/// The target could not be used, or the host kept at least one case from being judged.
pub const TARGET_UNUSABLE: i32 = 3;
/// p11assay itself failed in at least one case, or as a whole.
pub const HARNESS_FAULT: i32 = 4;
/// The selection left nothing to run.
pub const NOTHING_SELECTED: i32 = 5;
/// The run was stopped from outside before its plan was done, and nothing was found until then:
/// what a shell gives for a command that Ctrl-C stopped.
pub const INTERRUPTED: i32 = 130;

/// The exit code of a run with these counts.
///
/// The first that holds decides:
/// 1. a finding no waiver accepts: [`FINDINGS`]. It comes first so that nothing else that went
///    wrong in the run can hide it;
/// 2. a fault of the harness: [`HARNESS_FAULT`];
/// 3. a case the environment kept from being judged: [`TARGET_UNUSABLE`]. This is no statement on
///    the target, yet 0 would claim more than was seen;
/// 4. cases of the plan not executed: [`INTERRUPTED`];
/// 5. no case at all: [`NOTHING_SELECTED`];
/// 6. [`PASSED`], which includes a run in which no case applies.
///
/// [`USAGE`] is never given here: where it applies there are no counts.
#[must_use]
pub fn exit_code(counts: &Counts) -> i32 {
    let rules = [
        (counts.findings() > 0, FINDINGS),
        (counts.of(Verdict::HarnessFault) > 0, HARNESS_FAULT),
        (counts.of(Verdict::Environment) > 0, TARGET_UNUSABLE),
        (counts.not_executed > 0, INTERRUPTED),
        (counts.recorded() == 0, NOTHING_SELECTED),
    ];
    rules
        .into_iter()
        .find_map(|(holds, code)| holds.then_some(code))
        .unwrap_or(PASSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(verdicts: &[Verdict]) -> Counts {
        let mut counts = Counts::default();
        for verdict in verdicts {
            *counts.verdicts.entry(*verdict).or_default() += 1;
        }
        counts
    }

    #[test]
    fn a_finding_is_hidden_by_nothing() {
        for finding in Verdict::ALL.into_iter().filter(|v| v.is_finding()) {
            let mut all = counts(&Verdict::ALL);
            for other in Verdict::ALL.into_iter().filter(|v| v.is_finding()) {
                all.verdicts.remove(&other);
            }
            all.verdicts.insert(finding, 1);
            all.not_executed = 7;
            assert_eq!(exit_code(&all), FINDINGS, "{finding:?}");
        }
    }

    #[test]
    fn what_is_no_finding_never_gives_one() {
        use Verdict::{Environment, HarnessFault, NotApplicable, Pass, PermittedButWeak};
        assert_eq!(exit_code(&counts(&[Pass, Environment])), TARGET_UNUSABLE);
        let unjudged = [Pass, Environment, HarnessFault];
        assert_eq!(exit_code(&counts(&unjudged)), HARNESS_FAULT);
        assert_eq!(exit_code(&counts(&[Pass, PermittedButWeak])), PASSED);
        assert_eq!(exit_code(&counts(&[NotApplicable])), PASSED);
    }

    #[test]
    fn a_run_that_judged_too_little_does_not_pass() {
        assert_eq!(exit_code(&Counts::default()), NOTHING_SELECTED);
        let mut stopped = counts(&[Verdict::Pass]);
        stopped.not_executed = 1;
        assert_eq!(exit_code(&stopped), INTERRUPTED);
    }

    #[test]
    fn a_waived_finding_passes_and_an_open_one_beside_it_does_not() {
        let mut counts = counts(&[Verdict::Crash]);
        counts.waived.insert(Verdict::Crash, 1);
        assert_eq!(exit_code(&counts), PASSED);
        counts.verdicts.insert(Verdict::Crash, 2);
        assert_eq!(exit_code(&counts), FINDINGS);
    }
}
