//! Sessions and logins ([PKCS11-Base 3.2] 5.6).

use cryptoki_sys::*;

use super::{Life, Login, Object, Operation, Session, State};
use crate::cryptoki::Function::{
    C_CloseAllSessions, C_CloseSession, C_GetSessionInfo, C_Login, C_Logout, C_OpenSession,
};
use crate::property::script::{Make, Script, call, is_number, number, on, pin};
use crate::sequence::Relation;

/// Most sessions at a time.
const SESSIONS: usize = 6;

impl State {
    /// 5.6.1: a read-only session cannot be opened while the SO is logged in.
    pub(super) fn open(&mut self, script: &mut Script, writes: bool) {
        if self.open_sessions().count() >= SESSIONS {
            return;
        }
        let flags = match writes {
            true => CKF_SERIAL_SESSION | CKF_RW_SESSION,
            false => CKF_SERIAL_SESSION,
        };
        let name = format!("s{}", self.sessions.len());
        let open = call(C_OpenSession).with("flags", number(flags));
        if self.login == Login::So && !writes {
            script.add(open.fails());
            return;
        }
        // 5.6.1: a token may have a limit.
        let open = open.unless(&[CKR_SESSION_COUNT, CKR_SESSION_READ_WRITE_SO_EXISTS]);
        script.add(open.keep("session", &name));
        for session in &mut self.sessions {
            if session.life == Life::Gone {
                session.life = Life::Doubtful;
            }
        }
        self.sessions.push(Session {
            name,
            writes,
            life: Life::Alive,
            operation: Operation::None,
        });
    }

    /// 5.6.2: its objects go with a session, and the login with the last one.
    pub(super) fn close(&mut self, script: &mut Script, number: u8) {
        let Some(place) = self.session(number) else {
            return;
        };
        let close = on(&self.sessions[place].name, C_CloseSession);
        if !self.is_open(place) {
            script.add(close.fails());
            return;
        }
        script.add(close);
        self.sessions[place].life = Life::Gone;
        for object in &mut self.objects {
            if !object.on_token && object.of == place {
                object.end();
            }
        }
        self.leave_open_what_lost_its_key();
        if self.open_sessions().next().is_none() {
            self.no_session_left();
        }
    }

    pub(super) fn close_all(&mut self, script: &mut Script) {
        script.add(call(C_CloseAllSessions));
        for session in &mut self.sessions {
            if session.life == Life::Alive {
                session.life = Life::Gone;
            }
        }
        self.objects
            .iter_mut()
            .filter(|object| !object.on_token)
            .for_each(Object::end);
        self.no_session_left();
    }

    /// Of handles of token objects that outlive all sessions nothing is said.
    fn no_session_left(&mut self) {
        self.login = Login::Nobody;
        for object in &mut self.objects {
            object.handle = Life::Doubtful;
        }
    }

    /// The states of 5.6.4 and CK_SESSION_INFO.
    pub(super) fn info(&self, script: &mut Script, number: u8) {
        let Some(place) = self.session(number) else {
            return;
        };
        let session = &self.sessions[place];
        let info = on(&session.name, C_GetSessionInfo);
        if !self.is_open(place) {
            script.add(info.fails());
            return;
        }
        let state = match (session.writes, self.login) {
            (false, Login::Nobody) => CKS_RO_PUBLIC_SESSION,
            (false, _) => CKS_RO_USER_FUNCTIONS,
            (true, Login::Nobody) => CKS_RW_PUBLIC_SESSION,
            (true, Login::User) => CKS_RW_USER_FUNCTIONS,
            (true, Login::So) => CKS_RW_SO_FUNCTIONS,
        };
        let flags = match session.writes {
            true => Relation::Has(CKF_SERIAL_SESSION | CKF_RW_SESSION),
            false => Relation::All(vec![
                Relation::Has(CKF_SERIAL_SESSION),
                Relation::Lacks(CKF_RW_SESSION),
            ]),
        };
        script.add(
            info.is("info.state", is_number(state))
                .is("info.flags", flags),
        );
    }

    /// 5.6.8: nobody else may be logged in, and for the SO no read-only session may be open.
    pub(super) fn log_in(&mut self, script: &mut Script, number_of: u8, so: bool) {
        let Some(place) = self.session(number_of) else {
            return;
        };
        let so = so && self.knows_so_pin;
        let (user, secret) = if so {
            (CKU_SO, "so-pin")
        } else {
            (CKU_USER, "pin")
        };
        let login = on(&self.sessions[place].name, C_Login)
            .with("user_type", number(user))
            .bytes("pin", pin(secret));
        let reads = self.open_sessions().any(|session| !session.writes);
        if !self.is_open(place) || self.login != Login::Nobody || so && reads {
            script.add(login.fails());
            return;
        }
        // What a token wants of its SO is its own affair.
        let login = if so { login.presumed() } else { login };
        script.add(self.once_operations_are_over(login));
        self.login = if so { Login::So } else { Login::User };
        // What is on the token and comes into view may get a handle that is free again. Those of private objects end for good.
        for object in self.objects.iter_mut().filter(|object| !object.private) {
            object.doubt_what_is_gone();
        }
        self.leave_operations_open();
    }

    /// 5.6.10: private objects of sessions are destroyed, and handles of private objects end for good.
    pub(super) fn log_out(&mut self, script: &mut Script, number: u8) {
        let Some(place) = self.session(number) else {
            return;
        };
        let logout = on(&self.sessions[place].name, C_Logout);
        if !self.is_open(place) || self.login == Login::Nobody {
            script.add(logout.fails());
            return;
        }
        script.add(self.once_operations_are_over(logout));
        self.login = Login::Nobody;
        // Those that were gone before may be given out with the next login; those that end now may not.
        self.handles_are_given_out();
        for object in self.objects.iter_mut().filter(|object| object.private) {
            match object.on_token {
                true => object.handle = object.handle.ended(),
                false => object.end(),
            }
        }
        self.leave_operations_open();
    }

    /// Operations should be over before a login or a logout, and a token may say of one that is not (5.6.8, 5.6.10).
    fn once_operations_are_over(&self, call: Make) -> Make {
        let mut sessions = self.open_sessions();
        match sessions.any(|session| session.operation != Operation::None) {
            true => call.unless(&[CKR_OPERATION_ACTIVE]),
            false => call,
        }
    }

    fn leave_operations_open(&mut self) {
        for session in &mut self.sessions {
            if session.operation != Operation::None {
                session.operation = Operation::Open;
            }
        }
    }
}
