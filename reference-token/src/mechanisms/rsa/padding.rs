//! The encodings of RFC 8017 sections 7 and 9. Written out here, not taken from a crate: Cryptoki
//! lets the caller combine any hash with any mask generation function and salt length at run time,
//! and asks for an error where the padding of a ciphertext is wrong.

use std::time::Duration;

use crypto_bigint::{Choice, CtAssign, CtEq, CtGt};
use cryptoki_sys::*;

use crate::mechanisms::{Hash, fill_random, random};
use crate::mutants;
use crate::rv::{Result, ensure, refuse};

/// How much longer seeded faults take: longer than a decryption with 2048 bits takes in an unoptimised build, so that it
/// stands out from what other programs take of the machine.
const LINGERING: Duration = Duration::from_millis(30);

/// How data or a digest becomes a message representative to sign.
#[derive(Debug, Clone, Copy)]
pub(super) enum Encoding {
    /// CKM_RSA_X_509: none at all.
    None,
    /// EMSA-PKCS1-v1_5; with a hash, around its DigestInfo.
    Pkcs1(Option<Hash>),
    /// ANSI X9.31; with a trailer that the token adds, or one that the application did.
    X931(Option<[u8; 2]>),
    /// EMSA-PSS.
    Pss {
        hash: Hash,
        mgf: Hash,
        salt_length: usize,
    },
}

/// How data becomes a message representative to encrypt.
#[derive(Debug, Clone)]
pub(super) enum Encryption {
    /// CKM_RSA_X_509: none at all.
    None,
    /// EME-PKCS1-v1_5.
    Pkcs1,
    /// EME-OAEP.
    Oaep {
        hash: Hash,
        mgf: Hash,
        label: Vec<u8>,
    },
}

impl Encoding {
    /// The representative of `input` for a modulus of `bits`.
    pub(super) fn encode(&self, input: &[u8], bits: usize) -> Result<Vec<u8>> {
        let length = bits.div_ceil(8);
        match *self {
            Encoding::None => {
                // Section 6.1.12: shorter data is padded with leading zero bytes.
                ensure(input.len() <= length, CKR_DATA_LEN_RANGE)?;
                Ok([vec![0; length - input.len()], input.to_vec()].concat())
            }
            Encoding::Pkcs1(hash) => {
                let content = hash.map_or(input.to_vec(), |hash| hash.digest_info(input));
                ensure(content.len() + 11 <= length, CKR_DATA_LEN_RANGE)?;
                let filler = vec![0xff; length - content.len() - 3];
                Ok([&[0, 1][..], &filler, &[0], &content].concat())
            }
            Encoding::X931(trailer) => {
                let content = [input, trailer.as_ref().map_or(&[][..], |t| t)].concat();
                ensure(content.len() + 2 <= length, CKR_DATA_LEN_RANGE)?;
                let filler = vec![0xbb; length - content.len() - 2];
                Ok([&[0x6b][..], &filler, &[0xba], &content].concat())
            }
            Encoding::Pss {
                hash,
                mgf,
                salt_length,
            } if mutant!("pss-salt-length-ignored") => {
                pss_encode(input, bits, hash, mgf, &random(salt_length / 2)?)
            }
            Encoding::Pss {
                hash,
                mgf,
                salt_length,
            } => pss_encode(input, bits, hash, mgf, &random(salt_length)?),
        }
    }

    /// Whether `representative` is one of `input`.
    pub(super) fn verify(&self, input: &[u8], representative: &[u8], bits: usize) -> bool {
        match *self {
            Encoding::Pss {
                hash,
                mgf,
                salt_length,
            } => pss_verify(input, representative, bits, hash, mgf, salt_length),
            _ => self
                .encode(input, bits)
                .is_ok_and(|expected| expected == representative),
        }
    }
}

/// RFC 8017 section 9.1.1, from step 2 on: `digest` is mHash.
fn pss_encode(digest: &[u8], bits: usize, hash: Hash, mgf: Hash, salt: &[u8]) -> Result<Vec<u8>> {
    let em_bits = bits - 1;
    let em_length = em_bits.div_ceil(8);
    ensure(digest.len() == hash.length(), CKR_DATA_LEN_RANGE)?;
    ensure(
        em_length >= hash.length() + salt.len() + 2,
        CKR_DATA_LEN_RANGE,
    )?;
    let h = hash.digest(&[&[0; 8], digest, salt]);
    let zeros = vec![0; em_length - salt.len() - h.len() - 2];
    let mut masked = [&zeros[..], &[1], salt].concat();
    mask(&mut masked, &h, mgf);
    masked[0] &= 0xff >> (8 * em_length - em_bits);
    let encoded = [&masked[..], &h, &[0xbc]].concat();
    Ok([vec![0; bits.div_ceil(8) - em_length], encoded].concat())
}

