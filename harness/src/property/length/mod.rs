//! Output buffers: the length is told, a buffer that is too small is refused and changes nothing, and what
//! comes in the end is what came without asking ([PKCS11-Base 3.2] 5.2). C_GetAttributeValue has rules of its own for
//! each attribute, and a module of its own here.
//!
//! This module asks; how each function with such an output is brought to give one is in the modules below, a
//! [`Way`] each. A test holds the table against that of the functions.

mod attributes;
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
use crate::sequence::expectation::Expected;
use crate::sequence::{Buffer, BufferSize, Number, Reference, Relation, Selector};

/// What is tried before the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Try {
    /// Asking for the length.
    Ask,
    /// A buffer of so many elements.
    Elements(u64),
    /// A buffer with one element less than there are in the end.
    OneShort,
}

/// All that is tried.
const TRIES: [Try; 5] = [
    Try::Ask,
    Try::Elements(1),
    Try::Elements(2),
    Try::Elements(3),
    Try::OneShort,
];

impl Try {
    /// How many elements there must be for the try to mean what it does.
    fn least(self) -> u64 {
        match self {
            Try::Ask => 1,
            Try::Elements(count) => count + 1,
            // A buffer without any element may look like a question for the length.
            Try::OneShort => 2,
        }
    }
}

/// The buffer of the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// What is needed, as it is told or known.
    Enough,
    /// One element more.
    OneMore,
}

/// How many elements more than are told or known [`Room::OneMore`] has.
const MORE: i8 = 1;
/// And how many less [`Try::OneShort`] has.
const LESS: i8 = -1;

/// The name under which is kept how much is told to be needed.
const TOLD: &str = "told";

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

/// What is asked about.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Calls(&'static Way),
    Attributes,
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
    /// Whether as much comes of it the second time.
    steady: bool,
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
            steady: true,
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
    Way { function: C_GetInterfaceList, make: list::interfaces },
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
    let mut subjects: Vec<Subject> = ways(ground).into_iter().map(Subject::Calls).collect();
    if attributes::FUNCTIONS.iter().all(|used| ground.can(*used)) {
        subjects.push(Subject::Attributes);
    }
    if subjects.is_empty() {
        return Err(absent("the token gives nothing of any length"));
    }
    let ground = ground.clone();
    let tries = vec(prop::sample::select(&TRIES[..]), 1..=4);
    let rooms = prop::sample::select(&[Room::Enough, Room::OneMore][..]);
    let all = (draw(), prop::sample::select(subjects), tries, rooms);
    let ask = move |(mut draw, subject, tries, room): (Draw, Subject, Vec<Try>, Room)| {
        draw.length = draw.length.max(16);
        let mut script = Script::default();
        let way = match subject {
            Subject::Calls(way) => way,
            Subject::Attributes => return attributes::question(&draw),
        };
        match (way.make)(&mut script, &ground, &draw) {
            Some(probe) => {
                let subject = probe.subject.clone();
                twice(&mut script, probe, &tries, room);
                Question::new(subject, script)
            }
            None => Question::new(way.function.name(), script),
        }
    };
    Ok(all.prop_map(ask).boxed())
}

/// Adds the calls of a probe: what comes of them if nobody asks, and then what comes of them if somebody does.
fn twice(script: &mut Script, probe: Probe, tries: &[Try], room: Room) {
    let name = |place: usize| format!("out-{place}");
    let begin = |script: &mut Script| {
        let calls = probe.begin.iter().cloned();
        calls.for_each(|call| script.add(call.presumed()));
    };
    let possible = |tried: &Try| probe.steady || *tried != Try::OneShort;
    let tries: Vec<Try> = tries.iter().copied().filter(possible).collect();
    let least = tries.iter().map(|tried| tried.least()).max().unwrap_or(1);
    begin(script);
    for (place, call) in probe.calls.iter().enumerate() {
        let output = bytes_of(call);
        let call = call.clone().keep(output, &name(place)).presumed();
        let least = Relation::AtLeast(Number::Literal(least));
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
            tries
                .iter()
                .for_each(|tried| try_out(script, &call, *tried, &whole));
            call = with_room(script, call, room, probe.fixed.then_some(&whole));
        }
        script.add(match (probe.repeats, probe.steady) {
            (true, _) => call.is(output, super::script::equals(kept(&whole))),
            (false, true) => call.is(output, as_long_as(&whole)).keep(output, AGAIN),
            (false, false) => call.keep(output, AGAIN),
        });
    }
    if !probe.then.is_empty() {
        end(script);
    }
    probe.then.into_iter().for_each(|call| script.add(call));
}

