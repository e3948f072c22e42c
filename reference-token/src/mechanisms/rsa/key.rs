//! RSA keys: from and to attributes, generation, and the two primitives of RFC 8017 section 5.
//! The numbers belong to the `rsa` crate; this file keeps its types out of the rest.

use std::sync::Arc;

use crypto_bigint::modular::BoxedMontyForm;
use cryptoki_sys::*;
use getrandom::SysRng;
use rsa::BoxedUint;
use rsa::hazmat::{rsa_decrypt, rsa_encrypt};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

use super::exponent::Halves;
use super::{strong, weak};
use crate::attributes::{Attributes, Value};
use crate::mechanisms::{Contribution, der};
use crate::rv::{Result, ensure, refusal, refuse};

/// OID rsaEncryption of RFC 8017 appendix A.1, DER.
const RSA_ENCRYPTION: [u8; 11] = [
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

/// Up to this many bits a public exponent is quicker bit by bit than by a table of powers.
const SHORT_EXPONENT: u32 = 56;

/// A public key whose numbers can be computed with.
#[derive(Debug, Clone)]
pub(in crate::mechanisms) struct PublicKey(Arc<rsa::PublicKey>);

/// A private key whose parts agree with each other.
#[derive(Debug, Clone)]
pub(in crate::mechanisms) struct PrivateKey {
    key: Arc<rsa::PrivateKey>,
    public: PublicKey,
    halves: Option<Arc<Halves>>,
}

/// A number as wide as its own digits ask for.
fn number(bytes: &[u8]) -> BoxedUint {
    let digits = der::trim(bytes);
    let precision = u32::try_from(digits.len().max(1) * 8).unwrap_or(u32::MAX);
    BoxedUint::from_be_slice(digits, precision).unwrap_or_else(|_| BoxedUint::zero())
}

/// The big-endian digits of a number, without leading zeros.
fn digits(number: &BoxedUint) -> Vec<u8> {
    der::trim(&number.to_be_bytes()).to_vec()
}

fn is_odd(digits: &[u8]) -> bool {
    digits.last().is_some_and(|last| last & 1 == 1)
}

/// Whether a public exponent, without leading zeros, is odd and changes anything.
fn encrypts(exponent: &[u8]) -> bool {
    is_odd(exponent) && (exponent != [1] || mutant!("public-exponent-one"))
}

fn public_parts(key: &Attributes) -> Result<(BoxedUint, BoxedUint)> {
    let modulus = der::trim(key.bytes(CKA_MODULUS));
    let exponent = der::trim(key.bytes(CKA_PUBLIC_EXPONENT));
    // Beyond this the arithmetic takes minutes: a length limit keeps a template from hanging us.
    let sized = (64..=2048).contains(&modulus.len()) && exponent.len() <= modulus.len();
    let sound = sized && is_odd(modulus) && encrypts(exponent);
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)?;
    let (modulus, exponent) = (number(modulus), number(exponent));
    ensure(exponent < modulus, CKR_ATTRIBUTE_VALUE_INVALID)?;
    Ok((modulus, exponent))
}

/// The public exponent of a key pair to be generated: odd, above 1, and up to 2^33 - 1, which is as
/// far as the generator goes. Section 6.1.4 names the code for one that cannot be used.
fn short_exponent(exponent: &[u8]) -> Result<BoxedUint> {
    let exponent = der::trim(exponent);
    ensure(encrypts(exponent), CKR_TEMPLATE_INCONSISTENT)?;
    let sized = exponent.len() < 5 || (exponent.len() == 5 && exponent[0] <= 1);
    ensure(sized, CKR_TEMPLATE_INCONSISTENT)?;
    let value = exponent
        .iter()
        .fold(0, |value, digit| value << 8 | u64::from(*digit));
    Ok(value.into())
}

impl PublicKey {
    /// The public key in the attributes of a public or private key object.
    pub(in crate::mechanisms) fn from_attributes(key: &Attributes) -> Result<PublicKey> {
        let (modulus, exponent) = public_parts(key)?;
        let key = rsa::PublicKey::new_unchecked(modulus, exponent);
        Ok(PublicKey(Arc::new(key)))
    }

    /// Length of the modulus in bits.
    pub(in crate::mechanisms) fn bits(&self) -> usize {
        self.0.n().bit_width_vartime() as usize
    }

    /// Length of the modulus in bytes: `k` of RFC 8017.
    pub(in crate::mechanisms) fn length(&self) -> usize {
        self.bits().div_ceil(8)
    }

    /// RSAEP and RSAVP1: `message` to the public exponent; None if it is not below the modulus.
    pub(in crate::mechanisms) fn apply(&self, message: &[u8]) -> Option<Vec<u8>> {
        let message = representative(&*self.0, message)?;
        Some(padded(&self.power(&message)?, self.length()))
    }

