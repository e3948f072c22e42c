//! A PIN that the token can check and never read back, with its counter of wrong attempts.

use std::ops::RangeInclusive;

use cryptoki_sys::*;

use crate::mechanisms::random;
use crate::rv::{Result, ensure, refuse};
use crate::store::PinRecord;

/// Lengths of PINs in bytes: ulMinPinLen to ulMaxPinLen.
pub(crate) const LENGTHS: RangeInclusive<CK_ULONG> = 4..=255;

/// Most rounds of hashing that a PIN may ask for: more than that is not a file of ours.
pub(super) const MOST_ROUNDS: u32 = 1_000_000;

/// A PIN as its token keeps it.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    salt: Vec<u8>,
    rounds: u32,
    verifier: Vec<u8>,
    failures: u32,
}

/// How close a PIN is to being locked: the flags of CK_TOKEN_INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) low: bool,
    pub(super) final_try: bool,
    pub(super) locked: bool,
}

/// Section 5.1.6: a PIN that is set must have an allowed length and be UTF-8.
pub(super) fn check_new(pin: &[u8]) -> Result<()> {
    ensure(
        LENGTHS.contains(&(pin.len() as CK_ULONG)),
        CKR_PIN_LEN_RANGE,
    )?;
    ensure(std::str::from_utf8(pin).is_ok(), CKR_PIN_INVALID)
}

/// The verifier of a PIN.
fn derive(pin: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(pin, salt, rounds).to_vec()
}

impl Pin {
    /// A PIN that is hashed in so many `rounds`.
    pub(super) fn new(pin: &[u8], rounds: u32) -> Result<Pin> {
        let salt = random(16)?;
        Ok(Pin {
            verifier: derive(pin, &salt, rounds),
            salt,
            rounds,
            failures: 0,
        })
    }

    /// Checks an attempt, of which `tries` in a row may be wrong (0: any number). The attempt that
    /// locks the PIN already reports CKR_PIN_LOCKED.
    pub(super) fn check(&mut self, attempt: &[u8], tries: u32) -> Result<()> {
        ensure(!self.count(tries).locked, CKR_PIN_LOCKED)?;
        if derive(attempt, &self.salt, self.rounds) == self.verifier {
            self.failures = 0;
            return Ok(());
        }
        self.failures = self.failures.saturating_add(1);
        match self.count(tries).locked {
            true => refuse(CKR_PIN_LOCKED),
            false => refuse(CKR_PIN_INCORRECT),
        }
    }

    /// The state of the counter.
    pub(super) fn count(&self, tries: u32) -> Count {
        let left = tries.saturating_sub(self.failures);
        let counted = tries > 0;
        Count {
            low: counted && self.failures > 0 && left > 0,
            final_try: counted && left == 1,
            locked: counted && left == 0,
        }
    }

    /// The PIN as a store keeps it.
    pub(super) fn to_record(&self) -> PinRecord {
        PinRecord {
            salt: self.salt.clone(),
            rounds: self.rounds,
            verifier: self.verifier.clone(),
            failures: self.failures,
        }
    }

    /// A PIN from a store.
    pub(super) fn from_record(record: PinRecord) -> Result<Pin> {
        let PinRecord {
            salt,
            rounds,
            verifier,
            failures,
        } = record;
        ensure((1..=MOST_ROUNDS).contains(&rounds), CKR_DEVICE_ERROR)?;
        Ok(Pin {
            salt,
            rounds,
            verifier,
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_locks_after_its_tries_and_the_flags_tell_how_near_that_is() {
        let mut pin = Pin::new(b"1234", 1).unwrap();
        assert_eq!(pin.count(3), Count::default());
        assert_eq!(
            pin.check(b"wrong", 3).unwrap_err().code(),
            CKR_PIN_INCORRECT
        );
        assert!(pin.count(3).low && !pin.count(3).final_try);
        assert_eq!(
            pin.check(b"wrong", 3).unwrap_err().code(),
            CKR_PIN_INCORRECT
        );
        assert!(pin.count(3).final_try);
        assert_eq!(pin.check(b"wrong", 3).unwrap_err().code(), CKR_PIN_LOCKED);
        assert_eq!(pin.check(b"1234", 3).unwrap_err().code(), CKR_PIN_LOCKED);
    }

    #[test]
    fn a_right_pin_clears_the_counter() {
        let mut pin = Pin::new(b"1234", 1).unwrap();
        assert!(pin.check(b"wrong", 2).is_err());
        assert!(pin.check(b"1234", 2).is_ok());
        assert_eq!(pin.count(2), Count::default());
    }

    #[test]
    fn without_a_limit_nothing_locks() {
        let mut pin = Pin::new(b"1234", 1).unwrap();
        for _ in 0..100 {
            assert_eq!(
                pin.check(b"wrong", 0).unwrap_err().code(),
                CKR_PIN_INCORRECT
            );
        }
        assert!(pin.check(b"1234", 0).is_ok());
    }

    #[test]
    fn new_pins_are_utf_8_of_4_to_255_bytes() {
        assert!(check_new(b"1234").is_ok() && check_new(&[b'1'; 255]).is_ok());
        assert_eq!(check_new(b"123").unwrap_err().code(), CKR_PIN_LEN_RANGE);
        assert_eq!(
            check_new(&[b'1'; 256]).unwrap_err().code(),
            CKR_PIN_LEN_RANGE
        );
        assert_eq!(check_new(&[0xff; 8]).unwrap_err().code(), CKR_PIN_INVALID);
    }
}
