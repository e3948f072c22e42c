//! General-purpose functions but for the lists and interfaces: section 5.4; and section 5.20.

use cryptoki_sys::*;

use super::guard;
use super::memory::{Place, elements};
use crate::rv::{Result, ensure, refusal, refuse};
use crate::token;

/// The strings that `pReserved` may hold begin like this; see the README.
const RESERVED: [&[u8]; 2] = [b"file=", b"configuration="];
/// Longest such string.
const MOST_RESERVED: usize = 4096;

pub(super) unsafe extern "C" fn C_Initialize(arguments: *mut std::ffi::c_void) -> CK_RV {
    guard(|| {
        let pointer: *const CK_C_INITIALIZE_ARGS = arguments.cast();
        if pointer.is_null() {
            return token::initialize(None, true);
        }
        // SAFETY: not NULL; section 5.4.1 makes it a CK_C_INITIALIZE_ARGS.
        let arguments = unsafe { elements(pointer, 1)? }[0];
        check_locking(&arguments)?;
        // SAFETY: `pReserved` is NULL or, to this library, a NUL-terminated string.
        let reserved = unsafe { reserved(arguments.pReserved.cast())? };
        let threads = arguments.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS == 0;
        token::initialize(reserved.as_deref(), threads)
    })
}

/// Section 5.4.1: four callbacks or none. The library locks with the operating system's own
/// primitives, and so cannot serve an application that allows only its callbacks.
fn check_locking(arguments: &CK_C_INITIALIZE_ARGS) -> Result<()> {
    let supplied = [
        arguments.CreateMutex.is_some(),
        arguments.DestroyMutex.is_some(),
        arguments.LockMutex.is_some(),
        arguments.UnlockMutex.is_some(),
    ];
    let count = supplied.into_iter().filter(|supplied| *supplied).count();
    let complete = count == supplied.len() || mutant!("half-the-mutexes-accepted");
    ensure(count == 0 || complete, CKR_ARGUMENTS_BAD)?;
    let native = arguments.flags & CKF_OS_LOCKING_OK != 0;
    let lockable = native || mutant!("only-mutexes-accepted");
    ensure(count == 0 || lockable, CKR_CANT_LOCK)
}

/// The string in `pReserved`. Bytes are read one at a time and only while they spell one of the
/// known beginnings, so that a pointer to anything else is refused after a byte or two.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads up to a NUL, or to where it differs from every known
/// beginning.
unsafe fn reserved(pointer: *const u8) -> Result<Option<String>> {
    if pointer.is_null() {
        return Ok(None);
    }
    let mut text = Vec::new();
    loop {
        // SAFETY: every byte before this one was neither NUL nor a difference.
        let byte = unsafe { pointer.add(text.len()).read() };
        if byte == 0 {
            break;
        }
        text.push(byte);
        let known = RESERVED
            .iter()
            .any(|start| text.starts_with(start) || start.starts_with(&text));
        ensure(known && text.len() <= MOST_RESERVED, CKR_ARGUMENTS_BAD)?;
    }
    String::from_utf8(text)
        .map(Some)
        .map_err(|_| refusal(CKR_ARGUMENTS_BAD))
}

pub(super) unsafe extern "C" fn C_Finalize(reserved: *mut std::ffi::c_void) -> CK_RV {
    guard(|| {
        if token::require_initialized().is_err() && mutant!("finalize-twice") {
            return Ok(());
        }
        token::require_initialized()?;
        let unused = reserved.is_null() || mutant!("finalize-takes-reserved");
        ensure(unused, CKR_ARGUMENTS_BAD)?;
        token::finalize()
    })
}

pub(super) unsafe extern "C" fn C_GetInfo(info: *mut CK_INFO) -> CK_RV {
    guard(|| {
        let value = token::library_info()?;
        // SAFETY: section 5.4.3 makes it the place of a CK_INFO.
        unsafe { Place::new(info)? }.set(value);
        Ok(())
    })
}

/// Section 5.20: a legacy function, as there are no parallel functions.
pub(super) unsafe extern "C" fn C_GetFunctionStatus(session: CK_SESSION_HANDLE) -> CK_RV {
    let running = mutant!("function-status-is-ok");
    guard(|| token::with_session(session, |_| ensure(running, CKR_FUNCTION_NOT_PARALLEL)))
}

/// Section 5.20: likewise.
pub(super) unsafe extern "C" fn C_CancelFunction(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::with_session(session, |_| refuse(CKR_FUNCTION_NOT_PARALLEL)))
}