    /// A number below the modulus to the public exponent. The crate's exponentiation begins with a
    /// table of sixteen powers, which costs as much again as a short exponent does: such a one,
    /// being public, is worked off bit by bit.
    fn power(&self, number: &BoxedUint) -> Option<BoxedUint> {
        let exponent = self.0.e();
        let bits = exponent.bit_width_vartime();
        if bits > SHORT_EXPONENT {
            return rsa_encrypt(&*self.0, number).ok();
        }
        let base = BoxedMontyForm::new(number.clone(), self.0.n_params());
        let mut power = base.clone();
        for bit in (0..bits.checked_sub(1)?).rev() {
            power = power.square();
            if exponent.bit_vartime(bit) {
                power = power.mul(&base);
            }
        }
        Some(power.retrieve())
    }

    /// The modulus less a number below it, at full length.
    pub(super) fn complement(&self, number: &[u8]) -> Option<Vec<u8>> {
        let number = representative(&*self.0, number)?;
        let complement = self.0.n().as_ref().wrapping_sub(&number);
        Some(padded(&complement, self.length()))
    }

    /// SubjectPublicKeyInfo of RFC 8017 appendix A.1.1, DER.
    pub(in crate::mechanisms) fn info(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[&RSA_ENCRYPTION, &der::NULL]);
        let modulus = der::unsigned_integer(&digits(self.0.n()));
        let exponent = der::unsigned_integer(&digits(self.0.e()));
        let key = der::sequence(&[&modulus, &exponent]);
        der::sequence(&[&algorithm, &der::bit_string(&key)])
    }
}

impl PrivateKey {
    fn new(key: rsa::PrivateKey) -> PrivateKey {
        let public = PublicKey(Arc::new(key.to_public_key()));
        let halves = Halves::new(&key).map(Arc::new);
        let key = Arc::new(key);
        PrivateKey {
            key,
            public,
            halves,
        }
    }

