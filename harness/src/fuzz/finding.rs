//! From a shrunk sequence to a case that anybody can run again: names given a value, the usual
//! beginning replaced by a state, and what was wrong made an expectation.

use std::collections::BTreeSet;

use cryptoki_sys::CKR_OK;
use p11assay_reports::evidence::{Clause, End, Level};

use super::class::class;
use super::suspect::{Suspect, What};
use crate::cryptoki::Function;
use crate::oracle::CaseTrace;
use crate::oracle::model::{Disagreement, Told, claims};
use crate::plan::{Case, Ladder, MADE_UP, Needs};
use crate::sequence::calls_mut;
use crate::sequence::decode::Decoded;
use crate::sequence::expectation::Expected;
use crate::sequence::shape;
use crate::sequence::visit::{self, Place};
use crate::sequence::{
    ANY, Call, Content, Expectation, Number, Reference, Relation, Sequence, Step,
};
use crate::triage::shape::{At, shape as argument_shape};

/// The name under which a state keeps its session.
const SESSION: &str = "session";

/// Most things that stand out in a call which its id tells.
const TOLD: usize = 3;

/// The id of the case of a suspect, which tells its name and what stands out in the call that it is about.
#[must_use]
pub(super) fn id(suspect: &Suspect, shape: &[String]) -> String {
    let fits = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let words = shape.iter().take(TOLD);
    let words = words.flat_map(|word| ["-", word]).collect::<String>();
    let words: String = words.chars().map(fits).collect();
    format!("{MADE_UP}{}{words}", suspect.name())
}

/// What stands out in the call that a suspect is about. Nothing where chance decides which call that is, or where no call
/// is to blame.
#[must_use]
pub(super) fn shape_of(sequence: &Sequence, suspect: &Suspect, trace: &CaseTrace) -> Vec<String> {
    let is_of_any = match &suspect.what {
        // One value, one gap.
        What::Disagrees(found) if found.is_about_a_list() => true,
        What::Ended(end) => matches!(
            **end,
            End::MemoryLimit { .. } | End::FileLimit { .. } | End::Program { .. }
        ),
        _ => suspect.is_about_the_library(),
    };
    match (suspect.step, suspect.function) {
        (Some(step), Some(function)) if !is_of_any && !sequence.has_lanes() => {
            let function = function.name();
            let at = At {
                step,
                lane: None,
                function,
            };
            argument_shape(sequence, &trace.calls, at)
        }
        _ => Vec::new(),
    }
}

/// The case of a suspect. `trace` is what the shrunk sequence did on the target.
#[must_use]
pub(super) fn case(decoded: &Decoded, suspect: &Suspect, trace: &CaseTrace) -> Case {
    let id = id(suspect, &shape_of(&decoded.sequence, suspect, trace));
    let mut steps = decoded.sequence.steps.clone();
    let ladder = usual_beginning(&mut steps);
    let mut sequence = Sequence { steps };
    settle(&mut sequence, trace);
    for call in calls_mut(&mut sequence.steps) {
        (call.returns, call.except) = (Vec::new(), vec![ANY]);
        match &suspect.what {
            _ if Some(call.number) != suspect.step => {}
            What::Disagrees(found) => expect(call, found),
            What::Unlisted(value) => call.except = vec![*value],
            _ => {}
        }
    }
    if let What::Twice(other) = suspect.what {
        sequence
            .steps
            .extend(compare(&sequence, suspect.step, other));
    }
    keep_what_is_used(&mut sequence);
    for (call, number) in calls_mut(&mut sequence.steps).into_iter().zip(1..) {
        call.number = number;
        call.fixture = false;
    }
    let mut title = suspect.title();
    let mut section = match suspect.is_about_the_library() {
        // What CKR_CRYPTOKI_NOT_INITIALIZED means.
        true => "5.1.6",
        false => suspect.function.map_or("5", Function::section),
    };
    let is_undefined = shape::shares_sessions(&sequence.steps);
    if is_undefined {
        title += ", where lanes share a session, of which 5.1.2 leaves undefined what comes";
        section = "5.1.2";
    }
    // That a section does not list a value may be a gap in it (5.1).
    let is_gap = match &suspect.what {
        What::Unlisted(_) => true,
        What::Disagrees(found) => found.is_about_a_list(),
        _ => false,
    };
    Case {
        id,
        title,
        clause: Clause {
            document: "PKCS11-Base".to_owned(),
            version: "3.2".to_owned(),
            section: section.to_owned(),
        },
        level: match is_undefined || is_gap {
            true => Level::Should,
            false => Level::Must,
        },
        attack: None,
        class: class(&sequence, &["target", SESSION]),
        ladder,
        needs: needs(decoded),
        with: Vec::new(),
        sequence,
        has_strict_reading: false,
        line: 0,
    }
}

