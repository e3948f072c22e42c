//! Rows of the key types of secret keys: the key object sections of [PKCS11-Base 3.2] chapter 6.

use cryptoki_sys::*;

use super::Kind::{Bytes, Ulong};
use super::Preset::Absent;
use super::{Rule, Section, row, typed};

/// Sections 6.8.2, 6.10.2 and those of most key types: the value and its length.
#[rustfmt::skip]
static SECRET_VALUE: [Rule; 2] = [
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_LEN, Ulong, &[2, 3],       Absent),
];

/// Sections 6.58.2, 6.59.2 and 6.60.2. They mark the length as required for generation, although
/// the text fixes it: it need not be given.
#[rustfmt::skip]
static FIXED_LENGTH: [Rule; 2] = [
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_LEN, Ulong, &[2],          Absent),
];

/// Sections 6.18.2 and 6.18.3, and DES and IDEA of the historical mechanisms: the length goes without saying.
#[rustfmt::skip]
static VALUE_ONLY: [Rule; 1] = [row(CKA_VALUE, Bytes, &[1, 4, 6, 7], Absent)];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    typed(CKO_SECRET_KEY,  CKK_AES,            &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_AES_XTS,        &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_ARIA,           &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_BLOWFISH,       &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_CAMELLIA,       &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_TWOFISH,        &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_CAST128,        &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_RC2,            &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_IDEA,           &VALUE_ONLY),
    typed(CKO_SECRET_KEY,  CKK_DES,            &VALUE_ONLY),
    typed(CKO_SECRET_KEY,  CKK_DES2,           &VALUE_ONLY),
    typed(CKO_SECRET_KEY,  CKK_DES3,           &VALUE_ONLY),
    typed(CKO_SECRET_KEY,  CKK_CHACHA20,       &FIXED_LENGTH),
    typed(CKO_SECRET_KEY,  CKK_SALSA20,        &FIXED_LENGTH),
    typed(CKO_SECRET_KEY,  CKK_POLY1305,       &FIXED_LENGTH),
    typed(CKO_SECRET_KEY,  CKK_GENERIC_SECRET, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_HKDF,           &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_MD5_HMAC,       &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_RIPEMD128_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_RIPEMD160_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA_1_HMAC,     &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA224_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA256_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA384_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA512_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA512_224_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA512_256_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA512_T_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_224_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_256_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_384_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_512_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_BLAKE2B_160_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_BLAKE2B_256_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_BLAKE2B_384_HMAC, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_BLAKE2B_512_HMAC, &SECRET_VALUE),
];
