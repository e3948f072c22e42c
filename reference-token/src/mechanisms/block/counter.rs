//! CTR, and the key stream inside GCM and CCM. The `ctr` crate encrypts counter blocks, many at
//! once where the cipher can; this file owns going on in the middle of a block, and how many
//! blocks a counter of the width that the application chose can number.

use cipher::array::Array;
use cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::{Ctr32BE, Ctr128BE};

use super::feedback::Stream;
use super::{Block128, Cipher128, length_code};
use crate::rv::{Result, ensure};

const SIZE: usize = size_of::<Block128>();

/// The bits of a counter block that count, as far as the crate's code for them differs. A counter
/// that is not allowed to overflow is as good as one of all 128 bits.
#[derive(Debug, Clone, Copy)]
enum Width {
    Low32,
    All128,
}

/// The key stream of successive counter blocks.
#[derive(Clone)]
pub(super) struct KeyStream<C> {
    cipher: C,
    /// The counter block of the next byte.
    block: Block128,
    /// Bytes of its key stream that are used up.
    used: usize,
    width: Width,
}

impl<C: Cipher128> KeyStream<C> {
    /// Counts in all bits of the block.
    pub(super) fn wide(cipher: C, block: Block128) -> KeyStream<C> {
        KeyStream {
            cipher,
            block,
            used: 0,
            width: Width::All128,
        }
    }

    /// Counts in the lowest 32 bits and wraps around in them, as GCM does.
    pub(super) fn wrapping(cipher: C, block: Block128) -> KeyStream<C> {
        KeyStream {
            width: Width::Low32,
            ..KeyStream::wide(cipher, block)
        }
    }

    /// Combines data with the key stream.
    pub(super) fn apply(&mut self, data: &mut [u8]) {
        let start = Array::from(self.block);
        match self.width {
            Width::Low32 => {
                let core = CtrCore::<_, Ctr32BE>::inner_iv_init(&self.cipher, &start);
                skip_and_apply(StreamCipherCoreWrapper::from_core(core), self.used, data);
            }
            Width::All128 => {
                let core = CtrCore::<_, Ctr128BE>::inner_iv_init(&self.cipher, &start);
                skip_and_apply(StreamCipherCoreWrapper::from_core(core), self.used, data);
            }
        }
        let position = self.used + data.len();
        self.used = position % SIZE;
        if !mutant!("ctr-counter-kept-between-parts") {
            self.advance((position / SIZE) as u128);
        }
    }

    /// Leaves out the key stream of one block.
    pub(super) fn skip_block(&mut self) {
        self.advance(1);
    }

    fn advance(&mut self, blocks: u128) {
        let value = u128::from_be_bytes(self.block);
        let value = match self.width {
            Width::Low32 => {
                let low = (value as u32).wrapping_add(blocks as u32);
                value >> 32 << 32 | u128::from(low)
            }
            Width::All128 => value.wrapping_add(blocks),
        };
        self.block = value.to_be_bytes();
    }
}

fn skip_and_apply(mut stream: impl StreamCipher, used: usize, data: &mut [u8]) {
    if used > 0 {
        stream.write_keystream(&mut [0; SIZE][..used]);
    }
    stream.apply_keystream(data);
}

/// CTR as a mechanism: a key stream that ends before its counter overflows.
#[derive(Clone)]
pub(super) struct Counter<C> {
    stream: KeyStream<C>,
    /// Bytes until the counter would overflow.
    left: u128,
    encrypting: bool,
}

impl<C: Cipher128> Counter<C> {
    /// The key stream that begins at `block`, whose lowest `bits` (1 to 128) are the counter.
    pub(super) fn new(cipher: C, block: Block128, bits: u32, encrypting: bool) -> Counter<C> {
        let mask = u128::MAX >> (128 - bits);
        let last = mask - (u128::from_be_bytes(block) & mask);
        let stream = match mutant!("ctr-counts-in-32-bits") {
            true => KeyStream::wrapping(cipher, block),
            false => KeyStream::wide(cipher, block),
        };
        Counter {
            stream,
            left: last.saturating_add(1).saturating_mul(SIZE as u128),
            encrypting,
        }
    }
}

impl<C: Cipher128> Stream for Counter<C> {
    /// Section 6.11.3: data beyond the last value of the counter is refused. It says
    /// CKR_DATA_LEN_RANGE for both directions; the functions that decrypt do not list it, and what
    /// they list for the same thing is answered there.
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let length = data.len() as u128;
        let fits = length <= self.left || mutant!("ctr-counter-overflows");
        ensure(fits, length_code(self.encrypting))?;
        self.left = self.left.saturating_sub(length);
        self.stream.apply(data);
        Ok(())
    }
}
