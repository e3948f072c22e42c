//! Objects and their handles ([PKCS11-Base 3.2] 5.7).

use cryptoki_sys::*;

use super::{Life, Login, OWN, Object, Operation, State};
use crate::cryptoki::Function::{
    self, C_CopyObject, C_CreateObject, C_DestroyObject, C_FindObjects, C_FindObjectsFinal,
    C_FindObjectsInit, C_GetAttributeValue, C_SetAttributeValue,
};
use crate::property::script::{
    Make, Script, asked, attribute, equals, flag, handle, is_number, length, literal, octets, on,
    template, ulong,
};
use crate::sequence::Attribute;

/// Most objects at a time.
const OBJECTS: usize = 24;
/// Bytes of a key.
const KEY: usize = 32;

fn label(number: u8) -> Attribute {
    octets(CKA_LABEL, literal(&[b'a' + number]))
}

fn of_data() -> Vec<Attribute> {
    vec![
        ulong(CKA_CLASS, CKO_DATA),
        octets(CKA_APPLICATION, literal(OWN)),
        octets(CKA_VALUE, literal(b"value")),
    ]
}

/// A key that signs with CKM_SHA256_HMAC: 6.22.
fn of_key(value: &[u8]) -> Vec<Attribute> {
    vec![
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        octets(CKA_ID, literal(OWN)),
        flag(CKA_SIGN, true),
        octets(CKA_VALUE, literal(value)),
    ]
}

impl State {
    /// 5.7.1: in a read-only session only session objects, without the user only public ones.
    fn may_create(&self, session: usize, on_token: bool, private: bool) -> bool {
        let writes = self.sessions[session].writes;
        (!on_token || writes) && (!private || self.login == Login::User)
    }

    pub(super) fn create(
        &mut self,
        script: &mut Script,
        number: u8,
        traits: [bool; 3],
        of_label: u8,
    ) {
        let [is_key, on_token, private] = traits;
        let Some(place) = self.session(number) else {
            return;
        };
        if self.objects.len() >= OBJECTS {
            return;
        }
        // No two keys do the same.
        let key = is_key.then(|| vec![self.objects.len() as u8; KEY]);
        let mut attributes = match &key {
            Some(value) => of_key(value),
            None => of_data(),
        };
        attributes.extend([
            flag(CKA_TOKEN, on_token),
            flag(CKA_PRIVATE, private),
            label(of_label),
        ]);
        let create =
            on(&self.sessions[place].name, C_CreateObject).with("template", template(attributes));
        if !self.is_open(place) || !self.may_create(place, on_token, private) {
            script.add(create.fails());
            return;
        }
        // A token may have nobody but its user make keys.
        if is_key && self.login != Login::User {
            return;
        }
        let name = self.give_out(key, on_token, private, of_label, place);
        script.add(create.keep("object", &name).presumed());
    }

    /// Handles that are gone may have been given out again.
    pub(super) fn handles_are_given_out(&mut self) {
        for object in &mut self.objects {
            if object.handle == Life::Gone {
                object.handle = Life::Doubtful;
            }
        }
    }

    /// A new object.
    fn give_out(
        &mut self,
        key: Option<Vec<u8>>,
        on_token: bool,
        private: bool,
        label: u8,
        of: usize,
    ) -> String {
        self.handles_are_given_out();
        let name = format!("o{}", self.objects.len());
        self.objects.push(Object {
            name: name.clone(),
            key,
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

    fn on_object(&self, function: Function, session: usize, object: usize) -> Make {
        on(&self.sessions[session].name, function)
            .with("object", handle(&self.objects[object].name))
    }

    pub(super) fn read(&self, script: &mut Script, session: u8, object: u8) {
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

    pub(super) fn set_label(&mut self, script: &mut Script, session: u8, object: u8, new: u8) {
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
    pub(super) fn copy(&mut self, script: &mut Script, session: u8, object: u8, new: u8) {
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
        let key = self.objects[object].key.clone();
        let name = self.give_out(key, on_token, private, new, session);
        script.add(copy.keep("new_object", &name).presumed());
    }

    /// 5.7.3: "Only session objects can be destroyed during a read-only session."
    pub(super) fn destroy(&mut self, script: &mut Script, session: u8, object: u8) {
        let Some((session, object, there)) = self.pair(session, object) else {
            return;
        };
        let destroy = self.on_object(C_DestroyObject, session, object);
        let may = there && self.may_change(session, object);
        script.add(match may {
            true if self.login == Login::User => destroy,
            // 3.2, CKF_WRITE_PROTECTED: a policy may let nobody delete objects who is not logged in.
            true => destroy.presumed(),
            false => destroy.fails(),
        });
        if may {
            self.objects[object].end();
            self.leave_open_what_lost_its_key();
        }
    }

    /// 5.7.7: private objects are found by the user alone. 5.1.6: an operation may keep a search from
    /// beginning in its session.
    pub(super) fn find(
        &mut self,
        script: &mut Script,
        number: u8,
        keys: bool,
        of_label: Option<u8>,
    ) {
        let Some(place) = self.session(number) else {
            return;
        };
        if self.sessions[place].operation != Operation::None && self.is_open(place) {
            return;
        }
        let name = &self.sessions[place].name.clone();
        let of_whom = if keys { CKA_ID } else { CKA_APPLICATION };
        let mut searched = vec![octets(of_whom, literal(OWN))];
        searched.extend(of_label.map(label));
        let init = on(name, C_FindObjectsInit).with("template", template(searched));
        if !self.is_open(place) {
            script.add(init.fails());
            return;
        }
        let seen = |object: &&Object| {
            let shown = !object.private || self.login == Login::User;
            object.exists && shown && object.key.is_some() == keys
        };
        let fits = |object: &&Object| of_label.is_none_or(|label| label == object.label);
        let count = self.objects.iter().filter(seen).filter(fits).count();
        script.add(init);
        let find = on(name, C_FindObjects).room_for(64);
        script.add(find.is("object", length(is_number(count as u64))));
        script.add(on(name, C_FindObjectsFinal));
        self.handles_are_given_out();
    }
}
