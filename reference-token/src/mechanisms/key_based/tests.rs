//! Published answers of SP 800-108, and parameters that are refused.

use super::*;
use crate::mechanisms::der::tests::hex;

const BYTE: Integer = Integer {
    little_endian: false,
    bits: 8,
};

fn parameter(prf: CK_MECHANISM_TYPE, iteration: Iteration, pieces: Vec<Piece>) -> KeyBased {
    KeyBased {
        prf,
        iteration,
        pieces,
        iv: Vec::new(),
        additional: Vec::new(),
    }
}

fn bits(bits: CK_ULONG) -> Integer {
    Integer { bits, ..BYTE }
}

/// NIST CAVP KDFCTR_gen: a counter before fixed data, of 8, 16 and 32 bits.
#[test]
fn counter_mode_gives_the_answers_of_nist() {
    let rows = [
        (
            CKM_AES_CMAC,
            8,
            "682e814d872397eba71170a693514904",
            "e323cdfa7873a0d72cd86ffb4468744f097db60498f7d0e3a43bafd2d1af675e
             4a88338723b1236199705357c47bf1d89b2f4617a340980e6331625c",
            "dac9b6ca405749cfb065a0f1e42c7c4224d3d5db32fdafe9dee6ca193316f2c7",
        ),
        (
            CKM_AES_CMAC,
            16,
            "5e534bea459e54c58a6942abfd4df8ab",
            "e9a5cc15d223aaa74abd122983b2a10512199b9cc87663fd8a62d417cef53770
             264fc51f683890fe42da2df7be0f60898c5b09d5c4932137b6b1e06e",
            "92480eb4860123ceda76f1e6bf2668520bea49ed72bb900ae50725bb8cfcdb73
             3af1a9de71fe1af5",
        ),
        (
            CKM_AES_CMAC,
            24,
            "993305e59f34a94f62931fd7662bb5b73c77d8d4bc6a33ba",
            "fcceb2d7ac6a68717c2490ec95bebea484c4930d156683c43164dc53bff0bafc
             bfb31e920109927ef08e12f66f258b6f8ba284908faee7d3376e1bac",
            "40e358cfdeee0286d152fcb4626ff22e67eea3b65d8750a273001b67645804cb
             f613832201b0a9ba",
        ),
        (
            CKM_SHA256_HMAC,
            32,
            "43eef6d824fd820405626ab9b6d79f1fd04e126ab8e17729e3afc7cb5af794f8",
            "5e269b5a7bdedcc3e875e2725693a257fc60011af7dcd68a3358507fe29b0659
             ca66951daa05a15032033650bc58a27840f8fbe9f4088b9030738f68",
            "f0a339ecbcae6add1afb27da3ba40a1320c6427a58afb9dc366b219b7eb29ecf",
        ),
    ];
    for (prf, width, key, fixed, expected) in rows {
        let pieces = vec![
            Piece::Iteration(Some(bits(width))),
            Piece::Bytes(hex(fixed)),
        ];
        let parameter = parameter(prf, Iteration::Counter, pieces);
        parameter.check().unwrap();
        let expected = hex(expected);
        let output = derive(&parameter, &hex(key), vec![expected.len()]).unwrap();
        assert_eq!(output, [expected]);
    }
}

