//! Strong primes, as ANSI X9.31 asks for them: by FIPS 186-4 B.3.6, where p - 1 and p + 1 each have
//! a large prime factor that was chosen first. What is prime is decided by `crypto-primes`, with the
//! test of Baillie, Pomerance, Selfridge and Wagstaff.

use std::num::NonZeroU32;

use crypto_bigint::{BitOps, BoxedUint, CheckedAdd, Gcd, NonZero, RandomBits, Resize};
use crypto_primes::hazmat::SmallFactorsSieve;
use crypto_primes::{Flavor, is_prime};
use cryptoki_sys::*;
use getrandom::SysRng;

use crate::rv::{Result, refusal};

/// FIPS 186-4 table B.1: from how many bits of the modulus on the chosen factors have how many.
static FACTORS: [(u32, u32); 3] = [(3072, 171), (2048, 141), (0, 101)];

/// Two strong primes of half the bits of a modulus. A prime less 1 has no factor in common with the
/// public exponent.
pub(super) fn primes(modulus_bits: u32, exponent: &BoxedUint) -> Result<[BoxedUint; 2]> {
    let bits = modulus_bits / 2;
    let length = FACTORS.iter().find(|(from, _)| modulus_bits >= *from);
    let length = length.map_or(101, |(_, length)| *length);
    let (p, start) = prime(bits, length, exponent)?;
    loop {
        let (q, other) = prime(bits, length, exponent)?;
        if are_distant(&p, &q) && are_distant(&start, &other) {
            return Ok([p, q]);
        }
    }
}

/// FIPS 186-4 B.3.6 steps 4 and 5: a prime, and the number where the search for it began.
fn prime(bits: u32, factor_bits: u32, exponent: &BoxedUint) -> Result<(BoxedUint, BoxedUint)> {
    let factors = [factor(factor_bits)?, factor(factor_bits)?];
    loop {
        // With both highest bits set it is above the least allowed, sqrt(2) times 2^(bits - 1).
        let start = random(bits, 2)?;
        if let Some(prime) = prime_between(&start, exponent, &factors) {
            return Ok((prime, start));
        }
    }
}

/// A prime of so many bits: the first from a random number on.
fn factor(bits: u32) -> Result<BoxedUint> {
    loop {
        let mut sieve = sieve(&random(bits, 1)?)?;
        if let Some(prime) = sieve.find(|number| is_prime(Flavor::Any, number)) {
            return Ok(prime);
        }
    }
}

/// A random number of so many bits, of which the highest `set` are set.
pub(super) fn random(bits: u32, set: u32) -> Result<BoxedUint> {
    let random = BoxedUint::try_random_bits(&mut SysRng, bits);
    let mut random = random.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
    (bits - set..bits).for_each(|bit| random.set_bit_vartime(bit, true));
    Ok(random)
}

/// The odd numbers without small factors from one on that are not longer than it.
fn sieve(start: &BoxedUint) -> Result<SmallFactorsSieve<BoxedUint>> {
    let bits = NonZeroU32::new(start.bit_width_vartime());
    let sieve = bits.and_then(|bits| SmallFactorsSieve::new(start.clone(), bits, false).ok());
    sieve.ok_or(refusal(CKR_FUNCTION_FAILED))
}

/// FIPS 186-4 C.9: the first prime from `start` on that is 1 modulo the first factor and -1 modulo
/// the second; None if there is none nearby that is not longer than `start`.
fn prime_between(
    start: &BoxedUint,
    exponent: &BoxedUint,
    [below, above]: &[BoxedUint; 2],
) -> Option<BoxedUint> {
    let bits = start.bit_width_vartime();
    // Twice the factor: candidates are odd besides.
    let below = NonZero::new(below.resize(bits).wrapping_shl_vartime(1)).into_option()?;
    let above = NonZero::new(above.resize(bits)).into_option()?;
    let step = NonZero::new(below.wrapping_mul(above.as_ref())).into_option()?;
    // By the Chinese remainder theorem; None if both factors are the same.
    let one_below = above
        .invert_mod(&below)
        .into_option()?
        .wrapping_mul(above.as_ref());
    let one_above = below
        .invert_mod(&above)
        .into_option()?
        .wrapping_mul(below.as_ref());
    let residue = one_below.sub_mod(&one_above, &step);
    let distance = residue.sub_mod(&start.rem(&step), &step);
    let mut candidate = start.checked_add(&distance).into_option()?;
    for _ in 0..5 * bits {
        if candidate.bit_width_vartime() > bits {
            return None;
        }
        if is_fitting_prime(&candidate, exponent) {
            return Some(candidate);
        }
        candidate = candidate.checked_add(step.as_ref()).into_option()?;
    }
    None
}

