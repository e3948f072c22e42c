//! Arithmetic modulo a prime for Diffie-Hellman and DSA: big integers of attributes in and out, the
//! numbers themselves `crypto-bigint`'s.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use cryptoki_sys::*;

use super::{der, fill_random, random};
use crate::attributes::Value;
use crate::rv::{Result, ensure, refusal};

/// Lengths of primes in bits. Beyond them the arithmetic takes minutes.
pub(super) const BITS: (CK_ULONG, CK_ULONG) = (512, 8192);

/// Bits of a big integer.
pub(super) fn bits(number: &[u8]) -> usize {
    let digits = der::trim(number);
    let first = digits.first().map_or(0, |first| first.leading_zeros());
    8 * digits.len() - first as usize
}

/// A big integer at a length; None if it is longer.
pub(super) fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let digits = der::trim(number);
    let missing = length.checked_sub(digits.len())?;
    Some([&vec![0; missing][..], digits].concat())
}

/// A number as wide as `bits`, which it must not exceed.
pub(super) fn number(digits: &[u8], bits: usize) -> Option<BoxedUint> {
    BoxedUint::from_be_slice(der::trim(digits), u32::try_from(bits).ok()?).ok()
}

/// A modulus: odd, and of a length that is taken.
#[derive(Debug, Clone)]
pub(super) struct Modulus {
    params: BoxedMontyParams,
    value: BoxedUint,
    bits: usize,
}

impl Modulus {
    /// CKR_ATTRIBUTE_VALUE_INVALID if the number cannot be a prime. Whether it is one would take
    /// too long to find out for every object.
    pub(super) fn new(prime: &[u8]) -> Result<Modulus> {
        let invalid = || refusal(CKR_ATTRIBUTE_VALUE_INVALID);
        let bits = bits(prime);
        let sized = (BITS.0..=BITS.1).contains(&(bits as CK_ULONG));
        ensure(sized, CKR_ATTRIBUTE_VALUE_INVALID)?;
        let value = number(prime, bits).ok_or_else(invalid)?;
        let odd = Odd::new(value.clone()).into_option().ok_or_else(invalid)?;
        Ok(Modulus {
            params: BoxedMontyParams::new_vartime(odd),
            value,
            bits,
        })
    }

    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    /// Bytes of a number below the modulus.
    pub(super) fn length(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// Whether a number is above 1 and below the modulus less 1: the ends generate nothing.
    pub(super) fn is_inner(&self, digits: &[u8]) -> bool {
        let one = BoxedUint::one_with_precision(self.value.bits_precision());
        number(digits, self.bits)
            .is_some_and(|number| number > one && number < self.value.wrapping_sub(&one))
    }

    /// A number below the modulus to a power, at the modulus' length.
    pub(super) fn power(&self, base: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
        let base = number(base, self.bits)?;
        let exponent = number(exponent, bits(exponent).max(1))?;
        let power = BoxedMontyForm::new(base, &self.params).pow(&exponent);
        padded(&power.retrieve().to_be_bytes(), self.length())
    }
}

/// The big integer of an attribute: a number's digits, without zeros before them, as section 4 shows
/// them. So a key has the same bytes wherever it comes from.
pub(super) fn big_integer(number: &[u8]) -> Value {
    Value::Bytes(der::trim(number).to_vec())
}

/// A number from 1 up to, and without, `limit`.
pub(super) fn below(limit: &[u8]) -> Result<Vec<u8>> {
    let limit = der::trim(limit);
    ensure(bits(limit) > 1, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let mut value = random(limit.len())?;
    let mask = 0xff >> limit.first().map_or(0, |first| first.leading_zeros());
    loop {
        if let Some(first) = value.first_mut() {
            *first &= mask;
        }
        // At equal lengths the order of the bytes is that of the numbers.
        if value[..] < *limit && value.iter().any(|byte| *byte != 0) {
            return Ok(value);
        }
        fill_random(&mut value)?;
    }
}
