//! Asynchronous sessions: section 5.21. In one, the generation of keys runs on a thread of its own
//! and its function answers CKR_PENDING; everything else is done at once, as in any session. A
//! session has one pending function at a time.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki_sys::*;

use super::library::{change_in_session, spawn, with_session};
use crate::rv::{Refusal, Result, ensure, refusal, refuse};

/// Functions that can be pending, by the name that C_AsyncComplete asks for and the flag under
/// which C_SessionCancel knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    GenerateKey,
    GenerateKeyPair,
}

impl Pending {
    pub(crate) const ALL: [Pending; 2] = [Pending::GenerateKey, Pending::GenerateKeyPair];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Pending::GenerateKey => "C_GenerateKey",
            Pending::GenerateKeyPair => "C_GenerateKeyPair",
        }
    }

    fn flag(self) -> CK_FLAGS {
        match self {
            Pending::GenerateKey => CKF_GENERATE,
            Pending::GenerateKeyPair => CKF_GENERATE_KEY_PAIR,
        }
    }
}

/// The handles that a function gives; the second is 0 if it gives one.
pub(crate) type Handles = (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE);

/// What the thread and the session share.
#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    outcome: Mutex<Option<Result<Handles>>>,
}

/// A pending function of a session. Dropping it cancels the function.
pub(super) struct Job {
    function: Pending,
    shared: Arc<Shared>,
}

impl Job {
    /// Whether C_SessionCancel with these flags cancels it.
    pub(super) fn is_flagged(&self, flags: CK_FLAGS) -> bool {
        flags & self.function.flag() != 0
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Release);
    }
}

thread_local! {
    /// The job that this thread works for, if it is not the application's.
    static JOB: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// Stops a thread whose job was cancelled. Asked under the token's lock, before anything is read or
/// stored: what was cancelled leaves nothing behind.
pub(super) fn check_cancelled() -> Result<()> {
    let cancelled = JOB.with_borrow(|job| {
        job.as_ref()
            .is_some_and(|shared| shared.cancelled.load(Ordering::Acquire))
    });
    ensure(!cancelled, CKR_FUNCTION_CANCELED)
}

/// Runs a function of a session: here, or on a thread of its own with CKR_PENDING for an answer.
/// A session with a function that was not completed yet answers CKR_OPERATION_ACTIVE.
pub(crate) fn asynchronously(
    session: CK_SESSION_HANDLE,
    function: Pending,
    work: impl FnOnce() -> Result<Handles> + Send + 'static,
) -> Result<Handles> {
    if !with_session(session, |token| {
        Ok(token.session(session)?.is_asynchronous())
    })? {
        return work();
    }
    let shared = change_in_session(session, |token| {
        let session = token.session_mut(session)?;
        ensure(session.job.is_none(), CKR_OPERATION_ACTIVE)?;
        let shared = Arc::new(Shared::default());
        session.job = Some(Job {
            function,
            shared: Arc::clone(&shared),
        });
        Ok(shared)
    })?;
    let run = move || {
        JOB.set(Some(Arc::clone(&shared)));
        let work = std::panic::AssertUnwindSafe(work);
        let outcome = std::panic::catch_unwind(|| { work }.0());
        let outcome = outcome.unwrap_or(refuse(CKR_GENERAL_ERROR));
        *shared.lock() = Some(outcome);
    };
    if let Err(refusal) = spawn(function.name(), run) {
        change_in_session(session, |token| {
            token.session_mut(session)?.job = None;
            Ok(())
        })?;
        return Err(refusal);
    }
    refuse(CKR_PENDING)
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Handles>>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pending function of a session, if it has this name. Section 5.21.2 gives the code for one
/// that is not pending.
fn pending(job: Option<&Job>, function: Option<Pending>) -> Result<&Job> {
    let missing: Refusal = refusal(CKR_OPERATION_NOT_INITIALIZED);
    job.filter(|job| Some(job.function) == function)
        .ok_or(missing)
}

/// C_AsyncComplete: CKR_PENDING, or what the function itself would have returned. `ready` judges
/// the place of the result before it is given out.
pub(crate) fn complete(
    session: CK_SESSION_HANDLE,
    function: Option<Pending>,
    ready: impl FnOnce() -> Result<()>,
) -> Result<Handles> {
    change_in_session(session, |token| {
        let session = token.session_mut(session)?;
        let job = pending(session.job.as_ref(), function)?;
        let outcome = *job.shared.lock();
        let outcome = outcome.ok_or(refusal(CKR_PENDING))?;
        if outcome.is_ok() {
            ready()?;
        }
        session.job = None;
        outcome
    })
}

/// C_AsyncGetID: nothing that is pending outlives its session.
pub(crate) fn identify(session: CK_SESSION_HANDLE, function: Option<Pending>) -> Result<CK_ULONG> {
    with_session(session, |token| {
        pending(token.session(session)?.job.as_ref(), function)?;
        refuse(CKR_STATE_UNSAVEABLE)
    })
}
