//! The state, and what each call does in it.

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use super::action::Action;
use crate::cryptoki::Function::{
    C_CloseAllSessions, C_CloseSession, C_CopyObject, C_CreateObject, C_DestroyObject, C_Digest,
    C_DigestFinal, C_DigestInit, C_DigestUpdate, C_FindObjects, C_FindObjectsFinal,
    C_FindObjectsInit, C_GetAttributeValue, C_GetSessionInfo, C_Login, C_Logout, C_OpenSession,
    C_SetAttributeValue,
};
use crate::property::script::{
    Make, Script, asked, attribute, call, equals, flag, handle, is_number, length, literal, number,
    octets, of_type, on, pin, template, ulong,
};
use crate::sequence::{Attribute, ParameterValue, Relation};

/// CKA_APPLICATION of all objects of the machine.
pub(super) const OWN: &[u8] = b"p11assay machine";
/// Most sessions at a time.
const SESSIONS: usize = 6;
/// Most objects at a time.
const OBJECTS: usize = 24;

/// Who is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    Nobody,
    User,
    So,
}

/// A digest in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    None,
    /// With the data so far, and whether any came in parts.
    Active(Vec<u8>, bool),
    /// Left to the token: 5.6.8 and 5.6.10 say so of logins and logouts.
    Open,
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
    digest: Operation,
}

#[derive(Debug)]
struct Object {
    name: String,
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
    login: Login,
    sessions: Vec<Session>,
    objects: Vec<Object>,
}

fn label(number: u8) -> Attribute {
    octets(CKA_LABEL, literal(&[b'a' + number]))
}

fn data(length: u8) -> Vec<u8> {
    vec![length; usize::from(length) + 1]
}

