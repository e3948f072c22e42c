//! Encryption: what is decrypted is what was encrypted, in whatever parts ([PKCS11-Base 3.2] 5.8 and 5.10).

use std::sync::Arc;

use cryptoki_sys::{CKA_DECRYPT, CKA_ENCRYPT, CKF_DECRYPT, CKF_ENCRYPT};
use proptest::prelude::*;
use proptest::sample::Index;

use super::draw::{Draw, blocks, draw, parts};
use super::ground::{Ground, absent};
use super::input::{self, Input};
use super::key::{self, Secret};
use super::question::Question;
use super::script::{
    Make, SESSION, Script, equals, handle, joined, kept, literal, mechanism, on, slices,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    self, C_Decrypt, C_DecryptFinal, C_DecryptInit, C_DecryptUpdate, C_Encrypt, C_EncryptFinal,
    C_EncryptInit, C_EncryptUpdate,
};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::ParameterValue;

const FUNCTIONS: [Function; 8] = [
    C_EncryptInit,
    C_Encrypt,
    C_EncryptUpdate,
    C_EncryptFinal,
    C_DecryptInit,
    C_Decrypt,
    C_DecryptUpdate,
    C_DecryptFinal,
];

/// Bytes by which what comes out may exceed what went in: a block, and a tag.
pub(super) const EXCESS: usize = 64;

/// Mechanisms that encrypt and decrypt on a target, and of which something is known.
pub(super) fn rows(ground: &Ground) -> Vec<&'static Mechanism> {
    let flags = CKF_ENCRYPT | CKF_DECRYPT;
    let rows = ground.mechanisms(Use::Encrypt, flags).into_iter();
    rows.filter(|row| input::to_encrypt(row).is_some() && first_key(row).is_some())
        .collect()
}

/// The first type of keys of a mechanism that can be made.
pub(super) fn first_key(row: &Mechanism) -> Option<u64> {
    let mut types = row.key_types.iter().copied();
    types.find(|key_type| key::is_secret(*key_type) || key::is_pair(*key_type))
}

/// Names of the key that encrypts, and of the one that decrypts.
pub(super) const FORTH: &str = "forth";
pub(super) const BACK: &str = "back";

/// A mechanism with all that an encryption needs, as drawn.
pub(super) struct Encryption {
    pub(super) row: &'static Mechanism,
    pub(super) data: Vec<u8>,
    parameter: ParameterValue,
}

impl Encryption {
    /// An encryption with this mechanism; its keys are made by the script. None if nothing is known of them.
    pub(super) fn begin(
        script: &mut Script,
        ground: &Ground,
        row: &'static Mechanism,
        draw: &Draw,
    ) -> Option<Encryption> {
        let data = input::to_encrypt(row)
            .unwrap_or(Input::Any)
            .fit(draw.data());
        let parameter = input::parameter(row, draw, data.len())?;
        let key_type = first_key(row)?;
        if key::is_secret(key_type) {
            let key = Secret::draw(ground, draw, key_type);
            script.add(key.make(&[CKA_ENCRYPT, CKA_DECRYPT], FORTH));
        } else {
            let usages: [&[u64]; 2] = [&[CKA_ENCRYPT], &[CKA_DECRYPT]];
            key::pair(script, ground, draw, key_type, usages, [FORTH, BACK]);
        }
        Some(Encryption::of(row, data, parameter))
    }

    /// An encryption of this data, whose keys are there.
    pub(super) fn of(row: &'static Mechanism, data: Vec<u8>, parameter: ParameterValue) -> Self {
        Self {
            row,
            data,
            parameter,
        }
    }

