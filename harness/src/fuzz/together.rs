//! What is wrong with calls of several lanes whatever the order in which they came. Nothing that depends on the order
//! is: no answer of one lane is held against what another did.

use cryptoki_sys::CKR_OK;

use super::suspect::{Suspect, What};
use crate::cryptoki::{Function, ParameterKind, function::Domain, returns};
use crate::oracle::{CaseTrace, TraceCall};
use crate::sequence::{Sequence, Step, Value, shape};
use crate::worker::CHILD;

/// How far readings of the clock may be apart on two cores, nanoseconds.
const SLACK: u64 = 10_000;

/// How many rounds of lanes are made where they come one after the other.
const ROUNDS: u32 = 3;

/// Functions that put an end to sessions.
const ENDS: [Function; 4] = [
    Function::C_CloseSession,
    Function::C_CloseAllSessions,
    Function::C_InitToken,
    Function::C_Finalize,
];

/// What is wrong with the calls of lanes. What a session answers that several of them use is nothing to go by: of two
/// threads in one session nothing is said ([PKCS11-Base 3.2] 5.1.2).
pub(super) fn suspect(sequence: &Sequence, trace: &CaseTrace) -> Option<Suspect> {
    one_handle_twice(trace).or_else(|| match shape::shares_sessions(&sequence.steps) {
        true => None,
        false => unlisted(trace),
    })
}

/// The lanes in the order in which their steps began. A step that first asks for sizes began with the question.
pub(super) fn order(trace: &CaseTrace) -> Vec<u16> {
    let mut begun: Vec<(u64, u16)> = Vec::new();
    let mut before = None;
    for call in trace.calls.iter().filter(|call| is_of_a_lane(call)) {
        let asked = before.replace((call.lane, call.step, call.question));
        if asked != Some((call.lane, call.step, true)) {
            begun.extend(call.lane.map(|lane| (call.start_ns, lane)));
        }
    }
    begun.sort_by_key(|(start, _)| *start);
    begun.into_iter().map(|(_, lane)| lane).collect()
}

/// A sequence with the steps of its lanes, some rounds of them, one after the other: lane by lane, the last lane first, or drawn.
pub(super) fn in_an_order(sequence: &Sequence, seed: u64) -> Sequence {
    let mut rng = fastrand::Rng::with_seed(seed);
    let steps = sequence.steps.iter().flat_map(|step| match step {
        Step::Together(block) => {
            let rounds = block.repeat.min(ROUNDS) as usize;
            let lanes = block.lanes.iter();
            let lanes: Vec<_> = lanes
                .map(|lane| vec![lane.as_slice(); rounds].concat())
                .collect();
            let mut lanes: Vec<_> = lanes.iter().map(|lane| lane.iter()).collect();
            let mut merged = Vec::new();
            while lanes.iter().any(|lane| lane.len() > 0) {
                let left: Vec<usize> = (0..lanes.len())
                    .filter(|lane| lanes[*lane].len() > 0)
                    .collect();
                let next = match seed {
                    0 => left[0],
                    1 => left[left.len() - 1],
                    _ => left[rng.usize(..left.len())],
                };
                merged.extend(lanes[next].next().cloned());
            }
            merged
        }
        other => vec![other.clone()],
    });
    Sequence {
        steps: steps.collect(),
    }
}

fn is_of_a_lane(call: &TraceCall) -> bool {
    call.lane.is_some_and(|lane| lane != CHILD)
}

/// A return value that the function's section does not list ([PKCS11-Base 3.2] 5.1): on its own no more than a gap
/// that 5.1 speaks of, and of interest if only lanes bring it about.
fn unlisted(trace: &CaseTrace) -> Option<Suspect> {
    let mut calls = trace.calls.iter().filter(|call| is_of_a_lane(call));
    calls.find_map(|call| {
        let rv = call.returned?.rv;
        (!returns::is_permitted(call.function, rv)).then_some(Suspect {
            step: Some(call.step),
            function: Some(call.function),
            what: What::Unlisted(rv),
            lost_library: false,
        })
    })
}

