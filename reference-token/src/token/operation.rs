//! The state machine of operations in a session: which may start, which are running, who has to
//! authenticate, and when one ends. What an operation does is in `digesting`, `signing`,
//! `ciphering` and `search`.

use cryptoki_sys::*;

use super::library::{with_session, with_token};
use crate::mechanisms::{Ciphering, Digesting, Signing, Verifying};
use crate::rv::{Result, ensure, refusal};

/// The kinds of operation that a session can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Find,
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
}

/// The flag under which C_SessionCancel knows each kind.
const FLAGS: [(CK_FLAGS, Kind); 6] = [
    (CKF_FIND_OBJECTS, Kind::Find),
    (CKF_ENCRYPT, Kind::Encrypt),
    (CKF_DECRYPT, Kind::Decrypt),
    (CKF_DIGEST, Kind::Digest),
    (CKF_SIGN, Kind::Sign),
    (CKF_VERIFY, Kind::Verify),
];

/// What a running operation works with.
pub(super) enum Work {
    /// Handles still to be found, last first.
    Find(Vec<CK_OBJECT_HANDLE>),
    Cipher(Box<dyn Ciphering>),
    Digest(Box<dyn Digesting>),
    Sign(Box<dyn Signing>),
    Verify(Box<dyn Verifying>),
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
}

impl Running {
    pub(super) fn new(work: Work) -> Running {
        Running {
            work,
            in_parts: false,
            authentication: Authentication::NotNeeded,
        }
    }
}

/// An operation's place in its session.
enum Slot {
    Idle(Running),
    /// A call works on it outside the lock.
    Busy,
}

/// The operations of one session.
#[derive(Default)]
pub(super) struct Operations(Vec<(Kind, Slot)>);

impl Operations {
    /// Section 5.1.6, CKR_OPERATION_ACTIVE: the token has no CKF_DUAL_CRYPTO_OPERATIONS, and a
    /// search is an operation like any other, so whatever runs excludes everything else.
    pub(super) fn check_start(&self) -> Result<()> {
        ensure(self.0.is_empty(), CKR_OPERATION_ACTIVE)
    }

    pub(super) fn start(&mut self, kind: Kind, running: Running) -> Result<()> {
        self.check_start()?;
        self.0.push((kind, Slot::Idle(running)));
        Ok(())
    }

    fn take(&mut self, kind: Kind) -> Result<Running> {
        let (_, slot) = self
            .0
            .iter_mut()
            .find(|(running, _)| *running == kind)
            .ok_or(refusal(CKR_OPERATION_NOT_INITIALIZED))?;
        if let Slot::Idle(running) = slot {
            // Section 4.10: without the PIN the key is not used, and the operation waits on.
            let blocked = running.authentication == Authentication::Awaited;
            ensure(!blocked, CKR_USER_NOT_LOGGED_IN)?;
        }
        match std::mem::replace(slot, Slot::Busy) {
            Slot::Idle(running) => Ok(running),
            Slot::Busy => Err(refusal(CKR_OPERATION_ACTIVE)),
        }
    }

    fn put_back(&mut self, kind: Kind, running: Option<Running>) {
        match running {
            Some(running) => {
                let slot = self.0.iter_mut().find(|(slot, _)| *slot == kind);
                if let Some((_, slot)) = slot {
                    *slot = Slot::Idle(running);
                }
            }
            None => self.cancel(kind),
        }
    }

    fn cancel(&mut self, kind: Kind) {
        self.0.retain(|(running, _)| *running != kind);
    }

    /// Ends an operation; whether there was one.
    pub(super) fn end(&mut self, kind: Kind) -> bool {
        let before = self.0.len();
        self.cancel(kind);
        self.0.len() < before
    }

