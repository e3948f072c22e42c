//! OFB and CFB with feedback of any width: modes that turn a block cipher into a stream cipher.
//! The `ofb`, `cfb-mode` and `cfb8` crates do whole blocks and bytes; the narrow feedbacks that
//! Cryptoki has besides (64 bits of 128, one byte of output, one bit) have no crate and are here.

use cipher::array::Array;
use cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, IvState};

use super::{Cipher, size};
use crate::mechanisms::Ciphering;
use crate::rv::Result;

/// A mode that gives out a byte for every byte.
pub(in crate::mechanisms) trait Stream: Clone + Send + 'static {
    /// Encrypts or decrypts in place.
    fn apply(&mut self, data: &mut [u8]) -> Result<()>;
}

/// A stream as an operation.
#[derive(Clone)]
pub(in crate::mechanisms) struct Streaming<S>(pub(in crate::mechanisms) S);

impl<S: Stream> Ciphering for Streaming<S> {
    fn is_multipart(&self) -> bool {
        true
    }
    fn bound(&self, length: usize) -> usize {
        length
    }
    fn update_length(&self, length: usize) -> usize {
        length
    }
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut output = data.to_vec();
        self.0.apply(&mut output)?;
        Ok(output)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

/// OFB with feedback of whole blocks.
#[derive(Clone)]
pub(super) struct Ofb<C: Cipher> {
    cipher: C,
    /// The last block of key stream, at first the initialisation vector.
    last: Block<C>,
    /// Bytes of it that are used up.
    used: usize,
}

impl<C: Cipher> Ofb<C> {
    pub(super) fn new(cipher: C, vector: Block<C>) -> Ofb<C> {
        Ofb {
            cipher,
            last: vector,
            used: size::<C>(),
        }
    }

    fn use_up(&mut self, data: &mut [u8]) {
        let stream = &self.last[self.used..];
        data.iter_mut()
            .zip(stream)
            .for_each(|(byte, key)| *byte ^= key);
        self.used += data.len();
    }
}

impl<C: Cipher> Stream for Ofb<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let (head, data) = data.split_at_mut(data.len().min(size::<C>() - self.used));
        self.use_up(head);
        let (blocks, tail) = Array::slice_as_chunks_mut(data);
        self.last = {
            let mut core = ofb::OfbCore::inner_iv_init(&self.cipher, &self.last);
            BlockModeEncrypt::encrypt_blocks(&mut core, blocks);
            core.iv_state()
        };
        if !tail.is_empty() {
            self.cipher.encrypt_block(&mut self.last);
            self.used = 0;
            self.use_up(tail);
        }
        Ok(())
    }
}

/// CFB with feedback of whole blocks.
#[derive(Clone)]
pub(super) struct Cfb<C: Cipher> {
    cipher: C,
    /// The state of the crate's buffering, by which it can be taken up again.
    state: (Block<C>, usize),
    encrypting: bool,
}

impl<C: Cipher> Cfb<C> {
    pub(super) fn new(cipher: C, vector: Block<C>, encrypting: bool) -> Cfb<C> {
        let state = match encrypting {
            true => owned(cfb_mode::BufEncryptor::inner_iv_init(&cipher, &vector).get_state()),
            false => owned(cfb_mode::BufDecryptor::inner_iv_init(&cipher, &vector).get_state()),
        };
        Cfb {
            cipher,
            state,
            encrypting,
        }
    }
}

fn owned<B: Clone>((block, used): (&B, usize)) -> (B, usize) {
    (block.clone(), used)
}

impl<C: Cipher> Stream for Cfb<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let (block, used) = &self.state;
        self.state = match self.encrypting {
            true => {
                let mut mode = cfb_mode::BufEncryptor::from_state(&self.cipher, block, *used);
                mode.encrypt(data);
                owned(mode.get_state())
            }
            false => {
                let mut mode = cfb_mode::BufDecryptor::from_state(&self.cipher, block, *used);
                mode.decrypt(data);
                owned(mode.get_state())
            }
        };
        Ok(())
    }
}

