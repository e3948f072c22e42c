//! Arguments by the kind of their parameter, templates by the types of their attributes,
//! mechanisms, and structures by their layouts.

use serde_json::{Map, Value as Json, json};

use super::definitions::{
    Definitions, any, array, count, described, keyed, null, object, pattern, requiring, text, words,
};
use super::number::{NUMERAL, constant, literal, number, reference, version};
use super::octets::{buffer, bytes, bytes_mapping, text_or_bytes};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure::{FieldType, Layout, layout, structure_names};
use crate::cryptoki::{AttributeType, Kind, attribute, names};
use crate::sequence::read::{INIT_ARGS_KEYS, MAX_INNER, MECHANISM_KEYS, MUTEXES, TEMPLATE_KEYS};

/// What may be given for a parameter.
pub(super) fn argument(parts: &mut Definitions, kind: ParameterKind) -> Json {
    let given = match kind {
        ParameterKind::Ulong(domain) => return value_argument(parts, domain),
        ParameterKind::Bool => return value_argument(parts, Domain::Plain),
        ParameterKind::In => bytes(parts),
        ParameterKind::Padded(_) | ParameterKind::Name => text_or_bytes(parts),
        ParameterKind::Version => version(parts),
        ParameterKind::Mechanism => mechanism(parts),
        ParameterKind::MessageParameter => parts.part("message-parameter", |parts| {
            any([structure(parts), bytes(parts)])
        }),
        ParameterKind::Template => template(parts),
        ParameterKind::OutTemplate => out_template(parts),
        ParameterKind::InitArgs => any([words(["$target"]), init_args(parts)]),
        ParameterKind::Notify => words(["callback", "cancelling"]),
        ParameterKind::OutBytes
        | ParameterKind::OutFixed
        | ParameterKind::OutUlongs(_)
        | ParameterKind::OutHandles
        | ParameterKind::OutInterfaces => buffer(parts),
        // The memory is supplied, or nothing but a pointer can be given.
        ParameterKind::Pointer
        | ParameterKind::Out(_)
        | ParameterKind::OutUlong(_)
        | ParameterKind::OutTable => null(),
    };
    any([null(), pointer(parts), given])
}

fn value_argument(parts: &mut Definitions, domain: Domain) -> Json {
    any([number(parts, domain), pointer(parts)])
}

fn pointer(parts: &mut Definitions) -> Json {
    parts.part("pointer", |_| {
        described(
            requiring(object([("pointer", count(u64::MAX))]), &["pointer"]),
            "A pointer with this value: class C.",
        )
    })
}

/// Attributes and their values.
fn attributes(parts: &mut Definitions) -> Json {
    parts.part("attributes", |parts| {
        let set = attribute_set(parts, "attribute-set", |parts, attribute| {
            attribute_value(parts, attribute::attribute_type(attribute))
        });
        any([null(), set.clone(), array(set)])
    })
}

/// A mapping of attributes; one by its number may have any value.
fn attribute_set(
    parts: &mut Definitions,
    name: &str,
    value: impl Fn(&mut Definitions, u64) -> Json,
) -> Json {
    parts.part(name, |parts| {
        let known = names::of_kind(Kind::ATTRIBUTE);
        let mut set = object(known.iter().map(|c| (c.name, value(parts, c.value))));
        set["patternProperties"] = json!({ format!("^{NUMERAL}$"): {} });
        set
    })
}

fn attribute_value(parts: &mut Definitions, attribute_type: AttributeType) -> Json {
    let plain = match attribute_type {
        AttributeType::Bool => any([json!({ "type": "boolean" }), count(255)]),
        AttributeType::Ulong(domain) => number(parts, domain),
        AttributeType::Ulongs(domain) => array(number(parts, domain)),
        AttributeType::Template => attributes(parts),
        AttributeType::Text => return text_or_bytes(parts),
        AttributeType::Date => any([
            described(pattern("^-*(([0-9]-*){8})?$"), "A date, or nothing."),
            reference(parts),
            null(),
        ]),
        AttributeType::Version => version(parts),
        AttributeType::Bytes => return bytes(parts),
    };
    any([plain, bytes_mapping(parts)])
}

/// The list itself, or the list with a claimed count.
fn claimed(parts: &mut Definitions, list: Json) -> Json {
    let claim = described(
        number(parts, Domain::Plain),
        "The count that is claimed instead of the true one: class C.",
    );
    let mapping = keyed(TEMPLATE_KEYS, |key| match key {
        "attributes" => list.clone(),
        _ => claim.clone(),
    });
    any([list.clone(), requiring(mapping, &["attributes"])])
}

