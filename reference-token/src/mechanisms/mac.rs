//! Message authentication codes: HMAC over the SHA families, [PKCS11-Base 3.2] sections 6.9 and
//! 6.20 to 6.31, and AES-CMAC, section 6.14. Each in full length and in a length that the
//! parameter names.

use cmac::Cmac;
use cmac::KeyInit;
use cryptoki_sys::*;

use super::hash::{Macer, Running};
use super::{Entry, Family, Form, Hash, Mechanism, Signing, Verifying};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The MAC mechanisms.
pub(super) struct Macs;

const FLAGS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;

/// An HMAC mechanism, its variant with a length, and its hash.
struct Hmac(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE, Hash);

#[rustfmt::skip]
static HMACS: [Hmac; 11] = [
    Hmac(CKM_SHA_1_HMAC,      CKM_SHA_1_HMAC_GENERAL,      Hash::Sha1),
    Hmac(CKM_SHA224_HMAC,     CKM_SHA224_HMAC_GENERAL,     Hash::Sha224),
    Hmac(CKM_SHA256_HMAC,     CKM_SHA256_HMAC_GENERAL,     Hash::Sha256),
    Hmac(CKM_SHA384_HMAC,     CKM_SHA384_HMAC_GENERAL,     Hash::Sha384),
    Hmac(CKM_SHA512_HMAC,     CKM_SHA512_HMAC_GENERAL,     Hash::Sha512),
    Hmac(CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, Hash::Sha512Truncated224),
    Hmac(CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, Hash::Sha512Truncated256),
    Hmac(CKM_SHA3_224_HMAC,   CKM_SHA3_224_HMAC_GENERAL,   Hash::Sha3Bits224),
    Hmac(CKM_SHA3_256_HMAC,   CKM_SHA3_256_HMAC_GENERAL,   Hash::Sha3Bits256),
    Hmac(CKM_SHA3_384_HMAC,   CKM_SHA3_384_HMAC_GENERAL,   Hash::Sha3Bits384),
    Hmac(CKM_SHA3_512_HMAC,   CKM_SHA3_512_HMAC_GENERAL,   Hash::Sha3Bits512),
];

const fn hmac(mechanism: CK_MECHANISM_TYPE, form: Form, keys: &'static [CK_KEY_TYPE]) -> Entry {
    Entry {
        mechanism,
        sizes: (1, 4096),
        flags: FLAGS,
        form,
        keys,
    }
}

const fn cmac(mechanism: CK_MECHANISM_TYPE, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: super::aes::BYTES,
        flags: FLAGS,
        form,
        keys: &[CKK_AES],
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 24] = [
    hmac(CKM_SHA_1_HMAC,              Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA_1_HMAC]),
    hmac(CKM_SHA_1_HMAC_GENERAL,      Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA_1_HMAC]),
    hmac(CKM_SHA224_HMAC,             Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA224_HMAC]),
    hmac(CKM_SHA224_HMAC_GENERAL,     Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA224_HMAC]),
    hmac(CKM_SHA256_HMAC,             Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC]),
    hmac(CKM_SHA256_HMAC_GENERAL,     Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC]),
    hmac(CKM_SHA384_HMAC,             Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC]),
    hmac(CKM_SHA384_HMAC_GENERAL,     Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC]),
    hmac(CKM_SHA512_HMAC,             Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC]),
    hmac(CKM_SHA512_HMAC_GENERAL,     Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC]),
    hmac(CKM_SHA512_224_HMAC,         Form::None,  &[CKK_GENERIC_SECRET]),
    hmac(CKM_SHA512_224_HMAC_GENERAL, Form::Ulong, &[CKK_GENERIC_SECRET]),
    hmac(CKM_SHA512_256_HMAC,         Form::None,  &[CKK_GENERIC_SECRET]),
    hmac(CKM_SHA512_256_HMAC_GENERAL, Form::Ulong, &[CKK_GENERIC_SECRET]),
    hmac(CKM_SHA3_224_HMAC,           Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA3_224_HMAC]),
    hmac(CKM_SHA3_224_HMAC_GENERAL,   Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA3_224_HMAC]),
    hmac(CKM_SHA3_256_HMAC,           Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC]),
    hmac(CKM_SHA3_256_HMAC_GENERAL,   Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC]),
    hmac(CKM_SHA3_384_HMAC,           Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC]),
    hmac(CKM_SHA3_384_HMAC_GENERAL,   Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC]),
    hmac(CKM_SHA3_512_HMAC,           Form::None,  &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC]),
    hmac(CKM_SHA3_512_HMAC_GENERAL,   Form::Ulong, &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC]),
    cmac(CKM_AES_CMAC,                Form::None),
    cmac(CKM_AES_CMAC_GENERAL,        Form::Ulong),
];

