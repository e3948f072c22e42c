//! Recipes: objects of every class and key type that can be created or generated, as the templates
//! that make them. A recipe is a row; templates that are wrong are made from these by bending. What is
//! made from bytes and what is made from the tables of the standard use the same ones.

use cryptoki_sys::*;

use super::numbers as n;
use super::{Attribute, AttributeValue, Bytes, Content, Number};

/// The value of an attribute in a row.
#[derive(Debug, Clone, Copy)]
enum Val {
    Yes,
    No,
    Ulong(u64),
    /// Hexadecimal.
    Hex(&'static str),
    /// This byte, this often.
    Fill(u8, usize),
    Text(&'static str),
}

use Val::{Fill, Hex, No, Text, Ulong, Yes};

/// An object by its template.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) class: u64,
    /// `CK_KEY_TYPE`, or `CK_UNAVAILABLE_INFORMATION` for what is no key.
    pub(crate) key_type: u64,
    rows: &'static [(u64, Val)],
}

const NO_KEY: u64 = CK_UNAVAILABLE_INFORMATION;

/// A test key shall show what it is: neither sensitive nor kept inside.
const OPEN: [(u64, Val); 2] = [(CKA_SENSITIVE, No), (CKA_EXTRACTABLE, Yes)];

impl Recipe {
    /// The template.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        let mut all = vec![attribute(CKA_CLASS, Ulong(self.class))];
        if self.key_type != NO_KEY {
            all.push(attribute(CKA_KEY_TYPE, Ulong(self.key_type)));
        }
        all.extend(
            self.rows
                .iter()
                .map(|(name, value)| attribute(*name, *value)),
        );
        if [CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_OTP_KEY].contains(&self.class) {
            all.extend(OPEN.map(|(name, value)| attribute(name, value)));
        }
        all
    }

    /// How large the key is, in the unit of [`SIZES`]; `None` of types that it does not name.
    pub(crate) fn size(&self) -> Option<u64> {
        let (tells, bits) = match self.key_type {
            CKK_RSA => (CKA_MODULUS, 8),
            CKK_AES => (CKA_VALUE, 1),
            _ => return None,
        };
        let (_, value) = self.rows.iter().find(|(name, _)| *name == tells)?;
        let bytes = match value {
            Hex(text) => text.len() / 2,
            Fill(_, count) => *count,
            _ => return None,
        };
        Some(bytes as u64 * bits)
    }
}

