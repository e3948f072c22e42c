//! The attribute table: class by attribute, with type, footnotes and default.
//! Data only, from the tables of [PKCS11-Base 3.2] chapters 4 and 6; `create` and `change` read
//! it. A new object class or key type is a new array and a line in `SECTIONS`.

use cryptoki_sys::*;

/// The data type of an attribute, which decides what bytes are a valid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Ulong,
    /// Any bytes; a big integer is one of these, most significant byte first.
    Bytes,
    /// RFC 2279 (UTF-8) text without a length limit.
    Text,
    /// CK_DATE: eight digits, or empty for no date.
    Date,
    /// An array of CK_ULONG.
    Ulongs,
    /// An array attribute: a nested template.
    Template,
}

/// What an attribute holds when neither the template nor the function supplies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    /// The object does not have the attribute.
    Absent,
    Empty,
    False,
    True,
    Ulong(CK_ULONG),
    /// CK_TRUE for keys of these types: the token-specific default of footnote 9 for usages.
    TrueFor(&'static [CK_KEY_TYPE]),
}

/// One row of a table.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) attribute: CK_ATTRIBUTE_TYPE,
    pub(super) kind: Kind,
    notes: u16,
    pub(super) default: Preset,
}

/// Pseudo-footnote for the attributes that only C_CopyObject may change (section 4.1.3).
pub(super) const COPY: u16 = 14;
/// Pseudo-footnote for what the token alone supplies, whatever the function.
pub(super) const TOKEN: u16 = 15;

impl Rule {
    /// Whether the row carries footnote `number` (1 to 13 of section 4.2, `COPY`, `TOKEN`).
    pub(super) fn note(&self, number: u16) -> bool {
        self.notes & (1 << number) != 0
    }
}

const fn row(attribute: CK_ATTRIBUTE_TYPE, kind: Kind, notes: &[u16], default: Preset) -> Rule {
    let mut bits = 0;
    let mut i = 0;
    while i < notes.len() {
        bits |= 1 << notes[i];
        i += 1;
    }
    Rule {
        attribute,
        kind,
        notes: bits,
        default,
    }
}

use Kind::{Bool, Bytes, Date, Template, Text, Ulong, Ulongs};
use Preset::{Absent, Empty, False, True, TrueFor};

/// Rows that apply to the objects picked by class and, if given, by key or certificate type.
struct Section {
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
    rows: &'static [Rule],
}

/// Sections 4.2 and 4.4, without CKA_PRIVATE, whose default depends on the class.
#[rustfmt::skip]
static STORAGE: [Rule; 7] = [
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
static PUBLIC_BY_DEFAULT: [Rule; 1] = [row(CKA_PRIVATE, Bool, &[COPY], False)];
#[rustfmt::skip]
static PRIVATE_BY_DEFAULT: [Rule; 1] = [row(CKA_PRIVATE, Bool, &[COPY], True)];

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
    // No validation is claimed, so no application may claim one for its keys either.
    row(CKA_OBJECT_VALIDATION_FLAGS, Ulong,  &[2, 4, 6, 9], Preset::Ulong(0)),
];

/// Key types whose keys can encrypt and wrap, and so may by default.
const CIPHERS: &[CK_KEY_TYPE] = &[CKK_RSA, CKK_AES];
const SIGNERS: &[CK_KEY_TYPE] = &[CKK_RSA, CKK_EC];
const MACS: &[CK_KEY_TYPE] = &[
    CKK_AES,
    CKK_GENERIC_SECRET,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
];

