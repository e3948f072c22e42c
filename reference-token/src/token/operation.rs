//! The state machine of operations in a session: which are running, who has to authenticate, when
//! one ends, and calls that work outside the token's lock. `kind` says which may start; what an
//! operation does is in `ciphering`, `digesting`, `signing`, `verifying` and their neighbours.

use cryptoki_sys::*;

use super::kind::Kind;
use super::library::{change_in_session, with_session};
use super::message_signing::Messages;
use super::sealing::Sealing;
use super::session::{SharedOperations, lock};
use super::transcript::Transcript;
use super::verifying::Held;
use crate::mechanisms::{Ciphering, Digesting, Recovering, Signing, Verifying};
use crate::rv::{Result, ensure, refusal, refuse};

/// What a running operation works with.
pub(super) enum Work {
    /// Handles still to be found, last first.
    Find(Vec<CK_OBJECT_HANDLE>),
    Cipher(Box<dyn Ciphering>),
    Digest(Box<dyn Digesting>),
    Sign(Box<dyn Signing>),
    Verify(Box<dyn Verifying>),
    VerifyRecover(Box<dyn Recovering>),
    VerifySignature(Held),
    Seal(Box<Sealing>),
    SignMessages(Box<Messages<Box<dyn Signing>>>),
    VerifyMessages(Box<Messages<Box<dyn Verifying>>>),
}

/// Whether the key asks for the PIN before it is used: CKA_ALWAYS_AUTHENTICATE, section 4.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    NotNeeded,
    Awaited,
    Given,
}

/// A running operation.
pub(super) struct Running {
    pub(super) work: Work,
    /// Whether a multiple-part function was called: then no single-part function may follow.
    pub(super) in_parts: bool,
    pub(super) authentication: Authentication,
    /// The key, if the operation has one and began here.
    pub(super) key: Option<CK_OBJECT_HANDLE>,
    /// What C_GetOperationState saves.
    pub(super) transcript: Transcript,
}

impl Running {
    pub(super) fn new(work: Work, transcript: Transcript) -> Running {
        Running {
            work,
            in_parts: false,
            authentication: Authentication::NotNeeded,
            key: None,
            transcript,
        }
    }
}

/// What a call makes of an operation: the operation if it goes on, and the call's result.
pub(super) type Step<T> = (Option<Running>, Result<T>);

/// An operation and its place.
struct Active {
    kind: Kind,
    /// Tells it from another of its kind that may take its place.
    serial: u64,
    /// None while a call works on it outside the lock.
    idle: Option<Running>,
}

/// The operations of one session.
pub(super) struct Operations {
    active: Vec<Active>,
    last_serial: u64,
    /// Whether pairs are allowed.
    dual: bool,
}

impl Operations {
    pub(super) fn new(dual: bool) -> Operations {
        Operations {
            active: Vec::new(),
            last_serial: 0,
            dual,
        }
    }

    /// Section 5.1.6, CKR_OPERATION_ACTIVE.
    pub(super) fn check_start(&self, kind: Kind) -> Result<()> {
        let running = self.active.iter().map(|active| active.kind);
        let joins = kind.may_join(running, self.dual) || mutant!("init-while-active");
        ensure(joins, CKR_OPERATION_ACTIVE)
    }

    pub(super) fn start(&mut self, kind: Kind, running: Running) -> Result<()> {
        self.check_start(kind)?;
        self.last_serial += 1;
        self.active.push(Active {
            kind,
            serial: self.last_serial,
            idle: Some(running),
        });
        Ok(())
    }

