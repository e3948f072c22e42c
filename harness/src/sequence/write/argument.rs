//! Arguments in their YAML form.

use serde_json::{Map, Value as Json, json};

use super::constant;
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure::{FieldType, layout};
use crate::cryptoki::{AttributeType, Kind, attribute, names};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Content, FieldValue, InitArgs,
    MechanismArgument, Mutexes, Number, ParameterValue, Reserved, Structure, Template, lexicon,
};

pub(crate) fn argument(kind: ParameterKind, argument: &Argument) -> Json {
    match (kind, argument) {
        (_, Argument::Default | Argument::Null) => Json::Null,
        (_, Argument::Pointer(value)) => json!({ "pointer": value }),
        (ParameterKind::Ulong(domain), Argument::Number(value)) => number(value, domain),
        (_, Argument::Number(value)) => number(value, Domain::Plain),
        // Bare text is taken as it stands for these; under `hex` it is bytes.
        (ParameterKind::Padded(_) | ParameterKind::Name, Argument::Bytes(value)) => {
            Json::Object(entries(bytes(value), "hex"))
        }
        (_, Argument::Bytes(value)) => bytes(value),
        (_, Argument::Buffer(value)) => buffer(value),
        (_, Argument::Template(value)) => template(value),
        (_, Argument::Mechanism(value)) => mechanism(value),
        (_, Argument::Structure(value)) => named_structure(value),
        (_, Argument::InitArgs(value)) => init_args(value),
        (_, Argument::Version { major, minor }) => json!(format!("{major}.{minor}")),
        (_, Argument::Callback) => json!("callback"),
        (_, Argument::CancellingCallback) => json!("cancelling"),
    }
}

pub(super) fn number(number: &Number, domain: Domain) -> Json {
    match (number, domain) {
        (Number::Reference(reference), _) => json!(format!("${{{reference}}}")),
        (Number::Dangling, _) => json!("dangling"),
        (Number::Literal(value), Domain::Constant(kind)) => constant(kind, *value),
        (Number::Literal(value), Domain::Flags(kind)) => match names::display_flags(kind, *value) {
            // A bit without a name cannot stand beside names: write the whole as a number.
            text if text.contains("0x") => json!(value),
            text => json!(text),
        },
        (Number::Literal(value), _) => json!(value),
    }
}

fn with_claim(mut entries: Map<String, Json>, claim: Option<&Number>) -> Json {
    if let Some(claim) = claim {
        entries.insert("claim".into(), number(claim, Domain::Plain));
    }
    Json::Object(entries)
}

fn entries(value: Json, key: &str) -> Map<String, Json> {
    match value {
        Json::Object(entries) => entries,
        other => [(key.to_owned(), other)].into_iter().collect(),
    }
}

pub(super) fn bytes(bytes: &Bytes) -> Json {
    match (&bytes.content, &bytes.claim) {
        (None, claim) => with_claim(entries(Json::Null, "pointer"), claim.as_ref()),
        (Some(of), None) => content(of),
        (Some(of), claim) => with_claim(entries(content(of), "hex"), claim.as_ref()),
    }
}

pub(super) fn content(content: &Content) -> Json {
    match content {
        Content::Literal(bytes) => json!(lexicon::to_hex(bytes)),
        Content::Text(text) => json!({ "text": text }),
        Content::Repeat { byte, count } => {
            json!({ "repeat": lexicon::to_hex(&[*byte]), "count": count })
        }
        Content::Reference(reference) => json!(format!("${{{reference}}}")),
        Content::Concat(parts) => {
            json!({ "concat": parts.iter().map(self::content).collect::<Vec<_>>() })
        }
        Content::Flip { of, bit } => json!({ "of": self::content(of), "flip": bit }),
        Content::Take { of, count } => json!({ "of": self::content(of), "take": count }),
        Content::Skip { of, count } => json!({ "of": self::content(of), "skip": count }),
    }
}

fn buffer(buffer: &Buffer) -> Json {
    let size = match &buffer.size {
        BufferSize::Null => Json::Null,
        BufferSize::Exact => json!("exact"),
        BufferSize::Short => json!("short"),
        BufferSize::Elements(count) => number(count, Domain::Plain),
    };
    let mut entries = entries(size, "buffer");
    if buffer.null_length {
        entries.insert("length-pointer".into(), Json::Null);
    }
    with_claim(entries, buffer.claim.as_ref())
}

fn template(template: &Template) -> Json {
    let list = attributes(&template.attributes);
    match &template.claim {
        None => list,
        claim => with_claim(
            [("attributes".to_owned(), list)].into_iter().collect(),
            claim.as_ref(),
        ),
    }
}