impl State {
    /// Nobody is logged in, and no session is open.
    pub(super) fn new(knows_so_pin: bool) -> Self {
        Self {
            knows_so_pin,
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
                on_token,
                private,
                label,
            } => self.create(script, session, [on_token, private], label),
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
            Action::Find { session, label } => self.find(script, session, label),
            Action::DigestInit { session } => self.digest_init(script, session),
            Action::DigestUpdate { session, length } => {
                self.digest_update(script, session, length);
            }
            Action::DigestFinal { session } => self.digest_final(script, session),
            Action::Digest { session, length } => self.digest(script, session, length),
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

    /// The object of this number among those of whose handles something is known.
    fn object(&self, number: u8) -> Option<usize> {
        let known = |place: &usize| self.objects[*place].handle != Life::Doubtful;
        let places: Vec<usize> = (0..self.objects.len()).filter(known).collect();
        (!places.is_empty()).then(|| places[usize::from(number) % places.len()])
    }

    /// 5.6.1: a read-only session cannot be opened while the SO is logged in.
    fn open(&mut self, script: &mut Script, writes: bool) {
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
            digest: Operation::None,
        });
    }

    /// 5.6.2: its objects go with a session, and the login with the last one.
    fn close(&mut self, script: &mut Script, number: u8) {
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
        if self.open_sessions().next().is_none() {
            self.no_session_left();
        }
    }

    fn close_all(&mut self, script: &mut Script) {
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
    fn info(&self, script: &mut Script, number: u8) {
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
    fn log_in(&mut self, script: &mut Script, number_of: u8, so: bool) {
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
        script.add(if so { login.presumed() } else { login });
        self.login = if so { Login::So } else { Login::User };
        self.leave_operations_open();
    }

    /// 5.6.10: private objects of sessions are destroyed, and handles of private objects end for good.
    fn log_out(&mut self, script: &mut Script, number: u8) {
        let Some(place) = self.session(number) else {
            return;
        };
        let logout = on(&self.sessions[place].name, C_Logout);
        if !self.is_open(place) || self.login == Login::Nobody {
            script.add(logout.fails());
            return;
        }
        script.add(logout);
        self.login = Login::Nobody;
        for object in self.objects.iter_mut().filter(|object| object.private) {
            match object.on_token {
                true => object.handle = object.handle.ended(),
                false => object.end(),
            }
        }
        self.leave_operations_open();
    }

    fn leave_operations_open(&mut self) {
        for session in &mut self.sessions {
            if session.digest != Operation::None {
                session.digest = Operation::Open;
            }
        }
    }

    /// 5.7.1: in a read-only session only session objects, without the user only public ones.
    fn may_create(&self, session: usize, on_token: bool, private: bool) -> bool {
        let writes = self.sessions[session].writes;
        (!on_token || writes) && (!private || self.login == Login::User)
    }

    fn create(&mut self, script: &mut Script, number: u8, traits: [bool; 2], of_label: u8) {
        let [on_token, private] = traits;
        let Some(place) = self.session(number) else {
            return;
        };
        if self.objects.len() >= OBJECTS {
            return;
        }
        let attributes = vec![
            ulong(CKA_CLASS, CKO_DATA),
            flag(CKA_TOKEN, on_token),
            flag(CKA_PRIVATE, private),
            octets(CKA_APPLICATION, literal(OWN)),
            label(of_label),
            octets(CKA_VALUE, literal(b"value")),
        ];
        let create =
            on(&self.sessions[place].name, C_CreateObject).with("template", template(attributes));
        if !self.is_open(place) || !self.may_create(place, on_token, private) {
            script.add(create.fails());
            return;
        }
        let name = self.give_out(on_token, private, of_label, place);
        script.add(create.keep("object", &name).presumed());
    }

    /// Handles that are gone may have been given out again.
    fn handles_are_given_out(&mut self) {
        for object in &mut self.objects {
            if object.handle == Life::Gone {
                object.handle = Life::Doubtful;
            }
        }
    }

    /// A new object.
    fn give_out(&mut self, on_token: bool, private: bool, label: u8, of: usize) -> String {
        self.handles_are_given_out();
        let name = format!("o{}", self.objects.len());
        self.objects.push(Object {
            name: name.clone(),
            on_token,
            private,
            label,
            of,
            handle: Life::Alive,
            exists: true,
        });
        name
    }

    /// A session and an object; whether the call can succeed at all.
    fn pair(&self, session: u8, object: u8) -> Option<(usize, usize, bool)> {
        let (session, object) = (self.session(session)?, self.object(object)?);
        let there = self.is_open(session) && self.objects[object].handle == Life::Alive;
        Some((session, object, there))
    }

    fn on_object(
        &self,
        function: crate::cryptoki::Function,
        session: usize,
        object: usize,
    ) -> Make {
        on(&self.sessions[session].name, function)
            .with("object", handle(&self.objects[object].name))
    }

    fn read(&self, script: &mut Script, session: u8, object: u8) {
        let Some((session, object, there)) = self.pair(session, object) else {
            return;
        };
        let read = self
            .on_object(C_GetAttributeValue, session, object)
            .with("template", asked(&[CKA_LABEL]));
        let value = [b'a' + self.objects[object].label];
        script.add(match there {
            true => read.is(&attribute(CKA_LABEL), equals(literal(&value))),
            false => read.fails(),
        });
    }

    /// 5.7.6: "Only session objects can be modified during a read-only session."
    fn may_change(&self, session: usize, object: usize) -> bool {
        !self.objects[object].on_token || self.sessions[session].writes
    }

    fn set_label(&mut self, script: &mut Script, session: u8, object: u8, new: u8) {
        let Some((session, object, there)) = self.pair(session, object) else {
            return;
        };
        let set = self
            .on_object(C_SetAttributeValue, session, object)
            .with("template", template(vec![label(new)]));
        let may = there && self.may_change(session, object);
        script.add(if may { set.presumed() } else { set.fails() });
        if may {
            self.objects[object].label = new;
        }
    }

    /// 5.7.2: as for new objects; the copy is where the original is.
    fn copy(&mut self, script: &mut Script, session: u8, object: u8, new: u8) {
        let Some((session, object, there)) = self.pair(session, object) else {
            return;
        };
        if self.objects.len() >= OBJECTS {
            return;
        }
        let copy = self
            .on_object(C_CopyObject, session, object)
            .with("template", template(vec![label(new)]));
        let (on_token, private) = (self.objects[object].on_token, self.objects[object].private);
        if !there || !self.may_create(session, on_token, private) {
            script.add(copy.fails());
            return;
        }
        let name = self.give_out(on_token, private, new, session);
        script.add(copy.keep("new_object", &name).presumed());
    }

    /// 5.7.3: "Only session objects can be destroyed during a read-only session."
    fn destroy(&mut self, script: &mut Script, session: u8, object: u8) {
        let Some((session, object, there)) = self.pair(session, object) else {
            return;
        };
        let destroy = self.on_object(C_DestroyObject, session, object);
        let may = there && self.may_change(session, object);
        script.add(if may { destroy } else { destroy.fails() });
        if may {
            self.objects[object].end();
        }
    }

    /// 5.7.7: private objects are found by the user alone. 5.1.6: an operation may keep a search from
    /// beginning in its session.
    fn find(&mut self, script: &mut Script, number: u8, of_label: Option<u8>) {
        let Some(place) = self.session(number) else {
            return;
        };
        if self.sessions[place].digest != Operation::None && self.is_open(place) {
            return;
        }
        let name = &self.sessions[place].name.clone();
        let mut searched = vec![octets(CKA_APPLICATION, literal(OWN))];
        searched.extend(of_label.map(label));
        let init = on(name, C_FindObjectsInit).with("template", template(searched));
        if !self.is_open(place) {
            script.add(init.fails());
            return;
        }
        let seen =
            |object: &&Object| object.exists && (!object.private || self.login == Login::User);
        let fits = |object: &&Object| of_label.is_none_or(|label| label == object.label);
        let count = self.objects.iter().filter(seen).filter(fits).count();
        script.add(init);
        let find = on(name, C_FindObjects).room_for(64);
        script.add(find.is("object", length(is_number(count as u64))));
        script.add(on(name, C_FindObjectsFinal));
        self.handles_are_given_out();
    }

    /// A session with a digest of which something is known.
    fn digesting(&self, number: u8) -> Option<(usize, bool)> {
        let place = self.session(number)?;
        let open = self.is_open(place);
        (!open || self.sessions[place].digest != Operation::Open).then_some((place, open))
    }

    /// 5.12.1: a second digest cannot begin while there is one.
    fn digest_init(&mut self, script: &mut Script, number: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let mechanism = of_type(CKM_SHA256, ParameterValue::None);
        let init = on(&session.name, C_DigestInit).with("mechanism", mechanism);
        if open && session.digest == Operation::None {
            script.add(init.presumed());
            session.digest = Operation::Active(Vec::new(), false);
            return;
        }
        script.add(init.fails());
        // Whether the one that there is goes on is said nowhere.
        if open {
            session.digest = Operation::Open;
        }
    }

    fn digest_update(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let part = data(length);
        let update = on(&session.name, C_DigestUpdate).bytes("part", literal(&part));
        match &mut session.digest {
            Operation::Active(all, in_parts) if open => {
                script.add(update);
                all.extend(part);
                *in_parts = true;
            }
            _ => script.add(update.fails()),
        }
    }

    fn digest_final(&mut self, script: &mut Script, number: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let last = on(&session.name, C_DigestFinal);
        match std::mem::replace(&mut session.digest, Operation::None) {
            Operation::Active(all, _) if open => script.add(last.gives(digest_of(&all))),
            _ => script.add(last.fails()),
        }
    }

    /// 5.12.2: all at once. It is not for ending an operation in parts; whether it does is left open.
    fn digest(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let data = data(length);
        let call = on(&session.name, C_Digest).bytes("data", literal(&data));
        match &session.digest {
            Operation::Active(_, true) if open => {}
            Operation::Active(..) if open => {
                script.add(call.gives(digest_of(&data)));
                session.digest = Operation::None;
            }
            _ => script.add(call.fails()),
        }
    }
}

fn digest_of(data: &[u8]) -> crate::sequence::Content {
    literal(&Sha256::digest(data))
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
    fn end(&mut self) {
        self.exists = false;
        self.handle = self.handle.ended();
    }
}
