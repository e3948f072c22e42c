//! Output buffers: the length is told, a buffer that is too small is refused and changes nothing, and what
//! comes in the end is what came without asking ([PKCS11-Base 3.2] 5.2).

use std::sync::Arc;

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_OK};
use proptest::collection::vec;
use proptest::prelude::*;

use super::cipher::{self, Encryption};
use super::draw::{Draw, draw, parts};
use super::ground::{Ground, absent};
use super::question::Question;
use super::script::{Make, SESSION, Script, equals, joined, kept, length, literal, on};
use super::signature::{self, SIGNATURE, Signing};
use super::table::Asked;
use super::{digest, input};
use crate::cryptoki::Function::{
    C_Decrypt, C_Digest, C_DigestFinal, C_DigestUpdate, C_Encrypt, C_EncryptFinal, C_EncryptUpdate,
    C_Sign, C_SignFinal, C_SignUpdate,
};
use crate::sequence::{BufferSize, Number, Reference, Relation};

/// What is tried before the call itself: 0 asks for the length, other numbers are buffers of so many bytes.
type Tries = Vec<u64>;

/// Fewer bytes than any output has.
const SHORTEST: u64 = 4;

/// At least as long as what was kept.
fn suffices_for(name: &str) -> Relation {
    let mut reference = Reference::to(name);
    reference.path.push(crate::sequence::Selector::Length);
    length(Relation::AtLeast(Number::Reference(reference)))
}

/// The call as it is tried: 5.2 says what comes of each try, `whole` being what it gives in the end.
fn tries(script: &mut Script, call: &Make, tries: &[u64], whole: &str) {
    let output = call.output().unwrap_or_default();
    for size in tries {
        let (room, returned) = match size {
            0 => (BufferSize::Null, CKR_OK),
            size => (
                BufferSize::Elements(Number::Literal(*size)),
                CKR_BUFFER_TOO_SMALL,
            ),
        };
        let tried = call.clone().room(room).returns(&[returned]);
        script.add(tried.is(output, suffices_for(whole)));
    }
}

/// The functions whose output is known before they are called once more.
#[derive(Debug, Clone, Copy)]
enum Way {
    Digest,
    DigestFinal,
    Encrypt,
    EncryptParts,
    Decrypt,
    Sign,
    SignFinal,
}

/// All functions with mechanisms that the token lists.
fn ways(ground: &Ground) -> Vec<Way> {
    let mut ways = Vec::new();
    if !digest::rows(ground).is_empty() {
        ways.extend([Way::Digest, Way::DigestFinal]);
    }
    if !cipher::rows(ground).is_empty() {
        ways.extend([Way::Encrypt, Way::EncryptParts, Way::Decrypt]);
    }
    if !signature::rows(ground).is_empty() {
        ways.extend([Way::Sign, Way::SignFinal]);
    }
    ways
}

/// The length is told, and whoever has too little room can try again.
pub(super) fn contract(ground: &Arc<Ground>) -> Asked {
    let ways = ways(ground);
    if ways.is_empty() {
        return Err(absent(
            "the token lists no mechanism that digests, encrypts or signs",
        ));
    }
    let ground = ground.clone();
    let all = (draw(), prop::sample::select(ways), vec(0..SHORTEST, 1..=4));
    let ask = move |(mut draw, way, tries): (Draw, Way, Tries)| {
        draw.length = draw.length.max(16);
        let mut script = Script::default();
        let subject = match way {
            Way::Digest | Way::DigestFinal => digests(&mut script, &ground, &draw, way, &tries),
            Way::Encrypt | Way::EncryptParts | Way::Decrypt => {
                ciphers(&mut script, &ground, &draw, way, &tries)
            }
            Way::Sign | Way::SignFinal => signatures(&mut script, &ground, &draw, way, &tries),
        };
        Question::new(subject.unwrap_or("nothing"), script)
    };
    Ok(all.prop_map(ask).boxed())
}

