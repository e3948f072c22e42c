//! Mechanisms in functions that they are not for and that take more than a key: [PKCS11-Base 3.2] 5.1.6,
//! CKR_MECHANISM_INVALID.

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::template::{self, flag, number, passing};
use super::{call, draft, key, mechanism, parameter};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Argument, Attribute, Buffer, BufferSize, Call, Number, recipe};

/// Name of the key that would do.
const KEY: &str = "key";

/// A function, the use that it is, its name in ids, and the usage of the key that it takes.
type Elsewhere = (Function, Use, &'static str, Option<CK_ATTRIBUTE_TYPE>);

const FUNCTIONS: [Elsewhere; 6] = [
    (C_DigestInit, Use::Digest, "digest", None),
    (C_GenerateKey, Use::Generate, "generate", None),
    (C_GenerateKeyPair, Use::GeneratePair, "generate-pair", None),
    (C_WrapKey, Use::Wrap, "wrap", Some(CKA_WRAP)),
    (C_DeriveKey, Use::Derive, "derive", Some(CKA_DERIVE)),
    (
        C_EncapsulateKey,
        Use::Encapsulate,
        "encapsulate",
        Some(CKA_ENCAPSULATE),
    ),
];

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let elsewhere = FUNCTIONS
        .iter()
        .filter(|(_, of, ..)| !row.uses.contains(of));
    elsewhere.filter_map(|of| refused(row, of)).collect()
}

fn refused(row: &Mechanism, (function, _, name, usage): &Elsewhere) -> Option<Draft> {
    let answer = Answer::of(*function, &[CKR_MECHANISM_INVALID]).tolerating([
        CKR_ARGUMENTS_BAD,
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        CKR_KEY_HANDLE_INVALID,
        CKR_KEY_NOT_WRAPPABLE,
        CKR_KEY_TYPE_INCONSISTENT,
        CKR_MECHANISM_PARAM_INVALID,
        CKR_TEMPLATE_INCOMPLETE,
        CKR_TEMPLATE_INCONSISTENT,
        CKR_WRAPPING_KEY_HANDLE_INVALID,
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    ]);
    let mut draft = draft(row, 0, &format!("{name}-is-not-its-use"), "5.1.6")
        .title(format!("{} is refused by {function}", row.name))
        .class(Class::B);
    if let Some(usage) = usage {
        draft = draft.fixture(fitting(row, *usage)?);
    }
    let mut call = call(*function);
    call.arguments[1] = mechanism(row, parameter::valid(row)?);
    for (at, argument) in arguments(*function) {
        call.arguments[at] = argument;
    }
    Some(draft.judged(call, answer))
}

/// A key of the type that the mechanism works on, with the usage that the function asks for.
fn fitting(row: &Mechanism, usage: CK_ATTRIBUTE_TYPE) -> Option<Call> {
    let class = match usage {
        CKA_ENCAPSULATE => CKO_PUBLIC_KEY,
        _ => CKO_SECRET_KEY,
    };
    let other = match usage {
        CKA_ENCAPSULATE => CKK_RSA,
        _ => CKK_AES,
    };
    let of_type = |types: &[CK_KEY_TYPE]| recipe::keys(class, types).next();
    let recipe = of_type(&row.key_types).or_else(|| of_type(&[other]))?;
    let usages = [(usage, true), (CKA_EXTRACTABLE, true)];
    // A public key has nothing to extract.
    let count = if class == CKO_PUBLIC_KEY { 1 } else { 2 };
    Some(key::create(recipe, &usages[..count], KEY))
}

/// What the function takes behind its mechanism.
fn arguments(function: Function) -> Vec<(usize, Argument)> {
    let made = || {
        template::argument(vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            number(CKA_VALUE_LEN, 16),
            passing(),
        ])
    };
    let room = Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(4096))));
    match function {
        C_GenerateKey => vec![(2, template::argument(length()))],
        C_GenerateKeyPair => vec![
            (2, template::argument(bits())),
            (3, template::argument(vec![passing()])),
        ],
        C_WrapKey => vec![
            (2, Argument::named(KEY)),
            (3, Argument::named(KEY)),
            (4, room),
        ],
        C_DeriveKey => vec![(2, Argument::named(KEY)), (3, made())],
        C_EncapsulateKey => vec![(2, Argument::named(KEY)), (3, made()), (4, room)],
        _ => Vec::new(),
    }
}

fn length() -> Vec<Attribute> {
    vec![number(CKA_VALUE_LEN, 16), passing()]
}

fn bits() -> Vec<Attribute> {
    let mut bits = recipe::generation(CKK_RSA);
    bits.extend([passing(), flag(CKA_VERIFY, true)]);
    bits
}
