//! The operations that are measured, as raw calls and as sequences.
#![allow(unsafe_code, reason = "raw calls of a module are one of the ways")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_INFO, CK_MECHANISM, CK_SESSION_INFO, CKA_CLASS, CKF_SERIAL_SESSION,
    CKM_SHA256, CKR_OK,
};
use p11assay::execute::{Defaults, Loop, Options, Prepared};
use p11assay::memory::Arena;
use p11assay::sequence::{Sequence, Value, read};
use p11assay::worker::{JournalWriter, Timing};
use p11assay::yaml::Document;

use super::bed::Bed;

/// How often a pass repeats the operation: a sequence of some length, as cases are.
const COPIES: usize = 16;
/// Room of the journal, bytes: about what a batch fills.
const JOURNAL: usize = 1 << 20;
/// Room that a pass must find in the journal, bytes.
const ROOM: usize = 64 << 10;

/// How the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the module's function list, and nothing else.
    Raw,
    /// By the executor with neither clock nor guards; what is journaled stays in memory.
    Bare,
    /// With the durations of calls.
    Journal,
    /// With the check of the memory next to buffers: as in a run.
    Guards,
    /// By the loop of `p11assay bench`, in which nothing is journaled.
    Loop,
}

impl Way {
    pub(crate) const ALL: [Self; 5] = [
        Self::Raw,
        Self::Bare,
        Self::Journal,
        Self::Guards,
        Self::Loop,
    ];

    pub(crate) fn name(self) -> &'static str {
        ["raw", "executor", "with-journal", "with-guards", "loop"][self as usize]
    }
}

/// Something a module is asked to do.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Calls of one copy.
    calls: usize,
    /// One copy as steps.
    steps: &'static str,
    raw: unsafe fn(&Bed) -> u64,
}

impl Operation {
    pub(crate) const ALL: &'static [Self] = &[
        Self {
            name: "C_GetInfo",
            calls: 1,
            steps: "- C_GetInfo\n",
            raw: get_info,
        },
        Self {
            name: "C_GetSessionInfo",
            calls: 1,
            steps: "- C_GetSessionInfo: { session: $session }\n",
            raw: get_session_info,
        },
        Self {
            name: "C_GetAttributeValue",
            calls: 1,
            steps: "- C_GetAttributeValue: { session: $session, object: $object, \
                    template: { CKA_CLASS: { buffer: 8 } } }\n",
            raw: get_attribute_value,
        },
        Self {
            name: "C_OpenSession, C_CloseSession",
            calls: 2,
            steps: "- C_OpenSession: { slot: $slot, flags: CKF_SERIAL_SESSION }\n  \
                      gives: { session: $new }\n\
                    - C_CloseSession: { session: $new }\n",
            raw: open_and_close,
        },
        Self {
            name: "C_DigestInit, C_Digest",
            calls: 2,
            steps: "- C_DigestInit: { session: $session, mechanism: CKM_SHA256 }\n\
                    - C_Digest: { session: $session, data: { repeat: \"61\", count: 16 }, \
                      digest: { buffer: 32 } }\n",
            raw: digest,
        },
    ];

    /// Calls of one pass.
    pub(crate) fn calls_of_a_pass(&self) -> f64 {
        (COPIES * self.calls) as f64
    }

    /// Makes everything ready, and sees that every call succeeds: errors are often cheap.
    pub(crate) fn prepare<'b>(&self, bed: &'b Bed, way: Way) -> Subject<'b> {
        let mut subject = match way {
            Way::Raw => Subject::Raw(bed, self.raw),
            Way::Loop => Subject::Loop(Box::new(looped(self, bed))),
            _ => Subject::Executed(Box::new(Executed::new(self, bed, way))),
        };
        subject.time(1);
        subject
    }
}

/// An operation ready to be measured in one way.
pub(crate) enum Subject<'b> {
    Raw(&'b Bed, unsafe fn(&Bed) -> u64),
    Executed(Box<Executed<'b>>),
    Loop(Box<Loop<'b>>),
}

impl Subject<'_> {
    /// Makes some passes; gives the time they took.
    pub(crate) fn time(&mut self, passes: u32) -> Duration {
        let begun = Instant::now();
        match self {
            Self::Raw(bed, call) => {
                for _ in 0..passes as usize * COPIES {
                    // SAFETY: the bed's session and object are live.
                    assert_eq!(unsafe { call(bed) }, CKR_OK);
                }
            }
            Self::Executed(executed) => (0..passes).for_each(|_| executed.pass()),
            Self::Loop(subject) => {
                // SAFETY: the sequence is legal.
                let done = unsafe { subject.run(u64::from(passes) * COPIES as u64) };
                assert_eq!(done, Ok(()));
            }
        }
        begun.elapsed()
    }
}

/// A prepared sequence and what it needs.
pub(crate) struct Executed<'b> {
    prepared: Prepared<'b>,
    journal: JournalWriter,
}

