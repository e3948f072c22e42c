//! The state, and which call it is that does something in it; what each does is in the modules below.

mod digest;
mod object;
mod session;
mod sign;

use super::action::Action;
use crate::property::script::Script;

/// CKA_APPLICATION of all data objects of the machine, and CKA_ID of all its keys.
pub(super) const OWN: &[u8] = b"p11assay machine";

/// Who is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Nobody,
    User,
    So,
}

/// The operation of a session. 5.1.6, CKR_OPERATION_ACTIVE: one of a kind keeps others of its kind from beginning, and
/// may keep those of other kinds, so that there is but one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    None,
    Digest(Input),
    /// With the key of this number.
    Sign(usize, Input),
    /// Left to the token: 5.6.8 and 5.6.10 say so of logins and logouts.
    Open,
}

/// What an operation was given so far, and whether any of it came in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Input {
    data: Vec<u8>,
    in_parts: bool,
}

impl Input {
    fn add(&mut self, part: &[u8]) {
        self.data.extend(part);
        self.in_parts = true;
    }
}

/// What an operation is given at a time. Whether there is one of nothing is left open.
fn data(length: u8) -> Vec<u8> {
    vec![length; usize::from(length) + 1]
}

/// A handle that was given out. Once it is gone its number may be given out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    /// Gone, and nothing of its kind was given out since.
    Gone,
    /// Left to the token, or the number may be somebody else's.
    Doubtful,
}

#[derive(Debug)]
struct Session {
    name: String,
    writes: bool,
    life: Life,
    operation: Operation,
}

#[derive(Debug)]
struct Object {
    name: String,
    /// Its value, if it is a key.
    key: Option<Vec<u8>>,
    on_token: bool,
    private: bool,
    label: u8,
    /// The session that it goes with.
    of: usize,
    /// Its handle.
    handle: Life,
    exists: bool,
}

/// Everything that calls depend on.
#[derive(Debug)]
pub(super) struct State {
    knows_so_pin: bool,
    /// Whether there are keys, and signatures.
    signs: bool,
    login: Login,
    sessions: Vec<Session>,
    objects: Vec<Object>,
}

impl State {
    /// Nobody is logged in, and no session is open.
    pub(super) fn new(knows_so_pin: bool, signs: bool) -> Self {
        Self {
            knows_so_pin,
            signs,
            login: Login::Nobody,
            sessions: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Makes a call, and takes note of what it does. Calls of which nothing is known are left out.
    pub(super) fn act(&mut self, script: &mut Script, action: Action) {
        match action {
            Action::Open { writes } => self.open(script, writes),
            Action::Close { session } => self.close(script, session),
            Action::CloseAll => self.close_all(script),
            Action::Info { session } => self.info(script, session),
            Action::Login { session, so } => self.log_in(script, session, so),
            Action::Logout { session } => self.log_out(script, session),
            Action::Create {
                session,
                key,
                on_token,
                private,
                label,
            } => {
                let key = key && self.signs;
                self.create(script, session, [key, on_token, private], label);
            }
            Action::Read { session, object } => self.read(script, session, object),
            Action::Label {
                session,
                object,
                label,
            } => self.set_label(script, session, object, label),
            Action::Copy {
                session,
                object,
                label,
            } => self.copy(script, session, object, label),
            Action::Destroy { session, object } => self.destroy(script, session, object),
            Action::Find {
                session,
                keys,
                label,
            } => self.find(script, session, keys, label),
            Action::DigestInit { session } => self.digest_init(script, session),
            Action::DigestUpdate { session, length } => {
                self.digest_update(script, session, length);
            }
            Action::DigestFinal { session } => self.digest_final(script, session),
            Action::Digest { session, length } => self.digest(script, session, length),
            Action::SignInit { session, object } => self.sign_init(script, session, object),
            Action::SignUpdate { session, length } => self.sign_update(script, session, length),
            Action::SignFinal { session } => self.sign_final(script, session),
            Action::Sign { session, length } => self.sign(script, session, length),
        }
    }

    /// The session of this number among those of which something is known.
    fn session(&self, number: u8) -> Option<usize> {
        let known = |place: &usize| self.sessions[*place].life != Life::Doubtful;
        let places: Vec<usize> = (0..self.sessions.len()).filter(known).collect();
        (!places.is_empty()).then(|| places[usize::from(number) % places.len()])
    }

    fn is_open(&self, session: usize) -> bool {
        self.sessions[session].life == Life::Alive
    }

    fn open_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions
            .iter()
            .filter(|session| session.life == Life::Alive)
    }

    /// What becomes of an operation whose key is gone is said nowhere.
    fn leave_open_what_lost_its_key(&mut self) {
        for session in &mut self.sessions {
            if let Operation::Sign(key, _) = session.operation
                && self.objects[key].handle != Life::Alive
            {
                session.operation = Operation::Open;
            }
        }
    }

    /// The object of this number among those of whose handles something is known.
    fn object(&self, number: u8) -> Option<usize> {
        let known = |place: &usize| self.objects[*place].handle != Life::Doubtful;
        let places: Vec<usize> = (0..self.objects.len()).filter(known).collect();
        (!places.is_empty()).then(|| places[usize::from(number) % places.len()])
    }
}

impl Life {
    fn ended(self) -> Life {
        match self {
            Life::Alive => Life::Gone,
            other => other,
        }
    }
}

impl Object {
    /// The number of a handle that is gone may be that of another object by now.
    fn doubt_what_is_gone(&mut self) {
        if self.handle == Life::Gone {
            self.handle = Life::Doubtful;
        }
    }

    fn end(&mut self) {
        self.exists = false;
        self.handle = self.handle.ended();
    }
}
