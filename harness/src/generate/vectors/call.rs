//! The calls of vectors: keys as objects of the session, operations with them, and what the outputs
//! must be.

use cryptoki_sys::*;

use super::super::mechanism::{begin_refused, call};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::by_value;
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    Expectation, FieldValue, Number, ParameterValue, Reference, Structure, Template,
};

/// The name under which cases keep the key of the vector.
pub(super) const KEY: &str = "key";
/// The name of a key that the vector's key makes.
const MADE: &str = "made";

/// Room beyond the length of the input: more than any mechanism adds.
const SPARE: usize = 64;

/// A boolean attribute that is true.
pub(super) fn yes(attribute: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(1),
    }
}

fn no(attribute: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(0),
    }
}

/// A numeric attribute.
pub(super) fn ulong(attribute: u64, value: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Ulong(Number::Literal(value)),
    }
}

/// An attribute of bytes.
pub(super) fn bytes(attribute: u64, value: &[u8]) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bytes(literal(value)),
    }
}

fn literal(value: &[u8]) -> Bytes {
    Bytes::of(Content::Literal(value.to_vec()))
}

/// A structure as a parameter.
pub(super) fn structure<'a>(
    name: &str,
    fields: impl IntoIterator<Item = (&'a str, FieldValue)>,
) -> ParameterValue {
    ParameterValue::Structure(Structure {
        name: name.to_owned(),
        fields: fields
            .into_iter()
            .map(|(field, value)| (field.to_owned(), value))
            .collect(),
    })
}

/// A field of bytes pointed to; its length field follows from it.
pub(super) fn field(value: &[u8]) -> FieldValue {
    FieldValue::Bytes(literal(value))
}

/// A numeric field.
pub(super) fn number(value: u64) -> FieldValue {
    FieldValue::Number(Number::Literal(value))
}

/// A parameter of bytes.
pub(super) fn parameter(value: &[u8]) -> ParameterValue {
    ParameterValue::Bytes(literal(value))
}

/// A parameter that is a number.
pub(super) fn size(value: usize) -> ParameterValue {
    ParameterValue::Ulong(Number::Literal(value as u64))
}

/// A call that imports a key of the session as [`KEY`].
pub(super) fn import(class: u64, key_type: u64, attributes: Vec<Attribute>) -> Call {
    let mut all = vec![ulong(CKA_CLASS, class), ulong(CKA_KEY_TYPE, key_type)];
    all.push(no(CKA_TOKEN));
    if class != CKO_PUBLIC_KEY {
        all.extend([no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]);
    }
    all.extend(attributes);
    let mut call = call(C_CreateObject);
    call.arguments[1] = template(all);
    call.gives = vec![Capture {
        output: Reference::to("object"),
        name: KEY.to_owned(),
    }];
    call.not_applicable = refusals(&[Occasion::Create]);
    call
}

/// A call that imports a secret key with these usages.
pub(super) fn secret<const N: usize>(key_type: u64, value: &[u8], usages: [u64; N]) -> Call {
    let mut attributes = vec![bytes(CKA_VALUE, value)];
    attributes.extend(usages.map(yes));
    import(CKO_SECRET_KEY, key_type, attributes)
}