/// CFB with feedback of bytes.
#[derive(Clone)]
pub(super) struct Cfb8<C: Cipher> {
    cipher: C,
    register: Block<C>,
    encrypting: bool,
}

impl<C: Cipher> Cfb8<C> {
    pub(super) fn new(cipher: C, vector: Block<C>, encrypting: bool) -> Cfb8<C> {
        Cfb8 {
            cipher,
            register: vector,
            encrypting,
        }
    }
}

impl<C: Cipher> Stream for Cfb8<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let (bytes, _) = Array::slice_as_chunks_mut(data);
        if self.encrypting {
            let mut mode = cfb8::Encryptor::inner_iv_init(&self.cipher, &self.register);
            mode.encrypt_blocks(bytes);
            self.register = mode.iv_state();
        } else {
            let mut mode = cfb8::Decryptor::inner_iv_init(&self.cipher, &self.register);
            mode.decrypt_blocks(bytes);
            self.register = mode.iv_state();
        }
        Ok(())
    }
}

/// What is shifted into the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// The key stream: OFB.
    Output,
    /// The ciphertext: CFB. It is what comes out when encrypting, and what goes in otherwise.
    Ciphertext { encrypting: bool },
}

/// Feedback of `width` bytes of a block: FIPS 81, and SP 800-38A section 6.3 for CFB.
#[derive(Clone)]
pub(super) struct Narrow<C: Cipher> {
    cipher: C,
    /// The shift register, at first the initialisation vector.
    register: Block<C>,
    stream: Block<C>,
    /// The segment that the register takes next, as far as it is there.
    segment: Block<C>,
    filled: usize,
    width: usize,
    fed: Fed,
}

impl<C: Cipher> Narrow<C> {
    /// `width` is at least one byte and at most a block.
    pub(super) fn new(cipher: C, vector: Block<C>, width: usize, fed: Fed) -> Narrow<C> {
        Narrow {
            cipher,
            register: vector,
            stream: Block::<C>::default(),
            segment: Block::<C>::default(),
            filled: 0,
            width: width.clamp(1, size::<C>()),
            fed,
        }
    }
}

impl<C: Cipher> Stream for Narrow<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        for byte in data {
            if self.filled == 0 {
                self.stream = self.register.clone();
                self.cipher.encrypt_block(&mut self.stream);
            }
            let (key, input) = (self.stream[self.filled], *byte);
            *byte ^= key;
            self.segment[self.filled] = match self.fed {
                Fed::Output => key,
                Fed::Ciphertext { encrypting: true } => *byte,
                Fed::Ciphertext { encrypting: false } => input,
            };
            self.filled += 1;
            if self.filled == self.width {
                self.register.rotate_left(self.width);
                let start = size::<C>() - self.width;
                self.register[start..].copy_from_slice(&self.segment[..self.width]);
                self.filled = 0;
            }
        }
        Ok(())
    }
}

/// CFB with feedback of single bits, the highest of a byte first.
#[derive(Clone)]
pub(super) struct Cfb1<C: Cipher> {
    cipher: C,
    register: Block<C>,
    encrypting: bool,
}

impl<C: Cipher> Cfb1<C> {
    pub(super) fn new(cipher: C, vector: Block<C>, encrypting: bool) -> Cfb1<C> {
        Cfb1 {
            cipher,
            register: vector,
            encrypting,
        }
    }

    fn shift(&mut self, bit: u8) {
        let mut carry = bit;
        for byte in self.register.iter_mut().rev() {
            let shifted = *byte << 1 | carry;
            carry = *byte >> 7;
            *byte = shifted;
        }
    }
}

impl<C: Cipher> Stream for Cfb1<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        for byte in data {
            let input = *byte;
            for place in (0..8).rev() {
                let mut stream = self.register.clone();
                self.cipher.encrypt_block(&mut stream);
                *byte ^= stream[0] >> 7 << place;
                let ciphertext = if self.encrypting { *byte } else { input };
                self.shift(ciphertext >> place & 1);
            }
        }
        Ok(())
    }
}
