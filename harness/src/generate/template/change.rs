//! What may be changed, and what not: [PKCS11-Base 3.2] footnote 8 of section 4.2, and 4.1.2 and
//! 4.1.3. A token may refuse any change; one that it makes must be as asked for.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, kept, on, presumed};
use super::{named, refusal, value};
use crate::cryptoki::Function::{self, C_CopyObject, C_GetAttributeValue, C_SetAttributeValue};
use crate::cryptoki::object::{Preset, Row};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Attribute, Call, Capture, Number, Reference};

const COPY: &str = "copy";
const BEFORE: &str = "before";

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let mut cases = Vec::new();
    for row in shape.subjects() {
        // 4.10: it must be of the key, so no other value is right.
        if row.attribute == CKA_PUBLIC_KEY_INFO {
            continue;
        }
        let Some(other) = value::another(&shape.usual(), row.attribute) else {
            continue;
        };
        if row.note(8) {
            cases.push(set(shape, row, &other));
        }
        // A token object would outlive the case.
        if (row.note(8) || row.rule("copy")) && row.attribute != CKA_TOKEN {
            cases.push(copied(shape, row, &other));
        }
        if let Some((level, section)) = fixed(shape, row) {
            let copies = Some(C_CopyObject).filter(|_| !row.rule("copy"));
            for function in [C_SetAttributeValue].into_iter().chain(copies) {
                // That it is refused is one thing, that it has no effect the graver.
                if level == Level::Security {
                    cases.push(ineffective(shape, row, &other, function));
                }
                let level = match level {
                    Level::Security => Level::Must,
                    other => other,
                };
                cases.push(refused(shape, row, &other, (function, level, section)));
            }
        }
    }
    cases
}

fn shown(name: &str, attribute: &Attribute) -> Call {
    let asked = vec![value::asked(attribute.attribute)];
    let mut get = on(C_GetAttributeValue, name, asked);
    get.expect = value::is_given(attribute).into_iter().collect();
    get
}

fn set(shape: &Shape, row: &Row, other: &Attribute) -> Draft {
    let name = named(row.attribute);
    shape
        .with_object(format!("set-{name}"), Some(row), "4.1.2")
        .title(format!(
            "{name} of a {} is what it was changed to",
            shape.noun()
        ))
        .class(Class::A)
        .call(presumed(on(
            C_SetAttributeValue,
            OBJECT,
            vec![other.clone()],
        )))
        .call(shown(OBJECT, other))
}

fn copied(shape: &Shape, row: &Row, other: &Attribute) -> Draft {
    let name = named(row.attribute);
    let copy = on(C_CopyObject, OBJECT, vec![other.clone()]);
    let draft = shape
        .with_object(format!("copy-with-{name}"), Some(row), "4.1.3")
        .title(format!(
            "{name} is changed in the copy of a {} alone",
            shape.noun()
        ))
        .class(Class::A)
        .call(presumed(kept(copy, "new_object", COPY)))
        .call(shown(COPY, other));
    let original = shape
        .usual()
        .into_iter()
        .find(|one| one.attribute == row.attribute);
    match original {
        Some(original) => draft.call(shown(OBJECT, &original)),
        None => draft,
    }
}

/// How binding it is that an attribute does not change, and where it is said. `None` where the
/// standard leaves it open, or has no such attribute of the object.
fn fixed(shape: &Shape, row: &Row) -> Option<(Level, &'static str)> {
    let changes = [8, 10, 11, 12].into_iter().any(|note| row.note(note));
    let there = value::of(&shape.usual(), row.attribute).is_some()
        || row.default != Preset::None
        || row.note(2);
    if changes || !there {
        return None;
    }
    match row.attribute {
        CKA_UNIQUE_ID => Some((Level::Must, "4.4.1")),
        CKA_LOCAL | CKA_ALWAYS_SENSITIVE | CKA_NEVER_EXTRACTABLE => Some((Level::Security, "4.2")),
        // "Only the CKA_LABEL attribute can be modified after the object is created."
        _ if row.rule("copy") => Some((Level::Must, "4.4")),
        // "Only the CKA_ID, CKA_ISSUER, and CKA_SERIAL_NUMBER attributes may be modified."
        _ if shape.class == CKO_CERTIFICATE => Some((Level::Must, "4.6.3")),
        // The text says so of none of the others; their tables do not say that they may change.
        _ if [1, 2, 4, 6].into_iter().any(|note| row.note(note)) => Some((Level::Should, "4.2")),
        _ => None,
    }
}

/// Whatever a call that should have been refused answers, the object, or its copy, says what it said.
fn ineffective(shape: &Shape, row: &Row, other: &Attribute, function: Function) -> Draft {
    let name = named(row.attribute);
    let asked = || vec![value::asked(row.attribute)];
    let mut before = presumed(on(C_GetAttributeValue, OBJECT, asked()));
    before.gives.push(Capture {
        output: value::answer(row.attribute),
        name: BEFORE.to_owned(),
    });
    let call = on(function, OBJECT, vec![other.clone()]);
    let (id, call, subject) = match function {
        C_CopyObject => ("copy-does-not-fake", kept(call, "new_object", COPY), COPY),
        _ => ("set-does-not-fake", call, OBJECT),
    };
    let mut after = on(C_GetAttributeValue, subject, asked());
    let same = Relation::Equals(Expected::Number(Number::Reference(Reference::to(BEFORE))));
    after.expect = vec![value::is(row.attribute, same)];
    shape
        .with_object(format!("{id}-{name}"), Some(row), "4.2")
        .title(format!(
            "{function} has no effect on {name} of a {}",
            shape.noun()
        ))
        .level(Level::Security)
        .call(before)
        .call(presumed(call))
        .call(after)
}

fn refused(
    shape: &Shape,
    row: &Row,
    other: &Attribute,
    (function, level, section): (Function, Level, &'static str),
) -> Draft {
    let name = named(row.attribute);
    let id = match function {
        C_CopyObject => format!("copy-with-fixed-{name}"),
        _ => format!("set-fixed-{name}"),
    };
    shape
        .with_object(id, Some(row), section)
        .title(format!(
            "{function} does not change {name} of a {}",
            shape.noun()
        ))
        .level(level)
        .judged(
            on(function, OBJECT, vec![other.clone()]),
            refusal(function, &[CKR_ATTRIBUTE_READ_ONLY]),
        )
}
