//! Key pairs as they must not be, for seeded faults: the same one again, and primes that a fingerprint tells.

use std::sync::{Mutex, PoisonError};

use crypto_bigint::{BoxedUint, NonZero, Resize};
use cryptoki_sys::*;

use super::key::PrivateKey;
use super::strong::{is_fitting_prime, random};
use crate::rv::{Result, refusal};

/// The first key pair of its kind, each time: what a generator gives that always starts from one seed.
pub(super) fn repeated(bits: usize, exponent: &BoxedUint) -> Result<PrivateKey> {
    static FIRST: Mutex<Option<PrivateKey>> = Mutex::new(None);
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = first.as_ref().filter(|key| key.is_like(bits, exponent)) {
        return Ok(key.clone());
    }
    let key = PrivateKey::ordinary(bits, exponent.clone())?;
    *first = Some(key.clone());
    Ok(key)
}

/// The last prime of the product in [`primes`], of keys of 512 bits.
const LAST: u64 = 167;
/// What generates the residues in [`primes`].
const GENERATOR: u64 = 65537;

/// Two primes that are each `k * M + 65537^a mod M`, M the product of the first primes: Nemec, Sys, Svenda,
/// Klinec, Matyas, CCS 2017, CVE-2017-15361.
pub(super) fn primes(bits: u32, exponent: &BoxedUint) -> Result<[BoxedUint; 2]> {
    let product = product(bits / 2)?;
    let prime = || -> Result<BoxedUint> {
        loop {
            let start = random(bits / 2, 2)?;
            let multiple = start.wrapping_sub(start.rem(&product).resize(start.bits_precision()));
            let candidate = multiple.wrapping_add(power(&product)?);
            if is_fitting_prime(&candidate, exponent) {
                return Ok(candidate);
            }
        }
    };
    Ok([prime()?, prime()?])
}

fn product(precision: u32) -> Result<NonZero<BoxedUint>> {
    let is_prime = |n: &u64| {
        (2..*n)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    let one = BoxedUint::one_with_precision(precision);
    let product = (2..=LAST).filter(is_prime).fold(one, |product, prime| {
        product.wrapping_mul(BoxedUint::from(prime).resize(precision))
    });
    let product = NonZero::new(product).into_option();
    product.ok_or(refusal(CKR_FUNCTION_FAILED))
}

/// The generator to a power at random, modulo the product.
fn power(product: &NonZero<BoxedUint>) -> Result<BoxedUint> {
    let precision = product.bits_precision();
    let generator = BoxedUint::from(GENERATOR).resize(precision);
    let one = BoxedUint::one_with_precision(precision);
    let digits = crate::mechanisms::random(16)?;
    let bits = digits
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    Ok(bits.fold(one, |power, bit| {
        let squared = power.mul_mod(&power, product);
        match bit {
            true => squared.mul_mod(&generator, product),
            false => squared,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_primes::{Flavor, is_prime};

    #[test]
    fn primes_of_the_fingerprint_are_powers_of_the_generator_modulo_small_primes() {
        for prime in primes(512, &BoxedUint::from(65537_u64)).unwrap() {
            assert!(is_prime(Flavor::Any, &prime));
            assert_eq!(prime.bit_width_vartime(), 256);
            // 65537 is 10 modulo 11, and 10 modulo 37.
            for (small, powers) in [(11, &[1, 10][..]), (37, &[1, 10, 26])] {
                let modulus = NonZero::new(BoxedUint::from(small as u64).resize(256)).unwrap();
                let rest = prime.rem(&modulus);
                let is = |power: &&u64| rest == BoxedUint::from(**power).resize(256);
                assert!(
                    powers.iter().any(|power| is(&power)),
                    "{prime:?} mod {small}"
                );
            }
        }
    }

    #[test]
    fn a_key_pair_comes_back_if_it_is_like_the_first() {
        let exponent = BoxedUint::from(65537_u64);
        let modulus = |exponent: &BoxedUint| {
            repeated(512, exponent)
                .unwrap()
                .to_attributes()
                .swap_remove(0)
        };
        let first = modulus(&exponent);
        assert!(modulus(&exponent) == first);
        assert!(modulus(&BoxedUint::from(17_u64)) != first);
    }
}