/// The known values of the kbkdf crate for feedback mode with a counter, and for the double
/// pipeline without one: label, a zero byte, context, and the length in bits.
#[test]
fn feedback_and_double_pipeline_give_the_answers_of_another_implementation() {
    let key = hex(
        "241C3FBAABEDE87601B1C778B24F9A32742A14FE34DA61D77E8352EF9D6C7FC8
                   E335E32344E21D7DC0CD627D7E2FF973992611F372C5D3DD91C100F2C6DB2CAF",
    );
    let pieces = vec![
        Piece::Iteration(None),
        Piece::Counter(bits(32)),
        Piece::Bytes(vec![0x22, 0x33, 0]),
        Piece::Bytes(vec![0, 0x11]),
        Piece::Length {
            method: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
            format: bits(32),
        },
    ];
    let mut feedback = parameter(CKM_SHA256_HMAC, Iteration::Feedback, pieces);
    feedback.check().unwrap();
    feedback.iv = vec![b'a'; 32];
    let expected = hex(
        "C8C8E79188DB5732B52F81111E2982BD479865EF98E90A823926BC0EA1EB173B
                        21CA03B80228A6A1E27BE64DA382F1B7ADFF97CF43598AF2435827B2F6E78DD5
                        F9CBCC4948775451AD2BD44A9DBE2EE46FA5A73463E10142A3A1228183B45BC8
                        D3831AA13EED6F94E8F221FACBC80F8BD19BDF06EC82DE7AE0FE0EE37CA51FF2",
    );
    assert_eq!(derive(&feedback, &key, vec![128]).unwrap(), [expected]);
    let pieces = vec![
        Piece::Iteration(None),
        Piece::Bytes(hex("921ab061920b191de12f746ac9de0800")),
        Piece::Bytes(hex(
            "4f2c20f01775e27bcacdc21ee4a5ff0387758f36d8ec71c7a8c8208284f650b611837e",
        )),
    ];
    let pipeline = parameter(CKM_SHA256_HMAC, Iteration::DoublePipeline, pieces);
    pipeline.check().unwrap();
    let key = hex("7d4f86fdfd1c4ba04c674a68d60316d12c99c1b1f44f0a8e02bd2601377ebcd9");
    let expected = hex(
        "506bc2ba51410b2a6e7c05d33891520ddd5f702ad3d6203d76d8dae1216d0783
                        d8c59fae2e821d8eff2d8ddd93a6741c8f144fb96e9ca7d7c532468f213f5efe",
    );
    assert_eq!(derive(&pipeline, &key, vec![64]).unwrap(), [expected]);
}

/// The example of section 6.42.6.
#[test]
fn every_key_begins_with_a_segment_of_its_own() {
    let lengths = Lengths {
        keys: vec![48, 16],
        segment: 32,
    };
    assert_eq!(lengths.by(CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS), 512);
    assert_eq!(lengths.by(CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS), 768);
    let pieces = || vec![Piece::Iteration(Some(BYTE))];
    let parameter = parameter(CKM_SHA256_HMAC, Iteration::Counter, pieces());
    let both = derive(&parameter, b"key", vec![48, 16]).unwrap();
    let whole = derive(&parameter, b"key", vec![96]).unwrap().remove(0);
    assert_eq!(both, [&whole[..48], &whole[64..80]]);
}

#[test]
fn integers_are_written_in_either_order_and_have_to_fit() {
    let little = Integer {
        little_endian: true,
        bits: 24,
    };
    assert_eq!(bits(24).write(0x010203).unwrap(), [1, 2, 3]);
    assert_eq!(little.write(0x010203).unwrap(), [3, 2, 1]);
    assert!(BYTE.write(256).is_err());
    assert!(bits(12).width().is_none() && bits(0).width().is_none());
    assert!(!bits(40).can_count() && bits(40).width().is_some());
}

#[test]
fn a_counter_of_eight_bits_ends_after_255_segments() {
    let pieces = vec![Piece::Iteration(Some(BYTE))];
    let parameter = parameter(CKM_SHA256_HMAC, Iteration::Counter, pieces);
    assert!(derive(&parameter, b"key", vec![255 * 32]).is_ok());
    let refusal = derive(&parameter, b"key", vec![255 * 32 + 1]).unwrap_err();
    assert_eq!(refusal.code(), CKR_KEY_SIZE_RANGE);
}

#[test]
fn each_mode_has_the_pieces_of_its_table() {
    let counter = || Piece::Iteration(Some(BYTE));
    let length = || Piece::Length {
        method: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
        format: BYTE,
    };
    let refused = [
        (Iteration::Counter, vec![]),
        (Iteration::Counter, vec![counter(), counter()]),
        (Iteration::Counter, vec![counter(), Piece::Counter(BYTE)]),
        (Iteration::Counter, vec![counter(), length(), length()]),
        (Iteration::Counter, vec![counter(), Piece::Bytes(vec![])]),
        (Iteration::Counter, vec![Piece::Iteration(Some(bits(9)))]),
        (Iteration::Feedback, vec![Piece::Counter(BYTE)]),
        (Iteration::DoublePipeline, vec![Piece::Bytes(vec![1])]),
    ];
    for (iteration, pieces) in refused {
        let parameter = parameter(CKM_SHA256_HMAC, iteration, pieces);
        let refusal = parameter.check().unwrap_err();
        assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID, "{parameter:?}");
    }
}