fn attribute(attribute: u64, value: Val) -> Attribute {
    let bytes = |content| AttributeValue::Bytes(Bytes::of(content));
    Attribute {
        attribute,
        value: match value {
            Yes => AttributeValue::Bool(1),
            No => AttributeValue::Bool(0),
            Ulong(value) => AttributeValue::Ulong(Number::Literal(value)),
            Hex(text) => bytes(Content::Literal(from_hex(text))),
            Fill(byte, count) => bytes(Content::Repeat { byte, count }),
            Text(text) => bytes(Content::Text(text.to_owned())),
        },
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    super::lexicon::from_hex(text).unwrap_or_default()
}

const fn recipe(class: u64, key_type: u64, rows: &'static [(u64, Val)]) -> Recipe {
    Recipe {
        class,
        key_type,
        rows,
    }
}

const fn secret(key_type: u64, rows: &'static [(u64, Val)]) -> Recipe {
    recipe(CKO_SECRET_KEY, key_type, rows)
}

const P_256: Val = Hex("06082a8648ce3d030107");
const ED25519: Val = Hex("06032b6570");
const X25519: Val = Hex("06032b656e");

/// Objects that C_CreateObject makes.
#[rustfmt::skip]
static OBJECTS: &[Recipe] = &[
    secret(CKK_AES, &[(CKA_VALUE, Fill(0x2b, 16))]),
    secret(CKK_GENERIC_SECRET, &[(CKA_VALUE, Fill(0x0b, 32)), (CKA_DERIVE, Yes), (CKA_SIGN, Yes), (CKA_VERIFY, Yes)]),
    secret(CKK_AES, &[(CKA_VALUE, Fill(0x61, 32)), (CKA_DERIVE, Yes)]),
    secret(CKK_GENERIC_SECRET, &[(CKA_VALUE, Fill(3, 48)), (CKA_DERIVE, Yes), (CKA_SIGN, Yes), (CKA_VERIFY, Yes)]),
    secret(CKK_SHA256_HMAC, &[(CKA_VALUE, Fill(0x0b, 32))]),
    secret(CKK_HKDF, &[(CKA_VALUE, Fill(0x0b, 22)), (CKA_DERIVE, Yes)]),
    secret(CKK_DES3, &[(CKA_VALUE, Hex("0123456789abcdef23456789abcdef01456789abcdef0123")), (CKA_DERIVE, Yes)]),
    secret(CKK_DES2, &[(CKA_VALUE, Hex("0123456789abcdef23456789abcdef01"))]),
    secret(CKK_DES, &[(CKA_VALUE, Hex("0123456789abcdef"))]),
    secret(CKK_AES_XTS, &[(CKA_VALUE, Hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))]),
    secret(CKK_CAMELLIA, &[(CKA_VALUE, Fill(0x11, 16)), (CKA_DERIVE, Yes)]),
    secret(CKK_ARIA, &[(CKA_VALUE, Fill(0x12, 16)), (CKA_DERIVE, Yes)]),
    secret(CKK_SEED, &[(CKA_VALUE, Fill(0x13, 16)), (CKA_DERIVE, Yes)]),
    secret(CKK_BLOWFISH, &[(CKA_VALUE, Fill(0x14, 16))]),
    secret(CKK_TWOFISH, &[(CKA_VALUE, Fill(0x15, 16))]),
    secret(CKK_CHACHA20, &[(CKA_VALUE, Fill(0x16, 32))]),
    secret(CKK_SALSA20, &[(CKA_VALUE, Fill(0x17, 32))]),
    secret(CKK_POLY1305, &[(CKA_VALUE, Fill(0x18, 32))]),
    recipe(CKO_OTP_KEY, CKK_HOTP, &[(CKA_VALUE, Text("12345678901234567890"))]),
    recipe(CKO_PUBLIC_KEY, CKK_RSA, &[(CKA_MODULUS, Hex(n::MODULUS)), (CKA_PUBLIC_EXPONENT, Hex("010001"))]),
    recipe(CKO_PRIVATE_KEY, CKK_RSA, &[
        (CKA_MODULUS, Hex(n::MODULUS)), (CKA_PUBLIC_EXPONENT, Hex("010001")), (CKA_PRIVATE_EXPONENT, Hex(n::PRIVATE_EXPONENT)),
        (CKA_PRIME_1, Hex(n::PRIME_1)), (CKA_PRIME_2, Hex(n::PRIME_2)), (CKA_EXPONENT_1, Hex(n::EXPONENT_1)),
        (CKA_EXPONENT_2, Hex(n::EXPONENT_2)), (CKA_COEFFICIENT, Hex(n::COEFFICIENT)),
    ]),
    recipe(CKO_PUBLIC_KEY, CKK_EC, &[(CKA_EC_PARAMS, P_256), (CKA_EC_POINT, Hex(n::EC_POINT))]),
    recipe(CKO_PRIVATE_KEY, CKK_EC, &[(CKA_EC_PARAMS, P_256), (CKA_VALUE, Hex(n::EC_PRIVATE)), (CKA_DERIVE, Yes)]),
    // RFC 8032 section 7.1, test 1.
    recipe(CKO_PUBLIC_KEY, CKK_EC_EDWARDS, &[(CKA_EC_PARAMS, ED25519), (CKA_EC_POINT, Hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))]),
    recipe(CKO_PRIVATE_KEY, CKK_EC_EDWARDS, &[(CKA_EC_PARAMS, ED25519), (CKA_VALUE, Hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))]),
    recipe(CKO_PUBLIC_KEY, CKK_EC_MONTGOMERY, &[(CKA_EC_PARAMS, X25519), (CKA_EC_POINT, Hex("54e6a3a77a01a358792fc49b1723f54e8f3843e0ae625dfc8b85586c6ab9843a"))]),
    recipe(CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY, &[(CKA_EC_PARAMS, X25519), (CKA_VALUE, Hex("e859c9125ba950aa9b92dfa30bacb8611f116770d09d18c15eb9950331470054")), (CKA_DERIVE, Yes)]),
    recipe(CKO_PUBLIC_KEY, CKK_DSA, &[(CKA_PRIME, Hex(n::DSA_PRIME)), (CKA_SUBPRIME, Hex(n::DSA_SUBPRIME)), (CKA_BASE, Hex(n::DSA_BASE)), (CKA_VALUE, Hex(n::DSA_PUBLIC))]),
    recipe(CKO_PRIVATE_KEY, CKK_DSA, &[(CKA_PRIME, Hex(n::DSA_PRIME)), (CKA_SUBPRIME, Hex(n::DSA_SUBPRIME)), (CKA_BASE, Hex(n::DSA_BASE)), (CKA_VALUE, Hex(n::DSA_PRIVATE))]),
    recipe(CKO_PUBLIC_KEY, CKK_DH, &[(CKA_PRIME, Hex(n::DH_PRIME)), (CKA_BASE, Hex("02")), (CKA_VALUE, Hex(n::DH_PUBLIC))]),
    recipe(CKO_PRIVATE_KEY, CKK_DH, &[(CKA_PRIME, Hex(n::DH_PRIME)), (CKA_BASE, Hex("02")), (CKA_VALUE, Hex(n::DH_PRIVATE)), (CKA_DERIVE, Yes)]),
    recipe(CKO_DATA, NO_KEY, &[(CKA_LABEL, Text("data")), (CKA_APPLICATION, Text("fuzz")), (CKA_VALUE, Text("value"))]),
    recipe(CKO_DATA, NO_KEY, &[(CKA_TOKEN, Yes), (CKA_PRIVATE, Yes), (CKA_VALUE, Fill(7, 300))]),
    recipe(CKO_CERTIFICATE, NO_KEY, &[(CKA_CERTIFICATE_TYPE, Ulong(CKC_X_509)), (CKA_SUBJECT, Hex("3000")), (CKA_VALUE, Hex("3000"))]),
    recipe(CKO_DOMAIN_PARAMETERS, CKK_DH, &[(CKA_PRIME, Hex(n::DH_PRIME)), (CKA_BASE, Hex("02"))]),
    recipe(CKO_TRUST, NO_KEY, &[(CKA_ISSUER, Hex("3000")), (CKA_SERIAL_NUMBER, Hex("020101"))]),
];

