//! What happened outside of the steps, and what all of it comes to.

use cryptoki_sys::CKR_CRYPTOKI_NOT_INITIALIZED;
use p11assay_reports::evidence::{End, Finding, Verdict, Why};

use super::walk::{Walk, between, counted};
use super::{Judgement, end};
use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::execute::Stop;
use crate::oracle::trace::Stopped;
use crate::sequence;

impl Walk<'_, '_> {
    /// What is found beside the steps: how the worker ended, and why the sequence was left.
    pub(super) fn outside_steps(&mut self) {
        let trace = self.subject.trace;
        for call in &trace.housekeeping {
            for violation in &call.violations {
                let message = format!("wrote outside its buffers: {violation}");
                self.findings
                    .push(between(call, Verdict::Crash, "guard", message));
            }
            let failed = call.returned.filter(|back| back.rv != cryptoki_sys::CKR_OK);
            let prepares = matches!(
                call.function,
                Function::C_Initialize
                    | Function::C_Finalize
                    | Function::C_OpenSession
                    | Function::C_Login
            );
            let is_gone =
                |rv| call.function == Function::C_Finalize && rv == CKR_CRYPTOKI_NOT_INITIALIZED;
            if let Some(back) = failed.filter(|back| prepares && !is_gone(back.rv)) {
                let (function, name) = (call.function, names::display(Kind::RETURN, back.rv));
                let reason = format!("the case could not be prepared: {function} returned {name}");
                self.settle(Verdict::Environment, reason);
            }
        }
        if let Some(end) = self.subject.end {
            let finding = end::ended(trace, end);
            if matches!(end, End::Program { .. }) {
                // What was answered after it says nothing of the module.
                self.findings.retain(|found| found.oracle == "guard");
            }
            self.findings.push(finding);
            return;
        }
        for stopped in &trace.stops {
            self.stopped(stopped);
        }
    }

    fn stopped(&mut self, Stopped { stop, text, after }: &Stopped) {
        match stop {
            Stop::WrongReturn | Stop::NotApplicable => {}
            Stop::MissingFunction => self.missing(text),
            Stop::OutOfMemory | Stop::NotMoved => {
                self.settle(Verdict::Environment, text.clone());
            }
            Stop::Absurd => {
                let calls = &self.subject.trace.calls;
                if let Some(call) = after.and_then(|after| calls.get(after)) {
                    let message = format!("names {text} as the size of an output");
                    let finding = between(call, self.deviation(), "length", message);
                    self.findings.push(Finding {
                        step: Some(call.step),
                        lane: counted(call.lane),
                        ..finding
                    });
                }
            }
            Stop::ChildEnded => {
                let calls = &self.subject.trace.calls;
                let finding = end::ended_child(after.and_then(|after| calls.get(after)), text);
                self.findings.push(finding);
            }
            Stop::Linked => self.inapplicable(Why::NotReachable, text.clone()),
            Stop::NotReloaded => self
                .findings
                .push(end::not_reloaded(self.deviation(), text)),
            Stop::Unresolved if self.thwarted.is_some() => {}
            Stop::Unresolved if self.findings.is_empty() && self.set.is_none() => {
                let reason = format!("{text}; the case should say what it requires of that call");
                self.settle(Verdict::HarnessFault, reason);
            }
            Stop::Unresolved => {}
        }
    }

    /// A function that the module does not have: its fault if the step says so.
    fn missing(&mut self, name: &str) {
        let message = format!("the module's function list has no {name}");
        let mut calls = sequence::calls(self.subject.steps);
        match calls.find(|call| call.must_exist && call.function.name() == name) {
            Some(call) => {
                let permitted = vec!["a pointer to the function".to_owned()];
                self.find(call, self.deviation(), "function-list", message, permitted);
            }
            None => self.inapplicable(Why::Absent, message),
        }
    }

    /// Findings outweigh whatever kept the rest from being judged: nothing may hide them.
    pub(super) fn conclude(mut self) -> Judgement {
        let came_through = self.findings.is_empty() && self.set.is_none() && self.lost.is_none();
        if let Some(attack) = self.subject.attack.filter(|_| came_through) {
            match self.thwarted {
                None => self.findings.push(attack.finding()),
                Some(_) => {
                    return Judgement {
                        verdict: Verdict::Pass,
                        why: None,
                        reason: self.thwarted,
                        findings: Vec::new(),
                    };
                }
            }
        }
        let gravest = self.findings.iter().map(|finding| finding.verdict).max();
        match (gravest, self.set) {
            (Some(verdict), _) => Judgement {
                verdict,
                why: None,
                reason: None,
                findings: self.findings,
            },
            (None, Some((verdict, why, reason))) => Judgement {
                verdict,
                why,
                reason: Some(reason),
                findings: Vec::new(),
            },
            (None, None) => {
                let (verdict, reason) = match self.lost {
                    None => (Verdict::Pass, None),
                    Some(step) => end::unseen(self.subject.trace, step),
                };
                Judgement {
                    verdict,
                    why: None,
                    reason,
                    findings: Vec::new(),
                }
            }
        }
    }
}
