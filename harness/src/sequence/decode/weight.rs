//! How long a sequence takes, as far as its mechanisms tell: the same on every target, so that what is run
//! does not depend on how fast the machine is.

use cryptoki_sys::{
    CKA_KEY_TYPE, CKK_DH, CKK_DSA, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_HSS, CKK_ML_DSA,
    CKK_ML_KEM, CKK_RSA, CKK_SLH_DSA, CKK_X9_42_DH, CKK_XMSS, CKK_XMSSMT,
};

use serde::{Deserialize, Serialize};

use super::{phrase, pins};
use crate::cryptoki::mechanism::{self, Mechanism};
use crate::sequence::{Argument, Attribute, AttributeValue, Call, Number};

/// How long calls take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Weight {
    /// Some microseconds.
    Light,
    /// Up to a millisecond: arithmetic with large numbers, keys out of passwords.
    Heavy,
    /// As long as thousands of others: large primes, many hashes, PINs.
    Dear,
}

/// Types of key that take arithmetic with large numbers.
const HEAVY: [u64; 9] = [
    CKK_RSA,
    CKK_DSA,
    CKK_DH,
    CKK_X9_42_DH,
    CKK_EC,
    CKK_EC_EDWARDS,
    CKK_EC_MONTGOMERY,
    CKK_ML_DSA,
    CKK_ML_KEM,
];

/// Types of key whose every signature is many thousand hashes.
const MANY_HASHES: [u64; 4] = [CKK_SLH_DSA, CKK_HSS, CKK_XMSS, CKK_XMSSMT];

/// The weight of the heaviest of these calls.
pub(super) fn weight<'c>(calls: impl Iterator<Item = &'c Call>) -> Weight {
    let weights = calls.map(|call| match pins::is_slow(call.function) {
        true => Weight::Dear,
        false => of_arguments(call),
    });
    weights.max().unwrap_or(Weight::Light)
}

fn of_arguments(call: &Call) -> Weight {
    let weights = call.arguments.iter().map(of_argument);
    weights.max().unwrap_or(Weight::Light)
}

fn of_argument(argument: &Argument) -> Weight {
    let known = match argument {
        Argument::Mechanism(given) => match given.mechanism {
            Number::Literal(value) => mechanism::by_value(value).map(of_row),
            _ => None,
        },
        Argument::Template(template) => template.attributes.iter().map(of_attribute).max(),
        _ => None,
    };
    known.unwrap_or(Weight::Light)
}

fn of_row(row: &Mechanism) -> Weight {
    let password = ["CKM_PKCS5_", "CKM_PBE_", "CKM_PBA_"];
    if phrase::is_dear(row) {
        return Weight::Dear;
    }
    match password.iter().any(|begin| row.name.starts_with(begin)) {
        true => Weight::Heavy,
        false => of_key_types(&row.key_types),
    }
}

/// Keys that are imported are checked, which takes as long as using them.
fn of_attribute(attribute: &Attribute) -> Weight {
    match (attribute.attribute, &attribute.value) {
        (CKA_KEY_TYPE, AttributeValue::Ulong(Number::Literal(of))) => of_key_types(&[*of]),
        _ => Weight::Light,
    }
}

fn of_key_types(types: &[u64]) -> Weight {
    let is_one = |of: &[u64]| types.iter().any(|one| of.contains(one));
    match (is_one(&MANY_HASHES), is_one(&HEAVY)) {
        (true, _) => Weight::Dear,
        (_, true) => Weight::Heavy,
        _ => Weight::Light,
    }
}
