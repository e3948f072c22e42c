//! Cases that are executed more than once: what was found is confirmed in fresh workers, and what chance may have
//! hidden is looked for again.

use p11assay_reports::evidence::Confirmation;

use super::Shift;
use crate::cryptoki::Function;
use crate::oracle::Judgement;
use crate::plan::Case;
use crate::run::Ran;
use crate::run::job::verdict;
use crate::run::wire::Job;

/// How many times as often as it is confirmed a case with lanes is tried until it shows something: once more in the same
/// worker costs little.
const PATIENCE: u32 = 20;

impl Shift<'_, '_, '_, '_> {
    /// Tries a case with lanes again that has shown nothing, as often as it is to be.
    pub(super) fn try_again(&mut self, case: &Case, job: &Job, ran: &Ran) -> Option<Ran> {
        let settings = self.shared.settings;
        let mut last = None;
        let attempts = match self.attempts(case) {
            0 | 1 => 1,
            more => more * PATIENCE,
        };
        for _ in 1..attempts {
            let judged = verdict(case, job, last.as_ref().unwrap_or(ran), settings.reading);
            if judged.verdict.is_finding() {
                break;
            }
            last = self.station.execute(vec![job.clone()]).ok()?.pop();
        }
        last
    }

    fn attempts(&self, case: &Case) -> u32 {
        match case.sequence.has_lanes() {
            true => self.shared.settings.attempts,
            false => 1,
        }
    }

    /// Executes the case alone in a fresh worker, or in several if chance decides what comes of it.
    pub(super) fn confirm(
        &mut self,
        case: &Case,
        job: &Job,
        first: &Judgement,
    ) -> Option<Confirmation> {
        let mut confirmation = Confirmation { tries: 0, same: 0 };
        for _ in 0..self.attempts(case) {
            let same = self.confirm_once(case, job, first)?;
            confirmation.tries += 1;
            confirmation.same += u32::from(same);
        }
        Some(confirmation)
    }

    fn confirm_once(&mut self, case: &Case, job: &Job, first: &Judgement) -> Option<bool> {
        self.station.renew().ok()?;
        let ran = self.station.execute(vec![job.clone()]).ok()?.pop()?;
        // A worker that never came to the case says nothing of it.
        let initialize = Some(Function::C_Initialize.name());
        let same_place = first
            .findings
            .iter()
            .any(|f| f.function.as_deref() == initialize);
        if ran.trace.ended_in(Function::C_Initialize) && !same_place {
            return None;
        }
        let again = verdict(case, job, &ran, self.shared.settings.reading);
        Some(again.verdict == first.verdict)
    }
}
