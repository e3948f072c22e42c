//! Diffie-Hellman over prime fields: [PKCS11-Base 3.2] section 6.4, of PKCS #3 and of ANSI X9.42.
//! Owns domains, keys and agreement; the arithmetic belongs to `modular`. Left out: MQV.

use cryptoki_sys::*;

use super::modular::{self, BITS, Modulus};
use super::parameter::TwoPairs;
use super::settle::settle_public_info;
use super::{Contribution, Derived, Entry, Family, Form, Hash, Mechanism, Parameter, der, pkcs8};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The Diffie-Hellman mechanisms.
pub(super) struct Dh;

const AGREES: CK_FLAGS = CKF_DERIVE | CKF_ENCAPSULATE | CKF_DECAPSULATE;

const fn pkcs3(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags,
        form,
        keys: &[CKK_DH],
    }
}

/// Section 6.4.3: primes of X9.42 begin at 1024 bits.
const fn x9_42(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: (1024, BITS.1),
        flags,
        form,
        keys: &[CKK_X9_42_DH],
    }
}

static ENTRIES: [Entry; 5] = [
    pkcs3(CKM_DH_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Form::None),
    pkcs3(CKM_DH_PKCS_DERIVE, AGREES, Form::PublicValue),
    x9_42(CKM_X9_42_DH_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Form::None),
    x9_42(CKM_X9_42_DH_DERIVE, AGREES, Form::X942Dh1),
    x9_42(CKM_X9_42_DH_HYBRID_DERIVE, CKF_DERIVE, Form::X942Dh2),
];

/// The domain of a key.
struct Domain<'a> {
    modulus: Modulus,
    base: &'a [u8],
    /// The order of the base, which X9.42 alone names.
    order: Option<&'a [u8]>,
}

impl Domain<'_> {
    /// CKR_ATTRIBUTE_VALUE_INVALID for numbers that section 6.4 does not take.
    fn of(key: &Attributes) -> Result<Domain<'_>> {
        let modulus = Modulus::new(key.bytes(CKA_PRIME))?;
        let base = key.bytes(CKA_BASE);
        ensure(modulus.is_inner(base), CKR_ATTRIBUTE_VALUE_INVALID)?;
        let order = match key.ulong(CKA_KEY_TYPE) {
            Some(CKK_X9_42_DH) => Some(key.bytes(CKA_SUBPRIME)),
            _ => None,
        };
        if let Some(order) = order {
            let sized = modulus.bits() >= 1024 && modulus.bits().is_multiple_of(256);
            let ordered = modular::bits(order) >= 160 && modulus.is_inner(order);
            let power = modulus.power(base, order);
            let generates = power.is_some_and(|power| modular::bits(&power) == 1);
            ensure(sized && ordered && generates, CKR_ATTRIBUTE_VALUE_INVALID)?;
        }
        Ok(Domain {
            modulus,
            base,
            order,
        })
    }

    /// A private value: of the length that was asked for, or below the order or the prime.
    fn generate(&self, prime: &[u8], bits: Option<usize>) -> Result<Vec<u8>> {
        let Some(bits) = bits else {
            return modular::below(self.order.unwrap_or(prime));
        };
        // PKCS #3: the private value has exactly the length that is named.
        ensure(
            (2..self.modulus.bits()).contains(&bits),
            CKR_ATTRIBUTE_VALUE_INVALID,
        )?;
        let mut limit = vec![0; bits.div_ceil(8)];
        limit[0] = 1 << ((bits - 1) % 8);
        let mut value = modular::below(&limit)?;
        value[0] |= limit[0];
        Ok(value)
    }

    fn public(&self, value: &[u8]) -> Result<Vec<u8>> {
        let public = self.modulus.power(self.base, value);
        public.ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))
    }

    /// Whether a public value belongs to the domain, as far as the domain tells.
    fn takes(&self, public: &[u8]) -> bool {
        self.modulus.is_inner(public)
            && self.order.is_none_or(|order| {
                let power = self.modulus.power(public, order);
                power.is_some_and(|power| modular::bits(&power) == 1)
            })
    }

    /// The shared secret, at the length of the prime; None for a value that is not of the domain,
    /// which section 5.1.6 calls CKR_PUBLIC_KEY_INVALID before it does CKR_MECHANISM_PARAM_INVALID.
    fn agree(&self, value: &[u8], public: &[u8]) -> Option<Vec<u8>> {
        self.takes(public).then_some(())?;
        let secret = self.modulus.power(public, value)?;
        self.modulus.is_inner(&secret).then_some(secret)
    }
}

