//! SLH-DSA: [PKCS11-Base 3.2] section 6.69, over FIPS 205. This file owns the parameter sets, keys
//! and the family; framing belongs to `framed`, the hashing to the `slh-dsa` crate.

use cryptoki_sys::*;
use slh_dsa::{Signature, SigningKey, VerifyingKey};

use super::framed::{self, Key};
use super::settle::settle_public_info;
use super::{Contribution, Entry, Family, Form, Mechanism, Signing, Verifying, pkcs8, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal};

/// The SLH-DSA mechanisms.
pub(super) struct SlhDsa;

/// Public keys in bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (32, 64);
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form,
        keys: &[CKK_SLH_DSA],
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 13] = [
    entry(CKM_SLH_DSA_KEY_PAIR_GEN,  CKF_GENERATE_KEY_PAIR, Form::None),
    entry(CKM_SLH_DSA,               SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA,          SIGNS, Form::HashSignContext),
    entry(CKM_HASH_SLH_DSA_SHA224,   SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA256,   SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA384,   SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA512,   SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA3_224, SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA3_256, SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA3_384, SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHA3_512, SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHAKE128, SIGNS, Form::SignContext),
    entry(CKM_HASH_SLH_DSA_SHAKE256, SIGNS, Form::SignContext),
];

/// A parameter set: FIPS 205 table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set {
    name: CK_ULONG,
    /// Bytes of a hash: a quarter of a private key, half of a public one.
    n: usize,
    signature: usize,
}

#[rustfmt::skip]
static SETS: [Set; 12] = [
    Set { name: CKP_SLH_DSA_SHA2_128S,  n: 16, signature:  7856 },
    Set { name: CKP_SLH_DSA_SHAKE_128S, n: 16, signature:  7856 },
    Set { name: CKP_SLH_DSA_SHA2_128F,  n: 16, signature: 17088 },
    Set { name: CKP_SLH_DSA_SHAKE_128F, n: 16, signature: 17088 },
    Set { name: CKP_SLH_DSA_SHA2_192S,  n: 24, signature: 16224 },
    Set { name: CKP_SLH_DSA_SHAKE_192S, n: 24, signature: 16224 },
    Set { name: CKP_SLH_DSA_SHA2_192F,  n: 24, signature: 35664 },
    Set { name: CKP_SLH_DSA_SHAKE_192F, n: 24, signature: 35664 },
    Set { name: CKP_SLH_DSA_SHA2_256S,  n: 32, signature: 29792 },
    Set { name: CKP_SLH_DSA_SHAKE_256S, n: 32, signature: 29792 },
    Set { name: CKP_SLH_DSA_SHA2_256F,  n: 32, signature: 49856 },
    Set { name: CKP_SLH_DSA_SHAKE_256F, n: 32, signature: 49856 },
];

/// Runs `$body` with `$type` naming the crate's type of the parameter set.
macro_rules! with_set {
    ($set:expr, $type:ident => $body:expr) => {
        with_set!(@ $set, $type, $body;
            CKP_SLH_DSA_SHA2_128S: Sha2_128s, CKP_SLH_DSA_SHAKE_128S: Shake128s,
            CKP_SLH_DSA_SHA2_128F: Sha2_128f, CKP_SLH_DSA_SHAKE_128F: Shake128f,
            CKP_SLH_DSA_SHA2_192S: Sha2_192s, CKP_SLH_DSA_SHAKE_192S: Shake192s,
            CKP_SLH_DSA_SHA2_192F: Sha2_192f, CKP_SLH_DSA_SHAKE_192F: Shake192f,
            CKP_SLH_DSA_SHA2_256S: Sha2_256s, CKP_SLH_DSA_SHAKE_256S: Shake256s,
            CKP_SLH_DSA_SHA2_256F: Sha2_256f, CKP_SLH_DSA_SHAKE_256F: Shake256f,
        )
    };
    (@ $set:expr, $type:ident, $body:expr; $($name:ident: $crate_type:ident,)*) => {
        match $set.name {
            $($name => {
                type $type = slh_dsa::$crate_type;
                $body
            })*
            _ => return Err(refusal(CKR_PARAMETER_SET_NOT_SUPPORTED)),
        }
    };
}

impl Set {
    /// The set that CKA_PARAMETER_SET names.
    fn of(key: &Attributes) -> Result<Set> {
        let name = key.ulong(CKA_PARAMETER_SET);
        let set = SETS.iter().find(|set| Some(set.name) == name);
        set.copied().ok_or(refusal(CKR_PARAMETER_SET_NOT_SUPPORTED))
    }

    /// The private key (FIPS 205 algorithm 18) of SK.seed, SK.prf and PK.seed, one after the other.
    fn expand(self, seeds: &[u8]) -> Result<Vec<u8>> {
        let (secret, rest) = seeds.split_at_checked(self.n).unwrap_or_default();
        let (prf, public) = rest.split_at_checked(self.n).unwrap_or_default();
        ensure(public.len() == self.n, CKR_ATTRIBUTE_VALUE_INVALID)?;
        Ok(with_set!(self, P => {
            SigningKey::<P>::slh_keygen_internal(secret, prf, public).to_vec()
        }))
    }

