//! How honest a sequence is: its input class, read off its arguments.
//!
//! A state that a call finds is none of its input: calls in an order that is refused are legal (class A), and so is data of any
//! kind. What is not known for legal is class B.

use std::collections::{BTreeMap, BTreeSet};

use cryptoki_sys::{CKF_ASYNC_SESSION, CKF_RW_SESSION, CKF_SERIAL_SESSION};
use p11assay_reports::evidence::Class;

use crate::cryptoki::function::{Domain, Parameter, ParameterKind};
use crate::cryptoki::mechanism::{self, Mechanism, ParameterShape};
use crate::cryptoki::operation::begun_by;
use crate::cryptoki::{AttributeType, Function, Kind, attribute, names, object};
use crate::sequence::decode::message_structure;
use crate::sequence::shape;
use crate::sequence::{
    Argument, Attribute, AttributeValue, BufferSize, Bytes, Call, Content, FieldValue,
    MechanismArgument, Mutexes, Number, ParameterValue, Sequence, Step, Structure,
};

/// The class of a sequence whose state gives these names to sessions.
pub(super) fn class(sequence: &Sequence, given: &[&str]) -> Class {
    if sequence.calls().any(|call| call.arguments.iter().any(lies)) {
        return Class::C;
    }
    let mut found = Found {
        live: given.iter().copied().collect(),
        messages: BTreeMap::new(),
    };
    let legal = sequence.calls().all(|call| is_legal(call, &mut found));
    match legal && !sequence.steps.iter().any(is_concurrent) {
        true => Class::A,
        false => Class::B,
    }
}

/// True of lanes beside each other; a single one is a loop.
fn is_concurrent(step: &Step) -> bool {
    matches!(step, Step::Together(block) if block.lanes.len() > 1)
}

/// What a call finds.
struct Found<'c> {
    /// The handles that were given and are not gone.
    live: BTreeSet<&'c str>,
    /// The mechanism of the messages of each session, by its name, as far as one was named.
    messages: BTreeMap<&'c str, Option<&'static Mechanism>>,
}

/// True if a length or count is not that of the memory.
fn lies(argument: &Argument) -> bool {
    match argument {
        Argument::Bytes(bytes) => bytes.claim.is_some() && bytes.content.is_some(),
        Argument::Template(template) => template.claim.is_some(),
        Argument::Mechanism(mechanism) => mechanism.claim.is_some(),
        _ => false,
    }
}

/// True if all arguments are what the function takes.
fn is_legal<'c>(call: &'c Call, found: &mut Found<'c>) -> bool {
    let parameters = call.function.parameters().iter();
    let mut given = parameters.clone().zip(&call.arguments);
    if !given.all(|(parameter, argument)| fits(call, parameter, argument, found)) {
        return false;
    }
    let Found { live, messages } = found;
    let begun = begun_by(call.function).filter(|operation| operation.is_on_messages());
    if let (Some(_), Some(session)) = (begun, shape::sessions(call).next()) {
        let mut mechanisms = call.arguments.iter().filter_map(|argument| match argument {
            Argument::Mechanism(given) => row(given),
            _ => None,
        });
        messages.insert(session, mechanisms.next());
    }
    for (parameter, argument) in parameters.zip(&call.arguments) {
        let gone = match (call.function, parameter.kind) {
            (Function::C_CloseSession, ParameterKind::Ulong(Domain::Session))
            | (Function::C_DestroyObject, ParameterKind::Ulong(Domain::Object)) => argument,
            _ => continue,
        };
        if let Argument::Number(Number::Reference(gone)) = gone {
            live.remove(gone.name.as_str());
        }
    }
    match call.function {
        // Objects may be gone with it, sessions too: what is used afterwards is not known for legal.
        Function::C_CloseSession
        | Function::C_CloseAllSessions
        | Function::C_Finalize
        | Function::C_InitToken
        | Function::C_Logout => live.clear(),
        _ => live.extend(call.gives.iter().map(|capture| capture.name.as_str())),
    }
    true
}

