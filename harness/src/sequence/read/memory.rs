//! Numbers, bytes and buffers.

use super::{boolean, constant, fault, get, mapping, only_keys, reference, text_of};
use crate::cryptoki::function::Domain;
use crate::cryptoki::names;
use crate::sequence::{Buffer, BufferSize, Bytes, Content, Number, lexicon};
use crate::yaml::{self, Error, Kind, Node};

/// A number in a domain: literal, constant by name, flags joined by `|`, reference, `dangling`.
pub(crate) fn number(node: &Node, domain: Domain) -> Result<Number, Error> {
    match &node.kind {
        Kind::Unsigned(value) => Ok(Number::Literal(*value)),
        Kind::Signed(value) => Ok(Number::Literal(*value as u64)),
        Kind::Bool(value) => Ok(Number::Literal(u64::from(*value))),
        Kind::Text(text) if text.starts_with('$') => reference(node).map(Number::Reference),
        Kind::Text(text) if text == "dangling" => Ok(Number::Dangling),
        Kind::Text(text) => named_number(node, text, domain).map(Number::Literal),
        Kind::Sequence(items) => items
            .iter()
            .try_fold(0, |flags, item| match number(item, domain)? {
                Number::Literal(value) => Ok(flags | value),
                _ => Err(fault(item, "only constants can be combined")),
            })
            .map(Number::Literal),
        _ => Err(fault(
            node,
            "expected a number, the name of a constant, or a reference",
        )),
    }
}

fn named_number(node: &Node, text: &str, domain: Domain) -> Result<u64, Error> {
    text.split('|')
        .map(str::trim)
        .try_fold(0, |sum, name| match domain {
            _ if name.starts_with("CK_") => names::constant(name)
                .map(|constant| sum | constant.value)
                .ok_or_else(|| {
                    fault(
                        node,
                        yaml::unknown_name("constant", name, names::with_prefix("CK_")),
                    )
                }),
            Domain::Constant(kind) | Domain::Flags(kind) => match names::constant(name) {
                Some(constant) if constant.kind == kind => Ok(sum | constant.value),
                _ => {
                    let known = names::of_kind(kind).iter().map(|constant| constant.name);
                    Err(fault(node, yaml::unknown_name("constant", name, known)))
                }
            },
            _ => match names::constant(name) {
                Some(constant) => Ok(sum | constant.value),
                None => {
                    let known = names::with_prefix(lexicon::prefix(domain));
                    Err(fault(node, yaml::unknown_name("constant", name, known)))
                }
            },
        })
}

/// A number that is nothing but a number or a reference.
pub(super) fn count(node: &Node) -> Result<Number, Error> {
    number(node, Domain::Plain)
}

fn literal_count(node: &Node) -> Result<usize, Error> {
    match &node.kind {
        Kind::Unsigned(value) => usize::try_from(*value).map_err(|_| fault(node, "too large")),
        _ => Err(fault(node, "expected a whole number")),
    }
}

const BYTES: &str = "bytes: hexadecimal digits in quotes, a reference, `{text: ...}`, `{repeat: \"00\", count: 9}`, \
     `{concat: [...]}`, `{of: $x, flip: 3}`, `{of: $x, take: 4}`, `{of: $x, skip: 4}` or null";

/// Bytes for a parameter: content, and perhaps a claimed length.
pub(super) fn bytes(node: &Node) -> Result<Bytes, Error> {
    match &node.kind {
        Kind::Null => Ok(Bytes {
            content: None,
            claim: None,
        }),
        Kind::Mapping(entries) => {
            let claim = get(entries, "claim").map(count).transpose()?;
            if get(entries, "pointer").is_some_and(|pointer| pointer.kind == Kind::Null) {
                only_keys(entries, &["pointer", "claim"])?;
                return Ok(Bytes {
                    content: None,
                    claim,
                });
            }
            check_form(entries, &["claim"])?;
            Ok(Bytes {
                content: Some(content_of(node, entries)?),
                claim,
            })
        }
        _ => content(node).map(Bytes::of),
    }
}

/// Bytes alone.
pub(super) fn content(node: &Node) -> Result<Content, Error> {
    match &node.kind {
        Kind::Text(text) if text.starts_with('$') => reference(node).map(Content::Reference),
        Kind::Text(text) => lexicon::from_hex(text)
            .map(Content::Literal)
            .ok_or_else(|| {
                fault(
                    node,
                    "expected an even number of hexadecimal digits; write text as `{text: ...}`",
                )
            }),
        // YAML reads `616263` without quotes as a number: its digits are gone, so do not guess.
        Kind::Unsigned(_) | Kind::Signed(_) | Kind::Float(_) => {
            Err(fault(node, "put hexadecimal digits in quotes"))
        }
        Kind::Mapping(entries) => {
            check_form(entries, &[])?;
            content_of(node, entries)
        }
        _ => Err(fault(node, format!("expected {BYTES}"))),
    }
}

