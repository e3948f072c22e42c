//! Templates: those of a recipe, bent at times, and queries for attributes.

use cryptoki_sys::CKA_LABEL;

use super::tape::Tape;
use super::{Writer, recipe};
use crate::cryptoki::{AttributeType, Kind, attribute, names};
use crate::sequence::{
    Attribute, AttributeValue, Buffer, BufferSize, Bytes, Content, Number, Reference, Template,
};

/// How many times as often as an argument a template that makes sense is bent.
const BENT: u8 = 8;

/// Any template: none, a few attributes of any kind, or a recipe's.
pub(super) fn any(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Template {
    match tape.below(4) {
        choice if writer.setting.is_legal() => of(match choice {
            0 => Vec::new(),
            _ => vec![label(tape)],
        }),
        0 => Template::default(),
        1 => of(recipe::object(writer.setting, tape).attributes()),
        _ => {
            let count = tape.below(4);
            of((0..count).map(|_| attribute(writer, tape, 1)).collect())
        }
    }
}

/// A template that makes sense, bent at times: an attribute left out, doubled, added or changed.
pub(super) fn bent(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    mut attributes: Vec<Attribute>,
) -> Template {
    if writer.setting.goes_wrong(tape, BENT) {
        let place = tape.below(attributes.len() + 1);
        match (tape.below(4), attributes.get(place).cloned()) {
            (0, Some(_)) => {
                attributes.remove(place);
            }
            (1, Some(double)) => attributes.push(double),
            (2, Some(changed)) => {
                attributes[place].value = value(writer, tape, changed.attribute, 1);
            }
            _ => attributes.push(attribute(writer, tape, 1)),
        }
    }
    of(attributes)
}

/// A query for attributes of an object.
pub(super) fn query(tape: &mut Tape<'_>) -> Template {
    let count = tape.below(5);
    let sizes = [
        BufferSize::Exact,
        BufferSize::Null,
        BufferSize::Short,
        BufferSize::Elements(Number::Literal(4096)),
    ];
    of((0..count)
        .map(|_| Attribute {
            attribute: attribute_type(tape),
            value: AttributeValue::Buffer(Buffer::of(
                tape.pick(&sizes).cloned().unwrap_or(BufferSize::Exact),
            )),
        })
        .collect())
}

pub(super) fn of(attributes: Vec<Attribute>) -> Template {
    Template {
        attributes,
        claim: None,
    }
}

/// What any object may have, and take in place of what it has.
fn label(tape: &mut Tape<'_>) -> Attribute {
    let length = tape.below(12);
    Attribute {
        attribute: CKA_LABEL,
        value: AttributeValue::Bytes(Bytes::of(Content::Repeat {
            byte: b'a' + tape.byte() % 3,
            count: length,
        })),
    }
}

fn attribute_type(tape: &mut Tape<'_>) -> u64 {
    match tape.once_in(24) {
        true => tape.number(),
        false => tape
            .pick(names::of_kind(Kind::ATTRIBUTE))
            .map_or(0, |constant| constant.value),
    }
}

fn attribute(writer: &Writer<'_>, tape: &mut Tape<'_>, depth: u32) -> Attribute {
    let attribute = attribute_type(tape);
    Attribute {
        attribute,
        value: value(writer, tape, attribute, depth),
    }
}

/// A value of the attribute's data type, seldom of another.
fn value(writer: &Writer<'_>, tape: &mut Tape<'_>, attribute: u64, depth: u32) -> AttributeValue {
    let kind = attribute::attribute_type(attribute);
    let bytes = |tape: &mut Tape<'_>| {
        let count = match kind {
            // No array of attributes has an odd size: these are never taken for pointers that lie, which
            // is class C.
            AttributeType::Template => tape.below(40) | 1,
            _ => tape.below(40),
        };
        AttributeValue::Bytes(Bytes::of(Content::Literal(tape.bytes(count))))
    };
    if tape.once_in(12) {
        return bytes(tape);
    }
    match kind {
        AttributeType::Bool => AttributeValue::Bool(match tape.below(8) {
            0 => tape.byte(),
            choice => (choice & 1) as u8,
        }),
        AttributeType::Ulong(_) => AttributeValue::Ulong(Number::Literal(tape.number())),
        AttributeType::Ulongs(_) => {
            let count = tape.below(4);
            let mechanisms = names::of_kind(Kind::MECHANISM);
            let one = |tape: &mut Tape<'_>| tape.pick(mechanisms).map_or(0, |c| c.value);
            AttributeValue::Ulongs((0..count).map(|_| Number::Literal(one(tape))).collect())
        }
        AttributeType::Template if depth > 0 => {
            let count = tape.below(4);
            let nested = (0..count).map(|_| self::attribute(writer, tape, depth - 1));
            AttributeValue::Template(nested.collect())
        }
        AttributeType::Template => bytes(tape),
        _ => match tape.pick_recent(&writer.outputs) {
            Some(name) if tape.once_in(3) => {
                AttributeValue::Bytes(Bytes::of(Content::Reference(Reference::to(name.clone()))))
            }
            _ => bytes(tape),
        },
    }
}