fn fits(call: &Call, parameter: &Parameter, argument: &Argument, found: &Found<'_>) -> bool {
    use ParameterKind as K;
    let live = &found.live;
    match (parameter.kind, argument) {
        (K::Ulong(Domain::Session | Domain::Object), Argument::Number(number)) => match number {
            Number::Reference(reference) => live.contains(reference.name.as_str()),
            // No key goes with a state that needs none ([PKCS11-Base 3.2] 5.6.7).
            Number::Literal(0) => {
                let is_key = parameter.kind == ParameterKind::Ulong(Domain::Object);
                is_key && call.function == Function::C_SetOperationState
            }
            _ => false,
        },
        (K::Ulong(Domain::Session | Domain::Object), _) => false,
        (K::Ulong(Domain::Flags(Kind::SESSION_FLAGS)), Argument::Number(number)) => {
            let all = CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION;
            matches!(number, Number::Literal(flags) if *flags | all == all && *flags & CKF_SERIAL_SESSION != 0)
        }
        (K::Ulong(domain), Argument::Number(Number::Literal(value))) => is_known(domain, *value),
        (K::Bool, Argument::Number(Number::Literal(value))) => *value <= 1,
        (K::In | K::Padded(_) | K::Name, Argument::Bytes(bytes)) => is_honest(bytes),
        (K::OutBytes, Argument::Buffer(buffer)) => !buffer.null_length && buffer.claim.is_none(),
        (
            K::OutFixed | K::OutUlongs(_) | K::OutHandles | K::OutInterfaces,
            Argument::Buffer(buffer),
        ) => buffer.claim.is_none() && buffer.size != BufferSize::Null,
        (K::Template, Argument::Template(template)) => are_typed(&template.attributes),
        (K::OutTemplate, Argument::Template(template)) => {
            let mut attributes = template.attributes.iter();
            attributes.all(|one| matches!(one.value, AttributeValue::Buffer(_)))
        }
        (K::Mechanism, Argument::Mechanism(given)) => is_whole(given, live),
        (K::InitArgs, Argument::InitArgs(given)) => given.mutexes != Mutexes::Incomplete,
        (K::Notify, Argument::Callback) | (K::Version, Argument::Version { .. }) => true,
        (K::MessageParameter, argument) => is_of_the_messages(call, argument, found),
        // By default there is no mechanism, and no flag.
        (K::Mechanism | K::Ulong(Domain::Flags(Kind::SESSION_FLAGS)), Argument::Default) => false,
        (_, Argument::Default) => true,
        _ => false,
    }
}

/// True if a number is a constant of the standard, or a count that a token may well take.
fn is_known(domain: Domain, value: u64) -> bool {
    match domain {
        Domain::Constant(kind) => names::of_kind(kind).iter().any(|one| one.value == value),
        Domain::Flags(kind) => {
            let all = names::of_kind(kind).iter();
            value & !all.fold(0, |all, constant| all | constant.value) == 0
        }
        Domain::Plain => value < 1 << 20,
        _ => false,
    }
}

fn is_honest(bytes: &Bytes) -> bool {
    bytes.claim.is_none() && bytes.content.is_some()
}

/// True if what is written out has no byte.
fn is_empty(bytes: &Bytes) -> bool {
    match &bytes.content {
        Some(Content::Literal(written)) => written.is_empty(),
        Some(Content::Repeat { count, .. }) => *count == 0,
        _ => false,
    }
}

/// True if every attribute is there once, with a value of its type.
fn are_typed(attributes: &[Attribute]) -> bool {
    let mut types = BTreeSet::new();
    attributes.iter().all(|one| {
        let typed = match (attribute::attribute_type(one.attribute), &one.value) {
            (AttributeType::Bool, AttributeValue::Bool(value)) => *value <= 1,
            (AttributeType::Ulong(domain), AttributeValue::Ulong(Number::Literal(value))) => {
                is_known(domain, *value)
            }
            (AttributeType::Ulongs(_), AttributeValue::Ulongs(_)) => true,
            (AttributeType::Template, AttributeValue::Template(inner)) => are_typed(inner),
            (
                AttributeType::Bytes
                | AttributeType::Text
                | AttributeType::Date
                | AttributeType::Version,
                AttributeValue::Bytes(bytes),
            ) => {
                let number = object::is_big_integer(one.attribute);
                is_honest(bytes) && !(number && is_empty(bytes))
            }
            _ => false,
        };
        typed && types.insert(one.attribute)
    })
}

