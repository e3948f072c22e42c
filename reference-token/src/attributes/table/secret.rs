//! Rows of the key types of secret keys: the key object sections of [PKCS11-Base 3.2] chapter 6.

use cryptoki_sys::*;

use super::Kind::{Bytes, Ulong};
use super::Preset::Absent;
use super::{Rule, Section, row, typed};

/// Sections 6.8.3, 6.10.3 and those of the HMAC and HKDF key types: the value and its length.
#[rustfmt::skip]
static SECRET_VALUE: [Rule; 2] = [
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_LEN, Ulong, &[2, 3],       Absent),
];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    typed(CKO_SECRET_KEY,  CKK_AES,            &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_GENERIC_SECRET, &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_HKDF,           &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA_1_HMAC,     &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA224_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA256_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA384_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA512_HMAC,    &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_224_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_256_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_384_HMAC,  &SECRET_VALUE),
    typed(CKO_SECRET_KEY,  CKK_SHA3_512_HMAC,  &SECRET_VALUE),
];