/// Checks domain parameters.
pub(super) fn check_domain(object: &Attributes) -> Result<()> {
    Domain::of(object).map(|_| ())
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let domain = Domain::of(key)?;
    ensure(
        domain.takes(key.bytes(CKA_VALUE)),
        CKR_ATTRIBUTE_VALUE_INVALID,
    )?;
    let info = pkcs8::domain_info(key, key.bytes(CKA_VALUE))?;
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// Checks a private key object and adds what follows from its value.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let (domain, value) = (Domain::of(key)?, key.bytes(CKA_VALUE));
    let bits = modular::bits(value);
    let limit = domain.order.map_or(domain.modulus.bits(), modular::bits);
    ensure((1..=limit).contains(&bits), CKR_ATTRIBUTE_VALUE_INVALID)?;
    let info = pkcs8::domain_info(key, &domain.public(value)?)?;
    let counts = key.ulong(CKA_KEY_TYPE) == Some(CKK_DH);
    if counts {
        key.set(CKA_VALUE_BITS, Value::ulong(bits as CK_ULONG));
    }
    settle_public_info(key, info, None)
}

/// Key derivation function, shared data and public value of a mechanism's parameter.
fn agreement(mechanism: &Mechanism) -> Result<(CK_EC_KDF_TYPE, &[u8], &[u8])> {
    match &mechanism.parameter {
        Parameter::Bytes(public) => Ok((CKD_NULL, &[], public)),
        Parameter::Ecdh1 {
            kdf,
            shared,
            public,
        } => Ok((*kdf, shared, public)),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// The secret that two key pairs share with two others. ANSI X9.42 dhHybrid1, NIST SP 800-56A section
/// 6.1.2.1: that of the ephemeral pairs, then that of the static ones. The standard only says which
/// are first and second; the second are ephemeral, as in its structure for MQV.
fn hybrid(base: &Attributes, pairs: &TwoPairs) -> Result<Vec<u8>> {
    let (second, publics) = (pairs.second.key()?, &pairs.publics);
    let paired = second.ulong(CKA_KEY_TYPE) == Some(CKK_X9_42_DH);
    ensure(paired, CKR_KEY_TYPE_INCONSISTENT)?;
    let mut shared = [CKA_PRIME, CKA_BASE, CKA_SUBPRIME].into_iter();
    let same = shared.all(|name| der::trim(base.bytes(name)) == der::trim(second.bytes(name)));
    ensure(same, CKR_DOMAIN_PARAMS_INVALID)?;
    let domain = Domain::of(base)?;
    let secret = |key: &Attributes, public| {
        let secret = domain.agree(key.bytes(CKA_VALUE), public);
        secret.ok_or(refusal(CKR_PUBLIC_KEY_INVALID))
    };
    let mut secrets = secret(second, &publics[1])?;
    secrets.extend(secret(base, &publics[0])?);
    Ok(secrets)
}

/// The value of the new key. Sections 6.4.10, 6.4.14 and 6.4.15: truncation removes bytes from the leading
/// end. The derivation function over ASN.1 is left out: it counts inside a structure of the
/// application's.
fn cut(
    kdf: CK_EC_KDF_TYPE,
    shared: &[u8],
    mut secret: Vec<u8>,
    length: Option<usize>,
) -> Result<Vec<u8>> {
    match kdf {
        CKD_NULL => {
            ensure(shared.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
            let length = length.unwrap_or(secret.len());
            ensure((1..=secret.len()).contains(&length), CKR_KEY_SIZE_RANGE)?;
            Ok(secret.split_off(secret.len() - length))
        }
        // ANSI X9.42 section 7.7.2: the secret, a counter and the shared data, as in X9.63.
        CKD_SHA1_KDF_CONCATENATE => {
            let length = length.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
            ensure((1..=1 << 16).contains(&length), CKR_KEY_SIZE_RANGE)?;
            let blocks = 1..=length.div_ceil(20) as u32;
            let block =
                |counter: u32| Hash::Sha1.digest(&[&secret, &counter.to_be_bytes(), shared]);
            let mut output: Vec<u8> = blocks.flat_map(block).collect();
            output.truncate(length);
            Ok(output)
        }
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

impl Family for Dh {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        match mechanism.kind {
            CKM_X9_42_DH_KEY_PAIR_GEN => Some(CKK_X9_42_DH),
            _ => Some(CKK_DH),
        }
    }

    /// Section 6.4.8: the private key's template may fix the length of the private value.
    fn generate_halves(
        &self,
        _: &Mechanism,
        public: &Attributes,
        private: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let domain = Domain::of(public)?;
        let bits = private.ulong(CKA_VALUE_BITS);
        let bits = bits.map(|bits| usize::try_from(bits).unwrap_or(usize::MAX));
        let mut prime = public.bytes(CKA_PRIME).to_vec();
        // The modulus is odd: below it less 1 is below it with its last bit cleared.
        if let Some(last) = prime.last_mut() {
            *last &= !1;
        }
        let value = domain.generate(&prime, bits)?;
        let shared = [CKA_PRIME, CKA_BASE, CKA_SUBPRIME].into_iter();
        let mut to_private: Contribution = shared
            .filter_map(|name| Some((name, public.get(name)?.clone())))
            .collect();
        let public = domain.public(&value)?;
        let to_public = vec![(CKA_VALUE, modular::big_integer(&public))];
        to_private.push((CKA_VALUE, modular::big_integer(&value)));
        Ok((to_public, to_private))
    }

    fn derive(
        &self,
        mechanism: &Mechanism,
        base: &Attributes,
        length: Option<usize>,
    ) -> Result<Derived> {
        let value = match &mechanism.parameter {
            Parameter::X942Dh2(pairs) => {
                cut(pairs.kdf, &pairs.shared, hybrid(base, pairs)?, length)?
            }
            _ => {
                let (kdf, shared, public) = agreement(mechanism)?;
                let secret = Domain::of(base)?.agree(base.bytes(CKA_VALUE), public);
                let secret = secret.ok_or(refusal(CKR_PUBLIC_KEY_INVALID))?;
                cut(kdf, shared, secret, length)?
            }
        };
        Ok(Derived {
            class: CKO_SECRET_KEY,
            value,
        })
    }

    fn encapsulated_length(&self, _: &Mechanism, key: &Attributes) -> Result<usize> {
        Ok(Domain::of(key)?.modulus.length())
    }

    /// Sections 6.4.10 and 6.4.14: the ciphertext is the public value of a key pair that lives for this call.
    fn encapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        length: Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let (kdf, shared, public) = agreement(mechanism)?;
        ensure(public.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
        let domain = Domain::of(key)?;
        let value = domain.generate(key.bytes(CKA_PRIME), None)?;
        let secret = domain.agree(&value, key.bytes(CKA_VALUE));
        let secret = secret.ok_or(refusal(CKR_FUNCTION_FAILED))?;
        let ciphertext = domain.public(&value)?;
        Ok((ciphertext, cut(kdf, shared, secret, length)?))
    }

    fn decapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        ciphertext: &[u8],
        length: Option<usize>,
    ) -> Result<Vec<u8>> {
        let (kdf, shared, public) = agreement(mechanism)?;
        ensure(public.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
        let secret = Domain::of(key)?.agree(key.bytes(CKA_VALUE), ciphertext);
        let secret = secret.ok_or(refusal(CKR_WRAPPED_KEY_INVALID))?;
        cut(kdf, shared, secret, length)
    }
}