fn template(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

/// A call that begins an operation with [`KEY`], unless the token has limits there.
pub(super) fn begin(function: Function, of: u64, parameter: ParameterValue) -> Call {
    let mut call = call(function);
    call.arguments[1] = Argument::mechanism(of, parameter);
    call.arguments[2] = Argument::named(KEY);
    // A parameter that the token does not work with may be called whatever it likes: how a mistake is
    // named, other cases ask.
    call.not_applicable = match by_value(of) {
        Some(row) => begin_refused(row),
        None => refusals(&[Occasion::Start]),
    };
    call.not_applicable.push(CKR_ARGUMENTS_BAD);
    call
}

/// A call with bytes in, and room for what comes out if something does.
pub(super) fn feed<const N: usize>(function: Function, inputs: [&[u8]; N]) -> Call {
    let mut call = call(function);
    let room = inputs.iter().map(|input| input.len()).sum::<usize>() + SPARE;
    for (argument, input) in call.arguments[1..].iter_mut().zip(inputs) {
        *argument = Argument::Bytes(literal(input));
    }
    with_room(call, room)
}

/// The call with so much room for its output, so that it need not ask for the length.
pub(super) fn with_room(mut call: Call, room: usize) -> Call {
    let parameters = call.function.parameters();
    if parameters.last().is_some_and(|last| last.kind.is_output())
        && let Some(last) = call.arguments.last_mut()
    {
        *last = Argument::Buffer(elements(room));
    }
    call
}

fn elements(count: usize) -> Buffer {
    Buffer::of(BufferSize::Elements(Number::Literal(count as u64)))
}

/// The same call, its last output having to be this.
pub(super) fn giving(mut call: Call, wanted: &[u8]) -> Call {
    let parameter = call.function.parameters().last();
    call.expect
        .extend(parameter.map(|parameter| is(Reference::to(parameter.name), wanted)));
    call
}

fn is(subject: Reference, wanted: &[u8]) -> Expectation {
    Expectation {
        subject,
        captured: false,
        relation: Relation::Equals(Expected::Bytes(Content::Literal(wanted.to_vec()))),
    }
}

/// A call that makes a secret key of so many bytes, which shows its value, from [`KEY`].
pub(super) fn derive(of: u64, parameter: ParameterValue, length: usize) -> Call {
    let mut call = call(C_DeriveKey);
    call.arguments[1] = Argument::mechanism(of, parameter);
    call.arguments[2] = Argument::named(KEY);
    call.arguments[3] = template(open(CKK_GENERIC_SECRET, Some(length)));
    made(call)
}

/// A call that generates a secret key of so many bytes as [`KEY`].
pub(super) fn generate(
    of: u64,
    parameter: ParameterValue,
    key_type: u64,
    length: usize,
    usage: Option<u64>,
) -> Call {
    let mut call = call(C_GenerateKey);
    call.arguments[1] = Argument::mechanism(of, parameter);
    let mut attributes = open(key_type, Some(length));
    attributes.extend(usage.map(yes));
    call.arguments[2] = template(attributes);
    call.gives = vec![Capture {
        output: Reference::to("key"),
        name: KEY.to_owned(),
    }];
    call.not_applicable = refusals(&[Occasion::Start, Occasion::Create, Occasion::Generate]);
    call
}

/// A call that unwraps a generic secret key with [`KEY`], of so many bytes if that must be told.
pub(super) fn unwrap(of: u64, wrapped: &[u8], length: Option<usize>) -> Call {
    let mut call = call(C_UnwrapKey);
    call.arguments[1] = Argument::mechanism(of, ParameterValue::None);
    call.arguments[2] = Argument::named(KEY);
    call.arguments[3] = Argument::Bytes(literal(wrapped));
    call.arguments[4] = template(open(CKK_GENERIC_SECRET, length));
    let mut call = made(call);
    call.not_applicable.extend(refusals(&[Occasion::Length]));
    call
}

/// A call that decapsulates with [`KEY`].
pub(super) fn decapsulate(of: u64, ciphertext: &[u8]) -> Call {
    let mut call = call(C_DecapsulateKey);
    call.arguments[1] = Argument::mechanism(of, ParameterValue::None);
    call.arguments[2] = Argument::named(KEY);
    call.arguments[3] = template(open(CKK_GENERIC_SECRET, Some(32)));
    call.arguments[4] = Argument::Bytes(literal(ciphertext));
    made(call)
}

/// A call that encapsulates to [`KEY`].
pub(super) fn encapsulate(of: u64, room: usize) -> Call {
    let mut call = call(C_EncapsulateKey);
    call.arguments[1] = Argument::mechanism(of, ParameterValue::None);
    call.arguments[2] = Argument::named(KEY);
    call.arguments[3] = template(open(CKK_GENERIC_SECRET, Some(32)));
    call.arguments[4] = Argument::Buffer(elements(room));
    made(call)
}

fn made(mut call: Call) -> Call {
    call.gives = vec![Capture {
        output: Reference::to("key"),
        name: MADE.to_owned(),
    }];
    call.not_applicable = refusals(&[Occasion::Start]);
    call
}

/// The template of a secret key that may be looked at.
fn open(key_type: u64, length: Option<usize>) -> Vec<Attribute> {
    let mut attributes = vec![
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, key_type),
        no(CKA_TOKEN),
        no(CKA_SENSITIVE),
        yes(CKA_EXTRACTABLE),
    ];
    attributes.extend(length.map(|length| ulong(CKA_VALUE_LEN, length as u64)));
    attributes
}

/// A call that looks at the value of the key that was made, which must be this.
pub(super) fn value_of_made(wanted: &[u8]) -> Call {
    value_of(MADE, wanted)
}

/// A call that looks at the value of [`KEY`], which must be this.
pub(super) fn value_of_key(wanted: &[u8]) -> Call {
    value_of(KEY, wanted)
}

fn value_of(name: &str, wanted: &[u8]) -> Call {
    let mut call = call(C_GetAttributeValue);
    call.arguments[1] = Argument::named(name);
    call.arguments[2] = template(vec![Attribute {
        attribute: CKA_VALUE,
        value: AttributeValue::Buffer(elements(wanted.len() + SPARE)),
    }]);
    // A token may keep all keys to itself.
    call.not_applicable = vec![CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID];
    call.expect = vec![is(Reference::to("template").field("CKA_VALUE"), wanted)];
    call
}