/// A session with the handle of another one that is open: a handle identifies its session ([PKCS11-Base 3.2] 5.6.1).
/// Whatever may have closed the other one, between the beginning of the first call and the end of the second, is given
/// the benefit of the doubt.
fn one_handle_twice(trace: &CaseTrace) -> Option<Suspect> {
    let opened: Vec<(&TraceCall, u64)> = trace.calls.iter().filter_map(given).collect();
    for (place, (second, handle)) in opened.iter().enumerate() {
        for (first, _) in opened[..place].iter().filter(|(_, other)| other == handle) {
            let between = (
                first.start_ns.min(second.start_ns).saturating_sub(SLACK),
                end(first).max(end(second)).saturating_add(SLACK),
            );
            let in_lanes = is_of_a_lane(first) || is_of_a_lane(second);
            if first.step != second.step && in_lanes && !may_have_ended(trace, between) {
                return Some(Suspect {
                    step: Some(second.step),
                    function: Some(second.function),
                    what: What::Twice(first.step),
                    lost_library: false,
                });
            }
        }
    }
    None
}

/// The handle of a session that a call opened.
fn given(call: &TraceCall) -> Option<(&TraceCall, u64)> {
    let opened = call.function == Function::C_OpenSession && call.returned?.rv == CKR_OK;
    let is_session = |place: usize| {
        let parameter = call.function.parameters().get(place);
        parameter.is_some_and(|of| of.kind == ParameterKind::OutUlong(Domain::Session))
    };
    let mut outputs = call.outputs.iter().filter(|(place, _)| is_session(*place));
    match outputs.next() {
        Some((_, Value::Number(handle))) if opened => Some((call, *handle)),
        _ => None,
    }
}

/// True if a call that ends sessions may have done so at a time between these two.
fn may_have_ended(trace: &CaseTrace, (from, until): (u64, u64)) -> bool {
    let mut ending = trace
        .calls
        .iter()
        .filter(|call| ENDS.contains(&call.function));
    ending.any(|call| call.start_ns <= until && end(call) >= from)
}

