//! Sessions: section 5.6, without login. A session has a state that follows from its flags and the
//! token's login, the operations running in it, and the session objects it created.

use cryptoki_sys::*;

use super::asynchronous::Job;
use super::library::may_create_threads;
use super::operation::Operations;
use super::{Login, Token};
use crate::rv::{Result, ensure};

/// An open session.
pub(super) struct Session {
    flags: CK_FLAGS,
    pub(super) operations: Operations,
    /// A function that runs on a thread of its own.
    pub(super) job: Option<Job>,
}

impl Session {
    pub(super) fn is_rw(&self) -> bool {
        self.flags & CKF_RW_SESSION != 0
    }

    pub(super) fn is_asynchronous(&self) -> bool {
        self.flags & CKF_ASYNC_SESSION != 0
    }
}

impl Token {
    /// C_OpenSession.
    pub(crate) fn open_session(&mut self, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        ensure(
            flags & CKF_SERIAL_SESSION != 0,
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
        ensure(rw || !self.is_so(), CKR_SESSION_READ_WRITE_SO_EXISTS)?;
        let handle = self.next_session;
        self.next_session += 1;
        self.sessions.insert(
            handle,
            Session {
                flags,
                operations: Operations::new(self.configuration.dual_operations),
                job: None,
            },
        );
        Ok(handle)
    }

    /// C_CloseSession: the last one to be closed logs out.
    pub(crate) fn close_session(&mut self, handle: CK_SESSION_HANDLE) -> Result<()> {
        self.session(handle)?;
        self.sessions.remove(&handle);
        self.objects.remove_owned_by(handle);
        if self.sessions.is_empty() {
            self.drop_login();
        }
        Ok(())
    }

    /// C_CloseAllSessions.
    pub(crate) fn close_all_sessions(&mut self) {
        self.sessions.clear();
        self.objects.remove_owned();
        self.drop_login();
    }

    /// C_GetSessionInfo.
    pub(crate) fn session_info(&self, handle: CK_SESSION_HANDLE) -> Result<CK_SESSION_INFO> {
        let session = self.session(handle)?;
        Ok(CK_SESSION_INFO {
            slotID: super::SLOT,
            state: state(session.is_rw(), self.login),
            flags: session.flags,
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
