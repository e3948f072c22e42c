//! Ways of functions that work on data: digests, ciphers, signatures.

use cryptoki_sys::*;

use super::super::cipher::{self, EXCESS, Encryption};
use super::super::draw::{Draw, parts};
use super::super::ground::Ground;
use super::super::script::{Make, SESSION, Script, handle, kept, literal, mechanism, on, slices};
use super::super::signature::{self, Signing};
use super::super::{digest, input, key};
use super::{AGAIN, Probe};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Use};

pub(super) fn digest(_: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = digest::rows(ground);
    let row = draw.pick(0, &rows)?;
    let call = on(SESSION, C_Digest).bytes("data", literal(&draw.data()));
    Some(Probe {
        begin: vec![digest::begin(row)],
        fixed: true,
        ..Probe::new(row.0.name, call)
    })
}

pub(super) fn digest_final(_: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = digest::rows(ground);
    let row = draw.pick(0, &rows)?;
    let update = |part: &Vec<u8>| on(SESSION, C_DigestUpdate).bytes("part", literal(part));
    let data = draw.data();
    let mut begin = vec![digest::begin(row)];
    begin.extend(parts(&data, &draw.cuts).iter().map(update));
    Some(Probe {
        begin,
        fixed: true,
        ..Probe::new(row.0.name, on(SESSION, C_DigestFinal))
    })
}

pub(super) fn encrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let row = *draw.pick(0, &cipher::rows(ground))?;
    let encryption = Encryption::begin(script, ground, row, draw)?;
    let call = on(SESSION, C_Encrypt).bytes("data", literal(&encryption.data));
    let back = on(SESSION, C_Decrypt).bytes("encrypted_data", kept(AGAIN));
    let repeats = encryption.is_symmetric();
    Some(Probe {
        begin: vec![encryption.encrypting()],
        repeats,
        then: match repeats {
            true => Vec::new(),
            false => vec![
                encryption.decrypting().presumed(),
                back.gives(literal(&encryption.data)),
            ],
        },
        ..Probe::new(row.name, call)
    })
}

pub(super) fn decrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let row = *draw.pick(0, &cipher::rows(ground))?;
    let encryption = Encryption::begin(script, ground, row, draw)?;
    encryption.whole(script, "whole");
    let call = on(SESSION, C_Decrypt).bytes("encrypted_data", kept("whole"));
    Some(Probe {
        begin: vec![encryption.decrypting()],
        ..Probe::new(row.name, call)
    })
}

