//! Bytes in every form, and the buffers that take them.

use serde_json::{Value as Json, json};

use super::definitions::{
    Definitions, any, array, count, described, keyed, null, object, pattern, requiring, text, words,
};
use super::number::{number, reference};
use crate::cryptoki::function::Domain;
use crate::sequence::read::{BUFFER_KEYS, CONTENT_FORMS};

/// Hexadecimal digits; blanks may stand among them.
pub(super) fn hex(parts: &mut Definitions) -> Json {
    const DIGIT: &str = "[0-9A-Fa-f][ \\t\\n\\f\\r]*";
    parts.part("hex", |_| {
        described(
            pattern(&format!("^[ \\t\\n\\f\\r]*({DIGIT}{DIGIT})*$")),
            "Hexadecimal digits, two for each byte.",
        )
    })
}

/// Bytes of a known content.
pub(super) fn content(parts: &mut Definitions) -> Json {
    parts.part("content", |parts| {
        any([hex(parts), reference(parts), content_mapping(parts)])
    })
}

/// Content that is written as a mapping.
pub(super) fn content_mapping(parts: &mut Definitions) -> Json {
    parts.part(
        "content.mapping",
        |parts| json!({ "anyOf": forms(parts, &[]) }),
    )
}

fn forms(parts: &mut Definitions, extra: &[&'static str]) -> Vec<Json> {
    let form = |keys: &&[&'static str]| {
        let all: Vec<&'static str> = keys.iter().chain(extra).copied().collect();
        let mut form = requiring(keyed(&all, |key| content_key(parts, key)), &keys[..1]);
        match keys[0] {
            "repeat" => form = requiring(form, keys),
            "of" => {
                form["oneOf"] = keys[1..]
                    .iter()
                    .map(|key| json!({ "required": [key] }))
                    .collect()
            }
            _ => {}
        }
        form
    };
    CONTENT_FORMS.iter().map(form).collect()
}

fn content_key(parts: &mut Definitions, key: &str) -> Json {
    match key {
        "text" => text(),
        "repeat" => described(pattern("^[0-9A-Fa-f]{2}$"), "The byte."),
        "concat" => array(content(parts)),
        "flip" => described(count(u64::MAX), "The bit to turn over, from 0."),
        "count" | "take" | "skip" => count(u64::MAX),
        "claim" => described(
            number(parts, Domain::Plain),
            "The length that is claimed instead of the true one: class C.",
        ),
        _ => content(parts),
    }
}

/// Bytes for a parameter, as a mapping: a content with a claim, or NULL.
pub(super) fn bytes_mapping(parts: &mut Definitions) -> Json {
    parts.part("bytes.mapping", |parts| {
        let mut all = forms(parts, &["claim"]);
        let claim = content_key(parts, "claim");
        all.push(requiring(
            object([("pointer", null()), ("claim", claim)]),
            &["pointer"],
        ));
        json!({ "anyOf": all })
    })
}

/// Bytes for a parameter.
pub(super) fn bytes(parts: &mut Definitions) -> Json {
    parts.part("bytes", |parts| {
        any([null(), hex(parts), reference(parts), bytes_mapping(parts)])
    })
}

/// Text as it stands, or bytes in any other form.
pub(super) fn text_or_bytes(parts: &mut Definitions) -> Json {
    parts.part("text-or-bytes", |parts| {
        any([plain_text(), reference(parts), null(), bytes_mapping(parts)])
    })
}

/// Text that is no reference.
pub(super) fn plain_text() -> Json {
    pattern("^([^$]|$)")
}

/// Memory for an output.
pub(super) fn buffer(parts: &mut Definitions) -> Json {
    parts.part("buffer", |parts| {
        let mapping = keyed(BUFFER_KEYS, |key| match key {
            "buffer" => {
                let words = described(
                    words(["exact", "short"]),
                    "As much as the module asks for, or one less.",
                );
                any([null(), words, number(parts, Domain::Plain)])
            }
            "length-pointer" => described(null(), "A NULL pointer to the length: class C."),
            _ => content_key(parts, "claim"),
        });
        any([null(), mapping])
    })
}
