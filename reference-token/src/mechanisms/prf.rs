//! Pseudo-random functions that derivation mechanisms name by a MAC mechanism, and the PRFs of SSL
//! and TLS. The MACs themselves belong to their families.

use cryptoki_sys::*;

use super::{Entry, Family, Form, Hash, Mechanism, Parameter, find_for};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal};

/// MAC mechanisms that can be a PRF: the table of section 6.42.2, and the others of IKE.
const PRFS: [CK_MECHANISM_TYPE; 16] = [
    CKM_MD5_HMAC,
    CKM_SHA_1_HMAC,
    CKM_SHA224_HMAC,
    CKM_SHA256_HMAC,
    CKM_SHA384_HMAC,
    CKM_SHA512_HMAC,
    CKM_SHA512_224_HMAC,
    CKM_SHA512_256_HMAC,
    CKM_SHA3_224_HMAC,
    CKM_SHA3_256_HMAC,
    CKM_SHA3_384_HMAC,
    CKM_SHA3_512_HMAC,
    CKM_AES_CMAC,
    CKM_DES3_CMAC,
    CKM_AES_XCBC_MAC,
    CKM_AES_XCBC_MAC_96,
];

/// A MAC mechanism as a pseudo-random function.
pub(super) struct Prf {
    family: &'static dyn Family,
    entry: &'static Entry,
}

impl Prf {
    /// The PRF that a parameter names; CKR_MECHANISM_PARAM_INVALID if the token has none such.
    pub(super) fn named(mechanism: CK_MECHANISM_TYPE) -> Result<Prf> {
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        ensure(PRFS.contains(&mechanism), CKR_MECHANISM_PARAM_INVALID)?;
        let (family, entry) = find_for(mechanism, CKF_SIGN).map_err(|_| invalid)?;
        ensure(entry.form == Form::None, CKR_MECHANISM_PARAM_INVALID)?;
        Ok(Prf { family, entry })
    }

    /// Whether keys of this type are keys of the MAC.
    pub(super) fn check_key(&self, key: &Attributes) -> Result<()> {
        let fits = key
            .ulong(CKA_KEY_TYPE)
            .is_some_and(|kind| self.entry.keys.contains(&kind));
        ensure(fits, CKR_KEY_TYPE_INCONSISTENT)
    }

    /// The key type that only this MAC has, if there is one, or the general one.
    pub(super) fn key_type(&self) -> CK_KEY_TYPE {
        *self.entry.keys.last().unwrap_or(&CKK_GENERIC_SECRET)
    }

    /// The PRF under a key, of the concatenation of `parts`.
    pub(super) fn apply(&self, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>> {
        let key: Attributes = [(CKA_VALUE, Value::Bytes(key.to_vec()))]
            .into_iter()
            .collect();
        let mechanism = Mechanism {
            kind: self.entry.mechanism,
            parameter: Parameter::None,
        };
        let mut mac = self.family.sign(&mechanism, &key)?;
        for part in parts {
            mac.update(part)?;
        }
        mac.finish()
    }

    /// Bytes of output, under keys of this length.
    pub(super) fn length(&self, key: &[u8]) -> Result<usize> {
        Ok(self.apply(key, &[])?.len())
    }
}

/// P_hash of RFC 5246 section 5.
fn p_hash(hmac: impl Fn(&[u8]) -> Vec<u8>, label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let seed = [label, seed].concat();
    let mut output = Vec::new();
    let mut chain = seed.clone();
    while output.len() < length {
        chain = hmac(&chain);
        output.extend(hmac(&[&chain[..], &seed].concat()));
    }
    output.truncate(length);
    output
}

/// The PRF of a version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsPrf {
    /// RFC 2246 section 5: TLS 1.0 and 1.1.
    Tls10,
    /// RFC 5246 section 5, over a hash.
    Tls12(Hash),
}

impl TlsPrf {
    /// The PRF that a parameter names by its hash.
    pub(super) fn of_hash(hash: CK_MECHANISM_TYPE) -> Result<TlsPrf> {
        super::parameter::hash_named(hash).map(TlsPrf::Tls12)
    }

    /// The PRF that a parameter names by its hash or, for the versions before, CKM_TLS_PRF.
    pub(super) fn named(mechanism: CK_MECHANISM_TYPE) -> Result<TlsPrf> {
        match mechanism {
            CKM_TLS_PRF => Ok(TlsPrf::Tls10),
            hash => TlsPrf::of_hash(hash),
        }
    }

    pub(super) fn apply(self, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        match self {
            TlsPrf::Tls12(hash) => p_hash(|data| hash.mac(secret, data), label, seed, length),
            TlsPrf::Tls10 => {
                // Halves of the secret, which share a byte if its length is odd.
                let half = secret.len().div_ceil(2);
                let (first, second) = (&secret[..half], &secret[secret.len() - half..]);
                let md5 = p_hash(|data| Hash::Md5.mac(first, data), label, seed, length);
                let sha = p_hash(|data| Hash::Sha1.mac(second, data), label, seed, length);
                md5.iter().zip(sha).map(|(a, b)| a ^ b).collect()
            }
        }
    }
}

/// The construction of RFC 6101 sections 6.1 and 6.2.2: MD5 over SHA-1 over A, BB, CCC and so on,
/// a secret and two random values.
pub(super) fn ssl3(secret: &[u8], first: &[u8], second: &[u8], length: usize) -> Vec<u8> {
    let mut output = Vec::new();
    for (letter, times) in (b'A'..=b'Z').zip(1..) {
        if output.len() >= length {
            break;
        }
        let prefix = vec![letter; times];
        let inner = Hash::Sha1.digest(&[&prefix, secret, first, second]);
        output.extend(Hash::Md5.digest(&[secret, &inner]));
    }
    output.truncate(length);
    output
}

/// The most that `ssl3` gives: 26 letters of 16 bytes.
pub(super) const SSL3_MOST: usize = 26 * 16;