/// When a call was over.
fn end(call: &TraceCall) -> u64 {
    let duration = call.returned.map(|back| back.duration_ns);
    duration.map_or(u64::MAX, |duration| call.start_ns.saturating_add(duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Returned;
    use cryptoki_sys::{CKR_KEY_HANDLE_INVALID, CKR_PIN_INCORRECT};

    /// A call of a lane that began at this time and took 1000 ns.
    fn call(lane: u16, function: Function, (start_ns, rv): (u64, u64)) -> TraceCall {
        TraceCall {
            step: 10 * u32::from(lane) + start_ns as u32 / 1_000_000,
            lane: Some(lane),
            function,
            question: false,
            start_ns,
            returned: Some(Returned {
                rv,
                duration_ns: 1000,
            }),
            outputs: Vec::new(),
            violations: Vec::new(),
            malformed: false,
        }
    }

    fn open(lane: u16, start_ns: u64, handle: u64) -> TraceCall {
        let place = Function::C_OpenSession.parameters().len() - 1;
        TraceCall {
            outputs: vec![(place, Value::Number(handle))],
            ..call(lane, Function::C_OpenSession, (start_ns, CKR_OK))
        }
    }

    fn found(calls: Vec<TraceCall>) -> Option<String> {
        let trace = CaseTrace {
            calls,
            ..CaseTrace::default()
        };
        let sequence = Sequence { steps: Vec::new() };
        suspect(&sequence, &trace).map(|suspect| suspect.name())
    }

    #[test]
    fn what_a_session_answers_that_lanes_share_is_nothing_to_go_by() {
        use crate::sequence::{Argument, Call, Number, Together};
        let on = |number, session: Argument| {
            let mut call = Call::new(number, Function::C_VerifySignatureUpdate);
            call.arguments[0] = session;
            Step::Call(Box::new(call))
        };
        let told = |one: &Argument, other: Argument| {
            let lanes = vec![vec![on(1, one.clone())], vec![on(2, other)]];
            let steps = vec![Step::Together(Together::of(lanes))];
            let wrong = call(0, Function::C_GetInfo, (0, CKR_PIN_INCORRECT));
            let trace = CaseTrace {
                calls: vec![wrong],
                ..CaseTrace::default()
            };
            suspect(&Sequence { steps }, &trace).is_some()
        };
        let one = Argument::named("s0");
        assert!(told(&one, Argument::named("s1")));
        assert!(told(&one, Argument::Number(Number::Literal(0))));
        assert!(!told(&one, one.clone()));
        assert!(!told(&one, Argument::Number(Number::Literal(7))));
    }

    #[test]
    fn two_sessions_that_are_open_have_two_handles() {
        let twice = Some("C_OpenSession/one-handle-twice".to_owned());
        assert_eq!(
            found(vec![open(0, 5_000_000, 7), open(1, 5_000_100, 7)]),
            twice
        );
        assert_eq!(
            found(vec![open(0, 5_000_000, 7), open(1, 5_000_100, 8)]),
            None
        );
        let close = |start| call(0, Function::C_CloseSession, (start, CKR_OK));
        let with = |at| {
            found(vec![
                open(0, 5_000_000, 7),
                close(at),
                open(1, 7_000_000, 7),
            ])
        };
        assert_eq!(with(6_000_000), None, "it may be given out again");
        assert_eq!(
            with(4_990_000),
            None,
            "it was closing when the first was opened"
        );
        assert_eq!(with(9_000_000), twice, "it was closed later");
        assert_eq!(with(3_000_000), twice, "something was closed before");
        let endless = TraceCall {
            returned: None,
            ..close(3_000_000)
        };
        let calls = vec![open(0, 5_000_000, 7), endless, open(1, 7_000_000, 7)];
        assert_eq!(found(calls), None);
    }

    #[test]
    fn the_steps_of_lanes_come_in_many_orders_without_lanes() {
        use crate::sequence::{Call, Together};
        let call = |number| Step::Call(Box::new(Call::new(number, Function::C_GetInfo)));
        let block = Together::of(vec![vec![call(2), call(3)], vec![call(4), call(5)]]);
        let sequence = Sequence {
            steps: vec![call(1), Step::Together(block), call(6)],
        };
        let numbers = |seed| {
            let merged = in_an_order(&sequence, seed);
            assert!(!merged.has_lanes());
            merged.calls().map(|call| call.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(0), [1, 2, 3, 4, 5, 6]);
        assert_eq!(numbers(1), [1, 4, 5, 2, 3, 6]);
        let all: std::collections::BTreeSet<_> = (0..32).map(numbers).collect();
        assert_eq!(all.len(), 6, "all that there are");
        for order in all {
            let place = |number| order.iter().position(|one| *one == number);
            assert!(place(2) < place(3) && place(4) < place(5));
        }
    }

    #[test]
    fn steps_of_lanes_are_ordered_by_when_they_began() {
        let made = |lane, start| call(lane, Function::C_GetInfo, (start, CKR_OK));
        let asks = TraceCall {
            question: true,
            ..made(0, 2_000_000)
        };
        let answer = TraceCall {
            start_ns: 2_500_000,
            ..made(0, 2_000_000)
        };
        let trace = CaseTrace {
            calls: vec![
                made(0, 1_000_000),
                asks,
                answer,
                made(1, 1_500_000),
                made(1, 3_000_000),
            ],
            ..CaseTrace::default()
        };
        assert_eq!(order(&trace), [0, 1, 0, 1]);
    }

    #[test]
    fn a_value_that_the_section_does_not_list_is_told_of_lanes_alone() {
        let wrong = call(0, Function::C_GetInfo, (0, CKR_PIN_INCORRECT));
        let outside = TraceCall {
            lane: None,
            ..wrong.clone()
        };
        let name = "C_GetInfo/CKR_PIN_INCORRECT-in-a-lane";
        assert_eq!(found(vec![wrong]).as_deref(), Some(name));
        assert_eq!(found(vec![outside]), None);
        let listed = call(0, Function::C_SignInit, (0, CKR_KEY_HANDLE_INVALID));
        assert_eq!(found(vec![listed]), None);
    }
}