/// True if a message's parameter is of the mechanism that its session's messages have. Without one the call is refused,
/// whatever it is given.
fn is_of_the_messages(call: &Call, argument: &Argument, found: &Found<'_>) -> bool {
    let session = shape::sessions(call).next();
    let mechanism = session.and_then(|session| found.messages.get(session));
    let wanted = mechanism.map(|mechanism| mechanism.and_then(message_structure));
    match (wanted, argument) {
        (None | Some(None), Argument::Null | Argument::Default) => true,
        (Some(Some(wanted)), Argument::Structure(given)) => {
            given.name == wanted && is_filled(given, &found.live)
        }
        (None, Argument::Structure(given)) => is_filled(given, &found.live),
        _ => false,
    }
}

fn row(given: &MechanismArgument) -> Option<&'static Mechanism> {
    match given.mechanism {
        Number::Literal(value) => mechanism::by_value(value),
        _ => None,
    }
}

/// True unless the bytes are written out, and too few or too many for a parameter of so many: a vector or a counter has a
/// size, a public value of Diffie and Hellman has that of its domain.
fn is_of_size(bytes: &Bytes, count: usize) -> bool {
    const LONGEST_VECTOR: usize = 64;
    let written = match &bytes.content {
        Some(Content::Literal(written)) => Some(written.len()),
        Some(Content::Text(written)) => Some(written.len()),
        Some(Content::Repeat { count, .. }) => Some(*count),
        _ => None,
    };
    count > LONGEST_VECTOR || written.is_none_or(|written| written == count)
}

/// True if the parameter has the shape that the mechanism's section gives it.
fn is_whole(given: &MechanismArgument, live: &BTreeSet<&str>) -> bool {
    row(given).is_some_and(|row| match (&row.parameter, &given.parameter) {
        (_, ParameterValue::None) => {
            row.parameter == ParameterShape::None || row.optional_parameter
        }
        (ParameterShape::Ulong | ParameterShape::Object, ParameterValue::Ulong(number)) => {
            is_given(number, live)
        }
        (ParameterShape::Bytes(count), ParameterValue::Bytes(bytes)) => {
            is_honest(bytes) && is_of_size(bytes, *count)
        }
        (ParameterShape::Structure(name), ParameterValue::Structure(structure)) => {
            let wrapping = ["WRAP_PARAMS", "MESSAGE_PARAMS", "MSG_PARAMS"];
            let in_place = wrapping.iter().any(|end| structure.name.ends_with(end));
            (structure.name == *name || in_place) && is_filled(structure, live)
        }
        _ => false,
    })
}

/// True if every field has what its type asks for.
fn is_filled(structure: &Structure, live: &BTreeSet<&str>) -> bool {
    structure.fields.iter().all(|(_, value)| match value {
        FieldValue::Number(number) => is_given(number, live),
        FieldValue::Ulongs(_) => true,
        // What a mechanism does without is NULL.
        FieldValue::Bytes(bytes) => bytes.claim.is_none(),
        FieldValue::Structures(inner) => inner.iter().all(|one| is_filled(one, live)),
        FieldValue::Mechanism(inner) => is_whole(inner, live),
        FieldValue::Template(attributes) => are_typed(attributes),
    })
}

