//! Keys that come from a seed: what ML-DSA and ML-KEM have in common, [PKCS11-Base 3.2] sections
//! 6.67.3 and 6.68.3. The arithmetic belongs to the two families.

use cryptoki_sys::*;

use super::{Contribution, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refuse};

/// A parameter set of such a family.
pub(super) trait Seeded: Copy {
    /// Bytes of a seed.
    const SEED: usize;
    /// The values of the public and the private key that a seed gives.
    fn expand(self, seed: &[u8]) -> Result<(Vec<u8>, Vec<u8>)>;
    /// The value of the public key of a private key, which is checked.
    fn public(self, value: &[u8]) -> Result<Vec<u8>>;
}

/// A private key has a seed, a value or both, and then they agree. Here the value is computed where
/// only the seed is given. Gives back the value of the public key.
pub(super) fn settle_private(set: impl Seeded, key: &mut Attributes) -> Result<Vec<u8>> {
    match (key.bytes(CKA_SEED), key.bytes(CKA_VALUE)) {
        ([], []) => refuse(CKR_TEMPLATE_INCOMPLETE),
        ([], value) => set.public(value),
        (seed, given) => {
            let (public, value) = set.expand(seed)?;
            let agrees = given.is_empty() || given == value;
            ensure(agrees, CKR_ATTRIBUTE_VALUE_INVALID)?;
            key.set_bytes(CKA_VALUE, value);
            Ok(public)
        }
    }
}

/// A new pair, from the template of its public key.
pub(super) fn generate_pair<S: Seeded>(
    set: S,
    public: &Attributes,
) -> Result<(Contribution, Contribution)> {
    let seed = random(S::SEED)?;
    let (public_value, private_value) = set.expand(&seed)?;
    let name = public.ulong(CKA_PARAMETER_SET).unwrap_or_default();
    Ok((
        vec![(CKA_VALUE, Value::Bytes(public_value))],
        vec![
            (CKA_PARAMETER_SET, Value::ulong(name)),
            (CKA_SEED, Value::Bytes(seed)),
            (CKA_VALUE, Value::Bytes(private_value)),
        ],
    ))
}
