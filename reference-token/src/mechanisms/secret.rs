//! Secret keys: which values the key types allow, what their check value is, and their generation.
//! [PKCS11-Base 3.2] section 6.8 and the sections on key objects and key generation of each cipher
//! and hash. A new key type is a row of `TYPES`, a new generation mechanism one of `GENERATORS`.

use std::sync::LazyLock;

use cryptoki_sys::*;

use super::{Contribution, Entry, Family, Form, Hash, Mechanism, block, mac, otp, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal};

/// The lengths of value, in bytes, that a key type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// One only, which a template need not name.
    Only(usize),
    OneOf(&'static [usize]),
    Between(usize, usize),
}

/// What is particular about a type of secret key.
#[derive(Debug)]
struct Type {
    key_type: CK_KEY_TYPE,
    lengths: Lengths,
    /// The cipher whose first bytes over zeros are the check value; otherwise SHA-1 gives it.
    cipher: Option<block::Kind>,
    /// Whether objects have CKA_VALUE_LEN.
    has_length: bool,
    /// Whether the lowest bit of each byte makes its parity odd.
    has_parity: bool,
}

const fn cipher_key(key_type: CK_KEY_TYPE, lengths: Lengths, cipher: block::Kind) -> Type {
    Type {
        key_type,
        lengths,
        cipher: Some(cipher),
        has_length: true,
        has_parity: false,
    }
}

/// Section 6.18.2, 6.18.3 and the historical section 2.2.2.
const fn des_key(key_type: CK_KEY_TYPE, length: usize) -> Type {
    Type {
        has_length: false,
        has_parity: true,
        ..cipher_key(key_type, Lengths::Only(length), block::Kind::Des)
    }
}

const fn plain_key(key_type: CK_KEY_TYPE, lengths: Lengths) -> Type {
    Type {
        key_type,
        lengths,
        cipher: None,
        has_length: true,
        has_parity: false,
    }
}

use Lengths::{Between, OneOf, Only};

static TYPES: [Type; 19] = [
    cipher_key(CKK_AES, OneOf(&[16, 24, 32]), block::Kind::Aes),
    cipher_key(CKK_ARIA, OneOf(&[16, 24, 32]), block::Kind::Aria),
    // Any length up to 448 bits, says section 6.45.2; the cipher begins at 32.
    cipher_key(CKK_BLOWFISH, Between(4, 56), block::Kind::Blowfish),
    cipher_key(CKK_CAMELLIA, OneOf(&[16, 24, 32]), block::Kind::Camellia),
    cipher_key(CKK_TWOFISH, OneOf(&[16, 24, 32]), block::Kind::Twofish),
    cipher_key(CKK_CAST128, Between(5, 16), block::Kind::Cast128),
    Type {
        has_length: false,
        ..cipher_key(CKK_IDEA, Only(16), block::Kind::Idea)
    },
    des_key(CKK_DES, 8),
    des_key(CKK_DES2, 16),
    des_key(CKK_DES3, 24),
    // There is no single cipher that an XTS key is the key of, so its check value is a hash.
    plain_key(CKK_AES_XTS, OneOf(&[32, 64])),
    // Nor of an RC2 key, of which mechanisms use as many bits as they are told.
    plain_key(CKK_RC2, Between(1, 128)),
    plain_key(CKK_CHACHA20, Only(32)),
    plain_key(CKK_POLY1305, Only(32)),
    plain_key(CKK_SALSA20, Only(32)),
    plain_key(CKK_GENERIC_SECRET, Between(1, MOST)),
    plain_key(CKK_HKDF, Between(1, MOST)),
    plain_key(CKK_HOTP, Between(otp::KEY_BYTES.0, otp::KEY_BYTES.1)),
    OTHER,
];

/// Longest value that the token generates where the type sets no limit.
const MOST: usize = 4096;

/// Keys of HMAC, and whatever else has a row in the attribute table.
const OTHER: Type = plain_key(CK_UNAVAILABLE_INFORMATION, Between(1, MOST));

fn find(key_type: CK_KEY_TYPE) -> &'static Type {
    TYPES
        .iter()
        .find(|row| row.key_type == key_type)
        .unwrap_or(&TYPES[TYPES.len() - 1])
}

impl Lengths {
    /// Whether a value may be so long. Nothing limits values that are not generated, but the type.
    fn allow(self, length: usize) -> bool {
        match self {
            Only(only) => length == only,
            OneOf(list) => list.contains(&length),
            Between(least, MOST) => length >= least,
            Between(least, most) => (least..=most).contains(&length),
        }
    }
}