/// Keys for tokens that take none of the smaller ones in [`OBJECTS`], the smallest first. They are slower.
#[rustfmt::skip]
static LARGER: &[Recipe] = &[
    recipe(CKO_PUBLIC_KEY, CKK_RSA, &[(CKA_MODULUS, Hex(n::MODULUS_2048)), (CKA_PUBLIC_EXPONENT, Hex("010001"))]),
    recipe(CKO_PRIVATE_KEY, CKK_RSA, &[
        (CKA_MODULUS, Hex(n::MODULUS_2048)), (CKA_PUBLIC_EXPONENT, Hex("010001")), (CKA_PRIVATE_EXPONENT, Hex(n::PRIVATE_EXPONENT_2048)),
        (CKA_PRIME_1, Hex(n::PRIME_1_2048)), (CKA_PRIME_2, Hex(n::PRIME_2_2048)), (CKA_EXPONENT_1, Hex(n::EXPONENT_1_2048)),
        (CKA_EXPONENT_2, Hex(n::EXPONENT_2_2048)), (CKA_COEFFICIENT, Hex(n::COEFFICIENT_2048)),
    ]),
];

/// The attribute that says how large a key is to be generated, and sizes to ask for, the cheapest first: of key types
/// that can be had in several sizes. They are in the unit in which the token's mechanisms tell the sizes that they
/// take, bits of an RSA modulus ([PKCS11-Base 3.2] 6.1.4) and bytes of an AES key (6.10.3).
static SIZES: &[(u64, u64, &[u64])] = &[
    (CKK_RSA, CKA_MODULUS_BITS, &[1024, 2048, 3072, 4096]),
    (CKK_AES, CKA_VALUE_LEN, &[16, 24, 32]),
];

