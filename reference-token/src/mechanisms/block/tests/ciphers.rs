//! The ciphers other than AES, each in the modes that its mechanisms have.

use cryptoki_sys::*;

use crate::mechanisms::der::tests::hex;
use crate::mechanisms::trial::{both, mechanism, plain, sign, with_iv};
use crate::mechanisms::{Parameter, find};

/// FIPS 81 appendices B to E: key, vector, and "Now is the time for all ".
const DES_KEY: &str = "0123456789abcdef";
const DES_IV: &str = "1234567890abcdef";
const NOW: &[u8] = b"Now is the time for all ";

#[test]
fn des_gives_the_answers_of_fips_81() {
    let (key, iv) = (hex(DES_KEY), hex(DES_IV));
    let ecb = "3fa40e8a984d4815 6a271787ab8883f9 893d51ec4b563b53";
    both(&plain(CKM_DES_ECB), &key, NOW, &hex(ecb));
    let cbc = "e5c7cdde872bf27c 43e934008c389c0f 683788499a7c05f6";
    both(&with_iv(CKM_DES_CBC, &iv), &key, NOW, &hex(cbc));
    let cfb = "f3096249c7f46e51 a69e839b1a92f784 03467133898ea622";
    both(&with_iv(CKM_DES_CFB64, &iv), &key, NOW, &hex(cfb));
    let ofb = "f3096249c7f46e51 35f24a242eeb3d3f 3d6d5be3255af8c3";
    both(&with_iv(CKM_DES_OFB64, &iv), &key, NOW, &hex(ofb));
    let cfb8 = hex("f31fda07011462ee187f");
    both(&with_iv(CKM_DES_CFB8, &iv), &key, &NOW[..10], &cfb8);
    let ofb8 = hex("f34a2850c9c64985d684");
    both(&with_iv(CKM_DES_OFB8, &iv), &key, &NOW[..10], &ofb8);
}

/// FIPS 113 appendix A.
#[test]
fn des_mac_gives_the_answer_of_fips_113() {
    let message = b"7654321 Now is the time for ";
    let mac = sign(&plain(CKM_DES_MAC), &hex(DES_KEY), message).unwrap();
    assert_eq!(mac, hex("f1d30f68"));
    let whole = mechanism(CKM_DES_MAC_GENERAL, Parameter::Ulong(8));
    let mac = sign(&whole, &hex(DES_KEY), message).unwrap();
    assert_eq!(mac, hex("f1d30f6849312ca4"));
}

/// NIST SP 800-67 appendix B.1, and the same with two keys as with three of which the third is
/// the first.
#[test]
fn triple_des_gives_the_answer_of_sp_800_67() {
    let key = hex("0123456789abcdef 23456789abcdef01 456789abcdef0123");
    let plaintext = b"The qufck brown fox jump";
    let answer = hex("a826fd8ce53b855f cce21c8112256fe6 68d5c05dd9b6b900");
    both(&plain(CKM_DES3_ECB), &key, plaintext, &answer);
    let (double, triple) = (&key[..16], [&key[..16], &key[..8]].concat());
    for (plaintext, mechanism) in [
        (&plaintext[..], plain(CKM_DES3_ECB)),
        (plaintext, with_iv(CKM_DES3_CBC, &[7; 8])),
        (plaintext, with_iv(CKM_DES3_CBC_PAD, &[7; 8])),
        (plaintext, with_iv(CKM_DES_OFB64, &[7; 8])),
    ] {
        let answer = crate::mechanisms::trial::cipher(true, &mechanism, double, plaintext);
        both(&mechanism, &triple, plaintext, &answer.unwrap());
    }
}

/// NIST SP 800-38B appendices D.4 and D.5.
#[test]
fn triple_des_cmac_gives_the_answers_of_sp_800_38b() {
    let triple = hex("8aa83bf8cbda1062 0bc1bf19fbb6cd58 bc313d4a371ca8b5");
    let message = hex("6bc1bee22e409f96");
    let mac = |key: &[u8], message: &[u8]| sign(&plain(CKM_DES3_CMAC), key, message).unwrap();
    assert_eq!(mac(&triple, b""), hex("b7a688e122ffaf95"));
    assert_eq!(mac(&triple, &message), hex("8e8f293136283797"));
    let double = hex("4cf15134a2850dd5 8a3d10ba80570d38");
    assert_eq!(mac(&double, b""), hex("bd2ebf9a3ba00361"));
    let cut = mechanism(CKM_DES3_CMAC_GENERAL, Parameter::Ulong(4));
    assert_eq!(sign(&cut, &triple, b"").unwrap(), hex("b7a688e1"));
}

/// RFC 3713 appendix A.
#[test]
fn camellia_gives_the_answers_of_rfc_3713() {
    let plaintext = hex("0123456789abcdeffedcba9876543210");
    let long = hex("0123456789abcdeffedcba9876543210 00112233445566778899aabbccddeeff");
    for (length, answer) in [
        (16, "67673138549669730857065648eabe43"),
        (24, "b4993401b3e996f84ee5cee7d79b09b9"),
        (32, "9acc237dff16d76c20ef7c919e3a7509"),
    ] {
        let key = &long[..length];
        both(&plain(CKM_CAMELLIA_ECB), key, &plaintext, &hex(answer));
        let mac = sign(&plain(CKM_CAMELLIA_MAC), key, &plaintext).unwrap();
        assert_eq!(mac, hex(answer)[..8]);
    }
}