    /// The public key in a private one; CKR_ATTRIBUTE_VALUE_INVALID unless its root follows from
    /// its seeds.
    fn public(self, value: &[u8]) -> Result<Vec<u8>> {
        ensure(value.len() == 4 * self.n, CKR_ATTRIBUTE_VALUE_INVALID)?;
        let (seeds, _) = value.split_at(3 * self.n);
        ensure(self.expand(seeds)? == value, CKR_ATTRIBUTE_VALUE_INVALID)?;
        Ok(value[2 * self.n..].to_vec())
    }

    fn sign(self, value: &[u8], message: &[u8], chance: Option<&[u8]>) -> Result<Vec<u8>> {
        with_set!(self, P => {
            let key = SigningKey::<P>::try_from(value);
            let key = key.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            Ok(key.slh_sign_internal(&[message], chance).to_vec())
        })
    }

    fn verify(self, public: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        with_set!(self, P => {
            let key = VerifyingKey::<P>::try_from(public);
            let signature = Signature::<P>::try_from(signature);
            match (key, signature) {
                (Ok(key), Ok(signature)) => {
                    Ok(key.slh_verify_internal(&[message], &signature).is_ok())
                }
                _ => Ok(false),
            }
        })
    }
}

/// A private or a public key.
struct Keyed {
    set: Set,
    value: Vec<u8>,
}

impl Keyed {
    fn of(key: &Attributes) -> Result<Keyed> {
        let value = key.bytes(CKA_VALUE).to_vec();
        Ok(Keyed {
            set: Set::of(key)?,
            value,
        })
    }
}

impl Key for Keyed {
    fn length(&self) -> usize {
        self.set.signature
    }
    fn sign(&self, message: &[u8], hedged: bool) -> Result<Vec<u8>> {
        let chance = random(self.set.n)?;
        let chance = hedged.then_some(&chance[..]);
        self.set.sign(&self.value, message, chance)
    }
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = self.set.verify(&self.value, message, signature);
        verified.unwrap_or(false)
    }
}

fn public_info(key: &Attributes, public: &[u8]) -> Result<Vec<u8>> {
    let set = key.ulong(CKA_PARAMETER_SET).unwrap_or_default();
    pkcs8::public_info(CKK_SLH_DSA, set, public)
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let sized = key.bytes(CKA_VALUE).len() == 2 * Set::of(key)?.n;
    ensure(sized, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let info = public_info(key, key.bytes(CKA_VALUE))?;
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// Checks a private key object and adds what follows from its value. A key that was made here is
/// sound; computing its root again would make its generation twice as long.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let (set, value) = (Set::of(key)?, key.bytes(CKA_VALUE));
    let public = match key.bool(CKA_LOCAL) {
        true => value.get(2 * set.n..).unwrap_or_default().to_vec(),
        false => set.public(value)?,
    };
    let info = public_info(key, &public)?;
    settle_public_info(key, info, None)
}

impl Family for SlhDsa {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_SLH_DSA)
    }

    fn generate_pair(
        &self,
        _: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let set = Set::of(public)?;
        let value = set.expand(&random(3 * set.n)?)?;
        Ok((
            vec![(CKA_VALUE, Value::Bytes(value[2 * set.n..].to_vec()))],
            vec![
                (CKA_PARAMETER_SET, Value::ulong(set.name)),
                (CKA_VALUE, Value::Bytes(value)),
            ],
        ))
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        framed::sign(mechanism, framed::style(mechanism)?, Keyed::of(key)?)
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        framed::verify(mechanism, framed::style(mechanism)?, Keyed::of(key)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    fn set(name: CK_ULONG) -> Set {
        *SETS.iter().find(|set| set.name == name).unwrap()
    }

    /// NIST ACVP, SLH-DSA-keyGen-FIPS205, test case 1.
    #[test]
    fn a_key_follows_from_its_seeds_as_in_acvp() {
        let set = set(CKP_SLH_DSA_SHA2_128S);
        let seeds = hex("173d04c938c1c36bf289c3c022d04b14
                         63ae23c41aa546da589774ac20b745c4
                         0d794777914c99766827f0f09ca972be");
        let value = set.expand(&seeds).unwrap();
        assert_eq!(value[..48], seeds);
        assert_eq!(value[48..], hex("0162c10219d422adba1359e6aa65299c"));
        assert_eq!(set.public(&value).unwrap(), value[32..]);
        let mut torn = value;
        torn[63] ^= 1;
        let refusal = set.public(&torn).unwrap_err();
        assert_eq!(refusal.code(), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    /// One set of each hash: without optimisation the others take from seconds to minutes.
    #[test]
    fn signatures_verify_and_have_the_length_of_their_table() {
        for set in [set(CKP_SLH_DSA_SHA2_128F), set(CKP_SLH_DSA_SHAKE_128F)] {
            let value = set.expand(&random(3 * set.n).unwrap()).unwrap();
            let signature = set.sign(&value, b"message", None).unwrap();
            assert_eq!(signature.len(), set.signature);
            let public = &value[2 * set.n..];
            assert!(set.verify(public, b"message", &signature).unwrap());
            assert!(!set.verify(public, b"massage", &signature).unwrap());
        }
    }
}