/// The types of secret keys, and of the key pairs that every token has.
#[rustfmt::skip]
pub(super) const AND_COMMON_PAIRS: &[CK_KEY_TYPE] = &[
    CKK_RSA, CKK_EC,
    CKK_AES, CKK_AES_XTS, CKK_ARIA, CKK_BLOWFISH, CKK_CAMELLIA, CKK_CAST128, CKK_IDEA, CKK_RC2, CKK_TWOFISH, CKK_DES, CKK_DES2,
    CKK_DES3, CKK_CHACHA20, CKK_POLY1305, CKK_SALSA20, CKK_GENERIC_SECRET, CKK_HKDF,
    CKK_MD5_HMAC, CKK_RIPEMD128_HMAC, CKK_RIPEMD160_HMAC, CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC, CKK_SHA256_HMAC, CKK_SHA384_HMAC, CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC, CKK_SHA512_256_HMAC, CKK_SHA512_T_HMAC, CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC, CKK_SHA3_384_HMAC, CKK_SHA3_512_HMAC, CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC, CKK_BLAKE2B_384_HMAC, CKK_BLAKE2B_512_HMAC,
];

/// Whether every byte has odd parity, as FIPS 46-3 wants of DES keys.
fn is_odd(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.count_ones() % 2 == 1)
}

/// Sets the parity bits that a key type has.
pub(crate) fn set_parity(key_type: CK_KEY_TYPE, value: &mut [u8]) {
    if find(key_type).has_parity {
        for byte in value {
            *byte ^= u8::from(byte.count_ones().is_multiple_of(2));
        }
    }
}

/// The length that values of a key type always have, if there is one.
pub(crate) fn fixed_length(key_type: CK_KEY_TYPE) -> Option<usize> {
    match find(key_type).lengths {
        Only(length) => Some(length),
        _ => None,
    }
}

/// Whether keys of a type can have values of this length.
pub(crate) fn allows_length(key_type: CK_KEY_TYPE, length: usize) -> bool {
    find(key_type).lengths.allow(length)
}

/// Checks a value. Section 6.18.2: wrong parity is an error, which the code of a wrong value is.
pub(super) fn check(key_type: CK_KEY_TYPE, value: &[u8]) -> Result<()> {
    let row = find(key_type);
    let sound = row.lengths.allow(value.len()) && (!row.has_parity || is_odd(value));
    ensure(sound, CKR_ATTRIBUTE_VALUE_INVALID)
}

/// Whether keys of the type have CKA_VALUE_LEN.
pub(crate) fn has_length(key_type: CK_KEY_TYPE) -> bool {
    find(key_type).has_length
}

/// Sections 4.11 and 6.8.2: the first three bytes of zeros encrypted under the key, or of the
/// SHA-1 of a value that is not a cipher's.
pub(super) fn check_value(key_type: CK_KEY_TYPE, value: &[u8]) -> Result<Vec<u8>> {
    let mut check = match find(key_type).cipher {
        Some(kind) => block::zero_block(kind, value)?,
        None => Hash::Sha1.digest(&[value]),
    };
    check.truncate(3);
    Ok(check)
}

/// A key generation mechanism, the type of its keys, and the sizes to publish.
struct Generator(CK_MECHANISM_TYPE, CK_KEY_TYPE, (CK_ULONG, CK_ULONG));

/// Section 6.18.4 says nothing of sizes, the historical section 2.2.9 that they are
/// not used.
const UNUSED: (CK_ULONG, CK_ULONG) = (0, 0);

