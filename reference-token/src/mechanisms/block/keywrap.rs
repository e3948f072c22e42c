//! AES key wrap: section 6.16 and NIST SP 800-38F. The `aes-kw` crate fixes the initial value,
//! which Cryptoki lets the application choose, so the wrapping function itself is here, over the
//! block cipher, with the paddings that the mechanisms put before it.

use cipher::array::Array;
use cipher::consts::U16;
use cryptoki_sys::*;

use super::Cipher128;
use super::chain::unpad;
use crate::mechanisms::Ciphering;
use crate::rv::{Result, ensure, refusal};

/// A semiblock of SP 800-38F.
type Half = [u8; 8];
type Block = Array<u8, U16>;
const HALF: usize = size_of::<Half>();

/// What comes before the wrapping function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// CKM_AES_KEY_WRAP: none, for whole semiblocks.
    None,
    /// CKM_AES_KEY_WRAP_PKCS7: that of PKCS #7 to a whole semiblock.
    Pkcs7,
    /// CKM_AES_KEY_WRAP_KWP: zeros, and the length in the initial value.
    Zeros,
}

/// The initial value: SP 800-38F sections 6.2 and 6.3, or what the application gives.
pub(super) fn initial(padding: Padding, given: &[u8]) -> Result<Half> {
    let mut value = [0xa6; HALF];
    let (place, default): (&mut [u8], &[u8]) = match padding {
        Padding::Zeros => (&mut value[..4], &[0xa6, 0x59, 0x59, 0xa6]),
        _ => (&mut value[..], &[0xa6; HALF]),
    };
    let given = if given.is_empty() { default } else { given };
    ensure(given.len() == place.len(), CKR_MECHANISM_PARAM_INVALID)?;
    place.copy_from_slice(given);
    Ok(value)
}

/// A running wrapping or unwrapping, in one part only.
#[derive(Clone)]
pub(super) struct KeyWrap<C> {
    cipher: C,
    padding: Padding,
    initial: Half,
    encrypting: bool,
    input: Vec<u8>,
}

impl<C: Cipher128> KeyWrap<C> {
    pub(super) fn new(cipher: C, padding: Padding, initial: Half, encrypting: bool) -> KeyWrap<C> {
        KeyWrap {
            cipher,
            padding,
            initial,
            encrypting,
            input: Vec::new(),
        }
    }

    fn wrap(mut self) -> Result<Vec<u8>> {
        let length = self.input.len();
        let mut initial = self.initial;
        match self.padding {
            Padding::None => ensure(length.is_multiple_of(HALF), CKR_DATA_LEN_RANGE)?,
            Padding::Pkcs7 => {
                let missing = HALF - length % HALF;
                self.input.resize(length + missing, missing as u8);
            }
            Padding::Zeros => {
                let number = u32::try_from(length).map_err(|_| refusal(CKR_DATA_LEN_RANGE))?;
                ensure(number > 0, CKR_DATA_LEN_RANGE)?;
                initial[4..].copy_from_slice(&number.to_be_bytes());
                self.input.resize(length.next_multiple_of(HALF), filler());
            }
        }
        let mut wrapped = initial.to_vec();
        wrapped.append(&mut self.input);
        if self.padding == Padding::Zeros && wrapped.len() == 2 * HALF {
            self.cipher.encrypt_block(as_block(&mut wrapped)?);
            return Ok(wrapped);
        }
        // The function is defined from three semiblocks on, the initial value being one.
        ensure(wrapped.len() >= 3 * HALF, CKR_DATA_LEN_RANGE)?;
        wrapping(&mut wrapped, |block| self.cipher.encrypt_block(block));
        Ok(wrapped)
    }

