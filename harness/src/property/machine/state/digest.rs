//! Digests, as an operation that sessions have ([PKCS11-Base 3.2] 5.12).

use cryptoki_sys::*;
use sha2::{Digest, Sha256};

use super::{Input, Operation, State, data};
use crate::cryptoki::Function::{C_Digest, C_DigestFinal, C_DigestInit, C_DigestUpdate};
use crate::property::script::{Script, literal, of_type, on};
use crate::sequence::ParameterValue;

impl State {
    /// A session of which it is known whether it digests, and whether it is open.
    fn digesting(&self, number: u8) -> Option<(usize, bool)> {
        let place = self.session(number)?;
        let open = self.is_open(place);
        let known = matches!(
            self.sessions[place].operation,
            Operation::None | Operation::Digest(_)
        );
        (!open || known).then_some((place, open))
    }

    /// 5.12.1: a second digest cannot begin while there is one.
    pub(super) fn digest_init(&mut self, script: &mut Script, number: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let mechanism = of_type(CKM_SHA256, ParameterValue::None);
        let init = on(&session.name, C_DigestInit).with("mechanism", mechanism);
        if open && session.operation == Operation::None {
            script.add(init.presumed());
            session.operation = Operation::Digest(Input::default());
            return;
        }
        script.add(init.fails());
        // Whether the one that there is goes on is said nowhere.
        if open {
            session.operation = Operation::Open;
        }
    }

    pub(super) fn digest_update(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let part = data(length);
        let update = on(&session.name, C_DigestUpdate).bytes("part", literal(&part));
        match &mut session.operation {
            Operation::Digest(input) if open => {
                script.add(update);
                input.add(&part);
            }
            _ => script.add(update.fails()),
        }
    }

    pub(super) fn digest_final(&mut self, script: &mut Script, number: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let last = on(&session.name, C_DigestFinal);
        match std::mem::replace(&mut session.operation, Operation::None) {
            Operation::Digest(input) if open => script.add(last.gives(digest_of(&input.data))),
            _ => script.add(last.fails()),
        }
    }

    /// 5.12.2: all at once. It is not for ending an operation in parts; whether it does is left open.
    pub(super) fn digest(&mut self, script: &mut Script, number: u8, length: u8) {
        let Some((place, open)) = self.digesting(number) else {
            return;
        };
        let session = &mut self.sessions[place];
        let data = data(length);
        let call = on(&session.name, C_Digest).bytes("data", literal(&data));
        match &session.operation {
            Operation::Digest(input) if open && input.in_parts => {}
            Operation::Digest(_) if open => {
                script.add(call.gives(digest_of(&data)));
                session.operation = Operation::None;
            }
            _ => script.add(call.fails()),
        }
    }
}

fn digest_of(data: &[u8]) -> crate::sequence::Content {
    literal(&Sha256::digest(data))
}
