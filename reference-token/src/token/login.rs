//! Login, PINs and the initialisation of the token: sections 5.5.7 to 5.5.9 and 5.6.9 to 5.6.11.

use cryptoki_sys::*;

use super::pin::{self, Pin};
use super::{Login, Token, padded};
use crate::rv::{Result, ensure, refusal, refuse};

impl Token {
    /// C_Login, and C_LoginUser without a user name.
    pub(crate) fn login(
        &mut self,
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        attempt: &[u8],
    ) -> Result<()> {
        match user {
            CKU_CONTEXT_SPECIFIC => self.reauthenticate(session, attempt),
            CKU_USER => self.log_in(Login::User, attempt),
            CKU_SO => self.log_in(Login::So, attempt),
            _ => refuse(CKR_USER_TYPE_INVALID),
        }
    }

    fn log_in(&mut self, who: Login, attempt: &[u8]) -> Result<()> {
        ensure(self.login != who, CKR_USER_ALREADY_LOGGED_IN)?;
        ensure(
            self.login == Login::Nobody,
            CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
        )?;
        if who == Login::So {
            let all_rw = self.sessions.values().all(|session| session.is_rw());
            ensure(all_rw, CKR_SESSION_READ_ONLY_EXISTS)?;
        }
        self.check_pin(who, attempt)?;
        self.login = who;
        Ok(())
    }

    /// Section 4.10: logging in again for one use of a key with CKA_ALWAYS_AUTHENTICATE. A PIN
    /// that locks here also ends the login.
    fn reauthenticate(&mut self, session: CK_SESSION_HANDLE, attempt: &[u8]) -> Result<()> {
        let waiting = self.session_mut(session)?.operations.asks_for_pin();
        ensure(waiting, CKR_OPERATION_NOT_INITIALIZED)?;
        match self.check_pin(self.login, attempt) {
            Ok(()) => {
                self.session_mut(session)?.operations.authenticate();
                Ok(())
            }
            Err(refusal) => {
                if refusal.code() == CKR_PIN_LOCKED {
                    self.drop_login();
                }
                Err(refusal)
            }
        }
    }

    /// Checks a PIN, counts the attempt and saves the counter where it must survive.
    fn check_pin(&mut self, who: Login, attempt: &[u8]) -> Result<()> {
        let tries = self.configuration.pin_tries;
        let (pin, missing) = match who {
            Login::So => (&mut self.so_pin, CKR_PIN_INCORRECT),
            Login::User | Login::Nobody => (&mut self.user_pin, CKR_USER_PIN_NOT_INITIALIZED),
        };
        let pin = pin.as_mut().ok_or(refusal(missing))?;
        let before = pin.count(tries);
        let result = pin.check(attempt, tries);
        if result.is_err() || before != Default::default() {
            self.save()?;
        }
        result
    }

    /// C_Logout.
    pub(crate) fn logout(&mut self) -> Result<()> {
        ensure(self.login != Login::Nobody, CKR_USER_NOT_LOGGED_IN)?;
        self.drop_login();
        Ok(())
    }

    /// Back to public sessions. Section 5.6.11: handles to private objects die for good, and
    /// private session objects with them. Running operations end, as their keys may be private.
    pub(super) fn drop_login(&mut self) {
        self.login = Login::Nobody;
        self.objects
            .remove_where(|object| object.owner.is_some() && object.is_private());
        self.objects.renew_handles(|object| object.is_private());
        for session in self.sessions.values_mut() {
            session.operations.clear();
        }
    }

    /// C_InitToken: `label` is blank-padded already.
    pub(crate) fn initialize_token(&mut self, attempt: &[u8], label: [u8; 32]) -> Result<()> {
        ensure(self.sessions.is_empty(), CKR_SESSION_EXISTS)?;
        if self.initialized {
            self.check_pin(Login::So, attempt)?;
        } else {
            // The function has no code for a PIN that cannot be set.
            pin::check_new(attempt).map_err(|_| refusal(CKR_ARGUMENTS_BAD))?;
            self.so_pin = Some(Pin::new(attempt, self.pin_rounds())?);
        }
        self.store.clear()?;
        self.objects.remove_where(|object| !object.is_built_in());
        self.initialized = true;
        self.label = padded(&label);
        self.user_pin = None;
        self.save()
    }

    /// C_InitPIN.
    pub(crate) fn initialize_pin(&mut self, new: &[u8]) -> Result<()> {
        ensure(self.is_so(), CKR_USER_NOT_LOGGED_IN)?;
        pin::check_new(new)?;
        self.user_pin = Some(Pin::new(new, self.pin_rounds())?);
        self.save()
    }

    /// C_SetPIN: the PIN of whoever is logged in, or of the normal user.
    pub(crate) fn set_pin(
        &mut self,
        session: CK_SESSION_HANDLE,
        old: &[u8],
        new: &[u8],
    ) -> Result<()> {
        ensure(!self.is_read_only(session)?, CKR_SESSION_READ_ONLY)?;
        // Without a user PIN there is none to match: the function has no code of its own for it.
        let exists = self.is_so() || self.user_pin.is_some();
        ensure(exists, CKR_PIN_INCORRECT)?;
        pin::check_new(new)?;
        self.check_pin(self.login, old)?;
        let new = Some(Pin::new(new, self.pin_rounds())?);
        match self.login {
            Login::So => self.so_pin = new,
            Login::User | Login::Nobody => self.user_pin = new,
        }
        self.save()
    }
}
