//! Cases that are executed more than once: what was found is confirmed in fresh workers, and what chance may have
//! hidden is looked for again.

use std::time::Instant;

use p11assay_reports::evidence::Confirmation;

use super::Shift;
use crate::cryptoki::Function;
use crate::oracle::Judgement;
use crate::plan::Case;
use crate::run::Ran;
use crate::run::job::verdict;
use crate::run::patience::CONFIRMING;
use crate::run::wire::Job;

impl Shift<'_, '_, '_, '_> {
    /// Tries a case again that has shown nothing, as often as it is to be; gives the last time, and how often it was
    /// tried in all.
    pub(super) fn try_again(&mut self, case: &Case, job: &Job, ran: &Ran) -> (Option<Ran>, u32) {
        let settings = self.shared.settings;
        let tries = settings.patience.tries(case);
        let mut last = None;
        for tried in 1..tries.all() {
            let judged = verdict(case, job, last.as_ref().unwrap_or(ran), settings.reading);
            if judged.verdict.is_finding() || settings.interrupt.is_raised() {
                return (last, tried);
            }
            match self.once_more(job, tried % tries.in_each == 0) {
                Some(ran) => last = Some(ran),
                None => return (last, tried),
            }
        }
        (last, tries.all())
    }

    fn once_more(&mut self, job: &Job, in_fresh_worker: bool) -> Option<Ran> {
        if in_fresh_worker {
            self.station.renew().ok()?;
        }
        self.station.execute_aside(job).ok()?.pop()
    }

    /// Executes the case alone in a fresh worker, or in several.
    pub(super) fn confirm(
        &mut self,
        case: &Case,
        job: &Job,
        first: &Judgement,
    ) -> Option<Confirmation> {
        let mut confirmation = Confirmation { tries: 0, same: 0 };
        let begun = Instant::now();
        for _ in 0..self.shared.settings.patience.confirmations(case) {
            let Some(same) = self.confirm_once(case, job, first) else {
                break;
            };
            confirmation.tries += 1;
            confirmation.same += u32::from(same);
            if begun.elapsed() >= CONFIRMING || self.shared.settings.interrupt.is_raised() {
                break;
            }
        }
        (confirmation.tries > 0).then_some(confirmation)
    }

    fn confirm_once(&mut self, case: &Case, job: &Job, first: &Judgement) -> Option<bool> {
        self.station.renew().ok()?;
        let ran = self.station.execute_aside(job).ok()?.pop()?;
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
