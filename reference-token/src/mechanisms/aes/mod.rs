//! AES: [PKCS11-Base 3.2] sections 6.10, 6.11 and 6.13. This file owns the table, key generation
//! and the mapping of mechanisms to modes; `modes` and `gcm` the modes, over the block cipher of
//! the `aes` crate. CMAC is in `mac`.

mod block;
mod gcm;
mod modes;

use cryptoki_sys::*;

pub(super) use block::{Block, Cipher};
use modes::{Blocks, Chaining, Counter, Padding};

use super::{Ciphering, Contribution, Entry, Family, Form, Mechanism, Parameter, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The AES mechanisms but for CMAC.
pub(super) struct Aes;

/// Key lengths in bytes.
pub(super) const BYTES: (CK_ULONG, CK_ULONG) = (16, 32);
const WRAPS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form,
        keys: &[CKK_AES],
    }
}

static ENTRIES: [Entry; 6] = [
    entry(CKM_AES_KEY_GEN, CKF_GENERATE, Form::None),
    entry(CKM_AES_ECB, WRAPS, Form::None),
    entry(CKM_AES_CBC, WRAPS, Form::Bytes(16)),
    entry(CKM_AES_CBC_PAD, WRAPS, Form::Bytes(16)),
    entry(CKM_AES_CTR, WRAPS, Form::Ctr),
    entry(CKM_AES_GCM, WRAPS, Form::Gcm),
];

/// The encryption of a block of zeros: the check value of section 6.10.3 begins with it.
pub(super) fn zero_block(key: &[u8]) -> Result<Block> {
    let mut block = [0; 16];
    Cipher::new(key)?.encrypt(&mut block);
    Ok(block)
}

fn initialization_vector(mechanism: &Mechanism) -> Result<Block> {
    mechanism
        .bytes()?
        .try_into()
        .map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

fn cipher(mechanism: &Mechanism, key: &Attributes, encrypting: bool) -> Result<Box<dyn Ciphering>> {
    let cipher = Cipher::new(key.bytes(CKA_VALUE))?;
    let blocks = |chaining, padding| -> Result<Box<dyn Ciphering>> {
        Ok(Box::new(Blocks::new(
            cipher.clone(),
            chaining,
            padding,
            encrypting,
        )))
    };
    match (mechanism.kind, &mechanism.parameter) {
        (CKM_AES_ECB, _) => blocks(Chaining::None, Padding::None),
        (CKM_AES_CBC, _) => blocks(
            Chaining::Cbc(initialization_vector(mechanism)?),
            Padding::None,
        ),
        (CKM_AES_CBC_PAD, _) => blocks(
            Chaining::Cbc(initialization_vector(mechanism)?),
            Padding::Pkcs7,
        ),
        (CKM_AES_CTR, Parameter::Ctr { bits, block }) => {
            ensure((1..=128).contains(bits), CKR_MECHANISM_PARAM_INVALID)?;
            Ok(Box::new(Counter::new(
                cipher,
                *block,
                *bits as u32,
                encrypting,
            )))
        }
        (CKM_AES_GCM, Parameter::Gcm { iv, aad, tag_bits }) => {
            gcm::begin(cipher, iv, aad, *tag_bits, encrypting)
        }
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

impl Family for Aes {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn encrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, true)
    }

    fn decrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, false)
    }

    /// Sections 6.10.4 and 6.10.5: modes without padding wrap keys padded with zero bytes.
    fn wrap_block(&self, mechanism: &Mechanism) -> usize {
        match mechanism.kind {
            CKM_AES_ECB | CKM_AES_CBC => size_of::<Block>(),
            _ => 1,
        }
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_AES)
    }

    fn generate_key(&self, _: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let length = template
            .ulong(CKA_VALUE_LEN)
            .ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        ensure([16, 24, 32].contains(&length), CKR_ATTRIBUTE_VALUE_INVALID)?;
        Ok(vec![(CKA_VALUE, Value::Bytes(random(length as usize)?))])
    }
}
