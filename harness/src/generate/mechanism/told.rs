//! What generation is told: the attributes that a mechanism asks for, and their values that no key can
//! have.

use std::ops::RangeInclusive;

use cryptoki_sys::*;

use super::{number_of, template::number};
use crate::cryptoki::Function::C_GetMechanismInfo;
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::expectation::Relation;
use crate::sequence::{Attribute, Call, Expectation, Number, Reference, recipe};

/// An attribute value that cannot be had.
pub(super) struct Bend {
    pub(super) id: &'static str,
    /// What the mechanism does not do, for titles.
    pub(super) title: &'static str,
    pub(super) attribute: CK_ATTRIBUTE_TYPE,
    /// Types of the keys that it is wrong for; all, if empty.
    pub(super) only: &'static [CK_KEY_TYPE],
    pub(super) value: Bent,
    /// The field of `CK_MECHANISM_INFO` that rules it out, and the values with which it does.
    pub(super) told: Option<(&'static str, RangeInclusive<u64>)>,
}

pub(super) enum Bent {
    Number(u64),
    Bytes(&'static [u8]),
}

/// Lengths are told in bits by some mechanisms and in bytes by others: those here are out of any range
/// in either unit.
pub(super) const BENDS: [Bend; 8] = [
    Bend {
        id: "generate-odd-length",
        title: "makes no key of 17 bytes",
        attribute: CKA_VALUE_LEN,
        only: &[CKK_AES, CKK_CAMELLIA, CKK_ARIA],
        value: Bent::Number(17),
        told: None,
    },
    Bend {
        id: "generate-odd-length",
        title: "makes no key of 48 bytes",
        attribute: CKA_VALUE_LEN,
        // 6.15.1: double-length, of 32 or 64 bytes.
        only: &[CKK_AES_XTS],
        value: Bent::Number(48),
        told: None,
    },
    Bend {
        id: "generate-length-zero",
        title: "makes no key of no length where the token tells a lowest one",
        attribute: CKA_VALUE_LEN,
        only: &[],
        value: Bent::Number(0),
        told: Some(("ulMinKeySize", 1..=1 << 20)),
    },
    Bend {
        id: "generate-too-long",
        title: "makes no key longer than the token tells",
        attribute: CKA_VALUE_LEN,
        only: &[],
        value: Bent::Number(1 << 21),
        told: Some(("ulMaxKeySize", 1..=1 << 20)),
    },
    Bend {
        id: "generate-too-short",
        title: "makes no modulus shorter than the token tells",
        attribute: CKA_MODULUS_BITS,
        only: &[],
        value: Bent::Number(64),
        told: Some(("ulMinKeySize", 65..=1 << 20)),
    },
    Bend {
        id: "generate-too-long",
        title: "makes no modulus longer than the token tells",
        attribute: CKA_MODULUS_BITS,
        only: &[],
        value: Bent::Number(1 << 21),
        told: Some(("ulMaxKeySize", 1..=1 << 20)),
    },
    Bend {
        id: "generate-unknown-curve",
        title: "makes no key on a curve that does not exist",
        attribute: CKA_EC_PARAMS,
        only: &[],
        // The object identifier 1.2.3.
        value: Bent::Bytes(&[0x06, 0x02, 0x2a, 0x03]),
        told: None,
    },
    Bend {
        id: "generate-unknown-parameter-set",
        title: "makes no key of a parameter set that does not exist",
        attribute: CKA_PARAMETER_SET,
        only: &[],
        value: Bent::Number(0x0fff_ffff),
        told: None,
    },
];

/// A call that asks for the range of key sizes; the case applies where the field is in this one.
pub(super) fn told(row: &Mechanism, field: &str, range: &RangeInclusive<u64>) -> Call {
    let mut call = Call::new(0, C_GetMechanismInfo);
    call.arguments[1] = number_of(row.value);
    let bound = |relation: fn(Number) -> Relation, value: &u64| relation(Number::Literal(*value));
    call.requires = vec![Expectation {
        subject: Reference::to("info").field(field),
        captured: false,
        relation: Relation::All(vec![
            bound(Relation::AtLeast, range.start()),
            bound(Relation::AtMost, range.end()),
        ]),
    }];
    call.otherwise = Some(format!(
        "the token tells no {field} of {} that rules the size out",
        row.name
    ));
    call
}

/// The type of the keys that a mechanism makes: that of its own keys, where generic secrets do for it,
/// too.
pub(super) fn made(row: &Mechanism) -> Option<CK_KEY_TYPE> {
    match row.key_types[..] {
        [CKK_GENERIC_SECRET, own] | [own, ..] => Some(own),
        [] => None,
    }
}

/// The attributes with which it makes one; of a pair, in the template of the public key.
pub(super) fn needed(row: &Mechanism, key_type: CK_KEY_TYPE) -> Vec<Attribute> {
    match row.value {
        // 6.38, 6.39, 6.41: their length is that of the algorithm.
        CKM_PBA_SHA1_WITH_SHA1_HMAC
        | CKM_SSL3_PRE_MASTER_KEY_GEN
        | CKM_TLS_PRE_MASTER_KEY_GEN
        | CKM_WTLS_PRE_MASTER_KEY_GEN => return Vec::new(),
        _ => {}
    }
    let mut needed = recipe::generation(key_type);
    if row.value == CKM_PKCS5_PBKD2 {
        needed.push(number(CKA_KEY_TYPE, key_type));
    }
    if needed.is_empty() && row.key_types.contains(&CKK_GENERIC_SECRET) {
        needed = recipe::generation(CKK_GENERIC_SECRET);
    }
    needed.retain(|given| given.attribute != CKA_DERIVE);
    for given in &mut needed {
        if given.attribute == CKA_MODULUS_BITS {
            // Strong primes (6.1) take their time.
            let bits = match row.value {
                CKM_RSA_X9_31_KEY_PAIR_GEN => 1024,
                _ => 2048,
            };
            *given = number(CKA_MODULUS_BITS, bits);
        }
    }
    needed
}

/// True if a table of attributes says in so many words what the generation of such a key must be told.
/// HMAC and HKDF have none; for HOTP (6.53.5) the mechanism gives the length that the table asks for.
pub(super) fn has_table(key_type: CK_KEY_TYPE) -> bool {
    let vague = [CKK_HKDF, CKK_HOTP].contains(&key_type);
    !vague && !recipe::generation(key_type).is_empty()
}
