//! Arbitrary arguments by the kind of their parameter.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{content, number, reference, text, value};
use crate::cryptoki::function::ParameterKind;
use crate::cryptoki::structure::{FieldType, layout, structure_names};
use crate::cryptoki::{AttributeType, Kind, attribute, names};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Content, FieldValue, InitArgs,
    MechanismArgument, Mutexes, Number, ParameterValue, Reserved, Structure, Template,
};

fn bytes() -> impl Strategy<Value = Bytes> {
    (
        option::weighted(0.8, content()),
        option::weighted(0.3, number()),
    )
        .prop_map(|(content, claim)| Bytes { content, claim })
}

fn buffer() -> impl Strategy<Value = Buffer> {
    let size = prop_oneof![
        Just(BufferSize::Null),
        Just(BufferSize::Exact),
        Just(BufferSize::Short),
        number().prop_map(BufferSize::Elements),
    ];
    (size, option::of(number()), any::<bool>()).prop_map(|(size, claim, null_length)| Buffer {
        size,
        claim,
        null_length,
    })
}

fn attribute_type() -> impl Strategy<Value = u64> {
    let known: Vec<u64> = names::of_kind(Kind::ATTRIBUTE)
        .iter()
        .map(|c| c.value)
        .collect();
    prop_oneof![9 => select(known), 1 => value()]
}

fn attribute(depth: u32) -> BoxedStrategy<Attribute> {
    attribute_type()
        .prop_flat_map(move |attribute| {
            let typed = match attribute::attribute_type(attribute) {
                AttributeType::Bool => any::<u8>().prop_map(AttributeValue::Bool).boxed(),
                AttributeType::Ulong(_) => number().prop_map(AttributeValue::Ulong).boxed(),
                AttributeType::Ulongs(_) => {
                    vec(number(), 0..3).prop_map(AttributeValue::Ulongs).boxed()
                }
                AttributeType::Template if depth > 0 => attributes(depth - 1)
                    .prop_map(AttributeValue::Template)
                    .boxed(),
                _ => bytes().prop_map(AttributeValue::Bytes).boxed(),
            };
            prop_oneof![3 => typed, 1 => bytes().prop_map(AttributeValue::Bytes)]
                .prop_map(move |value| Attribute { attribute, value })
        })
        .boxed()
}

fn attributes(depth: u32) -> impl Strategy<Value = Vec<Attribute>> {
    vec(attribute(depth), 0..4)
}

fn out_attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let one = (attribute_type(), buffer()).prop_map(|(attribute, buffer)| Attribute {
        attribute,
        value: AttributeValue::Buffer(buffer),
    });
    let fixed = option::of(0..1024_u64).prop_map(|size| match size {
        Some(size) => Buffer::of(BufferSize::Elements(Number::Literal(size))),
        None => Buffer::of(BufferSize::Null),
    });
    let inner = (attribute_type(), fixed).prop_map(|(attribute, buffer)| Attribute {
        attribute,
        value: AttributeValue::Buffer(buffer),
    });
    let array = vec(inner, 1..4).prop_map(|inner| Attribute {
        attribute: cryptoki_sys::CKA_WRAP_TEMPLATE,
        value: AttributeValue::Template(inner),
    });
    vec(prop_oneof![5 => one, 1 => array], 0..4)
}

fn template(attributes: impl Strategy<Value = Vec<Attribute>>) -> impl Strategy<Value = Template> {
    (attributes, option::weighted(0.2, number()))
        .prop_map(|(attributes, claim)| Template { attributes, claim })
}

fn mechanism(depth: u32) -> BoxedStrategy<MechanismArgument> {
    let mechanisms: Vec<u64> = names::of_kind(Kind::MECHANISM)
        .iter()
        .map(|c| c.value)
        .collect();
    let mechanism = prop_oneof![
        4 => select(mechanisms).prop_map(Number::Literal),
        1 => value().prop_map(Number::Literal),
        1 => reference().prop_map(Number::Reference),
    ];
    let parameter = prop_oneof![
        Just(ParameterValue::None),
        bytes().prop_map(ParameterValue::Bytes),
        number().prop_map(ParameterValue::Ulong),
        structure(depth).prop_map(ParameterValue::Structure),
    ];
    (mechanism, parameter, option::weighted(0.2, number()))
        .prop_map(|(mechanism, parameter, claim)| MechanismArgument {
            mechanism,
            parameter,
            claim,
        })
        .boxed()
}

fn structure(depth: u32) -> BoxedStrategy<Structure> {
    let mut all: Vec<&str> = structure_names().collect();
    all.sort_unstable();
    select(all)
        .prop_flat_map(move |name| fields(name, depth))
        .boxed()
}

