//! GCM and GMAC: NIST SP 800-38D, with the lengths of vector and tag that CK_GCM_PARAMS allows,
//! most of which the usual crates do not offer, and data in chunks, which none does. GHASH comes
//! from the `ghash` crate, the key stream from `counter`.

use cipher::array::Array;
use cryptoki_sys::*;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use super::counter::KeyStream;
use super::{Block128, Cipher128, length_code};
use crate::mechanisms::aead::{Aead, Message, Start};
use crate::mechanisms::hash::Running;
use crate::rv::{Result, ensure};

const SIZE: usize = size_of::<Block128>();
/// SP 800-38D section 5.2.1.1: bytes of data in one message.
const MOST: u64 = (1 << 36) - 32;
/// Bytes encrypted before they are hashed, so that they are still in the nearest cache.
const CHUNK: usize = 8192;

/// GHASH over data in chunks, with a count of its bytes.
#[derive(Clone)]
struct Hashing {
    hash: GHash,
    partial: Block128,
    filled: usize,
    length: u64,
}

impl Hashing {
    fn absorb(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        let mut data = data;
        if self.filled > 0 {
            let (head, rest) = data.split_at(data.len().min(SIZE - self.filled));
            self.partial[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            data = rest;
            if self.filled == SIZE {
                self.pad();
            }
        }
        let (blocks, rest) = Array::slice_as_chunks(data);
        self.hash.update(blocks);
        if !rest.is_empty() {
            self.partial[..rest.len()].copy_from_slice(rest);
            self.filled = rest.len();
        }
    }

    /// Fills up the last block with zeros.
    fn pad(&mut self) {
        self.hash.update_padded(&self.partial[..self.filled]);
        self.filled = 0;
    }

    /// The length of what was absorbed since the last time, and an end of its last block.
    fn section(&mut self) -> u64 {
        self.pad();
        std::mem::take(&mut self.length)
    }

    /// The hash, ended by the lengths of both sections.
    fn finish(mut self, aad: u64, data: u64) -> Block128 {
        let mut lengths = [0; SIZE];
        lengths[..8].copy_from_slice(&(aad * 8).to_be_bytes());
        lengths[8..].copy_from_slice(&(data * 8).to_be_bytes());
        self.hash.update_padded(&lengths);
        self.hash.finalize().into()
    }
}

/// A key, with the hash under its subkey.
#[derive(Clone)]
pub(super) struct Key<C> {
    cipher: C,
    hash: GHash,
}

/// Where a message or a MAC begins.
struct Beginning {
    hashing: Hashing,
    /// J0 of SP 800-38D section 7.1.
    first: Block128,
    /// What the hash is combined with to be the tag.
    mask: Block128,
}

impl<C: Cipher128> Key<C> {
    pub(super) fn new(cipher: C) -> Key<C> {
        let mut subkey = Array::from([0; SIZE]);
        cipher.encrypt_block(&mut subkey);
        Key {
            cipher,
            hash: GHash::new(&subkey),
        }
    }

    /// Section 6.13.7.2: a vector of 1 to 2^32-1 bytes.
    fn begin(&self, iv: &[u8]) -> Result<Beginning> {
        let sound = !iv.is_empty() && u32::try_from(iv.len()).is_ok();
        ensure(sound, CKR_MECHANISM_PARAM_INVALID)?;
        let first = self.first_counter(iv);
        let mut mask = Array::from(first);
        self.cipher.encrypt_block(&mut mask);
        Ok(Beginning {
            hashing: Hashing {
                hash: self.hash.clone(),
                partial: [0; SIZE],
                filled: 0,
                length: 0,
            },
            first,
            mask: mask.into(),
        })
    }

    fn first_counter(&self, iv: &[u8]) -> Block128 {
        let mut block = [0; SIZE];
        let cut = iv.len() > 12 && mutant!("gcm-long-vector-cut");
        if iv.len() == 12 || cut {
            block[..12].copy_from_slice(&iv[..12]);
            block[15] = 1;
            return block;
        }
        let mut hash = self.hash.clone();
        hash.update_padded(iv);
        block[8..].copy_from_slice(&(iv.len() as u64 * 8).to_be_bytes());
        hash.update_padded(&block);
        hash.finalize().into()
    }

    /// GMAC: section 6.13.6. The message is what GCM has as additional data.
    pub(super) fn gmac(&self, iv: &[u8]) -> Result<Gmac> {
        let Beginning { hashing, mask, .. } = self.begin(iv)?;
        Ok(Gmac { hashing, mask })
    }
}

impl<C: Cipher128> Aead for Key<C> {
    fn start(&self, start: &Start) -> Result<Box<dyn Message>> {
        ensure(start.tag_length <= SIZE, CKR_MECHANISM_PARAM_INVALID)?;
        let beginning = self.begin(start.nonce)?;
        let mut hashing = beginning.hashing;
        if !mutant!("gcm-associated-data-ignored") {
            hashing.absorb(start.aad);
        }
        let aad_length = hashing.section();
        let mut stream = KeyStream::wrapping(self.cipher.clone(), beginning.first);
        // The first block of key stream is the tag's mask.
        stream.skip_block();
        Ok(Box::new(GcmMessage {
            stream,
            hashing,
            aad_length,
            mask: beginning.mask,
            tag_length: start.tag_length,
            encrypting: start.encrypting,
        }))
    }
}

fn masked(hash: Block128, mask: Block128, length: usize) -> Vec<u8> {
    let tag = hash.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
    tag.take(length).collect()
}

#[derive(Clone)]
struct GcmMessage<C> {
    stream: KeyStream<C>,
    hashing: Hashing,
    aad_length: u64,
    mask: Block128,
    tag_length: usize,
    encrypting: bool,
}

impl<C: Cipher128> Message for GcmMessage<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let total = self.hashing.length.saturating_add(data.len() as u64);
        ensure(total <= MOST, length_code(self.encrypting))?;
        for chunk in data.chunks_mut(CHUNK) {
            if self.encrypting {
                self.stream.apply(chunk);
                self.hashing.absorb(chunk);
            } else {
                self.hashing.absorb(chunk);
                self.stream.apply(chunk);
            }
        }
        Ok(())
    }

    fn tag(mut self: Box<Self>) -> Result<Vec<u8>> {
        let length = self.hashing.section();
        let hash = self.hashing.finish(self.aad_length, length);
        Ok(masked(hash, self.mask, self.tag_length))
    }

    fn duplicate(&self) -> Box<dyn Message> {
        Box::new(self.clone())
    }
}

/// A running GMAC of full length.
#[derive(Clone)]
pub(super) struct Gmac {
    hashing: Hashing,
    mask: Block128,
}

impl Running for Gmac {
    fn update(&mut self, data: &[u8]) {
        self.hashing.absorb(data);
    }
    fn finish(mut self: Box<Self>) -> Vec<u8> {
        let length = self.hashing.section();
        masked(self.hashing.finish(length, 0), self.mask, SIZE)
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}
