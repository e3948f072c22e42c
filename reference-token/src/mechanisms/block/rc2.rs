//! RC2: the historical section on it, and RFC 2268. Its parameters say how many bits of the key
//! count, so it is a family of its own beside the ciphers of `table`; the modes are theirs.

use cryptoki_sys::*;
use rc2::Rc2;

use super::Job;
use super::chain::{Blocks, Padding, vector};
use super::mac::Algorithm;
use crate::attributes::Attributes;
use crate::mechanisms::mac::Mac;
use crate::mechanisms::{Ciphering, Entry, Family, Form, Mechanism, Parameter, Signing, Verifying};
use crate::rv::{Result, ensure, refusal, refuse};

/// The mechanisms of RC2 but for the generation of its keys.
pub(in crate::mechanisms) struct Rc2s;

/// Effective bits, which are what the sections publish for sizes.
const BITS: (CK_ULONG, CK_ULONG) = (1, 1024);
/// Bytes in a block.
const BLOCK: usize = 8;
/// Bytes of CKM_RC2_MAC.
const HALF: usize = 4;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags,
        form,
        keys: &[CKK_RC2],
    }
}

const WRAPS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;

#[rustfmt::skip]
static ENTRIES: [Entry; 5] = [
    entry(CKM_RC2_ECB,         WRAPS, Form::Ulong),
    entry(CKM_RC2_CBC,         WRAPS, Form::Rc2Cbc),
    entry(CKM_RC2_CBC_PAD,     WRAPS, Form::Rc2Cbc),
    entry(CKM_RC2_MAC,         SIGNS, Form::Ulong),
    entry(CKM_RC2_MAC_GENERAL, SIGNS, Form::Rc2Mac),
];

/// The cipher of a key of which so many bits count. The crate expands keys of 1 to 128 bytes.
fn keyed(key: &Attributes, bits: CK_ULONG) -> Result<Rc2> {
    let counted = (BITS.0..=BITS.1).contains(&bits);
    ensure(counted, CKR_MECHANISM_PARAM_INVALID)?;
    let key = key.bytes(CKA_VALUE);
    ensure((1..=128).contains(&key.len()), CKR_KEY_SIZE_RANGE)?;
    Ok(Rc2::new_with_eff_key_len(key, bits as usize))
}

fn cipher(mechanism: &Mechanism, key: &Attributes, encrypting: bool) -> Result<Box<dyn Ciphering>> {
    let padding = match mechanism.kind {
        CKM_RC2_CBC_PAD => Padding::Pkcs7,
        _ => Padding::None,
    };
    match &mechanism.parameter {
        Parameter::Ulong(bits) => Ok(Box::new(Blocks::ecb(keyed(key, *bits)?, encrypting))),
        Parameter::Rc2Cbc { bits, iv } => {
            let cipher = keyed(key, *bits)?;
            let iv = vector::<Rc2>(iv)?;
            Ok(Box::new(Blocks::cbc(cipher, iv, padding, encrypting)))
        }
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

fn mac(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    let (bits, length) = match mechanism.parameter {
        Parameter::Ulong(bits) => (bits, HALF),
        Parameter::Rc2Mac { bits, length } => {
            let length = usize::try_from(length);
            (
                bits,
                length.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?,
            )
        }
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    ensure((1..=BLOCK).contains(&length), CKR_MECHANISM_PARAM_INVALID)?;
    let running = Algorithm::CbcMac.run(keyed(key, bits)?)?;
    Ok(Mac::new(running, length))
}

impl Family for Rc2s {
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
        match mechanism.kind {
            CKM_RC2_CBC_PAD => 1,
            _ => BLOCK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::trial::{cipher, mechanism, sign};

    /// RFC 2268 section 5: key, effective bits, plaintext and ciphertext.
    const ROWS: [(&str, CK_ULONG, &str, &str); 8] = [
        (
            "0000000000000000",
            63,
            "0000000000000000",
            "ebb773f993278eff",
        ),
        (
            "ffffffffffffffff",
            64,
            "ffffffffffffffff",
            "278b27e42e2f0d49",
        ),
        (
            "3000000000000000",
            64,
            "1000000000000001",
            "30649edf9be7d2c2",
        ),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        (
            "88bca90e90875a7f0f79c384627bafb2",
            64,
            "0000000000000000",
            "1a807d272bbe5db1",
        ),
        (
            "88bca90e90875a7f0f79c384627bafb2",
            128,
            "0000000000000000",
            "2269552ab0f85ca6",
        ),
        (
            "88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e",
            129,
            "0000000000000000",
            "5b78d3a43dfff1f1",
        ),
    ];

    #[test]
    fn ciphertexts_are_those_of_rfc_2268_in_every_mode() {
        for (key, bits, plain, expected) in ROWS {
            let (key, plain, expected) = (hex(key), hex(plain), hex(expected));
            let ecb = mechanism(CKM_RC2_ECB, Parameter::Ulong(bits));
            assert_eq!(cipher(true, &ecb, &key, &plain), Ok(expected.clone()));
            assert_eq!(cipher(false, &ecb, &key, &expected), Ok(plain.clone()));
            // The first block of CBC under a vector of zeros is that of ECB, and so is a MAC.
            let iv = vec![0; 8];
            let cbc = mechanism(CKM_RC2_CBC, Parameter::Rc2Cbc { bits, iv });
            assert_eq!(cipher(true, &cbc, &key, &plain), Ok(expected.clone()));
            let half = mechanism(CKM_RC2_MAC, Parameter::Ulong(bits));
            assert_eq!(sign(&half, &key, &plain), Ok(expected[..4].to_vec()));
            let full = mechanism(CKM_RC2_MAC_GENERAL, Parameter::Rc2Mac { bits, length: 8 });
            assert_eq!(sign(&full, &key, &plain), Ok(expected));
        }
    }

    #[test]
    fn padding_comes_off_again_and_parameters_have_limits() {
        let padded = |bits| {
            let iv = vec![7; 8];
            mechanism(CKM_RC2_CBC_PAD, Parameter::Rc2Cbc { bits, iv })
        };
        for length in [0, 7, 8, 9] {
            let data = vec![3; length];
            let sealed = cipher(true, &padded(40), b"key", &data).unwrap();
            assert_eq!(sealed.len(), (length + 1).next_multiple_of(8));
            assert_eq!(cipher(false, &padded(40), b"key", &sealed), Ok(data));
        }
        for bits in [0, 1025] {
            let refused = cipher(true, &padded(bits), b"key", b"").unwrap_err();
            assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
        }
        let general = |length| {
            let parameter = Parameter::Rc2Mac { bits: 64, length };
            sign(&mechanism(CKM_RC2_MAC_GENERAL, parameter), b"key", b"").unwrap_err()
        };
        for length in [0, 9] {
            assert_eq!(general(length).code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
