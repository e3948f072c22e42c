//! Block ciphers and their modes: [PKCS11-Base 3.2] sections 6.10 to 6.16, 6.18, 6.19, 6.45 to
//! 6.47 and 6.49, and DES, CAST-128 and IDEA of the historical ones. This file owns which ciphers there are and
//! how a mode is run with the one that a key belongs to; `table` the mechanisms, the other files
//! one kind of mode each. Key generation is in `secret`.

mod ccm;
mod chain;
mod counter;
mod family;
mod feedback;
mod gcm;
mod keywrap;
mod mac;
mod rc2;
mod stealing;
mod table;

use aes::{Aes128, Aes192, Aes256};
use aria::{Aria128, Aria192, Aria256};
use blowfish::Blowfish;
use camellia::{Camellia128, Camellia192, Camellia256};
use cast5::Cast5;
use cipher::consts::U16;
use cipher::typenum::Unsigned;
use cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use cmac::block_api::CmacCipher;
use cryptoki_sys::*;
use des::{Des, TdesEde2, TdesEde3};
use idea::Idea;
use twofish::Twofish;

use super::aead::Aead;
use crate::rv::{Result, refusal, refuse};

pub(super) use family::BlockCiphers;
pub(super) use feedback::{Stream, Streaming};
pub(super) use rc2::Rc2s;

/// A block cipher with its key schedule: what modes are generic over. The crates of the modes work
/// on references to one, so that a state is the cipher and a few plain values and can be copied.
pub(super) trait Cipher:
    BlockCipherDecrypt + CmacCipher + KeyInit + Clone + Send + Sync + 'static
{
}

impl<C> Cipher for C where
    C: BlockCipherDecrypt + CmacCipher + KeyInit + Clone + Send + Sync + 'static
{
}

/// A cipher with blocks of 128 bits, which is what many modes are defined for. (It is a `Cipher`
/// too, but the compiler cannot see that two ways of naming a block's size agree.)
pub(super) trait Cipher128:
    BlockSizeUser<BlockSize = U16>
    + BlockCipherEncrypt
    + BlockCipherDecrypt
    + KeyInit
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<C> Cipher128 for C where
    C: BlockSizeUser<BlockSize = U16>
        + BlockCipherEncrypt
        + BlockCipherDecrypt
        + KeyInit
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Bytes in a block.
const fn size<C: Cipher>() -> usize {
    C::BlockSize::USIZE
}

/// A 128-bit block as the modes of such ciphers keep it.
type Block128 = [u8; 16];

/// Something to do with a cipher of any kind.
pub(super) trait Job {
    type Output;
    fn run<C: Cipher>(self, cipher: C) -> Result<Self::Output>;
}

/// Something to do with a cipher of 128-bit blocks.
pub(super) trait Job128 {
    type Output;
    fn run<C: Cipher128>(self, cipher: C) -> Result<Self::Output>;
}

/// The kinds of block cipher. Lengths of key choose the member of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Aes,
    Aria,
    Blowfish,
    Camellia,
    /// CAST-128, also called CAST5.
    Cast128,
    /// Single, double or triple length.
    Des,
    Idea,
    Twofish,
}

/// The schedule of a key; CKR_KEY_SIZE_RANGE if it is not one of the cipher.
fn schedule<C: KeyInit>(key: &[u8]) -> Result<C> {
    C::new_from_slice(key).map_err(|_| refusal(CKR_KEY_SIZE_RANGE))
}

