//! Values of attributes: other ones than an object has, ones of the wrong size, and what is asked of
//! C_GetAttributeValue.

use cryptoki_sys::*;

use crate::cryptoki::attribute::{AttributeType, attribute_type};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{
    Attribute, AttributeValue, Buffer, BufferSize, Bytes, Content, Expectation, Number, Reference,
};

/// Bytes offered for a value; more than any here has.
const ROOM: u64 = 4096;

/// The value that a template gives an attribute.
pub(super) fn of(attributes: &[Attribute], attribute: u64) -> Option<&AttributeValue> {
    let mut all = attributes.iter();
    all.find(|one| one.attribute == attribute)
        .map(|one| &one.value)
}

pub(super) fn flag(attribute: u64, value: bool) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }
}

pub(super) fn ulong(attribute: u64, value: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Ulong(Number::Literal(value)),
    }
}

pub(super) fn text(attribute: u64, text: &str) -> Attribute {
    bytes(attribute, Content::Text(text.to_owned()))
}

pub(super) fn bytes(attribute: u64, content: Content) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bytes(Bytes::of(content)),
    }
}

/// The template without an attribute.
pub(super) fn without(mut attributes: Vec<Attribute>, attribute: u64) -> Vec<Attribute> {
    attributes.retain(|one| one.attribute != attribute);
    attributes
}

/// The template with an attribute of this value, at its end.
pub(super) fn with(attributes: Vec<Attribute>, one: Attribute) -> Vec<Attribute> {
    let mut attributes = without(attributes, one.attribute);
    attributes.push(one);
    attributes
}

/// An attribute with a value of its type that is not the one in the template, nor what a function
/// contributes. `None` for what has none that would be valid in itself: nested templates, versions.
pub(super) fn another(attributes: &[Attribute], attribute: u64) -> Option<Attribute> {
    let now = of(attributes, attribute);
    Some(match attribute_type(attribute) {
        AttributeType::Bool => flag(attribute, now != Some(&AttributeValue::Bool(CK_TRUE))),
        AttributeType::Ulong(_) => ulong(attribute, other_number(attribute, now)),
        AttributeType::Ulongs(_) => Attribute {
            attribute,
            value: AttributeValue::Ulongs(vec![Number::Literal(CKM_SHA256_HMAC)]),
        },
        AttributeType::Date => text(attribute, "20300101"),
        AttributeType::Text if attribute == CKA_OTP_TIME => text(attribute, "20300101000000"),
        AttributeType::Text => text(attribute, "another"),
        AttributeType::Bytes => {
            let count = if attribute == CKA_OTP_COUNTER { 8 } else { 16 };
            bytes(attribute, Content::Repeat { byte: 0x31, count })
        }
        AttributeType::Version | AttributeType::Template => return None,
    })
}

fn other_number(attribute: u64, now: Option<&AttributeValue>) -> u64 {
    let candidates: [u64; 2] = match attribute {
        CKA_CLASS => [CKO_DATA, CKO_CERTIFICATE],
        CKA_KEY_TYPE => [CKK_AES, CKK_GENERIC_SECRET],
        CKA_CERTIFICATE_TYPE => [CKC_X_509_ATTR_CERT, CKC_X_509],
        CKA_KEY_GEN_MECHANISM | CKA_NAME_HASH_ALGORITHM => [CKM_SHA256, CKM_SHA384],
        CKA_VALUE_LEN => [24, 32],
        CKA_MODULUS_BITS | CKA_PRIME_BITS => [2048, 3072],
        CKA_VALUE_BITS | CKA_SUBPRIME_BITS => [128, 256],
        _ => [1, 2],
    };
    let is_now = |number: &u64| now == Some(&AttributeValue::Ulong(Number::Literal(*number)));
    candidates.into_iter().find(|c| !is_now(c)).unwrap_or(3)
}

/// The attribute with a value of as many bytes as its type does not have. `None` where any number
/// of bytes will do.
pub(super) fn of_wrong_size(attribute: u64) -> Option<Attribute> {
    let count = match attribute_type(attribute) {
        // As of one who takes an int for the CK_BBOOL.
        AttributeType::Bool => 4,
        // As of one who takes an unsigned int for the CK_ULONG.
        AttributeType::Ulong(_) => 4,
        AttributeType::Date => 7,
        _ => return None,
    };
    Some(bytes(attribute, Content::Repeat { byte: 0, count }))
}

/// An attribute that is asked for, with ample room.
pub(super) fn asked(attribute: u64) -> Attribute {
    asked_with(attribute, BufferSize::Elements(Number::Literal(ROOM)))
}

/// An attribute that is asked for, with this much room.
pub(super) fn asked_with(attribute: u64, size: BufferSize) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Buffer(Buffer::of(size)),
    }
}

/// An attribute that was asked for, as an output.
pub(super) fn answer(attribute: u64) -> Reference {
    let name = crate::cryptoki::names::display(crate::cryptoki::Kind::ATTRIBUTE, attribute);
    Reference::to("template").field(name)
}

/// That an attribute which was asked for is as said.
pub(super) fn is(attribute: u64, relation: Relation) -> Expectation {
    Expectation {
        subject: answer(attribute),
        captured: false,
        relation,
    }
}

/// That it is this number.
pub(super) fn is_number(attribute: u64, number: u64) -> Expectation {
    let number = Expected::Number(Number::Literal(number));
    is(attribute, Relation::Equals(number))
}

/// That it has no bytes.
pub(super) fn is_empty(attribute: u64) -> Expectation {
    let zero = Expected::Number(Number::Literal(0));
    is(
        attribute,
        Relation::Length(Box::new(Relation::Equals(zero))),
    )
}

/// That it is what a template gave. `None` for values that are not compared.
pub(super) fn is_given(one: &Attribute) -> Option<Expectation> {
    Some(match &one.value {
        AttributeValue::Bool(byte) => is_number(one.attribute, (*byte).into()),
        AttributeValue::Ulong(Number::Literal(number)) => is_number(one.attribute, *number),
        AttributeValue::Bytes(Bytes {
            content: Some(content),
            claim: None,
        }) => is(
            one.attribute,
            Relation::Equals(Expected::Bytes(content.clone())),
        ),
        _ => return None,
    })
}
