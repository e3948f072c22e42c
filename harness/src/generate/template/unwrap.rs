//! What a template for C_UnwrapKey must have, and must not: [PKCS11-Base 3.2] footnotes 5 and 6 of
//! section 4.2; and what an unwrapped key says of itself (5.18.4).

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::draft::Draft;
use super::shape::{self, OBJECT, Shape, call, kept, on, presumed, template};
use super::{named, refusal, value};
use crate::cryptoki::Function;
use crate::plan::{MechanismNeed, Needs};
use crate::sequence::recipe;
use crate::sequence::{Argument, Attribute, Bytes, Call, Content, ParameterValue, Reference};

/// Keys that are wrapped: of whole blocks of eight bytes, and of a type that every wrapping
/// mechanism of AES takes.
const WRAPPED: [CK_KEY_TYPE; 2] = [CKK_AES, CKK_GENERIC_SECRET];
const WRAPPING: &str = "wrapping";

pub(super) fn cases(shape: &Shape) -> Vec<Draft> {
    let wrapped = shape.subtype.is_some_and(|of| WRAPPED.contains(&of));
    if shape.class != CKO_SECRET_KEY || !wrapped {
        return Vec::new();
    }
    let mut cases: Vec<Draft> = shape
        .subjects()
        .filter_map(|row| footnotes(shape, row))
        .collect();
    cases.push(history(shape));
    cases
}

fn footnotes(shape: &Shape, row: &crate::cryptoki::object::Row) -> Option<Draft> {
    let name = named(row.attribute);
    let usual = unwrapped_from(shape);
    let (id, what, bent, right): (_, _, _, &[CK_RV]) = if row.note(5) {
        let lacking = value::without(usual, row.attribute);
        (
            format!("unwrap-without-{name}"),
            "without",
            lacking,
            &[CKR_TEMPLATE_INCOMPLETE],
        )
    } else if row.note(6) {
        let excess = value::another(&usual, row.attribute)?;
        let right: &[CK_RV] = match row.attribute {
            CKA_UNIQUE_ID => &[CKR_ATTRIBUTE_READ_ONLY],
            _ => &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT],
        };
        (
            format!("unwrap-with-{name}"),
            "with",
            value::with(usual, excess),
            right,
        )
    } else {
        return None;
    };
    let draft = wrapped(shape, shape.draft(id, Some(row), "4.2"))
        .title(format!(
            "C_UnwrapKey refuses a {} {what} {name}",
            shape.noun()
        ))
        .fixture(presumed(unwrap(unwrapped_from(shape), "usual")))
        .judged(unwrap(bent, OBJECT), refusal(Function::C_UnwrapKey, right));
    Some(draft)
}

/// 5.18.4: an unwrapped key was outside.
fn history(shape: &Shape) -> Draft {
    let protected = value::with(unwrapped_from(shape), value::flag(CKA_SENSITIVE, true));
    let protected = value::with(protected, value::flag(CKA_EXTRACTABLE, false));
    let expected = [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE];
    let mut get = on(
        Function::C_GetAttributeValue,
        OBJECT,
        expected.map(value::asked).into(),
    );
    get.expect = expected
        .map(|attribute| value::is_number(attribute, 0))
        .into();
    wrapped(
        shape,
        shape.draft("unwrapped-history".to_owned(), None, "5.18.4"),
    )
    .title(format!(
        "An unwrapped {} was not made here and not always protected",
        shape.noun()
    ))
    .level(Level::Security)
    .class(Class::A)
    .fixture(presumed(unwrap(protected, OBJECT)))
    .call(get)
}

fn unwrapped_from(shape: &Shape) -> Vec<Attribute> {
    let mut attributes = vec![
        value::ulong(CKA_CLASS, shape.class),
        value::ulong(CKA_KEY_TYPE, shape.subtype.unwrap_or_default()),
        value::flag(CKA_TOKEN, false),
    ];
    attributes.extend(recipe::open());
    attributes
}

/// The case with a key of the shape wrapped, as `$wrapped`.
fn wrapped(shape: &Shape, draft: Draft) -> Draft {
    let needs = Needs {
        mechanisms: vec![MechanismNeed {
            mechanism: CKM_AES_KEY_WRAP,
            flags: CKF_WRAP | CKF_UNWRAP,
            key_size: None,
        }],
        ..Needs::default()
    };
    let mut wrapping = vec![
        value::ulong(CKA_CLASS, CKO_SECRET_KEY),
        value::ulong(CKA_KEY_TYPE, CKK_AES),
        value::bytes(
            CKA_VALUE,
            Content::Repeat {
                byte: 0x2b,
                count: 16,
            },
        ),
        value::flag(CKA_TOKEN, false),
    ];
    wrapping.extend([CKA_WRAP, CKA_UNWRAP].map(|usage| value::flag(usage, true)));
    let mut wrap = call(Function::C_WrapKey);
    wrap.arguments[1] = mechanism();
    wrap.arguments[2] = Argument::named(WRAPPING);
    wrap.arguments[3] = Argument::named("original");
    let original = Shape::create(shape.usual(), "original");
    draft
        .needs(&needs)
        .fixture(presumed(Shape::create(wrapping, WRAPPING)))
        .fixture(presumed(original))
        .fixture(presumed(kept(wrap, "wrapped_key", "wrapped")))
}

fn unwrap(attributes: Vec<Attribute>, name: &str) -> Call {
    let mut unwrap = call(Function::C_UnwrapKey);
    unwrap.arguments[1] = mechanism();
    unwrap.arguments[2] = Argument::named(WRAPPING);
    unwrap.arguments[3] = Argument::Bytes(Bytes::of(Content::Reference(Reference::to("wrapped"))));
    unwrap.arguments[4] = template(attributes);
    shape::kept(unwrap, "key", name)
}

fn mechanism() -> Argument {
    Argument::mechanism(CKM_AES_KEY_WRAP, ParameterValue::None)
}
