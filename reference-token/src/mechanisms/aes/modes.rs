//! ECB, CBC, CBC with PKCS #7 padding, and CTR. Written out here: data comes in parts of any
//! length, the state must be copyable to keep an operation whose output does not fit, and Cryptoki
//! lets the counter of CTR have any width.

use cryptoki_sys::*;

use super::block::{Block, Cipher};
use crate::mechanisms::Ciphering;
use crate::rv::{Result, ensure, refusal};

const SIZE: usize = size_of::<Block>();

/// How blocks depend on each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chaining {
    None,
    /// The last ciphertext block, at first the initialisation vector.
    Cbc(Block),
}

/// What becomes of a last block that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    None,
    Pkcs7,
}

/// ECB or CBC in one direction.
#[derive(Clone)]
pub(super) struct Blocks {
    cipher: Cipher,
    chaining: Chaining,
    padding: Padding,
    encrypting: bool,
    pending: Vec<u8>,
}

impl Blocks {
    pub(super) fn new(
        cipher: Cipher,
        chaining: Chaining,
        padding: Padding,
        encrypting: bool,
    ) -> Blocks {
        Blocks {
            cipher,
            chaining,
            padding,
            encrypting,
            pending: Vec::new(),
        }
    }

    /// Bytes of whole blocks that can go out when `length` bytes are there. Section 5.2: with
    /// padding, the last block of a ciphertext is held back, as it may be nothing but padding.
    fn ready(&self, length: usize) -> usize {
        let held = match self.padding == Padding::Pkcs7 && !self.encrypting {
            true => length.saturating_sub(1),
            false => length,
        };
        held - held % SIZE
    }

    fn process(&mut self, block: &mut Block) {
        match (&mut self.chaining, self.encrypting) {
            (Chaining::None, true) => self.cipher.encrypt(block),
            (Chaining::None, false) => self.cipher.decrypt(block),
            (Chaining::Cbc(last), true) => {
                combine(block, last);
                self.cipher.encrypt(block);
                *last = *block;
            }
            (Chaining::Cbc(last), false) => {
                let ciphertext = *block;
                self.cipher.decrypt(block);
                combine(block, last);
                *last = ciphertext;
            }
        }
    }

    fn length_code(&self) -> CK_RV {
        if self.encrypting {
            CKR_DATA_LEN_RANGE
        } else {
            CKR_ENCRYPTED_DATA_LEN_RANGE
        }
    }
}

fn combine(block: &mut Block, with: &Block) {
    block
        .iter_mut()
        .zip(with)
        .for_each(|(byte, other)| *byte ^= other);
}

impl Ciphering for Blocks {
    fn is_multipart(&self) -> bool {
        true
    }

    fn bound(&self, length: usize) -> usize {
        let total = self.pending.len() + length;
        match (self.padding, self.encrypting) {
            (Padding::Pkcs7, true) => total - total % SIZE + SIZE,
            _ => total,
        }
    }

    fn update_length(&self, length: usize) -> usize {
        self.ready(self.pending.len() + length)
    }

    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(data);
        self.pending = input.split_off(self.ready(input.len()));
        let (blocks, _) = input.as_chunks_mut::<SIZE>();
        for block in blocks {
            self.process(block);
        }
        Ok(input)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>> {
        let mut last = std::mem::take(&mut self.pending);
        match (self.padding, self.encrypting) {
            (Padding::None, _) => {
                ensure(last.is_empty(), self.length_code())?;
                Ok(last)
            }
            (Padding::Pkcs7, true) => {
                let missing = SIZE - last.len();
                last.resize(SIZE, missing as u8);
                let mut block: Block = last.try_into().map_err(|_| refusal(CKR_GENERAL_ERROR))?;
                self.process(&mut block);
                Ok(block.to_vec())
            }
            (Padding::Pkcs7, false) => {
                let code = CKR_ENCRYPTED_DATA_LEN_RANGE;
                let mut block: Block = last.try_into().map_err(|_| refusal(code))?;
                self.process(&mut block);
                unpad(&block)
            }
        }
    }

    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

/// RFC 5652 section 6.3: the last byte says how many bytes, all equal to it, are padding.
fn unpad(block: &Block) -> Result<Vec<u8>> {
    let count = usize::from(block[SIZE - 1]);
    ensure((1..=SIZE).contains(&count), CKR_ENCRYPTED_DATA_INVALID)?;
    let (content, padding) = block.split_at(SIZE - count);
    let uniform = padding.iter().all(|byte| usize::from(*byte) == count);
    ensure(uniform, CKR_ENCRYPTED_DATA_INVALID)?;
    Ok(content.to_vec())
}

/// A key stream of encrypted counter blocks. CTR and the inside of GCM.
#[derive(Clone)]
pub(super) struct Counter {
    cipher: Cipher,
    block: Block,
    /// Width of the counter: the lowest bits of the block.
    bits: u32,
    /// Blocks until the counter would repeat.
    left: u128,
    stream: Block,
    used: usize,
    encrypting: bool,
}

impl Counter {
    /// The key stream that begins at `block`, of which `bits` count.
    pub(super) fn new(cipher: Cipher, block: Block, bits: u32, encrypting: bool) -> Counter {
        let left = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
        Counter {
            cipher,
            block,
            bits,
            left,
            stream: [0; SIZE],
            used: SIZE,
            encrypting,
        }
    }

