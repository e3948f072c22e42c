//! Rules on templates that are the same for all objects: an attribute twice, of no object, of another
//! class, of the wrong size, without a value ([PKCS11-Base 3.2] 4.1.1); a key type that is not that
//! of the mechanism (5.18.1, 5.18.2); and that a call which is refused makes nothing (5.7.1).

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::{Draft, nothing_has};
use super::shape::{OBJECT, Shape, on, presumed};
use super::{named, refusal, value};
use crate::cryptoki::Function::{self, C_CopyObject, C_CreateObject, C_SetAttributeValue};
use crate::cryptoki::object::Row;
use crate::sequence::{Attribute, AttributeValue, Bytes, Call, Content, Number};

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let mut cases = Vec::new();
    for way in ways(shape).into_iter().filter(|_| shape.first) {
        cases.extend(BENDS.iter().map(|bend| bent(shape, &way, bend)));
        cases.push(same_value_twice(shape, &way));
        cases.push(without_value(shape, &way));
    }
    let rows = shape.rows.iter();
    let rows = rows.filter(|row| shape.first || !row.is_of_class());
    cases.extend(rows.filter_map(|row| wrong_size(shape, row)));
    cases.extend(implied(shape));
    cases.extend(nothing_made(shape).filter(|_| shape.first));
    cases
}

/// A function that takes a template, and the call with one.
struct Way {
    function: Function,
    /// As cases are called after it.
    id: &'static str,
    /// What it adds the bent attributes to.
    usual: Vec<Attribute>,
}

fn ways(shape: &Shape) -> Vec<Way> {
    let create = shape.created_from().map(|usual| Way {
        function: C_CreateObject,
        id: "create",
        usual,
    });
    let generate = shape.generator.map(|_| Way {
        function: match shape.is_pair() {
            true => Function::C_GenerateKeyPair,
            false => Function::C_GenerateKey,
        },
        id: "generate",
        usual: shape.generated_from(),
    });
    let change = [(C_CopyObject, "copy"), (C_SetAttributeValue, "set")];
    let change = change.map(|(function, id)| Way {
        function,
        id,
        usual: Vec::new(),
    });
    create.into_iter().chain(generate).chain(change).collect()
}

impl Way {
    /// The case up to the call that is judged, and that call with more attributes.
    fn draft(&self, shape: &Shape, id: &str, section: &'static str) -> Draft {
        let id = format!("{}-{id}", self.id);
        match self.function {
            C_CreateObject => shape
                .draft(id, None, section)
                .fixture(presumed(Shape::create(self.usual.clone(), "usual"))),
            C_CopyObject | C_SetAttributeValue => shape.with_object(id, None, section),
            _ => {
                let needs = shape.generating().unwrap_or_default();
                shape.draft(id, None, section).needs(&needs)
            }
        }
    }

    fn call(&self, shape: &Shape, more: Vec<Attribute>) -> Call {
        let template = [self.usual.clone(), more].concat();
        match self.function {
            C_CreateObject => Shape::create(template, OBJECT),
            C_CopyObject | C_SetAttributeValue => on(self.function, OBJECT, template),
            _ => shape
                .generate(template, OBJECT)
                .unwrap_or_else(|| Call::new(0, self.function)),
        }
    }
}

/// Attributes that no template may have.
struct Bend {
    id: &'static str,
    what: &'static str,
    right: &'static [CK_RV],
    more: fn(&Shape) -> Vec<Attribute>,
}

const BENDS: [Bend; 3] = [
    Bend {
        id: "two-values",
        what: "two values of one attribute",
        right: &[CKR_TEMPLATE_INCONSISTENT],
        more: |_| {
            ["one", "two"]
                .map(|label| value::text(CKA_LABEL, label))
                .into()
        },
    },
    Bend {
        id: "unknown-attribute",
        what: "an attribute of no object",
        right: &[CKR_ATTRIBUTE_TYPE_INVALID],
        more: |_| vec![value::text(UNKNOWN, "p11assay")],
    },
    Bend {
        id: "attribute-of-another-class",
        what: "an attribute of another class",
        right: &[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID],
        more: |shape| vec![foreign(shape)],
    },
];

/// A type that the standard does not have, and that no vendor may have either.
const UNKNOWN: CK_ATTRIBUTE_TYPE = 0x3fff_fff1;

/// An attribute of other objects.
pub(super) fn foreign(shape: &Shape) -> Attribute {
    let mine = |attribute: &u64| shape.rows.iter().any(|row| row.attribute == *attribute);
    let mut all = [CKA_MODULUS, CKA_EC_POINT].into_iter();
    let attribute = all.find(|one| !mine(one)).unwrap_or(CKA_APPLICATION);
    value::bytes(
        attribute,
        Content::Repeat {
            byte: 0x31,
            count: 16,
        },
    )
}

