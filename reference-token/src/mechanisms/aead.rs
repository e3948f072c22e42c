//! Authenticated encryption: what AES-GCM, AES-CCM and ChaCha20-Poly1305 have in common. A key is
//! made ready once (`Aead`), gives out messages (`Message`) that take their data in chunks, and a
//! message ends with its tag. C_Encrypt and its kin run one message (`Sealing`); the message-based
//! functions can run any number with one key.

use cryptoki_sys::*;

use super::{Ciphering, block, chacha};
use crate::rv::{Result, ensure, refuse};

/// A key that messages can be encrypted and decrypted with.
pub(crate) trait Aead: Send + Sync {
    /// Begins a message; CKR_MECHANISM_PARAM_INVALID if the mode does not take what `start` asks.
    fn start(&self, start: &Start) -> Result<Box<dyn Message>>;
}

/// What a message begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) encrypting: bool,
    pub(crate) nonce: &'a [u8],
    pub(crate) aad: &'a [u8],
    /// Bytes of tag.
    pub(crate) tag_length: usize,
    /// Bytes of data, which only CCM needs to know beforehand.
    pub(crate) data_length: u64,
}

/// A message in the making.
pub(crate) trait Message: Send {
    /// Encrypts or decrypts the next chunk in place.
    fn apply(&mut self, data: &mut [u8]) -> Result<()>;
    /// The tag over everything, of the length that was asked for.
    fn tag(self: Box<Self>) -> Result<Vec<u8>>;
    /// A copy in the same state.
    fn duplicate(&self) -> Box<dyn Message>;
}

/// The key of an authenticated mechanism.
pub(crate) fn aead(mechanism: CK_MECHANISM_TYPE, key: &[u8]) -> Result<Box<dyn Aead>> {
    block::aead(mechanism, key)
        .or_else(|| chacha::aead(mechanism, key))
        .unwrap_or_else(|| refuse(CKR_MECHANISM_INVALID))
}

/// One message as an operation: the tag follows the ciphertext. Nothing is given out of a
/// ciphertext before its tag is checked (sections 6.13.2, 6.13.4 and 6.61.2).
pub(super) struct Sealing {
    message: Box<dyn Message>,
    tag_length: usize,
    /// Some when decrypting: all input, the tag last.
    collected: Option<Vec<u8>>,
}

impl Sealing {
    pub(super) fn begin(key: &dyn Aead, start: &Start) -> Result<Box<dyn Ciphering>> {
        Ok(Box::new(Sealing {
            message: key.start(start)?,
            tag_length: start.tag_length,
            collected: (!start.encrypting).then(Vec::new),
        }))
    }
}

impl Ciphering for Sealing {
    fn is_multipart(&self) -> bool {
        true
    }

    fn bound(&self, length: usize) -> usize {
        match &self.collected {
            None => length.saturating_add(self.tag_length),
            Some(input) => (input.len().saturating_add(length)).saturating_sub(self.tag_length),
        }
    }

    fn update_length(&self, length: usize) -> usize {
        if self.collected.is_some() { 0 } else { length }
    }

    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        if let Some(input) = &mut self.collected {
            input.extend_from_slice(data);
            return Ok(Vec::new());
        }
        // Room for the tag, which follows at once if this is all.
        let mut output = Vec::with_capacity(data.len() + self.tag_length);
        output.extend_from_slice(data);
        self.message.apply(&mut output)?;
        Ok(output)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>> {
        let Some(mut input) = self.collected.take() else {
            return self.message.tag();
        };
        ensure(input.len() >= self.tag_length, CKR_ENCRYPTED_DATA_LEN_RANGE)?;
        let tag = input.split_off(input.len() - self.tag_length);
        self.message.apply(&mut input)?;
        let expected = self.message.tag()?;
        let begins = expected.first() == tag.first() && mutant!("gcm-tag-compared-by-prefix");
        let authentic = expected == tag || begins || mutant!("gcm-tag-not-checked");
        ensure(authentic, CKR_ENCRYPTED_DATA_INVALID)?;
        Ok(input)
    }

    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(Sealing {
            message: self.message.duplicate(),
            tag_length: self.tag_length,
            collected: self.collected.clone(),
        })
    }
}