impl<'b> Executed<'b> {
    fn new(operation: &Operation, bed: &'b Bed, way: Way) -> Self {
        let timing = match way {
            Way::Bare => Timing::Off,
            _ => Timing::On,
        };
        let options = Options {
            unguarded: way != Way::Guards,
            ..Options::default()
        };
        let prepared = prepared(&operation.steps.repeat(COPIES), bed, options);
        let mut journal = JournalWriter::in_memory(JOURNAL, timing);
        // As between the requests of a worker, the journal's clock learns the counter's rate.
        std::thread::sleep(Duration::from_millis(2));
        journal.clear();
        Self { prepared, journal }
    }

    fn pass(&mut self) {
        if self.journal.remaining() < ROOM {
            self.journal.clear();
        }
        // SAFETY: the sequence is legal.
        let stop = unsafe { self.prepared.run(&mut self.journal) };
        assert_eq!(stop, None);
    }
}

/// Steps laid out for a bed.
fn prepared<'b>(steps: &str, bed: &'b Bed, options: Options) -> Prepared<'b> {
    let given = [
        ("slot", bed.slot),
        ("session", bed.session),
        ("object", bed.object),
    ]
    .map(|(name, value)| (name.to_owned(), Value::Number(value)));
    let defaults = Defaults {
        slot: bed.slot,
        init_args: None,
    };
    let prepared = Prepared::new(
        &sequence(steps),
        bed.table(),
        Box::leak(Box::new(Arena::new())),
        &defaults,
        &given,
        options,
    );
    prepared.expect("memory for a few buffers")
}

/// One copy of an operation, run once and then as a loop.
fn looped<'b>(operation: &Operation, bed: &'b Bed) -> Loop<'b> {
    let options = Options {
        apart: true,
        ..Options::default()
    };
    let mut prepared = prepared(operation.steps, bed, options);
    let mut journal = JournalWriter::in_memory(JOURNAL, Timing::Off);
    // SAFETY: the sequence is legal.
    assert_eq!(unsafe { prepared.run(&mut journal) }, None);
    Loop::new(prepared, operation.calls).expect("calls alone")
}

fn sequence(text: &str) -> Sequence {
    let document = Document::parse(Path::new("benchmark"), text).expect("YAML");
    read::sequence(document.root()).expect("a sequence")
}

unsafe fn get_info(bed: &Bed) -> u64 {
    let mut info = CK_INFO::default();
    let call = bed.table().C_GetInfo.expect("present");
    // SAFETY: `info` is live.
    let rv = unsafe { call(&mut info) };
    black_box(info);
    rv
}

unsafe fn get_session_info(bed: &Bed) -> u64 {
    let mut info = CK_SESSION_INFO::default();
    let call = bed.table().C_GetSessionInfo.expect("present");
    // SAFETY: `info` is live.
    let rv = unsafe { call(bed.session, &mut info) };
    black_box(info);
    rv
}

unsafe fn get_attribute_value(bed: &Bed) -> u64 {
    let mut class = 0u64;
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: std::ptr::from_mut(&mut class).cast(),
        ulValueLen: 8,
    };
    let call = bed.table().C_GetAttributeValue.expect("present");
    // SAFETY: one attribute, whose value has room for 8 bytes.
    let rv = unsafe { call(bed.session, bed.object, &mut attribute, 1) };
    black_box(class);
    rv
}

unsafe fn open_and_close(bed: &Bed) -> u64 {
    let mut session = 0;
    let open = bed.table().C_OpenSession.expect("present");
    let close = bed.table().C_CloseSession.expect("present");
    let null = std::ptr::null_mut();
    // SAFETY: `session` is live.
    let rv = unsafe { open(bed.slot, CKF_SERIAL_SESSION, null, None, &mut session) };
    // SAFETY: takes a number.
    rv | unsafe { close(session) }
}

unsafe fn digest(bed: &Bed) -> u64 {
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_SHA256,
        pParameter: std::ptr::null_mut(),
        ulParameterLen: 0,
    };
    let (mut data, mut digest, mut length) = ([0x61; 16], [0; 32], 32);
    let init = bed.table().C_DigestInit.expect("present");
    let call = bed.table().C_Digest.expect("present");
    // SAFETY: `mechanism` is live.
    let rv = unsafe { init(bed.session, &mut mechanism) };
    // SAFETY: `data` and `digest` have the lengths told.
    let rv = rv
        | unsafe {
            call(
                bed.session,
                data.as_mut_ptr(),
                16,
                digest.as_mut_ptr(),
                &mut length,
            )
        };
    black_box(digest);
    rv
}