fn bent(shape: &Shape, way: &Way, bend: &Bend) -> Draft {
    let function = way.function;
    way.draft(shape, bend.id, "4.1.1")
        .level(Level::Should)
        .title(format!(
            "{function} refuses {} for a {}",
            bend.what,
            shape.noun()
        ))
        .judged(
            way.call(shape, (bend.more)(shape)),
            refusal(function, bend.right),
        )
}

/// 4.1.1: this can succeed, or be inconsistent.
fn same_value_twice(shape: &Shape, way: &Way) -> Draft {
    let function = way.function;
    let label = || value::text(CKA_LABEL, "p11assay");
    let more = match way.usual.is_empty() {
        true => vec![label(), label()],
        false => vec![label()],
    };
    let answer = Answer::of(function, &[CKR_OK, CKR_TEMPLATE_INCONSISTENT])
        .tolerating(refusal(function, &[]).tolerated);
    way.draft(shape, "same-value-twice", "4.1.1")
        .level(Level::Should)
        .title(format!(
            "{function} takes one value twice for a {}, or calls it inconsistent",
            shape.noun()
        ))
        .judged(way.call(shape, more), answer)
}

/// NULL with a length that says there is something. 5.1.6 has CKR_ARGUMENTS_BAD for arguments that
/// are not appropriate, and 4.1.1 CKR_ATTRIBUTE_VALUE_INVALID; no sentence says MUST.
fn without_value(shape: &Shape, way: &Way) -> Draft {
    let nothing = Attribute {
        attribute: CKA_LABEL,
        value: AttributeValue::Bytes(Bytes {
            content: None,
            claim: Some(Number::Literal(16)),
        }),
    };
    let function = way.function;
    let bare = Way {
        usual: value::without(way.usual.clone(), CKA_LABEL),
        ..*way
    };
    way.draft(shape, "null-value", "4.1.1")
        .level(Level::Should)
        .title(format!(
            "{function} does not succeed with NULL for a value of a {}",
            shape.noun()
        ))
        .unsuccessful(bare.call(shape, vec![nothing]))
}

/// 4.1.1: a value of another size than its type has is none.
fn wrong_size(shape: &Shape, row: &Row) -> Option<Draft> {
    let usual = shape.created_from()?;
    let fixed = row.note(2) || row.rule("token") || row.note(10);
    let wrong = value::of_wrong_size(row.attribute).filter(|_| !fixed)?;
    let name = named(row.attribute);
    let right = [CKR_ATTRIBUTE_VALUE_INVALID];
    Some(
        shape
            .draft(format!("create-wrong-size-{name}"), Some(row), "4.1.1")
            .level(Level::Should)
            .title(format!(
                "C_CreateObject refuses a {name} of the wrong size for a {}",
                shape.noun()
            ))
            .fixture(presumed(Shape::create(usual.clone(), "usual")))
            .judged(
                Shape::create(value::with(usual, wrong), OBJECT),
                refusal(C_CreateObject, &right),
            ),
    )
}

/// 5.18.1 and 5.18.2: class and key type follow from the mechanism.
fn implied(shape: &Shape) -> Vec<Draft> {
    let section = if shape.is_pair() { "5.18.2" } else { "5.18.1" };
    let case = |(id, attribute)| {
        let usual = shape.generated_from();
        let now = [
            value::ulong(CKA_CLASS, shape.class),
            value::ulong(CKA_KEY_TYPE, shape.subtype?),
        ];
        let other = value::another(&now, attribute)?;
        let call = shape.generate(value::with(usual, other), OBJECT)?;
        let function = call.function;
        Some(
            shape
                .draft(format!("generate-of-another-{id}"), None, section)
                .needs(&shape.generating()?)
                .title(format!(
                    "{function} refuses another {id} than a {}",
                    shape.noun()
                ))
                .judged(call, refusal(function, &[CKR_TEMPLATE_INCONSISTENT])),
        )
    };
    let cases = [("class", CKA_CLASS), ("type", CKA_KEY_TYPE)].map(case);
    cases.into_iter().flatten().collect()
}

/// 5.7.1: what cannot be as the template says is not made at all.
fn nothing_made(shape: &Shape) -> Option<Draft> {
    let usual = value::with(shape.created_from()?, value::text(CKA_LABEL, BENT));
    let bent = value::with(usual, foreign(shape));
    // Where the template is taken there is an object, as another case says.
    let refused = Call {
        not_applicable: vec![CKR_OK],
        except: vec![CKR_OK],
        ..Shape::create(bent, OBJECT)
    };
    Some(
        shape
            .draft("create-refused-makes-nothing".to_owned(), None, "5.7.1")
            .title(format!(
                "There is no {} after a template that was refused",
                shape.noun()
            ))
            .class(Class::B)
            .call(refused)
            .calls(nothing_has(BENT)),
    )
}

const BENT: &str = "p11assay bent";
