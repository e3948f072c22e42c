//! What stands out in the arguments of the call that a finding is about: which of them is NULL, short, huge,
//! dangling, or of a class that the function has no use for. It is in the evidence of the finding, so that
//! findings are told apart by it (`p11assay_reports::cluster`). Values, which differ from run to run, take no part.

mod objects;

use crate::cryptoki::function::Domain;
use crate::cryptoki::mechanism::{self, ParameterShape};
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Parameter, ParameterKind};
use crate::oracle::{TraceCall, counted};
use crate::sequence::content;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Content, FieldValue,
    MechanismArgument, Number, ParameterValue, Sequence, Structure, Template,
};
use objects::Objects;

/// A length that nothing has which is meant: a lie, or a mistake of sign.
const HUGE: u64 = 1 << 20;

/// Where a finding is: number, lane (from 1) and function of its step.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The number of the step.
    pub step: u32,
    /// Its lane.
    pub lane: Option<u32>,
    /// Its function.
    pub function: &'a str,
}

/// What stands out in the call there, in the order of its parameters: `mechanism NULL`, `signature cut`,
/// `key CKO_PUBLIC_KEY`. Nothing for a call whose arguments are as they should be.
#[must_use]
pub fn shape(sequence: &Sequence, trace: &[TraceCall], at: At<'_>) -> Vec<String> {
    let is_it = |call: &&Call| call.number == at.step && call.function.name() == at.function;
    let Some(call) = sequence.calls().find(is_it) else {
        return Vec::new();
    };
    let made = |made: &TraceCall| made.step == at.step && counted(made.lane) == at.lane;
    let end = trace.iter().rposition(made).unwrap_or(trace.len());
    let before = trace[..end].iter();
    let seen = before.filter(|made| made.lane.is_none() || counted(made.lane) == at.lane);
    of_call(call, &Objects::after(sequence, seen))
}

fn of_call(call: &Call, objects: &Objects) -> Vec<String> {
    let parameters = call.function.parameters().iter().zip(&call.arguments);
    let mut found = Vec::new();
    for (parameter, argument) in parameters {
        if says_more(call.function, parameter.name, argument) {
            continue;
        }
        let mut say = |word: &str| found.push(format!("{} {word}", parameter.name));
        match argument {
            Argument::Version { .. } | Argument::Callback | Argument::CancellingCallback => {}
            Argument::Default => {
                left_out(call.function, parameter)
                    .iter()
                    .for_each(|word| say(word));
            }
            // NULL is what is meant by what is reserved, optional or asked for its size.
            Argument::Null if may_be_null(parameter.kind) => {}
            Argument::Null => say("NULL"),
            Argument::Pointer(0) => say("NULL"),
            Argument::Pointer(_) => say("dangling"),
            Argument::Number(number) => {
                handle(call.function, parameter, number, objects)
                    .iter()
                    .for_each(|word| say(word));
            }
            Argument::Bytes(given) => {
                let is_part = parameter.name.ends_with("part");
                bytes(given, !is_part).iter().for_each(|word| say(word));
            }
            Argument::Buffer(given) => buffer(given).iter().for_each(|word| say(word)),
            Argument::Template(given) => template(given).iter().for_each(|word| say(word)),
            // What begins with messages leaves the parameter to each of them ([PKCS11-Base 3.2] 5.9).
            Argument::Mechanism(given)
                if given.parameter == ParameterValue::None
                    && given.claim.is_none()
                    && call.function.name().starts_with("C_Message") => {}
            Argument::Mechanism(given) => {
                of_mechanism(given).iter().for_each(|word| say(word));
            }
            Argument::Structure(given) => structure(given).iter().for_each(|word| say(word)),
            Argument::InitArgs(_) => {}
        }
    }
    if let Some(word) = objects.misfit(call) {
        found.push(word);
    }
    found
}

/// [PKCS11-Base 3.2] 5.14.4 and 5.16.4: a part of a message that is not the last leaves the signature out.
fn says_more(function: Function, parameter: &str, argument: &Argument) -> bool {
    match (function, parameter, argument) {
        (Function::C_SignMessageNext, "signature", Argument::Buffer(given)) => given.null_length,
        (Function::C_VerifyMessageNext, "signature", Argument::Null | Argument::Default) => true,
        _ => false,
    }
}

/// What is odd about a parameter about which nothing is said: it is NULL or 0, unless it is an output or the target's.
fn left_out(function: Function, parameter: &Parameter) -> Option<&'static str> {
    let optional = ["associated_data", "pin", "username"].contains(&parameter.name);
    match parameter.kind {
        ParameterKind::Mechanism => Some("NULL"),
        ParameterKind::In if !optional => Some("NULL"),
        ParameterKind::Ulong(Domain::Session | Domain::Object) if !may_be_none(function) => {
            Some("CK_INVALID_HANDLE")
        }
        _ => None,
    }
}