    fn unwrap(mut self) -> Result<Vec<u8>> {
        let mut input = std::mem::take(&mut self.input);
        let fewest = if self.padding == Padding::Zeros { 2 } else { 3 };
        let sound = input.len().is_multiple_of(HALF) && input.len() >= fewest * HALF;
        ensure(sound, CKR_ENCRYPTED_DATA_LEN_RANGE)?;
        if input.len() == 2 * HALF {
            self.cipher.decrypt_block(as_block(&mut input)?);
        } else {
            unwrapping(&mut input, |block| self.cipher.decrypt_block(block));
        }
        let mut data = input.split_off(HALF);
        let known = if self.padding == Padding::Zeros {
            4
        } else {
            HALF
        };
        ensure(
            input[..known] == self.initial[..known],
            CKR_ENCRYPTED_DATA_INVALID,
        )?;
        match self.padding {
            Padding::None => {}
            Padding::Pkcs7 => unpad(&mut data, HALF)?,
            Padding::Zeros => cut(&mut data, &input[known..])?,
        }
        Ok(data)
    }
}

/// SP 800-38F section 6.3, steps 7 to 12: the length must fill the last semiblock, up to zeros.
fn cut(data: &mut Vec<u8>, length: &[u8]) -> Result<()> {
    let length = length
        .iter()
        .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    let fits = length > 0 && length.checked_next_multiple_of(HALF) == Some(data.len());
    ensure(fits, CKR_ENCRYPTED_DATA_INVALID)?;
    let filled = data.split_off(length);
    ensure(
        filled.iter().all(|byte| *byte == filler()),
        CKR_ENCRYPTED_DATA_INVALID,
    )
}

/// What fills the last semiblock.
fn filler() -> u8 {
    match mutant!("kwp-filled-with-ones") {
        true => 0xff,
        false => 0,
    }
}

fn as_block(data: &mut [u8]) -> Result<&mut Block> {
    data.try_into().map_err(|_| refusal(CKR_GENERAL_ERROR))
}

/// W of SP 800-38F section 6.1 in the indexing of RFC 3394 section 2.2.1: the first semiblock is
/// the register, each other one is combined with it six times.
fn wrapping(data: &mut [u8], encrypt: impl Fn(&mut Block)) {
    let (register, rest) = data.split_at_mut(HALF);
    let (halves, _) = rest.as_chunks_mut::<HALF>();
    let mut count = 0u64;
    for _ in 0..6 {
        for half in halves.iter_mut() {
            count += 1;
            let mut block = [0; 2 * HALF];
            block[..HALF].copy_from_slice(register);
            block[HALF..].copy_from_slice(half);
            let mut block = Block::from(block);
            encrypt(&mut block);
            half.copy_from_slice(&block[HALF..]);
            register.copy_from_slice(&block[..HALF]);
            combine(register, count);
        }
    }
}

/// The inverse of `wrapping`.
fn unwrapping(data: &mut [u8], decrypt: impl Fn(&mut Block)) {
    let (register, rest) = data.split_at_mut(HALF);
    let (halves, _) = rest.as_chunks_mut::<HALF>();
    let mut count = 6 * halves.len() as u64;
    for _ in 0..6 {
        for half in halves.iter_mut().rev() {
            combine(register, count);
            count -= 1;
            let mut block = [0; 2 * HALF];
            block[..HALF].copy_from_slice(register);
            block[HALF..].copy_from_slice(half);
            let mut block = Block::from(block);
            decrypt(&mut block);
            half.copy_from_slice(&block[HALF..]);
            register.copy_from_slice(&block[..HALF]);
        }
    }
}

fn combine(register: &mut [u8], count: u64) {
    register
        .iter_mut()
        .zip(count.to_be_bytes())
        .for_each(|(byte, count)| *byte ^= count);
}

impl<C: Cipher128> Ciphering for KeyWrap<C> {
    /// Section 6.16.3: single-part operations only.
    fn is_multipart(&self) -> bool {
        false
    }
    fn bound(&self, length: usize) -> usize {
        let length = self.input.len().saturating_add(length);
        let whole = match self.padding {
            Padding::None => length,
            Padding::Pkcs7 => length - length % HALF + HALF,
            Padding::Zeros => length.next_multiple_of(HALF),
        };
        match self.encrypting {
            true => whole + HALF,
            false => length.saturating_sub(HALF),
        }
    }
    fn update_length(&self, _: usize) -> usize {
        0
    }
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        self.input.extend_from_slice(data);
        Ok(Vec::new())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        if self.encrypting {
            self.wrap()
        } else {
            self.unwrap()
        }
    }
    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}
