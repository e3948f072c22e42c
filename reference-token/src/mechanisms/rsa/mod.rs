//! RSA: [PKCS11-Base 3.2] section 6.1. This file owns the family's table, key pair generation and
//! the mapping of mechanisms to schemes; `key` the arithmetic, `exponent` that of the usual private
//! key, `padding` the encodings of RFC 8017, `schemes` the running operations, `strong` the primes of
//! ANSI X9.31, `weak` key pairs of seeded faults.

mod encapsulation;
mod exponent;
mod key;
mod padding;
mod recover;
mod schemes;
mod strong;
mod weak;

use cryptoki_sys::*;

pub(super) use key::{PrivateKey, PublicKey};
use padding::{Encoding, Encryption};

use super::parameter::hash_named;
use super::{
    Ciphering, Contribution, Entry, Family, Filled, Form, Hash, Mechanism, Parameter, Recovering,
    Signing, Verifying,
};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The RSA mechanisms.
pub(super) struct Rsa;

/// Modulus lengths in bits, as the Extended Provider test case of the profiles has them.
const BITS: (CK_ULONG, CK_ULONG) = (512, 16384);
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;
const RECOVERS: CK_FLAGS = SIGNS | CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
const CIPHERS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP | KEMS;
const KEMS: CK_FLAGS = CKF_ENCAPSULATE | CKF_DECAPSULATE;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags,
        form,
        keys: &[CKK_RSA],
    }
}

