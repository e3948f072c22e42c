//! The worker's side of the tests: loads the hostile module and makes the calls it is asked for,
//! in the order any executor would: journal, call, journal, check the guards.
#![allow(unsafe_code, reason = "calls a module through its function list")]

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKF_SERIAL_SESSION};
use libloading::{Library, Symbol};
use p11assay::memory::Arena;
use p11assay::worker::reach::{self, Cover, Means};
use p11assay::worker::{JournalWriter, LOAD, ProcessState};
use std::path::Path;
use std::ptr::null_mut;

/// Tag of the note that a guard was violated.
pub(crate) const GUARD: u16 = 1;
/// Tag of the note that lists changes of the process's state, as JSON.
pub(crate) const STATE: u16 = 2;
/// Tag of the output that holds a call's buffer.
pub(crate) const BUFFER: u16 = 3;
/// Slot and session of the hostile module.
const SLOT: u64 = 1;
const SESSION: u64 = 1;

/// One function that can be asked for: its name, the length of its buffer and how to call it.
struct Function {
    name: &'static str,
    buffer: usize,
    /// The pointer leads to `buffer` bytes, or as many as the number says.
    call: unsafe fn(&CK_FUNCTION_LIST, *mut u8, u64) -> Option<CK_RV>,
}

/// Calls a function of the list, unless the entry is NULL.
macro_rules! call {
    ($function:ident, |$buffer:ident, $length:ident| $($argument:expr),*) => {
        |list, $buffer, $length| {
            let function = list.$function?;
            // SAFETY: by the contract of `Function::call`.
            Some(unsafe { function($($argument),*) })
        }
    };
}

/// The functions by number.
const FUNCTIONS: [Function; 6] = [
    Function {
        name: "C_Initialize",
        buffer: 0,
        call: call!(C_Initialize, |_buffer, _length| null_mut()),
    },
    Function {
        name: "C_Finalize",
        buffer: 0,
        call: call!(C_Finalize, |_buffer, _length| null_mut()),
    },
    Function {
        name: "C_GetInfo",
        buffer: size_of::<cryptoki_sys::CK_INFO>(),
        call: call!(C_GetInfo, |buffer, _length| buffer.cast()),
    },
    Function {
        name: "C_OpenSession",
        buffer: size_of::<u64>(),
        call: call!(
            C_OpenSession,
            |buffer, _length| SLOT,
            CKF_SERIAL_SESSION,
            null_mut(),
            None,
            buffer.cast()
        ),
    },
    Function {
        name: "C_GenerateRandom",
        buffer: 21,
        call: call!(C_GenerateRandom, |buffer, length| SESSION, buffer, length),
    },
    Function {
        name: "C_WaitForSlotEvent",
        buffer: size_of::<u64>(),
        call: call!(
            C_WaitForSlotEvent,
            |buffer, _length| 0,
            buffer.cast(),
            null_mut()
        ),
    },
];

/// Number of a function, as it is in the journal.
pub(crate) fn number(name: &str) -> u16 {
    let place = FUNCTIONS.iter().position(|function| function.name == name);
    u16::try_from(place.expect("a known function")).expect("few functions")
}

struct Target {
    list: *const CK_FUNCTION_LIST,
    arena: Arena,
    state: ProcessState,
    _library: Library,
}

impl Target {
    fn load(path: &str, journal: &mut JournalWriter) -> Self {
        let state = ProcessState::capture();
        journal.call_begin(0, LOAD);
        // SAFETY: the module's constructor may do anything; this process is there for that.
        let library = unsafe { Library::new(path) }.expect("the module is built");
        let mut list = null_mut();
        // SAFETY: the symbol has the type the standard gives it.
        let rv = unsafe {
            let get: Symbol<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV> =
                library.get(b"C_GetFunctionList\0").expect("the symbol");
            get(&mut list)
        };
        journal.call_end(rv);
        Self {
            list,
            arena: Arena::new(),
            state,
            _library: library,
        }
    }

    /// Makes one call as case number `case`; the text says what it returned.
    fn call(&self, case: u32, name: &str, journal: &mut JournalWriter) -> String {
        let number = number(name);
        let function = &FUNCTIONS[usize::from(number)];
        let mut buffer = self.arena.take(function.buffer).expect("memory");
        buffer.set_label(u64::from(case) + 100);
        // SAFETY: the hostile module gives a full list or none, but for the case of the short
        // table, in which the fault is wanted.
        let list = unsafe { self.list.as_ref() };
        let Some(list) = list else {
            return format!("{name}=no list\n");
        };
        reach::case(case);
        journal.case_begin(case);
        journal.call_begin(1, number);
        // SAFETY: the arguments are as the function wants them.
        let rv = unsafe { (function.call)(list, buffer.ptr(), buffer.len() as u64) };
        journal.call_end(rv.unwrap_or(u64::MAX));
        journal.output(BUFFER, buffer.as_slice());
        if let Err(violation) = buffer.check() {
            journal.note(GUARD, violation.to_string().as_bytes());
        }
        journal.case_end(case);
        reach::keep_watch();
        rv.map_or_else(
            || format!("{name}=missing\n"),
            |rv| format!("{name}={rv:#x}\n"),
        )
    }

    fn audit(&self, journal: &mut JournalWriter) {
        let changes = self.state.diff(&ProcessState::capture());
        let json = serde_json::to_vec(&changes).expect("changes serialise");
        journal.note(STATE, &json);
        self.state.restore(&changes);
    }
}

/// Serves requests of lines: the module's path, then functions and commands.
pub(crate) fn serve() -> ! {
    let mut target = None;
    p11assay::worker::serve(&mut |request, journal| {
        let text = std::str::from_utf8(request).expect("a request is text");
        let mut lines = text.lines();
        let path = lines.next().expect("a path");
        let target = target.get_or_insert_with(|| Target::load(path, journal));
        let mut response = String::new();
        for (case, line) in (0..).zip(lines) {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("audit", _) => target.audit(journal),
                ("cover", names) => {
                    response.push_str(&cover(path, Means::Breakpoints, names));
                }
                ("edges", _) => response.push_str(&cover(path, Means::Sanitizer, "")),
                ("panic", text) => panic!("{text}"),
                ("sleep", ms) => sleep(ms.parse().expect("milliseconds")),
                ("large", bytes) => {
                    response.push_str(&"x".repeat(bytes.parse().expect("bytes")));
                }
                ("notes", count) => {
                    for _ in 0..count.parse().expect("a count") {
                        journal.note(0, &[0; 64]);
                    }
                }
                (name, _) => response.push_str(&target.call(case, name, journal)),
            }
        }
        response.into_bytes()
    })
}

/// Follows functions of the module, and of libraries by their names; says of which.
fn cover(path: &str, means: Means, names: &str) -> String {
    let wish = Cover {
        means,
        dependencies: names.split_whitespace().map(str::to_owned).collect(),
        known: Vec::new(),
    };
    match reach::cover(Path::new(path), &wish) {
        Ok(libraries) => libraries
            .iter()
            .map(|library| format!("{} {}\n", library.name, library.functions))
            .collect(),
        Err(error) => format!("{error}\n"),
    }
}

fn sleep(ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(ms));
}