    fn back(&self) -> &'static str {
        if self.is_symmetric() { FORTH } else { BACK }
    }

    pub(super) fn is_symmetric(&self) -> bool {
        input::repeats(self.row)
    }

    fn init(&self, function: Function, key: &str) -> Make {
        on(SESSION, function)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("key", handle(key))
    }

    /// The call that begins to encrypt.
    pub(super) fn encrypting(&self) -> Make {
        self.init(C_EncryptInit, FORTH)
    }

    /// The call that begins to decrypt.
    pub(super) fn decrypting(&self) -> Make {
        self.init(C_DecryptInit, self.back())
    }

    /// The calls that encrypt the whole and keep what comes of it. Sizes of keys and padding may leave less
    /// room than there should be, and no bytes may well be NULL.
    pub(super) fn whole(&self, script: &mut Script, name: &str) {
        script.add(self.encrypting().presumed());
        let call = on(SESSION, C_Encrypt)
            .bytes("data", literal(&self.data))
            .kept(name);
        let sure = self.is_symmetric() && !self.data.is_empty();
        script.add(if sure { call } else { call.presumed() });
    }

    /// The input in parts, and whether the standard leaves no doubt that they are taken: of mechanisms
    /// that need whole blocks, mostly whole blocks.
    pub(super) fn pieces(&self, draw: &Draw, cuts: &[Index]) -> (Vec<Vec<u8>>, bool) {
        let input = input::to_encrypt(self.row).unwrap_or(Input::Any);
        if !input::needs_blocks(input) {
            return (parts(&self.data, cuts), true);
        }
        match draw.seldom([5, 6]) {
            true => (parts(&self.data, cuts), false),
            false => (
                blocks(&self.data, cuts, 16),
                matches!(input, Input::Blocks(_)),
            ),
        }
    }

    fn room(&self) -> u64 {
        (self.data.len() + EXCESS) as u64
    }
}

/// What is decrypted is what was encrypted.
pub(super) fn round_trip(ground: &Arc<Ground>) -> Asked {
    ground.needs(&FUNCTIONS)?;
    let rows = rows(ground);
    if rows.is_empty() {
        return Err(absent(
            "the token lists no mechanism that encrypts and decrypts",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let row = draw.pick(0, &rows).unwrap_or(&rows[0]);
        let mut script = Script::default();
        if let Some(encryption) = Encryption::begin(&mut script, &ground, row, &draw) {
            there_and_back(&mut script, &encryption, &draw);
        }
        Question::new(row.name, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

fn there_and_back(script: &mut Script, encryption: &Encryption, draw: &Draw) {
    let data = &encryption.data;
    encryption.whole(script, "whole");
    script.add(encryption.decrypting().presumed());
    script.add(
        on(SESSION, C_Decrypt)
            .bytes("encrypted_data", kept("whole"))
            .kept("plain")
            .gives(literal(data)),
    );
    if !input::in_parts(encryption.row) || data.is_empty() {
        return;
    }
    let (parts, sure) = encryption.pieces(draw, &draw.cuts);
    script.add(encryption.encrypting());
    let part = |part: &Vec<u8>| on(SESSION, C_EncryptUpdate).bytes("part", literal(part));
    let mut calls: Vec<Make> = parts.iter().map(part).collect();
    calls.push(on(SESSION, C_EncryptFinal));
    come_to(script, calls, encryption.room(), sure, "whole");

    let (parts, sure) = encryption.pieces(draw, &draw.other_cuts);
    script.add(encryption.decrypting());
    let slices = slices("whole", &parts).into_iter();
    let slice = |slice| on(SESSION, C_DecryptUpdate).bytes("encrypted_part", slice);
    let mut calls: Vec<Make> = slices.map(slice).collect();
    calls.push(on(SESSION, C_DecryptFinal));
    come_to(script, calls, encryption.room(), sure, "plain");
}

/// Calls whose outputs are together what was kept as `whole`, if the token makes them at all.
fn come_to(script: &mut Script, calls: Vec<Make>, room: u64, sure: bool, whole: &str) {
    let name = |number: usize| format!("{whole}-{number}");
    let names: Vec<String> = (0..calls.len()).map(name).collect();
    for (call, name) in calls.into_iter().zip(&names) {
        let call = call.room_for(room).kept(name);
        let call = if sure { call } else { call.presumed() };
        script.add(match Some(name) == names.last() {
            true => call.was(whole, equals(joined(&names))),
            false => call,
        });
    }
}
