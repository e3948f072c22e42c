//! Rows of the key types of public and private keys: the key object sections of [PKCS11-Base 3.2]
//! chapter 6.

use cryptoki_sys::*;

use super::Kind::{Bytes, Ulong};
use super::Preset::Absent;
use super::{Rule, Section, row, typed};

/// Section 6.1.2.
#[rustfmt::skip]
static RSA_PUBLIC: [Rule; 3] = [
    row(CKA_MODULUS,         Bytes, &[1, 4], Absent),
    row(CKA_MODULUS_BITS,    Ulong, &[2, 3], Absent),
    row(CKA_PUBLIC_EXPONENT, Bytes, &[1],    Absent),
];

/// Section 6.1.3.
#[rustfmt::skip]
static RSA_PRIVATE: [Rule; 8] = [
    row(CKA_MODULUS,          Bytes, &[1, 4, 6],    Absent),
    row(CKA_PUBLIC_EXPONENT,  Bytes, &[1, 4, 6],    Absent),
    row(CKA_PRIVATE_EXPONENT, Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_PRIME_1,          Bytes, &[4, 6, 7],    Absent),
    row(CKA_PRIME_2,          Bytes, &[4, 6, 7],    Absent),
    row(CKA_EXPONENT_1,       Bytes, &[4, 6, 7],    Absent),
    row(CKA_EXPONENT_2,       Bytes, &[4, 6, 7],    Absent),
    row(CKA_COEFFICIENT,      Bytes, &[4, 6, 7],    Absent),
];

/// Sections 6.3.3, 6.3.5 and 6.3.7.
#[rustfmt::skip]
static EC_PUBLIC: [Rule; 2] = [
    row(CKA_EC_PARAMS, Bytes, &[1, 3], Absent),
    row(CKA_EC_POINT,  Bytes, &[1, 4], Absent),
];

/// Sections 6.3.4, 6.3.6 and 6.3.8.
#[rustfmt::skip]
static EC_PRIVATE: [Rule; 2] = [
    row(CKA_EC_PARAMS, Bytes, &[1, 4, 6],    Absent),
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
];

/// Sections 6.67.2, 6.68.2 and 6.69.2.
#[rustfmt::skip]
static SET_PUBLIC: [Rule; 2] = [
    row(CKA_PARAMETER_SET, Ulong, &[1, 3], Absent),
    row(CKA_VALUE,         Bytes, &[1, 4], Absent),
];

/// Sections 6.67.3 and 6.68.3. Of seed and value at least one must be given, so neither carries
/// footnote 1 here: it is checked when the key is settled.
#[rustfmt::skip]
static SEEDED_PRIVATE: [Rule; 3] = [
    row(CKA_PARAMETER_SET, Ulong, &[1, 4, 6], Absent),
    row(CKA_SEED,          Bytes, &[4, 6, 7], Absent),
    row(CKA_VALUE,         Bytes, &[4, 6, 7], Absent),
];

/// Section 6.69.3.
#[rustfmt::skip]
static SET_PRIVATE: [Rule; 2] = [
    row(CKA_PARAMETER_SET, Ulong, &[1, 4, 6],    Absent),
    row(CKA_VALUE,         Bytes, &[1, 4, 6, 7], Absent),
];

/// Section 6.2.2 and, with the base before the subprime, section 6.4.3.
#[rustfmt::skip]
static FIELD_PUBLIC: [Rule; 4] = [
    row(CKA_PRIME,    Bytes, &[1, 3], Absent),
    row(CKA_SUBPRIME, Bytes, &[1, 3], Absent),
    row(CKA_BASE,     Bytes, &[1, 3], Absent),
    row(CKA_VALUE,    Bytes, &[1, 4], Absent),
];

/// Sections 6.2.4 and 6.4.5.
#[rustfmt::skip]
static FIELD_PRIVATE: [Rule; 4] = [
    row(CKA_PRIME,    Bytes, &[1, 4, 6],    Absent),
    row(CKA_SUBPRIME, Bytes, &[1, 4, 6],    Absent),
    row(CKA_BASE,     Bytes, &[1, 4, 6],    Absent),
    row(CKA_VALUE,    Bytes, &[1, 4, 6, 7], Absent),
];

