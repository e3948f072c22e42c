//! What a decoded sequence begins with.

use cryptoki_sys::{CKF_RW_SESSION, CKF_SERIAL_SESSION, CKU_SO, CKU_USER};

use super::setting::{Pins, Prelude};
use super::{Writer, number, pins, reference, text};
use crate::cryptoki::Function;
use crate::sequence::{ANY, Argument, Call, Step, calls_mut};

impl Writer<'_> {
    /// A session with the user logged in, or about to be.
    pub(super) fn prelude(&mut self) {
        match self.prelude {
            Prelude::Token(pins) => self.new_token(pins),
            Prelude::Session | Prelude::OwnToken => {
                self.open_session();
                // Room for the login that the sequence may turn out to need.
                self.calls += 1;
            }
        }
        for call in calls_mut(&mut self.steps) {
            call.fixture = true;
        }
    }

    fn new_token(&mut self, pins: Pins<'_>) {
        let (so, user) = (text(pins.so), text(pins.user));
        self.call(Function::C_Initialize, &[]);
        let label = text("fuzz");
        let given = [("pin", so.clone()), ("label", label)];
        self.call(Function::C_InitToken, &given);
        self.open_session();
        self.log_in_as(CKU_SO, so);
        let given = [("session", self.session()), ("pin", user.clone())];
        self.call(Function::C_InitPIN, &given);
        self.call(Function::C_Logout, &[("session", self.session())]);
        self.log_in_as(CKU_USER, user);
    }

    /// Opens a session, which most calls from here on are about.
    pub(super) fn open_session(&mut self) {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        self.call(Function::C_OpenSession, &[("flags", number(flags))]);
        if let Some(last) = self.sessions.last() {
            self.current.clone_from(last);
        }
    }

    /// Logs the user in with the PIN that the token keeps.
    pub(super) fn log_in(&mut self) {
        self.log_in_as(CKU_USER, pins::pin());
    }

    fn log_in_as(&mut self, user: u64, pin: Argument) {
        let given = [
            ("session", self.session()),
            ("user_type", number(user)),
            ("pin", pin),
        ];
        self.call(Function::C_Login, &given);
    }

    fn session(&self) -> Argument {
        reference(&self.current)
    }
}

/// Logs the user in on a session.
pub(super) fn login(step: u32, session: &str) -> Step {
    let mut call = Call::new(step, Function::C_Login);
    call.arguments = vec![reference(session), number(CKU_USER), pins::pin()];
    (call.except, call.fixture) = (vec![ANY], true);
    Step::Call(Box::new(call))
}
