//! What a template must have, and must not: [PKCS11-Base 3.2] footnotes 1 to 4 of section 4.2.

use cryptoki_sys::*;

use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, presumed};
use super::{named, refusal, value};
use crate::cryptoki::Function;
use crate::cryptoki::object::Row;
use crate::sequence::Attribute;

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let mut cases = Vec::new();
    for row in shape.subjects() {
        cases.extend(created_without(shape, row));
        cases.extend(created_with(shape, row));
        cases.extend(generated_without(shape, row));
        cases.extend(generated_with(shape, row));
    }
    cases
}

/// Keys of which the standard fixes the length: a template that leaves it out is complete in every
/// other respect (6.58.2, 6.59.2, 6.60.2).
const OF_ONE_LENGTH: [CK_KEY_TYPE; 3] = [CKK_CHACHA20, CKK_SALSA20, CKK_POLY1305];

/// What can be computed from the rest of an RSA private key: by 4.1 the function itself may supply
/// what is required.
const OF_OTHERS: [CK_ATTRIBUTE_TYPE; 3] = [CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT];

/// Footnote 1.
fn created_without(shape: &Shape, row: &Row) -> Option<Draft> {
    let usual = shape.created_from()?;
    // Footnote 13 has the module make what footnote 1 asks the template for.
    let computed = (shape.class, shape.subtype) == (CKO_PRIVATE_KEY, Some(CKK_RSA))
        && OF_OTHERS.contains(&row.attribute);
    if !row.note(1) || row.note(13) || computed {
        return None;
    }
    value::of(&usual, row.attribute)?;
    let lacking = value::without(usual, row.attribute);
    let draft = shape
        .draft(
            format!("create-without-{}", named(row.attribute)),
            Some(row),
            "4.1.1",
        )
        .title(format!(
            "C_CreateObject refuses a {} without {}",
            shape.noun(),
            named(row.attribute)
        ));
    Some(created(draft, shape, lacking, &[CKR_TEMPLATE_INCOMPLETE]))
}

/// Footnote 2, and what the text lets nobody set.
fn created_with(shape: &Shape, row: &Row) -> Option<Draft> {
    if !row.note(2) && !row.rule("token") {
        return None;
    }
    let usual = shape.created_from()?;
    let excess = value::another(&usual, row.attribute)?;
    let draft = shape
        .draft(
            format!("create-with-{}", named(row.attribute)),
            Some(row),
            section(row),
        )
        .title(format!(
            "C_CreateObject refuses a {} with {}",
            shape.noun(),
            named(row.attribute)
        ));
    Some(created(
        draft,
        shape,
        value::with(usual, excess),
        read_only(row),
    ))
}

/// 4.4.1 has but one value for CKA_UNIQUE_ID. Other attributes are read-only as well, and have
/// another value by the function that creates the object (4.1.1).
fn read_only(row: &Row) -> &'static [CK_RV] {
    match row.attribute {
        CKA_UNIQUE_ID => &[CKR_ATTRIBUTE_READ_ONLY],
        _ => &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT],
    }
}

/// The section of the rule: 4.4.1 has one on CKA_UNIQUE_ID.
fn section(row: &Row) -> &'static str {
    match row.attribute {
        CKA_UNIQUE_ID => "4.4.1",
        _ => "4.2",
    }
}

fn created(draft: Draft, shape: &Shape, template: Vec<Attribute>, right: &[CK_RV]) -> Draft {
    let usual = shape.usual();
    draft
        .fixture(presumed(Shape::create(usual, "usual")))
        .judged(
            Shape::create(template, OBJECT),
            refusal(Function::C_CreateObject, right),
        )
}

/// Footnote 3.
fn generated_without(shape: &Shape, row: &Row) -> Option<Draft> {
    let usual = shape.generated_from();
    let fixed = shape.subtype.is_some_and(|of| OF_ONE_LENGTH.contains(&of));
    if !row.note(3) || fixed {
        return None;
    }
    value::of(&usual, row.attribute)?;
    let lacking = value::without(usual, row.attribute);
    let id = format!("generate-without-{}", named(row.attribute));
    let what = format!("without {}", named(row.attribute));
    generated(shape, row, (id, what), lacking, &[CKR_TEMPLATE_INCOMPLETE])
}

/// Footnote 4.
fn generated_with(shape: &Shape, row: &Row) -> Option<Draft> {
    if !row.note(4) && !row.rule("token") {
        return None;
    }
    let usual = shape.generated_from();
    let excess = match row.attribute {
        CKA_LOCAL => value::flag(CKA_LOCAL, false),
        attribute => value::another(&usual, attribute)?,
    };
    let id = format!("generate-with-{}", named(row.attribute));
    let what = format!("with {}", named(row.attribute));
    let template = value::with(usual, excess);
    generated(shape, row, (id, what), template, read_only(row))
}

fn generated(
    shape: &Shape,
    row: &Row,
    (id, what): (String, String),
    template: Vec<Attribute>,
    right: &[CK_RV],
) -> Option<Draft> {
    let call = shape.generate(template, OBJECT)?;
    let function = call.function;
    let section = match right {
        [CKR_TEMPLATE_INCOMPLETE] => "4.1.1",
        _ => section(row),
    };
    Some(
        shape
            .draft(id, Some(row), section)
            .needs(&shape.generating()?)
            .title(format!("{function} refuses a {} {what}", shape.noun()))
            .judged(call, refusal(function, right)),
    )
}