fn fields(name: &'static str, depth: u32) -> BoxedStrategy<Structure> {
    let given: Vec<_> = layout(name)
        .into_iter()
        .flat_map(|layout| &layout.fields)
        .map(|field| {
            let name = field.name.to_owned();
            option::of(field_value(field.field_type, depth))
                .prop_map(move |value| value.map(|value| (name.clone(), value)))
        })
        .collect();
    given
        .prop_map(move |fields| Structure {
            name: name.to_owned(),
            fields: fields.into_iter().flatten().collect(),
        })
        .boxed()
}

fn field_value(field_type: FieldType, depth: u32) -> BoxedStrategy<FieldValue> {
    let null = || {
        Just(FieldValue::Bytes(Bytes {
            content: None,
            claim: None,
        }))
    };
    match field_type {
        FieldType::Ulong | FieldType::Bool | FieldType::Byte => {
            number().prop_map(FieldValue::Number).boxed()
        }
        FieldType::Nested("CK_VERSION") => any::<[u8; 2]>()
            .prop_map(|pair| FieldValue::Bytes(Bytes::of(Content::Literal(pair.to_vec()))))
            .boxed(),
        FieldType::Bytes(_) | FieldType::PointerToBytes => {
            bytes().prop_map(FieldValue::Bytes).boxed()
        }
        FieldType::PointerToUlong => vec(number(), 0..3).prop_map(FieldValue::Ulongs).boxed(),
        FieldType::PointerTo(_) if depth == 0 => null().boxed(),
        FieldType::PointerTo("CK_MECHANISM") => mechanism(depth - 1)
            .prop_map(|mechanism| FieldValue::Mechanism(Box::new(mechanism)))
            .boxed(),
        FieldType::PointerTo("CK_ATTRIBUTE") => {
            attributes(depth - 1).prop_map(FieldValue::Template).boxed()
        }
        FieldType::Nested(name) | FieldType::PointerTo(name) => {
            vec(fields(name, depth.saturating_sub(1)), 0..3)
                .prop_map(FieldValue::Structures)
                .boxed()
        }
    }
}

fn init_args() -> impl Strategy<Value = InitArgs> {
    let reserved = prop_oneof![
        Just(Reserved::Null),
        text().prop_map(Reserved::Text),
        any::<u64>().prop_map(Reserved::Pointer),
    ];
    let mutexes = select(vec![Mutexes::None, Mutexes::Callbacks, Mutexes::Incomplete]);
    let own = (option::of(text()), reserved);
    (value(), mutexes, option::weighted(0.7, own)).prop_map(|(flags, mutexes, own)| {
        let rest_of_target = own.is_none();
        let (nss, reserved) = own.unwrap_or_default();
        InitArgs {
            flags,
            mutexes,
            nss,
            reserved,
            rest_of_target,
        }
    })
}

pub(super) fn argument(kind: ParameterKind) -> BoxedStrategy<Argument> {
    let given = match kind {
        ParameterKind::Ulong(_) | ParameterKind::Bool => {
            number().prop_map(Argument::Number).boxed()
        }
        ParameterKind::In | ParameterKind::Padded(_) | ParameterKind::Name => {
            bytes().prop_map(Argument::Bytes).boxed()
        }
        ParameterKind::Version => any::<(u8, u8)>()
            .prop_map(|(major, minor)| Argument::Version { major, minor })
            .boxed(),
        ParameterKind::Mechanism => mechanism(2)
            .prop_map(|m| Argument::Mechanism(Box::new(m)))
            .boxed(),
        ParameterKind::MessageParameter => prop_oneof![
            structure(1).prop_map(Argument::Structure),
            bytes().prop_map(Argument::Bytes),
        ]
        .boxed(),
        ParameterKind::Template => template(attributes(2)).prop_map(Argument::Template).boxed(),
        ParameterKind::OutTemplate => template(out_attributes())
            .prop_map(Argument::Template)
            .boxed(),
        ParameterKind::InitArgs => init_args()
            .prop_map(|given| Argument::InitArgs(Box::new(given)))
            .boxed(),
        ParameterKind::Notify => {
            select(vec![Argument::Callback, Argument::CancellingCallback]).boxed()
        }
        ParameterKind::OutBytes
        | ParameterKind::OutFixed
        | ParameterKind::OutUlongs(_)
        | ParameterKind::OutHandles
        | ParameterKind::OutInterfaces => buffer().prop_map(Argument::Buffer).boxed(),
        ParameterKind::Pointer
        | ParameterKind::Out(_)
        | ParameterKind::OutUlong(_)
        | ParameterKind::OutTable => Just(Argument::Null).boxed(),
    };
    prop_oneof![
        2 => Just(Argument::Default),
        5 => given,
        1 => any::<u64>().prop_map(Argument::Pointer),
    ]
    .boxed()
}