/// Whether it is a prime that has, less 1, no factor in common with the public exponent.
pub(super) fn is_fitting_prime(candidate: &BoxedUint, exponent: &BoxedUint) -> bool {
    // The first that the sieve lets pass is the candidate itself if it has no small factors.
    let first = sieve(candidate).ok().and_then(|mut sieve| sieve.next());
    let one = BoxedUint::one_with_precision(candidate.bits_precision());
    first.as_ref() == Some(candidate)
        && is_prime(Flavor::Any, candidate)
        && candidate
            .wrapping_sub(&one)
            .gcd(&exponent.resize(one.bits_precision()))
            == one
}

/// FIPS 186-4 B.3.6 step 5.4: more than 2^(bits - 100) apart.
fn are_distant(one: &BoxedUint, other: &BoxedUint) -> bool {
    let difference = match one > other {
        true => one.wrapping_sub(other),
        false => other.wrapping_sub(one),
    };
    difference.bit_width_vartime() > one.bit_width_vartime() - 99
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_multiple(number: &BoxedUint, factor: &BoxedUint) -> bool {
        let factor = factor.resize(number.bits_precision());
        number.rem(&NonZero::new(factor).unwrap()).is_zero().into()
    }

    #[test]
    fn neighbours_of_a_strong_prime_have_the_chosen_factors() {
        let one = BoxedUint::one_with_precision(512);
        for exponent in [3u64, 65537] {
            let exponent = BoxedUint::from(exponent);
            let factors = [factor(101).unwrap(), factor(101).unwrap()];
            let prime = (0..20).find_map(|_| {
                let start = random(512, 2).unwrap();
                let prime = prime_between(&start, &exponent, &factors)?;
                assert!(prime >= start);
                Some(prime)
            });
            let prime = prime.unwrap();
            assert_eq!(prime.bit_width_vartime(), 512);
            assert!(is_prime(Flavor::Any, &prime));
            let (before, after) = (prime.wrapping_sub(&one), prime.wrapping_add(&one));
            assert!(is_multiple(&before, &factors[0]) && is_multiple(&after, &factors[1]));
            assert!(!is_multiple(&before, &exponent));
            for factor in &factors {
                assert_eq!(factor.bit_width_vartime(), 101);
                assert!(is_prime(Flavor::Any, factor));
            }
        }
    }

    #[test]
    fn the_first_number_of_its_kind_that_is_prime_is_found() {
        // Primes from 200 on that are 1 modulo 2 * 3 and 4 modulo 5: 229, then 349.
        let small = |number: u64| BoxedUint::from(number).resize(64);
        let found =
            |start, exponent| prime_between(&small(start), &small(exponent), &[small(3), small(5)]);
        assert_eq!(found(200, 7), Some(small(229)));
        // 228 has the factor 19.
        assert_eq!(found(200, 19), None);
        assert_eq!(found(230, 7), None);
    }

    #[test]
    fn two_primes_are_far_apart() {
        let number = random(512, 2).unwrap();
        let at = |bit| number.wrapping_sub(BoxedUint::one_with_precision(512).shl(bit));
        assert!(are_distant(&number, &at(500)) && are_distant(&at(500), &number));
        assert!(!are_distant(&number, &number) && !are_distant(&number, &at(412)));
        assert!(are_distant(&number, &at(413)));
    }
}
