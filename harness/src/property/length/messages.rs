//! Ways of functions that work on messages ([PKCS11-Base 3.2] 5.9, 5.11 and 5.14).

use cryptoki_sys::CKF_END_OF_MESSAGE;

use super::super::draw::{Draw, parts};
use super::super::ground::Ground;
use super::super::message::{self, Sealing};
use super::super::script::{Make, SESSION, Script, literal, number, on};
use super::super::signature::Signing;
use super::data::place;
use super::{AGAIN, Probe};
use crate::cryptoki::Function::*;

pub(super) fn encrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let sealing = Sealing::draw(script, ground, draw)?;
    Some(Probe {
        begin: vec![sealing.begin(C_MessageEncryptInit)],
        end: vec![on(SESSION, C_MessageEncryptFinal)],
        ..Probe::new(sealing.row.name, sealing.encrypt())
    })
}

pub(super) fn decrypt(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let sealing = Sealing::draw(script, ground, draw)?;
    sealing.whole(script);
    Some(Probe {
        begin: vec![sealing.begin(C_MessageDecryptInit)],
        end: vec![on(SESSION, C_MessageDecryptFinal)],
        ..Probe::new(sealing.row.name, sealing.decrypt())
    })
}

/// Parts of a message, the last of which says that it is.
fn ended(mut calls: Vec<Make>, room: u64) -> Vec<Make> {
    let last = calls.len().saturating_sub(1);
    for (place, call) in calls.iter_mut().enumerate() {
        let flags = if place == last { CKF_END_OF_MESSAGE } else { 0 };
        *call = call.clone().with("flags", number(flags)).room_for(room);
    }
    calls
}

pub(super) fn encrypt_next(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let sealing = Sealing::draw(script, ground, draw)?;
    let parts = parts(&sealing.data, &draw.cuts).into_iter();
    let calls = ended(
        parts.map(|part| sealing.encrypt_next(&part)).collect(),
        sealing.room(),
    );
    Some(Probe {
        begin: vec![sealing.begin(C_MessageEncryptInit), sealing.encrypt_begin()],
        place: place(draw, calls.len()),
        calls,
        end: vec![on(SESSION, C_MessageEncryptFinal)],
        ..Probe::new(sealing.row.name, on(SESSION, C_EncryptMessageNext))
    })
}

pub(super) fn decrypt_next(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let sealing = Sealing::draw(script, ground, draw)?;
    sealing.whole(script);
    let calls = ended(sealing.decrypt_parts(&draw.cuts), sealing.room());
    Some(Probe {
        begin: vec![sealing.begin(C_MessageDecryptInit), sealing.decrypt_begin()],
        place: place(draw, calls.len()),
        calls,
        end: vec![on(SESSION, C_MessageDecryptFinal)],
        ..Probe::new(sealing.row.name, on(SESSION, C_DecryptMessageNext))
    })
}

fn signed(script: &mut Script, ground: &Ground, draw: &Draw, in_parts: bool) -> Option<Probe> {
    let row = *draw.pick(0, &message::signing_rows(ground))?;
    let signing = Signing::begin(script, ground, row, draw)?;
    let mut begin = vec![signing.begin_with(C_MessageSignInit)];
    let call = if in_parts {
        begin.push(on(SESSION, C_SignMessageBegin));
        on(SESSION, C_SignMessageNext).bytes("data_part", literal(&signing.data))
    } else {
        on(SESSION, C_SignMessage).bytes("data", literal(&signing.data))
    };
    let repeats = signing.is_mac();
    let verify = super::super::signature::verify(literal(&signing.data), super::kept(AGAIN));
    Some(Probe {
        begin,
        end: vec![on(SESSION, C_MessageSignFinal)],
        repeats,
        then: match repeats {
            true => Vec::new(),
            false => vec![signing.verifying().presumed(), verify],
        },
        ..Probe::new(row.name, call)
    })
}

pub(super) fn sign(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    signed(script, ground, draw, false)
}

pub(super) fn sign_next(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    signed(script, ground, draw, true)
}
