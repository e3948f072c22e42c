//! A PIN that the token can check and never read back, with its counter of wrong attempts. It is
//! kept as the master key wrapped under a key that the PIN gives: the right PIN is the one that
//! unwraps it.

use std::ops::RangeInclusive;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::mechanisms::random;
use crate::rv::{Result, ensure, refuse};
use crate::store::{MasterKey, PinRecord};

/// Lengths of PINs in bytes: ulMinPinLen to ulMaxPinLen.
pub(crate) const LENGTHS: RangeInclusive<CK_ULONG> = 4..=255;

/// Most rounds of hashing that a PIN may ask for: more than that is not a file of ours.
pub(super) const MOST_ROUNDS: u32 = 1_000_000;

/// A PIN as its token keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    salt: Vec<u8>,
    rounds: u32,
    wrapped: Vec<u8>,
    failures: u32,
    /// Whether it is one that its owner has not chosen, and must change.
    to_be_changed: bool,
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
    let sized = has_length(pin) || mutant!("short-pin-accepted");
    ensure(sized, CKR_PIN_LEN_RANGE)?;
    let text = std::str::from_utf8(pin).is_ok() || mutant!("pin-of-any-bytes");
    ensure(text, CKR_PIN_INVALID)
}

fn has_length(pin: &[u8]) -> bool {
    LENGTHS.contains(&(pin.len() as CK_ULONG))
}

/// The key that a PIN gives: PBKDF2 with HMAC-SHA-256.
fn derive(pin: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[u8; 32]> {
    let length = if mutant!("pin-compared-by-prefix") {
        4
    } else {
        pin.len()
    };
    let pin = pin.get(..length).unwrap_or(pin);
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(pin, salt, rounds, &mut *key);
    key
}

impl Pin {
    /// A PIN that is hashed in so many `rounds`.
    pub(super) fn new(pin: &[u8], master: &MasterKey, rounds: u32) -> Result<Pin> {
        let salt = random(16)?;
        Ok(Pin {
            wrapped: master.wrap(&derive(pin, &salt, rounds))?,
            salt,
            rounds,
            failures: 0,
            to_be_changed: false,
        })
    }

    /// The same PIN, to be changed by its owner if `must`.
    pub(super) fn demanding_change(self, must: bool) -> Pin {
        Pin {
            to_be_changed: must,
            ..self
        }
    }

    /// Section 3.2: CKF_USER_PIN_TO_BE_CHANGED and its like.
    pub(super) fn is_to_be_changed(&self) -> bool {
        self.to_be_changed
    }

    /// The master key, for the right PIN. This is slow and counts nothing: see `settle`.
    pub(super) fn open(&self, attempt: &[u8]) -> Option<MasterKey> {
        // What can never be a PIN is not hashed: it may be a gigabyte.
        has_length(attempt).then_some(())?;
        MasterKey::unwrap(&self.wrapped, &derive(attempt, &self.salt, self.rounds))
    }

    /// Whether this is the PIN that `tried` was, whatever was counted meanwhile.
    pub(super) fn is(&self, tried: &Pin) -> bool {
        self.wrapped == tried.wrapped && self.salt == tried.salt
    }

    /// Counts an attempt, of which `tries` in a row may be wrong (0: any number). The attempt that
    /// locks the PIN already reports CKR_PIN_LOCKED.
    pub(super) fn settle(&mut self, right: bool, tries: u32) -> Result<()> {
        ensure(!self.count(tries).locked, CKR_PIN_LOCKED)?;
        if right {
            self.failures = 0;
            return Ok(());
        }
        let counted = u32::from(!mutant!("wrong-pin-not-counted"));
        self.failures = self.failures.saturating_add(counted);
        match self.count(tries).locked {
            true => refuse(CKR_PIN_LOCKED),
            false => refuse(CKR_PIN_INCORRECT),
        }
    }

    /// The state of the counter. Section 3.2: it is low from the first wrong attempt until a right
    /// one, locked or not.
    pub(super) fn count(&self, tries: u32) -> Count {
        let left = tries.saturating_sub(self.failures);
        let counted = tries > 0;
        Count {
            low: counted && self.failures > 0,
            final_try: counted && left == 1,
            locked: counted && left == 0 && !mutant!("pin-never-locks"),
        }
    }

    /// The PIN as a store keeps it.
    pub(super) fn to_record(&self) -> PinRecord {
        PinRecord {
            salt: self.salt.clone(),
            rounds: self.rounds,
            wrapped: self.wrapped.clone(),
            failures: self.failures,
            to_be_changed: self.to_be_changed,
        }
    }

    /// A PIN from a store.
    pub(super) fn from_record(record: PinRecord) -> Result<Pin> {
        let PinRecord {
            salt,
            rounds,
            wrapped,
            failures,
            to_be_changed,
        } = record;
        ensure((1..=MOST_ROUNDS).contains(&rounds), CKR_DEVICE_ERROR)?;
        Ok(Pin {
            salt,
            rounds,
            wrapped,
            failures,
            to_be_changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> Pin {
        Pin::new(b"1234", &MasterKey::generate().unwrap(), 1).unwrap()
    }

    fn attempt(pin: &mut Pin, attempt: &[u8], tries: u32) -> CK_RV {
        let right = pin.open(attempt).is_some();
        let settled = pin.settle(right, tries);
        settled.map_or_else(|refusal| refusal.code(), |()| CKR_OK)
    }

    #[test]
    fn a_pin_locks_after_its_tries_and_the_flags_tell_how_near_that_is() {
        let mut pin = pin();
        assert_eq!(pin.count(3), Count::default());
        assert_eq!(attempt(&mut pin, b"wrong", 3), CKR_PIN_INCORRECT);
        assert!(pin.count(3).low && !pin.count(3).final_try);
        assert_eq!(attempt(&mut pin, b"wrong", 3), CKR_PIN_INCORRECT);
        assert!(pin.count(3).low && pin.count(3).final_try);
        assert_eq!(attempt(&mut pin, b"wrong", 3), CKR_PIN_LOCKED);
        assert!(pin.count(3).low && !pin.count(3).final_try && pin.count(3).locked);
        assert_eq!(attempt(&mut pin, b"1234", 3), CKR_PIN_LOCKED);
    }

    #[test]
    fn a_right_pin_clears_the_counter() {
        let mut pin = pin();
        assert_eq!(attempt(&mut pin, b"wrong", 2), CKR_PIN_INCORRECT);
        assert_eq!(attempt(&mut pin, b"1234", 2), CKR_OK);
        assert_eq!(pin.count(2), Count::default());
    }

    #[test]
    fn without_a_limit_nothing_locks() {
        let mut pin = pin();
        for _ in 0..100 {
            assert_eq!(attempt(&mut pin, b"wrong", 0), CKR_PIN_INCORRECT);
        }
        assert_eq!(attempt(&mut pin, b"1234", 0), CKR_OK);
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