fn digests(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
    way: Way,
    attempts: &[u64],
) -> Option<&'static str> {
    let rows = digest::rows(ground);
    let row = draw.pick(0, &rows)?;
    let data = draw.data();
    let whole = on(SESSION, C_Digest).bytes("data", literal(&data));
    script.add(digest::begin(row).presumed());
    script.add(whole.clone().kept("whole").presumed());
    script.add(digest::begin(row));
    let last = match way {
        Way::Digest => whole,
        _ => {
            for part in parts(&data, &draw.cuts) {
                script.add(on(SESSION, C_DigestUpdate).bytes("part", literal(&part)));
            }
            on(SESSION, C_DigestFinal)
        }
    };
    tries(script, &last, attempts, "whole");
    let exact = Number::Reference("whole.length".parse().ok()?);
    script.add(last.room(BufferSize::Elements(exact)).gives(kept("whole")));
    Some(row.0.name)
}

fn ciphers(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
    way: Way,
    attempts: &[u64],
) -> Option<&'static str> {
    let rows = cipher::rows(ground);
    let rows: Vec<_> = match way {
        Way::EncryptParts => rows
            .into_iter()
            .filter(|row| input::in_parts(row))
            .collect(),
        _ => rows,
    };
    let row = draw.pick(0, &rows)?;
    let encryption = Encryption::begin(script, ground, row, draw)?;
    encryption.whole(script, "whole");
    match way {
        Way::EncryptParts => asks_of_parts(script, &encryption, draw),
        Way::Decrypt => {
            script.add(encryption.decrypting().presumed());
            let call = on(SESSION, C_Decrypt).bytes("encrypted_data", kept("whole"));
            script.add(call.clone().kept("plain").presumed());
            script.add(encryption.decrypting());
            tries(script, &call, attempts, "plain");
            script.add(call.gives(literal(&encryption.data)));
        }
        _ => {
            script.add(encryption.encrypting());
            let call = on(SESSION, C_Encrypt).bytes("data", literal(&encryption.data));
            tries(script, &call, attempts, "whole");
            script.add(match encryption.is_symmetric() {
                true => call.gives(kept("whole")),
                false => call,
            });
        }
    }
    Some(row.name)
}

/// Asking before every part changes nothing of what comes of them, and the length told suffices.
fn asks_of_parts(script: &mut Script, encryption: &Encryption, draw: &Draw) {
    let mut names = Vec::new();
    script.add(encryption.encrypting());
    let mut ask = |script: &mut Script, call: Make| {
        let output = call.output().unwrap_or_default();
        let (name, told) = (
            format!("part-{}", names.len()),
            format!("told-{}", names.len()),
        );
        let question = call.clone().room(BufferSize::Null);
        script.add(question.keep(output, &told));
        let mut reference = Reference::to(name.clone());
        reference.path.push(crate::sequence::Selector::Length);
        let told_enough = Relation::AtLeast(Number::Reference(reference));
        names.push(name.clone());
        let room = call.room_for((encryption.data.len() + cipher::EXCESS) as u64);
        (
            room.keep(output, &name).was(&told, told_enough),
            names.clone(),
        )
    };
    let (parts, sure) = encryption.pieces(draw, &draw.cuts);
    for part in parts {
        let call = on(SESSION, C_EncryptUpdate).bytes("part", literal(&part));
        let call = if sure { call } else { call.presumed() };
        let (call, _) = ask(script, call);
        script.add(call);
    }
    let (last, names) = ask(script, on(SESSION, C_EncryptFinal));
    script.add(last.was("whole", equals(joined(&names))));
}

fn signatures(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
    way: Way,
    attempts: &[u64],
) -> Option<&'static str> {
    let rows = signature::rows(ground);
    let rows: Vec<_> = match way {
        Way::SignFinal => rows
            .into_iter()
            .filter(|row| input::in_parts(row))
            .collect(),
        _ => rows,
    };
    let row = draw.pick(0, &rows)?;
    let signing = Signing::begin(script, ground, row, draw)?;
    signing.whole(script);
    script.add(signing.signing());
    let last = match way {
        Way::Sign => on(SESSION, C_Sign).bytes("data", literal(&signing.data)),
        _ => {
            for part in parts(&signing.data, &draw.cuts) {
                script.add(on(SESSION, C_SignUpdate).bytes("part", literal(&part)));
            }
            on(SESSION, C_SignFinal)
        }
    };
    tries(script, &last, attempts, SIGNATURE);
    if signing.is_mac() {
        script.add(last.gives(kept(SIGNATURE)));
    } else {
        script.add(last.kept("again"));
        script.add(signing.verifying().presumed());
        script.add(signature::verify(literal(&signing.data), kept("again")));
    }
    Some(row.name)
}