/// [PKCS11-Base 3.2] 5.6.7: a state needs keys only if it is one of an operation with keys.
fn may_be_none(function: Function) -> bool {
    function == Function::C_SetOperationState
}

/// True of parameters that the standard lets a caller leave out.
fn may_be_null(kind: ParameterKind) -> bool {
    matches!(
        kind,
        ParameterKind::InitArgs
            | ParameterKind::Pointer
            | ParameterKind::Notify
            | ParameterKind::Name
            | ParameterKind::Version
    )
}

/// What is odd about a number, if it is a handle.
fn handle(
    function: Function,
    parameter: &Parameter,
    number: &Number,
    objects: &Objects,
) -> Option<String> {
    let ParameterKind::Ulong(domain @ (Domain::Session | Domain::Object | Domain::Slot)) =
        parameter.kind
    else {
        return None;
    };
    match number {
        Number::Dangling => Some("dangling".to_owned()),
        // Slots are numbered from 0; a session or an object is never 0 ([PKCS11-Base 3.2] 3.6, 3.7).
        Number::Literal(_) if domain == Domain::Slot => None,
        Number::Literal(0) if may_be_none(function) => None,
        Number::Literal(0) => Some("CK_INVALID_HANDLE".to_owned()),
        Number::Literal(_) => Some("dangling".to_owned()),
        Number::Reference(reference) => objects.odd(function, parameter.name, &reference.name),
    }
}

/// What is odd about bytes in; that they are part of something is, if they are to be the whole.
fn bytes(bytes: &Bytes, whole: bool) -> Option<&'static str> {
    let length = bytes.content.as_ref().map(length);
    let claimed = match &bytes.claim {
        None => None,
        Some(Number::Literal(claim)) => Some(*claim),
        Some(_) => return Some("of another length"),
    };
    match (length, claimed) {
        (None, None | Some(0)) => Some("NULL"),
        (None, Some(_)) => Some("NULL with a length"),
        (Some(_), Some(claim)) if claim >= HUGE => Some("huge"),
        (Some(None), Some(_)) => Some("of another length"),
        (Some(Some(length)), Some(claim)) if claim > length => Some("shorter than said"),
        (Some(Some(length)), Some(claim)) if claim < length => Some("longer than said"),
        (Some(Some(0)), _) => Some("empty"),
        _ => bytes.content.as_ref().and_then(|given| bent(given, whole)),
    }
}

/// How many bytes these are, if that does not depend on the module.
fn length(given: &Content) -> Option<u64> {
    let bytes = content::bytes(given, &|_| None).ok()?;
    Some(bytes.len() as u64)
}

fn bent(content: &Content, whole: bool) -> Option<&'static str> {
    match content {
        Content::Flip { .. } => Some("bent"),
        Content::Take { .. } | Content::Skip { .. } if whole => Some("cut"),
        _ => None,
    }
}

/// What is odd about room for an output. That it is NULL asks for the size.
fn buffer(buffer: &Buffer) -> Option<&'static str> {
    let room = match &buffer.size {
        BufferSize::Elements(Number::Literal(room)) => Some(*room),
        _ => None,
    };
    match (&buffer.claim, room, &buffer.size) {
        _ if buffer.null_length => Some("without a length"),
        (Some(Number::Literal(claim)), ..) if *claim >= HUGE => Some("huge"),
        (Some(Number::Literal(claim)), Some(room), _) if *claim > room => Some("shorter than said"),
        (Some(Number::Literal(claim)), Some(room), _) if *claim == room => None,
        (Some(_), ..) => Some("of another length"),
        (None, Some(0), _) => Some("empty"),
        (None, _, BufferSize::Short) => Some("short"),
        _ => None,
    }
}

fn template(template: &Template) -> Vec<String> {
    let count = template.attributes.len() as u64;
    let claim = match &template.claim {
        None => None,
        Some(Number::Literal(claim)) if *claim == count => None,
        Some(Number::Literal(claim)) if *claim >= HUGE => Some("huge"),
        Some(Number::Literal(_)) if count == 0 => Some("NULL with a length"),
        Some(Number::Literal(claim)) if *claim > count => Some("shorter than said"),
        Some(_) => Some("of another length"),
    };
    let mut found: Vec<String> = claim.into_iter().map(str::to_owned).collect();
    found.extend(attributes(&template.attributes));
    found
}

