//! GCM: NIST SP 800-38D, with the lengths of vector and tag that CK_GCM_PARAMS allows, most of
//! which the usual crates do not offer. GHASH comes from the `ghash` crate.

use cryptoki_sys::*;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use super::block::{Block, Cipher};
use super::modes::Counter;
use crate::mechanisms::Ciphering;
use crate::rv::{Result, ensure};

/// A running GCM encryption, or decryption, which gives nothing out before the tag is checked.
#[derive(Clone)]
struct Gcm {
    stream: Counter,
    hash: GHash,
    /// Ciphertext that does not fill a block of GHASH yet.
    partial: Vec<u8>,
    hashed: u64,
    aad_length: u64,
    tag_mask: Block,
    tag_length: usize,
    /// Some when decrypting: all input, the tag last.
    collected: Option<Vec<u8>>,
}

/// Section 6.13.1: tags of 0 to 128 bits, here in whole bytes, and a vector that is not empty.
pub(super) fn begin(
    cipher: Cipher,
    iv: &[u8],
    aad: &[u8],
    tag_bits: CK_ULONG,
    encrypting: bool,
) -> Result<Box<dyn Ciphering>> {
    let sound = tag_bits <= 128 && tag_bits.is_multiple_of(8) && !iv.is_empty();
    ensure(sound, CKR_MECHANISM_PARAM_INVALID)?;
    let mut subkey = [0; 16];
    cipher.encrypt(&mut subkey);
    let first = first_counter(&subkey, iv);
    let mut tag_mask = first;
    cipher.encrypt(&mut tag_mask);
    let mut hash = GHash::new(&subkey.into());
    hash.update_padded(aad);
    let start = increment(first);
    Ok(Box::new(Gcm {
        stream: Counter::new(cipher, start, 32, encrypting),
        hash,
        partial: Vec::new(),
        hashed: 0,
        aad_length: aad.len() as u64,
        tag_mask,
        tag_length: tag_bits as usize / 8,
        collected: (!encrypting).then(Vec::new),
    }))
}

/// J0 of SP 800-38D section 7.1.
fn first_counter(subkey: &Block, iv: &[u8]) -> Block {
    let mut block = [0; 16];
    if iv.len() == 12 {
        block[..12].copy_from_slice(iv);
        block[15] = 1;
        return block;
    }
    let mut hash = GHash::new(&(*subkey).into());
    hash.update_padded(iv);
    block[8..].copy_from_slice(&(iv.len() as u64 * 8).to_be_bytes());
    hash.update_padded(&block);
    hash.finalize().into()
}

/// inc32 of SP 800-38D section 6.2.
fn increment(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    let low = (value as u32).wrapping_add(1);
    (value >> 32 << 32 | u128::from(low)).to_be_bytes()
}

impl Gcm {
    fn absorb(&mut self, ciphertext: &[u8]) {
        self.hashed += ciphertext.len() as u64;
        self.partial.extend_from_slice(ciphertext);
        let rest = self
            .partial
            .split_off(self.partial.len() - self.partial.len() % 16);
        self.hash.update_padded(&self.partial);
        self.partial = rest;
    }

    fn tag(mut self) -> Vec<u8> {
        self.hash.update_padded(&self.partial);
        let mut lengths = [0; 16];
        lengths[..8].copy_from_slice(&(self.aad_length * 8).to_be_bytes());
        lengths[8..].copy_from_slice(&(self.hashed * 8).to_be_bytes());
        self.hash.update_padded(&lengths);
        let hash: Block = self.hash.finalize().into();
        let tag = hash
            .iter()
            .zip(self.tag_mask)
            .map(|(byte, mask)| byte ^ mask);
        tag.take(self.tag_length).collect()
    }

    fn open(mut self, mut input: Vec<u8>) -> Result<Vec<u8>> {
        ensure(input.len() >= self.tag_length, CKR_ENCRYPTED_DATA_LEN_RANGE)?;
        let tag = input.split_off(input.len() - self.tag_length);
        self.absorb(&input);
        let mut stream = self.stream.clone();
        ensure(self.tag() == tag, CKR_ENCRYPTED_DATA_INVALID)?;
        stream.apply(&mut input)?;
        Ok(input)
    }
}

impl Ciphering for Gcm {
    fn is_multipart(&self) -> bool {
        true
    }

    fn bound(&self, length: usize) -> usize {
        match &self.collected {
            None => length + self.tag_length,
            Some(input) => (input.len() + length).saturating_sub(self.tag_length),
        }
    }

    fn update_length(&self, length: usize) -> usize {
        if self.collected.is_some() { 0 } else { length }
    }

    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        if let Some(input) = &mut self.collected {
            input.extend_from_slice(data);
            return Ok(Vec::new());
        }
        let mut output = data.to_vec();
        self.stream.apply(&mut output)?;
        self.absorb(&output);
        Ok(output)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>> {
        match self.collected.take() {
            None => Ok(self.tag()),
            Some(input) => self.open(input),
        }
    }

    fn duplicate(&self) -> Box<dyn Ciphering> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    struct Case {
        iv: &'static str,
        ciphertext: &'static str,
        tag: &'static str,
    }

    /// Test cases 4 to 6 of the GCM specification (McGrew and Viega), which share key, plaintext
    /// and additional data, and differ in the length of the vector.
    const CASES: [Case; 3] = [
        Case {
            iv: "cafebabefacedbaddecaf888",
            ciphertext: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
                         21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            tag: "5bc94fbc3221a5db94fae95ae7121a47",
        },
        Case {
            iv: "cafebabefacedbad",
            ciphertext: "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c7423
                         73806900e49f24b22b097544d4896b424989b5e1ebac0f07c23f4598",
            tag: "3612d2e79e3b0785561be14aaca2fccb",
        },
        Case {
            iv: "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728
                 c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
            ciphertext: "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca7
                         01e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5",
            tag: "619cc5aefffe0bfa462af43c1699d050",
        },
    ];
    const PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
                             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

    fn start(iv: &str, encrypting: bool) -> Box<dyn Ciphering> {
        let cipher = Cipher::new(&hex("feffe9928665731c6d6a8f9467308308")).unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        begin(cipher, &hex(iv), &aad, 128, encrypting).unwrap()
    }

    fn run(mut cipher: Box<dyn Ciphering>, data: &[u8], part: usize) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        for part in data.chunks(part) {
            output.extend(cipher.update(part)?);
        }
        output.extend(cipher.finish()?);
        Ok(output)
    }

    #[test]
    fn vectors_of_every_length_give_the_answers_of_the_specification() {
        for case in &CASES {
            let sealed = [hex(case.ciphertext), hex(case.tag)].concat();
            for part in [1, 13, 64] {
                assert_eq!(
                    run(start(case.iv, true), &hex(PLAINTEXT), part).unwrap(),
                    sealed
                );
                assert_eq!(
                    run(start(case.iv, false), &sealed, part).unwrap(),
                    hex(PLAINTEXT)
                );
            }
        }
    }

    #[test]
    fn nothing_comes_out_under_a_wrong_tag() {
        let mut sealed = run(start(CASES[0].iv, true), &hex(PLAINTEXT), 64).unwrap();
        *sealed.last_mut().unwrap() ^= 1;
        let refusal = run(start(CASES[0].iv, false), &sealed, 64).unwrap_err();
        assert_eq!(refusal.code(), CKR_ENCRYPTED_DATA_INVALID);
        let refusal = run(start(CASES[0].iv, false), &sealed[..8], 64).unwrap_err();
        assert_eq!(refusal.code(), CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
}
