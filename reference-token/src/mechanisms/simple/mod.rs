//! Simple derivations: [PKCS11-Base 3.2] section 6.43, the digest derivations of sections 6.20 to
//! 6.36, and derivation by data encryption, section 6.17. This file owns the table and what is done
//! to bytes; `public` makes a public key of a private one.

mod public;

use std::sync::LazyLock;

use cryptoki_sys::*;
use cshake::digest::{ExtendableOutput, Update, XofReader};
use cshake::{CShake128, CShake256};

use super::block::BlockCiphers;
use super::sha512t::Sha512t;
use super::{
    Derivation, Entry, Family, Form, Hash, Inheritance, Mechanism, Parameter, Product, Yield,
};
use crate::rv::{Result, ensure, refusal, refuse, translate};

/// The mechanisms of this file.
pub(super) struct Simple;

/// Lengths of base keys in bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (1, 4096);

const fn entry(mechanism: CK_MECHANISM_TYPE, form: Form, keys: &'static [CK_KEY_TYPE]) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags: CKF_DERIVE,
        form,
        keys,
    }
}

/// A derivation by digest.
struct Digested(CK_MECHANISM_TYPE, Hash);

#[rustfmt::skip]
static DIGESTED: [Digested; 17] = [
    Digested(CKM_MD2_KEY_DERIVATION,        Hash::Md2),
    Digested(CKM_MD5_KEY_DERIVATION,        Hash::Md5),
    Digested(CKM_SHA1_KEY_DERIVATION,       Hash::Sha1),
    Digested(CKM_SHA224_KEY_DERIVATION,     Hash::Sha224),
    Digested(CKM_SHA256_KEY_DERIVATION,     Hash::Sha256),
    Digested(CKM_SHA384_KEY_DERIVATION,     Hash::Sha384),
    Digested(CKM_SHA512_KEY_DERIVATION,     Hash::Sha512),
    Digested(CKM_SHA512_224_KEY_DERIVATION, Hash::Sha512Truncated224),
    Digested(CKM_SHA512_256_KEY_DERIVATION, Hash::Sha512Truncated256),
    Digested(CKM_SHA3_224_KEY_DERIVATION,   Hash::Sha3Bits224),
    Digested(CKM_SHA3_256_KEY_DERIVATION,   Hash::Sha3Bits256),
    Digested(CKM_SHA3_384_KEY_DERIVATION,   Hash::Sha3Bits384),
    Digested(CKM_SHA3_512_KEY_DERIVATION,   Hash::Sha3Bits512),
    Digested(CKM_BLAKE2B_160_KEY_DERIVE,    Hash::Blake2b160),
    Digested(CKM_BLAKE2B_256_KEY_DERIVE,    Hash::Blake2b256),
    Digested(CKM_BLAKE2B_384_KEY_DERIVE,    Hash::Blake2b384),
    Digested(CKM_BLAKE2B_512_KEY_DERIVE,    Hash::Blake2b512),
];

/// A derivation by encryption: with this cipher, whose blocks have so many bytes.
struct Encrypted(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE, Form);

#[rustfmt::skip]
static ENCRYPTED: [Encrypted; 10] = [
    Encrypted(CKM_DES_ECB_ENCRYPT_DATA,      CKM_DES_ECB,      Form::StringData),
    Encrypted(CKM_DES_CBC_ENCRYPT_DATA,      CKM_DES_CBC,      Form::BlockData(8)),
    Encrypted(CKM_DES3_ECB_ENCRYPT_DATA,     CKM_DES3_ECB,     Form::StringData),
    Encrypted(CKM_DES3_CBC_ENCRYPT_DATA,     CKM_DES3_CBC,     Form::BlockData(8)),
    Encrypted(CKM_AES_ECB_ENCRYPT_DATA,      CKM_AES_ECB,      Form::StringData),
    Encrypted(CKM_AES_CBC_ENCRYPT_DATA,      CKM_AES_CBC,      Form::BlockData(16)),
    Encrypted(CKM_CAMELLIA_ECB_ENCRYPT_DATA, CKM_CAMELLIA_ECB, Form::StringData),
    Encrypted(CKM_CAMELLIA_CBC_ENCRYPT_DATA, CKM_CAMELLIA_CBC, Form::BlockData(16)),
    Encrypted(CKM_ARIA_ECB_ENCRYPT_DATA,     CKM_ARIA_ECB,     Form::StringData),
    Encrypted(CKM_ARIA_CBC_ENCRYPT_DATA,     CKM_ARIA_CBC,     Form::BlockData(16)),
];

static OTHERS: [Entry; 9] = [
    entry(CKM_CONCATENATE_BASE_AND_KEY, Form::Key, &[]),
    entry(CKM_CONCATENATE_BASE_AND_DATA, Form::StringData, &[]),
    entry(CKM_CONCATENATE_DATA_AND_BASE, Form::StringData, &[]),
    entry(CKM_XOR_BASE_AND_DATA, Form::StringData, &[]),
    entry(CKM_EXTRACT_KEY_FROM_KEY, Form::Ulong, &[]),
    entry(CKM_SHA512_T_KEY_DERIVATION, Form::Ulong, &[]),
    entry(CKM_SHAKE_128_KEY_DERIVATION, Form::None, &[]),
    entry(CKM_SHAKE_256_KEY_DERIVATION, Form::None, &[]),
    entry(CKM_PUB_KEY_FROM_PRIV_KEY, Form::None, public::KEYS),
];

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let digested = DIGESTED
        .iter()
        .map(|Digested(mechanism, _)| entry(*mechanism, Form::None, &[]));
    // Keys are those of the cipher, and so are their sizes.
    let encrypted = ENCRYPTED
        .iter()
        .filter_map(|Encrypted(mechanism, cipher, form)| {
            let cipher = BlockCiphers
                .entries()
                .iter()
                .find(|entry| entry.mechanism == *cipher)?;
            Some(Entry {
                sizes: cipher.sizes,
                ..entry(*mechanism, *form, cipher.keys)
            })
        });
    digested
        .chain(encrypted)
        .chain(OTHERS.iter().map(|other| Entry { ..*other }))
        .collect()
});

