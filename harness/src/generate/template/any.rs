//! Templates that are of no object: none at all, a class or type that there is not, and objects that
//! only a token has ([PKCS11-Base 3.2] 4.1.1, 4.3, 4.13, 4.15).

use cryptoki_sys::*;
use p11assay_reports::evidence::Level;

use super::super::draft::Draft;
use super::shape::{OBJECT, Shape};
use super::{refusal, value};
use crate::cryptoki::{Function, Kind, Version, names, object};
use crate::plan::{Ladder, Needs};
use crate::sequence::{Attribute, Content};

/// Neither of the standard nor of a vendor.
const UNKNOWN: u64 = 0x3fff_fff1;

pub(super) fn cases() -> Vec<Draft> {
    let mut cases = vec![
        case(
            "no-attributes",
            "a template without attributes",
            Vec::new(),
            &[CKR_TEMPLATE_INCOMPLETE],
        ),
        case(
            "class-unknown",
            "a class that there is not",
            vec![
                value::ulong(CKA_CLASS, UNKNOWN),
                value::flag(CKA_TOKEN, false),
            ],
            &[CKR_ATTRIBUTE_VALUE_INVALID],
        ),
    ];
    cases.extend(TYPED.map(unknown_type));
    cases.extend(OF_THE_TOKEN.iter().map(of_the_token));
    cases
}

fn case(id: &str, what: &str, template: Vec<Attribute>, right: &[CK_RV]) -> Draft {
    let needs = Needs {
        pin: true,
        ..Needs::default()
    };
    Draft::new(id, "4.1.1", Ladder::RwUser)
        .title(format!("C_CreateObject refuses {what}"))
        .level(Level::Should)
        .needs(&needs)
        .judged(
            Shape::create(template, OBJECT),
            refusal(Function::C_CreateObject, right),
        )
}

const TYPED: [(CK_OBJECT_CLASS, CK_ATTRIBUTE_TYPE); 4] = [
    (CKO_SECRET_KEY, CKA_KEY_TYPE),
    (CKO_PUBLIC_KEY, CKA_KEY_TYPE),
    (CKO_PRIVATE_KEY, CKA_KEY_TYPE),
    (CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE),
];

fn unknown_type((class, attribute): (CK_OBJECT_CLASS, CK_ATTRIBUTE_TYPE)) -> Draft {
    let name = names::display(Kind::OBJECT_CLASS, class);
    let template = vec![
        value::ulong(CKA_CLASS, class),
        value::ulong(attribute, UNKNOWN),
        value::flag(CKA_TOKEN, false),
        value::bytes(
            CKA_VALUE,
            Content::Repeat {
                byte: 0x31,
                count: 16,
            },
        ),
    ];
    let what = format!("a {name} of a type that there is not");
    let id = format!("type-unknown-{name}");
    case(&id, &what, template, &[CKR_ATTRIBUTE_VALUE_INVALID])
}

/// An object that the standard lets no application have.
struct OfTheToken {
    class: CK_OBJECT_CLASS,
    attribute: CK_ATTRIBUTE_TYPE,
    number: u64,
    section: &'static str,
}

const OF_THE_TOKEN: [OfTheToken; 3] = [
    OfTheToken {
        class: CKO_HW_FEATURE,
        attribute: CKA_HW_FEATURE_TYPE,
        number: CKH_USER_INTERFACE,
        section: "4.3.5.2",
    },
    OfTheToken {
        class: CKO_MECHANISM,
        attribute: CKA_MECHANISM_TYPE,
        number: CKM_SHA256,
        section: "4.13.2",
    },
    OfTheToken {
        class: CKO_VALIDATION,
        attribute: CKA_VALIDATION_TYPE,
        number: 1,
        section: "4.15.2",
    },
];

fn of_the_token(one: &OfTheToken) -> Draft {
    let name = names::display(Kind::OBJECT_CLASS, one.class);
    let template = vec![
        value::ulong(CKA_CLASS, one.class),
        value::ulong(one.attribute, one.number),
    ];
    let since = object::since(Kind::OBJECT_CLASS, one.class);
    let needs = Needs {
        at_least: (since > Version::V2_40).then_some(since),
        pin: true,
        ..Needs::default()
    };
    let right = [
        CKR_ATTRIBUTE_READ_ONLY,
        CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_TEMPLATE_INCONSISTENT,
    ];
    Draft::new(format!("of-the-token-{name}"), one.section, Ladder::RwUser)
        .title(format!("C_CreateObject makes no {name}"))
        .needs(&needs)
        .judged(
            Shape::create(template, OBJECT),
            refusal(Function::C_CreateObject, &right),
        )
}