#[rustfmt::skip]
static GENERATORS: [Generator; 32] = [
    // Section 6.8.3: the one mechanism that counts in bits.
    Generator(CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, (8, 8 * MOST as CK_ULONG)),
    Generator(CKM_AES_KEY_GEN,         CKK_AES,              (16, 32)),
    Generator(CKM_AES_XTS_KEY_GEN,     CKK_AES_XTS,          (32, 64)),
    Generator(CKM_ARIA_KEY_GEN,        CKK_ARIA,             (16, 32)),
    Generator(CKM_BLOWFISH_KEY_GEN,    CKK_BLOWFISH,         (4, 56)),
    Generator(CKM_CAMELLIA_KEY_GEN,    CKK_CAMELLIA,         (16, 32)),
    Generator(CKM_TWOFISH_KEY_GEN,     CKK_TWOFISH,          (16, 32)),
    Generator(CKM_CAST128_KEY_GEN,     CKK_CAST128,          (5, 16)),
    // The historical section counts in bits, too.
    Generator(CKM_RC2_KEY_GEN,         CKK_RC2,              (8, 1024)),
    Generator(CKM_IDEA_KEY_GEN,        CKK_IDEA,             UNUSED),
    Generator(CKM_DES_KEY_GEN,         CKK_DES,              UNUSED),
    Generator(CKM_DES2_KEY_GEN,        CKK_DES2,             UNUSED),
    Generator(CKM_DES3_KEY_GEN,        CKK_DES3,             UNUSED),
    Generator(CKM_CHACHA20_KEY_GEN,    CKK_CHACHA20,         (32, 32)),
    Generator(CKM_POLY1305_KEY_GEN,    CKK_POLY1305,         (32, 32)),
    Generator(CKM_SALSA20_KEY_GEN,     CKK_SALSA20,          (32, 32)),
    Generator(CKM_SHA_1_KEY_GEN,       CKK_SHA_1_HMAC,       mac::BYTES),
    Generator(CKM_SHA224_KEY_GEN,      CKK_SHA224_HMAC,      mac::BYTES),
    Generator(CKM_SHA256_KEY_GEN,      CKK_SHA256_HMAC,      mac::BYTES),
    Generator(CKM_SHA384_KEY_GEN,      CKK_SHA384_HMAC,      mac::BYTES),
    Generator(CKM_SHA512_KEY_GEN,      CKK_SHA512_HMAC,      mac::BYTES),
    Generator(CKM_SHA512_224_KEY_GEN,  CKK_SHA512_224_HMAC,  mac::BYTES),
    Generator(CKM_SHA512_256_KEY_GEN,  CKK_SHA512_256_HMAC,  mac::BYTES),
    Generator(CKM_SHA512_T_KEY_GEN,    CKK_SHA512_T_HMAC,    mac::BYTES),
    Generator(CKM_SHA3_224_KEY_GEN,    CKK_SHA3_224_HMAC,    mac::BYTES),
    Generator(CKM_SHA3_256_KEY_GEN,    CKK_SHA3_256_HMAC,    mac::BYTES),
    Generator(CKM_SHA3_384_KEY_GEN,    CKK_SHA3_384_HMAC,    mac::BYTES),
    Generator(CKM_SHA3_512_KEY_GEN,    CKK_SHA3_512_HMAC,    mac::BYTES),
    Generator(CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC, mac::BLAKE2B_BYTES),
    Generator(CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC, mac::BLAKE2B_BYTES),
    Generator(CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC, mac::BLAKE2B_BYTES),
    Generator(CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC, mac::BLAKE2B_BYTES),
];

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |Generator(mechanism, _, sizes): &Generator| Entry {
        mechanism: *mechanism,
        sizes: *sizes,
        flags: CKF_GENERATE,
        form: Form::None,
        keys: &[],
    };
    GENERATORS.iter().map(entry).collect()
});

/// The key generation mechanisms of secret keys.
pub(super) struct SecretKeys;

fn generated(mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
    GENERATORS
        .iter()
        .find(|Generator(kind, ..)| *kind == mechanism.kind)
        .map(|Generator(_, key_type, _)| *key_type)
}

