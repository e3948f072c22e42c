//! Parameter structures of mechanisms and of message functions, field by field where C has them.

use cryptoki_sys::{
    CKG_MGF1_SHA256, CKM_AES_GCM, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS, CKM_SHA256, CKR_OK,
    CKZ_DATA_SPECIFIED,
};
use p11assay::sequence::Value;

use crate::fake::{Got, Script, bytes_at, put, run, ulong_at, ulongs_at};

/// Runs C_SignInit with a mechanism; gives what its parameter is to `look`.
fn parameter(mechanism: &str, look: impl Fn(usize, usize, usize) + 'static) {
    let step = format!("- C_SignInit: {{ session: 1, key: 2, mechanism: {mechanism} }}");
    let trace = run(&step, move |got| {
        let parts = ulongs_at(got.words[1], 3);
        look(parts[0], parts[1], parts[2]);
        CKR_OK
    });
    assert_eq!(trace.calls.len(), 1);
}

#[test]
fn gcm_parameters_carry_their_lengths() {
    parameter(
        "{ type: CKM_AES_GCM, parameter: { CK_GCM_PARAMS: { pIv: \"000102030405060708090a0b\", \
         ulIvBits: 96, pAAD: \"ff\", ulTagBits: 128 } } }",
        |mechanism, address, length| {
            assert_eq!((mechanism, length), (CKM_AES_GCM as usize, 48));
            let fields = ulongs_at(address, 6);
            assert_eq!(bytes_at(fields[0], 12), (0..12).collect::<Vec<u8>>());
            assert_eq!(fields[1..3], [12, 96]);
            assert_eq!(
                (bytes_at(fields[3], 1), fields[4], fields[5]),
                (vec![0xff], 1, 128)
            );
        },
    );
}

#[test]
fn fields_that_are_not_given_are_zero_and_a_given_length_is_kept() {
    parameter(
        "{ type: CKM_AES_GCM, parameter: { CK_GCM_PARAMS: { pIv: \"0102\", ulIvLen: 99 } } }",
        |_, address, _| {
            let fields = ulongs_at(address, 6);
            assert_eq!(fields[1..], [99, 0, 0, 0, 0]);
            assert_eq!(bytes_at(fields[0], 2), [1, 2]);
        },
    );
}

#[test]
fn pss_and_oaep_parameters_are_where_c_has_them() {
    parameter(
        "{ type: CKM_RSA_PKCS_PSS, parameter: { CK_RSA_PKCS_PSS_PARAMS: \
         { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 } } }",
        |mechanism, address, length| {
            assert_eq!((mechanism, length), (CKM_RSA_PKCS_PSS as usize, 24));
            let expected = [CKM_SHA256 as usize, CKG_MGF1_SHA256 as usize, 32];
            assert_eq!(ulongs_at(address, 3), expected);
        },
    );
    parameter(
        "{ type: CKM_RSA_PKCS_OAEP, parameter: { CK_RSA_PKCS_OAEP_PARAMS: \
         { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, source: CKZ_DATA_SPECIFIED, \
         pSourceData: \"616263\" } } }",
        |mechanism, address, length| {
            assert_eq!((mechanism, length), (CKM_RSA_PKCS_OAEP as usize, 40));
            let fields = ulongs_at(address, 5);
            assert_eq!(fields[2], CKZ_DATA_SPECIFIED as usize);
            assert_eq!((bytes_at(fields[3], 3), fields[4]), (b"abc".to_vec(), 3));
        },
    );
}

#[test]
fn a_structure_can_point_to_another() {
    parameter(
        "{ type: CKM_RSA_AES_KEY_WRAP, parameter: { CK_RSA_AES_KEY_WRAP_PARAMS: { ulAESKeyBits: 256, \
         pOAEPParams: { hashAlg: CKM_SHA256, pSourceData: null } } } }",
        |_, address, length| {
            assert_eq!((length, ulong_at(address)), (16, 256));
            let inner = ulongs_at(ulong_at(address + 8), 5);
            assert_eq!(inner, [CKM_SHA256 as usize, 0, 0, 0, 0]);
        },
    );
}

#[test]
fn a_field_is_filled_from_what_a_call_gave() {
    let step = "- C_SignInit: { session: 1, key: 2, mechanism: { type: CKM_AES_GCM, parameter: \
                { CK_GCM_PARAMS: { pIv: $iv, ulTagBits: $bits } } } }";
    let trace = Script::new(step)
        .given("iv", Value::Bytes(vec![7; 5]))
        .given("bits", Value::Number(104))
        .run(|got| {
            let fields = ulongs_at(ulong_at(got.words[1] + 8), 6);
            assert_eq!(
                (bytes_at(fields[0], 5), fields[1], fields[5]),
                (vec![7; 5], 5, 104)
            );
            CKR_OK
        });
    assert_eq!(trace.stop(), None);
}

const MESSAGE: &str = "- C_EncryptMessage: { session: 1, parameter: { CK_GCM_MESSAGE_PARAMS: \
    { pIv: \"000000\", ulIvFixedBits: 8, pTag: { repeat: \"00\", count: 4 }, ulTagBits: 32 } }, \
    associated_data: \"aa\", plaintext: \"bbcc\", ciphertext: { buffer: 2 } }";

#[test]
fn a_message_parameter_goes_in_and_comes_back() {
    let trace = run(MESSAGE, |got: &Got| {
        assert_eq!(got.words[2], 48);
        let fields = ulongs_at(got.words[1], 6);
        assert_eq!(fields[1..4], [3, 8, 0]);
        assert_eq!(fields[5], 32);
        assert_eq!((got.bytes(3, 1), got.words[4]), (vec![0xaa], 1));
        assert_eq!((got.bytes(5, 2), got.words[6]), (vec![0xbb, 0xcc], 2));
        assert_eq!(got.ulong(8), 2);
        put(fields[0], &[9, 8, 7]);
        put(fields[4], b"tagg");
        got.give(7, b"xy");
        CKR_OK
    });
    let call = &trace.calls[0];
    assert!(!call.malformed && call.violations.is_empty());
    let expected = Value::Record(vec![
        ("pIv".to_owned(), Value::Bytes(vec![9, 8, 7])),
        ("pTag".to_owned(), Value::Bytes(b"tagg".to_vec())),
    ]);
    assert_eq!(
        call.outputs,
        [(1, expected), (4, Value::Bytes(b"xy".to_vec()))]
    );
}
