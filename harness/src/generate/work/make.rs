//! Functions that make a key of other keys: templates that no object can have ([PKCS11-Base 3.2] 4.1.1),
//! and keys that a session in its state must not make (5.18, as `suites/spec/session-states.csv` has it of
//! functions that need no key to make one).

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::{Draft, nothing_has};
use super::Work;
use crate::cryptoki::{Function, ParameterKind};
use crate::plan::{Ladder, Needs};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Bytes, Call, Content, Number, Template,
};

pub(super) fn cases(work: &Work) -> Vec<Draft> {
    let parameters = work.function.parameters();
    let template = parameters
        .iter()
        .position(|p| p.kind == ParameterKind::Template);
    let makes = |what: &str| {
        let made = parameters
            .iter()
            .any(|p| p.name == what && p.kind.is_output());
        template.filter(|_| made)
    };
    // The template of a copy says what differs, and has its other cases with those of templates.
    if let Some(index) = makes("new_object") {
        return vec![nothing_made(work, index)];
    }
    let Some(index) = makes("key") else {
        return Vec::new();
    };
    let bends = BENDS.iter().filter(|bend| bend.is_for(work.function));
    let bends = bends.map(|bend| bent(work, index, bend));
    bends
        .chain([
            nothing_made(work, index),
            private_in_public(work, index),
            on_token_in_read_only(work, index),
        ])
        .collect()
}

fn number(attribute: CK_ATTRIBUTE_TYPE, value: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Ulong(Number::Literal(value)),
    }
}

fn flag(attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }
}

fn text(attribute: CK_ATTRIBUTE_TYPE, text: &str) -> Attribute {
    let content = Content::Text(text.to_owned());
    Attribute {
        attribute,
        value: AttributeValue::Bytes(Bytes::of(content)),
    }
}

/// A template that is of no key: attributes that are left out, and those that come in their place.
struct Bend {
    id: &'static str,
    what: &'static str,
    right: &'static [CK_RV],
    without: &'static [CK_ATTRIBUTE_TYPE],
    with: fn() -> Vec<Attribute>,
}

impl Bend {
    /// What is derived is a generic secret if nothing else is asked for, and a key of a type that can have
    /// several lengths must be given one (6.43).
    fn is_for(&self, function: Function) -> bool {
        match self.id {
            "no-key-type" => function != Function::C_DeriveKey,
            "no-length" => function == Function::C_DeriveKey,
            _ => true,
        }
    }
}

/// Neither of the standard nor of a vendor.
const UNKNOWN: u64 = 0x3fff_fff1;

const BENDS: [Bend; 7] = [
    Bend {
        id: "two-values",
        what: "two values of one attribute",
        right: &[CKR_TEMPLATE_INCONSISTENT],
        without: &[],
        with: || ["one", "two"].map(|label| text(CKA_LABEL, label)).into(),
    },
    Bend {
        id: "unknown-attribute",
        what: "an attribute of no object",
        right: &[CKR_ATTRIBUTE_TYPE_INVALID],
        without: &[],
        with: || vec![text(UNKNOWN, "p11assay")],
    },
    Bend {
        id: "unknown-key-type",
        what: "a type of keys that there is not",
        right: &[CKR_ATTRIBUTE_VALUE_INVALID],
        without: &[CKA_KEY_TYPE],
        with: || vec![number(CKA_KEY_TYPE, UNKNOWN)],
    },
    Bend {
        id: "no-key-type",
        what: "no type of the key",
        right: &[CKR_TEMPLATE_INCOMPLETE],
        without: &[CKA_CLASS, CKA_KEY_TYPE],
        with: Vec::new,
    },
    Bend {
        id: "no-length",
        what: "no length",
        right: &[CKR_TEMPLATE_INCOMPLETE],
        without: &[CKA_KEY_TYPE, CKA_VALUE_LEN],
        with: || vec![number(CKA_KEY_TYPE, CKK_AES)],
    },
    Bend {
        id: "local",
        what: "CKA_LOCAL",
        right: &[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT],
        without: &[],
        with: || vec![flag(CKA_LOCAL, true)],
    },
    Bend {
        id: "other-class",
        what: "an attribute of another class",
        right: &[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID],
        without: &[],
        with: || vec![number(CKA_CERTIFICATE_TYPE, CKC_X_509)],
    },
];

fn template(
    work: &Work,
    index: usize,
    without: &[CK_ATTRIBUTE_TYPE],
    with: Vec<Attribute>,
) -> Argument {
    let mut attributes = match &work.call.arguments[index] {
        Argument::Template(template) => template.attributes.clone(),
        _ => Vec::new(),
    };
    attributes.retain(|given| !without.contains(&given.attribute));
    attributes.extend(with);
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

fn bent(work: &Work, index: usize, bend: &Bend) -> Draft {
    let function = work.function;
    let call = work.bent(index, template(work, index, bend.without, (bend.with)()));
    let answer = super::super::template::refusal(function, bend.right);
    work.draft(&format!("at-work-template-{}", bend.id), "4.1.1")
        .title(format!("{function} makes no key with {}", bend.what))
        .level(Level::Should)
        .call(super::presumed(work.call.clone()))
        .judged(call, answer)
}

/// What cannot be as the template says is not made at all (5.7.2, 5.18).
fn nothing_made(work: &Work, index: usize) -> Draft {
    let function = work.function;
    let with = vec![text(CKA_LABEL, REFUSED), text(UNKNOWN, "p11assay")];
    let bent = template(work, index, &[CKA_LABEL], with);
    // Where the template is taken there is an object, as another case says.
    let refused = Call {
        not_applicable: vec![CKR_OK],
        except: vec![CKR_OK],
        ..work.bent(index, bent)
    };
    work.draft("at-work-template-refused-makes-nothing", function.section())
        .title(format!(
            "{function} leaves nothing where it refuses the template"
        ))
        .class(Class::B)
        .call(super::presumed(work.call.clone()))
        .call(refused)
        .calls(nothing_has(REFUSED))
}

const REFUSED: &str = "p11assay refused";

/// 5.18 has the states of sessions in the lists of return values alone.
fn private_in_public(work: &Work, index: usize) -> Draft {
    let function = work.function;
    let private = template(work, index, &[CKA_PRIVATE], vec![flag(CKA_PRIVATE, true)]);
    let answer = Answer::of(function, &[CKR_USER_NOT_LOGGED_IN]);
    work.in_state(
        Ladder::RwSession,
        "at-work-private-key-in-public",
        function.section(),
    )
    .title(format!("{function} makes no private key without the user"))
    .level(Level::Should)
    .class(Class::A)
    .call(super::presumed(work.call.clone()))
    .judged(work.bent(index, private), answer)
}

fn on_token_in_read_only(work: &Work, index: usize) -> Draft {
    let function = work.function;
    let on_token = template(work, index, &[CKA_TOKEN], vec![flag(CKA_TOKEN, true)]);
    let answer = Answer::of(function, &[CKR_SESSION_READ_ONLY]).tolerating([
        CKR_TEMPLATE_INCONSISTENT,
        CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_TOKEN_WRITE_PROTECTED,
    ]);
    let needs = Needs {
        disposable: true,
        ..Needs::default()
    };
    work.in_state(
        Ladder::User,
        "at-work-token-key-in-read-only",
        function.section(),
    )
    .title(format!(
        "{function} makes no key of the token in a read-only session"
    ))
    .level(Level::Should)
    .class(Class::A)
    .needs(&needs)
    .call(super::presumed(work.call.clone()))
    .judged(work.bent(index, on_token), answer)
}
