//! The standard's own examples of section 6.43, and published answers of what is composed here.

use std::sync::Arc;

use super::*;
use crate::attributes::{Attributes, Value};
use crate::mechanisms::der::tests::hex;
use crate::mechanisms::{Named, Wish};

fn key(value: &[u8], key_type: CK_KEY_TYPE) -> Attributes {
    [
        (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::ulong(key_type)),
        (CKA_VALUE, Value::Bytes(value.to_vec())),
    ]
    .into_iter()
    .collect()
}

fn derive(
    kind: CK_MECHANISM_TYPE,
    parameter: Parameter,
    base: &Attributes,
    length: Option<usize>,
) -> Result<Vec<u8>> {
    let asked = Derivation {
        mechanism: &Mechanism { kind, parameter },
        base,
        own: Wish {
            class: None,
            key_type: None,
            length,
        },
        additional: Vec::new(),
    };
    let product = Simple.derive_keys(&asked)?.products.remove(0);
    Ok(product.contribution[0].1.bytes().to_vec())
}

/// The examples in sections 6.43.3 to 6.43.7.
#[test]
fn the_examples_of_the_standard_come_out() {
    let base = key(&hex("01234567"), CKK_GENERIC_SECRET);
    let data = || Parameter::StringData(hex("89ABCDEF"));
    let other = Named::Key(Arc::new(key(&hex("89ABCDEF"), CKK_GENERIC_SECRET)));
    let rows = [
        (
            CKM_CONCATENATE_BASE_AND_KEY,
            Parameter::Key(other),
            "0123456789ABCDEF",
        ),
        (CKM_CONCATENATE_BASE_AND_DATA, data(), "0123456789ABCDEF"),
        (CKM_CONCATENATE_DATA_AND_BASE, data(), "89ABCDEF01234567"),
        (CKM_XOR_BASE_AND_DATA, data(), "88888888"),
    ];
    for (kind, parameter, expected) in rows {
        assert_eq!(derive(kind, parameter, &base, None).unwrap(), hex(expected));
    }
    let base = key(&hex("329F84A9"), CKK_GENERIC_SECRET);
    let extracted = derive(
        CKM_EXTRACT_KEY_FROM_KEY,
        Parameter::Ulong(21),
        &base,
        Some(2),
    );
    assert_eq!(extracted.unwrap(), hex("9526"));
}

