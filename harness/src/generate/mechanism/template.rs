//! Templates of keys that the cases make, and what they ask of keys that were made.

use cryptoki_sys::*;

use super::call;
use crate::cryptoki::Function::C_GetAttributeValue;
use crate::cryptoki::names::{self, Kind};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::recipe::Recipe;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    Expectation, Number, Reference, Template,
};

pub(super) fn flag(attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }
}

pub(super) fn number(attribute: CK_ATTRIBUTE_TYPE, value: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Ulong(Number::Literal(value)),
    }
}

pub(super) fn bytes(attribute: CK_ATTRIBUTE_TYPE, content: Content) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bytes(Bytes::of(content)),
    }
}

/// What keeps a key inside the token, or does not.
pub(super) fn kept_inside(inside: bool) -> [Attribute; 2] {
    [flag(CKA_SENSITIVE, inside), flag(CKA_EXTRACTABLE, !inside)]
}

/// An object of the session alone.
pub(super) fn passing() -> Attribute {
    flag(CKA_TOKEN, false)
}

pub(super) fn argument(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

/// A call that reads attributes of the object kept as `key`.
pub(super) fn read(key: &str, attributes: &[CK_ATTRIBUTE_TYPE]) -> Call {
    let asked = attributes.iter().map(|attribute| Attribute {
        attribute: *attribute,
        value: AttributeValue::Buffer(Buffer::of(BufferSize::Exact)),
    });
    let mut call = call(C_GetAttributeValue);
    call.arguments[1] = Argument::named(key);
    call.arguments[2] = argument(asked.collect());
    call
}

/// A call that reads attributes, each having to be this number, flag or type.
pub(super) fn are(key: &str, attributes: &[(CK_ATTRIBUTE_TYPE, u64)]) -> Call {
    let asked: Vec<_> = attributes.iter().map(|(attribute, _)| *attribute).collect();
    let mut call = read(key, &asked);
    call.expect = attributes
        .iter()
        .map(|(attribute, value)| {
            let equals = Relation::Equals(Expected::Number(Number::Literal(*value)));
            expectation(*attribute, equals)
        })
        .collect();
    call
}

/// A call that reads an attribute, which has to be so.
pub(super) fn is(key: &str, attribute: CK_ATTRIBUTE_TYPE, relation: Relation) -> Call {
    let mut call = read(key, &[attribute]);
    call.expect = vec![expectation(attribute, relation)];
    call
}

/// A call that reads an attribute and keeps its value.
pub(super) fn keeping(key: &str, attribute: CK_ATTRIBUTE_TYPE, name: &str) -> Call {
    let mut call = read(key, &[attribute]);
    call.gives = vec![Capture {
        output: subject(attribute),
        name: name.to_owned(),
    }];
    call
}

/// A call that reads an attribute, which has to be as the recipe of another key has it.
pub(super) fn has_of(key: &str, recipe: &Recipe, attribute: CK_ATTRIBUTE_TYPE) -> Call {
    let given = recipe.attributes().into_iter();
    let mut given = given.filter(|given| given.attribute == attribute);
    match given.next().map(|given| given.value) {
        Some(AttributeValue::Bytes(Bytes {
            content: Some(content),
            ..
        })) => is(key, attribute, Relation::Equals(Expected::Bytes(content))),
        _ => read(key, &[attribute]),
    }
}

fn expectation(attribute: CK_ATTRIBUTE_TYPE, relation: Relation) -> Expectation {
    Expectation {
        subject: subject(attribute),
        captured: false,
        relation,
    }
}

fn subject(attribute: CK_ATTRIBUTE_TYPE) -> Reference {
    Reference::to("template").field(names::display(Kind::ATTRIBUTE, attribute))
}
