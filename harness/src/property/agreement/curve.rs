//! The curves of an agreement: how the standard names them and has their points, and what crates that are no part of
//! any module compute on them.

use cryptoki_sys::*;
use p256::elliptic_curve::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;

use super::super::script::{
    Make, SESSION, asked, attribute, handle, is_number, kept, length, literal, octets, on,
};
use crate::cryptoki::Function::C_GetAttributeValue;
use crate::sequence::{Attribute, Content};

/// What two private values come to.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Agreed {
    /// The public value of each.
    pub(in super::super) publics: [Vec<u8>; 2],
    /// What they share.
    pub(in super::super) secret: Vec<u8>,
}

/// A curve.
#[derive(Debug)]
pub(in super::super) struct Curve {
    pub(in super::super) key_type: CK_KEY_TYPE,
    pub(in super::super) generator: CK_MECHANISM_TYPE,
    /// Its object identifier in DER.
    oid: &'static [u8],
    /// Bytes of a coordinate, of a private value and of what is shared.
    pub(in super::super) width: usize,
    /// Bytes of a point as it is given to C_DeriveKey, and how many more CKA_EC_POINT has in front.
    point: usize,
    head: usize,
    agree: fn(&[Vec<u8>; 2]) -> Option<Agreed>,
}

macro_rules! weierstrass {
    ($curve:ty) => {
        |values| {
            let [one, other] = values
                .each_ref()
                .map(|value| SecretKey::<$curve>::from_slice(value));
            let (one, other) = (one.ok()?, other.ok()?);
            let public = |key: &SecretKey<$curve>| {
                let point = ToSec1Point::to_sec1_point(key.public_key().as_affine(), false);
                point.as_bytes().to_vec()
            };
            Some(Agreed {
                publics: [public(&one), public(&other)],
                secret: one
                    .diffie_hellman(&other.public_key())
                    .raw_secret_bytes()
                    .to_vec(),
            })
        }
    };
}

/// RFC 7748 section 6.1.
fn x25519(values: &[Vec<u8>; 2]) -> Option<Agreed> {
    let [one, other]: [[u8; 32]; 2] = [
        values[0].as_slice().try_into().ok()?,
        values[1].as_slice().try_into().ok()?,
    ];
    let base = x25519_dalek::X25519_BASEPOINT_BYTES;
    let publics = [one, other].map(|value| x25519_dalek::x25519(value, base));
    Some(Agreed {
        secret: x25519_dalek::x25519(one, publics[1]).to_vec(),
        publics: publics.map(Vec::from),
    })
}

/// RFC 5480 section 2.1.1.1 and RFC 8410 section 3. 6.3.4 has a point of the first as an OCTET STRING, whose length takes
/// two bytes from 128 on; 6.3.8 has that of the last as it is.
#[rustfmt::skip]
pub(in super::super) static CURVES: [Curve; 4] = [
    Curve { key_type: CKK_EC, generator: CKM_EC_KEY_PAIR_GEN, oid: b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        width: 32, point: 65, head: 2, agree: weierstrass!(p256::NistP256) },
    Curve { key_type: CKK_EC, generator: CKM_EC_KEY_PAIR_GEN, oid: b"\x06\x05\x2b\x81\x04\x00\x22",
        width: 48, point: 97, head: 2, agree: weierstrass!(p384::NistP384) },
    Curve { key_type: CKK_EC, generator: CKM_EC_KEY_PAIR_GEN, oid: b"\x06\x05\x2b\x81\x04\x00\x23",
        width: 66, point: 133, head: 3, agree: weierstrass!(p521::NistP521) },
    Curve { key_type: CKK_EC_MONTGOMERY, generator: CKM_EC_MONTGOMERY_KEY_PAIR_GEN, oid: b"\x06\x03\x2b\x65\x6e",
        width: 32, point: 32, head: 0, agree: x25519 },
];

impl Curve {
    /// CKA_EC_PARAMS.
    pub(in super::super) fn parameters(&self) -> Attribute {
        octets(CKA_EC_PARAMS, literal(self.oid))
    }

    /// A private value of drawn bytes. Zeros are none; nor are 66 bytes that are more than the order of P-521.
    pub(in super::super) fn private(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(last) = bytes.last_mut() {
            *last |= 1;
        }
        if let Some(first) = bytes.first_mut().filter(|_| self.key_type == CKK_EC) {
            *first = match self.width {
                66 => 0,
                _ => *first & 0x7f,
            };
        }
        bytes
    }

    /// What two private values come to, if they are that.
    pub(in super::super) fn agree(&self, values: &[Vec<u8>; 2]) -> Option<Agreed> {
        (self.agree)(values)
    }

    /// Reads the point of a public key. In another form than that of the standard it is of no use here, and found
    /// elsewhere.
    pub(in super::super) fn read(&self, public: &str) -> Make {
        let whole = (self.head + self.point) as u64;
        on(SESSION, C_GetAttributeValue)
            .with("object", handle(public))
            .with("template", asked(&[CKA_EC_POINT]))
            .requires(
                &attribute(CKA_EC_POINT),
                length(is_number(whole)),
                "CKA_EC_POINT is not in the form of the standard",
            )
    }

    /// A point as CKA_EC_POINT has it.
    pub(in super::super) fn whole(&self, point: &[u8]) -> Vec<u8> {
        let count = point.len() as u8;
        let head: &[u8] = match self.head {
            0 => &[],
            2 => &[0x04, count],
            _ => &[0x04, 0x81, count],
        };
        [head, point].concat()
    }

    /// The point that was kept as `point`, as 6.3.16 has it in a parameter.
    pub(in super::super) fn bare(&self, point: &str) -> Content {
        match self.head {
            0 => kept(point),
            count => Content::Skip {
                of: Box::new(kept(point)),
                count,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::lexicon::from_hex;

    fn bytes(hex: &str) -> Vec<u8> {
        from_hex(hex).expect("hexadecimal digits")
    }

    /// RFC 5903 section 8.1 (P-256) and RFC 7748 section 6.1 (X25519).
    #[test]
    fn agreements_are_those_of_the_published_examples() {
        let p256 = CURVES[0].agree(&[
            bytes("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"),
            bytes("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"),
        ]);
        let secret = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de";
        assert_eq!(p256.expect("valid").secret, bytes(secret));
        let x25519 = CURVES[3].agree(&[
            bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
            bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
        ]);
        let secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        assert_eq!(x25519.expect("valid").secret, bytes(secret));
    }

    #[test]
    fn every_draw_is_a_private_value_and_both_ways_agree() {
        for curve in &CURVES {
            for drawn in [vec![0; curve.width], vec![0xff; curve.width]] {
                let values = [curve.private(drawn), curve.private(vec![0x5a; curve.width])];
                let there = curve.agree(&values).expect("private values");
                let [one, other] = values;
                let back = curve.agree(&[other, one]).expect("private values");
                assert_eq!(there.secret, back.secret);
                assert_eq!(there.secret.len(), curve.width);
                assert_eq!(there.publics[0], back.publics[1]);
                assert_eq!(there.publics[0].len(), curve.point);
            }
        }
    }
}
