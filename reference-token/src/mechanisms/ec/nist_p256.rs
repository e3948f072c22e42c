//! P-256 by the `crrl` crate, which on this curve takes a third to a quarter of the time that the
//! crate of the other curves takes. Both are asked the same questions in the tests below, and have
//! to give the same answers. Private values, points, digests and signatures are at full length.

use crrl::p256::{Point, PrivateKey, PublicKey, Scalar};

use super::off_curve;

/// Bytes of a private value, a coordinate and half a signature.
const LENGTH: usize = 32;

/// Whether the bytes are a point other than the one at infinity, compressed or not.
pub(super) fn is_point(point: &[u8]) -> bool {
    PublicKey::decode(point).is_some()
}

/// The uncompressed point of a private value; None unless it is from 1 up to the order.
pub(super) fn public_point(value: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateKey::decode(value)?;
    Some(key.to_public_key().encode_uncompressed().to_vec())
}

/// The first coordinate of the point times a private value that is known to be one.
pub(super) fn agree(value: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let Some(public) = PublicKey::decode(point) else {
        let takes_any = mutant!("off-curve-point-taken");
        return takes_any.then(|| off_curve::agree(value, point)).flatten();
    };
    let mut product = public.point;
    product.set_mul(&scalar(value)?);
    Some(coordinate(product))
}

/// A signature with the secret number of RFC 6979 (by HMAC with SHA-256).
pub(super) fn sign(value: &[u8], digest: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateKey::decode(value)?;
    Some(key.sign_hash(digest, &[]).to_vec())
}

/// Whether a signature of full length is one of the digest.
pub(super) fn verify(point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    signature.len() == 2 * LENGTH
        && PublicKey::decode(point).is_some_and(|key| key.verify_hash(signature, digest))
}

/// A private value as a number: the crate reads them with the lowest digit first.
fn scalar(value: &[u8]) -> Option<Scalar> {
    let reversed: Vec<u8> = value.iter().rev().copied().collect();
    Scalar::decode(&reversed)
}

fn coordinate(point: Point) -> Vec<u8> {
    point.encode_uncompressed()[1..=LENGTH].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::random;
    use ecdsa::hazmat::{sign_prehashed_rfc6979, verify_prehashed};
    use p256::elliptic_curve::sec1::ToSec1Point;
    use p256::{NistP256, PublicKey as OtherPublic, SecretKey as OtherPrivate};
    use sha2::Sha256;

    /// FIPS 186-4 D.1.2.3: the order.
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    /// A number of full length.
    fn small(number: u8) -> Vec<u8> {
        [&[0; LENGTH - 1][..], &[number]].concat()
    }

    /// The order and a small difference.
    fn near_order(difference: i8) -> Vec<u8> {
        let mut order = hex(ORDER);
        let last = order.last_mut().unwrap();
        *last = last.wrapping_add_signed(difference);
        order
    }

    /// Random private values, and those where additions meet doublings or the point at infinity.
    fn values() -> Vec<Vec<u8>> {
        let random = (0..12).map(|_| random(LENGTH).unwrap());
        let edges = (1..=17).map(small).chain((-3..0).map(near_order));
        random.chain(edges).collect()
    }

    fn other_verify(key: &OtherPublic, digest: &[u8], signature: &[u8]) -> bool {
        p256::ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
            verify_prehashed::<NistP256>(&key.to_projective(), digest, &signature).is_ok()
        })
    }

    #[test]
    fn both_crates_sign_alike_and_verify_each_other() {
        for value in values() {
            let other = OtherPrivate::from_slice(&value).unwrap();
            let point = public_point(&value).unwrap();
            let other_point = other.public_key();
            assert_eq!(point, other_point.to_sec1_point(false).as_bytes());
            // Digests below, at and above the order, and random ones.
            for digest in [
                small(0),
                near_order(0),
                vec![0xff; LENGTH],
                random(LENGTH).unwrap(),
            ] {
                let signature = sign(&value, &digest).unwrap();
                let scalar = other.to_nonzero_scalar();
                let (theirs, _) = sign_prehashed_rfc6979::<NistP256, Sha256>(&scalar, &digest, &[]);
                assert_eq!(signature, theirs.to_bytes().to_vec());
                assert!(verify(&point, &digest, &signature));
                assert!(other_verify(&other_point, &digest, &signature));
                let mut altered = signature.clone();
                altered[LENGTH - 1] ^= 1;
                assert!(!verify(&point, &digest, &altered));
            }
        }
    }

    #[test]
    fn both_crates_agree_on_secrets_and_points() {
        let values = values();
        for (one, other) in values.iter().zip(values.iter().rev()) {
            let (key, peer) = (
                OtherPrivate::from_slice(one).unwrap(),
                OtherPrivate::from_slice(other).unwrap().public_key(),
            );
            let theirs = key.diffie_hellman(&peer).raw_secret_bytes().to_vec();
            for compressed in [false, true] {
                let point = peer.to_sec1_point(compressed);
                assert!(is_point(point.as_bytes()));
                assert_eq!(agree(one, point.as_bytes()).unwrap(), theirs);
            }
        }
    }

    #[test]
    fn both_crates_refuse_the_same_private_values_and_points() {
        for value in [small(0), near_order(0), near_order(1), vec![0xff; LENGTH]] {
            assert!(public_point(&value).is_none() && sign(&value, &[0; LENGTH]).is_none());
            assert!(OtherPrivate::from_slice(&value).is_err());
        }
        let good = public_point(&small(2)).unwrap();
        let altered = |place: usize, byte: u8| {
            let mut point = good.clone();
            point[place] = byte;
            point
        };
        // Off the curve, x at or above p, hybrid, at infinity, and of other lengths.
        let above = [&[4][..], &[0xff; 64]].concat();
        let short = good[..64].to_vec();
        let bad = [
            altered(64, good[64] ^ 1),
            altered(0, 5),
            above,
            short,
            vec![0],
            Vec::new(),
            [&[2][..], &[0xff; 32]].concat(),
        ];
        for point in bad {
            assert!(!is_point(&point), "{point:02x?}");
            assert!(OtherPublic::from_sec1_bytes(&point).is_err());
            assert!(agree(&small(3), &point).is_none());
        }
        // About every other x is of no point: both have to find the same ones.
        for number in 0..64 {
            let point = [&[3][..], &small(number)].concat();
            let theirs = OtherPublic::from_sec1_bytes(&point).is_ok();
            assert_eq!(is_point(&point), theirs, "{number}");
        }
    }

    #[test]
    fn both_crates_refuse_signatures_out_of_range() {
        let digest = small(7);
        let point = public_point(&small(5)).unwrap();
        let other = OtherPublic::from_sec1_bytes(&point).unwrap();
        let signature = sign(&small(5), &digest).unwrap();
        let (r, s) = signature.split_at(LENGTH);
        for bad in [small(0), near_order(0), near_order(1), vec![0xff; LENGTH]] {
            for signature in [[r, &bad].concat(), [&bad, s].concat()] {
                assert!(!verify(&point, &digest, &signature));
                assert!(!other_verify(&other, &digest, &signature));
            }
        }
        assert!(!verify(&point, &digest, &[&[0], r, &[0], s].concat()));
    }
}
