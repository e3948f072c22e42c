//! The walk along a sequence and its trace, call by call, and the verdict at its end.

use std::collections::{HashMap, HashSet};

use p11assay_reports::evidence::{Finding, Level, Verdict, Why};

use super::{Judgement, Reading, Subject, expect, why};
use crate::cryptoki::names::{self, Kind};
use crate::oracle::trace::TraceCall;
use crate::sequence::{self, Call, Expectation, ForEach, MAX_ITERATIONS, Step, Value};
use crate::worker::CHILD;

/// Values by which a token says that it cannot do at all what an attack asks for: it has not withstood it.
const LACKS: [u64; 2] = [
    cryptoki_sys::CKR_MECHANISM_INVALID,
    cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
];

/// The case is not judged further.
pub(super) struct Halt;

pub(super) struct Walk<'w, 's> {
    pub(super) subject: &'w Subject<'s>,
    pub(super) next: usize,
    pub(super) values: HashMap<String, Value>,
    /// Which of the values are return values.
    pub(super) answers: HashSet<String>,
    pub(super) findings: Vec<Finding>,
    /// A verdict that is not a finding: not applicable, environment, harness fault; and why.
    pub(super) set: Option<(Verdict, Option<Why>, String)>,
    /// The first step of an attack that was refused, or did not give what it should.
    pub(super) thwarted: Option<String>,
    /// The first step without a record.
    pub(super) lost: Option<u32>,
    /// The lane that is being walked.
    pub(super) lane: Option<u16>,
}

impl<'w, 's> Walk<'w, 's> {
    pub(super) fn new(subject: &'w Subject<'s>) -> Self {
        Self {
            subject,
            next: 0,
            values: subject.given.iter().cloned().collect(),
            answers: HashSet::new(),
            findings: Vec::new(),
            set: None,
            thwarted: None,
            lost: None,
            lane: None,
        }
    }
}

impl Walk<'_, '_> {
    pub(super) fn judgement(mut self) -> Judgement {
        let _ = self.steps(self.subject.steps);
        self.outside_steps();
        self.conclude()
    }

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

    pub(super) fn deviation(&self) -> Verdict {
        match self.subject.level {
            Level::Security => Verdict::SecurityViolation,
            _ => Verdict::Deviation,
        }
    }

    pub(super) fn find(
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
    pub(super) fn thwart(&mut self, call: &Call, verdict: Verdict, message: &str) {
        if verdict > Verdict::PermittedButWeak {
            let (step, function) = (call.number, call.function);
            self.thwarted
                .get_or_insert_with(|| format!("stopped at step {step}: {function} {message}"));
        }
    }

    pub(super) fn settle(&mut self, verdict: Verdict, reason: String) {
        self.set.get_or_insert((verdict, None, reason));
    }

    pub(super) fn inapplicable(&mut self, why: Why, reason: String) {
        self.set
            .get_or_insert((Verdict::NotApplicable, Some(why), reason));
    }
}

/// The return values that a step asks for, for people.
fn right(call: &Call) -> Vec<String> {
    let name = |rv: &u64| names::display(Kind::RETURN, *rv);
    match (call.returns.as_slice(), call.except.as_slice()) {
        ([], []) => vec![name(&cryptoki_sys::CKR_OK)],
        (_, []) => call.returns.iter().map(name).collect(),
        (_, except) => {
            let except: Vec<String> = except.iter().map(name).collect();
            vec![format!("anything but {}", except.join(" or "))]
        }
    }
}

/// A lane's number for people, from 1; 0 for a child.
pub(crate) fn counted(lane: Option<u16>) -> Option<u32> {
    lane.map(|lane| match lane {
        CHILD => 0,
        lane => u32::from(lane) + 1,
    })
}

pub(super) fn between(
    call: &TraceCall,
    verdict: Verdict,
    oracle: &str,
    message: String,
) -> Finding {
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
