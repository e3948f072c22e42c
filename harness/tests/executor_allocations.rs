//! Running a prepared sequence of calls of fixed size allocates nothing: all memory was taken when
//! it was prepared.
#![allow(
    unsafe_code,
    reason = "counts in the allocator, and is called as a module is"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use cryptoki_sys::*;
use p11assay::execute::{Defaults, Options, Prepared};
use p11assay::memory::Arena;
use p11assay::sequence::{Value, read};
use p11assay::worker::{JournalWriter, Timing};
use p11assay::yaml::Document;

/// The system's allocator, counting for each thread: other threads are the test runner's.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is going away has no counter any more, and no test either.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: the system's allocator does it all; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: passed on to the caller, here and below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

unsafe extern "C" fn get_info(_: *mut CK_INFO) -> CK_RV {
    CKR_OK
}

unsafe extern "C" fn open(_: u64, _: u64, _: CK_VOID_PTR, _: CK_NOTIFY, place: *mut u64) -> CK_RV {
    // SAFETY: a place for one handle.
    unsafe { *place = 5 };
    CKR_OK
}

unsafe extern "C" fn close(session: u64) -> CK_RV {
    if session == 5 {
        CKR_OK
    } else {
        CKR_SESSION_HANDLE_INVALID
    }
}

unsafe extern "C" fn digest_init(_: u64, _: *mut CK_MECHANISM) -> CK_RV {
    CKR_OK
}

/// Names 32 bytes, as for SHA-256.
unsafe extern "C" fn digest(_: u64, _: *mut u8, _: u64, _: *mut u8, length: *mut u64) -> CK_RV {
    // SAFETY: a place for one length.
    unsafe { *length = 32 };
    CKR_OK
}

/// Names eight bytes for every attribute.
unsafe extern "C" fn attributes(_: u64, _: u64, list: *mut CK_ATTRIBUTE, count: u64) -> CK_RV {
    for index in 0..count as usize {
        // SAFETY: as many attributes as are told.
        unsafe { (*list.add(index)).ulValueLen = 8 };
    }
    CKR_OK
}

const STEPS: &str = "\
- C_GetInfo
- C_OpenSession: { flags: 4 }
  gives: { session: $session }
- C_DigestInit: { session: $session, mechanism: { type: CKM_SHA256, parameter: \"00\" } }
- C_Digest: { session: $session, data: \"616263\", digest: { buffer: 32 } }
- C_Digest: { session: $session, data: \"616263\", digest: { buffer: exact } }
- C_GetAttributeValue: { session: $session, object: \"${objects[1]}\", template: [CKA_CLASS, CKA_KEY_TYPE] }
- C_CloseSession: { session: $session }
";

#[test]
fn running_a_prepared_sequence_allocates_nothing() {
    let table = CK_FUNCTION_LIST_3_2 {
        C_GetInfo: Some(get_info),
        C_OpenSession: Some(open),
        C_CloseSession: Some(close),
        C_DigestInit: Some(digest_init),
        C_Digest: Some(digest),
        C_GetAttributeValue: Some(attributes),
        ..CK_FUNCTION_LIST_3_2::default()
    };
    let document = Document::parse(Path::new("steps"), STEPS).expect("YAML");
    let sequence = read::sequence(document.root()).expect("a sequence");
    let objects = Value::List(vec![Value::Number(1), Value::Number(2)]);
    let given = [("objects".to_owned(), objects)];
    let defaults = Defaults {
        slot: 1,
        init_args: None,
    };
    let arena = Arena::new();
    let mut prepared = Prepared::new(
        &sequence,
        &table,
        &arena,
        &defaults,
        &given,
        Options::default(),
    )
    .expect("memory for a few buffers");
    let mut journal = JournalWriter::in_memory(1 << 20, Timing::On);
    let mut run = || {
        // SAFETY: the functions above do what the sequence lets them.
        let stop = unsafe { prepared.run(&mut journal) };
        assert_eq!(stop, None);
    };
    // The first runs take memory for outputs, and see to it that all comes back.
    (0..4).for_each(|_| run());
    let before = COUNT.get();
    (0..100).for_each(|_| run());
    assert_eq!(COUNT.get() - before, 0, "allocations in 100 runs");
    assert_eq!(
        journal.take_journal().records().filter(is_call).count(),
        104 * 9
    );
}

/// A call is made: nine a run, as two of the seven steps ask first.
fn is_call(record: &p11assay::worker::Record<'_>) -> bool {
    matches!(record, p11assay::worker::Record::Call(_))
}

#[test]
fn the_counter_counts() {
    let before = COUNT.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.get() - before, 1);
}
