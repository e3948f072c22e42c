//! The curves P-256, P-384 and P-521: what `p256`, `p384` and `p521` compute, behind one type.

use cryptoki_sys::*;

use crate::mechanisms::{der, random};
use crate::rv::{Result, ensure, refusal, refuse};

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// Object identifiers of SEC 2 appendix A.2, DER: CKA_EC_PARAMS of each curve.
#[rustfmt::skip]
static PARAMETERS: [(Curve, &[u8]); 3] = [
    (Curve::P256, &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    (Curve::P384, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]),
    (Curve::P521, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23]),
];

/// OID id-ecPublicKey of RFC 5480 section 2.1.1, DER.
const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// Runs `$body` with `$name` naming the crate of `$curve`.
macro_rules! on_curve {
    ($curve:expr, $name:ident => $body:expr) => {
        match $curve {
            Curve::P256 => {
                use p256 as $name;
                $body
            }
            Curve::P384 => {
                use p384 as $name;
                $body
            }
            Curve::P521 => {
                use p521 as $name;
                $body
            }
        }
    };
}

impl Curve {
    /// The curve of CKA_EC_PARAMS. Section 6.3.3: a curve named by identifier or name that is not
    /// here is CKR_CURVE_NOT_SUPPORTED; explicit and implicit parameters are not taken at all.
    pub(super) fn from_parameters(parameters: &[u8]) -> Result<Curve> {
        let known = PARAMETERS
            .iter()
            .find(|(_, encoding)| *encoding == parameters);
        match (known, parameters.first()) {
            (Some((curve, _)), _) => Ok(*curve),
            (None, Some(0x06 | 0x13)) => refuse(CKR_CURVE_NOT_SUPPORTED),
            _ => refuse(CKR_DOMAIN_PARAMS_INVALID),
        }
    }

    /// Bits of the order.
    fn bits(self) -> usize {
        match self {
            Curve::P256 => 256,
            Curve::P384 => 384,
            Curve::P521 => 521,
        }
    }

    /// Bytes of a field element and of half a signature.
    pub(super) fn length(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// SubjectPublicKeyInfo of RFC 5480, DER.
    pub(super) fn public_info(self, point: &[u8]) -> Vec<u8> {
        let named = PARAMETERS.iter().find(|(curve, _)| *curve == self);
        let parameters = named.map_or(&[][..], |(_, parameters)| parameters);
        let algorithm = der::sequence(&[&EC_PUBLIC_KEY, parameters]);
        der::sequence(&[&algorithm, &der::bit_string(point)])
    }

    /// CKR_ATTRIBUTE_VALUE_INVALID unless the point is on the curve.
    pub(super) fn check_point(self, point: &[u8]) -> Result<()> {
        let valid = on_curve!(self, c => c::PublicKey::from_sec1_bytes(point).is_ok());
        ensure(valid, CKR_ATTRIBUTE_VALUE_INVALID)
    }

    /// A private value: a number from 1 up to the order, by rejection.
    pub(super) fn generate(self) -> Result<Vec<u8>> {
        loop {
            let mut value = random(self.length())?;
            value[0] &= 0xff >> (8 * self.length() - self.bits());
            if on_curve!(self, c => c::SecretKey::from_slice(&value).is_ok()) {
                return Ok(value);
            }
        }
    }

    /// A private value, which is a big integer and so may lack leading zeros, at full length.
    fn scalar(self, value: &[u8]) -> Result<Vec<u8>> {
        let digits = der::trim(value);
        let missing = self.length().checked_sub(digits.len());
        let missing = missing.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
        Ok([&vec![0; missing][..], digits].concat())
    }

    /// The uncompressed point of a private value; CKR_ATTRIBUTE_VALUE_INVALID if it is none.
    pub(super) fn public_point(self, value: &[u8]) -> Result<Vec<u8>> {
        let scalar = self.scalar(value)?;
        on_curve!(self, c => {
            let key = c::SecretKey::from_slice(&scalar);
            let key = key.map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
            Ok(key.public_key().to_sec1_bytes().to_vec())
        })
    }

    /// The shared secret of ECDH; CKR_MECHANISM_PARAM_INVALID for a point not on the curve.
    pub(super) fn agree(self, value: &[u8], point: &[u8]) -> Result<Vec<u8>> {
        let scalar = self.scalar(value)?;
        on_curve!(self, c => {
            let key = c::SecretKey::from_slice(&scalar);
            let key = key.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            let public = c::PublicKey::from_sec1_bytes(point);
            let public = public.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
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
        on_curve!(self, c => {
            use c::ecdsa::signature::hazmat::PrehashSigner;
            let key = c::ecdsa::SigningKey::from_slice(&scalar);
            let key = key.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            let signature: c::ecdsa::Signature =
                key.sign_prehash(&digest).map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            Ok(signature.to_bytes().to_vec())
        })
    }

    /// Whether a signature of full length is one of the digest.
    pub(super) fn verify(self, point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
        let digest = self.representative(digest);
        on_curve!(self, c => {
            use c::ecdsa::signature::hazmat::PrehashVerifier;
            let key = c::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = c::ecdsa::Signature::from_slice(signature);
            match (key, signature) {
                (Ok(key), Ok(signature)) => key.verify_prehash(&digest, &signature).is_ok(),
                _ => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Hash;
    use crate::mechanisms::der::tests::hex;

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

    #[test]
    fn every_curve_verifies_its_own_signatures_of_digests_of_any_length() {
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            let value = curve.generate().unwrap();
            let point = curve.public_point(&value).unwrap();
            for length in [1, 20, 32, 64, 66, 67, 200] {
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
    fn both_sides_agree_on_a_secret() {
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            let (one, other) = (curve.generate().unwrap(), curve.generate().unwrap());
            let secret = curve
                .agree(&one, &curve.public_point(&other).unwrap())
                .unwrap();
            assert_eq!(
                secret,
                curve
                    .agree(&other, &curve.public_point(&one).unwrap())
                    .unwrap()
            );
            assert_eq!(secret.len(), curve.length());
        }
    }

    #[test]
    fn unknown_curves_are_told_from_bad_parameters() {
        let secp256k1 = hex("06052b8104000a");
        let code = |parameters: &[u8]| Curve::from_parameters(parameters).unwrap_err().code();
        assert_eq!(code(&secp256k1), CKR_CURVE_NOT_SUPPORTED);
        assert_eq!(code(&[0x30, 0x00]), CKR_DOMAIN_PARAMS_INVALID);
        assert_eq!(code(&[]), CKR_DOMAIN_PARAMS_INVALID);
    }
}
