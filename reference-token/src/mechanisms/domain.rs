//! Domain parameters over prime fields: [PKCS11-Base 3.2] sections 6.2.7, 6.2.8, 6.2.10, 6.4.9 and
//! 6.4.13. Owns their generation; what a sound domain is, belongs to `dsa` and `dh`, and how one comes
//! from a seed, to `pqg`.

use crypto_bigint::BoxedUint;
use crypto_primes::{Flavor, random_prime};
use cryptoki_sys::*;
use dsa::{Components, KeySize};
use ed448_goldilocks::rand_core::UnwrapErr;
use getrandom::SysRng;

use super::pqg::{self, Primes, SeedParameter};
use super::{
    Contribution, Entry, Family, Form, Mechanism, Parameter, der, dh, dsa as dsa_keys, modular,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The mechanisms that generate domain parameters.
pub(super) struct Domains;

const fn entry(
    mechanism: CK_MECHANISM_TYPE,
    sizes: (CK_ULONG, CK_ULONG),
    keys: &'static [CK_KEY_TYPE],
) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags: CKF_GENERATE,
        form: Form::None,
        keys,
    }
}

/// Safe primes above 2048 bits take minutes to find.
const SAFE: (CK_ULONG, CK_ULONG) = (512, 2048);

/// A mechanism with a seed in its parameter.
const fn seeded(mechanism: CK_MECHANISM_TYPE, returned: bool) -> Entry {
    Entry {
        form: Form::DsaSeed { returned },
        ..entry(mechanism, (1024, 3072), &[CKK_DSA])
    }
}

static ENTRIES: [Entry; 5] = [
    entry(CKM_DSA_PARAMETER_GEN, (1024, 3072), &[CKK_DSA]),
    seeded(CKM_DSA_PROBABILISTIC_PARAMETER_GEN, true),
    seeded(CKM_DSA_FIPS_G_GEN, false),
    entry(CKM_DH_PKCS_PARAMETER_GEN, SAFE, &[CKK_DH]),
    entry(CKM_X9_42_DH_PARAMETER_GEN, (1024, 3072), &[CKK_X9_42_DH]),
];

