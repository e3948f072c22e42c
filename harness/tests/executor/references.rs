//! What earlier calls gave finds its way into later ones.

use std::cell::RefCell;
use std::rc::Rc;

use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED, CKR_OK};
use p11assay::execute::Stop;
use p11assay::oracle::CaseTrace;
use p11assay::sequence::Value;

use crate::fake::{Got, Script, put, run};

/// Runs steps; gives the words of every call beside the trace.
fn words(steps: &str, act: impl Fn(&Got) -> u64 + 'static) -> (CaseTrace, Vec<Vec<usize>>) {
    let all = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&all);
    let trace = run(steps, move |got| {
        kept.borrow_mut().push(got.words.clone());
        act(got)
    });
    let all = all.take();
    (trace, all)
}

/// Slots 21, 22 and 23, session 9 for whoever opens one.
fn slots(got: &Got) -> u64 {
    match got.function {
        "C_GetSlotList" => {
            if got.words[1] != 0 {
                got.give(1, &[21u64, 22, 23].map(u64::to_ne_bytes).concat());
            }
            got.give_ulong(2, 3);
        }
        "C_OpenSession" => got.give_ulong(4, 9),
        _ => {}
    }
    CKR_OK
}

const LIST: &str = "- C_GetSlotList: { token_present: true }\n  gives: { slot_list: $slots }\n";

#[test]
fn elements_and_lengths_of_lists_are_arguments() {
    let steps = format!(
        "{LIST}- C_CloseSession: {{ session: \"${{slots[2]}}\" }}\n\
         - C_CloseSession: {{ session: $slots.length }}\n"
    );
    let (trace, words) = words(&steps, slots);
    assert_eq!(trace.stop(), None);
    assert_eq!(words[2..], [[23], [3]]);
}

#[test]
fn a_loop_visits_every_element() {
    let steps = format!(
        "{LIST}- for-each:\n    in: $slots\n    as: $slot\n    steps:\n      \
         - C_OpenSession: {{ slot: $slot, flags: 4 }}\n        gives: {{ session: $new }}\n      \
         - C_CloseSession: {{ session: $new }}\n"
    );
    let (trace, words) = words(&steps, slots);
    assert_eq!(trace.stop(), None);
    let opened: Vec<usize> = words[2..].iter().step_by(2).map(|words| words[0]).collect();
    assert_eq!(opened, [21, 22, 23]);
    assert!(words[3..].iter().step_by(2).all(|words| words == &[9]));
}

#[test]
fn attributes_are_arguments_and_bytes() {
    let steps = "- C_GetAttributeValue: { session: 1, object: 2, template: { \
                 CKA_KEY_TYPE: { buffer: 8 }, CKA_ID: { buffer: 2 } } }\n  \
                 gives: { template: $attributes }\n\
                 - C_DigestKey: { session: 3, key: $attributes.CKA_KEY_TYPE }\n\
                 - C_Digest: { session: 3, data: { concat: [\"00\", $attributes.CKA_ID] }, \
                 digest: { buffer: 1 } }\n";
    let (trace, words) = words(steps, |got| {
        match got.function {
            "C_GetAttributeValue" => {
                put(
                    crate::fake::ulong_at(got.words[2] + 8),
                    &31u64.to_ne_bytes(),
                );
                put(crate::fake::ulong_at(got.words[2] + 32), b"id");
            }
            "C_Digest" => assert_eq!(got.bytes(1, 3), b"\0id"),
            _ => {}
        }
        CKR_OK
    });
    assert_eq!(trace.stop(), None);
    assert_eq!(words[1], [3, 31]);
    assert_eq!(words[2][2], 3);
}

#[test]
fn bytes_are_flipped_and_cut() {
    let steps = "- C_Digest: { session: 1, data: { of: $data, flip: 1 }, digest: { buffer: 1 } }\n\
                 - C_Digest: { session: 1, data: { of: $data, take: 1 }, digest: { buffer: 1 } }\n";
    let mut calls = 0;
    let trace = Script::new(steps)
        .given("data", Value::Bytes(vec![1, 2]))
        .run(move |got| {
            calls += 1;
            let expected: &[u8] = if calls == 1 { &[0x41, 2] } else { &[1] };
            assert_eq!(got.bytes(1, got.words[2]), expected);
            CKR_OK
        });
    assert_eq!(trace.calls.len(), 2);
}

#[test]
fn a_size_follows_what_an_earlier_call_gave() {
    let steps = format!(
        "{LIST}- C_GenerateRandom: {{ session: 1, random_data: {{ buffer: $slots.length }} }}\n"
    );
    let (_, words) = words(&steps, slots);
    assert_eq!(words[2][2], 3);
}

#[test]
fn what_was_not_given_ends_the_case() {
    let steps = "- C_OpenSession: { flags: 4 }\n  returns: CKR_FUNCTION_FAILED\n  \
                 gives: { session: $session }\n- C_CloseSession: { session: $session }\n";
    let (trace, words) = words(steps, |_| CKR_FUNCTION_FAILED);
    assert_eq!(words.len(), 1);
    assert_eq!(trace.stop().map(|(stop, _)| stop), Some(Stop::Unresolved));
}

#[test]
fn a_wrong_return_value_ends_the_case_unless_it_keeps_going() {
    let wrong = "- C_CloseSession: { session: 1 }\n";
    let (trace, made) = words(&wrong.repeat(2), |_| CKR_ARGUMENTS_BAD);
    assert_eq!(made.len(), 1);
    assert_eq!(trace.stop().map(|(stop, _)| stop), Some(Stop::WrongReturn));
    let (trace, made) = words(&format!("{wrong}  keep-going: true\n").repeat(2), |_| {
        CKR_ARGUMENTS_BAD
    });
    assert_eq!((made.len(), trace.stop()), (2, None));
    let lacking = format!("{wrong}  not-applicable-on: CKR_ARGUMENTS_BAD\n");
    let (trace, _) = words(&lacking, |_| CKR_ARGUMENTS_BAD);
    assert_eq!(
        trace.stop().map(|(stop, _)| stop),
        Some(Stop::NotApplicable)
    );
}
