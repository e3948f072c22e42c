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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    /// NIST CAVP, "TLS, gatherer" vectors for TLS 1.0/1.1 and for TLS 1.2 with SHA-256.
    #[test]
    fn tls_prfs_give_the_answers_of_nist() {
        let seed = hex(
            "e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693
                        135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2",
        );
        let secret = hex(
            "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e78
                          0ec55d9844b2f1db02a96453513568d0",
        );
        let expected = hex(
            "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc
                            2090c5bf51a0891209f46c1e1e998f62",
        );
        assert_eq!(
            TlsPrf::Tls10.apply(&secret, b"master secret", &seed, 48),
            expected
        );
        let seed = hex(
            "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c
                        f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
        );
        let secret = hex(
            "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bca
                          db386b411fd4fe4313a604fce6c17fbc",
        );
        let expected = hex(
            "202c88c00f84a17a20027079604787461176455539e705be730890602c289a50
                            01e34eeb3a043e5d52a65e66125188bf",
        );
        assert_eq!(
            TlsPrf::Tls12(Hash::Sha256).apply(&secret, b"master secret", &seed, 48),
            expected
        );
    }

    /// Botan's ssl3prf.vec, whose salt is both random values.
    #[test]
    fn the_ssl_3_construction_gives_the_answers_of_another_implementation() {
        let rows = [
            (
                "6E60",
                "17FEBCA565786528F84A",
                "D626B75AB8BD4F5B9458BDDA8589FD39",
            ),
            (
                "40ED568CFC6C0A17866C67B7660C96BF9DA54C",
                "A3502B96214854E5AF5720E8970D3F240AAB2E21319A88E901",
                "321118AA031C5C9EFF145542B4426C3C71",
            ),
            (
                "E0BDEBC1D1EEDB393368D489",
                "5D2B46C7BB5258ABC13514995E518FD4D77BECB738D77909",
                "F3D8ED6D46280C3694F33D2D4A210248D657277DD78ACD3B34063D085657A58E",
            ),
        ];
        for (secret, salt, expected) in rows {
            let (salt, expected) = (hex(salt), hex(expected));
            let (first, second) = salt.split_at(7);
            assert_eq!(ssl3(&hex(secret), first, second, expected.len()), expected);
        }
    }

    #[test]
    fn only_macs_the_token_has_are_functions() {
        assert!(Prf::named(CKM_SHA256_HMAC).is_ok());
        for other in [CKM_SHA256, CKM_RSA_PKCS, CKM_SHA256_HMAC_GENERAL] {
            let refusal = Prf::named(other).err().unwrap();
            assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
