//! Output buffers: the length is told, a buffer that is too small is refused and changes nothing, and what
//! comes in the end is what came without asking ([PKCS11-Base 3.2] 5.2).
//!
//! This module asks; how each function with such an output is brought to give one is in the modules below, a
//! [`Way`] each. A test holds the table against that of the functions.

mod data;
mod dual;
mod keys;
mod list;
mod messages;

use std::sync::Arc;

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_OK};
use proptest::collection::vec;
use proptest::prelude::*;

use super::draw::{Draw, draw, samples};
use super::ground::{Ground, absent};
use super::question::Question;
use super::script::{Make, Script, kept, length};
use super::table::Asked;
use crate::cryptoki::Function::{self, *};
use crate::sequence::{Buffer, BufferSize, Number, Reference, Relation, Selector};

/// What is tried before the call itself: 0 asks for the length, other numbers are buffers of so many elements.
type Tries = Vec<u64>;

/// One more than the largest buffer that is tried.
const MOST: u64 = 4;

/// Draws by which is seen whether a target has a way.
const SAMPLES: usize = 8;

/// The name under which what came the second time is kept.
const AGAIN: &str = "again";

/// How a function comes to give something.
#[derive(Debug)]
struct Way {
    function: Function,
    /// Adds what must be there before, and gives the calls. None if the target has no mechanism for it.
    make: fn(&mut Script, &Ground, &Draw) -> Option<Probe>,
}

/// Calls that are made twice: plainly first, and with buffers that are too small the second time.
struct Probe {
    subject: String,
    /// What begins the operation.
    begin: Vec<Make>,
    /// The calls that give something, one of which is tried.
    calls: Vec<Make>,
    /// Which of them.
    place: usize,
    /// What ends the operation where the last of them does not.
    end: Vec<Make>,
    /// Whether the same comes of it the second time.
    repeats: bool,
    /// Whether as much room as was needed the first time must suffice the second time.
    fixed: bool,
    /// What must hold of what came the second time, [`AGAIN`].
    then: Vec<Make>,
}

impl Probe {
    /// One call of which the same comes each time.
    fn new(subject: &str, call: Make) -> Self {
        Self {
            subject: subject.to_owned(),
            begin: Vec::new(),
            calls: vec![call],
            place: 0,
            end: Vec::new(),
            repeats: true,
            fixed: false,
            then: Vec::new(),
        }
    }
}

#[rustfmt::skip]
static WAYS: &[Way] = &[
    Way { function: C_Digest, make: data::digest },
    Way { function: C_DigestFinal, make: data::digest_final },
    Way { function: C_Encrypt, make: data::encrypt },
    Way { function: C_EncryptUpdate, make: data::encrypt_update },
    Way { function: C_EncryptFinal, make: data::encrypt_final },
    Way { function: C_Decrypt, make: data::decrypt },
    Way { function: C_DecryptUpdate, make: data::decrypt_update },
    Way { function: C_DecryptFinal, make: data::decrypt_final },
    Way { function: C_Sign, make: data::sign },
    Way { function: C_SignFinal, make: data::sign_final },
    Way { function: C_SignRecover, make: data::sign_recover },
    Way { function: C_VerifyRecover, make: data::verify_recover },
    Way { function: C_DigestEncryptUpdate, make: dual::digest_encrypt },
    Way { function: C_DecryptDigestUpdate, make: dual::decrypt_digest },
    Way { function: C_SignEncryptUpdate, make: dual::sign_encrypt },
    Way { function: C_DecryptVerifyUpdate, make: dual::decrypt_verify },
    Way { function: C_WrapKey, make: keys::wrap },
    Way { function: C_WrapKeyAuthenticated, make: keys::wrap_authenticated },
    Way { function: C_EncapsulateKey, make: keys::encapsulate },
    Way { function: C_EncryptMessage, make: messages::encrypt },
    Way { function: C_EncryptMessageNext, make: messages::encrypt_next },
    Way { function: C_DecryptMessage, make: messages::decrypt },
    Way { function: C_DecryptMessageNext, make: messages::decrypt_next },
    Way { function: C_SignMessage, make: messages::sign },
    Way { function: C_SignMessageNext, make: messages::sign_next },
    Way { function: C_GetOperationState, make: list::operation_state },
    Way { function: C_GetMechanismList, make: list::mechanisms },
    Way { function: C_GetSlotList, make: list::slots },
];