/// Section 6.1.13: ANSI X9.31 begins at 1024 bits.
const fn x9_31(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS) -> Entry {
    Entry {
        sizes: (1024, BITS.1),
        ..entry(mechanism, flags, Form::None)
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 30] = [
    entry(CKM_RSA_PKCS_KEY_PAIR_GEN,    CKF_GENERATE_KEY_PAIR, Form::None),
    entry(CKM_RSA_PKCS,                 RECOVERS | CIPHERS,       Form::None),
    entry(CKM_RSA_X_509,                RECOVERS | CIPHERS,       Form::None),
    entry(CKM_RSA_PKCS_OAEP,            CIPHERS,               Form::Oaep),
    entry(CKM_RSA_PKCS_PSS,             SIGNS,                 Form::Pss),
    x9_31(CKM_RSA_X9_31_KEY_PAIR_GEN,   CKF_GENERATE_KEY_PAIR),
    x9_31(CKM_RSA_X9_31,                SIGNS),
    x9_31(CKM_SHA1_RSA_X9_31,           SIGNS),
    entry(CKM_MD2_RSA_PKCS,             SIGNS,                 Form::None),
    entry(CKM_MD5_RSA_PKCS,             SIGNS,                 Form::None),
    entry(CKM_RIPEMD128_RSA_PKCS,       SIGNS,                 Form::None),
    entry(CKM_RIPEMD160_RSA_PKCS,       SIGNS,                 Form::None),
    entry(CKM_SHA1_RSA_PKCS,            SIGNS,                 Form::None),
    entry(CKM_SHA224_RSA_PKCS,          SIGNS,                 Form::None),
    entry(CKM_SHA256_RSA_PKCS,          SIGNS,                 Form::None),
    entry(CKM_SHA384_RSA_PKCS,          SIGNS,                 Form::None),
    entry(CKM_SHA512_RSA_PKCS,          SIGNS,                 Form::None),
    entry(CKM_SHA3_224_RSA_PKCS,        SIGNS,                 Form::None),
    entry(CKM_SHA3_256_RSA_PKCS,        SIGNS,                 Form::None),
    entry(CKM_SHA3_384_RSA_PKCS,        SIGNS,                 Form::None),
    entry(CKM_SHA3_512_RSA_PKCS,        SIGNS,                 Form::None),
    entry(CKM_SHA1_RSA_PKCS_PSS,        SIGNS,                 Form::Pss),
    entry(CKM_SHA224_RSA_PKCS_PSS,      SIGNS,                 Form::Pss),
    entry(CKM_SHA256_RSA_PKCS_PSS,      SIGNS,                 Form::Pss),
    entry(CKM_SHA384_RSA_PKCS_PSS,      SIGNS,                 Form::Pss),
    entry(CKM_SHA512_RSA_PKCS_PSS,      SIGNS,                 Form::Pss),
    entry(CKM_SHA3_224_RSA_PKCS_PSS,    SIGNS,                 Form::Pss),
    entry(CKM_SHA3_256_RSA_PKCS_PSS,    SIGNS,                 Form::Pss),
    entry(CKM_SHA3_384_RSA_PKCS_PSS,    SIGNS,                 Form::Pss),
    entry(CKM_SHA3_512_RSA_PKCS_PSS,    SIGNS,                 Form::Pss),
];

/// Signature mechanisms that hash: mechanism with PKCS #1 v1.5 padding, with PSS, and the hash.
#[rustfmt::skip]
static HASHING: [(CK_MECHANISM_TYPE, Option<CK_MECHANISM_TYPE>, Hash); 13] = [
    (CKM_MD2_RSA_PKCS,       None, Hash::Md2),
    (CKM_MD5_RSA_PKCS,       None, Hash::Md5),
    (CKM_RIPEMD128_RSA_PKCS, None, Hash::Ripemd128),
    (CKM_RIPEMD160_RSA_PKCS, None, Hash::Ripemd160),
    (CKM_SHA1_RSA_PKCS,     Some(CKM_SHA1_RSA_PKCS_PSS),     Hash::Sha1),
    (CKM_SHA224_RSA_PKCS,   Some(CKM_SHA224_RSA_PKCS_PSS),   Hash::Sha224),
    (CKM_SHA256_RSA_PKCS,   Some(CKM_SHA256_RSA_PKCS_PSS),   Hash::Sha256),
    (CKM_SHA384_RSA_PKCS,   Some(CKM_SHA384_RSA_PKCS_PSS),   Hash::Sha384),
    (CKM_SHA512_RSA_PKCS,   Some(CKM_SHA512_RSA_PKCS_PSS),   Hash::Sha512),
    (CKM_SHA3_224_RSA_PKCS, Some(CKM_SHA3_224_RSA_PKCS_PSS), Hash::Sha3Bits224),
    (CKM_SHA3_256_RSA_PKCS, Some(CKM_SHA3_256_RSA_PKCS_PSS), Hash::Sha3Bits256),
    (CKM_SHA3_384_RSA_PKCS, Some(CKM_SHA3_384_RSA_PKCS_PSS), Hash::Sha3Bits384),
    (CKM_SHA3_512_RSA_PKCS, Some(CKM_SHA3_512_RSA_PKCS_PSS), Hash::Sha3Bits512),
];

/// The trailer of ANSI X9.31 that stands for SHA-1 (ISO/IEC 10118-3, hash 3).
const X931_SHA1: [u8; 2] = [0x33, 0xcc];

/// A signature scheme: what is hashed by the token, and how the result is padded.
struct Scheme {
    hash: Option<Hash>,
    encoding: Encoding,
}

fn scheme(mechanism: &Mechanism) -> Result<Scheme> {
    match mechanism.kind {
        CKM_RSA_PKCS => Ok(Scheme {
            hash: None,
            encoding: Encoding::Pkcs1(None),
        }),
        CKM_RSA_X_509 => Ok(Scheme {
            hash: None,
            encoding: Encoding::None,
        }),
        CKM_RSA_X9_31 => Ok(Scheme {
            hash: None,
            encoding: Encoding::X931(None),
        }),
        CKM_SHA1_RSA_X9_31 => Ok(Scheme {
            hash: Some(Hash::Sha1),
            encoding: Encoding::X931(Some(X931_SHA1)),
        }),
        CKM_RSA_PKCS_PSS => Ok(Scheme {
            hash: None,
            encoding: pss(mechanism, None)?,
        }),
        kind => {
            let (pkcs1, _, hash) = HASHING
                .iter()
                .find(|(pkcs1, pss, _)| *pkcs1 == kind || *pss == Some(kind))
                .ok_or(refusal(CKR_MECHANISM_INVALID))?;
            let encoding = match *pkcs1 == kind {
                true => Encoding::Pkcs1(Some(*hash)),
                false => pss(mechanism, Some(*hash))?,
            };
            Ok(Scheme {
                hash: Some(*hash),
                encoding,
            })
        }
    }
}

/// Sections 6.1.9 and 6.1.15: the hash of the parameter must be that of the mechanism, if it has one.
fn pss(mechanism: &Mechanism, hash: Option<Hash>) -> Result<Encoding> {
    let Parameter::Pss {
        hash: named,
        mgf,
        salt_length,
    } = mechanism.parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let named = hash_named(named)?;
    ensure(
        hash.is_none_or(|hash| hash == named),
        CKR_MECHANISM_PARAM_INVALID,
    )?;
    let mgf = Hash::by_mgf(mgf).ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let salt_length =
        usize::try_from(salt_length).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Ok(Encoding::Pss {
        hash: named,
        mgf,
        salt_length,
    })
}

fn encryption(mechanism: &Mechanism) -> Result<Encryption> {
    match (mechanism.kind, &mechanism.parameter) {
        (CKM_RSA_PKCS, _) => Ok(Encryption::Pkcs1),
        (CKM_RSA_X_509, _) => Ok(Encryption::None),
        (CKM_RSA_PKCS_OAEP, Parameter::Oaep { hash, mgf, label }) => Ok(Encryption::Oaep {
            hash: hash_named(*hash)?,
            mgf: Hash::by_mgf(*mgf).ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?,
            label: label.clone(),
        }),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

impl Family for Rsa {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        let key = key.parsed(PrivateKey::from_attributes)?;
        schemes::sign(scheme(mechanism)?, PrivateKey::clone(&key))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        let key = key.parsed(PublicKey::from_attributes)?;
        schemes::verify(scheme(mechanism)?, PublicKey::clone(&key))
    }

    fn sign_recover(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        // The signature is the same; what can be recovered is a question of the padding alone.
        self.sign(mechanism, key)
    }

    fn verify_recover(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
    ) -> Result<Box<dyn Recovering>> {
        recover::verify(
            scheme(mechanism)?.encoding,
            PublicKey::from_attributes(key)?,
        )
    }

    fn encrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        let key = key.parsed(PublicKey::from_attributes)?;
        schemes::encrypt(encryption(mechanism)?, PublicKey::clone(&key))
    }

    fn decrypt(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Ciphering>> {
        let key = key.parsed(PrivateKey::from_attributes)?;
        schemes::decrypt(encryption(mechanism)?, PrivateKey::clone(&key))
    }

    fn encapsulated_length(&self, _: &Mechanism, key: &Attributes) -> Result<usize> {
        Ok(PublicKey::from_attributes(key)?.length())
    }

    /// Sections 6.1.6, 6.1.8 and 6.1.12: a secret is chosen and then encrypted.
    fn encapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        length: Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let public = key.parsed(PublicKey::from_attributes)?;
        let encryption = encryption(mechanism)?;
        encapsulation::encapsulate(encryption, &public, length)
    }

    fn decapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        ciphertext: &[u8],
        length: Option<usize>,
    ) -> Result<Vec<u8>> {
        let private = key.parsed(PrivateKey::from_attributes)?;
        let encryption = encryption(mechanism)?;
        encapsulation::decapsulate(encryption, &private, ciphertext, length)
    }

    /// Section 6.1.12: without padding there are zeros before the key.
    fn filled(&self, mechanism: &Mechanism) -> Filled {
        match mechanism.kind {
            CKM_RSA_X_509 => Filled::BeforeAll,
            _ => Filled::No,
        }
    }

    /// The attack of Bleichenbacher on PKCS #1 v1.5.
    fn is_padding_secret(&self, mechanism: &Mechanism) -> bool {
        mechanism.kind == CKM_RSA_PKCS
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_RSA)
    }

    /// Sections 6.1.4 and 6.1.5: the template names the length and may name the public exponent.
    fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let bits = public
            .ulong(CKA_MODULUS_BITS)
            .ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        ensure(
            (BITS.0..=BITS.1).contains(&bits),
            CKR_ATTRIBUTE_VALUE_INVALID,
        )?;
        let exponent = match public.get(CKA_PUBLIC_EXPONENT) {
            Some(value) => value.bytes().to_vec(),
            None if mutant!("default-exponent-three") => vec![3],
            None => vec![1, 0, 1],
        };
        let private = match mechanism.kind {
            CKM_RSA_X9_31_KEY_PAIR_GEN => {
                // The lengths that the signatures of ANSI X9.31 are for: section 6.1.13.
                let fits = bits >= 1024 && bits.is_multiple_of(256);
                ensure(fits, CKR_ATTRIBUTE_VALUE_INVALID)?;
                PrivateKey::generate_strong(bits as usize, &exponent)?
            }
            _ => PrivateKey::generate(bits as usize, &exponent)?,
        };
        let private = private.to_attributes();
        // An exponent that the template has stays as it was written, leading zeros and all.
        let contributed = private.iter().filter(|(attribute, _)| {
            *attribute == CKA_MODULUS
                || *attribute == CKA_PUBLIC_EXPONENT && !public.has(CKA_PUBLIC_EXPONENT)
        });
        let public = contributed.cloned().collect();
        Ok((public, private))
    }
}
