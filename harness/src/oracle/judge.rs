//! The walk along a sequence and its trace, call by call, and the verdict at its end.

use std::collections::{HashMap, HashSet};

use p11assay_reports::evidence::{End, Finding, Level, Verdict, Why};

mod end;
mod expect;
mod why;

pub use end::describe_end;

use super::attack::Attack;
use super::trace::{CaseTrace, Stopped, TraceCall};
use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::execute::Stop;
use crate::sequence::{self, Call, Expectation, ForEach, MAX_ITERATIONS, Step, Value};
use crate::worker::CHILD;

/// Which reading of the profile test cases a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Items that any real provider must vary may vary.
    #[default]
    Relaxed,
    /// Only what [PKCS11-Prof 3.2] 3.1.1 lists may vary.
    Strict,
}

impl Reading {
    /// Its name in arguments and evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relaxed => "relaxed",
            Self::Strict => "strict",
        }
    }
}

/// What is judged.
pub struct Subject<'s> {
    /// How binding the case is.
    pub level: Level,
    /// What it means that all steps are taken, if they are an attack.
    pub attack: Option<&'s Attack>,
    /// The steps that were executed: those of the state ladder before those of the case.
    pub steps: &'s [Step],
    /// Values that no call gave (`target`, `with`).
    pub given: &'s [(String, Value)],
    /// What happened.
    pub trace: &'s CaseTrace,
    /// How the worker ended, if it did not return.
    pub end: Option<&'s End>,
    /// Which reading to judge by.
    pub reading: Reading,
}

/// A verdict with its grounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The gravest of the findings, or what the case ended as without any.
    pub verdict: Verdict,
    /// What kind of reason a case does not apply for.
    pub why: Option<Why>,
    /// Why a case does not apply or could not be judged.
    pub reason: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Values by which a token says that it cannot do at all what an attack asks for: it has not withstood it.
const LACKS: [u64; 2] = [
    cryptoki_sys::CKR_MECHANISM_INVALID,
    cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
];

/// Judges a case.
#[must_use]
pub fn judge(subject: &Subject<'_>) -> Judgement {
    let given = subject.given.iter().cloned().collect();
    let mut walk = Walk {
        subject,
        next: 0,
        values: given,
        answers: HashSet::new(),
        findings: Vec::new(),
        set: None,
        thwarted: None,
        lost: None,
        lane: None,
    };
    let _ = walk.steps(subject.steps);
    walk.outside_steps();
    walk.conclude()
}

/// The case is not judged further.
struct Halt;

struct Walk<'w, 's> {
    subject: &'w Subject<'s>,
    next: usize,
    values: HashMap<String, Value>,
    /// Which of the values are return values.
    answers: HashSet<String>,
    findings: Vec<Finding>,
    /// A verdict that is not a finding: not applicable, environment, harness fault; and why.
    set: Option<(Verdict, Option<Why>, String)>,
    /// The first step of an attack that was refused, or did not give what it should.
    thwarted: Option<String>,
    /// The first step without a record.
    lost: Option<u32>,
    /// The lane that is being walked.
    lane: Option<u16>,
}