/// The call as it is tried: 5.2 says what comes of each try, `whole` being what it gives in the end.
fn try_out(script: &mut Script, call: &Make, tried: Try, whole: &str) {
    let (size, returned) = match tried {
        Try::Ask => (BufferSize::Null, CKR_OK),
        Try::Elements(count) => (
            BufferSize::Elements(Number::Literal(count)),
            CKR_BUFFER_TOO_SMALL,
        ),
        Try::OneShort => (
            BufferSize::Elements(length_beside(whole, LESS)),
            CKR_BUFFER_TOO_SMALL,
        ),
    };
    let tried = in_memory(call.clone(), size).returns(&[returned]);
    let suffices = length(Relation::AtLeast(length_of(whole)));
    script.add(tried.is(bytes_of(call), suffices));
}

/// The call itself with its buffer. 5.2: what is told suffices, and a token may want as much as it tells, unless the
/// length of what comes is known beforehand, as `fixed` is.
fn with_room(script: &mut Script, call: Make, room: Room, fixed: Option<&String>) -> Make {
    let size = match (room, fixed) {
        (Room::Enough, None) => return call,
        (Room::Enough, Some(whole)) => length_of(whole),
        (Room::OneMore, Some(whole)) => length_beside(whole, MORE),
        (Room::OneMore, None) => {
            let asking = in_memory(call.clone(), BufferSize::Null);
            script.add(asking.keep(bytes_of(&call), TOLD));
            length_beside(TOLD, MORE)
        }
    };
    in_memory(call, BufferSize::Elements(size))
}

/// As long as what was kept.
fn as_long_as(name: &str) -> Relation {
    length(Relation::Equals(Expected::Number(length_of(name))))
}

/// The length of what was kept.
fn length_of(name: &str) -> Number {
    measure(name, Selector::Length)
}

/// So many more or less than that.
fn length_beside(name: &str, more: i8) -> Number {
    measure(name, Selector::Beside(more))
}

fn measure(name: &str, selector: Selector) -> Number {
    let mut reference = Reference::to(name);
    reference.path.push(selector);
    Number::Reference(reference)
}

/// With memory of this kind for what comes in any length.
fn in_memory(call: Make, size: BufferSize) -> Make {
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
    use crate::cryptoki::ParameterKind::{OutBytes, OutInterfaces, OutUlongs};
    matches!(kind, OutBytes | OutUlongs(_) | OutInterfaces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cryptoki::ParameterKind;

    /// A function with an output of any length that no way leads to would go unasked.
    #[test]
    fn every_function_that_gives_something_of_any_length_has_a_way() {
        for function in Function::ALL {
            let kinds = || function.parameters().iter().map(|parameter| parameter.kind);
            let gives = kinds().any(has_any_length);
            let ways = WAYS.iter().filter(|way| way.function == *function);
            assert_eq!(ways.count(), usize::from(gives), "{function}");
            let gives_attributes = kinds().any(|kind| kind == ParameterKind::OutTemplate);
            let is_read = attributes::FUNCTIONS.contains(function);
            assert!(is_read || !gives_attributes, "{function}");
        }
    }

    /// A buffer that suffices is no try, and one without an element is a question to some.
    #[test]
    fn every_try_is_too_small_and_holds_something() {
        for tried in TRIES {
            match tried {
                Try::Ask => {}
                Try::Elements(count) => assert!((1..tried.least()).contains(&count)),
                Try::OneShort => assert!(Selector::Beside(LESS).of_length(tried.least()) > Some(0)),
            }
        }
    }
}
