//! Blocks of lanes, against functions that any thread may call.
#![allow(
    unsafe_code,
    reason = "is called as a module is, and writes where it is told to"
)]
#![allow(non_snake_case, reason = "functions keep their C names")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};

use cryptoki_sys::*;
use p11assay::execute::Stop;
use p11assay::sequence::{Reference, Step, Value};

use crate::fake::{Script, bytes_at, sequence, table};

static NEXT: AtomicU64 = AtomicU64::new(1);
static SEEN: Mutex<Vec<(u64, usize)>> = Mutex::new(Vec::new());
/// Two calls of `C_CloseSession` wait for each other.
static MEETING: Barrier = Barrier::new(2);

/// Gives every session a handle of its own.
unsafe extern "C" fn open(
    _: u64,
    _: u64,
    _: *mut std::ffi::c_void,
    _: CK_NOTIFY,
    place: *mut u64,
) -> CK_RV {
    // SAFETY: the executor gives a place for a handle.
    unsafe { *place = NEXT.fetch_add(1, Ordering::Relaxed) };
    CKR_OK
}

/// Gives the session back, so often that other threads get their turn in between.
unsafe extern "C" fn info(session: u64, place: *mut CK_SESSION_INFO) -> CK_RV {
    for _ in 0..20 {
        // SAFETY: the executor gives a place for the structure.
        unsafe { (&raw mut (*place).ulDeviceError).write_volatile(session) };
        std::thread::yield_now();
        // SAFETY: as above.
        if unsafe { (&raw const (*place).ulDeviceError).read_volatile() } != session {
            return CKR_GENERAL_ERROR;
        }
    }
    CKR_OK
}

unsafe extern "C" fn digest(
    session: u64,
    data: *mut u8,
    length: u64,
    _: *mut u8,
    _: *mut u64,
) -> CK_RV {
    let bytes = bytes_at(data.expose_provenance(), length as usize);
    let same = bytes.iter().all(|byte| u64::from(*byte) == session);
    SEEN.lock().expect("no panic").push((session, bytes.len()));
    if same { CKR_OK } else { CKR_DATA_INVALID }
}

unsafe extern "C" fn meet(_: u64) -> CK_RV {
    MEETING.wait();
    CKR_OK
}

fn threads() -> CK_FUNCTION_LIST_3_2 {
    CK_FUNCTION_LIST_3_2 {
        C_OpenSession: Some(open),
        C_CloseSession: Some(meet),
        C_GetSessionInfo: Some(info),
        C_Digest: Some(digest),
        ..table()
    }
}

#[test]
fn lanes_share_no_memory_and_keep_what_they_give() {
    let trace = Script::new(
        "- together:\n\
         \x20 - - { C_OpenSession: {}, gives: { session: $one } }\n\
         \x20   - { C_GetSessionInfo: { session: $one }, expect: { info.ulDeviceError: $one } }\n\
         \x20 - - { C_OpenSession: {}, gives: { session: $two } }\n\
         \x20   - { C_GetSessionInfo: { session: $two }, expect: { info.ulDeviceError: $two } }\n\
         \x20 - - { C_OpenSession: {}, gives: { session: $three } }\n\
         \x20   - { C_GetSessionInfo: { session: $three } }\n\
         \x20 repeat: 100\n\
         - C_GetSessionInfo: { session: $one }\n\
         - C_GetSessionInfo: { session: $three }\n",
    )
    .run_on(&threads());
    assert_eq!(trace.stop(), None, "{:#?}", trace.calls.last());
    assert_eq!(trace.calls.len(), 3 * 2 * 100 + 2);
    let of_lane = |lane| trace.calls.iter().filter(move |call| call.lane == lane);
    assert_eq!(of_lane(Some(1)).count(), 200);
    assert_eq!(of_lane(None).count(), 2);
    let opened = trace
        .calls
        .iter()
        .filter_map(|call| match call.outputs[..] {
            [(4, Value::Number(session))] => Some(session),
            _ => None,
        });
    assert_eq!(opened.collect::<BTreeSet<_>>().len(), 300);
    // What a lane gave last is there after the block.
    let path = "info.ulDeviceError"
        .parse::<Reference>()
        .expect("a reference")
        .path;
    let last = |at: usize, lane| {
        let (_, told) = &trace.calls[at].outputs[0];
        let given = of_lane(Some(lane)).rfind(|call| call.outputs[0].0 == 4);
        let given = given.map(|call| call.outputs[0].1.clone());
        assert_eq!(told.select(&path), given);
    };
    last(600, 0);
    last(601, 2);
}

#[test]
fn lanes_run_at_the_same_time() {
    let steps = "- together: [[C_CloseSession: {}], [C_CloseSession: {}]]\n  repeat: 3\n";
    let trace = Script::new(steps).run_on(&threads());
    assert_eq!((trace.calls.len(), trace.stop()), (6, None));
}

#[test]
fn contents_that_are_told_late_are_a_lanes_own() {
    let steps = "- together:\n\
         \x20 - - C_Digest: { session: 1, data: { concat: [$a, { repeat: \"01\", count: 40 }] }, digest: null }\n\
         \x20 - - C_Digest: { session: 2, data: { concat: [$b, { repeat: \"02\", count: 50 }] }, digest: null }\n\
         \x20 repeat: 50\n";
    let trace = Script::new(steps)
        .given("a", Value::Bytes(vec![1]))
        .given("b", Value::Bytes(vec![2]))
        .run_on(&threads());
    assert_eq!((trace.calls.len(), trace.stop()), (100, None));
    let seen = SEEN.lock().expect("no panic");
    assert!(seen.contains(&(1, 41)) && seen.contains(&(2, 51)));
}

#[test]
fn a_lane_that_is_left_leaves_the_others_to_their_end_and_ends_the_sequence() {
    let steps = "- together:\n\
         \x20 - - { C_GetSessionInfo: { session: 1 }, returns: CKR_SESSION_CLOSED }\n\
         \x20   - C_GetSessionInfo: { session: 1 }\n\
         \x20 - - C_GetSessionInfo: { session: 2 }\n\
         \x20   - C_GetSessionInfo: { session: 2 }\n\
         - C_GetSessionInfo: { session: 3 }\n";
    let trace = Script::new(steps).run_on(&threads());
    let made: Vec<_> = trace
        .calls
        .iter()
        .map(|call| (call.lane, call.step))
        .collect();
    assert_eq!(made, [(Some(0), 1), (Some(1), 3), (Some(1), 4)]);
    assert_eq!(trace.stop().map(|(stop, _)| stop), Some(Stop::WrongReturn));
}

#[test]
fn a_block_can_be_run_again() {
    let mut script = Script::new("- together: [[C_GetSessionInfo: { session: 5 }]]\n");
    script.runs = 3;
    let trace = script.run_on(&threads());
    assert_eq!((trace.calls.len(), trace.stop()), (1, None));
}

#[test]
fn lanes_that_only_a_program_could_nest_are_not_run() {
    let mut nested = sequence("- together: [[C_GetInfo]]\n");
    let inner = nested.steps.clone();
    if let Step::Together(block) = &mut nested.steps[0] {
        block.lanes[0] = inner;
    }
    let trace = Script::new("").run_sequence(&nested, &threads());
    assert_eq!(trace.stop().map(|(stop, _)| stop), Some(Stop::Unresolved));
    assert!(trace.calls.is_empty());
}