/// A running MAC, cut to its length.
struct Mac {
    running: Box<dyn Running>,
    length: usize,
}

impl Mac {
    fn result(self) -> Vec<u8> {
        let mut mac = self.running.finish();
        mac.truncate(self.length);
        mac
    }
}

fn begin(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    let key = key.bytes(CKA_VALUE);
    let kind = mechanism.kind;
    let hmac = HMACS
        .iter()
        .find(|Hmac(full, general, _)| *full == kind || *general == kind);
    let (running, whole, general) = match (hmac, kind) {
        (Some(Hmac(_, general, hash)), _) => (hash.hmac(key), hash.length(), kind == *general),
        (None, CKM_AES_CMAC | CKM_AES_CMAC_GENERAL) => {
            (aes_cmac(key)?, 16, kind == CKM_AES_CMAC_GENERAL)
        }
        _ => return refuse(CKR_MECHANISM_INVALID),
    };
    let length = if general { mechanism.length()? } else { whole };
    ensure((1..=whole).contains(&length), CKR_MECHANISM_PARAM_INVALID)?;
    Ok(Mac { running, length })
}

fn aes_cmac(key: &[u8]) -> Result<Box<dyn Running>> {
    fn boxed<M: cmac::Mac + KeyInit + Send + 'static>(key: &[u8]) -> Result<Box<dyn Running>> {
        let mac = M::new_from_slice(key).map_err(|_| refusal(CKR_KEY_SIZE_RANGE))?;
        Ok(Box::new(Macer(mac)))
    }
    match key.len() {
        16 => boxed::<Cmac<aes::Aes128>>(key),
        24 => boxed::<Cmac<aes::Aes192>>(key),
        _ => boxed::<Cmac<aes::Aes256>>(key),
    }
}

impl Signing for Mac {
    fn length(&self) -> usize {
        self.length
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.running.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.result())
    }
}

impl Verifying for Mac {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.running.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        ensure(signature.len() == self.length, CKR_SIGNATURE_LEN_RANGE)?;
        ensure(self.result() == signature, CKR_SIGNATURE_INVALID)
    }
}

impl Family for Macs {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }
    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(begin(mechanism, key)?))
    }
    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(begin(mechanism, key)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Value;
    use crate::mechanisms::Parameter;
    use crate::mechanisms::der::tests::hex;

    fn mac(kind: CK_MECHANISM_TYPE, parameter: Parameter, key: &[u8], data: &[u8]) -> Vec<u8> {
        let key = [(CKA_VALUE, Value::Bytes(key.to_vec()))]
            .into_iter()
            .collect();
        let mut mac = Macs.sign(&Mechanism { kind, parameter }, &key).unwrap();
        mac.update(data).unwrap();
        mac.finish().unwrap()
    }

    /// RFC 4231 test case 2.
    #[test]
    fn hmac_sha_256_gives_the_answer_of_rfc_4231_in_full_and_cut() {
        let data = b"what do ya want for nothing?";
        let full = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(mac(CKM_SHA256_HMAC, Parameter::None, b"Jefe", data), full);
        let cut = mac(CKM_SHA256_HMAC_GENERAL, Parameter::Ulong(10), b"Jefe", data);
        assert_eq!(cut, full[..10]);
    }

    /// RFC 4493 section 4, examples 1 and 2.
    #[test]
    fn aes_cmac_gives_the_answers_of_rfc_4493() {
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
        let empty = mac(CKM_AES_CMAC, Parameter::None, &key, b"");
        assert_eq!(empty, hex("bb1d6929e95937287fa37d129b756746"));
        let block = mac(
            CKM_AES_CMAC,
            Parameter::None,
            &key,
            &hex("6bc1bee22e409f96e93d7e117393172a"),
        );
        assert_eq!(block, hex("070a16b46b4d4144f79bdd9dd04a287c"));
    }

    #[test]
    fn a_length_beyond_the_mac_is_an_invalid_parameter() {
        let key = [(CKA_VALUE, Value::Bytes(vec![1]))].into_iter().collect();
        for length in [0, 33] {
            let parameter = Parameter::Ulong(length);
            let mechanism = Mechanism {
                kind: CKM_SHA256_HMAC_GENERAL,
                parameter,
            };
            let refusal = Macs.sign(&mechanism, &key).err().unwrap();
            assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
