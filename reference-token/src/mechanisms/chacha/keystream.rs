//! The key streams of ChaCha20 and Salsa20 in their variants. The crates' streams cannot be
//! copied, so what is kept is where the stream stands; it is taken up again for each chunk.

use chacha20::{ChaCha20, ChaCha20Legacy, R20, hchacha};
use cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use cryptoki_sys::*;
use salsa20::{Salsa20, XSalsa20};

use super::Key;
use crate::mechanisms::block::Stream;
use crate::rv::{Result, ensure, refusal};

/// Bytes that one value of the counter stands for.
const BLOCK: u128 = 64;

/// The variants, which differ in nonce and counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// The original: a nonce of 64 bits and a counter of 64.
    ChaCha,
    /// RFC 8439: a nonce of 96 bits and a counter of 32.
    ChaChaIetf,
    /// A nonce of 192 bits and a counter of 64: the original under a key made with the first 128
    /// bits. The crate's own counts in 32 bits only.
    XChaCha,
    /// A nonce of 64 bits and a counter of 64.
    Salsa,
    /// A nonce of 192 bits and a counter of 64.
    XSalsa,
}

/// A key stream at some position.
#[derive(Clone)]
pub(super) struct KeyStream {
    variant: Variant,
    key: Key,
    nonce: Vec<u8>,
    /// Bytes from block 0 on.
    position: u128,
    encrypting: bool,
}

impl KeyStream {
    /// The stream from `block` on. The nonce has the variant's length.
    pub(super) fn new(variant: Variant, key: Key, nonce: &[u8], block: u64) -> KeyStream {
        let (variant, key, nonce) = match (variant, nonce.split_first_chunk::<16>()) {
            (Variant::XChaCha, Some((first, rest))) => {
                let key = hchacha::<R20>(&key.into(), &(*first).into());
                (Variant::ChaCha, key.into(), rest)
            }
            _ => (variant, key, nonce),
        };
        KeyStream {
            variant,
            key,
            nonce: nonce.to_vec(),
            position: u128::from(block) * BLOCK,
            encrypting: true,
        }
    }

    /// The same stream, with the codes of the functions that run in this direction.
    pub(super) fn for_direction(self, encrypting: bool) -> KeyStream {
        KeyStream { encrypting, ..self }
    }

    /// Bytes in the whole stream: what the counter can number. The crate of Salsa20 counts on when it
    /// has made a block, for which there is no number after the last, so that one is given up.
    fn end(&self) -> u128 {
        match self.variant {
            Variant::ChaChaIetf => BLOCK << 32,
            Variant::ChaCha | Variant::XChaCha => BLOCK << 64,
            Variant::Salsa | Variant::XSalsa => (BLOCK << 64) - BLOCK,
        }
    }

    fn run<S>(&self, data: &mut [u8]) -> Result<()>
    where
        S: KeyIvInit + StreamCipher + StreamCipherSeek,
    {
        let stream = S::new_from_slices(&self.key, &self.nonce);
        let mut stream = stream.map_err(|_| refusal(CKR_GENERAL_ERROR))?;
        // The caller has checked the length. The crate's own checks give up the last block of the
        // stream, and so does its seeking into the middle of it.
        let used = (self.position % BLOCK) as usize;
        let sought = stream.try_seek(self.position - used as u128);
        sought.map_err(|_| refusal(CKR_GENERAL_ERROR))?;
        stream.unchecked_write_keystream(&mut [0; BLOCK as usize][..used]);
        stream.unchecked_apply_keystream(data);
        Ok(())
    }
}

impl Stream for KeyStream {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let code = match self.encrypting {
            true => CKR_DATA_LEN_RANGE,
            false => CKR_ENCRYPTED_DATA_LEN_RANGE,
        };
        let next = self.position + data.len() as u128;
        ensure(next <= self.end(), code)?;
        if data.is_empty() {
            return Ok(());
        }
        match self.variant {
            Variant::ChaCha | Variant::XChaCha => self.run::<ChaCha20Legacy>(data)?,
            Variant::ChaChaIetf => self.run::<ChaCha20>(data)?,
            Variant::Salsa => self.run::<Salsa20>(data)?,
            Variant::XSalsa => self.run::<XSalsa20>(data)?,
        }
        self.position = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_where_its_counter_does() {
        for (variant, nonce, last) in [
            (Variant::ChaChaIetf, 12, u64::from(u32::MAX)),
            (Variant::ChaCha, 8, u64::MAX),
            (Variant::XChaCha, 24, u64::MAX),
            (Variant::Salsa, 8, u64::MAX - 1),
            (Variant::XSalsa, 24, u64::MAX - 1),
        ] {
            let mut stream = KeyStream::new(variant, [7; 32], &vec![9; nonce], last);
            let mut data = [0; BLOCK as usize];
            stream.apply(&mut data).expect("the last block");
            assert_ne!(data, [0; BLOCK as usize], "{variant:?}");
            let beyond = stream.apply(&mut data[..1]);
            assert_eq!(beyond, Err(refusal(CKR_DATA_LEN_RANGE)), "{variant:?}");
        }
    }
}
