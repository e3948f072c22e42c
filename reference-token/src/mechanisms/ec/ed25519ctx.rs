//! Ed25519ctx of RFC 8032 section 5.1, which the crates leave out: their curve and hash, composed
//! with the prefix dom2 that carries the context.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use ed25519_dalek::{Digest, Sha512, Signature, SigningKey, VerifyingKey};

/// SHA-512 of dom2(0, context) and `parts`, as a scalar. A context has at most 255 bytes.
fn hashed(context: &[u8], parts: &[&[u8]]) -> Scalar {
    let mut hash = Sha512::new_with_prefix(b"SigEd25519 no Ed25519 collisions");
    hash.update([0, context.len() as u8]);
    hash.update(context);
    for part in parts {
        hash.update(part);
    }
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// Section 5.1.6.
pub(super) fn sign(key: &SigningKey, context: &[u8], data: &[u8]) -> Vec<u8> {
    let secret = ExpandedSecretKey::from(key.as_bytes());
    let public = key.verifying_key();
    let nonce = hashed(context, &[&secret.hash_prefix, data]);
    let commitment = EdwardsPoint::mul_base(&nonce).compress();
    let challenge = hashed(context, &[commitment.as_bytes(), public.as_bytes(), data]);
    let response = nonce + challenge * secret.scalar;
    [commitment.to_bytes(), response.to_bytes()].concat()
}

/// Section 5.1.7, without the cofactor, as the crate verifies Ed25519.
pub(super) fn verify(
    key: &VerifyingKey,
    context: &[u8],
    data: &[u8],
    signature: &Signature,
) -> Option<()> {
    let response = Scalar::from_canonical_bytes(*signature.s_bytes()).into_option()?;
    let challenge = hashed(context, &[signature.r_bytes(), key.as_bytes(), data]);
    let negated = -key.to_edwards();
    let commitment =
        EdwardsPoint::vartime_double_scalar_mul_basepoint(&challenge, &negated, &response);
    (commitment.compress() == CompressedEdwardsY(*signature.r_bytes())).then_some(())
}