/// The ways that a target has.
fn ways(ground: &Ground) -> Vec<&'static Way> {
    let samples = samples(SAMPLES);
    let has = |way: &&Way| {
        let make = |draw| (way.make)(&mut Script::default(), ground, draw);
        ground.can(way.function) && samples.iter().any(|draw| make(draw).is_some())
    };
    WAYS.iter().filter(has).collect()
}

/// The length is told, and whoever has too little room can try again.
pub(super) fn contract(ground: &Arc<Ground>) -> Asked {
    let ways = ways(ground);
    if ways.is_empty() {
        return Err(absent("the token gives nothing of any length"));
    }
    let ground = ground.clone();
    let all = (draw(), prop::sample::select(ways), vec(0..MOST, 1..=4));
    let ask = move |(mut draw, way, tries): (Draw, &'static Way, Tries)| {
        draw.length = draw.length.max(16);
        let mut script = Script::default();
        match (way.make)(&mut script, &ground, &draw) {
            Some(probe) => {
                let subject = probe.subject.clone();
                twice(&mut script, probe, &tries);
                Question::new(subject, script)
            }
            None => Question::new(way.function.name(), script),
        }
    };
    Ok(all.prop_map(ask).boxed())
}

/// Adds the calls of a probe: what comes of them if nobody asks, and then what comes of them if somebody does.
fn twice(script: &mut Script, probe: Probe, tries: &[u64]) {
    let name = |place: usize| format!("out-{place}");
    let begin = |script: &mut Script| {
        let calls = probe.begin.iter().cloned();
        calls.for_each(|call| script.add(call.presumed()));
    };
    begin(script);
    for (place, call) in probe.calls.iter().enumerate() {
        let output = bytes_of(call);
        let call = call.clone().keep(output, &name(place)).presumed();
        let least = Relation::AtLeast(Number::Literal(MOST));
        script.add(match place == probe.place {
            true => call.requires(output, length(least), "less comes of it than is tried"),
            false => call,
        });
    }
    let end = |script: &mut Script| {
        let calls = probe.end.iter().cloned();
        calls.for_each(|call| script.add(call.whatever_it_returns()));
    };
    end(script);
    begin(script);
    for (place, call) in probe.calls.iter().enumerate() {
        let (output, whole) = (bytes_of(call), name(place));
        let mut call = call.clone();
        if place == probe.place {
            try_out(script, &call, tries, &whole);
            if probe.fixed {
                call = room(call, BufferSize::Elements(length_of(&whole)));
            }
        }
        script.add(match probe.repeats {
            true => call.is(output, super::script::equals(kept(&whole))),
            false => call.keep(output, AGAIN),
        });
    }
    if !probe.then.is_empty() {
        end(script);
    }
    probe.then.into_iter().for_each(|call| script.add(call));
}

/// The call as it is tried: 5.2 says what comes of each try, `whole` being what it gives in the end.
fn try_out(script: &mut Script, call: &Make, tries: &[u64], whole: &str) {
    for size in tries {
        let (size, returned) = match size {
            0 => (BufferSize::Null, CKR_OK),
            size => (
                BufferSize::Elements(Number::Literal(*size)),
                CKR_BUFFER_TOO_SMALL,
            ),
        };
        let tried = room(call.clone(), size).returns(&[returned]);
        let suffices = length(Relation::AtLeast(length_of(whole)));
        script.add(tried.is(bytes_of(call), suffices));
    }
}

/// The length of what was kept.
fn length_of(name: &str) -> Number {
    let mut reference = Reference::to(name);
    reference.path.push(Selector::Length);
    Number::Reference(reference)
}

/// With memory of this kind for what comes in any length.
fn room(call: Make, size: BufferSize) -> Make {
    let output = bytes_of(&call);
    call.with(output, crate::sequence::Argument::Buffer(Buffer::of(size)))
}

/// The output of a call that comes in any length.
fn bytes_of(call: &Make) -> &'static str {
    let mut parameters = call.function().parameters().iter();
    let output = parameters.find(|parameter| has_any_length(parameter.kind));
    output.map_or("", |parameter| parameter.name)
}

fn has_any_length(kind: crate::cryptoki::ParameterKind) -> bool {
    use crate::cryptoki::ParameterKind::{OutBytes, OutUlongs};
    matches!(kind, OutBytes | OutUlongs(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function with an output of any length that no way leads to would go unasked.
    #[test]
    fn every_function_that_gives_something_of_any_length_has_a_way() {
        for function in Function::ALL {
            let mut parameters = function.parameters().iter();
            let gives = parameters.any(|parameter| has_any_length(parameter.kind));
            let ways = WAYS.iter().filter(|way| way.function == *function);
            assert_eq!(ways.count(), usize::from(gives), "{function}");
        }
    }
}
