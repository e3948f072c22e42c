//! Running RSA operations. Mechanisms that hash take data in parts; the others collect a single
//! part, whose length the padding judges.

use cryptoki_sys::*;

use super::Scheme;
use super::key::{PrivateKey, PublicKey};
use super::padding::{Encoding, Encryption};
use crate::mechanisms::hash::Running;
use crate::mechanisms::{Ciphering, Signing, Verifying};
use crate::rv::{Result, ensure, refusal};

/// Data on its way to the padding: hashed, or as it is.
enum Input {
    Hashed(Box<dyn Running>),
    Whole(Vec<u8>),
}

impl Input {
    fn new(scheme: &Scheme) -> Input {
        match scheme.hash {
            Some(hash) => Input::Hashed(hash.running()),
            None => Input::Whole(Vec::new()),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Input::Hashed(running) => running.update(data),
            Input::Whole(whole) => whole.extend_from_slice(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Input::Hashed(running) => running.finish(),
            Input::Whole(whole) => whole,
        }
    }
}

struct Signature<K> {
    key: K,
    encoding: Encoding,
    input: Input,
}

pub(super) fn sign(scheme: Scheme, key: PrivateKey) -> Result<Box<dyn Signing>> {
    check_size(&scheme, key.public().bits())?;
    let input = Input::new(&scheme);
    Ok(Box::new(Signature {
        key,
        encoding: scheme.encoding,
        input,
    }))
}

pub(super) fn verify(scheme: Scheme, key: PublicKey) -> Result<Box<dyn Verifying>> {
    check_size(&scheme, key.bits())?;
    let input = Input::new(&scheme);
    Ok(Box::new(Signature {
        key,
        encoding: scheme.encoding,
        input,
    }))
}

/// A key too short for the padding of its scheme is known at initialisation already.
fn check_size(scheme: &Scheme, bits: usize) -> Result<()> {
    let needed = match scheme.encoding {
        Encoding::None | Encoding::Pkcs1(None) => 0,
        Encoding::X931(_) => {
            // Section 6.1.13: k is at least 128 and a multiple of 32.
            ensure(bits.is_multiple_of(256), CKR_KEY_SIZE_RANGE)?;
            1024
        }
        Encoding::Pkcs1(Some(hash)) => 8 * (hash.digest_info(&[0; 64][..hash.length()]).len() + 11),
        Encoding::Pss {
            hash, salt_length, ..
        } => {
            let bytes = salt_length.checked_add(hash.length() + 2);
            let bytes = bytes.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
            let most = bits.div_ceil(8);
            ensure(bytes <= most, CKR_MECHANISM_PARAM_INVALID)?;
            8 * bytes - 6
        }
    };
    ensure(bits >= needed, CKR_KEY_SIZE_RANGE)
}

impl Signing for Signature<PrivateKey> {
    fn length(&self) -> usize {
        self.key.public().length()
    }
    fn is_multipart(&self) -> bool {
        matches!(self.input, Input::Hashed(_))
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.input.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let bits = self.key.public().bits();
        let representative = self.encoding.encode(&self.input.finish(), bits)?;
        // Only raw RSA can be given a number at or above the modulus.
        let signature = self
            .key
            .apply(&representative)?
            .ok_or(refusal(CKR_DATA_INVALID))?;
        match self.encoding {
            // ANSI X9.31: of the signature and its complement the smaller.
            Encoding::X931(_) => {
                let complement = self.key.public().complement(&signature);
                Ok(complement.map_or(signature.clone(), |other| other.min(signature)))
            }
            _ => Ok(signature),
        }
    }
}

impl Verifying for Signature<PublicKey> {
    fn is_multipart(&self) -> bool {
        matches!(self.input, Input::Hashed(_))
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.input.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        ensure(
            signature.len() == self.key.length(),
            match mutant!("signature-length-misreported") {
                true => CKR_SIGNATURE_INVALID,
                false => CKR_SIGNATURE_LEN_RANGE,
            },
        )?;
        let representative = self
            .key
            .apply(signature)
            .ok_or(refusal(CKR_SIGNATURE_INVALID))?;
        let input = self.input.finish();
        let longest = match self.encoding {
            Encoding::None => self.key.length(),
            Encoding::Pkcs1(None) => self.key.length() - 11,
            Encoding::Pkcs1(Some(_)) | Encoding::X931(Some(_)) => usize::MAX,
            Encoding::X931(None) => self.key.length() - 2,
            Encoding::Pss { hash, .. } => hash.length(),
        };
        ensure(input.len() <= longest, CKR_DATA_LEN_RANGE)?;
        let bits = self.key.bits();
        let mut matches = self.encoding.verify(&input, &representative, bits);
        if let (false, Encoding::X931(_)) = (matches, self.encoding) {
            let other = self.key.complement(&representative);
            matches = other.is_some_and(|other| self.encoding.verify(&input, &other, bits));
        }
        ensure(matches, CKR_SIGNATURE_INVALID)
    }
}

#[derive(Clone)]
struct Cipher<K> {
    key: K,
    encryption: Encryption,
    input: Vec<u8>,
}

pub(super) fn encrypt(encryption: Encryption, key: PublicKey) -> Result<Box<dyn Ciphering>> {
    ensure(
        encryption.capacity(key.length()).is_some(),
        CKR_KEY_SIZE_RANGE,
    )?;
    Ok(Box::new(Cipher {
        key,
        encryption,
        input: Vec::new(),
    }))
}

pub(super) fn decrypt(encryption: Encryption, key: PrivateKey) -> Result<Box<dyn Ciphering>> {
    ensure(
        encryption.capacity(key.public().length()).is_some(),
        CKR_KEY_SIZE_RANGE,
    )?;
    Ok(Box::new(Cipher {
        key,
        encryption,
        input: Vec::new(),
    }))
}

/// Section 6.1: all RSA ciphers are single-part; what they collect comes out at the end.
macro_rules! single_part {
    () => {
        fn is_multipart(&self) -> bool {
            false
        }
        fn update_length(&self, _: usize) -> usize {
            0
        }
        fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
            self.input.extend_from_slice(data);
            Ok(Vec::new())
        }
        fn duplicate(&self) -> Box<dyn Ciphering> {
            Box::new(self.clone())
        }
    };
}

impl Ciphering for Cipher<PublicKey> {
    single_part!();
    fn bound(&self, _: usize) -> usize {
        self.key.length()
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let representative = self.encryption.encode(&self.input, self.key.length())?;
        self.key
            .apply(&representative)
            .ok_or(refusal(CKR_DATA_INVALID))
    }
}

impl Ciphering for Cipher<PrivateKey> {
    single_part!();
    fn bound(&self, _: usize) -> usize {
        let length = self.key.public().length();
        self.encryption.capacity(length).unwrap_or(length)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let length = self.key.public().length();
        ensure(self.input.len() == length, CKR_ENCRYPTED_DATA_LEN_RANGE)?;
        let representative = self.key.apply(&self.input)?;
        self.encryption
            .decode(&representative.ok_or(refusal(CKR_ENCRYPTED_DATA_INVALID))?)
    }
}
