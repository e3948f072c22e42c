//! The library of the process: initialised or not, and the token behind its locks. Calls that only
//! read run side by side, changes take turns, and slow work happens outside: callers clone what they
//! need and come back.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::JoinHandle;
use std::time::Duration;

use cryptoki_sys::*;

use super::asynchronous::check_cancelled;
use super::presence::{Presence, take_event};
use super::{Configuration, Token};
use crate::ffi::process;
use crate::rv::{Result, ensure, refusal};

struct Library {
    /// The process that used the library last.
    process: AtomicU32,
    /// Whether the application lets the library create threads.
    threads: AtomicBool,
    /// The token outlives C_Finalize: an in-memory token keeps its objects for the process. There is
    /// one place for each process of a line of parents and children, see `enter_process`.
    places: [Place; GENERATIONS],
    generation: AtomicUsize,
}

/// What a process has of its own.
struct Place {
    /// Held by whoever changes the token, from the first look at it to the last word. What is written
    /// to the store is written before `token` is locked for the change, so that others read on.
    turn: Mutex<()>,
    token: RwLock<Option<Token>>,
    /// Threads that the library created.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What C_WaitForSlotEvent waits with for the end of the library's use.
    ending: Mutex<()>,
    finalized: Condvar,
}

impl Place {
    const fn new() -> Place {
        Place {
            turn: Mutex::new(()),
            token: RwLock::new(None),
            threads: Mutex::new(Vec::new()),
            ending: Mutex::new(()),
            finalized: Condvar::new(),
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A panic while a lock was held has been answered with CKR_GENERAL_ERROR; the state is
    /// changed only after everything fallible is done, so it is still good.
    fn read(&self) -> RwLockReadGuard<'_, Option<Token>> {
        self.token.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Token>> {
        self.token.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ending(&self) -> MutexGuard<'_, ()> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a thread that waits for events looks whether there is one.
const EVENT_INTERVAL: Duration = Duration::from_millis(10);

/// Generations of forked processes until a place for a token is used again.
const GENERATIONS: usize = 16;

static LIBRARY: Library = Library {
    process: AtomicU32::new(0),
    threads: AtomicBool::new(true),
    places: [const { Place::new() }; GENERATIONS],
    generation: AtomicUsize::new(0),
};

impl Library {
    fn place(&self) -> &Place {
        &self.places[self.generation.load(Ordering::Acquire) % GENERATIONS]
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
    let place = LIBRARY.place();
    let _turn = place.turn();
    let mut token = place.write();
    let first = !process::is_marked() || mutant!("initialize-twice");
    if !first && mutant!("refused-initialize-finalizes") {
        process::unmark();
    }
    ensure(first, CKR_CRYPTOKI_ALREADY_INITIALIZED)?;
    let configuration = Configuration::load(reserved)?;
    let reusable = token
        .as_ref()
        .is_some_and(|token| token.configuration == configuration && configuration.file.is_none());
    if reusable && let Some(token) = token.as_mut() {
        token.presence = Presence::found(configuration.removable.as_deref());
    }
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
    process::mark();
    Ok(())
}

/// C_Finalize.
pub(crate) fn finalize() -> Result<()> {
    require_initialized()?;
    let place = LIBRARY.place();
    {
        let _turn = place.turn();
        let mut token = place.write();
        require_initialized()?;
        if let Some(token) = token.as_mut() {
            token.close_all_sessions();
            token.objects.renew_handles();
            // Another process may open the file now; the next C_Initialize reads it again.
            if token.store.take().is_some() {
                token.objects.clear();
            }
        }
        let _ending = place.ending();
        process::unmark();
        place.finalized.notify_all();
    }
    // The application may unload the library now, so nothing of it may still be running.
    for thread in std::mem::take(&mut *place.threads()) {
        drop(thread.join()); // its panics were caught
    }
    Ok(())
}

/// Runs `work` on a thread that C_Finalize waits for; CKR_HOST_MEMORY if there can be none.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(work).map_err(|_| refusal(CKR_HOST_MEMORY))?;
    let mut threads = LIBRARY.place().threads();
    threads.retain(|thread| !thread.is_finished());
    threads.push(thread);
    Ok(())
}

/// CKR_CRYPTOKI_NOT_INITIALIZED outside of C_Initialize and C_Finalize. [PKCS11-UG], Applications and
/// processes: the child of a process that uses the library is another application, and must
/// initialise it itself. Until then it is not initialised there.
pub(crate) fn require_initialized() -> Result<()> {
    ensure(process::is_marked(), CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// Whether functions may run on threads of their own.
pub(super) fn may_create_threads() -> bool {
    LIBRARY.threads.load(Ordering::Acquire)
}

/// Blocks until there is an event of the slot, or another thread calls C_Finalize
/// (CKR_CRYPTOKI_NOT_INITIALIZED).
pub(crate) fn wait_for_event() -> Result<()> {
    let place = LIBRARY.place();
    while !take_event()? {
        let ending = place.ending();
        if process::is_marked() {
            let waited = place.finalized.wait_timeout(ending, EVENT_INTERVAL);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
    Ok(())
}

/// Looks at the slot, which may be empty, beside others who look at it.
pub(crate) fn with_slot<T>(call: impl FnOnce(&Token) -> Result<T>) -> Result<T> {
    require_initialized()?;
    let place = LIBRARY.place();
    let mut token = place.read();
    if token.as_ref().is_some_and(|token| !token.is_where_it_was()) {
        drop(token);
        change_slot(|_| Ok(()))?;
        token = place.read();
    }
    require_initialized()?;
    check_cancelled()?;
    call(token.as_ref().ok_or(refusal(CKR_GENERAL_ERROR))?)
}

/// Looks at the token, beside others who look at it.
pub(crate) fn with_token<T>(call: impl FnOnce(&Token) -> Result<T>) -> Result<T> {
    with_slot(|token| {
        token.check_present()?;
        call(token)
    })
}

/// Changes the slot, alone.
pub(crate) fn change_slot<T>(call: impl FnOnce(&mut Token) -> Result<T>) -> Result<T> {
    require_initialized()?;
    let place = LIBRARY.place();
    let _turn = place.turn();
    let mut token = place.write();
    require_initialized()?;
    check_cancelled()?;
    let token = token.as_mut().ok_or(refusal(CKR_GENERAL_ERROR))?;
    token.look_for();
    call(token)
}

/// Looks at the token if `session` is open: section 5.1.2 puts an invalid session handle before
/// everything that could be wrong with the other arguments.
pub(crate) fn with_session<T>(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&Token) -> Result<T>,
) -> Result<T> {
    // Without a token there is no session, which is what to say (5.1.2).
    with_slot(|token| {
        token.session(session)?;
        call(token)
    })
}

/// Changes the token, alone.
pub(crate) fn change_token<T>(call: impl FnOnce(&mut Token) -> Result<T>) -> Result<T> {
    change_slot(|token| {
        token.check_present()?;
        call(token)
    })
}

/// Changes the token if `session` is open.
pub(crate) fn change_in_session<T>(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&mut Token) -> Result<T>,
) -> Result<T> {
    change_slot(|token| {
        token.session(session)?;
        call(token)
    })
}

/// Changes the token in two steps. `write` decides and writes to the store, which may wait for a
/// disk, and others read the token meanwhile; `apply` changes what they see, and cannot fail. Nothing
/// else changes in between.
pub(crate) fn change_durably<W, T>(
    session: CK_SESSION_HANDLE,
    write: impl FnOnce(&Token) -> Result<W>,
    apply: impl FnOnce(&mut Token, W) -> T,
) -> Result<T> {
    require_initialized()?;
    let place = LIBRARY.place();
    let _turn = place.turn();
    let written = with_session(session, write)?;
    let mut token = place.write();
    let token = token.as_mut().ok_or(refusal(CKR_GENERAL_ERROR))?;
    Ok(apply(token, written))
}

/// The library of this process for one unit test at a time, initialised.
#[cfg(test)]
pub(crate) struct Alone {
    _turn: MutexGuard<'static, ()>,
}

#[cfg(test)]
impl Alone {
    pub(crate) fn begin() -> Alone {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        initialize(None, true).unwrap();
        Alone { _turn: turn }
    }
}

#[cfg(test)]
impl Drop for Alone {
    fn drop(&mut self) {
        finalize().unwrap();
    }
}
