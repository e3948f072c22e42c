//! MACs of block ciphers: CBC-MAC (FIPS 113, `cbc-mac` crate), CMAC (SP 800-38B, `cmac` crate) and
//! XCBC-MAC (RFC 3566, over CBC-MAC). GMAC is in `gcm`.

use cbc_mac::{CbcMac, Mac};
use cipher::KeyInit;
use cipher::array::Array;
use cipher::common::InnerInit;
use cmac::Cmac;
use cryptoki_sys::*;

use super::{Block128, Cipher, Job};
use crate::mechanisms::hash::{Macer, Running};
use crate::rv::{Result, refusal};

/// The MACs that every block cipher can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    CbcMac,
    Cmac,
}

impl Job for Algorithm {
    type Output = Box<dyn Running>;
    fn run<C: Cipher>(self, cipher: C) -> Result<Box<dyn Running>> {
        Ok(match self {
            Algorithm::CbcMac => Box::new(Macer(CbcMac::inner_init(cipher))),
            Algorithm::Cmac => Box::new(Macer(Cmac::inner_init(cipher))),
        })
    }
}

/// A running XCBC-MAC: the last block waits for its end to be known.
#[derive(Clone)]
pub(super) struct Xcbc {
    chain: CbcMac<aes::Aes128>,
    last: Block128,
    filled: usize,
    /// K2, for a last block that is whole, and K3, for one that is padded.
    whole: Block128,
    padded: Block128,
}

const SIZE: usize = size_of::<Block128>();

impl Xcbc {
    /// RFC 3566 section 4 has keys of 128 bits only.
    pub(super) fn new(key: &[u8]) -> Result<Xcbc> {
        let cipher = aes::Aes128::new_from_slice(key).map_err(|_| refusal(CKR_KEY_SIZE_RANGE))?;
        let derived = |constant: u8| -> Block128 {
            let mut block = Array::from([constant; SIZE]);
            cipher::BlockCipherEncrypt::encrypt_block(&cipher, &mut block);
            block.into()
        };
        Ok(Xcbc {
            chain: CbcMac::new(&derived(1).into()),
            last: [0; SIZE],
            filled: 0,
            whole: derived(2),
            padded: derived(3),
        })
    }
}

impl Running for Xcbc {
    fn update(&mut self, data: &[u8]) {
        let free = SIZE - self.filled;
        if data.len() <= free {
            self.last[self.filled..self.filled + data.len()].copy_from_slice(data);
            self.filled += data.len();
            return;
        }
        let (head, data) = data.split_at(free);
        self.last[self.filled..].copy_from_slice(head);
        self.chain.update(&self.last);
        // At least one byte is left, and the last block of it stays.
        let (blocks, last) = data.split_at((data.len() - 1) / SIZE * SIZE);
        self.chain.update(blocks);
        self.last[..last.len()].copy_from_slice(last);
        self.filled = last.len();
    }

    fn finish(mut self: Box<Self>) -> Vec<u8> {
        let key = match self.filled == SIZE {
            true => self.whole,
            false => {
                self.last[self.filled..].fill(0);
                self.last[self.filled] = 0x80;
                self.padded
            }
        };
        self.last
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        self.chain.update(&self.last);
        self.chain.finalize().into_bytes().to_vec()
    }

    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(self.clone())
    }
}
