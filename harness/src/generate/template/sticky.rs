//! What changes in one direction alone, or by one user alone: [PKCS11-Base 3.2] footnotes 10, 11 and
//! 12 of section 4.2; and objects that say that they are not to be changed, copied or destroyed (4.4).

use cryptoki_sys::*;
use p11assay_reports::evidence::Level;

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::shape::{OBJECT, Shape, kept, on, presumed};
use super::{named, refusal, value};
use crate::cryptoki::AttributeType;
use crate::cryptoki::Function::{
    self, C_CopyObject, C_CreateObject, C_DestroyObject, C_GetAttributeValue, C_SetAttributeValue,
};
use crate::cryptoki::attribute::attribute_type;
use crate::cryptoki::object::Row;
use crate::sequence::Attribute;

/// The name of a copy.
const COPY: &str = "copy";

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let mut cases = Vec::new();
    for row in shape.subjects() {
        if attribute_type(row.attribute) != AttributeType::Bool {
            continue;
        }
        if row.note(10) {
            cases.extend(trusted(shape, row));
        }
        for (note, stuck) in [(11, true), (12, false)] {
            if row.note(note) {
                cases.extend(stays(shape, row, stuck, C_SetAttributeValue));
                // An object that is not copyable has no copy.
                if row.attribute != CKA_COPYABLE {
                    cases.extend(stays(shape, row, stuck, C_CopyObject));
                }
            }
        }
    }
    if shape.first {
        cases.extend(PROHIBITED.iter().map(|one| prohibited(shape, one)));
    }
    cases
}

/// Footnote 10, by the user.
fn trusted(shape: &Shape, row: &Row) -> Vec<Draft> {
    let name = named(row.attribute);
    let draft = |draft: Draft, function: Function| {
        draft.title(format!(
            "{function} by the user does not make a {} have {name}",
            shape.noun()
        ))
    };
    let claim = value::flag(row.attribute, true);
    let set = shape.with_object(format!("set-{name}-by-user"), Some(row), "4.2");
    let set = draft(set, C_SetAttributeValue).judged(
        on(C_SetAttributeValue, OBJECT, vec![claim.clone()]),
        refusal(C_SetAttributeValue, &[CKR_ATTRIBUTE_READ_ONLY]),
    );
    let get = || {
        let asked = vec![value::asked(row.attribute)];
        let mut get = on(C_GetAttributeValue, OBJECT, asked);
        get.expect = vec![value::is_number(row.attribute, 0)];
        get
    };
    // That it is refused is one thing, that it has no effect the graver.
    let fake = shape.with_object(format!("set-does-not-fake-{name}"), Some(row), "4.2");
    let fake = draft(fake, C_SetAttributeValue)
        .level(Level::Security)
        .call(presumed(on(
            C_SetAttributeValue,
            OBJECT,
            vec![claim.clone()],
        )))
        .call(get());
    let mut cases = vec![set, fake];
    if let Some(usual) = shape.created_from() {
        let begun = |id: String| {
            let create = shape.draft(id, Some(row), "4.2");
            draft(create, C_CreateObject).fixture(presumed(Shape::create(usual.clone(), "usual")))
        };
        let create = Shape::create(value::with(usual.clone(), claim), OBJECT);
        cases.push(begun(format!("create-with-{name}-by-user")).judged(
            create.clone(),
            refusal(C_CreateObject, &[CKR_ATTRIBUTE_READ_ONLY]),
        ));
        cases.push(
            begun(format!("create-does-not-fake-{name}"))
                .level(Level::Security)
                .call(presumed(create))
                .call(get()),
        );
    }
    cases
}

/// Footnotes 11 and 12: that it is refused, and that it has no effect.
fn stays(shape: &Shape, row: &Row, stuck: bool, function: Function) -> [Draft; 2] {
    let name = named(row.attribute);
    let (refused, undoes, subject) = match function {
        C_CopyObject => ("copy-undoing", "copy-undoes", COPY),
        _ => ("set-undoing", "set-undoes", OBJECT),
    };
    let draft = |id: &str, what: &str| {
        let stuck_at = value::flag(row.attribute, stuck);
        shape
            .draft(format!("{id}-{name}"), Some(row), "4.2")
            .needs(&shape.making())
            .title(format!("{function} {what} {name} of a {}", shape.noun()))
            .fixture(shape.make(value::with(shape.usual(), stuck_at)))
    };
    let call = on(function, OBJECT, vec![value::flag(row.attribute, !stuck)]);
    let taken = match function {
        C_CopyObject => kept(call.clone(), "new_object", COPY),
        _ => call.clone(),
    };
    let asked = vec![value::asked(row.attribute)];
    let mut get = on(C_GetAttributeValue, subject, asked);
    get.expect = vec![value::is_number(row.attribute, stuck.into())];
    // It protects the usages of a key, and only together with CKA_MODIFIABLE (4.4).
    let level = match row.attribute {
        CKA_COPYABLE => Level::Must,
        _ => Level::Security,
    };
    [
        draft(refused, "refuses to take back")
            .judged(call, refusal(function, &[CKR_ATTRIBUTE_READ_ONLY])),
        draft(undoes, "does not take back")
            .level(level)
            .call(presumed(taken))
            .call(get),
    ]
}

/// An attribute that forbids a function.
struct Prohibition {
    attribute: CK_ATTRIBUTE_TYPE,
    id: &'static str,
    function: Function,
    section: &'static str,
}

const PROHIBITED: [Prohibition; 3] = [
    Prohibition {
        attribute: CKA_MODIFIABLE,
        id: "not-modifiable",
        function: C_SetAttributeValue,
        section: "5.7.6",
    },
    Prohibition {
        attribute: CKA_COPYABLE,
        id: "not-copyable",
        function: C_CopyObject,
        section: "5.7.2",
    },
    Prohibition {
        attribute: CKA_DESTROYABLE,
        id: "not-destroyable",
        function: C_DestroyObject,
        section: "5.7.3",
    },
];

fn prohibited(shape: &Shape, one: &Prohibition) -> Draft {
    let row = shape.rows.iter().find(|row| row.attribute == one.attribute);
    let function = one.function;
    let label: Vec<Attribute> = vec![value::text(CKA_LABEL, "another")];
    let answer = Answer::of(function, &[CKR_ACTION_PROHIBITED]).tolerating(
        // 4.4: an object that is not modifiable is read-only.
        [CKR_ATTRIBUTE_READ_ONLY]
            .into_iter()
            .filter(|_| function == C_SetAttributeValue),
    );
    let template = value::with(shape.usual(), value::flag(one.attribute, false));
    shape
        .draft(one.id.to_owned(), row.copied(), one.section)
        .needs(&shape.making())
        .title(format!(
            "{function} is prohibited on a {} without {}",
            shape.noun(),
            named(one.attribute)
        ))
        .fixture(shape.make(template))
        .judged(on(function, OBJECT, label), answer)
}