/// How many bytes to generate. CKA_VALUE_LEN must be named but where the type has one length only:
/// for such types the tables of sections 6.58.2, 6.59.2 and 6.60.2 have it and mark it as required,
/// while the text says that the length is fixed.
fn wanted(key_type: CK_KEY_TYPE, template: &Attributes) -> Result<usize> {
    let lengths = find(key_type).lengths;
    let asked = match (template.ulong(CKA_VALUE_LEN), lengths) {
        (Some(length), _) => length,
        (None, Only(length)) => length as CK_ULONG,
        (None, _) => return Err(refusal(CKR_TEMPLATE_INCOMPLETE)),
    };
    let length = usize::try_from(asked).map_err(|_| refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    let blake2b = (CKK_BLAKE2B_160_HMAC..=CKK_BLAKE2B_512_HMAC).contains(&key_type);
    let most = if blake2b {
        mac::BLAKE2B_BYTES.1 as usize
    } else {
        MOST
    };
    let possible = lengths.allow(length) && length <= most;
    ensure(possible, CKR_ATTRIBUTE_VALUE_INVALID)?;
    if key_type == CKK_AES && mutant!("key-length-ignored") {
        return Ok(16);
    }
    Ok(length)
}

/// A random value. Whether weak DES keys come up is left to the token (section 6.18.4): they do
/// not.
fn value(key_type: CK_KEY_TYPE, length: usize) -> Result<Vec<u8>> {
    loop {
        let mut value = match mutant!("generated-value-predictable") {
            true => (0..length).map(|place| place as u8).collect(),
            false => random(length)?,
        };
        set_parity(key_type, &mut value);
        let weak = find(key_type).has_parity && des::weak_key_test(&value).is_err();
        if !weak {
            return Ok(value);
        }
    }
}

/// The value of a new key, of the length that its template names.
pub(super) fn generate(key_type: CK_KEY_TYPE, template: &Attributes) -> Result<Contribution> {
    let length = wanted(key_type, template)?;
    let value = value(key_type, length)?;
    Ok(vec![(CKA_VALUE, Value::Bytes(value))])
}

impl Family for SecretKeys {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        generated(mechanism)
    }

    fn generate_key(&self, mechanism: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let key_type = generated(mechanism).ok_or(refusal(CKR_MECHANISM_INVALID))?;
        generate(key_type, template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::trial::plain;
    use crate::mechanisms::{find, settle};

    fn template(length: Option<CK_ULONG>) -> Attributes {
        let length = length.map(|length| (CKA_VALUE_LEN, Value::ulong(length)));
        length.into_iter().collect()
    }

    fn generate(kind: CK_MECHANISM_TYPE, length: Option<CK_ULONG>) -> Result<Vec<u8>> {
        let contribution = SecretKeys.generate_key(&plain(kind), &template(length))?;
        Ok(contribution[0].1.bytes().to_vec())
    }

    /// An object of a key type with a value, as it comes to be settled.
    fn key(key_type: CK_KEY_TYPE, value: &[u8]) -> Attributes {
        [
            (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::ulong(key_type)),
            (CKA_VALUE, Value::Bytes(value.to_vec())),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn every_generator_makes_keys_of_its_type_at_both_ends_of_what_it_publishes() {
        for Generator(mechanism, key_type, sizes) in &GENERATORS {
            let (_, entry) = find(*mechanism).unwrap();
            assert_eq!(entry.sizes, *sizes);
            let bits = if [CKK_GENERIC_SECRET, CKK_RC2].contains(key_type) {
                8
            } else {
                1
            };
            let ends = match sizes {
                (0, 0) => [None, None],
                (least, most) => [Some(least / bits), Some(most / bits)],
            };
            for length in ends {
                let value = generate(*mechanism, length).unwrap();
                assert!(length.is_none_or(|length| value.len() as CK_ULONG == length));
                check(*key_type, &value).unwrap();
                settle(&mut key(*key_type, &value)).unwrap();
            }
            let too_long = ends[1].unwrap_or(32) + 1;
            let refused = generate(*mechanism, Some(too_long)).unwrap_err();
            assert_eq!(refused.code(), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn a_length_is_asked_for_unless_there_is_only_one() {
        let refused = generate(CKM_AES_KEY_GEN, None).unwrap_err();
        assert_eq!(refused.code(), CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(generate(CKM_CHACHA20_KEY_GEN, None).unwrap().len(), 32);
        assert_eq!(generate(CKM_DES3_KEY_GEN, None).unwrap().len(), 24);
        for length in [15, 17, 33] {
            let refused = generate(CKM_AES_KEY_GEN, Some(length)).unwrap_err();
            assert_eq!(refused.code(), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn des_keys_have_odd_parity_and_are_not_accepted_without() {
        for _ in 0..20 {
            assert!(is_odd(&generate(CKM_DES2_KEY_GEN, None).unwrap()));
        }
        let mut value = [0x10; 8];
        assert!(check(CKK_DES, &value).is_ok());
        value[7] ^= 1;
        let refused = check(CKK_DES, &value).unwrap_err();
        assert_eq!(refused.code(), CKR_ATTRIBUTE_VALUE_INVALID);
        set_parity(CKK_DES, &mut value);
        assert_eq!(value, [0x10; 8]);
        set_parity(CKK_AES, &mut [0; 16]);
    }

    /// FIPS 46-3 has no length in its keys, and section 6.18.2 no attribute for one.
    #[test]
    fn only_key_types_with_a_length_attribute_get_one() {
        let mut des = key(CKK_DES, &[0x10; 8]);
        settle(&mut des).unwrap();
        assert!(!des.has(CKA_VALUE_LEN));
        let mut aes = key(CKK_AES, &[0; 16]);
        settle(&mut aes).unwrap();
        assert_eq!(aes.ulong(CKA_VALUE_LEN), Some(16));
    }

    /// AES under a key of zeros (FIPS 197 known answers), and SHA-1 of "abc" (FIPS 180-4).
    #[test]
    fn check_values_come_from_the_cipher_of_the_key_or_from_sha_1() {
        let check = |key_type, value: &[u8]| check_value(key_type, value).unwrap();
        assert_eq!(check(CKK_AES, &[0; 16]), [0x66, 0xe9, 0x4b]);
        assert_eq!(check(CKK_GENERIC_SECRET, b"abc"), [0xa9, 0x99, 0x3e]);
        // NIST SP 800-20: the variable plaintext test's key is all ones in its parity bits.
        assert_eq!(check(CKK_DES, &[1; 8]), [0x8c, 0xa6, 0x4d]);
        assert_eq!(check(CKK_DES3, &[1; 24]), [0x8c, 0xa6, 0x4d]);
    }
}