impl Walk<'_, '_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), Halt> {
        steps.iter().try_for_each(|step| match step {
            Step::Call(call) => self.call(call),
            Step::ForEach(each) => self.for_each(each),
            Step::Together(block) => self.lanes(block.repeat, (0..).zip(&block.lanes)),
            Step::InChild(steps) => self.lanes(1, [(CHILD, steps)]),
            Step::Pause(_) | Step::Reload | Step::Token { .. } => Ok(()),
        })
    }

    /// Every lane is judged, whatever became of the others; the case is not judged beyond the block if
    /// one of them was not to its end.
    fn lanes<'l>(
        &mut self,
        repeat: u32,
        lanes: impl IntoIterator<Item = (u16, &'l Vec<Step>)>,
    ) -> Result<(), Halt> {
        let before = self.values.clone();
        let mut after = before.clone();
        let mut result = Ok(());
        for (number, lane) in lanes {
            self.lane = Some(number);
            self.values.clone_from(&before);
            let walked = (0..repeat).try_for_each(|_| self.steps(lane));
            if walked.is_err() {
                self.pass_by(number);
                result = walked;
            }
            for capture in sequence::calls(lane).flat_map(|call| &call.gives) {
                if let Some(value) = self.values.get(&capture.name) {
                    after.insert(capture.name.clone(), value.clone());
                }
            }
        }
        self.lane = None;
        self.values = after;
        result
    }

    /// Leaves the rest of a lane's records alone.
    fn pass_by(&mut self, lane: u16) {
        let rest = &self.subject.trace.calls[self.next..];
        let own = rest.iter().take_while(|call| call.lane == Some(lane));
        self.next += own.count();
    }

    fn for_each(&mut self, each: &ForEach) -> Result<(), Halt> {
        let list = self
            .values
            .get(&each.list.name)
            .and_then(|v| v.select(&each.list.path));
        let Some(Value::List(items)) = list else {
            return Err(Halt);
        };
        items.into_iter().take(MAX_ITERATIONS).try_for_each(|item| {
            self.values.insert(each.bind.clone(), item);
            self.steps(&each.steps)
        })
    }

    /// The record that the verdict on a step rests on: the question's if it was not answered so
    /// that the call itself could follow.
    fn take(&mut self, call: &Call) -> Option<&TraceCall> {
        let calls = &self.subject.trace.calls;
        let wanted = (call.number, call.function, self.lane);
        let belongs = |at: usize| {
            calls
                .get(at)
                .is_some_and(|c| (c.step, c.function, c.lane) == wanted)
        };
        if !belongs(self.next) {
            return None;
        }
        self.next += 1;
        if calls[self.next - 1].question && belongs(self.next) && !calls[self.next].question {
            self.next += 1;
        }
        calls.get(self.next - 1)
    }

    fn call(&mut self, call: &Call) -> Result<(), Halt> {
        let Some(record) = self.take(call).cloned() else {
            self.lost.get_or_insert(call.number);
            return Err(Halt);
        };
        for violation in &record.violations {
            let message = format!("wrote outside its buffers: {violation}");
            self.find(call, Verdict::Crash, "guard", message, Vec::new());
        }
        if record.malformed {
            let text = "an output could not be read back from the journal".to_owned();
            self.find(call, Verdict::Crash, "guard", text, Vec::new());
        }
        let Some(returned) = record.returned else {
            return Err(Halt);
        };
        self.return_value(call, returned.rv)?;
        if let Some(name) = &call.answer {
            self.values.insert(name.clone(), Value::Number(returned.rv));
            self.answers.insert(name.clone());
        }
        for capture in &call.gives {
            if let Some(value) = expect::output(call, &record, &capture.output.name)
                .and_then(|value| value.select(&capture.output.path))
            {
                self.values.insert(capture.name.clone(), value);
            }
        }
        if !record.outputs.is_empty()
            || !call
                .function
                .parameters()
                .iter()
                .any(|p| p.kind.is_output())
        {
            self.requirements(call, &record)?;
            self.expectations(call, &record, &call.expect);
            if self.subject.reading == Reading::Strict {
                self.expectations(call, &record, &call.expect_strict);
            }
        } else {
            // A call that failed has no outputs; what it answered can be compared all the same.
            let answers = call.expect.iter().filter(|of| self.is_answer(of));
            let answers: Vec<Expectation> = answers.cloned().collect();
            self.expectations(call, &record, &answers);
        }
        Ok(())
    }

    fn return_value(&mut self, call: &Call, rv: u64) -> Result<(), Halt> {
        let name = names::display(Kind::RETURN, rv);
        if call.not_applicable.contains(&rv) {
            self.inapplicable(why::of(rv), format!("{} returned {name}", call.function));
            return Err(Halt);
        }
        if call.is_right(rv) {
            return Ok(());
        }
        if self.subject.attack.is_some() && !call.fixture && LACKS.contains(&rv) {
            let reason = format!(
                "the attack needs what is not there: {} returned {name}",
                call.function
            );
            self.inapplicable(Why::Absent, reason);
            return Err(Halt);
        }
        if call.tolerates.contains(&rv) {
            let message = format!("returned {name}, which is permitted but tells less");
            let weak = Verdict::PermittedButWeak;
            self.find(call, weak, "return-code", message, right(call));
            return Ok(());
        }
        if call.fixture {
            let reason = format!(
                "the case could not be prepared: {} returned {name}",
                call.function
            );
            self.settle(Verdict::Environment, reason);
            return Err(Halt);
        }
        // Who refuses has given nothing away, with however odd a value.
        let verdict = match rv {
            cryptoki_sys::CKR_OK => self.deviation(),
            _ => Verdict::Deviation,
        };
        let message = format!("returned {name}");
        self.find(call, verdict, "return-code", message, right(call));
        if call.keep_going { Ok(()) } else { Err(Halt) }
    }

    fn deviation(&self) -> Verdict {
        match self.subject.level {
            Level::Security => Verdict::SecurityViolation,
            _ => Verdict::Deviation,
        }
    }

    fn find(
        &mut self,
        call: &Call,
        verdict: Verdict,
        oracle: &str,
        message: String,
        permitted: Vec<String>,
    ) {
        if self.subject.attack.is_some() && verdict < Verdict::Hang {
            self.thwart(call, verdict, &message);
            return;
        }
        let finding = Finding {
            verdict,
            step: Some(call.number),
            lane: counted(self.lane),
            function: Some(call.function.name().to_owned()),
            oracle: oracle.to_owned(),
            message,
            shape: Vec::new(),
            permitted,
            clause: None,
            end: None,
        };
        // The rounds of a lane say the same more than once.
        if self.lane.is_none() || !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// A step of an attack that is not taken as it is written is no finding: it is what stops it.
    fn thwart(&mut self, call: &Call, verdict: Verdict, message: &str) {
        if verdict > Verdict::PermittedButWeak {
            let (step, function) = (call.number, call.function);
            self.thwarted
                .get_or_insert_with(|| format!("stopped at step {step}: {function} {message}"));
        }
    }

    fn settle(&mut self, verdict: Verdict, reason: String) {
        self.set.get_or_insert((verdict, None, reason));
    }

    fn inapplicable(&mut self, why: Why, reason: String) {
        self.set
            .get_or_insert((Verdict::NotApplicable, Some(why), reason));
    }

    /// What is found beside the steps: how the worker ended, and why the sequence was left.
    fn outside_steps(&mut self) {
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
            if let Some(back) = failed.filter(|_| prepares) {
                let (function, name) = (call.function, names::display(Kind::RETURN, back.rv));
                let reason = format!("the case could not be prepared: {function} returned {name}");
                self.settle(Verdict::Environment, reason);
            }
        }
        if let Some(end) = self.subject.end {
            let finding = end::ended(trace, end);
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
    fn conclude(mut self) -> Judgement {
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

/// The return values that a step asks for, for people.
fn right(call: &Call) -> Vec<String> {
    let name = |rv: &u64| names::display(Kind::RETURN, *rv);
    match (call.returns.as_slice(), call.except.as_slice()) {
        ([], []) => vec![name(&cryptoki_sys::CKR_OK)],
        (_, []) => call.returns.iter().map(name).collect(),
        (_, except) => except
            .iter()
            .map(|rv| format!("anything but {}", name(rv)))
            .collect(),
    }
}

/// A lane's number for people, from 1; 0 for a child.
pub(crate) fn counted(lane: Option<u16>) -> Option<u32> {
    lane.map(|lane| match lane {
        CHILD => 0,
        lane => u32::from(lane) + 1,
    })
}

fn between(call: &TraceCall, verdict: Verdict, oracle: &str, message: String) -> Finding {
    Finding {
        verdict,
        step: None,
        lane: None,
        function: Some(call.function.name().to_owned()),
        oracle: oracle.to_owned(),
        message,
        shape: Vec::new(),
        permitted: Vec::new(),
        clause: None,
        end: None,
    }
}
