//! Expectations: outputs of a call, or captures, and what must hold of them.

use super::memory::{self, content};
use super::{fault, get, list, mapping, only_keys, text};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure as layouts;
use crate::cryptoki::{AttributeType, Function, attribute, names};
use crate::sequence::expectation::{Expectation, Expected, Relation};
use crate::sequence::reference::{Reference, Selector};
use crate::sequence::value::{field_of, output_domain};
use crate::sequence::{Content, Number};
use crate::yaml::{self, Error, Kind, Node};

/// Keys of a relation.
pub(crate) const RELATIONS: &[&str] = &[
    "equals",
    "differs",
    "one-of",
    "length",
    "at-least",
    "at-most",
    "contains",
    "excludes",
    "has",
    "lacks",
    "unique",
    "padded",
    "random",
    "text",
    "unavailable",
    "roca",
    "weak-exponent",
];

/// What is known of an interface.
pub(crate) const INTERFACE_FIELDS: &[&str] = &["name", "version", "flags"];

/// How a literal in an expectation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Number(Domain),
    Bytes,
    Text,
    Version,
    /// Known only at run time (a capture): numbers are numbers, text is hexadecimal.
    Any,
}

/// Reads `expect`: a mapping of subjects and relations.
pub(super) fn expectations(function: Function, node: &Node) -> Result<Vec<Expectation>, Error> {
    let what = "outputs and what must hold of them, `signature: {length: 256}`";
    let mut found: Vec<Expectation> = Vec::new();
    for (key, value) in mapping(node, what)? {
        let captured = text(key, "the name of an output")?.starts_with('$');
        let subject = if captured {
            super::reference(key)?
        } else {
            output(function, key)?
        };
        let shape = if captured {
            Shape::Any
        } else {
            shape(function, &subject)
        };
        let same = |other: &Expectation| other.subject == subject && other.captured == captured;
        // `$x` and `${x}` are two keys and one subject: only one of them would be kept.
        if found.iter().any(same) {
            return Err(fault(
                key,
                "this stands here already, spelt differently; write both relations under one",
            ));
        }
        found.push(Expectation {
            relation: relation(shape, value)?,
            subject,
            captured,
        });
    }
    Ok(found)
}

/// The path to an output of a function: `info.flags`, `template.CKA_ID`.
pub(super) fn output(function: Function, node: &Node) -> Result<Reference, Error> {
    let name = text(node, "the name of an output")?;
    if let Some(bare) = name.strip_prefix('$') {
        let message = format!("an output has no dollar; write `{bare}`");
        return Err(fault(node, message));
    }
    let path: Reference = name.parse().map_err(|error| fault(node, error))?;
    let outputs = function
        .parameters()
        .iter()
        .filter(|parameter| parameter.kind.is_output());
    let Some(parameter) = outputs
        .clone()
        .find(|parameter| parameter.name == path.name)
    else {
        let what = format!("output of {function}");
        let known = outputs.map(|parameter| parameter.name);
        return Err(fault(node, yaml::unknown_name(&what, &path.name, known)));
    };
    check_field(parameter.kind, &path, node)?;
    Ok(path)
}

fn check_field(kind: ParameterKind, path: &Reference, node: &Node) -> Result<(), Error> {
    let Some(Selector::Field(field)) = path.path.first() else {
        return Ok(());
    };
    let unknown = |what: String, known: &[&str]| {
        Err(fault(
            node,
            yaml::unknown_name(&what, field, known.iter().copied()),
        ))
    };
    match kind {
        ParameterKind::Out(record) => match layouts::layout(record.structure()) {
            Some(layout) if layout.field(field).is_none() => {
                unknown(format!("field of {}", layout.name), &layout.field_names)
            }
            _ => Ok(()),
        },
        ParameterKind::OutTemplate => {
            let mut fields = path.path.iter();
            let wrong = fields.find_map(|selector| match selector {
                Selector::Field(field) => match names::constant(field) {
                    Some(constant) if constant.kind == names::Kind::ATTRIBUTE => None,
                    _ => Some(field),
                },
                _ => None,
            });
            let known = || names::with_prefix("CKA_");
            match wrong {
                Some(field) => Err(fault(node, yaml::unknown_name("attribute", field, known()))),
                None => Ok(()),
            }
        }
        ParameterKind::OutTable if !INTERFACE_FIELDS.contains(&field.as_str()) => {
            unknown("field of an interface".to_owned(), INTERFACE_FIELDS)
        }
        ParameterKind::OutBytes | ParameterKind::OutFixed | ParameterKind::OutUlong(_) => {
            Err(fault(node, format!("`{}` has no fields", path.name)))
        }
        _ => Ok(()),
    }
}

pub(crate) fn shape(function: Function, path: &Reference) -> Shape {
    let kind = function
        .parameters()
        .iter()
        .find(|parameter| parameter.name == path.name)
        .map(|parameter| parameter.kind);
    let Some(kind) = kind else { return Shape::Any };
    let domain = output_domain(kind, &path.path);
    match (kind, field_of(kind, &path.path)) {
        _ if path.path.last().is_some_and(Selector::is_length) => Shape::Number(Domain::Plain),
        (ParameterKind::OutBytes | ParameterKind::OutFixed, _) => Shape::Bytes,
        (ParameterKind::Out(record), Some(field)) => {
            record_shape(record.structure(), field, domain)
        }
        (ParameterKind::OutTemplate, Some(field)) => attribute_shape(field),
        (ParameterKind::MessageParameter, _) => Shape::Any,
        (_, Some("version")) => Shape::Version,
        (_, Some("name")) => Shape::Text,
        _ => Shape::Number(domain),
    }
}

