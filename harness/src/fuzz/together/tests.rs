use super::*;
use crate::worker::Returned;
use cryptoki_sys::{CKR_KEY_HANDLE_INVALID, CKR_PIN_INCORRECT};

fn suspect(sequence: &Sequence, trace: &CaseTrace) -> Option<Suspect> {
    one_handle_twice(trace).or_else(|| unlisted(sequence, trace))
}

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

/// The second and the first of two sessions with one handle, each two looked at and all that may have come between.
fn plainly(trace: &CaseTrace) -> Option<(u32, u32)> {
    let calls = trace.calls.iter();
    let opened: Vec<_> = calls
        .filter_map(|call| Some((call, given(call)?)))
        .collect();
    let may_have_ended = |from: u64, until: u64| {
        let mut ending = trace.calls.iter();
        ending.any(|call| {
            ENDS.contains(&call.function) && call.start_ns <= until && end(call) >= from
        })
    };
    for (place, (second, handle)) in opened.iter().enumerate() {
        for (first, other) in &opened[..place] {
            let from = first.start_ns.min(second.start_ns).saturating_sub(SLACK);
            let until = end(first).max(end(second)).saturating_add(SLACK);
            let in_lanes = is_of_a_lane(first) || is_of_a_lane(second);
            let differ = first.step != second.step && handle == other;
            if differ && in_lanes && !may_have_ended(from, until) {
                return Some((second.step, first.step));
            }
        }
    }
    None
}

/// A few calls that open and close sessions at about the same time.
fn drawn(rng: &mut fastrand::Rng) -> CaseTrace {
    let count = rng.usize(2..12);
    let calls = (0..count).map(|_| {
        let start = rng.u64(..40) * 4000;
        let mut made = match rng.u8(..4) {
            0 => call(0, Function::C_CloseSession, (start, CKR_OK)),
            _ => open(0, start, rng.u64(7..9)),
        };
        made.step = rng.u32(1..5);
        made.lane = [None, None, Some(0), Some(1)][rng.usize(..4)];
        made.returned = Some(Returned {
            rv: CKR_OK,
            duration_ns: [1, 8000, 20_000][rng.usize(..3)],
        });
        if made.function == Function::C_CloseSession && rng.u8(..16) == 0 {
            made.returned = None;
        }
        made
    });
    CaseTrace {
        calls: calls.collect(),
        ..CaseTrace::default()
    }
}

#[test]
fn of_all_sessions_with_one_handle_the_first_two_that_were_open_are_told() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut told = 0;
    for _ in 0..3000 {
        let trace = drawn(&mut rng);
        let found = one_handle_twice(&trace).map(|suspect| match suspect.what {
            What::Twice(first) => (suspect.step.expect("a step"), first),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, plainly(&trace), "{trace:#?}");
        told += u32::from(found.is_some());
    }
    assert!((100..2900).contains(&told), "{told}");
}

/// To look at each two of them, and for each two at all that may have come between, would take days.
#[test]
fn a_handle_may_be_given_out_again_thousands_of_times() {
    let rounds = (0..30_000).flat_map(|round: u32| {
        let start = u64::from(round) * 100_000;
        let close = call(0, Function::C_CloseSession, (start + 50_000, CKR_OK));
        let opened = TraceCall {
            step: 1 + round % 2,
            ..open(0, start, 7)
        };
        [opened, close]
    });
    assert_eq!(found(rounds.collect()), None);
}

#[test]
fn rounds_of_one_step_are_not_held_against_each_other() {
    let rounds = (0..100_000).map(|round| TraceCall {
        step: 1,
        ..open(0, round, 7)
    });
    assert_eq!(found(rounds.collect()), None);
}

#[test]
fn what_ends_sessions_is_left_out_with_the_lanes_that_do_nothing_else() {
    use crate::sequence::{Call, Together};
    let call = |number, function| Step::Call(Box::new(Call::new(number, function)));
    let (open, close) = (Function::C_OpenSession, Function::C_CloseSession);
    let lanes = vec![
        vec![call(2, open), call(3, close)],
        vec![call(4, open)],
        vec![call(5, Function::C_CloseAllSessions)],
    ];
    let block = Together {
        repeat: 7,
        ..Together::of(lanes)
    };
    let steps = vec![
        call(1, close),
        Step::Together(block),
        call(6, Function::C_GetInfo),
    ];
    let left = without_ends(&Sequence { steps });
    let numbers: Vec<_> = left.calls().map(|call| call.number).collect();
    assert_eq!(numbers, [2, 4, 6]);
    let [Step::Together(block), _] = &left.steps[..] else {
        panic!("{left:#?}");
    };
    assert_eq!((block.lanes.len(), block.repeat), (2, 7));
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
