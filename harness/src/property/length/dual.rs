//! Ways of functions that do two things at once ([PKCS11-Base 3.2] 5.17): what they give is the cipher's.

use cryptoki_sys::{CKA_SIGN, CKA_VERIFY};

use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::key::Secret;
use super::super::script::{Make, SESSION, Script, handle, literal, mechanism, on};
use super::super::{digest, input, signature};
use super::Probe;
use super::data::{decrypting, encrypting, encryption, place};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::Mechanism;

const KEY: &str = "key-of-mac";
/// More than any digest or MAC has.
const ROOM: u64 = 512;

/// The two operations that go on: the one beside the cipher, and the function that does both.
fn both(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
    beside: Make,
    update: Function,
) -> Option<Probe> {
    let back = [C_DecryptDigestUpdate, C_DecryptVerifyUpdate].contains(&update);
    let encryption = encryption(script, ground, draw)?;
    let (begin, calls, last) = if back {
        encryption.whole(script, "whole");
        (
            encryption.decrypting(),
            decrypting(&encryption, draw, update),
            C_DecryptFinal,
        )
    } else {
        (
            encryption.encrypting(),
            encrypting(&encryption, draw, update),
            C_EncryptFinal,
        )
    };
    let over = match update {
        C_DigestEncryptUpdate | C_DecryptDigestUpdate => on(SESSION, C_DigestFinal).room_for(ROOM),
        C_SignEncryptUpdate => on(SESSION, C_SignFinal).room_for(ROOM),
        // A wrong signature ends the operation as a right one does.
        _ => on(SESSION, C_VerifyFinal).bytes("signature", literal(&[7; 32])),
    };
    let room = (encryption.data.len() + super::super::cipher::EXCESS) as u64;
    Some(Probe {
        begin: vec![beside, begin],
        place: place(draw, calls.len()),
        calls,
        end: vec![on(SESSION, last).room_for(room), over],
        ..Probe::new(encryption.row.name, on(SESSION, update))
    })
}

/// The call that begins a digest.
fn digesting(ground: &Ground, draw: &Draw) -> Option<Make> {
    Some(digest::begin(draw.pick(1, &digest::rows(ground))?))
}

/// The call that begins a MAC, or its verification, with a key of its own.
fn signing(script: &mut Script, ground: &Ground, draw: &Draw, init: Function) -> Option<Make> {
    let rows = signature::rows(ground).into_iter();
    let fits = |row: &&Mechanism| input::repeats(row) && input::in_parts(row);
    let rows: Vec<&Mechanism> = rows.filter(fits).collect();
    let row = *draw.pick(1, &rows)?;
    let parameter = input::parameter(row, draw, draw.length)?;
    let key = Secret::draw(ground, draw, *row.key_types.first()?);
    script.add(key.make(&[CKA_SIGN, CKA_VERIFY], KEY));
    let begin = on(SESSION, init).with("mechanism", mechanism(row, parameter));
    Some(begin.with("key", handle(KEY)))
}

pub(super) fn digest_encrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let beside = digesting(ground, draw)?;
    both(script, ground, draw, beside, C_DigestEncryptUpdate)
}

pub(super) fn decrypt_digest(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let beside = digesting(ground, draw)?;
    both(script, ground, draw, beside, C_DecryptDigestUpdate)
}

pub(super) fn sign_encrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let beside = signing(script, ground, draw, C_SignInit)?;
    both(script, ground, draw, beside, C_SignEncryptUpdate)
}

pub(super) fn decrypt_verify(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let beside = signing(script, ground, draw, C_VerifyInit)?;
    both(script, ground, draw, beside, C_DecryptVerifyUpdate)
}