/// A sequence destroys what it happens on, and says so wherever it is kept: it is not for a token that somebody uses. One
/// that does anything to its token needs one of its own.
fn needs(decoded: &Decoded) -> Needs {
    let own_token = decoded.own_token;
    Needs {
        pin: own_token,
        so_pin: own_token,
        disposable: true,
        own_token,
        ..Needs::default()
    }
}

/// What the target must not do again.
fn expect(call: &mut Call, found: &Disagreement) {
    match &found.output {
        Some(wrong) => {
            let (subject, right) = match &wrong.right {
                Told::Number(right) => (
                    Reference::to("info").field(wrong.name),
                    Expected::Number(Number::Literal(*right)),
                ),
                Told::Bytes(right) => (
                    Reference::to(wrong.name),
                    Expected::Bytes(Content::Literal(right.clone())),
                ),
            };
            call.expect.push(Expectation {
                subject,
                captured: false,
                relation: Relation::Equals(right),
            });
        }
        None if found.returned == CKR_OK => call.except = vec![CKR_OK],
        // It is weak, and not wrong: lists may have gaps ([PKCS11-Base 3.2] 5.1).
        None if found.is_about_a_list() => {
            call.except = vec![found.returned];
            call.tolerates = vec![found.returned];
        }
        None => call.except = claims(call.function),
    }
}

/// A call after the sequence, of which two handles must not be the same.
fn compare(sequence: &Sequence, one: Option<u32>, other: u32) -> Option<Step> {
    let given = |step: u32| {
        let call = sequence.calls().find(|call| call.number == step)?;
        call.gives.first().map(|capture| capture.name.clone())
    };
    let (one, other) = (given(one?)?, given(other)?);
    let mut call = Call::new(u32::MAX, Function::C_GetInfo);
    call.except = vec![ANY];
    call.expect.push(Expectation {
        subject: Reference::to(one),
        captured: true,
        relation: Relation::Differs(Expected::Number(Number::Reference(Reference::to(other)))),
    });
    Some(Step::Call(Box::new(call)))
}

/// If the sequence begins with a session and a login, the state for it; the steps are taken out.
fn usual_beginning(steps: &mut Vec<Step>) -> Ladder {
    let is = |step: Option<&Step>, function| match step {
        Some(Step::Call(call)) => call.fixture && call.function == function,
        _ => false,
    };
    if !is(steps.first(), Function::C_OpenSession) {
        return Ladder::Initialized;
    }
    let (ladder, count) = match is(steps.get(1), Function::C_Login) {
        true => (Ladder::RwUser, 2),
        false => (Ladder::RwSession, 1),
    };
    let name = match &steps[0] {
        Step::Call(call) => call.gives.first().map(|capture| capture.name.clone()),
        _ => None,
    };
    steps.drain(..count);
    for call in calls_mut(steps) {
        visit::call(call, &mut |place| {
            if let Place::Number(Number::Reference(reference)) = place
                && Some(&reference.name) == name.as_ref()
            {
                SESSION.clone_into(&mut reference.name);
            }
        });
    }
    ladder
}

/// Puts values in place of references to what no call gave.
fn settle(sequence: &mut Sequence, trace: &CaseTrace) {
    let mut known: BTreeSet<String> = ["target", SESSION].map(str::to_owned).into();
    settle_steps(&mut sequence.steps, trace, &mut known);
}

fn settle_steps(steps: &mut [Step], trace: &CaseTrace, known: &mut BTreeSet<String>) {
    for step in steps {
        match step {
            Step::Call(call) => {
                visit::call(call, &mut |place| settle_place(place, known));
                let call: &Call = call;
                let given = call.gives.iter();
                let given = given.filter(|capture| gave(trace, call, &capture.output.name));
                known.extend(given.map(|capture| capture.name.clone()));
            }
            Step::ForEach(each) => {
                known.insert(each.bind.clone());
                settle_steps(&mut each.steps, trace, known);
            }
            Step::InChild(steps) => settle_steps(steps, trace, known),
            Step::Pause(_) | Step::Reload | Step::Token { .. } => {}
            Step::Together(together) => {
                let before = known.clone();
                for lane in &mut together.lanes {
                    let mut of_lane = before.clone();
                    settle_steps(lane, trace, &mut of_lane);
                    known.append(&mut of_lane);
                }
            }
        }
    }
}

/// True if a call of this step gave the output. Of a step made in rounds any may have: a later one that fails, or does
/// not come back, takes nothing away.
fn gave(trace: &CaseTrace, call: &Call, output: &str) -> bool {
    let mut parameters = call.function.parameters().iter();
    let Some(index) = parameters.position(|parameter| parameter.name == output) else {
        return false;
    };
    let mut made = trace.calls.iter().filter(|made| {
        let ok = made.returned.is_some_and(|back| back.rv == CKR_OK);
        made.step == call.number && !made.question && ok
    });
    made.any(|made| made.outputs.iter().any(|(output, _)| *output == index))
}

