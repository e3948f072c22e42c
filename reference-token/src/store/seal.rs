//! The master key of a token and what it seals: private objects, with AES-256-GCM under a random
//! nonce, bound to their place in the file. The master key itself is kept wrapped (RFC 3394) under
//! a key from the user's PIN and one from the SO's, so that a PIN changes without a change of any
//! object, and the SO can give a user who forgot the PIN a new one.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use aes_kw::KwAes256;
use cryptoki_sys::CKR_GENERAL_ERROR;
use zeroize::Zeroizing;

use super::Serial;
use super::record::{decode, encode};
use crate::attributes::Attributes;
use crate::mechanisms::{fill_random, random};
use crate::rv::{Result, refusal};

const NONCE: usize = 12;

/// A key of 256 bits: the master key, or one that wraps it.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The key that seals the private objects of a token.
#[derive(Clone)]
pub(crate) struct MasterKey(Key);

impl MasterKey {
    /// A new key.
    pub(crate) fn generate() -> Result<MasterKey> {
        let mut key = Key::default();
        fill_random(&mut *key)?;
        Ok(MasterKey(key))
    }

    /// The key wrapped under another.
    pub(crate) fn wrap(&self, under: &Key) -> Result<Vec<u8>> {
        let mut wrapped = vec![0; 40];
        KwAes256::new((&**under).into())
            .wrap_key(&*self.0, &mut wrapped)
            .map_err(|_| refusal(CKR_GENERAL_ERROR))?;
        Ok(wrapped)
    }

    /// The key that was wrapped; None if it was not under this one.
    pub(crate) fn unwrap(wrapped: &[u8], under: &Key) -> Option<MasterKey> {
        let mut key = Key::default();
        let cipher = KwAes256::new((&**under).into());
        let length = cipher.unwrap_key(wrapped, &mut *key).ok()?.len();
        (length == 32).then_some(MasterKey(key))
    }

    /// An object as only this key can read it.
    pub(super) fn seal(&self, serial: Serial, object: &Attributes) -> Result<Vec<u8>> {
        let mut text = encode(object);
        let nonce = random(NONCE)?;
        let tag = self
            .cipher()
            .encrypt_inout_detached(
                &nonce_of(&nonce)?,
                &serial.to_le_bytes(),
                text.as_mut_slice().into(),
            )
            .map_err(|_| refusal(CKR_GENERAL_ERROR))?;
        Ok([&nonce, text.as_slice(), tag.as_slice()].concat())
    }

    /// The object that was sealed in this place; None for anything else.
    pub(super) fn open(&self, serial: Serial, sealed: &[u8]) -> Option<Attributes> {
        let (nonce, rest) = sealed.split_at_checked(NONCE)?;
        let (text, tag) = rest.split_last_chunk::<16>()?;
        let mut text = Zeroizing::new(text.to_vec());
        self.cipher()
            .decrypt_inout_detached(
                &nonce_of(nonce).ok()?,
                &serial.to_le_bytes(),
                text.as_mut_slice().into(),
                &(*tag).into(),
            )
            .ok()?;
        decode(&text)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

fn nonce_of(bytes: &[u8]) -> Result<Nonce<aes_gcm::aead::consts::U12>> {
    let bytes: [u8; NONCE] = bytes.try_into().map_err(|_| refusal(CKR_GENERAL_ERROR))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::*;

    use super::*;
    use crate::attributes::Value;

    fn secret() -> Attributes {
        [
            (CKA_CLASS, Value::ulong(CKO_DATA)),
            (CKA_TOKEN, Value::bool(true)),
            (CKA_VALUE, Value::Bytes(b"keep this to yourself".to_vec())),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_sealed_object_opens_with_its_key_in_its_place_and_unharmed() {
        let key = MasterKey::generate().unwrap();
        let sealed = key.seal(7, &secret()).unwrap();
        assert!(!sealed.windows(9).any(|part| part == b"keep this"));
        assert_eq!(key.open(7, &sealed), Some(secret()));
        assert_eq!(key.open(8, &sealed), None);
        assert_eq!(MasterKey::generate().unwrap().open(7, &sealed), None);
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(key.open(7, &damaged), None);
            assert_eq!(key.open(7, &sealed[..place]), None);
        }
    }

    #[test]
    fn a_wrapped_key_comes_back_under_the_right_key_alone() {
        let key = MasterKey::generate().unwrap();
        let (right, wrong) = (Key::new([1; 32]), Key::new([2; 32]));
        let wrapped = key.wrap(&right).unwrap();
        assert!(MasterKey::unwrap(&wrapped, &right).is_some_and(|back| *back.0 == *key.0));
        assert!(MasterKey::unwrap(&wrapped, &wrong).is_none());
        assert!(MasterKey::unwrap(&wrapped[..32], &right).is_none());
    }
}
