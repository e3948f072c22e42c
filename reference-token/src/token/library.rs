//! The library of the process: initialised or not, and the token behind one lock.
//! Slow work happens outside the lock: callers clone what they need and come back.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use cryptoki_sys::*;

use super::asynchronous::check_cancelled;
use super::{Configuration, Token};
use crate::rv::{Result, ensure, refusal};

struct Library {
    /// The process that initialised the library; 0 if none has. Written only under the lock of the
    /// token; read alone where nothing else is needed.
    initialized: AtomicU32,
    /// The process that used the library last.
    process: AtomicU32,
    /// Whether the application lets the library create threads.
    threads: AtomicBool,
    /// The token outlives C_Finalize: an in-memory token keeps its objects for the process. There is
    /// one place for each process of a line of parents and children, see `enter_process`.
    places: [Place; GENERATIONS],
    generation: AtomicUsize,
    finalized: Condvar,
}

/// What a process has of its own.
struct Place {
    token: Mutex<Option<Token>>,
    /// Threads that the library created.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Place {
    const fn new() -> Place {
        Place {
            token: Mutex::new(None),
            threads: Mutex::new(Vec::new()),
        }
    }
}

/// Generations of forked processes until a place for a token is used again.
const GENERATIONS: usize = 16;

static LIBRARY: Library = Library {
    initialized: AtomicU32::new(0),
    process: AtomicU32::new(0),
    threads: AtomicBool::new(true),
    places: [const { Place::new() }; GENERATIONS],
    generation: AtomicUsize::new(0),
    finalized: Condvar::new(),
};

impl Library {
    /// A panic while the lock was held has been answered with CKR_GENERAL_ERROR; the state is
    /// changed only after everything fallible is done, so it is still good.
    fn lock(&self) -> MutexGuard<'_, Option<Token>> {
        let token = &self.place().token;
        token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> &Place {
        &self.places[self.generation.load(Ordering::Acquire) % GENERATIONS]
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        let threads = &self.place().threads;
        threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [PKCS11-UG], Applications and processes: the child of a process that uses the library is
    /// another application, and must initialise it itself. Until then it is not initialised here.
    fn is_initialized(&self) -> bool {
        self.initialized.load(Ordering::Acquire) == std::process::id()
    }

    /// Leaves the token of a parent process alone, whose lock a thread that does not exist here may
    /// have held when the process forked.
    fn enter_process(&self) {
        let this = std::process::id();
        let before = self.process.swap(this, Ordering::AcqRel);
        if before != 0 && before != this {
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// C_Initialize, with the text of `pReserved`, and whether the library may create threads.
pub(crate) fn initialize(reserved: Option<&str>, threads: bool) -> Result<()> {
    LIBRARY.enter_process();
    let mut token = LIBRARY.lock();
    let first = !LIBRARY.is_initialized() || mutant!("initialize-twice");
    ensure(first, CKR_CRYPTOKI_ALREADY_INITIALIZED)?;
    let configuration = Configuration::load(reserved)?;
    let reusable = token
        .as_ref()
        .is_some_and(|token| token.configuration == configuration && configuration.file.is_none());
    if !reusable {
        // C_Initialize lists no code for a device, only that the function failed.
        let opened = Token::open(configuration);
        let mut opened = opened.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
        if let Some(before) = token.as_ref() {
            opened.continue_handles(before);
        }
        *token = Some(opened);
    }
    LIBRARY.threads.store(threads, Ordering::Release);
    LIBRARY
        .initialized
        .store(std::process::id(), Ordering::Release);
    Ok(())
}

/// C_Finalize.
pub(crate) fn finalize() -> Result<()> {
    require_initialized()?;
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
    LIBRARY.initialized.store(0, Ordering::Release);
    LIBRARY.finalized.notify_all();
    drop(token);
    // The application may unload the library now, so nothing of it may still be running.
    for thread in std::mem::take(&mut *LIBRARY.threads()) {
        drop(thread.join()); // its panics were caught
    }
    Ok(())
}

/// Runs `work` on a thread that C_Finalize waits for; CKR_HOST_MEMORY if there can be none.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(work).map_err(|_| refusal(CKR_HOST_MEMORY))?;
    let mut threads = LIBRARY.threads();
    threads.retain(|thread| !thread.is_finished());
    threads.push(thread);
    Ok(())
}

/// CKR_CRYPTOKI_NOT_INITIALIZED outside of C_Initialize and C_Finalize.
pub(crate) fn require_initialized() -> Result<()> {
    ensure(LIBRARY.is_initialized(), CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// Whether functions may run on threads of their own.
pub(super) fn may_create_threads() -> bool {
    LIBRARY.threads.load(Ordering::Acquire)
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
    require_initialized()?;
    let mut token = LIBRARY.lock();
    require_initialized()?;
    check_cancelled()?;
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