#[test]
fn extraction_stays_within_the_key() {
    let base = key(&[1; 4], CKK_GENERIC_SECRET);
    let code = |from, length| {
        let parameter = Parameter::Ulong(from);
        let result = derive(CKM_EXTRACT_KEY_FROM_KEY, parameter, &base, length);
        result.unwrap_err().code()
    };
    assert_eq!(code(32, Some(1)), CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(code(0, Some(5)), CKR_KEY_SIZE_RANGE);
    assert_eq!(code(0, None), CKR_TEMPLATE_INCOMPLETE);
}

/// FIPS 180-4 and FIPS 202 examples for "abc" and for nothing, RFC 7693 appendix A.
#[test]
fn a_digest_of_the_key_makes_a_key() {
    let base = key(b"abc", CKK_GENERIC_SECRET);
    let of = |kind, length| derive(kind, Parameter::None, &base, length).unwrap();
    assert_eq!(
        of(CKM_SHA1_KEY_DERIVATION, None),
        hex("a9993e364706816aba3e25717850c26c9cd0d89d")
    );
    assert_eq!(of(CKM_SHA256_KEY_DERIVATION, Some(4)), hex("ba7816bf"));
    assert_eq!(
        of(CKM_BLAKE2B_512_KEY_DERIVE, Some(8)),
        hex("ba80a53f981c4d0d")
    );
    // The digest of "abc" under SHAKE128, from the examples of NIST.
    assert_eq!(
        of(CKM_SHAKE_128_KEY_DERIVATION, Some(16)),
        hex("5881092dd818bf5cf8a3ddb793fbcba7")
    );
    assert_eq!(
        of(CKM_SHAKE_256_KEY_DERIVATION, Some(16)),
        hex("483366601360a8771c6863080cc4114d")
    );
    let refusal = derive(CKM_SHAKE_128_KEY_DERIVATION, Parameter::None, &base, None);
    assert_eq!(refusal.unwrap_err().code(), CKR_TEMPLATE_INCOMPLETE);
    let refusal = derive(CKM_SHA1_KEY_DERIVATION, Parameter::None, &base, Some(21));
    assert_eq!(refusal.unwrap_err().code(), CKR_KEY_SIZE_RANGE);
}

/// SP 800-38A sections F.1.1 and F.2.1: the ciphertext is the key.
#[test]
fn ciphertext_makes_a_key() {
    let base = key(&hex("2b7e151628aed2a6abf7158809cf4f3c"), CKK_AES);
    let data = hex("6bc1bee22e409f96e93d7e117393172a");
    let ecb = derive(
        CKM_AES_ECB_ENCRYPT_DATA,
        Parameter::StringData(data.clone()),
        &base,
        None,
    );
    assert_eq!(ecb.unwrap(), hex("3ad77bb40d7a3660a89ecaf32466ef97"));
    let chained = Parameter::BlockData {
        iv: (0..16).collect(),
        data,
    };
    let cbc = derive(CKM_AES_CBC_ENCRYPT_DATA, chained, &base, Some(8));
    assert_eq!(cbc.unwrap(), hex("7649abac8119b246"));
}

/// Without published answers: computed with OpenSSL 3.0, `openssl enc -CIPHER -nopad`.
#[test]
fn ciphertexts_of_other_ciphers_are_those_of_openssl() {
    let des = key(
        &hex("0123456789abcdef23456789abcdef01456789abcdef0123"),
        CKK_DES3,
    );
    let value = hex("000102030405060708090a0b0c0d0e0f");
    let (camellia, aria) = (key(&value, CKK_CAMELLIA), key(&value, CKK_ARIA));
    let data = hex("00112233445566778899aabbccddeeff0123456789abcdef0011223344556677");
    let ecb = || Parameter::StringData(data.clone());
    let cbc = |iv: &str| Parameter::BlockData {
        iv: hex(iv),
        data: data.clone(),
    };
    let short = "0102030405060708";
    let long = "0f0e0d0c0b0a09080706050403020100";
    let rows = [
        (
            CKM_DES3_ECB_ENCRYPT_DATA,
            ecb(),
            &des,
            "109aeac4d79bfaddf9ad78eda08644d5f2afd84ee809e2b5109aeac4d79bfadd",
        ),
        (
            CKM_DES3_CBC_ENCRYPT_DATA,
            cbc(short),
            &des,
            "913c7375d8a660372d930bb47dc461506ea526167da0d2fb6469ec19b44d0edc",
        ),
        (
            CKM_CAMELLIA_ECB_ENCRYPT_DATA,
            ecb(),
            &camellia,
            "77cf412067af8270613529149919546fbc8a385bdfc110ae7ba9c8ba4c7edb87",
        ),
        (
            CKM_CAMELLIA_CBC_ENCRYPT_DATA,
            cbc(long),
            &camellia,
            "0403a0529f62ecfeb4b0c1d62aea306965597eb0c3bfb94deded9f12412555ad",
        ),
        (
            CKM_ARIA_ECB_ENCRYPT_DATA,
            ecb(),
            &aria,
            "d718fbd6ab644c739da95f3be6451778b475524bde33fb692d0e58c12e5a4abb",
        ),
        (
            CKM_ARIA_CBC_ENCRYPT_DATA,
            cbc(long),
            &aria,
            "37c7a1f5259e100637798850fdc1fc48912009da5d364fcdcabcc8c92efd7bf5",
        ),
    ];
    for (kind, parameter, base, expected) in rows {
        let value = derive(kind, parameter, base, None).unwrap();
        assert_eq!(value, hex(expected), "{kind:#x}");
    }
}

/// Section 6.17.3 has a code for too little data; data of broken blocks is a broken parameter.
#[test]
fn too_little_data_and_broken_blocks_have_their_own_codes() {
    let base = key(&[7; 16], CKK_AES);
    let code = |data: &[u8], length| {
        let parameter = Parameter::StringData(data.to_vec());
        let result = derive(CKM_AES_ECB_ENCRYPT_DATA, parameter, &base, length);
        result.unwrap_err().code()
    };
    assert_eq!(code(&[0; 16], Some(17)), CKR_DATA_LEN_RANGE);
    assert_eq!(code(&[], None), CKR_DATA_LEN_RANGE);
    assert_eq!(code(&[0; 15], None), CKR_MECHANISM_PARAM_INVALID);
}

/// FIPS 180-4 with t = 224, which has a mechanism of its own without a parameter.
#[test]
fn a_digest_of_t_bits_derives_as_the_digest_with_a_name_does() {
    let base = key(b"abc", CKK_GENERIC_SECRET);
    let derived = derive(
        CKM_SHA512_T_KEY_DERIVATION,
        Parameter::Ulong(224),
        &base,
        None,
    );
    let named = derive(CKM_SHA512_224_KEY_DERIVATION, Parameter::None, &base, None);
    assert_eq!(derived, named);
    let refused = |bits, length| {
        let parameter = Parameter::Ulong(bits);
        let derived = derive(CKM_SHA512_T_KEY_DERIVATION, parameter, &base, length);
        derived.unwrap_err().code()
    };
    assert_eq!(refused(384, None), CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(refused(65, Some(10)), CKR_KEY_SIZE_RANGE);
}
