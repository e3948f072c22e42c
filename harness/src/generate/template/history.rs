//! What an object says of where it comes from, which nobody can say for it: CKA_LOCAL,
//! CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE after each way of making
//! it ([PKCS11-Base 3.2] 4.8.2, 5.7.1, 5.7.2, 5.18.1, 5.18.2), and CKA_UNIQUE_ID (4.4.1).

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, kept, on, presumed};
use super::value;
use crate::cryptoki::Function::{C_CopyObject, C_GetAttributeValue};
use crate::cryptoki::Version;
use crate::plan::Needs;
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Attribute, Call, Capture, Expectation, Number, Reference};

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let mut cases = Vec::new();
    if has(shape, CKA_LOCAL) {
        cases.extend(created(shape));
        cases.extend(generated(shape, false));
        cases.extend(mechanism(shape));
    }
    if shape.is_secret() {
        cases.extend(generated(shape, true));
        cases.push(copied(shape));
    }
    if shape.first {
        cases.push(unique(shape));
    }
    cases
}

fn has(shape: &Shape, attribute: CK_ATTRIBUTE_TYPE) -> bool {
    shape.rows.iter().any(|row| row.attribute == attribute)
}

/// What C_GetAttributeValue must say of an object.
fn told(shape: &Shape, name: &str, values: &[(CK_ATTRIBUTE_TYPE, u64)]) -> Call {
    let there = values
        .iter()
        .filter(|(attribute, _)| has(shape, *attribute));
    let (asked, expected): (Vec<Attribute>, Vec<Expectation>) = there
        .map(|(attribute, value)| {
            (
                value::asked(*attribute),
                value::is_number(*attribute, *value),
            )
        })
        .unzip();
    let mut get = on(C_GetAttributeValue, name, asked);
    get.expect = expected;
    get
}

/// Even a key that is protected from the beginning was outside before it was created.
fn created(shape: &Shape) -> Option<Draft> {
    let mut usual = shape.created_from()?;
    if shape.is_secret() {
        usual = protected(usual);
    }
    let values = [
        (CKA_LOCAL, 0),
        (CKA_ALWAYS_SENSITIVE, 0),
        (CKA_NEVER_EXTRACTABLE, 0),
    ];
    Some(
        shape
            .draft("created-history".to_owned(), None, "5.7.1")
            .title(format!(
                "A {} that was created was not made here",
                shape.noun()
            ))
            .level(Level::Security)
            .class(Class::A)
            .fixture(shape.make(usual))
            .call(told(shape, OBJECT, &values)),
    )
}

fn protected(template: Vec<Attribute>) -> Vec<Attribute> {
    let template = value::with(template, value::flag(CKA_SENSITIVE, true));
    value::with(template, value::flag(CKA_EXTRACTABLE, false))
}

fn generated(shape: &Shape, protect: bool) -> Option<Draft> {
    let mut template = shape.generated_from();
    if protect {
        template = protected(template);
    }
    let values = [
        (CKA_LOCAL, 1),
        (CKA_ALWAYS_SENSITIVE, protect.into()),
        (CKA_NEVER_EXTRACTABLE, protect.into()),
    ];
    let (id, how) = match protect {
        true => ("generated-protected-history", "and protected "),
        false => ("generated-history", ""),
    };
    Some(
        shape
            .draft(id.to_owned(), None, "4.8.2")
            .needs(&shape.generating()?)
            .title(format!(
                "A {} that was generated {how}says so",
                shape.noun()
            ))
            .class(Class::A)
            .fixture(presumed(shape.generate(template, OBJECT)?))
            .call(told(shape, OBJECT, &values)),
    )
}

/// 4.8.2: the mechanism that generated the key, and no mechanism if none did.
fn mechanism(shape: &Shape) -> Vec<Draft> {
    let draft = |id: &str, how: &str| {
        shape
            .draft(id.to_owned(), None, "4.8.2")
            .title(format!("A {} that was {how} says by what", shape.noun()))
            .class(Class::A)
    };
    let told = |value| told(shape, OBJECT, &[(CKA_KEY_GEN_MECHANISM, value)]);
    let there = has(shape, CKA_KEY_GEN_MECHANISM);
    let created = shape.created_from().filter(|_| there).map(|usual| {
        draft("created-mechanism", "created")
            .fixture(shape.make(usual))
            .call(told(CK_UNAVAILABLE_INFORMATION))
    });
    let generated = shape.generator.filter(|_| there).and_then(|generator| {
        let generate = shape.generate(shape.generated_from(), OBJECT)?;
        Some(
            draft("generated-mechanism", "generated")
                .needs(&shape.generating()?)
                .fixture(presumed(generate))
                .call(told(generator.value)),
        )
    });
    created.into_iter().chain(generated).collect()
}

/// 5.7.2: a copy that cannot be extracted was extractable as what it is a copy of.
fn copied(shape: &Shape) -> Draft {
    let closed = vec![
        value::flag(CKA_SENSITIVE, true),
        value::flag(CKA_EXTRACTABLE, false),
    ];
    let copy = kept(on(C_CopyObject, OBJECT, closed), "new_object", "copy");
    let values = [
        (CKA_SENSITIVE, 1),
        (CKA_EXTRACTABLE, 0),
        (CKA_ALWAYS_SENSITIVE, 0),
        (CKA_NEVER_EXTRACTABLE, 0),
    ];
    shape
        .with_object("copied-history".to_owned(), None, "5.7.2")
        .title(format!(
            "A protected copy of an open {} was not always protected",
            shape.noun()
        ))
        .level(Level::Security)
        .class(Class::A)
        .call(presumed(copy))
        .call(told(shape, "copy", &values))
}

/// 4.4.1: each object has one of its own, a copy, too.
fn unique(shape: &Shape) -> Draft {
    let since = Needs {
        at_least: Some(Version::V3_0),
        ..Needs::default()
    };
    let get = |name: &str| on(C_GetAttributeValue, name, vec![value::asked(CKA_UNIQUE_ID)]);
    let first = Call {
        gives: vec![Capture {
            output: Reference::to("template").field("CKA_UNIQUE_ID"),
            name: "unique".to_owned(),
        }],
        ..get(OBJECT)
    };
    let copy = kept(on(C_CopyObject, OBJECT, Vec::new()), "new_object", "copy");
    let mut second = get("copy");
    let other = Expected::Number(Number::Reference(Reference::to("unique")));
    second.expect = vec![value::is(CKA_UNIQUE_ID, Relation::Differs(other))];
    shape
        .with_object("unique-id".to_owned(), None, "4.4.1")
        .needs(&since)
        .title(format!(
            "A {} and its copy have each a CKA_UNIQUE_ID of its own",
            shape.noun()
        ))
        .class(Class::A)
        .call(first)
        .call(presumed(copy))
        .call(second)
}
