//! SHA-512/t: section 6.27, FIPS 180-4 sections 5.3.6 and 6.7. It is SHA-512 from other initial
//! values and cut to t bits. The `sha2` crate knows two of them; it also lets a saved state be
//! resumed, and so begin with any. The crates of HMAC want a hash whose length is in its type,
//! hence HMAC is here too.

use cryptoki_sys::*;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha512};

use super::Mechanism;
use super::hash::Running;
use crate::rv::{Result, ensure, refusal};

/// Bytes of the chaining value, which a saved state begins with, in words of little-endian order.
const STATE: usize = 64;
/// Bytes of a block, which HMAC pads its key to.
const BLOCK: usize = 128;

/// A hash with its initial value: SHA-512/t for one t.
#[derive(Clone)]
pub(super) struct Sha512t {
    initial: Sha512,
    bits: usize,
}

impl Sha512t {
    /// The hash that a parameter asks for: 0 < t < 512, but not 384, which would be SHA-384.
    pub(super) fn named(mechanism: &Mechanism) -> Result<Sha512t> {
        let bits = mechanism.length()?;
        let sound = (1..512).contains(&bits) && bits != 384;
        ensure(sound, CKR_MECHANISM_PARAM_INVALID)?;
        Sha512t::new(bits).ok_or(refusal(CKR_GENERAL_ERROR))
    }

    /// FIPS 180-4 section 5.3.6: the initial value is the hash of the name by SHA-512, whose own
    /// initial value has every byte combined with a5.
    fn new(bits: usize) -> Option<Sha512t> {
        let mut generator = Sha512::new().serialize();
        generator[..STATE].iter_mut().for_each(|byte| *byte ^= 0xa5);
        let generator = Sha512::deserialize(&generator).ok()?;
        let value = generator.chain_update(format!("SHA-512/{bits}")).finalize();
        let mut initial = Sha512::new().serialize();
        for (place, word) in initial[..STATE].chunks_mut(8).zip(value.chunks(8)) {
            place.copy_from_slice(word);
            place.reverse();
        }
        let initial = Sha512::deserialize(&initial).ok()?;
        Some(Sha512t { initial, bits })
    }

    /// Bytes of output.
    pub(super) fn length(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// A hash of data to come.
    pub(super) fn running(&self) -> Box<dyn Running> {
        Box::new(self.start())
    }

    fn start(&self) -> Hashing {
        Hashing {
            hash: self.initial.clone(),
            bits: self.bits,
        }
    }

    /// FIPS 198-1: an HMAC of data to come.
    pub(super) fn hmac(&self, key: &[u8]) -> Box<dyn Running> {
        let mut block = [0; BLOCK];
        match key.len() <= BLOCK {
            true => block[..key.len()].copy_from_slice(key),
            false => {
                let mut hashing = self.start();
                hashing.hash.update(key);
                block[..self.length()].copy_from_slice(&hashing.end());
            }
        }
        let keyed = |pad: u8| {
            let mut hashing = self.start();
            hashing.hash.update(block.map(|byte| byte ^ pad));
            hashing
        };
        Box::new(Hmac {
            inner: keyed(0x36),
            outer: keyed(0x5c),
        })
    }
}

#[derive(Clone)]
struct Hashing {
    hash: Sha512,
    bits: usize,
}

impl Hashing {
    /// The leftmost bits; those of the last byte that are not among them are zero.
    fn end(self) -> Vec<u8> {
        let mut output = self.hash.finalize().to_vec();
        output.truncate(self.bits.div_ceil(8));
        if let Some(last) = output.last_mut() {
            *last &= 0xff << ((8 - self.bits % 8) % 8);
        }
        output
    }
}

impl Running for Hashing {
    fn update(&mut self, data: &[u8]) {
        self.hash.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.end()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

#[derive(Clone)]
struct Hmac {
    inner: Hashing,
    outer: Hashing,
}

impl Running for Hmac {
    fn update(&mut self, data: &[u8]) {
        self.inner.hash.update(data);
    }
    fn finish(mut self: Box<Self>) -> Vec<u8> {
        self.outer.hash.update(self.inner.end());
        self.outer.end()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Hash;

    fn digest(bits: usize, data: &[u8]) -> Vec<u8> {
        let mut running = Sha512t::new(bits).unwrap().running();
        running.update(data);
        running.finish()
    }

    /// FIPS 180-4 sections 5.3.6.1 and 5.3.6.2 give the initial values of these two, which the
    /// `sha2` crate has as constants.
    #[test]
    fn the_lengths_with_a_name_are_those_hashes() {
        for data in [&b""[..], b"abc", &[7; 300]] {
            assert_eq!(digest(224, data), Hash::Sha512Truncated224.digest(&[data]));
            assert_eq!(digest(256, data), Hash::Sha512Truncated256.digest(&[data]));
        }
        for key in [&b"key"[..], &[1; 128], &[1; 129]] {
            let mut running = Sha512t::new(256).unwrap().hmac(key);
            running.update(b"data");
            assert_eq!(running.finish(), Hash::Sha512Truncated256.mac(key, b"data"));
        }
    }

    #[test]
    fn every_length_has_its_own_values_and_ends_in_zero_bits() {
        assert_eq!(digest(9, b"abc").len(), 2);
        assert_eq!(digest(9, b"abc")[1] & 0x7f, 0);
        assert_eq!(digest(511, b"abc").len(), 64);
        assert_ne!(digest(256, b"abc")[..31], digest(248, b"abc")[..]);
    }
}