    fn next_block(&mut self) -> Result<()> {
        // A stream that repeats would give the plaintext away: section 6.11.3 has the counter
        // wrap around, and does not say that a message may go on past its beginning.
        let code = if self.encrypting {
            CKR_DATA_LEN_RANGE
        } else {
            CKR_ENCRYPTED_DATA_LEN_RANGE
        };
        ensure(self.left > 0, code)?;
        self.left -= 1;
        self.stream = self.block;
        self.cipher.encrypt(&mut self.stream);
        let value = u128::from_be_bytes(self.block);
        let mask = u128::MAX >> (128 - self.bits);
        let counted = value.wrapping_add(1) & mask;
        self.block = (value & !mask | counted).to_be_bytes();
        self.used = 0;
        Ok(())
    }

    /// Combines data with the key stream.
    pub(super) fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        for byte in data {
            if self.used == SIZE {
                self.next_block()?;
            }
            *byte ^= self.stream[self.used];
            self.used += 1;
        }
        Ok(())
    }
}

impl Ciphering for Counter {
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
        self.apply(&mut output)?;
        Ok(output)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    /// The key and first two blocks of NIST SP 800-38A appendix F.
    fn key() -> Cipher {
        Cipher::new(&hex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap()
    }
    const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51";

    fn run(mut cipher: Box<dyn Ciphering>, data: &[u8], part: usize) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        for part in data.chunks(part) {
            let expected = cipher.update_length(part.len());
            let out = cipher.update(part)?;
            assert_eq!(out.len(), expected);
            output.extend(out);
        }
        output.extend(cipher.finish()?);
        Ok(output)
    }

    /// Both directions, in parts of every length.
    fn check(make: impl Fn(bool) -> Box<dyn Ciphering>, ciphertext: &str) {
        for part in [1, 7, 16, 17, 64] {
            let encrypted = run(make(true), &hex(PLAINTEXT), part).unwrap();
            assert_eq!(encrypted, hex(ciphertext));
            assert_eq!(run(make(false), &encrypted, part).unwrap(), hex(PLAINTEXT));
        }
    }

    /// NIST SP 800-38A sections F.1.1, F.2.1 and F.5.1.
    #[test]
    fn modes_give_the_answers_of_sp_800_38a() {
        let vector: Block = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let ecb = |encrypting| -> Box<dyn Ciphering> {
            Box::new(Blocks::new(
                key(),
                Chaining::None,
                Padding::None,
                encrypting,
            ))
        };
        check(
            ecb,
            "3ad77bb40d7a3660a89ecaf32466ef97 f5d3d58503b9699de785895a96fdbaaf",
        );
        let cbc = |encrypting| -> Box<dyn Ciphering> {
            Box::new(Blocks::new(
                key(),
                Chaining::Cbc(vector),
                Padding::None,
                encrypting,
            ))
        };
        check(
            cbc,
            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2",
        );
        let start: Block = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff").try_into().unwrap();
        let ctr = |encrypting| -> Box<dyn Ciphering> {
            Box::new(Counter::new(key(), start, 128, encrypting))
        };
        check(
            ctr,
            "874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff",
        );
    }

    #[test]
    fn padding_reads_back_at_every_length_and_damage_is_invalid() {
        let make = |encrypting| -> Box<dyn Ciphering> {
            Box::new(Blocks::new(
                key(),
                Chaining::Cbc([3; 16]),
                Padding::Pkcs7,
                encrypting,
            ))
        };
        for length in 0..40 {
            let plaintext = vec![0xa5; length];
            let encrypted = run(make(true), &plaintext, 5).unwrap();
            assert_eq!(encrypted.len(), length / 16 * 16 + 16);
            assert_eq!(run(make(false), &encrypted, 3).unwrap(), plaintext);
        }
        assert!(unpad(&[0; 16]).is_err());
        assert!(unpad(&[17; 16]).is_err());
        let cut = run(make(false), &[1; 17], 17).unwrap_err();
        assert_eq!(cut.code(), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }

    #[test]
    fn a_narrow_counter_wraps_in_its_own_bits_and_never_repeats() {
        let mut counter = Counter::new(key(), [0xff; 16], 8, true);
        counter.next_block().unwrap();
        assert_eq!(counter.block[15], 0);
        assert_eq!(counter.block[14], 0xff);
        let refusal = run(Box::new(counter), &[0; 257 * 16], 4096).unwrap_err();
        assert_eq!(refusal.code(), CKR_DATA_LEN_RANGE);
    }
}