/// Runs a job with the cipher of `kind` under `key`.
pub(super) fn with<J: Job>(kind: Kind, key: &[u8], job: J) -> Result<J::Output> {
    match (kind, key.len()) {
        (Kind::Aes, 16) => job.run(schedule::<Aes128>(key)?),
        (Kind::Aes, 24) => job.run(schedule::<Aes192>(key)?),
        (Kind::Aes, 32) => job.run(schedule::<Aes256>(key)?),
        (Kind::Aria, 16) => job.run(schedule::<Aria128>(key)?),
        (Kind::Aria, 24) => job.run(schedule::<Aria192>(key)?),
        (Kind::Aria, 32) => job.run(schedule::<Aria256>(key)?),
        (Kind::Blowfish, _) => job.run(schedule::<Blowfish>(key)?),
        (Kind::Camellia, 16) => job.run(schedule::<Camellia128>(key)?),
        (Kind::Camellia, 24) => job.run(schedule::<Camellia192>(key)?),
        (Kind::Camellia, 32) => job.run(schedule::<Camellia256>(key)?),
        (Kind::Cast128, _) => job.run(schedule::<Cast5>(key)?),
        (Kind::Des, 8) => job.run(schedule::<Des>(key)?),
        // Section 6.18.5: a double-length key is a triple-length one whose third part is its first.
        (Kind::Des, 16) => job.run(schedule::<TdesEde2>(key)?),
        (Kind::Des, 24) => job.run(schedule::<TdesEde3>(key)?),
        (Kind::Idea, _) => job.run(schedule::<Idea>(key)?),
        (Kind::Twofish, _) => job.run(schedule::<Twofish>(key)?),
        _ => refuse(CKR_KEY_SIZE_RANGE),
    }
}

/// Runs a job with AES.
pub(super) fn with_aes<J: Job128>(key: &[u8], job: J) -> Result<J::Output> {
    match key.len() {
        16 => job.run(schedule::<Aes128>(key)?),
        24 => job.run(schedule::<Aes192>(key)?),
        32 => job.run(schedule::<Aes256>(key)?),
        _ => refuse(CKR_KEY_SIZE_RANGE),
    }
}

/// Runs a job with Camellia.
fn with_camellia<J: Job128>(key: &[u8], job: J) -> Result<J::Output> {
    match key.len() {
        16 => job.run(schedule::<Camellia128>(key)?),
        24 => job.run(schedule::<Camellia192>(key)?),
        32 => job.run(schedule::<Camellia256>(key)?),
        _ => refuse(CKR_KEY_SIZE_RANGE),
    }
}

/// The encryption of a block of zeros: section 4.11 has a check value begin with it.
pub(super) fn zero_block(kind: Kind, key: &[u8]) -> Result<Vec<u8>> {
    struct ZeroBlock;
    impl Job for ZeroBlock {
        type Output = Vec<u8>;
        fn run<C: Cipher>(self, cipher: C) -> Result<Vec<u8>> {
            let mut block = Block::<C>::default();
            cipher.encrypt_block(&mut block);
            Ok(block.to_vec())
        }
    }
    with(kind, key, ZeroBlock)
}

/// AES in an authenticated mode, ready for messages; None for any other mechanism.
pub(super) fn aead(mechanism: CK_MECHANISM_TYPE, key: &[u8]) -> Option<Result<Box<dyn Aead>>> {
    struct Gcm;
    impl Job128 for Gcm {
        type Output = Box<dyn Aead>;
        fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Aead>> {
            Ok(Box::new(gcm::Key::new(cipher)))
        }
    }
    struct Ccm;
    impl Job128 for Ccm {
        type Output = Box<dyn Aead>;
        fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Aead>> {
            Ok(Box::new(ccm::Key::new(cipher)))
        }
    }
    match mechanism {
        CKM_AES_GCM => Some(with_aes(key, Gcm)),
        CKM_AES_CCM => Some(with_aes(key, Ccm)),
        _ => None,
    }
}

/// Input that cannot be processed yet, at most two blocks of 128 bits.
#[derive(Clone, Default)]
struct Pending {
    bytes: [u8; 32],
    filled: usize,
}

impl Pending {
    /// The first `ready` bytes of what is pending and `data`; the rest, which must fit, stays.
    fn take(&mut self, data: &[u8], ready: usize) -> Vec<u8> {
        let mut taken = Vec::with_capacity(ready);
        let held = ready.min(self.filled);
        taken.extend_from_slice(&self.bytes[..held]);
        self.bytes.copy_within(held..self.filled, 0);
        self.filled -= held;
        let (now, later) = data.split_at(ready - held);
        taken.extend_from_slice(now);
        self.bytes[self.filled..self.filled + later.len()].copy_from_slice(later);
        self.filled += later.len();
        taken
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

/// What an input of a length that the mode does not take is called in each direction.
fn length_code(encrypting: bool) -> CK_RV {
    match encrypting {
        true => CKR_DATA_LEN_RANGE,
        false => CKR_ENCRYPTED_DATA_LEN_RANGE,
    }
}

#[cfg(test)]
mod tests;
