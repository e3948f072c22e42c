//! Footnotes about objects that are created, changed and asked.

use cryptoki_sys::*;

use crate::attributes::{COPY, Row, TOKEN};
use crate::samples::{Sample, samples};
use crate::support::{Attributes, RW, SO_PIN, Token};

/// Runs a check on every row of every sample, with a session of the user.
fn for_rows(check: impl Fn(&Token, CK_SESSION_HANDLE, &Sample, &Row)) {
    let token = Token::fresh();
    let session = token.user_session();
    for sample in samples() {
        for row in &sample.rows {
            check(&token, session, &sample, row);
        }
    }
}

fn only(attribute: CK_ATTRIBUTE_TYPE, value: Vec<u8>) -> Attributes {
    Attributes::new().bytes(attribute, value)
}

/// A value that may stand for the one that the object has: the same one where that is known.
fn fitting(sample: &Sample, row: &Row, present: Option<Vec<u8>>) -> Vec<u8> {
    let given = sample.template.get(row.attribute).map(<[u8]>::to_vec);
    let present = present.filter(|value| value.len() > 1);
    given.or(present).unwrap_or_else(|| row.sample())
}

#[test]
fn footnote_1_must_be_specified_for_create_object() {
    for_rows(|token, session, sample, row| {
        assert!(
            token.create(session, &sample.template).is_ok(),
            "{}",
            sample.name
        );
        if row.note(1) {
            let template = sample.template.clone().without(row.attribute);
            let refused = token.create(session, &template);
            let what = format!("{} without {:#x}", sample.name, row.attribute);
            assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE), "{what}");
        }
    });
}

#[test]
fn footnote_2_must_not_be_specified_for_create_object() {
    for_rows(|token, session, sample, row| {
        if row.any_note(&[2, TOKEN]) {
            let value = fitting(sample, row, None);
            let template = sample.template.clone().bytes(row.attribute, value);
            let refused = token.create(session, &template);
            let what = format!("{} with {:#x}", sample.name, row.attribute);
            assert_eq!(refused, Err(CKR_ATTRIBUTE_READ_ONLY), "{what}");
        }
    });
}

#[test]
fn what_is_not_specified_has_its_default() {
    for_rows(|token, session, sample, row| {
        let Some(default) = row.default else { return };
        let computed = [CKA_PUBLIC_KEY_INFO].contains(&row.attribute);
        if sample.template.get(row.attribute).is_none() && !computed {
            let object = token.create(session, &sample.template).unwrap();
            let value = token.attribute(session, object, row.attribute);
            assert_eq!(value, Ok(default()), "{} {:#x}", sample.name, row.attribute);
        }
    });
}

#[test]
fn footnote_7_cannot_be_revealed_of_sensitive_or_unextractable_keys() {
    for_rows(|token, session, sample, row| {
        if !row.note(7) {
            return;
        }
        for (sensitive, extractable) in [(false, true), (true, true), (false, false)] {
            let template = sample.template.clone();
            let template = template.bool(CKA_SENSITIVE, sensitive);
            let template = template.bool(CKA_EXTRACTABLE, extractable);
            let object = token.create(session, &template).unwrap();
            let value = token.attribute(session, object, row.attribute);
            match (sensitive, extractable) {
                (false, true) => assert_ne!(value, Err(CKR_ATTRIBUTE_SENSITIVE)),
                _ => assert_eq!(value, Err(CKR_ATTRIBUTE_SENSITIVE), "{}", sample.name),
            }
        }
    });
}

#[test]
fn footnote_8_may_be_modified_and_nothing_else_may() {
    for_rows(|token, session, sample, row| {
        let object = token.create(session, &sample.template).unwrap();
        let present = token.attribute(session, object, row.attribute).ok();
        let value = fitting(sample, row, present);
        let template = only(row.attribute, value.clone());
        let what = format!("{} {:#x}", sample.name, row.attribute);
        let set = token.set(session, object, &template);
        let copied = token.copy(session, object, &template);
        // Footnote 10 is for the SO, and footnote 12 fixes flags that are clear from the start.
        let changes = row.any_note(&[8, 11]) && !row.note(COPY);
        if changes {
            assert_eq!(set, CKR_OK, "{what}");
            let now = token.attribute(session, object, row.attribute);
            assert!(
                now == Ok(value) || now == Err(CKR_ATTRIBUTE_SENSITIVE),
                "{what}"
            );
            assert!(copied.is_ok(), "{what}");
        } else if !row.any_note(&[10, 12]) || row.note(COPY) {
            assert_eq!(set, CKR_ATTRIBUTE_READ_ONLY, "{what}");
            let expected = if row.note(COPY) {
                CKR_OK
            } else {
                CKR_ATTRIBUTE_READ_ONLY
            };
            assert_eq!(copied.err().unwrap_or(CKR_OK), expected, "{what}");
        }
    });
}

#[test]
fn footnote_10_can_be_set_to_true_by_the_so_alone() {
    let token = Token::fresh();
    let session = token.open(RW);
    for so in [false, true] {
        if so {
            assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
        }
        for sample in samples() {
            // The SO sees public objects only.
            let template = sample.template.clone().bool(CKA_PRIVATE, false);
            let object = token.create(session, &template).unwrap();
            for row in sample.rows.iter().filter(|row| row.note(10)) {
                let set = token.set(session, object, &only(row.attribute, vec![1]));
                let trusted = template.clone().bool(row.attribute, true);
                let created = token.create(session, &trusted).err().unwrap_or(CKR_OK);
                let expected = if so { CKR_OK } else { CKR_ATTRIBUTE_READ_ONLY };
                assert_eq!((set, created), (expected, expected), "{}", sample.name);
            }
        }
    }
}

#[test]
fn footnotes_11_and_12_fix_an_attribute_once_it_is_true_or_false() {
    for_rows(|token, session, sample, row| {
        for (note, fixed) in [(11, true), (12, false)] {
            if !row.note(note) || row.sample().len() != 1 {
                continue;
            }
            let template = sample.template.clone().bool(row.attribute, fixed);
            let object = token.create(session, &template).unwrap();
            let back = Attributes::new().bool(row.attribute, !fixed);
            let what = format!("{} {:#x}", sample.name, row.attribute);
            assert_eq!(
                token.set(session, object, &back),
                CKR_ATTRIBUTE_READ_ONLY,
                "{what}"
            );
            let copied = token.copy(session, object, &back);
            let refusals = [CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED];
            assert!(refusals.contains(&copied.unwrap_err()), "{what}");
        }
    });
}
