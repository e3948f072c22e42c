//! Rows that keys of one class have in common: [PKCS11-Base 3.2] sections 4.8 to 4.11. Which key
//! types can do what by default (footnote 9) is here too.

use cryptoki_sys::*;

use super::Kind::{Bool, Bytes, Date, OneOf, Template, Ulong, Ulongs};
use super::Preset::{self, Absent, Empty, False, True, TrueFor};
use super::objects::PUBLIC_BY_DEFAULT;
use super::{COPY, Rule, Section, of, row};

/// Key types whose keys can encrypt and wrap, and so may by default.
const CIPHERS: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_AES,
    CKK_AES_XTS,
    CKK_ARIA,
    CKK_BLOWFISH,
    CKK_CAMELLIA,
    CKK_CAST128,
    CKK_CHACHA20,
    CKK_DES,
    CKK_DES2,
    CKK_DES3,
    CKK_IDEA,
    CKK_RC2,
    CKK_SALSA20,
    CKK_TWOFISH,
];
const SIGNERS: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_DSA,
    CKK_EC,
    CKK_EC_EDWARDS,
    CKK_HSS,
    CKK_XMSS,
    CKK_XMSSMT,
    CKK_ML_DSA,
    CKK_SLH_DSA,
];
/// Key types with a mechanism for encapsulation.
const KEMS: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_EC,
    CKK_EC_MONTGOMERY,
    CKK_DH,
    CKK_X9_42_DH,
    CKK_ML_KEM,
];
const MACS: &[CK_KEY_TYPE] = &[
    CKK_AES,
    CKK_ARIA,
    CKK_CAMELLIA,
    CKK_CAST128,
    CKK_DES,
    CKK_DES2,
    CKK_DES3,
    CKK_IDEA,
    CKK_RC2,
    CKK_POLY1305,
    CKK_GENERIC_SECRET,
    CKK_HOTP,
    CKK_MD5_HMAC,
    CKK_RIPEMD128_HMAC,
    CKK_RIPEMD160_HMAC,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA512_T_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
];

#[rustfmt::skip]
static PRIVATE_BY_DEFAULT: [Rule; 1] = [row(CKA_PRIVATE, Bool, &[COPY], True)];

/// Section 4.8.
#[rustfmt::skip]
static KEY: [Rule; 9] = [
    row(CKA_KEY_TYPE,                Ulong,  &[1, 5],    Absent),
    row(CKA_ID,                      Bytes,  &[8],       Empty),
    row(CKA_START_DATE,              Date,   &[8],       Empty),
    row(CKA_END_DATE,                Date,   &[8],       Empty),
    row(CKA_DERIVE,                  Bool,   &[8],       False),
    row(CKA_LOCAL,                   Bool,   &[2, 4, 6], False),
    row(CKA_KEY_GEN_MECHANISM,       Ulong,  &[2, 4, 6], Preset::Ulong(CK_UNAVAILABLE_INFORMATION)),
    row(CKA_ALLOWED_MECHANISMS,      Ulongs, &[],        Absent),
    // Section 4.15.3.2: set only as the validation allows. The token has none, so none can be set.
    row(CKA_OBJECT_VALIDATION_FLAGS, OneOf(&[0]), &[4, 6, 9, 12], Preset::Ulong(0)),
];

/// Section 4.9.
#[rustfmt::skip]
static PUBLIC_KEY: [Rule; 11] = [
    row(CKA_SUBJECT,            Bytes,    &[8],     Empty),
    row(CKA_ENCRYPT,            Bool,     &[8, 9],  TrueFor(CIPHERS)),
    row(CKA_VERIFY,             Bool,     &[8, 9],  TrueFor(SIGNERS)),
    row(CKA_VERIFY_RECOVER,     Bool,     &[8, 9],  TrueFor(&[CKK_RSA])),
    row(CKA_WRAP,               Bool,     &[8, 9],  TrueFor(CIPHERS)),
    row(CKA_ENCAPSULATE,        Bool,     &[8, 9],  TrueFor(KEMS)),
    row(CKA_TRUSTED,            Bool,     &[10],    False),
    row(CKA_WRAP_TEMPLATE,      Template, &[],      Absent),
    row(CKA_ENCAPSULATE_TEMPLATE, Template, &[],    Absent),
    row(CKA_PUBLIC_KEY_INFO,    Bytes,    &[],      Absent),
    // Footnote 1 would make every earlier template incomplete: computed when it is left out.
    row(CKA_PUBLIC_CRC64_VALUE, Bytes,    &[4, 13], Absent),
];

