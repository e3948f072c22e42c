//! Modes that steal ciphertext and so keep every length from one block on: CBC-CS1 and XTS. The
//! `cts` and `xts-mode` crates do whole messages; this file feeds them the blocks that are sure
//! not to be the last ones, and keeps the others for the end.

use cipher::array::Array;
use cipher::consts::U16;
use cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, IvState};
use cts::{CbcCs1, Decrypt, Encrypt};
use xts_mode::Xts128;

use super::{Block128, Cipher128, Pending, length_code};
use crate::mechanisms::Ciphering;
use crate::rv::{Result, ensure, refusal};

/// What a stealing mode does with the parts of a message.
pub(super) trait Stealing: Clone + Send + 'static {
    /// Bytes in a block, and the fewest in a message.
    const SIZE: usize;
    /// Bytes beyond the last full block boundary that must stay for the end.
    const KEPT: usize;
    /// Whole blocks that are followed by more than is kept.
    fn process(&mut self, blocks: &mut [u8]);
    /// The end of the message, at least a block.
    fn end(self, data: &mut [u8]) -> Result<()>;
}

/// A stealing mode as an operation.
#[derive(Clone)]
pub(super) struct Stolen<M> {
    mode: M,
    pending: Pending,
    encrypting: bool,
}

impl<M: Stealing> Stolen<M> {
    pub(super) fn new(mode: M, encrypting: bool) -> Stolen<M> {
        Stolen {
            mode,
            pending: Pending::default(),
            encrypting,
        }
    }
}

impl<M: Stealing> Ciphering for Stolen<M> {
    fn is_multipart(&self) -> bool {
        true
    }
    fn bound(&self, length: usize) -> usize {
        self.pending.filled.saturating_add(length)
    }
    fn update_length(&self, length: usize) -> usize {
        let total = self.pending.filled.saturating_add(length);
        let free = total.saturating_sub(M::KEPT);
        free - free % M::SIZE
    }
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let ready = self.update_length(data.len());
        let mut output = self.pending.take(data, ready);
        if !output.is_empty() {
            self.mode.process(&mut output);
        }
        Ok(output)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let mut data = self.pending.as_slice().to_vec();
        ensure(data.len() >= M::SIZE, length_code(self.encrypting))?;
        self.mode.end(&mut data)?;
        Ok(data)
    }
    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

/// CBC with ciphertext stealing. Section 6.12 refers to the addendum of SP 800-38A without saying
/// which of its three variants; this is the first, which differs from CBC only where CBC cannot.
#[derive(Clone)]
pub(super) struct Cts<C> {
    cipher: C,
    last: Array<u8, U16>,
    encrypting: bool,
}

impl<C: Cipher128> Cts<C> {
    pub(super) fn new(cipher: C, vector: Block128, encrypting: bool) -> Cts<C> {
        Cts {
            cipher,
            last: vector.into(),
            encrypting,
        }
    }
}

impl<C: Cipher128> Stealing for Cts<C> {
    const SIZE: usize = size_of::<Block128>();
    /// The last two blocks, of which the second may have one byte.
    const KEPT: usize = Self::SIZE + 1;

    fn process(&mut self, blocks: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(blocks);
        if self.encrypting {
            let mut mode = cbc::Encryptor::inner_iv_init(&self.cipher, &self.last);
            mode.encrypt_blocks(blocks);
            self.last = mode.iv_state();
        } else {
            let mut mode = cbc::Decryptor::inner_iv_init(&self.cipher, &self.last);
            mode.decrypt_blocks(blocks);
            self.last = mode.iv_state();
        }
    }

    fn end(self, data: &mut [u8]) -> Result<()> {
        let mode = CbcCs1::inner_iv_init(&self.cipher, &self.last);
        let done = match self.encrypting {
            true => mode.encrypt(data),
            false => mode.decrypt(data),
        };
        done.map_err(|_| refusal(length_code(self.encrypting)))
    }
}

/// XTS over one data unit: section 6.15.4.
#[derive(Clone)]
pub(super) struct Xts<C> {
    data: C,
    tweaking: C,
    /// The encrypted tweak of the next block.
    tweak: Block128,
    encrypting: bool,
}

impl<C: Cipher128> Xts<C> {
    /// `data` and `tweaking` have the first and the second half of the key.
    pub(super) fn new(data: C, tweaking: C, unit: Block128, encrypting: bool) -> Xts<C> {
        let mut tweak = Array::from(unit);
        tweaking.encrypt_block(&mut tweak);
        Xts {
            data,
            tweaking,
            tweak: tweak.into(),
            encrypting,
        }
    }

    /// The crate begins a unit by encrypting its number. To have it go on in the middle of one, it
    /// gets the number that encrypts to where the unit stands.
    fn run(&self, data: &mut [u8]) {
        let mut unit = Array::from(self.tweak);
        self.tweaking.decrypt_block(&mut unit);
        let mode = Xts128::new(&self.data, &self.tweaking);
        match self.encrypting {
            true => mode.encrypt_sector(data, unit),
            false => mode.decrypt_sector(data, unit),
        }
    }

    /// IEEE 1619 section 5.2: each block multiplies the tweak by the primitive element.
    fn advance(&mut self, blocks: usize) {
        let mut tweak = u128::from_le_bytes(self.tweak);
        for _ in 0..blocks {
            let carry = tweak >> 127;
            tweak = tweak << 1 ^ (carry * 0x87);
        }
        self.tweak = tweak.to_le_bytes();
    }
}

impl<C: Cipher128> Stealing for Xts<C> {
    const SIZE: usize = size_of::<Block128>();
    /// A block that an incomplete one may steal from.
    const KEPT: usize = Self::SIZE;

    fn process(&mut self, blocks: &mut [u8]) {
        self.run(blocks);
        self.advance(blocks.len() / Self::SIZE);
    }

    fn end(self, data: &mut [u8]) -> Result<()> {
        self.run(data);
        Ok(())
    }
}
