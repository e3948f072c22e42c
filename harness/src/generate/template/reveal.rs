//! What is not shown: [PKCS11-Base 3.2] footnote 7 of section 4.2, and case 1 of 5.7.5.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, on};
use super::{named, value};
use crate::cryptoki::Function;
use crate::cryptoki::object::Row;
use crate::sequence::expectation::Relation;

/// What closes a key.
struct Closed {
    id: &'static str,
    what: &'static str,
    flags: [(CK_ATTRIBUTE_TYPE, bool); 2],
}

/// Either half will do. The other one is left open, so that it is not what hides.
const CLOSED: [Closed; 2] = [
    Closed {
        id: "sensitive",
        what: "sensitive",
        flags: [(CKA_SENSITIVE, true), (CKA_EXTRACTABLE, true)],
    },
    Closed {
        id: "unextractable",
        what: "not extractable",
        flags: [(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, false)],
    },
];

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let secret = shape.rows.iter().filter(|row| row.note(7));
    secret
        .flat_map(|row| CLOSED.each_ref().map(|closed| hidden(shape, row, closed)))
        .flatten()
        .collect()
}

fn hidden(shape: &Shape, row: &Row, closed: &Closed) -> Option<Draft> {
    let Closed { id, what, flags } = closed;
    let usual = shape.usual();
    // Of what is generated CKA_VALUE is all that each has; other attributes are only there if given.
    let given = value::of(&usual, row.attribute).is_some();
    let generated = row.attribute == CKA_VALUE && shape.created_from().is_none();
    if !given && !generated {
        return None;
    }
    let template = flags.iter().fold(usual, |template, (attribute, value)| {
        value::with(template, value::flag(*attribute, *value))
    });
    let mut get = on(
        Function::C_GetAttributeValue,
        OBJECT,
        vec![value::asked(row.attribute)],
    );
    get.expect = vec![value::is(row.attribute, Relation::Unavailable)];
    // A token need not have what it was given in another form.
    let answer = Answer::of(Function::C_GetAttributeValue, &[CKR_ATTRIBUTE_SENSITIVE])
        .tolerating([CKR_ATTRIBUTE_TYPE_INVALID]);
    let name = named(row.attribute);
    Some(
        shape
            .draft(format!("{id}-{name}"), Some(row), "5.7.5")
            .needs(&shape.making())
            .title(format!(
                "{name} of a {} that is {what} is not shown",
                shape.noun()
            ))
            .level(Level::Security)
            .class(Class::A)
            .fixture(shape.make(template))
            .judged(get, answer),
    )
}
