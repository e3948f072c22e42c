//! Expectations in their YAML form. Literals are written so that they read back whatever the
//! output's type: numbers plain, bytes as hexadecimal or `{text: ...}`.

use serde_json::{Map, Value as Json, json};

use super::argument::{content, number};
use crate::cryptoki::Function;
use crate::cryptoki::function::Domain;
use crate::sequence::expectation::{Expectation, Expected, Relation};
use crate::sequence::value::output_domain;

pub(super) fn expectations(function: Function, list: &[Expectation]) -> Json {
    let one = |expectation: &Expectation| {
        let subject = expectation.subject.to_string();
        let (key, domain) = if expectation.captured {
            (format!("${{{subject}}}"), Domain::Plain)
        } else {
            (subject, domain(function, expectation))
        };
        (key, relation(&expectation.relation, domain))
    };
    Json::Object(list.iter().map(one).collect())
}

fn domain(function: Function, expectation: &Expectation) -> Domain {
    function
        .parameters()
        .iter()
        .find(|parameter| parameter.name == expectation.subject.name)
        .map_or(Domain::Plain, |parameter| {
            output_domain(parameter.kind, &expectation.subject.path)
        })
}

/// A relation in its YAML form.
pub(crate) fn relation(of: &Relation, domain: Domain) -> Json {
    match of {
        Relation::All(list) => {
            let mut entries = Map::new();
            for inner in list {
                if let Json::Object(inner) = relation(inner, domain) {
                    entries.extend(inner);
                }
            }
            Json::Object(entries)
        }
        _ => {
            let (key, value) = entry(of, domain);
            json!({ key: value })
        }
    }
}

fn entry(of: &Relation, domain: Domain) -> (&'static str, Json) {
    let many = |list: &[Expected]| Json::Array(list.iter().map(|e| expected(e, domain)).collect());
    let flags = |bits: u64| number(&crate::sequence::Number::Literal(bits), domain);
    match of {
        Relation::Equals(value) => ("equals", expected(value, domain)),
        Relation::Differs(value) => ("differs", expected(value, domain)),
        Relation::OneOf(list) => ("one-of", many(list)),
        Relation::Length(inner) => ("length", relation(inner, Domain::Plain)),
        Relation::AtLeast(value) => ("at-least", number(value, domain)),
        Relation::AtMost(value) => ("at-most", number(value, domain)),
        Relation::Contains(list) => ("contains", many(list)),
        Relation::Excludes(list) => ("excludes", many(list)),
        Relation::Has(bits) => ("has", flags(*bits)),
        Relation::Lacks(bits) => ("lacks", flags(*bits)),
        Relation::Unique => ("unique", json!(true)),
        Relation::Padded => ("padded", json!(true)),
        Relation::Random => ("random", json!(true)),
        Relation::Text(text) => ("text", json!(text)),
        Relation::Unavailable => ("unavailable", json!(true)),
        Relation::Roca => ("roca", json!(true)),
        Relation::WeakExponent => ("weak-exponent", json!(true)),
        Relation::All(_) => ("all", Json::Null),
    }
}

fn expected(value: &Expected, domain: Domain) -> Json {
    match value {
        Expected::Number(value) => number(value, domain),
        // Bare text is read by the type of the output; with its key it means the same for all.
        Expected::Bytes(value) => match content(value) {
            Json::String(text) => json!({ "hex": text }),
            other => other,
        },
        Expected::Version(major, minor) => json!({ "version": format!("{major}.{minor}") }),
    }
}
