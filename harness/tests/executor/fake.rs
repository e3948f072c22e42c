//! A function list whose functions hand their arguments to the test, as machine words, and answer
//! what it says.
#![allow(
    unsafe_code,
    reason = "is called as a module is, and reads what the words point to"
)]
#![allow(non_snake_case, reason = "functions keep their C names")]

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use cryptoki_sys::*;
use p11assay::execute::{Defaults, Options, Prepared};
use p11assay::memory::Arena;
use p11assay::oracle::CaseTrace;
use p11assay::oracle::trace;
use p11assay::sequence::{InitArgs, Sequence, Value, read};
use p11assay::worker::{JournalWriter, Timing};
use p11assay::yaml::Document;

/// A call that the fake module gets.
pub(crate) struct Got {
    pub(crate) function: &'static str,
    pub(crate) words: Vec<usize>,
}

impl Got {
    /// The bytes behind word number `word`.
    pub(crate) fn bytes(&self, word: usize, length: usize) -> Vec<u8> {
        bytes_at(self.words[word], length)
    }

    /// The `CK_ULONG` behind word number `word`.
    pub(crate) fn ulong(&self, word: usize) -> usize {
        ulong_at(self.words[word])
    }

    /// Writes behind word number `word`.
    pub(crate) fn give(&self, word: usize, bytes: &[u8]) {
        put(self.words[word], bytes);
    }

    /// Writes a `CK_ULONG` behind word number `word`.
    pub(crate) fn give_ulong(&self, word: usize, value: u64) {
        self.give(word, &value.to_ne_bytes());
    }
}

/// The bytes at an address that the executor gave.
pub(crate) fn bytes_at(address: usize, length: usize) -> Vec<u8> {
    let pointer = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the tests ask for what the executor promises to be there; if it is not, the guard
    // page ends the test program.
    unsafe { std::slice::from_raw_parts(pointer, length) }.to_vec()
}

/// The `CK_ULONG` at an address.
pub(crate) fn ulong_at(address: usize) -> usize {
    usize::from_ne_bytes(bytes_at(address, 8).try_into().expect("eight bytes"))
}

/// The `CK_ULONG`s of an array.
pub(crate) fn ulongs_at(address: usize, count: usize) -> Vec<usize> {
    (0..count)
        .map(|index| ulong_at(address + 8 * index))
        .collect()
}

/// Writes at an address.
pub(crate) fn put(address: usize, bytes: &[u8]) {
    let pointer = std::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: as for `bytes_at`.
    unsafe { std::slice::from_raw_parts_mut(pointer, bytes.len()) }.copy_from_slice(bytes);
}

type Answer = Box<dyn FnMut(&Got) -> CK_RV>;

thread_local! {
    /// What answers the calls of this thread's test.
    static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
    /// The panic of an answer: it must not unwind through C.
    static PANIC: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

fn answer(function: &'static str, words: Vec<usize>) -> CK_RV {
    let got = Got { function, words };
    let mut answer = ANSWER.take().expect("the test says what is answered");
    let result = catch_unwind(AssertUnwindSafe(|| answer(&got)));
    ANSWER.set(Some(answer));
    result.unwrap_or_else(|panic| {
        PANIC.set(Some(panic));
        CKR_GENERAL_ERROR
    })
}

/// An argument as a machine word.
trait Word {
    fn word(self) -> usize;
}

impl Word for u8 {
    fn word(self) -> usize {
        usize::from(self)
    }
}

impl Word for u64 {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Word for *mut T {
    fn word(self) -> usize {
        self.expose_provenance()
    }
}

impl Word for CK_NOTIFY {
    fn word(self) -> usize {
        self.map_or(0, |notify| notify as usize)
    }
}

macro_rules! fakes {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            answer(stringify!($name), vec![$(Word::word($argument)),*])
        })*

        /// The function list; what is not here is NULL.
        pub(crate) fn table() -> CK_FUNCTION_LIST_3_2 {
            CK_FUNCTION_LIST_3_2 { $($name: Some($name),)* ..CK_FUNCTION_LIST_3_2::default() }
        }
    };
}

type Void = *mut std::ffi::c_void;
type Bytes = *mut u8;
type Ulongs = *mut u64;
type Template = *mut CK_ATTRIBUTE;