    /// The private key in the attributes of an object; CKR_ATTRIBUTE_VALUE_INVALID if its parts
    /// contradict each other. Without primes they are recovered, which asks for a public exponent
    /// above 2^16.
    pub(in crate::mechanisms) fn from_attributes(key: &Attributes) -> Result<PrivateKey> {
        let (modulus, exponent) = public_parts(key)?;
        let private = number(key.bytes(CKA_PRIVATE_EXPONENT));
        let primes = match (key.has(CKA_PRIME_1), key.has(CKA_PRIME_2)) {
            (true, true) => vec![
                number(key.bytes(CKA_PRIME_1)),
                number(key.bytes(CKA_PRIME_2)),
            ],
            // Section 6.1.3: too few attributes for this token.
            (false, false) if der::trim(key.bytes(CKA_PUBLIC_EXPONENT)).len() < 3 => {
                return refuse(CKR_TEMPLATE_INCOMPLETE);
            }
            (false, false) => Vec::new(),
            _ => return refuse(CKR_TEMPLATE_INCOMPLETE),
        };
        rsa::PrivateKey::from_components_with_large_exponent(modulus, exponent, private, primes)
            .map(PrivateKey::new)
            .map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))
    }

    /// A new key pair.
    pub(super) fn generate(bits: usize, exponent: &[u8]) -> Result<PrivateKey> {
        let exponent = short_exponent(exponent)?;
        if mutant!("modulus-repeats") {
            return weak::repeated(bits, &exponent);
        }
        if mutant!("roca-primes") {
            let [p, q] = weak::primes(bits as u32, &exponent)?;
            return PrivateKey::of_primes(p, q, exponent);
        }
        PrivateKey::ordinary(bits, exponent)
    }

    /// A new key pair of primes at random.
    pub(super) fn ordinary(bits: usize, exponent: BoxedUint) -> Result<PrivateKey> {
        let failed = |_| refusal(CKR_FUNCTION_FAILED);
        let generate = |exponent| {
            rsa::PrivateKey::new_with_exp_unchecked(&mut SysRng, bits, exponent).map_err(failed)
        };
        // Only a seeded fault has it, and the crate makes no such key.
        if exponent == BoxedUint::one() {
            let other = generate(65537_u64.into())?;
            let modulus = other.n().as_ref().clone();
            let primes = other.primes().iter().map(|prime| prime.as_ref().clone());
            let (primes, private) = (primes.collect(), exponent.clone());
            return rsa::PrivateKey::from_components_with_large_exponent(
                modulus, exponent, private, primes,
            )
            .map(PrivateKey::new)
            .map_err(failed);
        }
        generate(exponent).map(PrivateKey::new)
    }

    fn of_primes(p: BoxedUint, q: BoxedUint, exponent: BoxedUint) -> Result<PrivateKey> {
        rsa::PrivateKey::from_p_q(p, q, exponent)
            .map(PrivateKey::new)
            .map_err(|_| refusal(CKR_FUNCTION_FAILED))
    }

    /// Whether it is one of a modulus of so many bits, with this public exponent.
    pub(super) fn is_like(&self, bits: usize, exponent: &BoxedUint) -> bool {
        self.public.bits() == bits && self.key.e() == exponent
    }

    /// A new key pair with strong primes.
    pub(super) fn generate_strong(bits: usize, exponent: &[u8]) -> Result<PrivateKey> {
        let exponent = short_exponent(exponent)?;
        loop {
            let [p, q] = strong::primes(bits as u32, &exponent)?;
            let key = PrivateKey::of_primes(p, q, exponent.clone())?;
            // FIPS 186-4 B.3.1, condition 3.
            if key.key.d().bit_width_vartime() as usize > bits / 2 {
                return Ok(key);
            }
        }
    }

    /// All attributes of section 6.1.3, for a private key object.
    pub(super) fn to_attributes(&self) -> Contribution {
        let key = &self.key;
        let [p, q, ..] = key.primes() else {
            return Vec::new();
        };
        let coefficient = key.crt_coefficient();
        let parts = [
            (CKA_MODULUS, Some(digits(key.n()))),
            (CKA_PUBLIC_EXPONENT, Some(digits(key.e()))),
            (CKA_PRIVATE_EXPONENT, Some(digits(key.d()))),
            (CKA_PRIME_1, Some(digits(p))),
            (CKA_PRIME_2, Some(digits(q))),
            (CKA_EXPONENT_1, key.dp().map(digits)),
            (CKA_EXPONENT_2, key.dq().map(digits)),
            (CKA_COEFFICIENT, coefficient.as_ref().map(digits)),
        ];
        let present = parts
            .into_iter()
            .filter_map(|(name, part)| Some((name, part?)));
        present
            .map(|(name, part)| (name, Value::Bytes(part)))
            .collect()
    }

    /// The parts that section 6.1.3 makes optional and the key implies, compared with what an
    /// object carries: CKR_ATTRIBUTE_VALUE_INVALID if one differs.
    pub(in crate::mechanisms) fn check_parts(&self, key: &Attributes) -> Result<()> {
        let swapped = self.to_attributes().into_iter().all(|(attribute, value)| {
            !key.has(attribute) || der::trim(key.bytes(attribute)) == value.bytes()
        });
        ensure(swapped, CKR_ATTRIBUTE_VALUE_INVALID)
    }

    pub(in crate::mechanisms) fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// RSADP and RSASP1, checked; None if `message` is not below the modulus. Not blinded, which
    /// would take as long again: exponentiation does not depend on the exponent in time, and the
    /// token does not claim to keep secrets from who watches it closer.
    pub(super) fn apply(&self, message: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(message) = representative(&*self.key, message) else {
            return Ok(None);
        };
        let result = match &self.halves {
            Some(halves) => halves.apply(&message),
            None => rsa_decrypt::<SysRng>(None, &*self.key, &message).ok(),
        };
        let result = result.ok_or(refusal(CKR_FUNCTION_FAILED))?;
        // A fault in the halves of the Chinese remainder theorem would give the key away.
        let sound = self.public.power(&result) == Some(message);
        ensure(sound, CKR_FUNCTION_FAILED)?;
        Ok(Some(padded(&result, self.public.length())))
    }
}

/// OS2IP with the width of the modulus; None unless the number is below the modulus.
fn representative(key: &impl PublicKeyParts, message: &[u8]) -> Option<BoxedUint> {
    let message = BoxedUint::from_be_slice(message, key.n_bits_precision()).ok()?;
    (message < *key.n().as_ref()).then_some(message)
}

/// I2OSP: exactly `length` bytes.
fn padded(number: &BoxedUint, length: usize) -> Vec<u8> {
    let digits = digits(number);
    let mut bytes = vec![0; length.saturating_sub(digits.len())];
    bytes.extend_from_slice(&digits);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::random;

    #[test]
    fn short_and_long_public_exponents_agree_with_the_crate() {
        let modulus = PrivateKey::generate(1024, &[1, 0, 1]).unwrap();
        let modulus = modulus.key.n().as_ref().clone();
        let longest_short = u64::MAX >> (u64::BITS - SHORT_EXPONENT);
        for exponent in [3, 17, 65537, 0x1_0000_0001, longest_short, u64::MAX] {
            let key = rsa::PublicKey::new_unchecked(modulus.clone(), BoxedUint::from(exponent));
            let key = PublicKey(Arc::new(key));
            for message in [vec![0], vec![1], vec![2], random(127).unwrap()] {
                let number = representative(&*key.0, &message).unwrap();
                let expected = rsa_encrypt(&*key.0, &number).unwrap();
                let power = key.apply(&message).unwrap();
                assert_eq!(power, padded(&expected, key.length()), "{exponent}");
            }
        }
    }
}