    /// Takes an operation out for a call, with the serial to put it back under.
    fn take(&mut self, kind: Kind) -> Result<(u64, Running)> {
        let active = self
            .active
            .iter_mut()
            .find(|active| active.kind == kind)
            .ok_or(refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        let awaited = |running: &Running| running.authentication == Authentication::Awaited;
        if active.idle.as_ref().is_some_and(awaited) {
            // Section 4.10 has the code for a key used without its PIN; sections 5.10 and 5.13 have
            // it end the operation, as every error does but CKR_BUFFER_TOO_SMALL. A message is an
            // operation by itself: its process goes on.
            if !kind.is_process() {
                self.end(kind);
            }
            return refuse(CKR_USER_NOT_LOGGED_IN);
        }
        let running = active.idle.take();
        Ok((active.serial, running.ok_or(refusal(CKR_OPERATION_ACTIVE))?))
    }

    /// Puts an operation back after a call. One that was cancelled during the call stays so.
    fn put_back(&mut self, serial: u64, running: Option<Running>) {
        match running {
            Some(running) => {
                let place = self
                    .active
                    .iter_mut()
                    .find(|active| active.serial == serial);
                if let Some(active) = place {
                    active.idle = Some(running);
                }
            }
            None => self.active.retain(|active| active.serial != serial),
        }
    }

    /// Ends an operation; whether there was one.
    pub(super) fn end(&mut self, kind: Kind) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.kind != kind);
        self.active.len() < before
    }

    /// Ends an operation that `check` lets end; it works on otherwise. No PIN is asked for.
    fn finish(&mut self, kind: Kind, check: impl FnOnce(&Running) -> Result<()>) -> Result<()> {
        if self.peek(kind).is_err() && mutant!("message-final-without-init") {
            return Ok(());
        }
        check(self.peek(kind)?)?;
        self.end(kind);
        Ok(())
    }

    /// A running operation that no call works on.
    fn peek(&self, kind: Kind) -> Result<&Running> {
        let active = self.active.iter().find(|active| active.kind == kind);
        let active = active.ok_or(refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        active.idle.as_ref().ok_or(refusal(CKR_OPERATION_ACTIVE))
    }

    /// The running operations but for the search; CKR_OPERATION_ACTIVE if a call works on one.
    pub(super) fn cryptographic(&self) -> Result<Vec<(Kind, &Running)>> {
        let others = self
            .active
            .iter()
            .filter(|active| active.kind != Kind::Find);
        others
            .map(|active| Ok((active.kind, self.peek(active.kind)?)))
            .collect()
    }

    /// Puts others in the place of all operations.
    pub(super) fn replace(&mut self, operations: Vec<(Kind, Running)>) -> Result<()> {
        self.clear();
        operations
            .into_iter()
            .try_for_each(|(kind, running)| self.start(kind, running))
    }

    /// Whether there is any, for a mutant of C_Logout.
    pub(super) fn is_any(&self) -> bool {
        !self.active.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    fn idle(&mut self) -> impl Iterator<Item = &mut Running> {
        self.active
            .iter_mut()
            .filter_map(|active| active.idle.as_mut())
    }

    /// The handles that the running search has still to find, last first.
    pub(super) fn search(&mut self) -> Result<&mut Vec<CK_OBJECT_HANDLE>> {
        self.idle()
            .find_map(|running| match &mut running.work {
                Work::Find(handles) => Some(handles),
                _ => None,
            })
            .ok_or(refusal(CKR_OPERATION_NOT_INITIALIZED))
    }

    /// Whether a key in use asks for the PIN.
    pub(super) fn asks_for_pin(&mut self) -> bool {
        self.idle()
            .any(|running| running.authentication != Authentication::NotNeeded)
    }

    /// The PIN was given.
    pub(super) fn authenticate(&mut self) {
        for running in self.idle() {
            if running.authentication == Authentication::Awaited {
                running.authentication = Authentication::Given;
            }
        }
    }
}

/// Puts an operation back when its call is over, or ends it when the call panicked. If the session
/// was closed meanwhile, nobody else looks there any more.
struct Restore {
    operations: SharedOperations,
    serial: u64,
    running: Option<Running>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        lock(&self.operations).put_back(self.serial, self.running.take());
    }
}

/// Runs one call of an operation outside all locks. Another thread that asks for the same operation
/// meanwhile gets CKR_OPERATION_ACTIVE; other sessions do not notice.
pub(super) fn with_operation<T>(
    session: CK_SESSION_HANDLE,
    kind: Kind,
    call: impl FnOnce(Running) -> Step<T>,
) -> Result<T> {
    let operations = with_session(session, |token| {
        Ok(token.session(session)?.share_operations())
    })?;
    let (serial, running) = lock(&operations).take(kind)?;
    let mut restore = Restore {
        operations,
        serial,
        running: None,
    };
    let (running, result) = call(running);
    restore.running = running;
    drop(restore);
    if mutant!("close-under-use-crashes") && with_session(session, |_| Ok(())).is_err() {
        std::process::abort();
    }
    result
}

/// Runs a call whose errors end the operation, and whose success does not.
pub(super) fn continuing<T>(
    session: CK_SESSION_HANDLE,
    kind: Kind,
    call: impl FnOnce(&mut Running) -> Result<T>,
) -> Result<T> {
    with_operation(session, kind, |mut running| {
        let result = call(&mut running);
        let goes_on = result.is_ok() || mutant!("update-error-keeps-operation");
        (goes_on.then_some(running), result)
    })
}