/// What generation needs to be told, by the type of the keys.
#[rustfmt::skip]
static GENERATED: &[(u64, &[(u64, Val)])] = &[
    (CKK_AES,            &[(CKA_VALUE_LEN, Ulong(16))]),
    (CKK_AES_XTS,        &[(CKA_VALUE_LEN, Ulong(64))]),
    (CKK_GENERIC_SECRET, &[(CKA_VALUE_LEN, Ulong(32)), (CKA_DERIVE, Yes)]),
    (CKK_HKDF,           &[(CKA_VALUE_LEN, Ulong(32)), (CKA_DERIVE, Yes)]),
    (CKK_CAMELLIA,       &[(CKA_VALUE_LEN, Ulong(16))]),
    (CKK_ARIA,           &[(CKA_VALUE_LEN, Ulong(16))]),
    (CKK_BLOWFISH,       &[(CKA_VALUE_LEN, Ulong(16))]),
    (CKK_TWOFISH,        &[(CKA_VALUE_LEN, Ulong(16))]),
    (CKK_HOTP,           &[(CKA_VALUE_LEN, Ulong(20))]),
    (CKK_RSA,            &[(CKA_MODULUS_BITS, Ulong(1024)), (CKA_PUBLIC_EXPONENT, Hex("010001"))]),
    (CKK_EC,             &[(CKA_EC_PARAMS, P_256)]),
    (CKK_EC_EDWARDS,     &[(CKA_EC_PARAMS, ED25519)]),
    (CKK_EC_MONTGOMERY,  &[(CKA_EC_PARAMS, X25519)]),
    (CKK_ML_KEM,         &[(CKA_PARAMETER_SET, Ulong(CKP_ML_KEM_512))]),
    (CKK_ML_DSA,         &[(CKA_PARAMETER_SET, Ulong(CKP_ML_DSA_44))]),
    (CKK_SLH_DSA,        &[(CKA_PARAMETER_SET, Ulong(CKP_SLH_DSA_SHA2_128F))]),
    (CKK_DH,             &[(CKA_PRIME, Hex(n::DH_PRIME)), (CKA_BASE, Hex("02"))]),
    (CKK_DSA,            &[(CKA_PRIME, Hex(n::DSA_PRIME)), (CKA_SUBPRIME, Hex(n::DSA_SUBPRIME)), (CKA_BASE, Hex(n::DSA_BASE))]),
    (CKK_X9_42_DH,       &[(CKA_PRIME, Hex(n::DSA_PRIME)), (CKA_SUBPRIME, Hex(n::DSA_SUBPRIME)), (CKA_BASE, Hex(n::DSA_BASE))]),
];

/// All recipes of objects.
pub(crate) fn objects() -> &'static [Recipe] {
    OBJECTS
}

/// The recipes of a key of one of these types and of this class.
pub(crate) fn keys(class: u64, key_types: &[u64]) -> impl Iterator<Item = &'static Recipe> {
    OBJECTS
        .iter()
        .filter(move |recipe| recipe.class == class && key_types.contains(&recipe.key_type))
}

/// The same, of keys for tokens that take none of those.
pub(crate) fn larger(class: u64, key_types: &[u64]) -> impl Iterator<Item = &'static Recipe> {
    LARGER
        .iter()
        .filter(move |recipe| recipe.class == class && key_types.contains(&recipe.key_type))
}