/// An encryption that may come in parts.
pub(super) fn encryption(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Encryption> {
    let rows = cipher::rows(ground).into_iter();
    let rows: Vec<&Mechanism> = rows.filter(|row| input::in_parts(row)).collect();
    let row = *draw.pick(0, &rows)?;
    Encryption::begin(script, ground, row, draw)
}

/// The parts of an input as calls, with room for what may come of each.
pub(super) fn encrypting(
    encryption: &Encryption,
    draw: &Draw,
    update: crate::cryptoki::Function,
) -> Vec<Make> {
    let (parts, _) = encryption.pieces(draw, &draw.cuts);
    let room = (encryption.data.len() + EXCESS) as u64;
    let call = |part: &Vec<u8>| {
        on(SESSION, update)
            .bytes("part", literal(part))
            .room_for(room)
    };
    parts.iter().map(call).collect()
}

/// The same for what was encrypted before as `whole`.
pub(super) fn decrypting(
    encryption: &Encryption,
    draw: &Draw,
    update: crate::cryptoki::Function,
) -> Vec<Make> {
    let (parts, _) = encryption.pieces(draw, &draw.cuts);
    let room = (encryption.data.len() + EXCESS) as u64;
    let call = |part| {
        on(SESSION, update)
            .bytes("encrypted_part", part)
            .room_for(room)
    };
    slices("whole", &parts).into_iter().map(call).collect()
}

/// Which of so many parts is tried.
pub(super) fn place(draw: &Draw, count: usize) -> usize {
    draw.other_cuts
        .first()
        .map_or(0, |place| place.index(count.max(1)))
}

fn in_parts(script: &mut Script, ground: &Ground, draw: &Draw, of_last: bool) -> Option<Probe> {
    let encryption = encryption(script, ground, draw)?;
    let calls = encrypting(&encryption, draw, C_EncryptUpdate);
    let begin = encryption.encrypting();
    Some(finished(
        &encryption,
        draw,
        of_last,
        (begin, calls, C_EncryptFinal),
    ))
}

/// The calls with that which ends them; the last is tried, or one of the others.
fn finished(
    encryption: &Encryption,
    draw: &Draw,
    of_last: bool,
    (begin, mut calls, ends): (Make, Vec<Make>, crate::cryptoki::Function),
) -> Probe {
    let updates = calls.len();
    let room = (encryption.data.len() + EXCESS) as u64;
    calls.push(on(SESSION, ends).room_for(room));
    Probe {
        begin: vec![begin],
        place: if of_last {
            updates
        } else {
            place(draw, updates)
        },
        calls,
        ..Probe::new(encryption.row.name, on(SESSION, ends))
    }
}

pub(super) fn encrypt_update(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    in_parts(script, ground, draw, false)
}

pub(super) fn encrypt_final(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    in_parts(script, ground, draw, true)
}

fn back_in_parts(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
    of_last: bool,
) -> Option<Probe> {
    let encryption = encryption(script, ground, draw)?;
    encryption.whole(script, "whole");
    let calls = decrypting(&encryption, draw, C_DecryptUpdate);
    let begin = encryption.decrypting();
    Some(finished(
        &encryption,
        draw,
        of_last,
        (begin, calls, C_DecryptFinal),
    ))
}

pub(super) fn decrypt_update(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    back_in_parts(script, ground, draw, false)
}

pub(super) fn decrypt_final(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    back_in_parts(script, ground, draw, true)
}

/// A signature as a probe: what cannot be compared is verified.
fn signed(signing: &Signing, begin: Vec<Make>, call: Make) -> Probe {
    let repeats = signing.is_mac();
    let verify = signature::verify(literal(&signing.data), kept(AGAIN));
    Probe {
        begin,
        repeats,
        fixed: repeats,
        then: match repeats {
            true => Vec::new(),
            false => vec![signing.verifying().presumed(), verify],
        },
        ..Probe::new(signing.row.name, call)
    }
}

pub(super) fn sign(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let row = *draw.pick(0, &signature::rows(ground))?;
    let signing = Signing::begin(script, ground, row, draw)?;
    let call = on(SESSION, C_Sign).bytes("data", literal(&signing.data));
    Some(signed(&signing, vec![signing.signing()], call))
}

pub(super) fn sign_final(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = signature::rows(ground).into_iter();
    let rows: Vec<&Mechanism> = rows.filter(|row| input::in_parts(row)).collect();
    let row = *draw.pick(0, &rows)?;
    let signing = Signing::begin(script, ground, row, draw)?;
    let update = |part: &Vec<u8>| on(SESSION, C_SignUpdate).bytes("part", literal(part));
    let mut begin = vec![signing.signing()];
    begin.extend(parts(&signing.data, &draw.cuts).iter().map(update));
    Some(signed(&signing, begin, on(SESSION, C_SignFinal)))
}

/// A signature from which the data comes back: the calls that begin either way, and the data.
fn recovery(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
) -> Option<([Make; 2], Vec<u8>, &'static str)> {
    let flags = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
    let rows = ground.mechanisms(Use::Recover, flags).into_iter();
    let rows: Vec<_> = rows
        .filter(|row| row.key_types.contains(&CKK_RSA))
        .filter_map(|row| Some((row, input::to_sign(row)?, input::parameter(row, draw, 0)?)))
        .collect();
    let (row, input, parameter) = draw.pick(0, &rows)?;
    let usages: [&[u64]; 2] = [&[CKA_VERIFY_RECOVER], &[CKA_SIGN_RECOVER]];
    key::pair(script, ground, draw, CKK_RSA, usages, ["back", "forth"]);
    let begin = [(C_SignRecoverInit, "forth"), (C_VerifyRecoverInit, "back")].map(|(init, key)| {
        on(SESSION, init)
            .with("mechanism", mechanism(row, parameter.clone()))
            .with("key", handle(key))
    });
    Some((begin, input.fit(draw.data()), row.name))
}

pub(super) fn sign_recover(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let ([begin, _], data, subject) = recovery(script, ground, draw)?;
    let call = on(SESSION, C_SignRecover).bytes("data", literal(&data));
    Some(Probe {
        begin: vec![begin],
        ..Probe::new(subject, call)
    })
}

pub(super) fn verify_recover(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let ([sign, verify], data, subject) = recovery(script, ground, draw)?;
    script.add(sign.presumed());
    let call = on(SESSION, C_SignRecover).bytes("data", literal(&data));
    script.add(call.kept("signed").presumed());
    let call = on(SESSION, C_VerifyRecover).bytes("signature", kept("signed"));
    Some(Probe {
        begin: vec![verify],
        ..Probe::new(subject, call)
    })
}
