//! Rows of objects that are not keys, and of what all objects have in common: [PKCS11-Base 3.2]
//! sections 4.2 to 4.7 and 4.12 to 4.16.

use cryptoki_sys::*;

use super::Kind::{Bool, Bytes, Date, Text, Ulong};
use super::Preset::{self, Absent, Empty, False, True};
use super::{COPY, Rule, Section, TOKEN, of, row, typed};

/// Sections 4.2 and 4.4, without CKA_PRIVATE, whose default depends on the class.
#[rustfmt::skip]
pub(super) static STORAGE: [Rule; 7] = [
    row(CKA_CLASS,       Ulong, &[1],     Absent),
    row(CKA_TOKEN,       Bool,  &[COPY],  False),
    row(CKA_MODIFIABLE,  Bool,  &[COPY],  True),
    row(CKA_LABEL,       Text,  &[8],     Empty),
    // Footnote 12 in prose: cannot be set to CK_TRUE once it is CK_FALSE.
    row(CKA_COPYABLE,    Bool,  &[12, COPY], True),
    row(CKA_DESTROYABLE, Bool,  &[COPY],  True),
    row(CKA_UNIQUE_ID,   Text,  &[2, 4, 6, TOKEN], Absent),
];

#[rustfmt::skip]
pub(super) static PUBLIC_BY_DEFAULT: [Rule; 1] = [row(CKA_PRIVATE, Bool, &[COPY], False)];

/// Section 4.5.
#[rustfmt::skip]
static DATA: [Rule; 3] = [
    row(CKA_APPLICATION, Text,  &[], Empty),
    row(CKA_OBJECT_ID,   Bytes, &[], Empty),
    row(CKA_VALUE,       Bytes, &[], Empty),
];

/// Section 4.6.
#[rustfmt::skip]
static CERTIFICATE: [Rule; 7] = [
    row(CKA_CERTIFICATE_TYPE,     Ulong, &[1],  Absent),
    row(CKA_TRUSTED,              Bool,  &[10], False),
    row(CKA_CERTIFICATE_CATEGORY, Ulong, &[],   Preset::Ulong(CK_CERTIFICATE_CATEGORY_UNSPECIFIED)),
    row(CKA_CHECK_VALUE,          Bytes, &[],   Absent),
    row(CKA_START_DATE,           Date,  &[],   Empty),
    row(CKA_END_DATE,             Date,  &[],   Empty),
    row(CKA_PUBLIC_KEY_INFO,      Bytes, &[],   Empty),
];

/// Section 4.6.3. "May be modified" is said in prose and written here as footnote 8.
#[rustfmt::skip]
static X509: [Rule; 10] = [
    row(CKA_SUBJECT,                    Bytes, &[1], Absent),
    row(CKA_ID,                         Bytes, &[8], Empty),
    row(CKA_ISSUER,                     Bytes, &[8], Empty),
    row(CKA_SERIAL_NUMBER,              Bytes, &[8], Empty),
    row(CKA_VALUE,                      Bytes, &[1], Absent),
    row(CKA_URL,                        Text,  &[],  Empty),
    row(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Bytes, &[],  Empty),
    row(CKA_HASH_OF_ISSUER_PUBLIC_KEY,  Bytes, &[],  Empty),
    row(CKA_JAVA_MIDP_SECURITY_DOMAIN,  Ulong, &[],  Preset::Ulong(CK_SECURITY_DOMAIN_UNSPECIFIED)),
    row(CKA_NAME_HASH_ALGORITHM,        Ulong, &[],  Preset::Ulong(CKM_SHA_1)),
];

/// Section 4.12.
#[rustfmt::skip]
static DOMAIN_PARAMETERS: [Rule; 2] = [
    row(CKA_KEY_TYPE, Ulong, &[1],    Absent),
    row(CKA_LOCAL,    Bool,  &[2, 4], False),
];

/// Section 4.14: built into the token, never created by an application.
#[rustfmt::skip]
static PROFILE: [Rule; 1] = [row(CKA_PROFILE_ID, Ulong, &[TOKEN], Absent)];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    of(CKO_DATA,              &PUBLIC_BY_DEFAULT),  of(CKO_DATA,              &DATA),
    of(CKO_CERTIFICATE,       &PUBLIC_BY_DEFAULT),  of(CKO_CERTIFICATE,       &CERTIFICATE),
    of(CKO_DOMAIN_PARAMETERS, &PUBLIC_BY_DEFAULT),  of(CKO_DOMAIN_PARAMETERS, &DOMAIN_PARAMETERS),
    of(CKO_PROFILE,           &PUBLIC_BY_DEFAULT),  of(CKO_PROFILE,           &PROFILE),
    typed(CKO_CERTIFICATE, CKC_X_509, &X509),
];