/// RFC 8017 section 9.1.2, from step 2 on.
fn pss_verify(
    digest: &[u8],
    representative: &[u8],
    bits: usize,
    hash: Hash,
    mgf: Hash,
    salt_length: usize,
) -> bool {
    let em_bits = bits - 1;
    let em_length = em_bits.div_ceil(8);
    let (lead, encoded) = representative.split_at(representative.len() - em_length);
    let fits = salt_length
        .checked_add(hash.length() + 2)
        .is_some_and(|needed| needed <= em_length);
    if !fits || digest.len() != hash.length() || lead.iter().any(|byte| *byte != 0) {
        return false;
    }
    let (masked, rest) = encoded.split_at(em_length - hash.length() - 1);
    let (h, trailer) = rest.split_at(hash.length());
    let unused = 0xff >> (8 * em_length - em_bits);
    if trailer != [0xbc] || masked[0] & !unused != 0 {
        return false;
    }
    let mut block = masked.to_vec();
    mask(&mut block, h, mgf);
    block[0] &= unused;
    let (padding, salt) = block.split_at(block.len() - salt_length);
    let (one, zeros) = padding.split_last().expect("the length was checked above");
    *one == 1 && zeros.iter().all(|byte| *byte == 0) && hash.digest(&[&[0; 8], digest, salt]) == h
}

/// MGF1 of RFC 8017 appendix B.2.1, combined into `target`.
fn mask(target: &mut [u8], seed: &[u8], mgf: Hash) {
    for (counter, chunk) in target.chunks_mut(mgf.length()).enumerate() {
        let block = mgf.digest(&[seed, &(counter as u32).to_be_bytes()]);
        for (byte, mask) in chunk.iter_mut().zip(block) {
            *byte ^= mask;
        }
    }
}

impl Encryption {
    /// Most bytes of message for a modulus of `length` bytes; None if even none fit.
    pub(super) fn capacity(&self, length: usize) -> Option<usize> {
        match self {
            Encryption::None => Some(length),
            Encryption::Pkcs1 => length.checked_sub(11),
            Encryption::Oaep { hash, .. } => length.checked_sub(2 * hash.length() + 2),
        }
    }

    /// The representative of `message`.
    pub(super) fn encode(&self, message: &[u8], length: usize) -> Result<Vec<u8>> {
        let fits = self
            .capacity(length)
            .is_some_and(|most| message.len() <= most);
        ensure(fits, CKR_DATA_LEN_RANGE)?;
        match self {
            Encryption::None => Ok([vec![0; length - message.len()], message.to_vec()].concat()),
            Encryption::Pkcs1 => {
                let filler = nonzero(length - message.len() - 3)?;
                Ok([&[0, 2][..], &filler, &[0], message].concat())
            }
            Encryption::Oaep { hash, mgf, label } => {
                let zeros = vec![0; length - message.len() - 2 * hash.length() - 2];
                let digest = hash.digest(&[label]);
                let mut block = [&digest[..], &zeros, &[1], message].concat();
                let mut seed = random(hash.length())?;
                mask(&mut block, &seed, *mgf);
                mask(&mut seed, &block, *mgf);
                Ok([&[0][..], &seed, &block].concat())
            }
        }
    }

    /// The message in `representative`; CKR_ENCRYPTED_DATA_INVALID if the padding is wrong.
    pub(super) fn decode(&self, representative: &[u8]) -> Result<Vec<u8>> {
        match self {
            Encryption::None => Ok(representative.to_vec()),
            Encryption::Pkcs1 if mutant!("rsa-padding-oracle") => match representative {
                [0, 2, ..] => pkcs1_decode(representative, CKR_ENCRYPTED_DATA_LEN_RANGE),
                _ => refuse(CKR_ENCRYPTED_DATA_INVALID),
            },
            Encryption::Pkcs1 => pkcs1_decode(representative, CKR_ENCRYPTED_DATA_INVALID),
            Encryption::Oaep { hash, mgf, label } => {
                oaep_decode(representative, *hash, *mgf, label)
            }
        }
    }
}

