//! ChaCha20, Salsa20, Poly1305 and ChaCha20-Poly1305: [PKCS11-Base 3.2] sections 6.58 to 6.61.
//! This file owns the table and the parameters; `keystream` runs the stream ciphers, `poly` the
//! authenticator and the AEAD.
//!
//! CKM_SALSA20_POLY1305 is left out: no text says how Salsa20, Poly1305 and additional data are
//! combined (NaCl's secretbox has none), so there is nothing that an answer could be checked with.

mod keystream;
mod poly;

use cryptoki_sys::*;

use super::aead::{Aead, Sealing, Start};
use super::block::Streaming;
use super::mac::Mac;
use super::{Ciphering, Entry, Family, Form, Mechanism, Parameter, Signing, Verifying};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};
use keystream::{KeyStream, Variant};

/// The mechanisms of ChaCha20, Salsa20 and Poly1305.
pub(super) struct ChaChas;

/// A 256-bit key.
type Key = [u8; 32];

const CIPHERS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
const WRAPS: CK_FLAGS = CIPHERS | CKF_WRAP | CKF_UNWRAP;

const fn entry(
    mechanism: CK_MECHANISM_TYPE,
    sizes: (CK_ULONG, CK_ULONG),
    flags: CK_FLAGS,
    form: Form,
    keys: &'static [CK_KEY_TYPE],
) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags,
        form,
        keys,
    }
}

/// Sections 6.58.5 and 6.59.5 count in bits; the others say nothing, and keys are counted in bytes.
static ENTRIES: [Entry; 4] = [
    entry(
        CKM_CHACHA20,
        (256, 256),
        WRAPS,
        Form::ChaCha20,
        &[CKK_CHACHA20],
    ),
    entry(
        CKM_SALSA20,
        (256, 256),
        WRAPS,
        Form::Salsa20,
        &[CKK_SALSA20],
    ),
    entry(
        CKM_CHACHA20_POLY1305,
        (32, 32),
        CIPHERS,
        Form::ChaCha20Poly1305,
        &[CKK_CHACHA20],
    ),
    // Section 6.60.3 signs and verifies; the table before it has the mark in another column.
    entry(
        CKM_POLY1305,
        (32, 32),
        CKF_SIGN | CKF_VERIFY,
        Form::None,
        &[CKK_POLY1305],
    ),
];

fn key_of(key: &[u8]) -> Result<Key> {
    key.try_into().map_err(|_| refusal(CKR_KEY_SIZE_RANGE))
}

/// A counter as it stands in the state of the cipher, which is in little-endian order (RFC 8439
/// section 2.3; the text of Cryptoki does not say).
fn number(counter: &[u8]) -> u64 {
    counter
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Section 6.58.5: the length of the nonce decides the variant, and with it that of the counter.
fn stream(mechanism: &Mechanism, key: &[u8], encrypting: bool) -> Result<KeyStream> {
    let Parameter::Counted { counter, nonce } = &mechanism.parameter else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let variant = match (mechanism.kind, nonce.len(), counter.len()) {
        (CKM_CHACHA20, 8, 8) => Variant::ChaCha,
        (CKM_CHACHA20, 12, 4) => Variant::ChaChaIetf,
        (CKM_CHACHA20, 24, 8) => Variant::XChaCha,
        (CKM_SALSA20, 8, 8) => Variant::Salsa,
        (CKM_SALSA20, 24, 8) => Variant::XSalsa,
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    let block = number(counter);
    Ok(KeyStream::new(variant, key_of(key)?, nonce, block).for_direction(encrypting))
}

fn cipher(mechanism: &Mechanism, key: &Attributes, encrypting: bool) -> Result<Box<dyn Ciphering>> {
    let key = key.bytes(CKA_VALUE);
    match &mechanism.parameter {
        Parameter::Sealed { nonce, aad } => {
            let start = Start {
                encrypting,
                nonce,
                aad,
                tag_length: poly::TAG,
                data_length: 0,
            };
            Sealing::begin(&poly::AeadKey::new(key_of(key)?), &start)
        }
        _ => Ok(Box::new(Streaming(stream(mechanism, key, encrypting)?))),
    }
}

/// ChaCha20-Poly1305, ready for messages; None for any other mechanism.
pub(super) fn aead(mechanism: CK_MECHANISM_TYPE, key: &[u8]) -> Option<Result<Box<dyn Aead>>> {
    let ready = |key| -> Box<dyn Aead> { Box::new(poly::AeadKey::new(key)) };
    (mechanism == CKM_CHACHA20_POLY1305).then(|| Ok(ready(key_of(key)?)))
}

fn mac(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    ensure(mechanism.kind == CKM_POLY1305, CKR_MECHANISM_INVALID)?;
    let key = key_of(key.bytes(CKA_VALUE))?;
    Ok(Mac::new(Box::new(poly::Authenticator::new(key)), poly::TAG))
}

impl Family for ChaChas {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }
    fn encrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, true)
    }
    fn decrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, false)
    }
    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(mac(mechanism, key)?))
    }
    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(mac(mechanism, key)?))
    }
}

#[cfg(test)]
mod tests;