fn is_given(number: &Number, live: &BTreeSet<&str>) -> bool {
    match number {
        Number::Literal(_) => true,
        Number::Reference(reference) => live.contains(reference.name.as_str()),
        Number::Dangling => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sequence::read;
    use crate::yaml::Document;

    fn of(text: &str) -> Class {
        let document = Document::parse(Path::new("t.yaml"), text).expect("YAML");
        let sequence = read::sequence(document.root()).expect("steps");
        class(&sequence, &["session", "target"])
    }

    #[test]
    fn legal_is_what_a_function_takes_whatever_comes_of_it() {
        for text in [
            "- C_Digest: { session: $session, data: '00' }",
            "- C_SetOperationState: { session: $session, operation_state: '00', encryption_key: 0, authentication_key: 0 }",
            "- C_OpenSession: { flags: CKF_SERIAL_SESSION }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA, CKA_VALUE: '' } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_PUBLIC_KEY, CKA_MODULUS: '00' } }",
            "- C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_CBC, parameter: '00112233445566778899aabbccddeeff' }, key: $target }",
            "- C_MessageEncryptInit: { session: $session, mechanism: CKM_AES_ECB, key: $target }\n- C_EncryptMessage: { session: $session, parameter: null }",
            "- C_DigestInit: { session: $session, mechanism: CKM_SHA256 }\n- C_DigestFinal: { session: $session, digest: { buffer: short } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA } }\n  gives: { object: $it }\n- C_DestroyObject: { session: $session, object: $it }",
        ] {
            assert_eq!(of(text), Class::A, "{text}");
        }
    }

    #[test]
    fn what_no_application_should_give_is_not_legal() {
        for text in [
            "- C_Digest: { session: 7, data: '00' }",
            "- C_Digest: { session: dangling, data: '00' }",
            "- C_Digest: { session: $session, data: null }",
            "- C_SetOperationState: { session: 0, operation_state: '00', encryption_key: 0, authentication_key: 0 }",
            "- C_OpenSession: { flags: 0 }",
            "- C_OpenSession: {}",
            "- C_DigestInit: { session: $session }",
            "- C_DigestInit: { session: $session, mechanism: { type: CKM_SHA256, parameter: '00' } }",
            "- C_DigestInit: { session: $session, mechanism: null }",
            "- C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_CBC, parameter: '00' }, key: $target }",
            "- C_MessageEncryptInit: { session: $session, mechanism: CKM_AES_ECB, key: $target }\n- C_EncryptMessage: { session: $session, parameter: { CK_GCM_MESSAGE_PARAMS: {} } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA, CKA_TOKEN: 7 } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_PUBLIC_KEY, CKA_MODULUS: '' } }",
            "- C_GenerateKey: { session: $session, mechanism: CKM_GENERIC_SECRET_KEY_GEN, template: { CKA_VALUE_LEN: 0xffffffff } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: 77 } }",
            "- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA } }\n  gives: { object: $it }\n- C_DestroyObject: { session: $session, object: $it }\n- C_GetObjectSize: { session: $session, object: $it }",
            "- C_CloseSession: { session: $session }\n- C_GetSessionInfo: { session: $session }",
        ] {
            assert_eq!(of(text), Class::B, "{text}");
        }
    }

    /// That is so of what is decoded without anything wrong, but for what is made of a mechanism in a parameter and for
    /// handles that could not be given.
    #[test]
    fn a_search_without_class_b_makes_legal_sequences() {
        use crate::sequence::decode::{Prelude, Setting, USUALLY_WRONG, decode};
        let mut rng = fastrand::Rng::with_seed(3);
        let tapes: Vec<Vec<u8>> = (0..400)
            .map(|_| (0..80).map(|_| rng.u8(..)).collect())
            .collect();
        let legal = |wrong| {
            let mut setting = Setting::new(Prelude::Session, |_| true);
            setting.wrong = wrong;
            let decoded = tapes.iter().map(|tape| decode(tape, &setting).sequence);
            decoded
                .filter(|sequence| class(sequence, &["target"]) == Class::A)
                .count()
        };
        let (without, with, most) = (legal(0), legal(USUALLY_WRONG), legal(50));
        assert!(
            without > 360 && with < 250 && most < 20,
            "{without}, {with}, {most}"
        );
    }

    #[test]
    fn a_length_that_lies_is_class_c() {
        let text = "- C_Digest: { session: $session, data: { repeat: '00', count: 1, claim: 0xffffffffffff } }";
        assert_eq!(of(text), Class::C);
    }
}