/// Section 4.10.
#[rustfmt::skip]
static PRIVATE_KEY: [Rule; 17] = [
    row(CKA_SUBJECT,             Bytes,    &[8],        Empty),
    row(CKA_SENSITIVE,           Bool,     &[8, 9, 11], True),
    row(CKA_DECRYPT,             Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_SIGN,                Bool,     &[8, 9],     TrueFor(SIGNERS)),
    row(CKA_SIGN_RECOVER,        Bool,     &[8, 9],     TrueFor(&[CKK_RSA])),
    row(CKA_UNWRAP,              Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_DECAPSULATE,         Bool,     &[8, 9],     TrueFor(KEMS)),
    row(CKA_EXTRACTABLE,         Bool,     &[8, 9, 12], False),
    row(CKA_ALWAYS_SENSITIVE,    Bool,     &[2, 4, 6],  False),
    row(CKA_NEVER_EXTRACTABLE,   Bool,     &[2, 4, 6],  False),
    row(CKA_WRAP_WITH_TRUSTED,   Bool,     &[11],       False),
    row(CKA_UNWRAP_TEMPLATE,     Template, &[],         Absent),
    row(CKA_DECAPSULATE_TEMPLATE, Template, &[],        Absent),
    row(CKA_ALWAYS_AUTHENTICATE, Bool,     &[],         False),
    row(CKA_PUBLIC_KEY_INFO,     Bytes,    &[8],        Absent),
    row(CKA_DERIVE_TEMPLATE,     Template, &[],         Absent),
    row(CKA_PUBLIC_CRC64_VALUE,  Bytes,    &[4, 13],    Absent),
];

/// Section 4.11.
#[rustfmt::skip]
static SECRET_KEY: [Rule; 16] = [
    row(CKA_SENSITIVE,         Bool,     &[8, 11],    False),
    row(CKA_ENCRYPT,           Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_DECRYPT,           Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_SIGN,              Bool,     &[8, 9],     TrueFor(MACS)),
    row(CKA_VERIFY,            Bool,     &[8, 9],     TrueFor(MACS)),
    row(CKA_WRAP,              Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_UNWRAP,            Bool,     &[8, 9],     TrueFor(CIPHERS)),
    row(CKA_EXTRACTABLE,       Bool,     &[8, 9, 12], True),
    row(CKA_ALWAYS_SENSITIVE,  Bool,     &[2, 4, 6],  False),
    row(CKA_NEVER_EXTRACTABLE, Bool,     &[2, 4, 6],  False),
    row(CKA_CHECK_VALUE,       Bytes,    &[8],        Absent),
    row(CKA_WRAP_WITH_TRUSTED, Bool,     &[11],       False),
    row(CKA_TRUSTED,           Bool,     &[10],       False),
    row(CKA_WRAP_TEMPLATE,     Template, &[],         Absent),
    row(CKA_UNWRAP_TEMPLATE,   Template, &[],         Absent),
    row(CKA_DERIVE_TEMPLATE,   Template, &[],         Absent),
];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    of(CKO_PUBLIC_KEY,  &PUBLIC_BY_DEFAULT),  of(CKO_PUBLIC_KEY,  &KEY), of(CKO_PUBLIC_KEY,  &PUBLIC_KEY),
    of(CKO_PRIVATE_KEY, &PRIVATE_BY_DEFAULT), of(CKO_PRIVATE_KEY, &KEY), of(CKO_PRIVATE_KEY, &PRIVATE_KEY),
    of(CKO_SECRET_KEY,  &PRIVATE_BY_DEFAULT), of(CKO_SECRET_KEY,  &KEY), of(CKO_SECRET_KEY,  &SECRET_KEY),
    of(CKO_OTP_KEY,     &PRIVATE_BY_DEFAULT), of(CKO_OTP_KEY,     &KEY), of(CKO_OTP_KEY,     &SECRET_KEY),
];
