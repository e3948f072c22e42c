//! Mechanisms and the structures they take as parameters.

use super::memory::{self, bytes};
use super::{argument, fault, get, list, mapping, only_keys, text};
use crate::cryptoki::function::Domain;
use crate::cryptoki::structure::{self as layouts, Field, FieldType};
use crate::sequence::{FieldValue, MechanismArgument, ParameterValue, Structure};
use crate::yaml::{self, Error, Kind, Node};

/// Keys of a mechanism that is more than its name.
pub(crate) const MECHANISM_KEYS: &[&str] = &["type", "parameter", "claim"];

/// A mechanism: its name, or `{type: ..., parameter: ..., claim: N}`.
pub(super) fn mechanism(node: &Node) -> Result<MechanismArgument, Error> {
    let Kind::Mapping(entries) = &node.kind else {
        let mechanism = memory::mechanism_type(node)?;
        return Ok(MechanismArgument {
            mechanism,
            parameter: ParameterValue::None,
            claim: None,
        });
    };
    only_keys(entries, MECHANISM_KEYS)?;
    Ok(MechanismArgument {
        mechanism: memory::mechanism_type(super::required(node, entries, "type")?)?,
        parameter: get(entries, "parameter").map_or(Ok(ParameterValue::None), parameter)?,
        claim: get(entries, "claim").map(memory::count).transpose()?,
    })
}

/// True for a mapping that is a structure by its C name.
pub(super) fn is_named_structure(node: &Node) -> bool {
    matches!(&node.kind, Kind::Mapping(entries)
        if matches!(entries.as_slice(), [(key, _)]
            if super::text_of(key).is_some_and(|key| key.starts_with("CK_"))))
}

/// A parameter: null, bytes, `{ulong: N}`, or one structure by its C name.
fn parameter(node: &Node) -> Result<ParameterValue, Error> {
    match &node.kind {
        Kind::Null => Ok(ParameterValue::None),
        Kind::Mapping(entries) => match entries.as_slice() {
            [(key, value)] if super::text_of(key) == Some("ulong") => {
                memory::number(value, Domain::Plain).map(ParameterValue::Ulong)
            }
            _ if is_named_structure(node) => named_structure(node).map(ParameterValue::Structure),
            _ => bytes(node).map(ParameterValue::Bytes),
        },
        _ => bytes(node).map(ParameterValue::Bytes),
    }
}

/// `{CK_GCM_PARAMS: {pIv: "...", ulTagBits: 128}}`.
pub(super) fn named_structure(node: &Node) -> Result<Structure, Error> {
    let entries = mapping(node, "a structure by its C name, `CK_GCM_PARAMS: {...}`")?;
    let [(key, fields)] = entries else {
        return Err(fault(node, "expected one structure"));
    };
    structure(text(key, "the name of a structure")?, key, fields)
}

fn structure(name: &str, key: &Node, node: &Node) -> Result<Structure, Error> {
    let layout = layouts::layout(name).ok_or_else(|| {
        fault(
            key,
            yaml::unknown_name("structure", name, layouts::structure_names()),
        )
    })?;
    let mut fields = Vec::new();
    for (key, value) in mapping(node, &format!("the fields of {name}"))? {
        let field_name = text(key, "the name of a field")?;
        let field = layout.field(field_name).ok_or_else(|| {
            let what = format!("field of {name}");
            fault(
                key,
                yaml::unknown_name(&what, field_name, layout.field_names.iter().copied()),
            )
        })?;
        fields.push((field.name.to_owned(), field_value(field, value)?));
    }
    Ok(Structure {
        name: layout.name.to_owned(),
        fields,
    })
}

fn field_value(field: &Field, node: &Node) -> Result<FieldValue, Error> {
    match field.field_type {
        FieldType::Ulong | FieldType::Bool | FieldType::Byte => {
            memory::number(node, Domain::Plain).map(FieldValue::Number)
        }
        FieldType::Nested("CK_VERSION") => {
            let (major, minor) = memory::version(node)?;
            let content = crate::sequence::Content::Literal(vec![major, minor]);
            Ok(FieldValue::Bytes(crate::sequence::Bytes::of(content)))
        }
        FieldType::Bytes(_) | FieldType::PointerToBytes => bytes(node).map(FieldValue::Bytes),
        FieldType::PointerToUlong => list(node, "a list of numbers")?
            .iter()
            .map(|item| memory::number(item, Domain::Plain))
            .collect::<Result<_, _>>()
            .map(FieldValue::Ulongs),
        FieldType::PointerTo(_) if node.kind == Kind::Null => bytes(node).map(FieldValue::Bytes),
        FieldType::PointerTo("CK_MECHANISM") => {
            mechanism(node).map(|inner| FieldValue::Mechanism(Box::new(inner)))
        }
        FieldType::PointerTo("CK_ATTRIBUTE") => {
            argument::attributes(node).map(FieldValue::Template)
        }
        FieldType::Nested(name) | FieldType::PointerTo(name) => match &node.kind {
            Kind::Sequence(items) => items
                .iter()
                .map(|item| structure(name, item, item))
                .collect::<Result<_, _>>()
                .map(FieldValue::Structures),
            _ => structure(name, node, node).map(|one| FieldValue::Structures(vec![one])),
        },
    }
}
