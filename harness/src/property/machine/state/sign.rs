//! Signatures with CKM_SHA256_HMAC, as an operation that sessions have and that rests on a key ([PKCS11-Base 3.2] 5.13,
//! 6.22).

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use super::{Input, Life, Login, Operation, State, data};
use crate::cryptoki::Function::{C_Sign, C_SignFinal, C_SignInit, C_SignUpdate};
use crate::property::script::{Script, handle, literal, of_type, on};
use crate::sequence::ParameterValue;

impl State {
    /// A session, if it is known whether it signs, and whether it is open.
    fn signing(&self, place: usize) -> Option<(usize, bool)> {
        let open = self.is_open(place);
        let known = matches!(
            self.sessions[place].operation,
            Operation::None | Operation::Sign(..)
        );
        (self.signs && (!open || known)).then_some((place, open))
    }

    /// Mostly a session that signs, if there is one, so that signatures come to their end.
    fn going_on(&self, number: u8) -> Option<(usize, bool)> {
        let signs = |place: &usize| {
            self.is_open(*place) && matches!(self.sessions[*place].operation, Operation::Sign(..))
        };
        let places: Vec<usize> = (0..self.sessions.len()).filter(signs).collect();
        self.signing(pick(number, &places).or_else(|| self.session(number))?)
    }

    /// The keys that are there.
    fn keys(&self) -> Vec<usize> {
        let is_key = |place: &usize| {
            let object = &self.objects[*place];
            object.handle == Life::Alive && object.key.is_some()
        };
        (0..self.objects.len()).filter(is_key).collect()
    }

    /// 5.13.1: with a key that is there, and while there is no other signature. 5.1.6, CKR_KEY_HANDLE_INVALID: other
    /// objects are no keys.
    pub(super) fn sign_init(&mut self, script: &mut Script, number: u8, object: u8) {
        let place = self.session(number).and_then(|place| self.signing(place));
        let Some((place, open)) = place else {
            return;
        };
        // Mostly by the user and with a key, which is made if there is none.
        if open && self.login == Login::Nobody && object.is_multiple_of(2) {
            self.log_in(script, number, false);
        }
        if open && self.login == Login::User && self.keys().is_empty() {
            self.create(script, number, [true, false, false], 0);
        }
        let key = pick(object, &self.keys());
        let Some(object) = key.or_else(|| self.object(object)) else {
            return;
        };
        let there = open && self.objects[object].handle == Life::Alive;
        let session = &self.sessions[place];
        let init = on(&session.name, C_SignInit)
            .with("mechanism", of_type(CKM_SHA256_HMAC, ParameterValue::None))
            .with("key", handle(&self.objects[object].name));
        let is_free = session.operation == Operation::None;
        if !there || !is_free || self.objects[object].key.is_none() {
            script.add(init.fails());
            // Whether the one that there is goes on is said nowhere.
            if open && !is_free {
                self.sessions[place].operation = Operation::Open;
            }
            return;
        }
        // A token may have nobody but its user sign.
        if self.login == Login::User {
            script.add(init.presumed());
            self.sessions[place].operation = Operation::Sign(object, Input::default());
        }
    }

    pub(super) fn sign_update(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.going_on(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let part = data(length);
        let update = on(&session.name, C_SignUpdate).bytes("part", literal(&part));
        match &mut session.operation {
            Operation::Sign(_, input) if open => {
                script.add(update);
                input.add(&part);
            }
            _ => script.add(update.fails()),
        }
    }

    /// 5.13.1: after one part at least, which is given if there was none yet.
    pub(super) fn sign_final(&mut self, script: &mut Script, number: u8) {
        let Some((place, open)) = self.going_on(number) else {
            return;
        };
        if matches!(&self.sessions[place].operation, Operation::Sign(_, input) if !input.in_parts) {
            self.sign_update(script, number, number);
        }
        let last = on(&self.sessions[place].name, C_SignFinal);
        match &self.sessions[place].operation {
            Operation::Sign(key, input) if open => {
                let mac = self.mac(*key, &input.data);
                script.add(last.gives(literal(&mac)));
                self.sessions[place].operation = Operation::None;
            }
            _ => script.add(last.fails()),
        }
    }

    /// 5.13.2: all at once. It is not for ending an operation in parts; whether it does is left open.
    pub(super) fn sign(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.going_on(number) else {
            return;
        };
        let data = data(length);
        let call = on(&self.sessions[place].name, C_Sign).bytes("data", literal(&data));
        match &self.sessions[place].operation {
            Operation::Sign(_, input) if open && input.in_parts => {}
            Operation::Sign(key, _) if open => {
                let mac = self.mac(*key, &data);
                script.add(call.gives(literal(&mac)));
                self.sessions[place].operation = Operation::None;
            }
            _ => script.add(call.fails()),
        }
    }

    fn mac(&self, object: usize, data: &[u8]) -> Vec<u8> {
        mac_of(
            self.objects[object].key.as_deref().unwrap_or_default(),
            data,
        )
    }
}

/// One of these places by a number, but for one in four.
fn pick(number: u8, places: &[usize]) -> Option<usize> {
    let number = usize::from(number);
    let any = places.is_empty() || number.is_multiple_of(4);
    (!any).then(|| places[number / 4 % places.len()])
}

/// HMAC with SHA-256 and a key of one block at most: RFC 2104 section 2.
fn mac_of(key: &[u8], data: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let padded = |with: u8| {
        let mut block = key.to_vec();
        block.resize(BLOCK, 0);
        block.iter_mut().for_each(|byte| *byte ^= with);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(data);
    let outer = Sha256::new().chain_update(padded(0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::lexicon::to_hex;

    /// RFC 4231 section 4.3.
    #[test]
    fn macs_are_those_of_the_standard() {
        assert_eq!(
            to_hex(&mac_of(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