/// Section 6.4.2.
#[rustfmt::skip]
static DH_PUBLIC: [Rule; 3] = [
    row(CKA_PRIME, Bytes, &[1, 3], Absent),
    row(CKA_BASE,  Bytes, &[1, 3], Absent),
    row(CKA_VALUE, Bytes, &[1, 4], Absent),
];

/// Section 6.4.4.
#[rustfmt::skip]
static DH_PRIVATE: [Rule; 4] = [
    row(CKA_PRIME,      Bytes, &[1, 4, 6],    Absent),
    row(CKA_BASE,       Bytes, &[1, 4, 6],    Absent),
    row(CKA_VALUE,      Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_BITS, Ulong, &[2],          Absent),
];

/// Section 6.65.2.
#[rustfmt::skip]
static HSS_PUBLIC: [Rule; 4] = [
    row(CKA_HSS_LEVELS,     Ulong, &[2, 4], Absent),
    row(CKA_HSS_LMS_TYPE,   Ulong, &[2, 4], Absent),
    row(CKA_HSS_LMOTS_TYPE, Ulong, &[2, 4], Absent),
    row(CKA_VALUE,          Bytes, &[1, 4], Absent),
];

/// Sections 6.2.5 and 6.4.7.
#[rustfmt::skip]
static FIELD_DOMAIN: [Rule; 4] = [
    row(CKA_PRIME,      Bytes, &[1, 4], Absent),
    row(CKA_SUBPRIME,   Bytes, &[1, 4], Absent),
    row(CKA_BASE,       Bytes, &[1, 4], Absent),
    row(CKA_PRIME_BITS, Ulong, &[2, 3], Absent),
];

/// Not in the table of section 6.2.5, whose text says what it is if a template does not name it.
#[rustfmt::skip]
static DSA_DOMAIN: [Rule; 1] = [row(CKA_SUBPRIME_BITS, Ulong, &[2], Absent)];

/// Section 6.4.6.
#[rustfmt::skip]
static DH_DOMAIN: [Rule; 3] = [
    row(CKA_PRIME,      Bytes, &[1, 4], Absent),
    row(CKA_BASE,       Bytes, &[1, 4], Absent),
    row(CKA_PRIME_BITS, Ulong, &[2, 3], Absent),
];

/// Section 6.4.7.
#[rustfmt::skip]
static X9_42_DOMAIN: [Rule; 1] = [row(CKA_SUBPRIME_BITS, Ulong, &[2, 3], Absent)];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    typed(CKO_PUBLIC_KEY,  CKK_RSA, &RSA_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_RSA, &RSA_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_EC,  &EC_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_EC,  &EC_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_EC_EDWARDS,    &EC_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_EC_EDWARDS,    &EC_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_EC_MONTGOMERY, &EC_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY, &EC_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_DSA,      &FIELD_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_DSA,      &FIELD_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_DH,       &DH_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_DH,       &DH_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_X9_42_DH, &FIELD_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_X9_42_DH, &FIELD_PRIVATE),
    typed(CKO_DOMAIN_PARAMETERS, CKK_DSA,      &FIELD_DOMAIN),
    typed(CKO_DOMAIN_PARAMETERS, CKK_DSA,      &DSA_DOMAIN),
    typed(CKO_DOMAIN_PARAMETERS, CKK_DH,       &DH_DOMAIN),
    typed(CKO_DOMAIN_PARAMETERS, CKK_X9_42_DH, &X9_42_DOMAIN),
    typed(CKO_DOMAIN_PARAMETERS, CKK_X9_42_DH, &FIELD_DOMAIN),
    typed(CKO_PUBLIC_KEY,  CKK_HSS,     &HSS_PUBLIC),
    typed(CKO_PUBLIC_KEY,  CKK_XMSS,    &SET_PUBLIC),
    typed(CKO_PUBLIC_KEY,  CKK_XMSSMT,  &SET_PUBLIC),
    typed(CKO_PUBLIC_KEY,  CKK_ML_DSA,  &SET_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_ML_DSA,  &SEEDED_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_SLH_DSA, &SET_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_SLH_DSA, &SET_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_ML_KEM, &SET_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_ML_KEM, &SEEDED_PRIVATE),
];
