//! ECDSA operations: [PKCS11-Base 3.2] sections 6.3.1, 6.3.12 and 6.3.13. Owns the collecting or
//! hashing of data and the encoding of signatures; the arithmetic belongs to `curve`.

use cryptoki_sys::*;

use super::curve::Curve;
use crate::mechanisms::hash::Running;
use crate::mechanisms::{Hash, Signing, Verifying};
use crate::rv::{Result, ensure};

/// The mechanisms that hash.
static HASHING: [(CK_MECHANISM_TYPE, Hash); 9] = [
    (CKM_ECDSA_SHA1, Hash::Sha1),
    (CKM_ECDSA_SHA224, Hash::Sha224),
    (CKM_ECDSA_SHA256, Hash::Sha256),
    (CKM_ECDSA_SHA384, Hash::Sha384),
    (CKM_ECDSA_SHA512, Hash::Sha512),
    (CKM_ECDSA_SHA3_224, Hash::Sha3Bits224),
    (CKM_ECDSA_SHA3_256, Hash::Sha3Bits256),
    (CKM_ECDSA_SHA3_384, Hash::Sha3Bits384),
    (CKM_ECDSA_SHA3_512, Hash::Sha3Bits512),
];

/// A running operation; without a hash the data is the digest.
pub(super) struct Ecdsa {
    curve: Curve,
    key: Vec<u8>,
    hash: Option<Box<dyn Running>>,
    data: Vec<u8>,
}

impl Ecdsa {
    /// An operation with a private value or a point.
    pub(super) fn new(mechanism: CK_MECHANISM_TYPE, curve: Curve, key: &[u8]) -> Box<Ecdsa> {
        let hash = HASHING.iter().find(|(kind, _)| *kind == mechanism);
        Box::new(Ecdsa {
            curve,
            key: key.to_vec(),
            hash: hash.map(|(_, hash)| hash.running()),
            data: Vec::new(),
        })
    }

    fn absorb(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.hash {
            Some(hash) => hash.update(data),
            None => self.data.extend_from_slice(data),
        }
        Ok(())
    }

    /// The digest, its key and its curve. An empty digest is of no hash at all.
    fn into_parts(self) -> Result<(Vec<u8>, Vec<u8>, Curve)> {
        let digest = self.hash.map_or(self.data, Running::finish);
        ensure(!digest.is_empty(), CKR_DATA_LEN_RANGE)?;
        let length = if mutant!("ecdsa-digest-not-cut") {
            20
        } else {
            digest.len()
        };
        let digest = digest.get(..length).map_or(digest.clone(), <[u8]>::to_vec);
        let excess = digest.len().saturating_sub(self.curve.length());
        let digest = match mutant!("ecdsa-digest-cut-in-front") {
            true => digest[excess..].to_vec(),
            false => digest,
        };
        Ok((digest, self.key, self.curve))
    }
}

impl Signing for Ecdsa {
    fn length(&self) -> usize {
        2 * self.curve.length()
    }
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let (digest, key, curve) = self.into_parts()?;
        curve.sign(&key, &digest)
    }
}

impl Verifying for Ecdsa {
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let (digest, key, curve) = self.into_parts()?;
        let signature = widened(signature, curve.length())?;
        let valid = curve.verify(&key, &digest, &signature);
        ensure(valid, CKR_SIGNATURE_INVALID)
    }
}

/// Section 6.3.1: r and s of a signature to be verified may both be shorter than the order, as long
/// as they are equally long. Here both are at full length.
fn widened(signature: &[u8], length: usize) -> Result<Vec<u8>> {
    let half = signature.len() / 2;
    let halved = signature.len().is_multiple_of(2) && (1..=length).contains(&half);
    ensure(halved, CKR_SIGNATURE_LEN_RANGE)?;
    let (r, s) = signature.split_at(half);
    let zeros = vec![0; length - half];
    Ok([&zeros[..], r, &zeros, s].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_signatures_get_their_leading_zeros() {
        assert_eq!(widened(&[1, 2, 3, 4], 3).unwrap(), [0, 1, 2, 0, 3, 4]);
        for bad in [&[][..], &[1], &[1, 2, 3], &[0; 8]] {
            let refusal = widened(bad, 3).unwrap_err();
            assert_eq!(refusal.code(), CKR_SIGNATURE_LEN_RANGE, "{bad:?}");
        }
    }
}
