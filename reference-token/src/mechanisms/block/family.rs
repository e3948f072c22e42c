//! The family of the mechanisms of block ciphers: from a row of `table`, a parameter and a key to
//! what runs.

use std::sync::LazyLock;

use cryptoki_sys::*;

use super::chain::{Blocks, vector};
use super::counter::Counter;
use super::feedback::{Cfb, Cfb1, Cfb8, Fed, Narrow, Ofb, Stream, Streaming};
use super::mac::{Algorithm, Xcbc};
use super::stealing::{Cts, Stolen, Xts};
use super::table::{Cut, Mode, ROWS, Row};
use super::{Block128, Cipher, Cipher128, Job, Job128, Kind, gcm, keywrap};
use super::{size, with, with_aes, with_camellia};
use crate::attributes::Attributes;
use crate::mechanisms::aead::{Sealing, Start, aead};
use crate::mechanisms::hash::Running;
use crate::mechanisms::mac::Mac;
use crate::mechanisms::{Ciphering, Entry, Family, Mechanism, Parameter, Signing, Verifying};
use crate::rv::{Result, ensure, refusal, refuse};

/// The mechanisms of block ciphers.
pub(in crate::mechanisms) struct BlockCiphers;

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| ROWS.iter().map(Row::entry).collect());

fn find(mechanism: &Mechanism) -> Result<&'static Row> {
    ROWS.iter()
        .find(|row| row.mechanism == mechanism.kind)
        .ok_or(refusal(CKR_MECHANISM_INVALID))
}

fn boxed(stream: impl Stream) -> Result<Box<dyn Ciphering>> {
    Ok(Box::new(Streaming(stream)))
}

/// A mode that is defined for every block cipher.
struct General<'a> {
    mode: Mode,
    parameter: &'a Parameter,
    encrypting: bool,
}

impl Job for General<'_> {
    type Output = Box<dyn Ciphering>;

    fn run<C: Cipher>(self, cipher: C) -> Result<Box<dyn Ciphering>> {
        let encrypting = self.encrypting;
        let Parameter::Bytes(bytes) = self.parameter else {
            ensure(self.mode == Mode::Ecb, CKR_MECHANISM_PARAM_INVALID)?;
            return Ok(Box::new(Blocks::ecb(cipher, encrypting)));
        };
        let iv = vector::<C>(bytes)?;
        match self.mode {
            Mode::Cbc(padding) => Ok(Box::new(Blocks::cbc(cipher, iv, padding, encrypting))),
            Mode::Ofb => boxed(Ofb::new(cipher, iv)),
            Mode::Ofb8 => boxed(Narrow::new(cipher, iv, 1, Fed::Output)),
            Mode::Cfb1 => boxed(Cfb1::new(cipher, iv, encrypting)),
            Mode::Cfb(1) => boxed(Cfb8::new(cipher, iv, encrypting)),
            Mode::Cfb(width) if width == size::<C>() => boxed(Cfb::new(cipher, iv, encrypting)),
            Mode::Cfb(width) => boxed(Narrow::new(
                cipher,
                iv,
                width,
                Fed::Ciphertext { encrypting },
            )),
            _ => refuse(CKR_MECHANISM_INVALID),
        }
    }
}

/// CTR.
struct Counting {
    block: Block128,
    bits: u32,
    encrypting: bool,
}

impl Job128 for Counting {
    type Output = Box<dyn Ciphering>;
    fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Ciphering>> {
        boxed(Counter::new(cipher, self.block, self.bits, self.encrypting))
    }
}

/// CBC with ciphertext stealing.
struct Stealing {
    iv: Block128,
    encrypting: bool,
}

impl Job128 for Stealing {
    type Output = Box<dyn Ciphering>;
    fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Ciphering>> {
        let mode = Cts::new(cipher, self.iv, self.encrypting);
        Ok(Box::new(Stolen::new(mode, self.encrypting)))
    }
}

/// XTS, begun with the second half of its key: with its first half it is complete.
struct Tweaking<'a> {
    data_key: &'a [u8],
    unit: Block128,
    encrypting: bool,
}

impl Job128 for Tweaking<'_> {
    type Output = Box<dyn Ciphering>;
    fn run<C: Cipher128>(self, tweaking: C) -> Result<Box<dyn Ciphering>> {
        let data = C::new_from_slice(self.data_key).map_err(|_| refusal(CKR_KEY_SIZE_RANGE))?;
        let mode = Xts::new(data, tweaking, self.unit, self.encrypting);
        Ok(Box::new(Stolen::new(mode, self.encrypting)))
    }
}

/// AES key wrap.
struct Wrapping {
    padding: keywrap::Padding,
    initial: [u8; 8],
    encrypting: bool,
}

impl Job128 for Wrapping {
    type Output = Box<dyn Ciphering>;
    fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Ciphering>> {
        let wrap = keywrap::KeyWrap::new(cipher, self.padding, self.initial, self.encrypting);
        Ok(Box::new(wrap))
    }
}

/// GMAC in full length.
struct Gmac<'a> {
    iv: &'a [u8],
}