fn template(parts: &mut Definitions) -> Json {
    parts.part("template", |parts| {
        let list = attributes(parts);
        claimed(parts, list)
    })
}

fn out_template(parts: &mut Definitions) -> Json {
    parts.part("template.out", |parts| {
        let set = attribute_set(parts, "attribute-set.out", |parts, attribute| {
            match attribute::attribute_type(attribute) {
                AttributeType::Template => out_array(parts),
                _ => buffer(parts),
            }
        });
        let by_name = array(any([
            words(names::of_kind(Kind::ATTRIBUTE).iter().map(|c| c.name)),
            pattern(&format!("^{NUMERAL}$")),
        ]));
        let list = any([null(), set.clone(), by_name, array(set)]);
        let list = parts.part("attributes.out", |_| list);
        claimed(parts, list)
    })
}

/// Room for an array of attributes: for the array alone, or for each of its attributes, too.
fn out_array(parts: &mut Definitions) -> Json {
    let inner = parts.part("attribute.inner", |_| {
        let size = any([null(), count(MAX_INNER)]);
        let room = requiring(object([("buffer", size)]), &["buffer"]);
        described(
            any([null(), room]),
            "Room for an attribute within an array of attributes.",
        )
    });
    let set = attribute_set(parts, "attribute-set.inner", |_, _| inner.clone());
    any([buffer(parts), set.clone(), array(set)])
}

/// A mechanism by its name, or with its parameter.
fn mechanism(parts: &mut Definitions) -> Json {
    parts.part("mechanism", |parts| {
        let name = any([constant(parts, Kind::MECHANISM), reference(parts)]);
        let mapping = keyed(MECHANISM_KEYS, |key| match key {
            "type" => name.clone(),
            "parameter" => parameter(parts),
            _ => described(
                number(parts, Domain::Plain),
                "The length of the parameter that is claimed instead of the true one: class C.",
            ),
        });
        any([name.clone(), requiring(mapping, &["type"])])
    })
}

fn parameter(parts: &mut Definitions) -> Json {
    let ulong = requiring(
        object([("ulong", number(parts, Domain::Plain))]),
        &["ulong"],
    );
    any([ulong, structure(parts), bytes(parts)])
}

/// One structure by its C name.
fn structure(parts: &mut Definitions) -> Json {
    parts.part("structure", |parts| {
        let mut all: Vec<&str> = structure_names().collect();
        all.sort_unstable();
        let layouts = all.into_iter().filter_map(layout);
        let properties: Map<String, Json> = layouts
            .map(|layout| (layout.name.to_owned(), fields(parts, layout)))
            .collect();
        json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    })
}

fn fields(parts: &mut Definitions, layout: &Layout) -> Json {
    parts.part(layout.name, |parts| {
        object(
            layout
                .fields
                .iter()
                .map(|field| (field.name, field_value(parts, field.field_type))),
        )
    })
}

fn field_value(parts: &mut Definitions, field_type: FieldType) -> Json {
    match field_type {
        FieldType::Ulong | FieldType::Bool | FieldType::Byte => number(parts, Domain::Plain),
        FieldType::Nested("CK_VERSION") => version(parts),
        FieldType::Bytes(_) | FieldType::PointerToBytes => bytes(parts),
        FieldType::PointerToUlong => array(number(parts, Domain::Plain)),
        FieldType::PointerTo("CK_MECHANISM") => any([null(), mechanism(parts)]),
        FieldType::PointerTo("CK_ATTRIBUTE") => attributes(parts),
        FieldType::Nested(name) => structures(parts, name),
        FieldType::PointerTo(name) => any([null(), structures(parts, name)]),
    }
}

/// One structure of a known kind, or several.
fn structures(parts: &mut Definitions, name: &str) -> Json {
    match layout(name) {
        Some(layout) => {
            let one = fields(parts, layout);
            any([one.clone(), array(one)])
        }
        None => json!(false),
    }
}

fn init_args(parts: &mut Definitions) -> Json {
    keyed(INIT_ARGS_KEYS, |key| match key {
        "flags" => literal(parts, Domain::Flags(Kind::INIT_FLAGS)),
        "mutexes" => words(MUTEXES.iter().map(|(name, _)| *name)),
        "nss" => described(text(), "LibraryParameters, which NSS has before pReserved."),
        "rest" => described(
            words(["$target"]),
            "Both `nss` and `reserved` are those of the target.",
        ),
        _ => any([null(), text(), pointer(parts)]),
    })
}