/// The lengths of prime and subprime of FIPS 186-4 section 4.2.
fn key_size(prime: CK_ULONG, subprime: CK_ULONG) -> Result<KeySize> {
    match (prime, subprime) {
        #[allow(deprecated, reason = "the standard knows DSA of 1024 bits")]
        (1024, 160) => Ok(KeySize::DSA_1024_160),
        (2048, 224) => Ok(KeySize::DSA_2048_224),
        (2048, 256) => Ok(KeySize::DSA_2048_256),
        (3072, 256) => Ok(KeySize::DSA_3072_256),
        _ => refuse(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

/// Section 6.2.5: the length of the subprime where the template does not name one.
fn usual_subprime(prime: CK_ULONG) -> CK_ULONG {
    match prime {
        0..=1024 => 160,
        2048 => 224,
        _ => 256,
    }
}

/// A prime, a subprime and a generator of its order.
fn with_subprime(template: &Attributes, prime: CK_ULONG) -> Result<Contribution> {
    let named = template.ulong(CKA_SUBPRIME_BITS);
    let size = key_size(prime, named.unwrap_or(usual_subprime(prime)))?;
    let made = Components::try_generate_from_rng_with_key_size(&mut SysRng, size);
    let made = made.map_err(|_| refusal(CKR_DEVICE_ERROR))?;
    Ok(vec![
        number(CKA_PRIME, made.p().as_ref()),
        number(CKA_SUBPRIME, made.q().as_ref()),
        number(CKA_BASE, made.g().as_ref()),
    ])
}

/// Section 6.2.8: a prime and a subprime, and their seed; no base.
fn of_new_seed(
    parameter: &SeedParameter,
    template: &Attributes,
) -> Result<(Contribution, Vec<Vec<u8>>)> {
    let prime = template.ulong(CKA_PRIME_BITS);
    let prime = prime.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let named = template.ulong(CKA_SUBPRIME_BITS);
    let subprime = named.unwrap_or(usual_subprime(prime));
    key_size(prime, subprime)?;
    let fits = parameter.room >= subprime / 8;
    ensure(fits, CKR_MECHANISM_PARAM_INVALID)?;
    let hash = pqg::hash(parameter)?;
    let made = pqg::generate(hash, (prime as usize, subprime as usize))?;
    let length = made.seed.len() as CK_ULONG;
    let contribution = vec![
        (CKA_PRIME, Value::Bytes(made.prime)),
        (CKA_SUBPRIME, Value::Bytes(made.subprime)),
    ];
    Ok((contribution, vec![made.seed, length.to_ne_bytes().to_vec()]))
}

/// Section 6.2.10: the base of a prime and a subprime that the template brings.
fn base(parameter: &SeedParameter, template: &Attributes) -> Result<Contribution> {
    let brought = template.has(CKA_PRIME) && template.has(CKA_SUBPRIME);
    ensure(brought, CKR_TEMPLATE_INCOMPLETE)?;
    let index = u8::try_from(parameter.index);
    let index = index.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    ensure(!parameter.seed.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
    let primes = Primes {
        prime: template.bytes(CKA_PRIME).to_vec(),
        subprime: template.bytes(CKA_SUBPRIME).to_vec(),
        seed: parameter.seed.clone(),
    };
    let base = pqg::generator(pqg::hash(parameter)?, &primes, index)?;
    Ok(vec![(CKA_BASE, modular::big_integer(&base))])
}

/// A prime of which half is prime too, and 2, which generates at least that half.
fn safe(prime: CK_ULONG) -> Result<Contribution> {
    ensure(
        (SAFE.0..=SAFE.1).contains(&prime),
        CKR_ATTRIBUTE_VALUE_INVALID,
    )?;
    let bits = u32::try_from(prime).map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    let made: BoxedUint = random_prime(&mut UnwrapErr(SysRng), Flavor::Safe, bits);
    Ok(vec![
        number(CKA_PRIME, &made),
        (CKA_BASE, Value::Bytes(vec![2])),
    ])
}

fn number(attribute: CK_ATTRIBUTE_TYPE, number: &BoxedUint) -> (CK_ATTRIBUTE_TYPE, Value) {
    let digits = number.to_be_bytes();
    (attribute, Value::Bytes(der::trim(&digits).to_vec()))
}

/// Checks a domain parameters object and adds the lengths of its numbers.
pub(super) fn settle(object: &mut Attributes) -> Result<()> {
    match object.ulong(CKA_KEY_TYPE) {
        // A domain that comes of a seed has no base at first.
        Some(CKK_DSA) if object.has(CKA_BASE) => dsa_keys::check_domain(object)?,
        Some(CKK_DSA) => {}
        Some(CKK_DH | CKK_X9_42_DH) => dh::check_domain(object)?,
        _ => return Ok(()),
    }
    let measured = [
        (CKA_PRIME_BITS, CKA_PRIME),
        (CKA_SUBPRIME_BITS, CKA_SUBPRIME),
    ];
    for (length, of) in measured {
        if object.has(of) {
            let bits = Value::ulong(modular::bits(object.bytes(of)) as CK_ULONG);
            let agrees = object.get(length).is_none_or(|given| *given == bits);
            ensure(agrees, CKR_ATTRIBUTE_VALUE_INVALID)?;
            object.set(length, bits);
        }
    }
    Ok(())
}

impl Family for Domains {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        let entry = ENTRIES
            .iter()
            .find(|entry| entry.mechanism == mechanism.kind);
        entry.and_then(|entry| entry.keys.first().copied())
    }

    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_DOMAIN_PARAMETERS
    }

    fn generate_answering(
        &self,
        mechanism: &Mechanism,
        template: &Attributes,
    ) -> Result<(Contribution, Vec<Vec<u8>>)> {
        match (&mechanism.parameter, mechanism.kind) {
            (Parameter::DsaSeed(parameter), CKM_DSA_PROBABILISTIC_PARAMETER_GEN) => {
                of_new_seed(parameter, template)
            }
            (Parameter::DsaSeed(parameter), _) => Ok((base(parameter, template)?, Vec::new())),
            _ => Ok((self.generate_key(mechanism, template)?, Vec::new())),
        }
    }

    fn generate_key(&self, mechanism: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let prime = template.ulong(CKA_PRIME_BITS);
        let prime = prime.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        match mechanism.kind {
            CKM_DH_PKCS_PARAMETER_GEN => safe(prime),
            _ => with_subprime(template, prime),
        }
    }
}
