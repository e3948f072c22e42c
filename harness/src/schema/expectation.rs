//! The outputs of each function, and what may be expected of them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::definitions::{
    Definitions, any, array, count, described, keyed, object, pattern, requiring, text,
};
use super::number::{
    INDEX, NAME, any_name, literal, number, reference, reference_pattern, version,
};
use super::octets::{content_mapping, hex, plain_text};
use crate::cryptoki::function::{Domain, Parameter, ParameterKind};
use crate::cryptoki::structure::layout;
use crate::cryptoki::{Function, Kind, names};
use crate::sequence::Reference;
use crate::sequence::read::{INTERFACE_FIELDS, RELATIONS, Shape, shape};

/// What a function's step may have under `gives`.
pub(super) fn gives(parts: &mut Definitions, function: Function) -> Json {
    let all: Vec<String> = outputs(function).into_values().flatten().collect();
    let mut schema = object([]);
    if !all.is_empty() {
        let key = format!("^({})(\\.length)?$", all.join("|"));
        schema["patternProperties"] = json!({ key: capture(parts) });
    }
    described(
        schema,
        "Outputs to keep, and the names to keep them under: `session: $session`.",
    )
}

/// A new name with a dollar.
pub(super) fn capture(parts: &mut Definitions) -> Json {
    parts.part("capture", |_| {
        let mut capture = pattern(&format!("^\\$({NAME}|\\{{{NAME}\\}})$"));
        capture["not"] = json!({ "enum": ["$target", "${target}"] });
        capture
    })
}

/// What a function's step may have under `expect`.
pub(super) fn expectations(parts: &mut Definitions, function: Function) -> Json {
    let mut patterns = Map::new();
    for (shape, paths) in outputs(function) {
        let paths = paths.join("|");
        patterns.insert(format!("^({paths})$"), relation(parts, shape));
        let length = relation(parts, Shape::Number(Domain::Plain));
        patterns.insert(format!("^({paths})\\.length$"), length);
    }
    patterns.insert(
        format!("^{}$", reference_pattern()),
        relation(parts, Shape::Any),
    );
    let mut schema = object([]);
    schema["patternProperties"] = Json::Object(patterns);
    schema
}

/// The paths to a function's outputs as regular expressions, by how what is there is written.
fn outputs(function: Function) -> BTreeMap<Shape, Vec<String>> {
    let mut found: BTreeMap<Shape, Vec<String>> = BTreeMap::new();
    for parameter in function.parameters() {
        if parameter.kind.is_output() {
            for (path, expression) in paths(parameter) {
                found
                    .entry(shape(function, &path))
                    .or_default()
                    .push(expression);
            }
        }
    }
    found
}

/// The ways into one output, each as an example and as a regular expression.
fn paths(parameter: &Parameter) -> Vec<(Reference, String)> {
    let name = parameter.name;
    let whole = || Reference::to(name);
    let field = |field: &str, expression: String| (whole().field(field), expression);
    let mut all = vec![(whole(), name.to_owned())];
    match parameter.kind {
        ParameterKind::OutUlongs(_) | ParameterKind::OutHandles => {
            all[0].1 = format!("{name}{INDEX}?");
        }
        ParameterKind::OutInterfaces => {
            all[0].1 = format!("{name}{INDEX}?");
            let one = |of: &&str| field(of, format!("{name}{INDEX}\\.{of}"));
            all.extend(INTERFACE_FIELDS.iter().map(one));
        }
        ParameterKind::OutTable => {
            let one = |of: &&str| field(of, format!("{name}\\.{of}"));
            all.extend(INTERFACE_FIELDS.iter().map(one));
        }
        ParameterKind::Out(record) => {
            let names = layout(record.structure()).map(|layout| layout.field_names.as_slice());
            let one = |of: &&str| field(of, format!("{name}\\.{of}"));
            all.extend(names.unwrap_or_default().iter().map(one));
        }
        ParameterKind::OutTemplate => {
            let known = names::of_kind(Kind::ATTRIBUTE).iter();
            // What is in an array of attributes is that attribute.
            let array = "(CKA_[A-Z_]+_TEMPLATE\\.)?";
            all.extend(known.map(|c| field(c.name, format!("{name}\\.{array}{}{INDEX}?", c.name))));
        }
        ParameterKind::MessageParameter => {
            // `length` is what every path may end with, not a field.
            let any_field = format!("{name}\\.(?!length$){NAME}{INDEX}?");
            all.push(field("pIv", any_field));
        }
        _ => {}
    }
    all
}

fn key(shape: Shape) -> String {
    match shape {
        Shape::Number(Domain::Constant(kind) | Domain::Flags(kind)) => kind.0.to_owned(),
        Shape::Number(_) => "number".to_owned(),
        Shape::Bytes => "bytes".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Version => "version".to_owned(),
        Shape::Any => "any".to_owned(),
    }
}

/// A literal, or relations that must all hold.
fn relation(parts: &mut Definitions, shape: Shape) -> Json {
    parts.part(&format!("relation.{}", key(shape)), |parts| {
        let mut relations = keyed(RELATIONS, |name| one_relation(parts, shape, name));
        relations["minProperties"] = json!(1);
        any([plain(parts, shape), relations])
    })
}

fn one_relation(parts: &mut Definitions, shape: Shape, name: &str) -> Json {
    let domain = match shape {
        Shape::Number(domain) => domain,
        _ => Domain::Plain,
    };
    match name {
        "equals" | "differs" => expected(parts, shape),
        "one-of" => array(expected(parts, shape)),
        "contains" | "excludes" => {
            let one = expected(parts, shape);
            any([one.clone(), array(one)])
        }
        "length" => relation(parts, Shape::Number(Domain::Plain)),
        "at-least" | "at-most" => number(parts, domain),
        "has" | "lacks" => literal(parts, domain),
        "text" => text(),
        _ => json!({ "const": true }),
    }
}

/// What a value is compared with, not as a mapping.
fn plain(parts: &mut Definitions, shape: Shape) -> Json {
    parts.part(&format!("plain.{}", key(shape)), |parts| match shape {
        Shape::Number(domain) => number(parts, domain),
        Shape::Bytes => any([hex(parts), reference(parts)]),
        Shape::Text => any([plain_text(), reference(parts)]),
        Shape::Version => any([version(parts), reference(parts)]),
        Shape::Any => any([
            count(u64::MAX),
            json!({ "type": "boolean" }),
            any_name(parts),
            hex(parts),
            reference(parts),
        ]),
    })
}

/// What a value is compared with.
fn expected(parts: &mut Definitions, shape: Shape) -> Json {
    let plain = plain(parts, shape);
    if matches!(shape, Shape::Number(_)) {
        return plain;
    }
    parts.part(&format!("expected.{}", key(shape)), |parts| {
        let version = requiring(object([("version", version(parts))]), &["version"]);
        any([plain, content_mapping(parts), version])
    })
}