/// Section 6.32.2: as much output as the key needs. A cSHAKE without names is SHAKE (SP 800-185
/// section 3.3).
fn shake<X: Default + Update + ExtendableOutput>(asked: &Derivation) -> Result<Vec<u8>> {
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    ensure(length <= 4096, CKR_KEY_SIZE_RANGE)?;
    let mut function = X::default();
    function.update(asked.secret()?);
    let mut output = vec![0; length];
    function.finalize_xof().read(&mut output);
    Ok(output)
}

/// Section 6.27.5: the parameter holds t, as that of the digest does.
fn sha512t(asked: &Derivation) -> Result<Vec<u8>> {
    let mut hash = Sha512t::named(asked.mechanism)?.running();
    hash.update(asked.secret()?);
    asked.own.take(hash.finish())
}

/// Section 6.43.7: bits from a position on, wrapping around the end.
fn extract(asked: &Derivation) -> Result<Vec<u8>> {
    let key = asked.secret()?;
    let from = asked.mechanism.length()?;
    ensure(from < 8 * key.len(), CKR_MECHANISM_PARAM_INVALID)?;
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    ensure(length <= key.len(), CKR_KEY_SIZE_RANGE)?;
    let bit = |at: usize| {
        let at = at % (8 * key.len());
        key[at / 8] >> (7 - at % 8) & 1
    };
    let byte = |i: usize| (0..8).fold(0, |byte, j| byte << 1 | bit(from + 8 * i + j));
    Ok((0..length).map(byte).collect())
}

/// Section 6.17: the ciphertext of data under the base key. The cipher is that of C_Encrypt.
fn encrypt(asked: &Derivation, cipher: CK_MECHANISM_TYPE) -> Result<Vec<u8>> {
    let (parameter, data) = match &asked.mechanism.parameter {
        Parameter::StringData(data) => (Parameter::None, data),
        Parameter::BlockData { iv, data } => (Parameter::Bytes(iv.clone()), data),
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    let mechanism = Mechanism {
        kind: cipher,
        parameter,
    };
    let mut cipher = BlockCiphers.encrypt(&mechanism, asked.base)?;
    let whole_blocks =
        |refused| translate(refused, CKR_DATA_LEN_RANGE, CKR_MECHANISM_PARAM_INVALID);
    let mut output = cipher.update(data).map_err(whole_blocks)?;
    output.extend(cipher.finish().map_err(whole_blocks)?);
    // The section has a code of its own for too little data.
    let length = asked.own.length_within(output.len());
    let length =
        length.map_err(|refused| translate(refused, CKR_KEY_SIZE_RANGE, CKR_DATA_LEN_RANGE))?;
    ensure(!output.is_empty(), CKR_DATA_LEN_RANGE)?;
    output.truncate(length);
    Ok(output)
}

/// Sections 6.43.3 to 6.43.6: the base key with something beside or on top of it.
fn combine(asked: &Derivation) -> Result<Vec<u8>> {
    let base = asked.secret()?;
    let material = match (&asked.mechanism.parameter, asked.mechanism.kind) {
        (Parameter::Key(other), _) => [base, other.value()?].concat(),
        (Parameter::StringData(data), CKM_CONCATENATE_BASE_AND_DATA) => {
            match mutant!("derived-key-lacks-data") {
                true => base.to_vec(),
                false => [base, data].concat(),
            }
        }
        (Parameter::StringData(data), CKM_CONCATENATE_DATA_AND_BASE) => [data, base].concat(),
        (Parameter::StringData(data), CKM_XOR_BASE_AND_DATA) => {
            base.iter().zip(data).map(|(a, b)| a ^ b).collect()
        }
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    asked.own.take(material)
}

impl Family for Simple {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let kind = asked.mechanism.kind;
        let digested = DIGESTED.iter().find(|Digested(this, _)| *this == kind);
        let encrypted = ENCRYPTED.iter().find(|Encrypted(this, ..)| *this == kind);
        let (value, inheritance) = match (kind, digested, encrypted) {
            (CKM_PUB_KEY_FROM_PRIV_KEY, ..) => {
                return Ok(Yield::one(public::public_key(asked.base)?));
            }
            (CKM_EXTRACT_KEY_FROM_KEY, ..) => (extract(asked)?, Inheritance::Sticky),
            (CKM_SHA512_T_KEY_DERIVATION, ..) => (sha512t(asked)?, Inheritance::Free),
            (CKM_SHAKE_128_KEY_DERIVATION, ..) => (shake::<CShake128>(asked)?, Inheritance::Free),
            (CKM_SHAKE_256_KEY_DERIVATION, ..) => (shake::<CShake256>(asked)?, Inheritance::Free),
            (_, Some(Digested(_, hash)), _) => {
                let digest = hash.digest(&[asked.secret()?]);
                (asked.own.take(digest)?, Inheritance::Free)
            }
            (_, _, Some(Encrypted(_, cipher, _))) => (encrypt(asked, *cipher)?, Inheritance::Free),
            _ => (combine(asked)?, Inheritance::Sticky),
        };
        let product = Product::secret(value).inheriting(inheritance);
        Ok(Yield::one(product.generic_by_default()))
    }
}

#[cfg(test)]
mod tests;
