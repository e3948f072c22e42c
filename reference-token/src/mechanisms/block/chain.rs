//! ECB and CBC, without padding and with that of PKCS #7. The `cbc` crate chains blocks, many at
//! once where the cipher can; this file owns keeping what does not fill a block, and the padding.

use cipher::array::Array;
use cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, IvState};
use crypto_bigint::{Choice, CtEq, CtGt};
use cryptoki_sys::*;

use super::{Cipher, Pending, length_code, size};
use crate::mechanisms::Ciphering;
use crate::mutants;
use crate::rv::{Result, ensure, refusal};

/// How blocks depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chaining {
    Ecb,
    Cbc,
}

/// What becomes of a last block that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    None,
    Pkcs7,
}

/// ECB or CBC in one direction.
#[derive(Clone)]
pub(super) struct Blocks<C: Cipher> {
    cipher: C,
    chaining: Chaining,
    padding: Padding,
    encrypting: bool,
    /// The last ciphertext block, at first the initialisation vector; unused by ECB.
    last: Block<C>,
    pending: Pending,
}

/// The vector of a mechanism; CKR_MECHANISM_PARAM_INVALID if it is not a block.
pub(super) fn vector<C: Cipher>(bytes: &[u8]) -> Result<Block<C>> {
    bytes
        .try_into()
        .map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

impl<C: Cipher> Blocks<C> {
    pub(super) fn ecb(cipher: C, encrypting: bool) -> Blocks<C> {
        Blocks {
            cipher,
            chaining: Chaining::Ecb,
            padding: Padding::None,
            encrypting,
            last: Block::<C>::default(),
            pending: Pending::default(),
        }
    }

    pub(super) fn cbc(
        cipher: C,
        vector: Block<C>,
        padding: Padding,
        encrypting: bool,
    ) -> Blocks<C> {
        Blocks {
            chaining: Chaining::Cbc,
            padding,
            last: vector,
            ..Blocks::ecb(cipher, encrypting)
        }
    }

    /// Bytes of whole blocks that can go out when `length` bytes are there. Section 5.2: with
    /// padding, the last block of a ciphertext is held back, as it may be nothing but padding.
    fn ready(&self, length: usize) -> usize {
        let held = match self.padding == Padding::Pkcs7 && !self.encrypting {
            true => length.saturating_sub(1),
            false => length,
        };
        held - held % size::<C>()
    }

    /// Processes whole blocks in place.
    fn process(&mut self, data: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        match (self.chaining, self.encrypting) {
            (Chaining::Ecb, true) => self.cipher.encrypt_blocks(blocks),
            (Chaining::Ecb, false) => self.cipher.decrypt_blocks(blocks),
            (Chaining::Cbc, true) => {
                let mut mode = cbc::Encryptor::inner_iv_init(&self.cipher, &self.last);
                mode.encrypt_blocks(blocks);
                if !mutant!("cbc-vector-kept-between-parts") {
                    self.last = mode.iv_state();
                }
            }
            (Chaining::Cbc, false) => {
                let mut mode = cbc::Decryptor::inner_iv_init(&self.cipher, &self.last);
                mode.decrypt_blocks(blocks);
                self.last = mode.iv_state();
            }
        }
    }
}

impl<C: Cipher> Ciphering for Blocks<C> {
    fn is_multipart(&self) -> bool {
        true
    }

    fn bound(&self, length: usize) -> usize {
        let total = self.pending.filled.saturating_add(length);
        match (self.padding, self.encrypting) {
            (Padding::Pkcs7, true) => total - total % size::<C>() + size::<C>(),
            _ => total,
        }
    }

    fn update_length(&self, length: usize) -> usize {
        self.ready(self.pending.filled.saturating_add(length))
    }

    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let ready = self.update_length(data.len());
        let mut output = self.pending.take(data, ready);
        self.process(&mut output);
        Ok(output)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>> {
        let mut last = self.pending.as_slice().to_vec();
        match (self.padding, self.encrypting) {
            (Padding::None, encrypting) => {
                ensure(last.is_empty(), length_code(encrypting))?;
            }
            (Padding::Pkcs7, true) => {
                let missing = size::<C>() - last.len();
                last.resize(size::<C>(), missing as u8);
                self.process(&mut last);
            }
            (Padding::Pkcs7, false) => {
                ensure(last.len() == size::<C>(), CKR_ENCRYPTED_DATA_LEN_RANGE)?;
                self.process(&mut last);
                unpad(&mut last, size::<C>())?;
            }
        }
        Ok(last)
    }

    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

/// RFC 5652 section 6.3: the last byte says how many bytes, all equal to it, are padding. Whatever is wrong, all bytes that
/// may be padding are looked at before it is told: the time of a refusal does not say where.
pub(super) fn unpad(data: &mut Vec<u8>, size: usize) -> Result<()> {
    let count = data.last().copied().unwrap_or_default();
    let most = size.min(data.len());
    // No padding at all, and one that is not even.
    let mut wrong = count.ct_eq(&0) | usize::from(count).ct_gt(&most);
    let mut uneven = Choice::FALSE;
    for (behind, byte) in (0u8..).zip(data.iter().rev().take(most)) {
        uneven |= count.ct_gt(&behind) & byte.ct_ne(&count);
    }
    if mutant!("cbc-padding-takes-time") && (uneven & !wrong).to_bool() {
        mutants::linger(std::time::Duration::from_micros(300));
    }
    if !mutant!("cbc-padding-not-checked") {
        wrong |= uneven;
    }
    ensure(!wrong.to_bool(), CKR_ENCRYPTED_DATA_INVALID)?;
    data.truncate(data.len() - usize::from(count));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpadded(text: &[u8]) -> Option<Vec<u8>> {
        let mut text = text.to_vec();
        unpad(&mut text, 4).is_ok().then_some(text)
    }

    #[test]
    fn padding_is_as_many_bytes_as_each_of_them_says() {
        for (text, expected) in [
            (&[9, 9, 9, 1][..], Some(&[9, 9, 9][..])),
            (&[9, 9, 2, 2], Some(&[9, 9])),
            (&[2, 2, 2, 2], Some(&[2, 2])),
            (&[4, 4, 4, 4], Some(&[])),
            (&[9, 4, 4, 4, 4], Some(&[9])),
            (&[5, 4, 4, 4], None),
            (&[4, 4, 5, 4], None),
            (&[9, 3, 2, 2, 3], None),
            (&[9, 9, 9, 0], None),
            (&[5, 5, 5, 5, 5], None),
            (&[3, 3], None),
            (&[], None),
        ] {
            assert_eq!(unpadded(text).as_deref(), expected, "{text:?}");
        }
    }
}
