use super::*;
use crate::oracle::{CaseTrace, TraceCall};
use crate::sequence::Bytes;
use crate::worker::Returned;

fn ran(absurd: &str) -> Ran {
    let call = TraceCall {
        step: 1,
        lane: None,
        function: Function::C_DecryptUpdate,
        question: true,
        start_ns: 0,
        returned: Some(Returned {
            rv: 0,
            duration_ns: 0,
        }),
        outputs: Vec::new(),
        violations: Vec::new(),
        malformed: false,
    };
    Ran {
        number: 0,
        trace: CaseTrace {
            calls: vec![call],
            absurd: Some(absurd.to_owned()),
            ..CaseTrace::default()
        },
        end: None,
        target: None,
        stdout: String::new(),
        stderr: String::new(),
        guard: None,
        spoiled: false,
        fault: None,
        duration_ns: 0,
    }
}

#[test]
fn a_size_is_absurd_unless_an_input_is_said_to_be_as_long() {
    let mut call = Call::new(1, Function::C_DecryptUpdate);
    let size = u64::MAX.to_string();
    let found = Suspect::of(&[&call], &ran(&size)).expect("a suspect");
    assert_eq!(found.name(), "C_DecryptUpdate/absurd-size");
    call.arguments[1] = Argument::Bytes(Bytes {
        content: None,
        claim: Some(Number::Literal(u64::MAX - 16)),
    });
    assert_eq!(Suspect::of(&[&call], &ran(&size)), None);
}

/// What a sequence of these calls came to that a program of the token did not outlive.
fn ended(calls: &[(Function, u64)]) -> Suspect {
    let mut ran = ran("");
    let call = ran.trace.calls.remove(0);
    let calls = calls.iter().zip(1..);
    ran.trace.calls = calls
        .map(|((function, rv), step)| TraceCall {
            step,
            function: *function,
            returned: Some(Returned {
                rv: *rv,
                duration_ns: 0,
            }),
            ..call.clone()
        })
        .collect();
    ran.trace.absurd = None;
    ran.end = Some(End::Program {
        program: "/usr/sbin/a daemon".to_owned(),
        end: Box::new(End::Exited { status: 3 }),
    });
    Suspect::of(&[], &ran).expect("a suspect")
}

#[test]
fn the_first_call_without_an_answer_is_blamed_for_the_end_of_a_program() {
    use Function::{C_CreateObject, C_GetInfo, C_OpenSession, C_Sign};
    use cryptoki_sys::{CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED};
    let found = ended(&[
        (C_Sign, CKR_DEVICE_ERROR),
        (C_OpenSession, CKR_OK),
        (C_CreateObject, CKR_DEVICE_REMOVED),
        (C_Sign, CKR_DEVICE_ERROR),
        (C_GetInfo, CKR_OK),
        (C_Sign, CKR_ARGUMENTS_BAD),
    ]);
    assert_eq!(found.name(), "C_CreateObject/a-daemon-exit-3");
    assert_eq!(found.step, Some(3));
    let noticed_later = ended(&[(C_OpenSession, CKR_OK), (C_Sign, CKR_OK)]);
    assert_eq!(noticed_later.name(), "C_Sign/a-daemon-exit-3");
    assert!(found.is_shown_by(&noticed_later));
    let other = Suspect {
        what: What::Ended(Box::new(End::Exited { status: 3 })),
        ..found.clone()
    };
    assert!(!found.is_shown_by(&other) && !other.is_shown_by(&found));
}

/// Two lanes were in a call each when the process ended by `exit`.
fn left(ended_lane: Option<u16>) -> Suspect {
    let mut ran = ran("");
    let call = ran.trace.calls.remove(0);
    let lanes = [(0, Function::C_Sign), (1, Function::C_Login)];
    ran.trace.calls = lanes
        .map(|(lane, function)| TraceCall {
            lane: Some(lane),
            function,
            returned: None,
            ..call.clone()
        })
        .to_vec();
    ran.trace.ended_lane = ended_lane;
    ran.end = Some(End::Exited { status: 5 });
    Suspect::of(&[], &ran).expect("a suspect")
}

#[test]
fn an_exit_blames_the_call_of_its_lane_or_none() {
    let (known, unknown) = (left(Some(1)), left(None));
    assert_eq!(known.name(), "C_Login/exit-5");
    assert_eq!(unknown.name(), "worker/exit-5");
    assert!(unknown.is_shown_by(&known) && !known.is_shown_by(&unknown));
}

/// A function that says so by itself hides no library that was lost.
#[test]
fn a_library_that_was_lost_is_one_finding_whichever_call_says_so() {
    use cryptoki_sys::CKR_FUNCTION_FAILED;
    let says = |function, returned, lost_library| Suspect {
        lost_library,
        ..Suspect::disagrees(Disagreement {
            step: 2,
            function,
            returned,
            model: CKR_OK,
            output: None,
        })
    };
    let lost = says(Function::C_GetSlotList, CKR_CRYPTOKI_NOT_INITIALIZED, true);
    assert_eq!(lost.name(), LOST_LIBRARY);
    let noticed = says(Function::C_Sign, CKR_CRYPTOKI_NOT_INITIALIZED, false);
    assert_eq!(
        noticed.name(),
        "C_Sign/CKR_CRYPTOKI_NOT_INITIALIZED-not-CKR_OK"
    );
    assert!(noticed.is_shown_by(&lost) && !lost.is_shown_by(&noticed));
    let other = says(Function::C_GetSlotList, CKR_FUNCTION_FAILED, true);
    assert!(!other.is_shown_by(&lost) && !lost.is_shown_by(&other));
}

#[test]
fn a_crash_is_known_by_its_place_in_the_module() {
    let frame = |module: &str, offset| Frame {
        module: module.to_owned(),
        offset,
        build_id: None,
        symbol: None,
    };
    let frames = [
        frame("libc.so.6", 1),
        frame("libmine.so", 0xabc),
        frame("libmine.so", 2),
    ];
    assert_eq!(top(&frames), "-abc");
    assert_eq!(top(&[frame("libc.so.6", 1)]), "");
    assert_eq!(top(&[frame("?", 7), frame("p11assay", 9)]), "-9");
}