/// C_MessageEncryptFinal and the other three: ends a process. The standard does not say what becomes
/// of a message that is not finished; it is refused with CKR_OPERATION_ACTIVE and goes on.
pub(crate) fn message_final(session: CK_SESSION_HANDLE, kind: Kind) -> Result<()> {
    with_session(session, |token| {
        let mut operations = token.session(session)?.operations();
        operations.finish(kind, |running| match &running.work {
            Work::Seal(process) => process.check_between(),
            Work::SignMessages(process) => process.check_between(),
            Work::VerifyMessages(process) => process.check_between(),
            _ => Err(refusal(CKR_GENERAL_ERROR)),
        })
    })
}

/// An Init function called without a mechanism: ends the operation, if there is one.
pub(crate) fn cancel_kind(session: CK_SESSION_HANDLE, kind: Kind) -> Result<()> {
    ensure(!mutant!("null-mechanism-refused"), CKR_ARGUMENTS_BAD)?;
    with_session(session, |token| {
        token.session(session)?.operations().end(kind);
        Ok(())
    })
}

/// C_SessionCancel: flags of operations that are not running are ignored. Half of a pair can be
/// cancelled, and the other half goes on.
pub(crate) fn cancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> Result<()> {
    change_in_session(session, |token| {
        let session = token.session_mut(session)?;
        let cancels = !mutant!("session-cancel-does-nothing");
        let flags = if cancels { flags } else { 0 };
        for kind in Kind::flagged(flags) {
            session.operations().end(kind);
        }
        session.job.take_if(|job| job.is_flagged(flags));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find() -> Running {
        Running::new(Work::Find(Vec::new()), Transcript::none())
    }

    #[test]
    fn operations_that_are_no_pair_exclude_each_other() {
        let mut operations = Operations::new(true);
        operations.start(Kind::Verify, find()).unwrap();
        let refusal = operations.start(Kind::Sign, find()).unwrap_err();
        assert_eq!(refusal.code(), CKR_OPERATION_ACTIVE);
        assert!(operations.end(Kind::Verify));
        assert!(!operations.end(Kind::Verify));
        assert!(operations.start(Kind::Sign, find()).is_ok());
    }

    #[test]
    fn an_operation_in_another_thread_is_active_and_not_lost() {
        let mut operations = Operations::new(true);
        operations.start(Kind::Find, find()).unwrap();
        let (serial, running) = operations.take(Kind::Find).ok().unwrap();
        assert_eq!(
            operations.take(Kind::Find).err().unwrap().code(),
            CKR_OPERATION_ACTIVE
        );
        operations.put_back(serial, Some(running));
        assert!(operations.take(Kind::Find).is_ok());
    }

    #[test]
    fn an_operation_cancelled_in_use_does_not_come_back_in_place_of_another() {
        let mut operations = Operations::new(true);
        operations.start(Kind::Sign, find()).unwrap();
        let (serial, mut running) = operations.take(Kind::Sign).ok().unwrap();
        running.in_parts = true;
        operations.end(Kind::Sign);
        operations.start(Kind::Sign, find()).unwrap();
        operations.put_back(serial, Some(running));
        let (_, second) = operations.take(Kind::Sign).ok().unwrap();
        assert!(!second.in_parts);
    }

    fn waiting(kind: Kind) -> Operations {
        let mut operations = Operations::new(true);
        let mut waiting = find();
        waiting.authentication = Authentication::Awaited;
        operations.start(kind, waiting).unwrap();
        operations
    }

    fn code(operations: &mut Operations, kind: Kind) -> CK_RV {
        operations.take(kind).err().unwrap().code()
    }

    #[test]
    fn an_operation_waits_for_its_pin() {
        let mut operations = waiting(Kind::Sign);
        assert!(operations.asks_for_pin());
        operations.authenticate();
        assert!(operations.take(Kind::Sign).is_ok());
    }

    /// Section 5.13.2: nothing but CKR_BUFFER_TOO_SMALL and a question for the length lets C_Sign's
    /// operation go on.
    #[test]
    fn a_call_before_the_pin_ends_an_operation_and_no_process() {
        let mut operations = waiting(Kind::Sign);
        assert_eq!(code(&mut operations, Kind::Sign), CKR_USER_NOT_LOGGED_IN);
        let gone = code(&mut operations, Kind::Sign);
        assert_eq!(gone, CKR_OPERATION_NOT_INITIALIZED);
        let mut process = waiting(Kind::MessageSign);
        for _ in 0..2 {
            let refused = code(&mut process, Kind::MessageSign);
            assert_eq!(refused, CKR_USER_NOT_LOGGED_IN);
        }
    }
}