/// RFC 5528 section 4, test vector 1.
#[test]
fn camellia_with_counter_gives_the_answer_of_rfc_5528() {
    let key = hex("ae6852f8121067cc4bf7a5765577f39e");
    let block = hex("00000030000000000000000000000001").try_into().unwrap();
    let mechanism = mechanism(CKM_CAMELLIA_CTR, Parameter::Ctr { bits: 32, block });
    let answer = hex("d09dc29a8214619a20877c76db1f0b3f");
    both(&mechanism, &key, b"Single block msg", &answer);
}

/// RFC 5794 appendix A.
#[test]
fn aria_gives_the_answers_of_rfc_5794() {
    let plaintext = hex("00112233445566778899aabbccddeeff");
    let long: Vec<u8> = (0..32).collect();
    for (length, answer) in [
        (16, "d718fbd6ab644c739da95f3be6451778"),
        (24, "26449c1805dbe7aa25a468ce263a9e79"),
        (32, "f92bd7c79fb72e2f2b8f80c1972d24fc"),
    ] {
        let key = &long[..length];
        both(&plain(CKM_ARIA_ECB), key, &plaintext, &hex(answer));
        let mac = sign(&plain(CKM_ARIA_MAC), key, &plaintext).unwrap();
        assert_eq!(mac, hex(answer)[..8]);
    }
}

/// The CBC answer of the vectors that Eric Young made for Blowfish (vectors.txt of its author).
#[test]
fn blowfish_gives_the_answer_of_its_vectors() {
    let key = hex("0123456789abcdeff0e1d2c3b4a59687");
    let mechanism = with_iv(CKM_BLOWFISH_CBC, &hex("fedcba9876543210"));
    let plaintext = b"7654321 Now is the time for \0\0\0\0";
    let answer = hex("6b77b4d63006dee605b156e27403979358deb9e7154616d959f1652bd5ff92cc");
    both(&mechanism, &key, plaintext, &answer);
    let short = crate::mechanisms::trial::cipher(true, &mechanism, &[1; 57], plaintext);
    assert_eq!(short.unwrap_err().code(), CKR_KEY_SIZE_RANGE);
}

/// "Twofish: A 128-Bit Block Cipher" (Schneier and others), appendix A.1: a block of zeros, which
/// CBC with a vector of zeros does not change.
#[test]
fn twofish_gives_the_answers_of_its_paper() {
    let long = hex("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff");
    for (key, answer) in [
        (&[0; 16][..], "9f589f5cf6122c32b6bfec2f2ae8c35a"),
        (&long[..24], "cfd1d2e5a9be9cdf501f13b892bd2248"),
        (&long, "37527be0052334b89f0cfccae87cfa20"),
    ] {
        let mechanism = with_iv(CKM_TWOFISH_CBC, &[0; 16]);
        both(&mechanism, key, &[0; 16], &hex(answer));
    }
}

/// RFC 2144 appendix B.1.
#[test]
fn cast_128_gives_the_answers_of_rfc_2144() {
    let long = hex("0123456712345678234567893456789a");
    for (length, answer) in [
        (16, "238b4fe5847e44b2"),
        (10, "eb6a711a2c02271b"),
        (5, "7ac816d16e9b302e"),
    ] {
        let plaintext = hex("0123456789abcdef");
        both(
            &plain(CKM_CAST128_ECB),
            &long[..length],
            &plaintext,
            &hex(answer),
        );
    }
}

/// "On the Design and Security of Block Ciphers" (Lai), the example of IDEA.
#[test]
fn idea_gives_the_answer_of_its_author() {
    let key = hex("00010002000300040005000600070008");
    let answer = hex("11fbed2b01986de5");
    both(
        &plain(CKM_IDEA_ECB),
        &key,
        &hex("0000000100020003"),
        &answer,
    );
}

/// Whatever the table publishes can be begun with keys of the sizes that it publishes.
#[test]
fn every_row_runs_with_keys_of_the_published_sizes() {
    for row in super::super::table::ROWS {
        let (_, entry) = find(row.mechanism).unwrap();
        let sizes = match entry.sizes {
            (0, 0) => match entry.keys {
                [CKK_DES] => vec![8],
                [CKK_IDEA] => vec![16],
                _ => vec![24],
            },
            (least, most) => vec![least as usize, most as usize],
        };
        for size in sizes {
            let mut key = vec![1; size];
            key[size - 1] = 2;
            let parameter = match entry.form {
                crate::mechanisms::Form::Bytes(length) => Parameter::Bytes(vec![0; length]),
                crate::mechanisms::Form::Ulong => Parameter::Ulong(4),
                crate::mechanisms::Form::Gcm => Parameter::Gcm {
                    iv: vec![0; 12],
                    aad: vec![],
                    tag_bits: 128,
                },
                crate::mechanisms::Form::Ccm => Parameter::Ccm {
                    data_length: 48,
                    nonce: vec![0; 12],
                    aad: vec![],
                    mac_length: 16,
                },
                crate::mechanisms::Form::Ctr => Parameter::Ctr {
                    bits: 64,
                    block: [0; 16],
                },
                _ => Parameter::None,
            };
            let mechanism = mechanism(row.mechanism, parameter);
            if entry.flags & CKF_SIGN != 0 {
                assert!(sign(&mechanism, &key, b"data").is_ok());
            } else {
                let sealed =
                    crate::mechanisms::trial::cipher(true, &mechanism, &key, &[9; 48]).unwrap();
                both(&mechanism, &key, &[9; 48], &sealed);
            }
        }
    }
}
