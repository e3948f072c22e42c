//! What an object has that its template does not give: the defaults of the tables of
//! [PKCS11-Base 3.2] chapters 4 and 6; and that it has what the template gives.

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, on};
use super::{named, value};
use crate::cryptoki::Function;
use crate::cryptoki::Version;
use crate::cryptoki::object::{Preset, Row};
use crate::plan::Needs;

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let rows = shape.subjects();
    let mut cases: Vec<Draft> = rows.filter_map(|row| default(shape, row)).collect();
    cases.extend(given(shape));
    cases
}

/// Chapter 4: an object possesses all attributes of its type, those with a default value, too.
fn default(shape: &Shape, row: &Row) -> Option<Draft> {
    // What footnote 2 keeps out of templates is computed: see `history`.
    // For HOTP keys the counter is of eight bytes, whatever the table says (6.53.9.1).
    let counter = shape.subtype == Some(CKK_HOTP) && row.attribute == CKA_OTP_COUNTER;
    if row.note(1) || row.note(2) || counter {
        return None;
    }
    let expected = match row.default {
        Preset::None => return None,
        Preset::Empty => value::is_empty(row.attribute),
        Preset::Value(number) => value::is_number(row.attribute, number),
    };
    let bare = value::without(shape.usual(), row.attribute);
    let mut get = on(
        Function::C_GetAttributeValue,
        OBJECT,
        vec![value::asked(row.attribute)],
    );
    get.expect = vec![expected];
    let id = format!("default-{}", named(row.attribute));
    let name = named(row.attribute);
    Some(
        shape
            .draft(id, Some(row), section(row))
            .needs(&shape.making())
            .title(format!(
                "A {} that is given no {name} has its default",
                shape.noun()
            ))
            .class(Class::A)
            .fixture(shape.make(bare))
            .call(get),
    )
}

/// The section of the table; those of historical mechanisms are in another document.
fn section(row: &Row) -> &'static str {
    match row.section {
        section if section.starts_with("Hist") => "4.2",
        section => section,
    }
}

/// Key types whose encoding of CKA_EC_POINT has changed with a version of the standard.
const REENCODED: [CK_KEY_TYPE; 2] = [CKK_EC_EDWARDS, CKK_EC_MONTGOMERY];

/// 4.1.1: a template is what the new object is like.
fn given(shape: &Shape) -> Option<Draft> {
    let usual = shape.created_from()?;
    let mut get = on(Function::C_GetAttributeValue, OBJECT, Vec::new());
    let asked = usual.iter().map(|one| value::asked(one.attribute));
    get.arguments[2] = super::shape::template(asked.collect());
    get.expect = usual.iter().filter_map(value::is_given).collect();
    let late = shape.subtype.filter(|of| REENCODED.contains(of));
    let needs = Needs {
        at_least: late.map(|_| Version::V3_2),
        ..Needs::default()
    };
    Some(
        shape
            .with_object("create-keeps-template".to_owned(), None, "4.1.1")
            .needs(&needs)
            .title(format!("A {} is as its template says", shape.noun()))
            .class(Class::A)
            .call(get),
    )
}
