//! Ciphertexts of two classes, each made at random within its class.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use cryptoki_sys::{CKK_AES, CKK_GENERIC_SECRET};

/// Bytes of an AES key.
const KEY: usize = 16;
/// Bytes of which no AES key is made.
const NO_KEY: usize = 5;

/// Which classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Classes {
    /// PKCS #1: a right padding, and a wrong block type.
    PkcsValid,
    /// PKCS #1: a wrong block type, and a padding without an end.
    PkcsKind,
    /// PKCS #1: a wrong block type, and a right padding around five bytes, of which no key is made.
    PkcsLength,
    /// OAEP that is none: the first byte zero, and not.
    OaepFirstByte,
    /// CBC: the last byte of the padding wrong, and the first.
    Cbc,
}

impl Classes {
    /// The type of the keys that C_UnwrapKey makes: one of any length, so that a token that makes a key of whatever a
    /// wrong padding stands for has one answer, unless the length is the question.
    pub(super) fn key_type(self) -> u64 {
        match self {
            Self::PkcsLength => CKK_AES,
            _ => CKK_GENERIC_SECRET,
        }
    }

    /// So many ciphertexts of each class, under an RSA key or out of ones that are right; `None` if they
    /// cannot be made.
    pub(super) fn make(
        self,
        count: usize,
        modulus: &[u8],
        sealed: &[Vec<u8>],
        random: &mut fastrand::Rng,
    ) -> Option<[Vec<Vec<u8>>; 2]> {
        if self == Self::Cbc {
            let enough = sealed.len() >= 2 * count && sealed.iter().all(|one| one.len() == 32);
            return enough.then(|| {
                // The first block is added to the second, which is all padding: 16 times 16.
                let wrong = |at: usize| {
                    move |one: &Vec<u8>| {
                        let mut wrong = one.clone();
                        wrong[at] ^= 1;
                        wrong
                    }
                };
                let (first, second) = sealed.split_at(count);
                [
                    first.iter().map(wrong(15)).collect(),
                    second[..count].iter().map(wrong(0)).collect(),
                ]
            });
        }
        let key = PublicKey::new(modulus)?;
        let mut class = |which: usize| -> Option<Vec<Vec<u8>>> {
            let messages = (0..count).map(|_| self.message(which, modulus.len(), random));
            messages.map(|message| key.encrypt(&message)).collect()
        };
        Some([class(0)?, class(1)?])
    }

    /// An encoded message of a class, below any modulus of its length.
    fn message(self, class: usize, length: usize, random: &mut fastrand::Rng) -> Vec<u8> {
        // Nowhere zero, unless a class says so.
        let mut message: Vec<u8> = (0..length).map(|_| random.u8(1..)).collect();
        message[0] = 0;
        // The block type, and where the zero that ends the padding stands, counted from the end.
        let (block_type, ended) = match (self, class) {
            (Self::PkcsValid, 0) => (2, Some(KEY + 1)),
            (Self::PkcsValid, _) | (Self::PkcsKind | Self::PkcsLength, 0) => (1, Some(KEY + 1)),
            (Self::PkcsKind, _) => (2, None),
            (Self::PkcsLength, _) => (2, Some(NO_KEY + 1)),
            (_, class) => {
                // Below every modulus whose first bit is set.
                message[0] = if class == 0 { 0 } else { random.u8(1..0x40) };
                return message;
            }
        };
        message[1] = block_type;
        if let Some(from_end) = ended {
            message[length - from_end] = 0;
        }
        message
    }
}

/// An RSA key with the exponent 65537.
struct PublicKey {
    params: BoxedMontyParams,
    length: usize,
}

impl PublicKey {
    fn new(modulus: &[u8]) -> Option<Self> {
        let odd = Option::<Odd<BoxedUint>>::from(Odd::new(number(modulus)?))?;
        Some(Self {
            params: BoxedMontyParams::new(odd),
            length: modulus.len(),
        })
    }

    fn encrypt(&self, message: &[u8]) -> Option<Vec<u8>> {
        let base = BoxedMontyForm::new(number(message)?, &self.params);
        let power = (0..16).fold(base.clone(), |power, _| power.square());
        let bytes = power.mul(&base).retrieve().to_be_bytes();
        Some(bytes[bytes.len() - self.length..].to_vec())
    }
}

fn number(bytes: &[u8]) -> Option<BoxedUint> {
    let bits = u32::try_from(bytes.len() * 8).ok()?;
    BoxedUint::from_be_slice(bytes, bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_raised_to_65537() {
        // 2^65537 mod 0xfff1.
        let key = PublicKey::new(&[0xff, 0xf1]).expect("odd");
        assert_eq!(key.encrypt(&[0, 2]), Some(30_u16.to_be_bytes().to_vec()));
        assert!(PublicKey::new(&[0xff, 0xf0]).is_none());
    }

    #[test]
    fn classes_are_what_they_say() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut of = |classes: Classes, class| classes.message(class, 128, &mut random);
        let valid = of(Classes::PkcsValid, 0);
        assert_eq!((&valid[..2], valid[111]), (&[0, 2][..], 0));
        assert!(valid[2..111].iter().all(|byte| *byte != 0));
        assert_eq!(of(Classes::PkcsValid, 1)[..2], [0, 1]);
        let endless = of(Classes::PkcsKind, 1);
        assert_eq!(endless[..2], [0, 2]);
        assert!(endless[2..].iter().all(|byte| *byte != 0));
        assert_eq!(of(Classes::PkcsLength, 0)[..2], [0, 1]);
        let short = of(Classes::PkcsLength, 1);
        assert_eq!((&short[..2], short[122]), (&[0, 2][..], 0));
        assert!(short[2..122].iter().all(|byte| *byte != 0));
        assert_eq!(of(Classes::OaepFirstByte, 0)[0], 0);
        assert!((1..0x40).contains(&of(Classes::OaepFirstByte, 1)[0]));
    }
}
