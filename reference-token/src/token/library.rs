//! The library of the process: initialised or not, and the token behind one lock.
//! Slow work happens outside the lock: callers clone what they need and come back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

use super::{Configuration, Token};
use crate::rv::{Result, ensure, refusal};

struct Library {
    /// Written only under the lock of `token`; read alone where nothing else is needed.
    initialized: AtomicBool,
    /// The token outlives C_Finalize: an in-memory token keeps its objects for the process.
    token: Mutex<Option<Token>>,
    finalized: Condvar,
}

static LIBRARY: Library = Library {
    initialized: AtomicBool::new(false),
    token: Mutex::new(None),
    finalized: Condvar::new(),
};

impl Library {
    /// A panic while the lock was held has been answered with CKR_GENERAL_ERROR; the state is
    /// changed only after everything fallible is done, so it is still good.
    fn lock(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Acquire)
    }
}

/// C_Initialize, with the text of `pReserved`.
pub(crate) fn initialize(reserved: Option<&str>) -> Result<()> {
    let mut token = LIBRARY.lock();
    let first = !LIBRARY.is_initialized() || mutant!("initialize-twice");
    ensure(first, CKR_CRYPTOKI_ALREADY_INITIALIZED)?;
    let configuration = Configuration::load(reserved)?;
    let reusable = token
        .as_ref()
        .is_some_and(|token| token.configuration == configuration && !token.slow_pins());
    if !reusable {
        // C_Initialize lists no code for a device, only that the function failed.
        let opened = Token::open(configuration);
        let mut opened = opened.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
        if let Some(before) = token.as_ref() {
            opened.continue_handles(before);
        }
        *token = Some(opened);
    }
    LIBRARY.initialized.store(true, Ordering::Release);
    Ok(())
}

/// C_Finalize.
pub(crate) fn finalize() -> Result<()> {
    let mut token = LIBRARY.lock();
    ensure(LIBRARY.is_initialized(), CKR_CRYPTOKI_NOT_INITIALIZED)?;
    if let Some(token) = token.as_mut() {
        token.close_all_sessions();
        token.objects.renew_handles();
        // Another process may open the file now; the next C_Initialize reads it again.
        if token.store.take().is_some() {
            token.objects.clear();
        }
    }
    LIBRARY.initialized.store(false, Ordering::Release);
    LIBRARY.finalized.notify_all();
    Ok(())
}

/// CKR_CRYPTOKI_NOT_INITIALIZED outside of C_Initialize and C_Finalize.
pub(crate) fn require_initialized() -> Result<()> {
    ensure(LIBRARY.is_initialized(), CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// Blocks until another thread calls C_Finalize: no slot of this library ever has an event.
pub(crate) fn wait_for_finalize() {
    let mut token = LIBRARY.lock();
    while LIBRARY.is_initialized() {
        token = LIBRARY
            .finalized
            .wait(token)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// Runs `call` on the token.
pub(crate) fn with_token<T>(call: impl FnOnce(&mut Token) -> Result<T>) -> Result<T> {
    let mut token = LIBRARY.lock();
    require_initialized()?;
    call(token.as_mut().ok_or(refusal(CKR_GENERAL_ERROR))?)
}

/// Runs `call` on the token if `session` is open: section 5.1.2 puts an invalid session handle
/// before everything that could be wrong with the other arguments.
pub(crate) fn with_session<T>(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&mut Token) -> Result<T>,
) -> Result<T> {
    with_token(|token| {
        token.session(session)?;
        call(token)
    })
}
