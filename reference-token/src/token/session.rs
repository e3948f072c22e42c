//! Sessions: section 5.6, without login. A session has a state that follows from its flags and the
//! token's login, the operations running in it, and the session objects it created.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

use super::asynchronous::Job;
use super::library::may_create_threads;
use super::operation::Operations;
use super::{Login, Token};
use crate::mechanisms::Nonces;
use crate::rv::{Result, ensure};

/// An open session.
pub(super) struct Session {
    flags: CK_FLAGS,
    /// Locked by itself: operations run while others read or change the token. Whoever holds this
    /// lock takes no other.
    operations: SharedOperations,
    /// A function that runs on a thread of its own.
    pub(super) job: Option<Job>,
    /// The nonces that keys were wrapped with, by wrapping key and mechanism.
    nonces: HashMap<(CK_OBJECT_HANDLE, CK_MECHANISM_TYPE), Nonces>,
}

/// The operations of a session, which calls hold on to while they work outside the token's lock.
pub(super) type SharedOperations = Arc<Mutex<Operations>>;

/// As with the token, a panic was answered already and left a good state behind.
pub(super) fn lock(operations: &SharedOperations) -> MutexGuard<'_, Operations> {
    operations.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    pub(super) fn operations(&self) -> MutexGuard<'_, Operations> {
        lock(&self.operations)
    }

    pub(super) fn share_operations(&self) -> SharedOperations {
        Arc::clone(&self.operations)
    }

    pub(super) fn is_rw(&self) -> bool {
        self.flags & CKF_RW_SESSION != 0
    }

    /// Section 6.13.7.4: a nonce is unique for a session, from one call to the next.
    pub(super) fn nonces(
        &mut self,
        wrapping: CK_OBJECT_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
    ) -> &mut Nonces {
        if mutant!("wrap-nonce-repeats") {
            self.nonces.clear();
        }
        self.nonces.entry((wrapping, mechanism)).or_default()
    }

    pub(super) fn is_asynchronous(&self) -> bool {
        self.flags & CKF_ASYNC_SESSION != 0
    }
}

impl Token {
    /// C_OpenSession.
    pub(crate) fn open_session(&mut self, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        ensure(
            flags & CKF_SERIAL_SESSION != 0 || mutant!("parallel-session-accepted"),
            CKR_SESSION_PARALLEL_NOT_SUPPORTED,
        )?;
        ensure(
            flags & CKF_ASYNC_SESSION == 0 || self.is_asynchronous(),
            CKR_SESSION_ASYNC_NOT_SUPPORTED,
        )?;
        ensure(
            flags & !(CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION) == 0,
            CKR_ARGUMENTS_BAD,
        )?;
        let rw = flags & CKF_RW_SESSION != 0;
        let allowed = rw || !self.is_so() || mutant!("ro-session-beside-so");
        ensure(allowed, CKR_SESSION_READ_WRITE_SO_EXISTS)?;
        if mutant!("leak-per-session") {
            // What nobody looks at is not allocated in a release build.
            std::hint::black_box(Vec::leak(vec![1u8; 1 << 20]));
        }
        let operations = Operations::new(self.configuration.dual_operations);
        let handle = self.next_session;
        self.next_session += 1;
        self.sessions.insert(
            handle,
            Session {
                flags,
                operations: Arc::new(Mutex::new(operations)),
                job: None,
                nonces: HashMap::new(),
            },
        );
        Ok(handle)
    }

    /// For the mutant of C_OpenSession that takes its handle too late.
    pub(crate) fn next_session(&mut self) -> &mut CK_SESSION_HANDLE {
        &mut self.next_session
    }

    /// C_CloseSession: the last one to be closed logs out.
    pub(crate) fn close_session(&mut self, handle: CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle)?;
        if mutant!("close-session-does-nothing") {
            return Ok(());
        }
        self.sessions.remove(&handle);
        if !mutant!("session-objects-outlive-session") {
            self.objects.remove_owned_by(handle);
        }
        if self.sessions.is_empty() && !mutant!("last-close-keeps-login") {
            self.drop_login();
        }
        Ok(())
    }

    /// C_CloseAllSessions.
    pub(crate) fn close_all_sessions(&mut self) {
        self.sessions.clear();
        self.objects.remove_owned();
        if !mutant!("close-all-keeps-login") {
            self.drop_login();
        }
    }

    /// C_GetSessionInfo.
    pub(crate) fn session_info(&self, handle: CK_SESSION_HANDLE) -> Result<CK_SESSION_INFO> {
        let session = self.session(handle)?;
        Ok(CK_SESSION_INFO {
            slotID: super::SLOT,
            state: match mutant!("state-ignores-login") {
                true => state(session.is_rw(), Login::Nobody),
                false => state(session.is_rw(), self.login),
            },
            flags: match mutant!("session-info-forgets-rw") {
                true => CKF_SERIAL_SESSION,
                false => session.flags,
            },
            ulDeviceError: 0,
        })
    }

    /// CKF_ASYNC_SESSION_SUPPORTED: pending functions need threads.
    pub(super) fn is_asynchronous(&self) -> bool {
        self.configuration.asynchronous_sessions && may_create_threads()
    }

    /// Whether `handle` is open for reading only.
    pub(super) fn is_read_only(&self, handle: CK_SESSION_HANDLE) -> Result<bool> {
        Ok(!self.session(handle)?.is_rw())
    }

    /// Numbers sessions and objects on from a token that this one replaces, so that no handle of
    /// the process is ever used twice.
    pub(super) fn continue_handles(&mut self, before: &Token) {
        self.next_session = before.next_session;
        self.objects.continue_handles(&before.objects);
    }
}

/// The five session states. With the SO logged in there are only read/write sessions.
fn state(rw: bool, login: Login) -> CK_STATE {
    match (rw, login) {
        (false, Login::Nobody | Login::So) => CKS_RO_PUBLIC_SESSION,
        (false, Login::User) => CKS_RO_USER_FUNCTIONS,
        (true, Login::Nobody) => CKS_RW_PUBLIC_SESSION,
        (true, Login::User) => CKS_RW_USER_FUNCTIONS,
        (true, Login::So) => CKS_RW_SO_FUNCTIONS,
    }
}
