//! Poly1305, and ChaCha20-Poly1305 over it: RFC 8439 section 2.8, the same with the longer nonce
//! of XChaCha20, and the original with the shorter nonce. The AEAD crate takes whole messages
//! only, so its construction is here, over the crates of its two parts.

use cipher::array::Array;
use cryptoki_sys::*;
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};

use super::Key;
use super::keystream::{KeyStream, Variant};
use crate::mechanisms::aead::{Aead, Message, Start};
use crate::mechanisms::block::Stream;
use crate::mechanisms::hash::Running;
use crate::rv::{Result, ensure, refuse};

/// Bytes of tag, and of the blocks that are authenticated.
pub(super) const TAG: usize = 16;

/// A running Poly1305.
#[derive(Clone)]
pub(super) struct Authenticator {
    poly: Poly1305,
    partial: [u8; TAG],
    filled: usize,
    /// Bytes so far, or since the last section began.
    length: u64,
}

impl Authenticator {
    pub(super) fn new(key: Key) -> Authenticator {
        Authenticator {
            poly: Poly1305::new(&key.into()),
            partial: [0; TAG],
            filled: 0,
            length: 0,
        }
    }

    fn absorb(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        let mut data = data;
        if self.filled > 0 {
            let (head, rest) = data.split_at(data.len().min(TAG - self.filled));
            self.partial[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            data = rest;
            if self.filled < TAG {
                return;
            }
            self.poly.update(&[Array::from(self.partial)]);
        }
        let (blocks, rest) = Array::slice_as_chunks(data);
        self.poly.update(blocks);
        self.partial[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// Ends a section of an AEAD: its length, and zeros up to a block if it is to have them.
    fn section(&mut self, padded: bool) -> u64 {
        let length = std::mem::take(&mut self.length);
        if padded {
            self.absorb(&[0; TAG][..(TAG - self.filled) % TAG]);
            self.length = 0;
        }
        length
    }

    fn end(self) -> Vec<u8> {
        let last = &self.partial[..self.filled];
        self.poly.compute_unpadded(last).to_vec()
    }
}

impl Running for Authenticator {
    fn update(&mut self, data: &[u8]) {
        self.absorb(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.end()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

/// A key of ChaCha20-Poly1305.
pub(super) struct AeadKey(Key);

impl AeadKey {
    pub(super) fn new(key: Key) -> AeadKey {
        AeadKey(key)
    }
}

impl Aead for AeadKey {
    fn start(&self, start: &Start) -> Result<Box<dyn Message>> {
        ensure(start.tag_length == TAG, CKR_MECHANISM_PARAM_INVALID)?;
        let variant = match start.nonce.len() {
            8 => Variant::ChaCha,
            12 => Variant::ChaChaIetf,
            24 => Variant::XChaCha,
            _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
        };
        // RFC 8439 section 2.6: block 0 of the key stream is the one-time key.
        let mut key = [0; size_of::<Key>()];
        KeyStream::new(variant, self.0, start.nonce, 0).apply(&mut key)?;
        let stream = KeyStream::new(variant, self.0, start.nonce, 1);
        let mut message = ChaChaMessage {
            stream: stream.for_direction(start.encrypting),
            authenticator: Authenticator::new(key),
            original: variant == Variant::ChaCha,
            encrypting: start.encrypting,
            aad_length: 0,
        };
        message.authenticator.absorb(start.aad);
        message.aad_length = message.authenticator.section(!message.original);
        if message.original {
            message.number(message.aad_length);
        }
        Ok(Box::new(message))
    }
}

/// A message of ChaCha20-Poly1305.
#[derive(Clone)]
struct ChaChaMessage {
    stream: KeyStream,
    authenticator: Authenticator,
    /// The construction before RFC 8439 (draft-agl-tls-chacha20poly1305-04 section 5), which goes
    /// with the nonce of 64 bits: each section is followed by its length, and nothing is padded.
    original: bool,
    encrypting: bool,
    aad_length: u64,
}

impl ChaChaMessage {
    /// Authenticates a length.
    fn number(&mut self, length: u64) {
        self.authenticator.absorb(&length.to_le_bytes());
        self.authenticator.length = 0;
    }
}

impl Message for ChaChaMessage {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        if self.encrypting {
            self.stream.apply(data)?;
            self.authenticator.absorb(data);
        } else {
            self.authenticator.absorb(data);
            self.stream.apply(data)?;
        }
        Ok(())
    }

    fn tag(mut self: Box<Self>) -> Result<Vec<u8>> {
        let length = self.authenticator.section(!self.original);
        if !self.original {
            self.number(self.aad_length);
        }
        self.number(length);
        Ok(self.authenticator.end())
    }

    fn duplicate(&self) -> Box<dyn Message> {
        Box::new(self.clone())
    }
}