fn settle_place(place: Place<'_>, known: &BTreeSet<String>) {
    let lost = place
        .reference()
        .is_some_and(|reference| !known.contains(&reference.name));
    match place {
        Place::Number(number) if lost => *number = Number::Literal(0),
        Place::Content(content) if lost => *content = Content::Literal(Vec::new()),
        _ => {}
    }
}

/// Takes out captures that nothing refers to.
fn keep_what_is_used(sequence: &mut Sequence) {
    let mut used = BTreeSet::new();
    for call in calls_mut(&mut sequence.steps) {
        visit::call(call, &mut |place| {
            used.extend(place.reference().map(|reference| reference.name.clone()));
        });
        for expectation in call.expect.iter_mut().filter(|of| of.captured) {
            used.insert(expectation.subject.name.clone());
            visit::relation(&mut expectation.relation, &mut |place| {
                used.extend(place.reference().map(|reference| reference.name.clone()));
            });
        }
    }
    for step in &sequence.steps {
        if let Step::ForEach(each) = step {
            used.insert(each.list.name.clone());
        }
    }
    for call in calls_mut(&mut sequence.steps) {
        call.gives.retain(|capture| used.contains(&capture.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::TraceCall;
    use crate::sequence::{Argument, Capture, Together, Value};
    use crate::worker::Returned;
    use cryptoki_sys::CKR_SESSION_COUNT;

    /// A session that a lane opens in rounds and asks about, once its names are settled by how its openings went.
    fn settled(openings: &[TraceCall]) -> Sequence {
        let mut open = Call::new(1, Function::C_OpenSession);
        open.gives = vec![Capture {
            output: Reference::to("session"),
            name: "a0".to_owned(),
        }];
        let mut ask = Call::new(2, Function::C_GetSessionInfo);
        ask.arguments[0] = Argument::named("a0");
        let lane = [open, ask].map(|call| Step::Call(Box::new(call)));
        let mut sequence = Sequence {
            steps: vec![Step::Together(Together {
                repeat: 3,
                ..Together::of(vec![lane.to_vec()])
            })],
        };
        let trace = CaseTrace {
            calls: openings.to_vec(),
            ..CaseTrace::default()
        };
        settle(&mut sequence, &trace);
        sequence
    }

    /// True if the session of a lane that was opened so is kept as what is asked about.
    fn is_kept(openings: &[TraceCall]) -> bool {
        let sequence = settled(openings);
        let asked = sequence.calls().last().expect("a call");
        asked.arguments[0] == Argument::named("a0")
    }

    fn opening(rv: Option<u64>) -> TraceCall {
        let place = Function::C_OpenSession.parameters().len() - 1;
        let handle = (place, Value::Number(7));
        TraceCall {
            step: 1,
            lane: Some(0),
            function: Function::C_OpenSession,
            question: false,
            start_ns: 0,
            returned: rv.map(|rv| Returned { rv, duration_ns: 0 }),
            outputs: Vec::from_iter((rv == Some(CKR_OK)).then_some(handle)),
            violations: Vec::new(),
            malformed: false,
        }
    }

    /// Lists may have gaps: whoever returns such a value is told so, and passes.
    #[test]
    fn a_value_that_no_list_has_is_weak_and_known_by_itself() {
        let mut info = Call::new(1, Function::C_GetInfo);
        info.returns = vec![CKR_OK];
        let decoded = Decoded {
            sequence: Sequence {
                steps: vec![Step::Call(Box::new(info))],
            },
            given: Vec::new(),
            shares_login: false,
            own_token: false,
        };
        let suspect = Suspect::disagrees(Disagreement {
            step: 1,
            function: Function::C_GetInfo,
            returned: cryptoki_sys::CKR_PIN_INCORRECT,
            model: CKR_OK,
            output: None,
        });
        let trace = CaseTrace::default();
        assert!(shape_of(&decoded.sequence, &suspect, &trace).is_empty());
        let case = case(&decoded, &suspect, &trace);
        assert_eq!(case.id, "fuzz/C_GetInfo/CKR_PIN_INCORRECT-unlisted");
        assert_eq!(case.level, Level::Should);
        let call = case.sequence.calls().next().expect("the call");
        assert_eq!(call.except, [cryptoki_sys::CKR_PIN_INCORRECT]);
        assert_eq!(call.tolerates, call.except);
    }

    #[test]
    fn what_one_round_gave_is_given_though_a_later_one_failed_or_did_not_come_back() {
        let (opened, refused) = (opening(Some(CKR_OK)), opening(Some(CKR_SESSION_COUNT)));
        let endless = opening(None);
        assert!(is_kept(&[opened.clone(), refused.clone()]));
        assert!(is_kept(&[opened.clone(), endless.clone()]));
        assert!(is_kept(&[refused.clone(), opened.clone()]));
        assert!(!is_kept(&[refused, endless]));
        let question = TraceCall {
            question: true,
            ..opened
        };
        assert!(!is_kept(&[question]), "that asked for sizes alone");
    }
}
