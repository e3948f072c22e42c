//! The five cases of C_GetAttributeValue, alone and together: [PKCS11-Base 3.2] 5.7.5. Whatever the
//! answer is, every attribute that can be returned is.

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, on};
use super::{general, value};
use crate::cryptoki::Function::C_GetAttributeValue;
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Attribute, BufferSize, Expectation, Number};

/// One attribute that is asked for, what must become of it, and the value that the call may return
/// because of it.
type Question = (Attribute, Expectation, CK_RV);

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let questions: [(&str, &str, Vec<Question>); 6] = [
        ("get-value", "tells values", vec![class(shape), label()]),
        ("get-length", "tells lengths", vec![length(), class(shape)]),
        (
            "get-one-byte-short",
            "tells that a buffer is too small",
            vec![short(), class(shape)],
        ),
        (
            "get-exact",
            "fills a buffer that is just large enough",
            vec![exact(), class(shape)],
        ),
        (
            "get-absent",
            "tells that there is no such attribute",
            vec![absent(shape), class(shape), label()],
        ),
        (
            "get-all-processed",
            "processes all attributes whatever the first is",
            vec![absent(shape), token(), short(), class(shape)],
        ),
    ];
    let mut cases: Vec<Draft> = questions
        .into_iter()
        .filter(|_| shape.first)
        .map(|(id, what, questions)| case(shape, id, what, questions))
        .collect();
    cases.extend(among_others(shape));
    cases
}

fn class(shape: &Shape) -> Question {
    let expected = value::is_number(CKA_CLASS, shape.class);
    (value::asked(CKA_CLASS), expected, CKR_OK)
}

/// What `shape` gives all objects.
const LABEL: &str = "p11assay";

fn labelled() -> Expectation {
    let text = crate::sequence::Content::Text(LABEL.to_owned());
    value::is(CKA_LABEL, Relation::Equals(Expected::Bytes(text)))
}

/// Case 4, with room to spare.
fn label() -> Question {
    (value::asked(CKA_LABEL), labelled(), CKR_OK)
}

/// Case 4, with just the room that there must be.
fn exact() -> Question {
    let size = BufferSize::Elements(Number::Literal(LABEL.len() as u64));
    (value::asked_with(CKA_LABEL, size), labelled(), CKR_OK)
}

/// Case 3.
fn length() -> Question {
    let length = Expected::Number(Number::Literal(LABEL.len() as u64));
    let length = Relation::Length(Box::new(Relation::Equals(length)));
    let asked = value::asked_with(CKA_LABEL, BufferSize::Null);
    (asked, value::is(CKA_LABEL, length), CKR_OK)
}

fn token() -> Question {
    (
        value::asked(CKA_TOKEN),
        value::is_number(CKA_TOKEN, 0),
        CKR_OK,
    )
}

/// Case 5.
fn short() -> Question {
    let size = BufferSize::Elements(Number::Literal(LABEL.len() as u64 - 1));
    let asked = value::asked_with(CKA_LABEL, size);
    let expected = value::is(CKA_LABEL, Relation::Unavailable);
    (asked, expected, CKR_BUFFER_TOO_SMALL)
}

/// Case 2.
fn absent(shape: &Shape) -> Question {
    let attribute = general::foreign(shape).attribute;
    let expected = value::is(attribute, Relation::Unavailable);
    (
        value::asked(attribute),
        expected,
        CKR_ATTRIBUTE_TYPE_INVALID,
    )
}

fn case(shape: &Shape, id: &str, what: &str, questions: Vec<Question>) -> Draft {
    shape
        .with_object(id.to_owned(), None, "5.7.5")
        .title(format!("C_GetAttributeValue {what} of a {}", shape.noun()))
        .class(Class::A)
        .judged(get(&questions), answer(&questions))
}

fn get(questions: &[Question]) -> crate::sequence::Call {
    let asked = questions.iter().map(|(asked, ..)| asked.clone());
    let mut get = on(C_GetAttributeValue, OBJECT, asked.collect());
    let expected = questions.iter().map(|(_, expected, _)| expected.clone());
    get.expect = expected.collect();
    get
}

/// Any of the values that one of the attributes asks for; CKR_OK if none does.
fn answer(questions: &[Question]) -> Answer {
    let mut right: Vec<CK_RV> = questions.iter().map(|(.., value)| *value).collect();
    right.retain(|value| *value != CKR_OK);
    if right.is_empty() {
        right.push(CKR_OK);
    }
    // A failure that is none of these has nothing to say of single attributes.
    Answer {
        right,
        tolerated: Vec::new(),
    }
}

/// Case 1, before others.
fn among_others(shape: &Shape) -> Option<Draft> {
    let secret = shape.rows.iter().find(|row| row.note(7) && row.note(1))?;
    let closed = value::with(shape.usual(), value::flag(CKA_SENSITIVE, true));
    let hidden = (
        value::asked(secret.attribute),
        value::is(secret.attribute, Relation::Unavailable),
        CKR_ATTRIBUTE_SENSITIVE,
    );
    let questions = [hidden, absent(shape), short(), class(shape), token()];
    Some(
        shape
            .draft("get-sensitive-among-others".to_owned(), None, "5.7.5")
            .needs(&shape.making())
            .title(format!(
                "C_GetAttributeValue tells all but what is sensitive of a {}",
                shape.noun()
            ))
            .class(Class::A)
            .fixture(shape.make(closed))
            .judged(get(&questions), answer(&questions)),
    )
}