/// The forms of bytes that are mappings, by their keys; the first key makes it this form.
pub(crate) const CONTENT_FORMS: &[&[&str]] = &[
    &["text"],
    &["hex"],
    &["repeat", "count"],
    &["concat"],
    &["of", "flip", "take", "skip"],
];

/// Refuses what does not belong to the form that the keys make, lest it be dropped in silence.
fn check_form(entries: &[(Node, Node)], extra: &[&str]) -> Result<(), Error> {
    let form = CONTENT_FORMS
        .iter()
        .find(|form| get(entries, form[0]).is_some());
    let known: Vec<&str> = match form {
        Some(form) => form.iter().chain(extra).copied().collect(),
        None => CONTENT_FORMS.concat(),
    };
    only_keys(entries, &known)
}

fn content_of(node: &Node, entries: &[(Node, Node)]) -> Result<Content, Error> {
    if let Some(value) = get(entries, "text") {
        let text = text_of(value).ok_or_else(|| fault(value, "expected text in quotes"))?;
        return Ok(Content::Text(text.to_owned()));
    }
    if let Some(value) = get(entries, "hex") {
        return content(value);
    }
    if let Some(value) = get(entries, "repeat") {
        let byte = match content(value)? {
            Content::Literal(bytes) if bytes.len() == 1 => bytes[0],
            _ => {
                return Err(fault(
                    value,
                    "expected one byte, two hexadecimal digits in quotes",
                ));
            }
        };
        let count = get(entries, "count").ok_or_else(|| fault(node, "`count` is missing here"))?;
        return Ok(Content::Repeat {
            byte,
            count: literal_count(count)?,
        });
    }
    if let Some(value) = get(entries, "concat") {
        let parts = super::list(value, "a list of bytes")?;
        return parts
            .iter()
            .map(content)
            .collect::<Result<_, _>>()
            .map(Content::Concat);
    }
    if let Some(value) = get(entries, "of") {
        let of = Box::new(content(value)?);
        let how = ["flip", "take", "skip"].map(|key| get(entries, key));
        return match how {
            [Some(bit), None, None] => Ok(Content::Flip {
                of,
                bit: literal_count(bit)?,
            }),
            [None, Some(count), None] => Ok(Content::Take {
                of,
                count: literal_count(count)?,
            }),
            [None, None, Some(count)] => Ok(Content::Skip {
                of,
                count: literal_count(count)?,
            }),
            _ => Err(fault(
                node,
                "`of` goes with one of `flip`, `take` and `skip`",
            )),
        };
    }
    Err(fault(node, format!("expected {BYTES}")))
}

/// Keys of an output buffer.
pub(crate) const BUFFER_KEYS: &[&str] = &["buffer", "claim", "length-pointer"];

/// An output buffer: null, or `{buffer: exact | short | null | N, claim: N, length-pointer: null}`.
pub(super) fn buffer(node: &Node) -> Result<Buffer, Error> {
    if node.kind == Kind::Null {
        return Ok(Buffer::of(BufferSize::Null));
    }
    let entries = mapping(
        node,
        "null, or a buffer: `{buffer: exact}`, `{buffer: 256}`",
    )?;
    only_keys(entries, BUFFER_KEYS)?;
    let size = match get(entries, "buffer") {
        None => BufferSize::Exact,
        Some(value) => match (&value.kind, text_of(value)) {
            (Kind::Null, _) => BufferSize::Null,
            (_, Some("exact")) => BufferSize::Exact,
            (_, Some("short")) => BufferSize::Short,
            _ => BufferSize::Elements(count(value)?),
        },
    };
    let null_length = match get(entries, "length-pointer") {
        None => false,
        Some(Node {
            kind: Kind::Null, ..
        }) => true,
        Some(other) => return Err(fault(other, "only null can be given here")),
    };
    Ok(Buffer {
        size,
        claim: get(entries, "claim").map(count).transpose()?,
        null_length,
    })
}

/// `CK_BBOOL`: true, false, or any byte.
pub(super) fn bbool(node: &Node) -> Result<u8, Error> {
    match &node.kind {
        Kind::Bool(_) => boolean(node).map(u8::from),
        Kind::Unsigned(value) => u8::try_from(*value).map_err(|_| fault(node, "expected a byte")),
        _ => Err(fault(node, "expected true, false, or a byte")),
    }
}

/// A version in quotes.
pub(super) fn version(node: &Node) -> Result<(u8, u8), Error> {
    let text = match &node.kind {
        Kind::Text(text) => text,
        Kind::Float(_) => return Err(fault(node, "put the version in quotes: 2.40 is a number")),
        _ => return Err(fault(node, "expected a version, `\"3.2\"`")),
    };
    let version: crate::cryptoki::Version = text.parse().map_err(|error| fault(node, error))?;
    Ok((version.major, version.minor))
}

/// A mechanism type by name or number, or a reference.
pub(super) fn mechanism_type(node: &Node) -> Result<Number, Error> {
    match text_of(node) {
        Some(text) if text.starts_with('$') => reference(node).map(Number::Reference),
        _ => constant(node, names::Kind::MECHANISM, "mechanism").map(Number::Literal),
    }
}
