//! The tape of the ten calls.

use p11assay::cryptoki::Function;
use p11assay::sequence::decode::{Setting, Variants, decode};
use p11assay::sequence::{Argument, BufferSize, Call, Content, Number, Template};

/// What the calls are given, for the loop in C.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    pub(crate) data: u64,
    pub(crate) digest: u64,
    pub(crate) objects: u64,
    pub(crate) random: u64,
}

/// The calls between C_OpenSession and C_CloseSession, in phrases.
const PHRASES: [&[Function]; 5] = [
    &[Function::C_GetSessionInfo],
    &[Function::C_DigestInit, Function::C_Digest],
    &[
        Function::C_FindObjectsInit,
        Function::C_FindObjects,
        Function::C_FindObjectsFinal,
    ],
    &[Function::C_GenerateRandom],
    &[Function::C_GetSessionInfo],
];

/// How often a phrase is tried before all are begun anew: a sequence has so many phrases at most, and those that make no
/// call count, too.
const TRIES: usize = 100_000;

/// A tape that decodes to the ten calls, found by trying.
pub(crate) fn tape(setting: &Setting<'_>) -> (Vec<u8>, Sizes) {
    let mut rng = fastrand::Rng::with_seed(1);
    loop {
        if let Some(found) = attempt(&mut rng, setting) {
            return found;
        }
    }
}

fn attempt(rng: &mut fastrand::Rng, setting: &Setting<'_>) -> Option<(Vec<u8>, Sizes)> {
    let mut sizes = Sizes::default();
    // Nothing left out of what a sequence may be made of.
    let mut tape = vec![4];
    let mut before = decode(&tape, setting).sequence.calls().count();
    for phrase in PHRASES {
        tape = (0..TRIES).find_map(|_| {
            let longer = (0..rng.usize(1..64)).map(|_| rng.u8(..));
            let longer: Vec<u8> = tape.iter().copied().chain(longer).collect();
            let decoded = decode(&longer, setting);
            let calls: Vec<&Call> = decoded.sequence.calls().skip(before).collect();
            let functions = calls.iter().map(|call| call.function);
            let is_met = functions.eq(phrase.iter().copied())
                && calls.iter().all(|call| fits(call, &mut sizes));
            let variants = is_met
                .then(|| Variants::of(&longer, setting, 0))
                .flatten()?;
            Some(variants.tape(0))
        })?;
        before += phrase.len();
    }
    Some((tape, sizes))
}

/// True if the call is what the loop in C makes; notes its sizes.
fn fits(call: &Call, sizes: &mut Sizes) -> bool {
    let elements = |argument: &Argument| match argument {
        Argument::Buffer(buffer) if buffer.claim.is_none() => match buffer.size {
            BufferSize::Elements(Number::Literal(count)) => Some(count),
            _ => None,
        },
        _ => None,
    };
    match call.function {
        Function::C_Digest => {
            let data = match &call.arguments[1] {
                Argument::Bytes(bytes) => match &bytes.content {
                    Some(Content::Literal(data)) => data.len() as u64,
                    _ => return false,
                },
                _ => return false,
            };
            let room = elements(&call.arguments[2]).unwrap_or(0);
            (sizes.data, sizes.digest) = (data, room);
            (16..=64).contains(&data) && (32..=256).contains(&room)
        }
        Function::C_FindObjectsInit => call.arguments[1] == Argument::Template(Template::default()),
        Function::C_FindObjects => {
            sizes.objects = elements(&call.arguments[1]).unwrap_or(0);
            (1..=256).contains(&sizes.objects)
        }
        Function::C_GenerateRandom => {
            sizes.random = elements(&call.arguments[1]).unwrap_or(0);
            (8..=64).contains(&sizes.random)
        }
        _ => true,
    }
}
