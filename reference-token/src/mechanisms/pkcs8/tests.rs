//! Encodings of the RFCs, and every form there and back.

use super::*;
use crate::attributes::Value;
use crate::mechanisms::der::tests::hex;

fn key(attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>) -> Attributes {
    attributes.into_iter().collect()
}

fn bytes(value: &str) -> Value {
    Value::Bytes(hex(value))
}

/// RFC 8410 section 10.3: the first private key.
#[test]
fn ed25519_keys_as_in_rfc_8410() {
    let info = hex("302e020100300506032b657004220420
         d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
    let decoded = key(decode(&info).unwrap());
    assert_eq!(decoded.ulong(CKA_KEY_TYPE), Some(CKK_EC_EDWARDS));
    assert_eq!(decoded.bytes(CKA_EC_PARAMS), hex("06032b6570"));
    assert_eq!(encode(&decoded).unwrap(), info);
}

/// RFC 5958's form with the public key beside the private one, RFC 8410 section 10.3.
#[test]
fn a_public_key_beside_the_private_one_is_ignored() {
    let info = hex("3072020101300506032b657004220420
         d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842
         a01f301d060a2a864886f70d01090914310f0c0d437572646c65204368616972
         7381210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
    let decoded = key(decode(&info).unwrap());
    assert_eq!(decoded.bytes(CKA_VALUE)[..2], [0xd4, 0xee]);
}

#[test]
fn every_form_reads_back_as_it_was_written() {
    let of = |kind, rest: &[(CK_ATTRIBUTE_TYPE, &str)]| {
        let mut object = key(vec![(CKA_KEY_TYPE, Value::ulong(kind))]);
        for (name, value) in rest {
            object.set(*name, bytes(value));
        }
        object
    };
    let with_set = |mut object: Attributes, set| {
        object.set(CKA_PARAMETER_SET, Value::ulong(set));
        object
    };
    let p256 = "06082a8648ce3d030107";
    let scalar = "00000000000000000000000000000000000000000000000000000000000000ff";
    let objects = [
        of(
            CKK_RSA,
            &[
                (CKA_MODULUS, "c5"),
                (CKA_PUBLIC_EXPONENT, "03"),
                (CKA_PRIVATE_EXPONENT, "05"),
                (CKA_PRIME_1, "07"),
                (CKA_PRIME_2, "0b"),
                (CKA_EXPONENT_1, "0d"),
                (CKA_EXPONENT_2, "ff11"),
                (CKA_COEFFICIENT, "13"),
            ],
        ),
        of(CKK_EC, &[(CKA_EC_PARAMS, p256), (CKA_VALUE, scalar)]),
        of(
            CKK_EC_MONTGOMERY,
            &[(CKA_EC_PARAMS, "06032b656f"), (CKA_VALUE, "0001")],
        ),
        of(
            CKK_DH,
            &[(CKA_PRIME, "fb"), (CKA_BASE, "02"), (CKA_VALUE, "81")],
        ),
        of(
            CKK_X9_42_DH,
            &[
                (CKA_PRIME, "fb"),
                (CKA_BASE, "02"),
                (CKA_SUBPRIME, "05"),
                (CKA_VALUE, "03"),
            ],
        ),
        of(
            CKK_DSA,
            &[
                (CKA_PRIME, "fb"),
                (CKA_SUBPRIME, "05"),
                (CKA_BASE, "02"),
                (CKA_VALUE, "03"),
            ],
        ),
        with_set(
            of(CKK_ML_KEM, &[(CKA_SEED, "00"), (CKA_VALUE, "0102")]),
            CKP_ML_KEM_768,
        ),
        with_set(of(CKK_ML_DSA, &[(CKA_VALUE, "0102")]), CKP_ML_DSA_87),
        with_set(
            of(CKK_SLH_DSA, &[(CKA_VALUE, "0102")]),
            CKP_SLH_DSA_SHAKE_192F,
        ),
    ];
    for object in objects {
        let mut info = encode(&object).unwrap();
        assert_eq!(key(decode(&info).unwrap()), object);
        info.extend([0; 7]);
        assert_eq!(key(decode(&info).unwrap()), object);
        info.push(1);
        let refusal = decode(&info).unwrap_err();
        assert_eq!(refusal.code(), CKR_WRAPPED_KEY_INVALID);
    }
}

/// RFC 5915 within PKCS #8: what the encoding of an EC key is to the byte.
#[test]
fn ec_keys_have_no_parameters_and_full_length() {
    let object = key(vec![
        (CKA_KEY_TYPE, Value::ulong(CKK_EC)),
        // Named by curve name; PKCS #8 has identifiers alone.
        (CKA_EC_PARAMS, bytes("1309736563703235367231")),
        (CKA_VALUE, bytes("ff")),
    ]);
    let expected = hex("3041020100301306072a8648ce3d020106082a8648ce3d030107
         042730250201010420
         00000000000000000000000000000000000000000000000000000000000000ff");
    assert_eq!(encode(&object).unwrap(), expected);
}

#[test]
fn a_seed_alone_is_taken() {
    let info = hex("3014020100300b060960864801650304040104028000");
    let decoded = key(decode(&info).unwrap());
    assert_eq!(decoded.get(CKA_SEED), Some(&Value::Bytes(Vec::new())));
    assert_eq!(decoded.ulong(CKA_PARAMETER_SET), Some(CKP_ML_KEM_512));
}

#[test]
fn a_key_that_lacks_a_part_is_not_wrappable() {
    let partial = key(vec![
        (CKA_KEY_TYPE, Value::ulong(CKK_RSA)),
        (CKA_MODULUS, bytes("c5")),
    ]);
    for object in [partial, key(vec![(CKA_KEY_TYPE, Value::ulong(CKK_HSS))])] {
        assert_eq!(encode(&object).unwrap_err().code(), CKR_KEY_NOT_WRAPPABLE);
    }
    for bad in ["", "3000", "302e020100"] {
        assert_eq!(
            decode(&hex(bad)).unwrap_err().code(),
            CKR_WRAPPED_KEY_INVALID
        );
    }
}
