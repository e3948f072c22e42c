//! Numbers, constants by name, references and versions, as `sequence::read` takes them.

use serde_json::{Value as Json, json};

use super::definitions::{Definitions, any, array, count, pattern, words};
use crate::cryptoki::function::Domain;
use crate::cryptoki::names::{self, Kind};

/// A name, as `Reference` has it.
pub(super) const NAME: &str = "[A-Za-z_][A-Za-z0-9_-]*";
/// An index behind a name.
pub(super) const INDEX: &str = "(\\[[0-9]+\\])";
/// Any constant of the header, for combinations in domains too large to list twice.
const CONSTANT: &str = "CK[A-Z]*_[A-Za-z0-9_]+";

/// `$name`, `${name[0].field}`.
pub(super) fn reference(parts: &mut Definitions) -> Json {
    parts.part("reference", |_| {
        pattern(&format!("^{}$", reference_pattern()))
    })
}

/// The regular expression of a reference, without anchors.
pub(super) fn reference_pattern() -> String {
    let path = format!("{NAME}{INDEX}?(\\.({NAME}|length\\+[0-9]{{1,3}}){INDEX}?)*");
    format!("\\$({path}|\\{{{path}\\}})")
}

fn key(domain: Domain) -> &'static str {
    match domain {
        Domain::Constant(Kind(kind)) | Domain::Flags(Kind(kind)) => kind,
        Domain::Slot | Domain::Session | Domain::Object | Domain::Plain => "any",
    }
}

/// The names of a kind.
fn names_of(parts: &mut Definitions, kind: Kind) -> Json {
    parts.part(&format!("names.{}", kind.0), |_| {
        words(names::of_kind(kind).iter().map(|constant| constant.name))
    })
}

/// Every name there is.
pub(super) fn any_name(parts: &mut Definitions) -> Json {
    parts.part("names", |parts| {
        let kinds: Vec<Json> = names::kinds().map(|kind| names_of(parts, kind)).collect();
        json!({ "anyOf": kinds })
    })
}

/// A number that is the same in every run.
pub(super) fn literal(parts: &mut Definitions, domain: Domain) -> Json {
    let name = format!("literal.{}", key(domain));
    parts.part(&name.clone(), |parts| {
        let (single, member) = match domain {
            Domain::Flags(kind) => {
                let all: Vec<&str> = names::of_kind(kind).iter().map(|c| c.name).collect();
                (kind_names(parts, kind), format!("({})", all.join("|")))
            }
            Domain::Constant(kind) => (kind_names(parts, kind), CONSTANT.to_owned()),
            _ => (any_name(parts), CONSTANT.to_owned()),
        };
        any([
            json!({ "type": "integer", "minimum": i64::MIN, "maximum": u64::MAX }),
            json!({ "type": "boolean" }),
            single,
            pattern(&format!("^ *{member}( *\\| *{member})+ *$")),
            array(json!({ "$ref": format!("#/$defs/{name}") })),
        ])
    })
}

/// The names of a kind, and those that stand for numbers everywhere (`CK_INVALID_HANDLE`).
fn kind_names(parts: &mut Definitions, kind: Kind) -> Json {
    let everywhere = parts.part("names.everywhere", |_| {
        let mut found: Vec<&str> = names::with_prefix("CK_").collect();
        found.sort_unstable();
        words(found)
    });
    any([names_of(parts, kind), everywhere])
}

/// A number: literal, from an earlier result, or one the module never gave out.
pub(super) fn number(parts: &mut Definitions, domain: Domain) -> Json {
    parts.part(&format!("number.{}", key(domain)), |parts| {
        let dangling = json!({
            "const": "dangling",
            "description": "A handle or id that the module has never given out.",
        });
        any([literal(parts, domain), reference(parts), dangling])
    })
}

/// A constant by name, or any value as a number, in text too.
pub(super) fn constant(parts: &mut Definitions, kind: Kind) -> Json {
    parts.part(&format!("constant.{}", kind.0), |parts| {
        any([
            names_of(parts, kind),
            count(u64::MAX),
            pattern(&format!("^{NUMERAL}$")),
        ])
    })
}

/// A number in text.
pub(super) const NUMERAL: &str = "(0x[0-9A-Fa-f]+|[0-9]+)";

/// `3.2`, as a regular expression without anchors.
pub(super) fn version_pattern() -> String {
    let byte = "0*(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])";
    format!("{byte}\\.{byte}")
}

/// A version in quotes.
pub(super) fn version(parts: &mut Definitions) -> Json {
    parts.part("version", |_| pattern(&format!("^{}$", version_pattern())))
}