fn record_shape(structure: &str, field: &str, domain: Domain) -> Shape {
    let field_type = layouts::layout(structure)
        .and_then(|layout| layout.field(field))
        .map(|field| field.field_type);
    match field_type {
        Some(layouts::FieldType::Bytes(_)) => Shape::Text,
        Some(layouts::FieldType::Nested("CK_VERSION")) => Shape::Version,
        _ => Shape::Number(domain),
    }
}

fn attribute_shape(name: &str) -> Shape {
    let attribute = names::constant(name).map_or(0, |constant| constant.value);
    match attribute::attribute_type(attribute) {
        AttributeType::Bool => Shape::Number(Domain::Plain),
        AttributeType::Ulong(domain) | AttributeType::Ulongs(domain) => Shape::Number(domain),
        AttributeType::Version => Shape::Version,
        AttributeType::Text => Shape::Text,
        _ => Shape::Bytes,
    }
}

/// A relation: a literal (equality), or a mapping of relations that must all hold.
fn relation(shape: Shape, node: &Node) -> Result<Relation, Error> {
    let Kind::Mapping(entries) = &node.kind else {
        return match shape {
            Shape::Text => text_relation(node),
            _ => expected(shape, node).map(Relation::Equals),
        };
    };
    only_keys(entries, RELATIONS)?;
    let mut relations = entries
        .iter()
        .map(|(key, value)| one_relation(shape, super::text_of(key).unwrap_or_default(), value))
        .collect::<Result<Vec<_>, _>>()?;
    match relations.len() {
        0 => Err(fault(
            node,
            format!("expected one of {}", RELATIONS.join(", ")),
        )),
        1 => Ok(relations.remove(0)),
        _ => Ok(Relation::All(relations)),
    }
}

fn text_relation(node: &Node) -> Result<Relation, Error> {
    match super::text_of(node) {
        Some(value) if value.starts_with('$') => expected(Shape::Any, node).map(Relation::Equals),
        Some(value) => Ok(Relation::Text(value.to_owned())),
        None => Err(fault(node, "expected text in quotes")),
    }
}

fn one_relation(shape: Shape, key: &str, node: &Node) -> Result<Relation, Error> {
    let many = |node: &Node| -> Result<Vec<Expected>, Error> {
        match &node.kind {
            Kind::Sequence(items) => items.iter().map(|item| expected(shape, item)).collect(),
            _ => expected(shape, node).map(|one| vec![one]),
        }
    };
    let flags = |node: &Node| match memory::number(node, number_domain(shape))? {
        Number::Literal(value) => Ok(value),
        _ => Err(fault(node, "expected flags by name")),
    };
    Ok(match key {
        "equals" => Relation::Equals(expected(shape, node)?),
        "differs" => Relation::Differs(expected(shape, node)?),
        "one-of" => Relation::OneOf(
            list(node, "a list")?
                .iter()
                .map(|item| expected(shape, item))
                .collect::<Result<_, _>>()?,
        ),
        "length" => Relation::Length(Box::new(relation(Shape::Number(Domain::Plain), node)?)),
        "at-least" => Relation::AtLeast(memory::number(node, number_domain(shape))?),
        "at-most" => Relation::AtMost(memory::number(node, number_domain(shape))?),
        "contains" => Relation::Contains(many(node)?),
        "excludes" => Relation::Excludes(many(node)?),
        "has" => Relation::Has(flags(node)?),
        "lacks" => Relation::Lacks(flags(node)?),
        "text" => Relation::Text(text(node, "text in quotes")?.to_owned()),
        "unique" => marker(node, Relation::Unique)?,
        "padded" => marker(node, Relation::Padded)?,
        "random" => marker(node, Relation::Random)?,
        "roca" => marker(node, Relation::Roca)?,
        "weak-exponent" => marker(node, Relation::WeakExponent)?,
        _ => marker(node, Relation::Unavailable)?,
    })
}

fn marker(node: &Node, relation: Relation) -> Result<Relation, Error> {
    match node.kind {
        Kind::Bool(true) => Ok(relation),
        _ => Err(fault(node, "expected true; leave the key out otherwise")),
    }
}

fn number_domain(shape: Shape) -> Domain {
    match shape {
        Shape::Number(domain) => domain,
        _ => Domain::Plain,
    }
}

fn expected(shape: Shape, node: &Node) -> Result<Expected, Error> {
    if super::text_of(node).is_some_and(|text| text.starts_with('$')) {
        return super::reference(node).map(|target| Expected::Number(Number::Reference(target)));
    }
    match (shape, &node.kind) {
        (Shape::Number(domain), _) => memory::number(node, domain).map(Expected::Number),
        (Shape::Version, kind) if !matches!(kind, Kind::Mapping(_)) => {
            memory::version(node).map(|(major, minor)| Expected::Version(major, minor))
        }
        (Shape::Text, Kind::Text(text)) => Ok(Expected::Bytes(Content::Text(text.clone()))),
        (Shape::Any, Kind::Unsigned(_) | Kind::Bool(_)) => {
            memory::number(node, Domain::Plain).map(Expected::Number)
        }
        (Shape::Any, Kind::Text(text)) if names::constant(text).is_some() => {
            memory::number(node, Domain::Plain).map(Expected::Number)
        }
        _ => match node.kind {
            Kind::Mapping(ref entries) if get(entries, "version").is_some() => {
                only_keys(entries, &["version"])?;
                memory::version(get(entries, "version").unwrap_or(node))
                    .map(|(major, minor)| Expected::Version(major, minor))
            }
            _ => content(node).map(Expected::Bytes),
        },
    }
}