/// Section 4.9.
#[rustfmt::skip]
static PUBLIC_KEY: [Rule; 11] = [
    row(CKA_SUBJECT,            Bytes,    &[8],     Empty),
    row(CKA_ENCRYPT,            Bool,     &[8, 9],  TrueFor(CIPHERS)),
    row(CKA_VERIFY,             Bool,     &[8, 9],  TrueFor(SIGNERS)),
    row(CKA_VERIFY_RECOVER,     Bool,     &[8, 9],  TrueFor(&[CKK_RSA])),
    row(CKA_WRAP,               Bool,     &[8, 9],  TrueFor(CIPHERS)),
    row(CKA_ENCAPSULATE,        Bool,     &[8, 9],  False),
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
    row(CKA_DECAPSULATE,         Bool,     &[8, 9],     False),
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

/// Section 4.12.
#[rustfmt::skip]
static DOMAIN_PARAMETERS: [Rule; 2] = [
    row(CKA_KEY_TYPE, Ulong, &[1],    Absent),
    row(CKA_LOCAL,    Bool,  &[2, 4], False),
];

/// Section 4.14: built into the token, never created by an application.
#[rustfmt::skip]
static PROFILE: [Rule; 1] = [row(CKA_PROFILE_ID, Ulong, &[TOKEN], Absent)];

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

/// Section 6.3.3.
#[rustfmt::skip]
static EC_PUBLIC: [Rule; 2] = [
    row(CKA_EC_PARAMS, Bytes, &[1, 3], Absent),
    row(CKA_EC_POINT,  Bytes, &[1, 4], Absent),
];

/// Section 6.3.4.
#[rustfmt::skip]
static EC_PRIVATE: [Rule; 2] = [
    row(CKA_EC_PARAMS, Bytes, &[1, 4, 6],    Absent),
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
];

/// Sections 6.8.3, 6.10.3 and those of the HMAC and HKDF key types: the value and its length.
#[rustfmt::skip]
static SECRET_VALUE: [Rule; 2] = [
    row(CKA_VALUE,     Bytes, &[1, 4, 6, 7], Absent),
    row(CKA_VALUE_LEN, Ulong, &[2, 3],       Absent),
];

const fn of(class: CK_OBJECT_CLASS, rows: &'static [Rule]) -> Section {
    Section {
        class,
        subtype: None,
        rows,
    }
}

const fn typed(class: CK_OBJECT_CLASS, subtype: CK_ULONG, rows: &'static [Rule]) -> Section {
    Section {
        class,
        subtype: Some(subtype),
        rows,
    }
}

/// Which rows apply to which objects, besides `STORAGE`, which applies to all.
#[rustfmt::skip]
static SECTIONS: &[Section] = &[
    of(CKO_DATA,              &PUBLIC_BY_DEFAULT),  of(CKO_DATA,              &DATA),
    of(CKO_CERTIFICATE,       &PUBLIC_BY_DEFAULT),  of(CKO_CERTIFICATE,       &CERTIFICATE),
    of(CKO_PUBLIC_KEY,        &PUBLIC_BY_DEFAULT),  of(CKO_PUBLIC_KEY,        &KEY),
    of(CKO_PRIVATE_KEY,       &PRIVATE_BY_DEFAULT), of(CKO_PRIVATE_KEY,       &KEY),
    of(CKO_SECRET_KEY,        &PRIVATE_BY_DEFAULT), of(CKO_SECRET_KEY,        &KEY),
    of(CKO_DOMAIN_PARAMETERS, &PUBLIC_BY_DEFAULT),  of(CKO_DOMAIN_PARAMETERS, &DOMAIN_PARAMETERS),
    of(CKO_PROFILE,           &PUBLIC_BY_DEFAULT),  of(CKO_PROFILE,           &PROFILE),
    of(CKO_PUBLIC_KEY,  &PUBLIC_KEY),
    of(CKO_PRIVATE_KEY, &PRIVATE_KEY),
    of(CKO_SECRET_KEY,  &SECRET_KEY),
    typed(CKO_CERTIFICATE, CKC_X_509,          &X509),
    typed(CKO_PUBLIC_KEY,  CKK_RSA,            &RSA_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_RSA,            &RSA_PRIVATE),
    typed(CKO_PUBLIC_KEY,  CKK_EC,             &EC_PUBLIC),
    typed(CKO_PRIVATE_KEY, CKK_EC,             &EC_PRIVATE),
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

/// An object class with its key or certificate type, which together pick the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: CK_OBJECT_CLASS,
    pub(super) subtype: Option<CK_ULONG>,
}

impl Shape {
    /// The attribute that names the subtype of objects of `class`, if the class has subtypes.
    pub(super) fn discriminator(class: CK_OBJECT_CLASS) -> Option<CK_ATTRIBUTE_TYPE> {
        match class {
            CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
            CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_DOMAIN_PARAMETERS => {
                Some(CKA_KEY_TYPE)
            }
            _ => None,
        }
    }

    /// Whether the table knows objects of this class and type.
    pub(super) fn is_supported(self) -> bool {
        let class = SECTIONS.iter().any(|section| section.class == self.class);
        let subtyped = matches!(
            self.class,
            CKO_CERTIFICATE | CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY
        );
        let subtype = SECTIONS
            .iter()
            .any(|section| section.class == self.class && section.subtype == self.subtype);
        class && (!subtyped || subtype)
    }

    /// The rows that apply to objects of this shape.
    pub(super) fn rules(self) -> impl Iterator<Item = &'static Rule> {
        let own = SECTIONS
            .iter()
            .filter(move |section| {
                section.class == self.class
                    && (section.subtype.is_none() || section.subtype == self.subtype)
            })
            .flat_map(|section| section.rows);
        STORAGE.iter().chain(own)
    }

    /// The row of one attribute.
    pub(super) fn rule(self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&'static Rule> {
        self.rules().find(|rule| rule.attribute == attribute)
    }
}

/// Whether any object of this token can have the attribute.
pub(crate) fn is_known(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    SECTIONS
        .iter()
        .flat_map(|section| section.rows)
        .chain(&STORAGE)
        .any(|rule| rule.attribute == attribute)
}

/// Whether an attribute value may leave the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// Footnote 7 applies: only keys neither sensitive nor unextractable reveal it.
    WhenSensitive,
    Never,
}

/// How footnote 7 stands for an attribute of objects of `class` and `subtype`.
pub(crate) fn hidden(
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
    attribute: CK_ATTRIBUTE_TYPE,
) -> Hidden {
    match (Shape { class, subtype }).rule(attribute) {
        Some(rule) if rule.note(7) => Hidden::WhenSensitive,
        _ => Hidden::Never,
    }
}