impl Job128 for Gmac<'_> {
    type Output = Box<dyn Running>;
    fn run<C: Cipher128>(self, cipher: C) -> Result<Box<dyn Running>> {
        Ok(Box::new(gcm::Key::new(cipher).gmac(self.iv)?))
    }
}

/// Bytes of a tag of so many bits; section 6.13.7.2 allows 0 to 128, here in whole bytes.
fn tag_bytes(bits: CK_ULONG) -> Result<usize> {
    let sound = bits <= 128 && bits.is_multiple_of(8);
    ensure(sound, CKR_MECHANISM_PARAM_INVALID)?;
    Ok(bits as usize / 8)
}

/// What an authenticated mode begins with.
fn start(parameter: &Parameter, encrypting: bool) -> Result<Start<'_>> {
    match parameter {
        Parameter::Gcm { iv, aad, tag_bits } => Ok(Start {
            encrypting,
            nonce: iv,
            aad,
            tag_length: tag_bytes(*tag_bits)?,
            data_length: 0,
        }),
        Parameter::Ccm {
            data_length,
            nonce,
            aad,
            mac_length,
        } => Ok(Start {
            encrypting,
            nonce,
            aad,
            tag_length: usize::try_from(*mac_length)
                .map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?,
            data_length: *data_length,
        }),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// Section 6.11.2: a counter of 1 to 128 bits.
fn counting(parameter: &Parameter, encrypting: bool) -> Result<Counting> {
    let Parameter::Ctr { bits, block } = parameter else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    ensure((1..=128).contains(bits), CKR_MECHANISM_PARAM_INVALID)?;
    Ok(Counting {
        block: *block,
        bits: *bits as u32,
        encrypting,
    })
}

/// A parameter that is a block.
fn block_of(mechanism: &Mechanism) -> Result<Block128> {
    let block = mechanism.bytes()?.try_into();
    block.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

fn xts(mechanism: &Mechanism, key: &[u8], encrypting: bool) -> Result<Box<dyn Ciphering>> {
    let unit = block_of(mechanism)?;
    ensure([32, 64].contains(&key.len()), CKR_KEY_SIZE_RANGE)?;
    let (data_key, tweak_key) = key.split_at(key.len() / 2);
    let job = Tweaking {
        data_key,
        unit,
        encrypting,
    };
    with_aes(tweak_key, job)
}

fn cipher(mechanism: &Mechanism, key: &Attributes, encrypting: bool) -> Result<Box<dyn Ciphering>> {
    let row = find(mechanism)?;
    let key = key.bytes(CKA_VALUE);
    let parameter = &mechanism.parameter;
    match row.mode {
        Mode::Ctr if row.cipher.kind == Kind::Camellia => {
            with_camellia(key, counting(parameter, encrypting)?)
        }
        Mode::Ctr => with_aes(key, counting(parameter, encrypting)?),
        Mode::Cts => {
            let iv = block_of(mechanism)?;
            with_aes(key, Stealing { iv, encrypting })
        }
        Mode::Xts => xts(mechanism, key, encrypting),
        Mode::Aead(_) => {
            let start = start(parameter, encrypting)?;
            Sealing::begin(&*aead(mechanism.kind, key)?, &start)
        }
        Mode::KeyWrap(padding, _) => {
            let given = match parameter {
                Parameter::Bytes(bytes) => bytes.as_slice(),
                _ => &[],
            };
            let initial = keywrap::initial(padding, given)?;
            let job = Wrapping {
                padding,
                initial,
                encrypting,
            };
            with_aes(key, job)
        }
        mode => {
            let job = General {
                mode,
                parameter,
                encrypting,
            };
            with(row.cipher.kind, key, job)
        }
    }
}

fn mac(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    let row = find(mechanism)?;
    let key = key.bytes(CKA_VALUE);
    let (running, cut) = match row.mode {
        Mode::CbcMac(cut) => (with(row.cipher.kind, key, Algorithm::CbcMac)?, cut),
        Mode::Cmac(cut) => (with(row.cipher.kind, key, Algorithm::Cmac)?, cut),
        Mode::Xcbc(cut) => (Box::new(Xcbc::new(key)?) as Box<dyn Running>, cut),
        Mode::Gmac => return gmac(mechanism, key),
        _ => return refuse(CKR_MECHANISM_INVALID),
    };
    match cut {
        Cut::To(length) => Ok(Mac::new(running, length)),
        Cut::Asked => Mac::asked(running, mechanism, row.cipher.block),
    }
}

/// Section 6.13.6: the data of the operation is what GCM has as additional data, so a parameter
/// that brings some of its own contradicts it.
fn gmac(mechanism: &Mechanism, key: &[u8]) -> Result<Mac> {
    let start = start(&mechanism.parameter, true)?;
    ensure(start.aad.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
    let running = with_aes(key, Gmac { iv: start.nonce })?;
    Ok(Mac::new(running, start.tag_length))
}

impl Family for BlockCiphers {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn encrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, true)
    }

    fn decrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        cipher(mechanism, key, false)
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(mac(mechanism, key)?))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(mac(mechanism, key)?))
    }

    fn wrap_block(&self, mechanism: &Mechanism) -> usize {
        find(mechanism).map_or(1, Row::wrap_block)
    }
}
