//! CCM: RFC 3610. The `ccm` crate has the lengths of nonce and tag in its types and takes whole
//! messages; here they come at run time, and data in chunks, over the `cbc-mac` crate and the key
//! stream of `counter`.

use cbc_mac::{CbcMac, Mac};
use cipher::array::Array;
use cipher::common::InnerInit;
use cryptoki_sys::*;

use super::counter::KeyStream;
use super::{Block128, Cipher128, length_code};
use crate::mechanisms::aead::{Aead, Message, Start};
use crate::rv::{Result, ensure};

const SIZE: usize = size_of::<Block128>();

/// A key.
pub(super) struct Key<C>(C);

impl<C> Key<C> {
    pub(super) fn new(cipher: C) -> Key<C> {
        Key(cipher)
    }
}

/// Section 6.13.7.5: nonces of 7 to 13 bytes, tags of 4 to 16 in steps of two, and as much data as
/// the bytes that the nonce leaves can number.
fn check(start: &Start) -> Result<()> {
    let tag = (4..=SIZE).contains(&start.tag_length) && start.tag_length.is_multiple_of(2);
    let nonce = (7..=13).contains(&start.nonce.len());
    let aad = u32::try_from(start.aad.len()).is_ok();
    ensure(tag && nonce && aad, CKR_MECHANISM_PARAM_INVALID)?;
    let bits = 8 * (15 - start.nonce.len()) as u32;
    let numbered = start.data_length.checked_shr(bits).unwrap_or(0) == 0;
    ensure(numbered, CKR_MECHANISM_PARAM_INVALID)
}

/// RFC 3610 sections 2.2 and 2.3: flags, nonce, and in the bytes that are left a number.
fn block(flags: u8, nonce: &[u8], number: u64) -> Block128 {
    let mut block = u128::from(number).to_be_bytes();
    block[0] = flags;
    block[1..=nonce.len()].copy_from_slice(nonce);
    block
}

/// RFC 3610 section 2.2: the length of additional data, before it.
fn aad_header(length: usize) -> Vec<u8> {
    match (u16::try_from(length), u32::try_from(length)) {
        (Ok(short), _) if short < 0xff00 => short.to_be_bytes().to_vec(),
        (_, Ok(medium)) => [&[0xff, 0xfe][..], &medium.to_be_bytes()].concat(),
        _ => [&[0xff, 0xff][..], &(length as u64).to_be_bytes()].concat(),
    }
}

impl<C: Cipher128> Aead for Key<C> {
    fn start(&self, start: &Start) -> Result<Box<dyn Message>> {
        check(start)?;
        let counting = 14 - start.nonce.len() as u8;
        let has_aad = u8::from(!start.aad.is_empty());
        let flags = 64 * has_aad + 8 * ((start.tag_length as u8 - 2) / 2) + counting;
        let mut mac = CbcMac::inner_init(self.0.clone());
        mac.update(&block(flags, start.nonce, start.data_length));
        if has_aad == 1 {
            let header = aad_header(start.aad.len());
            let length = header.len() + start.aad.len();
            mac.update(&header);
            mac.update(start.aad);
            mac.update(&[0; SIZE][..length.next_multiple_of(SIZE) - length]);
        }
        let first = block(counting, start.nonce, 0);
        let mut mask = Array::from(first);
        self.0.encrypt_block(&mut mask);
        let mut stream = KeyStream::wide(self.0.clone(), first);
        stream.skip_block();
        Ok(Box::new(CcmMessage {
            stream,
            mac,
            left: start.data_length,
            mask: mask.into(),
            tag_length: start.tag_length,
            encrypting: start.encrypting,
        }))
    }
}

#[derive(Clone)]
struct CcmMessage<C: Cipher128> {
    stream: KeyStream<C>,
    mac: CbcMac<C>,
    /// Bytes of data that were announced and are not there yet.
    left: u64,
    mask: Block128,
    tag_length: usize,
    encrypting: bool,
}

impl<C: Cipher128> Message for CcmMessage<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<()> {
        let length = data.len() as u64;
        ensure(length <= self.left, length_code(self.encrypting))?;
        self.left -= length;
        if self.encrypting {
            self.mac.update(data);
            self.stream.apply(data);
        } else {
            self.stream.apply(data);
            self.mac.update(data);
        }
        Ok(())
    }

    fn tag(self: Box<Self>) -> Result<Vec<u8>> {
        ensure(self.left == 0, length_code(self.encrypting))?;
        let mac = self.mac.finalize().into_bytes();
        let tag = mac.iter().zip(self.mask).map(|(byte, mask)| byte ^ mask);
        Ok(tag.take(self.tag_length).collect())
    }

    fn duplicate(&self) -> Box<dyn Message> {
        Box::new(self.clone())
    }
}
