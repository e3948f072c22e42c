//! Login, PINs and the initialisation of the token: sections 5.5.7 to 5.5.9 and 5.6.8 to 5.6.10. A
//! PIN is hashed without the token's lock, so each call has a part before and a part after, and the
//! second does not trust what the first one saw.

use cryptoki_sys::*;

use super::library::{change_in_session, change_token, with_session, with_token};
use super::pin::{self, Pin};
use super::{Login, Token, padded};
use crate::rv::{Result, ensure, refusal, refuse};
use crate::store::{Change, MasterKey};

/// An attempt at a PIN, hashed: the master key if it was right.
struct Attempt {
    who: Login,
    pin: Pin,
    opened: Option<MasterKey>,
}

/// A PIN to be tried: whose, and what is kept of it.
type Tried = (Login, Pin);

fn attempt((who, pin): Tried, attempt: &[u8]) -> Attempt {
    let opened = pin.open(attempt);
    Attempt { who, pin, opened }
}

/// C_Login, and C_LoginUser without a user name.
pub(crate) fn login(session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> Result<()> {
    let tried = with_session(session, |token| token.prepare_login(session, user))?;
    let attempt = attempt(tried, pin);
    change_in_session(session, |token| {
        token.prepare_login(session, user)?;
        match user {
            CKU_CONTEXT_SPECIFIC => token.reauthenticate(session, attempt),
            _ => token.log_in(attempt),
        }
    })
}

/// C_InitToken: `label` is blank-padded already.
pub(crate) fn initialize_token(pin: &[u8], label: [u8; 32]) -> Result<()> {
    let (tried, rounds) =
        with_token(|token| Ok((token.prepare_initialization(pin)?, token.pin_rounds())))?;
    let attempt = tried.map(|tried| attempt(tried, pin));
    let so_pin = Pin::new(pin, &MasterKey::generate()?, rounds)?;
    change_token(|token| {
        let still = token.prepare_initialization(pin)?.is_some() == attempt.is_some();
        ensure(still, CKR_FUNCTION_FAILED)?;
        if let Some(attempt) = attempt
            && !mutant!("init-token-with-any-pin")
        {
            token.settle_attempt(attempt)?;
        }
        token.start_anew(so_pin, label)
    })
}

/// C_InitPIN.
pub(crate) fn initialize_pin(session: CK_SESSION_HANDLE, new: &[u8]) -> Result<()> {
    let is_so = |token: &Token| token.is_so() || mutant!("init-pin-by-user");
    let (master, rounds) = with_session(session, |token| {
        ensure(is_so(token), CKR_USER_NOT_LOGGED_IN)?;
        pin::check_new(new)?;
        let master = token.master.clone().ok_or(refusal(CKR_GENERAL_ERROR))?;
        Ok((master, token.pin_rounds()))
    })?;
    let new = Pin::new(new, &master, rounds)?;
    change_in_session(session, |token| {
        ensure(is_so(token), CKR_USER_NOT_LOGGED_IN)?;
        let must = token.configuration.change_initial_pins;
        token.replace_pin(Login::User, new.demanding_change(must))
    })
}

/// C_SetPIN: the PIN of whoever is logged in, or of the normal user.
pub(crate) fn set_pin(session: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> Result<()> {
    let (tried, rounds) = with_session(session, |token| {
        let tried = token.prepare_change(session, new)?;
        Ok((tried, token.pin_rounds()))
    })?;
    let attempt = attempt(tried, old);
    let new_pin = match &attempt.opened {
        Some(master) => Some(Pin::new(new, master, rounds)?),
        None => None,
    };
    change_in_session(session, |token| {
        let (who, _) = token.prepare_change(session, new)?;
        ensure(who == attempt.who, CKR_FUNCTION_FAILED)?;
        token.settle_attempt(attempt)?;
        token.replace_pin(who, new_pin.ok_or(refusal(CKR_PIN_INCORRECT))?)
    })
}

impl Token {
    fn pin_of(&self, who: Login) -> Option<&Pin> {
        match who {
            Login::So => self.so_pin.as_ref(),
            Login::User | Login::Nobody => self.user_pin.as_ref(),
        }
    }

    fn place_of_pin(&mut self, who: Login) -> &mut Option<Pin> {
        match who {
            Login::So => &mut self.so_pin,
            Login::User | Login::Nobody => &mut self.user_pin,
        }
    }

    /// The PIN that an attempt is for. One that is locked is not worth hashing.
    fn try_pin(&self, who: Login) -> Result<Tried> {
        let tries = self.configuration.pin_tries;
        // Section 5.1.3, which comes before the codes of functions: nobody has a PIN before
        // C_InitToken.
        let missing = match who {
            _ if !self.initialized => CKR_TOKEN_NOT_INITIALIZED,
            Login::So => CKR_PIN_INCORRECT,
            Login::User | Login::Nobody => CKR_USER_PIN_NOT_INITIALIZED,
        };
        let pin = self.pin_of(who).cloned().ok_or(refusal(missing))?;
        let code = match mutant!("locked-pin-says-incorrect") {
            true => CKR_PIN_INCORRECT,
            false => CKR_PIN_LOCKED,
        };
        ensure(!pin.count(tries).locked, code)?;
        Ok((who, pin))
    }

    /// Counts an attempt, and saves the counter where it must survive.
    fn settle_attempt(&mut self, attempt: Attempt) -> Result<MasterKey> {
        let tries = self.configuration.pin_tries;
        let (_, current) = self.try_pin(attempt.who)?;
        // Another thread may have set another PIN meanwhile; then the attempt is not at this one.
        ensure(current.is(&attempt.pin), CKR_PIN_INCORRECT)?;
        let before = current.count(tries);
        let mut result = Ok(());
        if let Some(pin) = self.place_of_pin(attempt.who) {
            result = pin.settle(attempt.opened.is_some(), tries);
        }
        if result.is_err() || before != Default::default() {
            self.save()?;
        }
        result?;
        attempt.opened.ok_or(refusal(CKR_PIN_INCORRECT))
    }

    fn replace_pin(&mut self, who: Login, new: Pin) -> Result<()> {
        if mutant!("set-pin-changes-nothing") {
            return Ok(());
        }
        let before = self.place_of_pin(who).replace(new);
        let saved = self.save();
        saved.inspect_err(|_| *self.place_of_pin(who) = before)
    }

    /// Whether a login can be, and with which PIN.
    fn prepare_login(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE) -> Result<Tried> {
        let who = match user {
            CKU_USER => Login::User,
            CKU_SO => Login::So,
            CKU_CONTEXT_SPECIFIC => {
                let waiting = self.session(session)?.operations().asks_for_pin();
                ensure(waiting, CKR_OPERATION_NOT_INITIALIZED)?;
                return self.try_pin(self.login);
            }
            _ if mutant!("any-user-type-is-the-user") => Login::User,
            _ => return refuse(CKR_USER_TYPE_INVALID),
        };
        if self.login == who && mutant!("second-login-succeeds") {
            return self.try_pin(who);
        }
        ensure(self.login != who, CKR_USER_ALREADY_LOGGED_IN)?;
        ensure(
            self.login == Login::Nobody || mutant!("so-takes-over"),
            CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
        )?;
        if who == Login::So {
            let all_rw = self.sessions.values().all(|session| session.is_rw());
            let sound = all_rw || mutant!("so-login-beside-ro-session");
            ensure(sound, CKR_SESSION_READ_ONLY_EXISTS)?;
        }
        self.try_pin(who)
    }

    fn log_in(&mut self, attempt: Attempt) -> Result<()> {
        let who = attempt.who;
        if mutant!("wrong-pin-logs-in") {
            self.login = who;
        }
        let master = self.settle_attempt(attempt)?;
        if let (Login::User, Some(store)) = (who, &self.store) {
            for (serial, object) in store.private(&master)? {
                self.objects.insert(serial, object, None);
            }
        }
        self.master = Some(master);
        self.login = who;
        Ok(())
    }

    /// Section 4.10: logging in again for one use of a key with CKA_ALWAYS_AUTHENTICATE. A PIN
    /// that locks here also ends the login.
    fn reauthenticate(&mut self, session: CK_SESSION_HANDLE, attempt: Attempt) -> Result<()> {
        match self.settle_attempt(attempt) {
            Ok(_) => {
                self.session(session)?.operations().authenticate();
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

    /// C_Logout.
    pub(crate) fn logout(&mut self) -> Result<()> {
        let somebody = self.login != Login::Nobody || mutant!("logout-without-login");
        ensure(somebody, CKR_USER_NOT_LOGGED_IN)?;
        self.drop_login();
        Ok(())
    }

    /// Back to public sessions. Section 5.6.10: handles to private objects die for good, and
    /// private session objects with them. Running operations end, as their keys may be private.
    /// What can be read again from the store leaves memory, and the master key in any case.
    pub(super) fn drop_login(&mut self) {
        while mutant!("logout-deadlocks-in-use")
            && self
                .sessions
                .values()
                .any(|session| session.operations().is_any())
        {
            std::thread::park();
        }
        self.login = Login::Nobody;
        self.master = None;
        if !mutant!("private-handles-survive-logout") {
            self.objects.part_with_private(self.store.is_some());
        }
        for session in self.sessions.values_mut() {
            session.operations().clear();
            session.job = None;
        }
    }

    /// Whether the token can be initialised: with the SO PIN that there is, or with a first one.
    fn prepare_initialization(&self, pin: &[u8]) -> Result<Option<Tried>> {
        let idle = self.sessions.is_empty() || mutant!("init-token-with-session-open");
        ensure(idle, CKR_SESSION_EXISTS)?;
        if self.initialized {
            return self.try_pin(Login::So).map(Some);
        }
        // The function has no code for a PIN that cannot be set.
        pin::check_new(pin).map_err(|_| refusal(CKR_ARGUMENTS_BAD))?;
        Ok(None)
    }

    /// Section 5.5.7: no objects and no user PIN. The new master key makes sure that what was
    /// sealed under the old one is nothing but noise.
    fn start_anew(&mut self, so_pin: Pin, label: [u8; 32]) -> Result<()> {
        let before = (self.initialized, self.label);
        let pins = (self.so_pin.replace(so_pin), self.user_pin.take());
        if mutant!("init-token-keeps-user-pin") {
            self.user_pin = pins.1.clone();
        }
        (self.initialized, self.label) = (true, padded(&label));
        let record = self.record();
        let saved = self.commit(&[Change::Clear, Change::Token(&record)]);
        if saved.is_err() {
            (self.initialized, self.label) = before;
            (self.so_pin, self.user_pin) = pins;
            return saved;
        }
        if !mutant!("init-token-keeps-objects") {
            self.objects.clear();
        }
        Ok(())
    }

    /// Whether a PIN can be changed, whose, and which one it is now.
    fn prepare_change(&self, session: CK_SESSION_HANDLE, new: &[u8]) -> Result<Tried> {
        let writes = !self.is_read_only(session)? || mutant!("set-pin-in-ro-session");
        ensure(writes, CKR_SESSION_READ_ONLY)?;
        // Without a user PIN there is none to match: the function has no code of its own for it.
        let exists = self.is_so() || self.user_pin.is_some() || !self.initialized;
        ensure(exists, CKR_PIN_INCORRECT)?;
        pin::check_new(new)?;
        self.try_pin(self.login)
    }
}