    /// The handles that the running search has still to find, last first.
    pub(super) fn search(&mut self) -> Result<&mut Vec<CK_OBJECT_HANDLE>> {
        self.0
            .iter_mut()
            .find_map(|(_, slot)| match slot {
                Slot::Idle(Running {
                    work: Work::Find(handles),
                    ..
                }) => Some(handles),
                _ => None,
            })
            .ok_or(refusal(CKR_OPERATION_NOT_INITIALIZED))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn waiting(&mut self) -> impl Iterator<Item = &mut Running> {
        self.0.iter_mut().filter_map(|(_, slot)| match slot {
            Slot::Idle(running) if running.authentication != Authentication::NotNeeded => {
                Some(running)
            }
            _ => None,
        })
    }

    /// Whether a key in use asks for the PIN.
    pub(super) fn asks_for_pin(&self) -> bool {
        self.0.iter().any(|(_, slot)| {
            matches!(slot, Slot::Idle(running)
                if running.authentication != Authentication::NotNeeded)
        })
    }

    /// The PIN was given.
    pub(super) fn authenticate(&mut self) {
        for running in self.waiting() {
            running.authentication = Authentication::Given;
        }
    }
}

/// Puts an operation back when its call is over, or ends it when the call panicked.
struct Restore {
    session: CK_SESSION_HANDLE,
    kind: Kind,
    running: Option<Running>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let running = self.running.take();
        // A session or library that was closed meanwhile has no place for it, which is fine.
        let _closed = with_token(|token| {
            let operations = &mut token.session_mut(self.session)?.operations;
            operations.put_back(self.kind, running);
            Ok(())
        });
    }
}

/// Runs one call of an operation outside the token's lock. `call` gives back the operation if it
/// goes on, and None if it ends.
pub(super) fn with_operation<T>(
    session: CK_SESSION_HANDLE,
    kind: Kind,
    call: impl FnOnce(Running) -> (Option<Running>, Result<T>),
) -> Result<T> {
    let running = with_session(session, |token| {
        token.session_mut(session)?.operations.take(kind)
    })?;
    let mut restore = Restore {
        session,
        kind,
        running: None,
    };
    let (running, result) = call(running);
    restore.running = running;
    result
}

/// An Init function called without a mechanism: ends the operation, if there is one.
pub(crate) fn cancel_kind(session: CK_SESSION_HANDLE, kind: Kind) -> Result<()> {
    with_session(session, |token| {
        token.session_mut(session)?.operations.cancel(kind);
        Ok(())
    })
}

/// C_SessionCancel: flags of operations that are not running are ignored.
pub(crate) fn cancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> Result<()> {
    with_session(session, |token| {
        let operations = &mut token.session_mut(session)?.operations;
        for (flag, kind) in FLAGS {
            if flags & flag != 0 {
                operations.cancel(kind);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find() -> Running {
        Running::new(Work::Find(Vec::new()))
    }

    #[test]
    fn one_operation_excludes_every_other() {
        let mut operations = Operations::default();
        operations.start(Kind::Find, find()).unwrap();
        let refusal = operations.start(Kind::Sign, find()).unwrap_err();
        assert_eq!(refusal.code(), CKR_OPERATION_ACTIVE);
        operations.cancel(Kind::Find);
        assert!(operations.start(Kind::Sign, find()).is_ok());
    }

    #[test]
    fn an_operation_in_another_thread_is_active_and_not_lost() {
        let mut operations = Operations::default();
        operations.start(Kind::Find, find()).unwrap();
        let running = operations.take(Kind::Find).ok().unwrap();
        assert_eq!(
            operations.take(Kind::Find).err().unwrap().code(),
            CKR_OPERATION_ACTIVE
        );
        operations.put_back(Kind::Find, Some(running));
        assert!(operations.take(Kind::Find).is_ok());
    }

    #[test]
    fn an_operation_waits_for_its_pin_and_is_not_ended_by_asking_too_early() {
        let mut operations = Operations::default();
        let mut waiting = find();
        waiting.authentication = Authentication::Awaited;
        operations.start(Kind::Sign, waiting).unwrap();
        assert_eq!(
            operations.take(Kind::Sign).err().unwrap().code(),
            CKR_USER_NOT_LOGGED_IN
        );
        assert!(operations.asks_for_pin());
        operations.authenticate();
        assert!(operations.take(Kind::Sign).is_ok());
    }
}