// At least one function for every kind of parameter, and those with the most arguments.
fakes! {
    C_Initialize(a: Void);
    C_Finalize(a: Void);
    C_GetInfo(a: *mut CK_INFO);
    C_GetFunctionList(a: *mut *mut CK_FUNCTION_LIST);
    C_GetSlotList(a: u8, b: Ulongs, c: Ulongs);
    C_GetMechanismInfo(a: u64, b: u64, c: *mut CK_MECHANISM_INFO);
    C_InitToken(a: u64, b: Bytes, c: u64, d: Bytes);
    C_OpenSession(a: u64, b: u64, c: Void, d: CK_NOTIFY, e: Ulongs);
    C_CloseSession(a: u64);
    C_GetSessionInfo(a: u64, b: *mut CK_SESSION_INFO);
    C_CreateObject(a: u64, b: Template, c: u64, d: Ulongs);
    C_GetAttributeValue(a: u64, b: u64, c: Template, d: u64);
    C_FindObjects(a: u64, b: Ulongs, c: u64, d: Ulongs);
    C_DigestInit(a: u64, b: *mut CK_MECHANISM);
    C_Digest(a: u64, b: Bytes, c: u64, d: Bytes, e: Ulongs);
    C_DigestKey(a: u64, b: u64);
    C_SignInit(a: u64, b: *mut CK_MECHANISM, c: u64);
    C_GenerateKeyPair(
        a: u64, b: *mut CK_MECHANISM, c: Template, d: u64, e: Template, f: u64, g: Ulongs, h: Ulongs
    );
    C_GenerateRandom(a: u64, b: Bytes, c: u64);
    C_GetInterfaceList(a: *mut CK_INTERFACE, b: Ulongs);
    C_GetInterface(a: Bytes, b: *mut CK_VERSION, c: *mut *mut CK_INTERFACE, d: u64);
    C_EncryptMessage(
        a: u64, b: Void, c: u64, d: Bytes, e: u64, f: Bytes, g: u64, h: Bytes, i: Ulongs
    );
    C_UnwrapKeyAuthenticated(
        a: u64, b: *mut CK_MECHANISM, c: u64, d: Bytes, e: u64, f: Template, g: u64, h: Bytes,
        i: u64, j: Ulongs
    );
}

/// What a test runs, and with what.
pub(crate) struct Script<'s> {
    pub(crate) steps: &'s str,
    pub(crate) given: Vec<(String, Value)>,
    pub(crate) init_args: Option<InitArgs>,
    pub(crate) runs: usize,
}

impl<'s> Script<'s> {
    pub(crate) fn new(steps: &'s str) -> Self {
        Self {
            steps,
            given: Vec::new(),
            init_args: None,
            runs: 1,
        }
    }

    /// Lets references name a value.
    pub(crate) fn given(mut self, name: &str, value: Value) -> Self {
        self.given.push((name.to_owned(), value));
        self
    }

    /// Runs the steps on the fake module; gives the trace of the last run.
    pub(crate) fn run(self, act: impl FnMut(&Got) -> CK_RV + 'static) -> CaseTrace {
        ANSWER.set(Some(Box::new(act)));
        let trace = self.run_on(&table());
        ANSWER.take();
        if let Some(panic) = PANIC.take() {
            resume_unwind(panic);
        }
        trace
    }

    /// Runs the steps on a function list.
    pub(crate) fn run_on(self, table: &CK_FUNCTION_LIST_3_2) -> CaseTrace {
        let sequence = sequence(self.steps);
        self.run_sequence(&sequence, table)
    }

    /// Runs these steps instead of its own on a function list.
    pub(crate) fn run_sequence(
        self,
        sequence: &Sequence,
        table: &CK_FUNCTION_LIST_3_2,
    ) -> CaseTrace {
        let arena = Arena::new();
        let defaults = Defaults {
            slot: 7,
            init_args: self.init_args,
        };
        let options = Options::default();
        let mut prepared = Prepared::new(sequence, table, &arena, &defaults, &self.given, options)
            .expect("memory for a few buffers");
        let mut journal = JournalWriter::in_memory(1 << 20, Timing::Off);
        for _ in 0..self.runs {
            journal.clear();
            journal.case_begin(1);
            // SAFETY: the functions are the test's own, or the sequence is legal.
            unsafe { prepared.run(&mut journal) };
            journal.case_end(1);
        }
        let journal = journal.take_journal();
        trace::read(&journal).remove(&1).expect("the case began")
    }
}

/// Reads steps.
pub(crate) fn sequence(text: &str) -> Sequence {
    let document = Document::parse(Path::new("test"), text).expect("YAML");
    read::sequence(document.root()).expect("a sequence")
}

/// Runs steps on the fake module.
pub(crate) fn run(steps: &str, act: impl FnMut(&Got) -> CK_RV + 'static) -> CaseTrace {
    Script::new(steps).run(act)
}