fn attributes(list: &[Attribute]) -> Json {
    let one = |attribute: &Attribute| {
        let name = match names::name(Kind::ATTRIBUTE, attribute.attribute) {
            Some(name) => name.to_owned(),
            None => attribute.attribute.to_string(),
        };
        (name, attribute_value(attribute))
    };
    let unique = |name: &str| list.iter().filter(|other| one(other).0 == name).count() == 1;
    let numeric =
        |attribute: &Attribute| names::name(Kind::ATTRIBUTE, attribute.attribute).is_none();
    if list
        .iter()
        .all(|attribute| unique(&one(attribute).0) && !numeric(attribute))
    {
        return Json::Object(list.iter().map(one).collect());
    }
    let single = |attribute| Json::Object([one(attribute)].into_iter().collect());
    Json::Array(list.iter().map(single).collect())
}

fn attribute_value(attribute: &Attribute) -> Json {
    let domain = match attribute::attribute_type(attribute.attribute) {
        AttributeType::Ulong(domain) | AttributeType::Ulongs(domain) => domain,
        _ => Domain::Plain,
    };
    match &attribute.value {
        AttributeValue::Bool(byte @ 0..=1) => json!(*byte == 1),
        AttributeValue::Bool(byte) => json!(byte),
        AttributeValue::Ulong(value) => number(value, domain),
        AttributeValue::Ulongs(values) => {
            Json::Array(values.iter().map(|value| number(value, domain)).collect())
        }
        // Text would be read by the type of the attribute; under `hex` it is bytes for all of them.
        AttributeValue::Bytes(value) => Json::Object(entries(bytes(value), "hex")),
        AttributeValue::Template(inner) => attributes(inner),
        AttributeValue::Buffer(value) => buffer(value),
    }
}

fn mechanism(mechanism: &MechanismArgument) -> Json {
    let name = number(&mechanism.mechanism, Domain::Constant(Kind::MECHANISM));
    let mut entries = entries(name, "type");
    match &mechanism.parameter {
        ParameterValue::None if mechanism.claim.is_none() => {
            return entries.remove("type").unwrap_or_default();
        }
        ParameterValue::None => {}
        ParameterValue::Bytes(value) => {
            entries.insert("parameter".into(), bytes(value));
        }
        ParameterValue::Ulong(value) => {
            entries.insert(
                "parameter".into(),
                json!({ "ulong": number(value, Domain::Plain) }),
            );
        }
        ParameterValue::Structure(value) => {
            entries.insert("parameter".into(), named_structure(value));
        }
    }
    with_claim(entries, mechanism.claim.as_ref())
}

fn named_structure(structure: &Structure) -> Json {
    Json::Object(
        [(structure.name.clone(), fields(structure))]
            .into_iter()
            .collect(),
    )
}

/// Bytes of a field: null where any pointer may be NULL, a version where two bytes are one.
fn field_bytes(structure: &Structure, name: &str, value: &Bytes) -> Json {
    let field_type = layout(&structure.name)
        .and_then(|layout| layout.field(name))
        .map(|field| field.field_type);
    match (field_type, &value.content) {
        (_, None) if value.claim.is_none() => Json::Null,
        (Some(FieldType::Nested("CK_VERSION")), Some(Content::Literal(bytes))) => {
            match bytes.as_slice() {
                [major, minor] => json!(format!("{major}.{minor}")),
                _ => self::bytes(value),
            }
        }
        _ => bytes(value),
    }
}

fn fields(structure: &Structure) -> Json {
    let one = |(name, value): &(String, FieldValue)| {
        let value = match value {
            FieldValue::Number(value) => number(value, Domain::Plain),
            FieldValue::Bytes(value) => field_bytes(structure, name, value),
            FieldValue::Ulongs(values) => Json::Array(
                values
                    .iter()
                    .map(|value| number(value, Domain::Plain))
                    .collect(),
            ),
            FieldValue::Structures(list) => match list.as_slice() {
                [single] => fields(single),
                many => Json::Array(many.iter().map(fields).collect()),
            },
            FieldValue::Mechanism(value) => mechanism(value),
            FieldValue::Template(list) => attributes(list),
        };
        (name.clone(), value)
    };
    Json::Object(structure.fields.iter().map(one).collect())
}

/// The arguments of `C_Initialize` in their YAML form.
#[must_use]
pub fn init_args(init_args: &InitArgs) -> Json {
    let mut entries = Map::new();
    if init_args.flags != 0 {
        let flags = Number::Literal(init_args.flags);
        entries.insert(
            "flags".into(),
            number(&flags, Domain::Flags(Kind::INIT_FLAGS)),
        );
    }
    match init_args.mutexes {
        Mutexes::None => {}
        Mutexes::Callbacks => {
            entries.insert("mutexes".into(), json!("callbacks"));
        }
        Mutexes::Incomplete => {
            entries.insert("mutexes".into(), json!("incomplete"));
        }
    }
    if let Some(text) = &init_args.nss {
        entries.insert("nss".into(), json!(text));
    }
    match &init_args.reserved {
        Reserved::Null => {}
        Reserved::Text(text) => {
            entries.insert("reserved".into(), json!(text));
        }
        Reserved::Pointer(value) => {
            entries.insert("reserved".into(), json!({ "pointer": value }));
        }
    }
    if init_args.rest_of_target {
        entries.insert("rest".into(), json!("$target"));
    }
    Json::Object(entries)
}
