use super::*;
use crate::cryptoki::Function;
use crate::oracle::TraceCall;
use crate::sequence::{Call, Sequence, Together};
use crate::worker::Returned;

#[test]
fn what_comes_behind_the_call_that_showed_it_is_cut_off() {
    let steps = |numbers: std::ops::RangeInclusive<u32>| {
        let step = |number| Step::Call(Box::new(Call::new(number, Function::C_GetInfo)));
        Decoded {
            sequence: Sequence {
                steps: numbers.map(step).collect(),
            },
            given: Vec::new(),
            shares_login: false,
            own_token: false,
        }
    };
    assert_eq!(up_to(&steps(1..=9), 3), Some(steps(1..=3)));
    assert_eq!(up_to(&steps(1..=3), 3), None);
    assert_eq!(up_to(&steps(1..=3), 7), None);
    let mut lanes = steps(3..=4);
    let block = Together::of(vec![steps(1..=2).sequence.steps]);
    lanes.sequence.steps.insert(0, Step::Together(block));
    assert_eq!(up_to(&lanes, 2), None);
}

#[test]
fn a_hang_is_waited_for_as_its_slow_calls_ask() {
    let call = |milliseconds: Option<u64>| TraceCall {
        step: 1,
        lane: None,
        function: Function::C_GenerateKeyPair,
        question: false,
        start_ns: 0,
        returned: milliseconds.map(|milliseconds| Returned {
            rv: 0,
            duration_ns: milliseconds * 1_000_000,
        }),
        outputs: Vec::new(),
        violations: Vec::new(),
        malformed: false,
    };
    let waited = |calls: &[Option<u64>]| {
        patience(&CaseTrace {
            calls: calls.iter().map(|took| call(*took)).collect(),
            ..CaseTrace::default()
        })
    };
    assert_eq!(waited(&[None]), LEAST_DEADLINE);
    assert_eq!(waited(&[Some(1), Some(3), None]), LEAST_DEADLINE);
    assert_eq!(
        waited(&[Some(1), Some(400), None]),
        Duration::from_millis(6400)
    );
}