/// RFC 8017 section 7.2.2, step 3; `code` whatever is wrong. All bytes are looked at, without a branch
/// on any of them, before it is told whether there is a message and how long it is.
fn pkcs1_decode(representative: &[u8], code: CK_RV) -> Result<Vec<u8>> {
    ensure(representative.len() >= 11, code)?;
    let (mut ended, mut end) = (Choice::FALSE, 0u32);
    for (index, byte) in (0u32..).zip(representative).skip(2) {
        let here = byte.ct_eq(&0u8) & !ended;
        end.ct_assign(&index, here);
        ended |= here;
    }
    let headed = representative[0].ct_eq(&0) & representative[1].ct_eq(&2);
    if mutant!("pkcs1-header-takes-time") && !headed.to_bool() {
        mutants::linger(LINGERING);
    }
    let valid = headed & ended & end.ct_gt(&9);
    ensure(valid.to_bool(), code)?;
    Ok(representative[end as usize + 1..].to_vec())
}

/// RFC 8017 section 7.1.2, step 3.
fn oaep_decode(representative: &[u8], hash: Hash, mgf: Hash, label: &[u8]) -> Result<Vec<u8>> {
    ensure(
        representative.len() >= 2 * hash.length() + 2,
        CKR_ENCRYPTED_DATA_INVALID,
    )?;
    let (first, rest) = representative.split_at(1);
    if first != [0] && mutant!("oaep-first-byte-told") {
        return refuse(CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    if first != [0] && mutant!("oaep-first-byte-takes-time") {
        mutants::linger(LINGERING);
    }
    let (seed, block) = rest.split_at(hash.length());
    let (mut seed, mut block) = (seed.to_vec(), block.to_vec());
    mask(&mut seed, &block, mgf);
    mask(&mut block, &seed, mgf);
    let (digest, rest) = block.split_at(hash.length());
    let start = rest.iter().position(|byte| *byte != 0);
    match start {
        Some(one)
            if rest[one] == 1
                && first == [0]
                && (digest == hash.digest(&[label]) || mutant!("oaep-label-ignored")) =>
        {
            Ok(rest[one + 1..].to_vec())
        }
        _ => refuse(CKR_ENCRYPTED_DATA_INVALID),
    }
}

/// Random bytes none of which is zero.
fn nonzero(length: usize) -> Result<Vec<u8>> {
    let mut bytes = random(length)?;
    for byte in &mut bytes {
        while *byte == 0 {
            fill_random(std::slice::from_mut(byte))?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pss_representatives_verify_and_altered_ones_do_not() {
        let pss = Encoding::Pss {
            hash: Hash::Sha256,
            mgf: Hash::Sha1,
            salt_length: 20,
        };
        let digest = Hash::Sha256.digest(&[b"message"]);
        for bits in [1024, 1025, 1031] {
            let representative = pss.encode(&digest, bits).unwrap();
            assert!(pss.verify(&digest, &representative, bits), "{bits}");
            let mut altered = representative.clone();
            altered[40] ^= 1;
            assert!(!pss.verify(&digest, &altered, bits), "{bits}");
            assert!(!pss.verify(&Hash::Sha256.digest(&[b"other"]), &representative, bits));
        }
    }

    #[test]
    fn oaep_with_different_hashes_reads_back_and_minds_the_label() {
        let oaep = |label: &[u8]| Encryption::Oaep {
            hash: Hash::Sha384,
            mgf: Hash::Sha3Bits256,
            label: label.to_vec(),
        };
        let representative = oaep(b"one").encode(b"message", 256).unwrap();
        assert_eq!(oaep(b"one").decode(&representative).unwrap(), b"message");
        let refusal = oaep(b"two").decode(&representative).unwrap_err();
        assert_eq!(refusal.code(), CKR_ENCRYPTED_DATA_INVALID);
    }

    #[test]
    fn pkcs1_has_a_header_filler_of_eight_bytes_and_an_end_or_one_code() {
        assert_eq!(Encryption::Pkcs1.capacity(64), Some(53));
        let with_filler = |header: [u8; 2], filler: usize, rest: &[u8]| {
            let filler = vec![5; filler];
            Encryption::Pkcs1.decode(&[&header[..], &filler, rest].concat())
        };
        assert_eq!(with_filler([0, 2], 8, &[0, 1, 0]).unwrap(), [1, 0]);
        assert!(with_filler([0, 2], 9, &[0]).unwrap().is_empty());
        for broken in [
            with_filler([0, 2], 7, &[0, 1, 2]),
            with_filler([1, 2], 8, &[0, 1, 2]),
            with_filler([0, 1], 8, &[0, 1, 2]),
            with_filler([0, 2], 8, &[1, 2]),
            with_filler([0, 2], 0, &[0]),
        ] {
            assert_eq!(broken.unwrap_err().code(), CKR_ENCRYPTED_DATA_INVALID);
        }
    }
}
