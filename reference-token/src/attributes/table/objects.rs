//! Rows of objects that are not keys, and of what all objects have in common: [PKCS11-Base 3.2]
//! sections 4.2 to 4.7 and 4.12 to 4.15. Rules that the tables have as footnotes of their own or in
//! prose are in `create`.

use cryptoki_sys::*;

use super::Kind::{Bool, Bytes, Date, OneOf, Text, Ulong};
use super::Preset::{self, Absent, Empty, False, True};
use super::{COPY, Rule, Section, TOKEN, of, row, typed};

/// Section 4.2.
#[rustfmt::skip]
pub(super) static COMMON: [Rule; 1] = [row(CKA_CLASS, Ulong, &[1], Absent)];

/// Section 4.4, without CKA_PRIVATE, whose default depends on the class.
#[rustfmt::skip]
pub(super) static STORAGE: [Rule; 6] = [
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

const CATEGORIES: &[CK_ULONG] = &[
    CK_CERTIFICATE_CATEGORY_UNSPECIFIED,
    CK_CERTIFICATE_CATEGORY_TOKEN_USER,
    CK_CERTIFICATE_CATEGORY_AUTHORITY,
    CK_CERTIFICATE_CATEGORY_OTHER_ENTITY,
];

const DOMAINS: &[CK_ULONG] = &[
    CK_SECURITY_DOMAIN_UNSPECIFIED,
    CK_SECURITY_DOMAIN_MANUFACTURER,
    CK_SECURITY_DOMAIN_OPERATOR,
    CK_SECURITY_DOMAIN_THIRD_PARTY,
];

/// Section 4.6.2.
#[rustfmt::skip]
static CERTIFICATE: [Rule; 7] = [
    row(CKA_CERTIFICATE_TYPE,     Ulong, &[1],  Absent),
    row(CKA_TRUSTED,              Bool,  &[10], False),
    row(CKA_CERTIFICATE_CATEGORY, OneOf(CATEGORIES), &[], Preset::Ulong(CK_CERTIFICATE_CATEGORY_UNSPECIFIED)),
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
    row(CKA_JAVA_MIDP_SECURITY_DOMAIN,  OneOf(DOMAINS), &[],  Preset::Ulong(CK_SECURITY_DOMAIN_UNSPECIFIED)),
    row(CKA_NAME_HASH_ALGORITHM,        Ulong, &[],  Preset::Ulong(CKM_SHA_1)),
];

/// Section 4.6.4.
#[rustfmt::skip]
static WTLS: [Rule; 7] = [
    row(CKA_SUBJECT,                    Bytes, &[1], Absent),
    row(CKA_ISSUER,                     Bytes, &[8], Empty),
    row(CKA_VALUE,                      Bytes, &[1], Absent),
    row(CKA_URL,                        Text,  &[],  Empty),
    row(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Bytes, &[],  Empty),
    row(CKA_HASH_OF_ISSUER_PUBLIC_KEY,  Bytes, &[],  Empty),
    row(CKA_NAME_HASH_ALGORITHM,        Ulong, &[],  Preset::Ulong(CKM_SHA_1)),
];

/// Section 4.6.5.
#[rustfmt::skip]
static ATTRIBUTE_CERTIFICATE: [Rule; 5] = [
    row(CKA_OWNER,         Bytes, &[1], Absent),
    row(CKA_AC_ISSUER,     Bytes, &[8], Empty),
    row(CKA_SERIAL_NUMBER, Bytes, &[8], Empty),
    row(CKA_ATTR_TYPES,    Bytes, &[8], Empty),
    row(CKA_VALUE,         Bytes, &[1], Absent),
];

const TRUSTS: &[CK_ULONG] = &[
    CKT_TRUST_UNKNOWN as CK_ULONG,
    CKT_TRUSTED as CK_ULONG,
    CKT_TRUST_ANCHOR as CK_ULONG,
    CKT_NOT_TRUSTED as CK_ULONG,
    CKT_TRUST_MUST_VERIFY_TRUST as CK_ULONG,
];

/// Section 4.7. A missing trust counts as CKT_TRUST_UNKNOWN and stays missing.
#[rustfmt::skip]
static TRUST: [Rule; 11] = [
    row(CKA_ISSUER,                 Bytes,         &[1], Absent),
    row(CKA_SERIAL_NUMBER,          Bytes,         &[1], Absent),
    row(CKA_HASH_OF_CERTIFICATE,    Bytes,         &[],  Empty),
    row(CKA_NAME_HASH_ALGORITHM,    Ulong,         &[],  Absent),
    row(CKA_TRUST_SERVER_AUTH,      OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_CLIENT_AUTH,      OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_CODE_SIGNING,     OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_EMAIL_PROTECTION, OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_IPSEC_IKE,        OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_TIME_STAMPING,    OneOf(TRUSTS), &[],  Absent),
    row(CKA_TRUST_OCSP_SIGNING,     OneOf(TRUSTS), &[],  Absent),
];

/// Section 4.12.
#[rustfmt::skip]
static DOMAIN_PARAMETERS: [Rule; 2] = [
    row(CKA_KEY_TYPE, Ulong, &[1],    Absent),
    row(CKA_LOCAL,    Bool,  &[2, 4], False),
];

/// Section 4.3: features of the token, never created by an application.
#[rustfmt::skip]
static FEATURE: [Rule; 1] = [row(CKA_HW_FEATURE_TYPE, Ulong, &[1, TOKEN], Absent)];

#[rustfmt::skip]
static CLOCK: [Rule; 1] = [row(CKA_VALUE, Bytes, &[TOKEN], Absent)];

#[rustfmt::skip]
static COUNTER: [Rule; 3] = [
    row(CKA_RESET_ON_INIT, Bool,  &[TOKEN], Absent),
    row(CKA_HAS_RESET,     Bool,  &[TOKEN], Absent),
    row(CKA_VALUE,         Bytes, &[TOKEN], Absent),
];

#[rustfmt::skip]
static INTERFACE: [Rule; 10] = [
    row(CKA_PIXEL_X,          Ulong, &[TOKEN], Absent),
    row(CKA_PIXEL_Y,          Ulong, &[TOKEN], Absent),
    row(CKA_RESOLUTION,       Ulong, &[TOKEN], Absent),
    row(CKA_CHAR_ROWS,        Ulong, &[TOKEN], Absent),
    row(CKA_CHAR_COLUMNS,     Ulong, &[TOKEN], Absent),
    row(CKA_COLOR,            Bool,  &[TOKEN], Absent),
    row(CKA_BITS_PER_PIXEL,   Ulong, &[TOKEN], Absent),
    row(CKA_CHAR_SETS,        Text,  &[TOKEN], Absent),
    row(CKA_ENCODING_METHODS, Text,  &[TOKEN], Absent),
    row(CKA_MIME_TYPES,       Text,  &[TOKEN], Absent),
];

/// Section 4.13, and section 6.44.2 for the one mechanism that has more to say.
#[rustfmt::skip]
static MECHANISM: [Rule; 4] = [
    row(CKA_MECHANISM_TYPE,           Ulong, &[TOKEN], Absent),
    row(CKA_REQUIRED_CMS_ATTRIBUTES,  Bytes, &[TOKEN], Absent),
    row(CKA_DEFAULT_CMS_ATTRIBUTES,   Bytes, &[TOKEN], Absent),
    row(CKA_SUPPORTED_CMS_ATTRIBUTES, Bytes, &[TOKEN], Absent),
];

/// Section 4.14.
#[rustfmt::skip]
static PROFILE: [Rule; 1] = [row(CKA_PROFILE_ID, Ulong, &[TOKEN], Absent)];

/// Section 4.15.
#[rustfmt::skip]
static VALIDATION: [Rule; 11] = [
    row(CKA_VALIDATION_TYPE,                   Ulong, &[TOKEN], Absent),
    row(CKA_VALIDATION_VERSION,                Bytes, &[TOKEN], Absent),
    row(CKA_VALIDATION_LEVEL,                  Ulong, &[TOKEN], Absent),
    row(CKA_VALIDATION_MODULE_ID,              Text,  &[TOKEN], Absent),
    row(CKA_VALIDATION_FLAG,                   Ulong, &[TOKEN], Absent),
    row(CKA_VALIDATION_AUTHORITY_TYPE,         Ulong, &[TOKEN], Absent),
    row(CKA_VALIDATION_COUNTRY,                Text,  &[TOKEN], Absent),
    row(CKA_VALIDATION_CERTIFICATE_IDENTIFIER, Text,  &[TOKEN], Absent),
    row(CKA_VALIDATION_CERTIFICATE_URI,        Text,  &[TOKEN], Absent),
    row(CKA_VALIDATION_VENDOR_URI,             Text,  &[TOKEN], Absent),
    row(CKA_VALIDATION_PROFILE,                Text,  &[TOKEN], Absent),
];

#[rustfmt::skip]
pub(super) static SECTIONS: &[Section] = &[
    of(CKO_DATA,              &PUBLIC_BY_DEFAULT),  of(CKO_DATA,              &DATA),
    of(CKO_CERTIFICATE,       &PUBLIC_BY_DEFAULT),  of(CKO_CERTIFICATE,       &CERTIFICATE),
    of(CKO_TRUST,             &PUBLIC_BY_DEFAULT),  of(CKO_TRUST,             &TRUST),
    of(CKO_DOMAIN_PARAMETERS, &PUBLIC_BY_DEFAULT),  of(CKO_DOMAIN_PARAMETERS, &DOMAIN_PARAMETERS),
    of(CKO_PROFILE,           &PUBLIC_BY_DEFAULT),  of(CKO_PROFILE,           &PROFILE),
    of(CKO_VALIDATION,        &PUBLIC_BY_DEFAULT),  of(CKO_VALIDATION,        &VALIDATION),
    of(CKO_MECHANISM,         &MECHANISM),          of(CKO_HW_FEATURE,        &FEATURE),
    typed(CKO_CERTIFICATE, CKC_X_509,           &X509),
    typed(CKO_CERTIFICATE, CKC_WTLS,            &WTLS),
    typed(CKO_CERTIFICATE, CKC_X_509_ATTR_CERT, &ATTRIBUTE_CERTIFICATE),
    typed(CKO_HW_FEATURE,  CKH_CLOCK,             &CLOCK),
    typed(CKO_HW_FEATURE,  CKH_MONOTONIC_COUNTER, &COUNTER),
    typed(CKO_HW_FEATURE,  CKH_USER_INTERFACE,    &INTERFACE),
];