fn attributes(all: &[Attribute]) -> Vec<String> {
    let one = |attribute: &Attribute| {
        let word = attribute_word(attribute)?;
        let name = names::display(Kind::ATTRIBUTE, attribute.attribute);
        Some(format!("{name} {word}"))
    };
    let mut found: Vec<String> = all.iter().filter_map(one).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn attribute_word(attribute: &Attribute) -> Option<String> {
    use crate::cryptoki::attribute::{AttributeType, attribute_type};
    let kind = attribute_type(attribute.attribute);
    let wanted = match kind {
        AttributeType::Bool => Some(1),
        AttributeType::Ulong(_) => Some(size_of::<cryptoki_sys::CK_ULONG>() as u64),
        _ => None,
    };
    match &attribute.value {
        AttributeValue::Bytes(given) => {
            let is = given.content.as_ref().and_then(length);
            match (bytes(given, true), wanted, is) {
                // Text and numbers of no length are values like others.
                (Some("empty"), None, _) => None,
                (Some(word), ..) => Some(word.to_owned()),
                (None, Some(wanted), Some(is)) if is < wanted => Some("short".to_owned()),
                (None, Some(wanted), Some(is)) if is > wanted => Some("long".to_owned()),
                _ => None,
            }
        }
        AttributeValue::Bool(_) if kind != AttributeType::Bool => {
            Some("of another type".to_owned())
        }
        AttributeValue::Ulong(_) if !matches!(kind, AttributeType::Ulong(_)) => {
            Some("of another type".to_owned())
        }
        AttributeValue::Buffer(given) => buffer(given).map(str::to_owned),
        AttributeValue::Template(nested) => attributes(nested).into_iter().next(),
        AttributeValue::Bool(_) | AttributeValue::Ulong(_) | AttributeValue::Ulongs(_) => None,
    }
}

fn of_mechanism(given: &MechanismArgument) -> Vec<String> {
    let parameter = |word: &str| format!("parameter {word}");
    let row = match given.mechanism {
        Number::Literal(value) => mechanism::by_value(value),
        _ => None,
    };
    if let Some(claim) = &given.claim {
        let word = match (claim, &given.parameter) {
            (Number::Literal(claim), _) if *claim >= HUGE => "huge",
            (Number::Literal(0), _) => "longer than said",
            (_, ParameterValue::None) => "NULL with a length",
            _ => "of another length",
        };
        return vec![parameter(word)];
    }
    let wanted = row.map(|row| (row.parameter, row.optional_parameter));
    match (&given.parameter, wanted) {
        (ParameterValue::None, Some((ParameterShape::None, _) | (_, true)) | None) => Vec::new(),
        (ParameterValue::None, Some(_)) => vec![parameter("NULL")],
        (ParameterValue::Bytes(given), Some((ParameterShape::Bytes(count), _))) => {
            let is = given.content.as_ref().and_then(length);
            let count = count as u64;
            let word = bytes(given, true).or(match is {
                Some(is) if count > 0 && is < count => Some("short"),
                Some(is) if count > 0 && is > count => Some("long"),
                _ => None,
            });
            word.map(parameter).into_iter().collect()
        }
        (ParameterValue::Structure(given), Some((ParameterShape::Structure(name), _)))
            if given.name == name =>
        {
            let words = structure(given).into_iter();
            words.map(|word| parameter(&word)).collect()
        }
        (ParameterValue::Ulong(_), Some((ParameterShape::Ulong | ParameterShape::Object, _)))
        | (_, None) => Vec::new(),
        (ParameterValue::Bytes(given), _) if bytes(given, true).is_some() => {
            let word = bytes(given, true).unwrap_or_default();
            vec![parameter(word)]
        }
        _ => vec![parameter("of another type")],
    }
}

fn structure(structure: &Structure) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &structure.fields {
        match value {
            FieldValue::Bytes(given) => {
                // That a field is empty is mostly a value.
                let word = bytes(given, true).filter(|word| !["NULL", "empty"].contains(word));
                found.extend(word.map(|word| format!("{name} {word}")));
            }
            FieldValue::Structures(list) => {
                let words = list.iter().flat_map(self::structure);
                found.extend(words.map(|word| format!("{name}.{word}")));
            }
            FieldValue::Mechanism(given) => {
                let words = of_mechanism(given).into_iter();
                found.extend(words.map(|word| format!("{name} {word}")));
            }
            FieldValue::Template(given) => {
                let words = attributes(given).into_iter();
                found.extend(words.map(|word| format!("{name} {word}")));
            }
            FieldValue::Number(_) | FieldValue::Ulongs(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