/// As [`generation`], with the cheapest size that is taken, if any is.
pub(crate) fn generation_of(key_type: u64, takes: impl Fn(u64) -> bool) -> Vec<Attribute> {
    let mut attributes = generation(key_type);
    let sized = SIZES.iter().find(|(of, ..)| *of == key_type);
    if let Some((_, tells, sizes)) = sized
        && let Some(size) = sizes.iter().copied().find(|size| takes(*size))
    {
        let told = attributes.iter_mut().find(|one| one.attribute == *tells);
        told.into_iter()
            .for_each(|one| one.value = AttributeValue::Ulong(Number::Literal(size)));
    }
    attributes
}

/// The template with which a key of this type is generated: the part that its mechanism needs.
pub(crate) fn generation(key_type: u64) -> Vec<Attribute> {
    let rows = GENERATED.iter().find(|(of, _)| *of == key_type);
    rows.into_iter()
        .flat_map(|(_, rows)| rows.iter())
        .map(|(name, value)| attribute(*name, *value))
        .collect()
}

/// The template of a key that a function is to make from other keys.
pub(crate) fn made(key_type: u64, length: u64) -> Vec<Attribute> {
    let rows = [
        (CKA_CLASS, Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Ulong(key_type)),
        (CKA_VALUE_LEN, Ulong(length)),
    ];
    let all = rows.into_iter().chain(OPEN);
    all.map(|(name, value)| attribute(name, value)).collect()
}

/// What makes a generated private or secret key show itself.
pub(crate) fn open() -> Vec<Attribute> {
    OPEN.map(|(name, value)| attribute(name, value)).to_vec()
}

/// Another party's public values, for ECDH on P-256 (two encodings) and X25519.
pub(crate) fn public_points() -> [Vec<u8>; 3] {
    [&n::EC_POINT[4..], n::EC_POINT, n::X25519_PUBLIC].map(from_hex)
}

/// Another party's public value, for DH in the group of the recipes.
pub(crate) fn dh_public() -> Vec<u8> {
    from_hex(n::DH_PUBLIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_hexadecimal() {
        for recipe in OBJECTS.iter().chain(LARGER) {
            for (name, value) in recipe.rows {
                if let Hex(text) = value {
                    assert!(!from_hex(text).is_empty(), "{name:#x} of {recipe:?}");
                }
            }
        }
    }

    #[test]
    fn keys_know_their_size() {
        let sizes = |of: &'static [Recipe], key_type| -> Vec<u64> {
            let keys = of.iter().filter(|recipe| recipe.key_type == key_type);
            keys.filter_map(Recipe::size).collect()
        };
        assert_eq!(sizes(OBJECTS, CKK_RSA), [1024, 1024]);
        assert_eq!(sizes(LARGER, CKK_RSA), [2048, 2048]);
        assert_eq!(sizes(OBJECTS, CKK_AES), [16, 32]);
        assert!(sizes(OBJECTS, CKK_EC).is_empty());
    }

    #[test]
    fn the_cheapest_size_that_is_taken_is_generated() {
        let told = |key_type: u64, tells: u64, takes: &dyn Fn(u64) -> bool| {
            let attributes = generation_of(key_type, takes);
            let found = attributes.iter().find(|one| one.attribute == tells);
            found.map(|one| one.value.clone())
        };
        let number = |value| Some(AttributeValue::Ulong(Number::Literal(value)));
        for (key_type, tells, least, most, wanted) in [
            (CKK_RSA, CKA_MODULUS_BITS, 0, u64::MAX, 1024),
            (CKK_RSA, CKA_MODULUS_BITS, 1025, 4096, 2048),
            (CKK_RSA, CKA_MODULUS_BITS, 3072, 3072, 3072),
            (CKK_RSA, CKA_MODULUS_BITS, 128, 512, 1024),
            (CKK_AES, CKA_VALUE_LEN, 32, 32, 32),
            (CKK_AES, CKA_VALUE_LEN, 128, 256, 16),
        ] {
            let found = told(key_type, tells, &|size| (least..=most).contains(&size));
            assert_eq!(found, number(wanted), "{key_type} from {least} to {most}");
        }
        assert_eq!(generation_of(CKK_EC, |_| true), generation(CKK_EC));
    }
}
