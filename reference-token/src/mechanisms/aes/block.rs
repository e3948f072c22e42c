//! The AES block cipher, with the key length chosen at run time.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use cryptoki_sys::CKR_KEY_SIZE_RANGE;

use crate::rv::{Result, refuse};

/// A block.
pub(in crate::mechanisms) type Block = [u8; 16];

/// A key schedule.
#[derive(Clone)]
pub(in crate::mechanisms) enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

impl Cipher {
    /// The schedule of a key; CKR_KEY_SIZE_RANGE if it is not one of AES.
    pub(in crate::mechanisms) fn new(key: &[u8]) -> Result<Cipher> {
        let schedule = match key.len() {
            16 => Aes128::new_from_slice(key).map(Cipher::Aes128),
            24 => Aes192::new_from_slice(key).map(Cipher::Aes192),
            32 => Aes256::new_from_slice(key).map(Cipher::Aes256),
            _ => return refuse(CKR_KEY_SIZE_RANGE),
        };
        schedule.or_else(|_| refuse(CKR_KEY_SIZE_RANGE))
    }

    pub(in crate::mechanisms) fn encrypt(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Cipher::Aes128(cipher) => cipher.encrypt_block(&mut array),
            Cipher::Aes192(cipher) => cipher.encrypt_block(&mut array),
            Cipher::Aes256(cipher) => cipher.encrypt_block(&mut array),
        }
        *block = array.into();
    }

    pub(super) fn decrypt(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Cipher::Aes128(cipher) => cipher.decrypt_block(&mut array),
            Cipher::Aes192(cipher) => cipher.decrypt_block(&mut array),
            Cipher::Aes256(cipher) => cipher.decrypt_block(&mut array),
        }
        *block = array.into();
    }
}
