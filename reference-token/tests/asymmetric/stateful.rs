//! HSS and XMSS, verified: sections 6.65 and 6.66.

use cryptoki_sys::*;
use dsa::signature::RandomizedSignerMut;
use getrandom::SysRng;
use lms_signature::lms::{LmsSha256M32H5, SigningKey};
use lms_signature::ots::LmsOtsSha256N32W4;

use super::info;
use super::stateful_vectors::stateful as vector;
use super::support::calls::verify;
use super::support::{Attributes, Token, plain};

fn hss(token: &Token, session: CK_SESSION_HANDLE, value: &[u8]) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_HSS)
        .bytes(CKA_VALUE, value);
    token.create(session, &template)
}

#[test]
fn one_level_of_hss_verifies_as_in_rfc_8554() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = [&[0, 0, 0, 1], &vector("lms-key")[..]].concat();
    let signature = [&[0; 4], &vector("lms-signature")[..]].concat();
    let message = vector("lms-message");
    let object = hss(&token, session, &key).unwrap();
    let read = |attribute| token.attribute(session, object, attribute).unwrap();
    assert_eq!(read(CKA_HSS_LEVELS), 1u64.to_ne_bytes());
    assert_eq!(read(CKA_HSS_LMS_TYPE), 5u64.to_ne_bytes());
    assert_eq!(read(CKA_HSS_LMOTS_TYPE), 4u64.to_ne_bytes());
    let judge = |message: &[u8], signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_HSS),
            object,
            (message, signature),
        )
    };
    assert_eq!(judge(&message, &signature), CKR_OK);
    assert_eq!(judge(&message[1..], &signature), CKR_SIGNATURE_INVALID);
    let short = &signature[..signature.len() - 1];
    assert_eq!(judge(&message, short), CKR_SIGNATURE_LEN_RANGE);
    let mut levels = signature.clone();
    levels[3] = 1;
    assert_eq!(judge(&message, &levels), CKR_SIGNATURE_INVALID);
}

/// A tree made here above the one of RFC 8554.
#[test]
fn each_level_of_hss_signs_the_key_of_the_next() {
    let token = Token::fresh();
    let session = token.user_session();
    type Mode = LmsSha256M32H5<LmsOtsSha256N32W4>;
    let mut top = SigningKey::<Mode>::new_from_seed([7; 16], [9; 32]).unwrap();
    let next = vector("lms-key");
    let upper: Vec<u8> = top.try_sign_with_rng(&mut SysRng, &next).unwrap().into();
    let top_key = [
        &5u32.to_be_bytes()[..],
        &3u32.to_be_bytes(),
        &[7; 16],
        top.public().k(),
    ]
    .concat();
    let key = [&[0, 0, 0, 2], &top_key[..]].concat();
    let object = hss(&token, session, &key).unwrap();
    let whole = [&[0, 0, 0, 1], &upper[..], &next, &vector("lms-signature")].concat();
    let message = vector("lms-message");
    let judge = |signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_HSS),
            object,
            (&message, signature),
        )
    };
    assert_eq!(judge(&whole), CKR_OK);
    // A byte of the upper signature, of the key between, and of the lower signature.
    for place in [100, 4 + upper.len() + 30, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        assert_eq!(judge(&altered), CKR_SIGNATURE_INVALID, "{place}");
    }
    for length in [3, 500, 4 + upper.len() + 55] {
        assert_eq!(judge(&whole[..length]), CKR_SIGNATURE_LEN_RANGE, "{length}");
    }
}

#[test]
fn keys_of_hss_are_checked() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = |levels: u8| [&[0, 0, 0, levels], &vector("lms-key")[..]].concat();
    let refused = |value: &[u8]| hss(&token, session, value).unwrap_err();
    assert_eq!(refused(&key(0)), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(refused(&key(9)), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(refused(&key(1)[..59]), CKR_ATTRIBUTE_VALUE_INVALID);
    let mut shake = key(1);
    shake[7] = 0x14;
    assert_eq!(refused(&shake), CKR_PARAMETER_SET_NOT_SUPPORTED);
    let flags = info(&token, CKM_HSS).flags;
    assert_eq!(flags & (CKF_VERIFY | CKF_SIGN), CKF_VERIFY);
}

#[test]
fn xmss_verifies_as_in_liboqs() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = |set| {
        Attributes::new()
            .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, CKK_XMSS)
            .ulong(CKA_PARAMETER_SET, set)
            .bytes(CKA_VALUE, vector("xmss-key"))
    };
    let object = token.create(session, &template(1)).unwrap();
    let (message, signature) = (vector("xmss-message"), vector("xmss-signature"));
    let judge = |message: &[u8], signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_XMSS),
            object,
            (message, signature),
        )
    };
    assert_eq!(judge(&message, &signature), CKR_OK);
    assert_eq!(judge(b"other", &signature), CKR_SIGNATURE_INVALID);
    assert_eq!(judge(&message, &signature[1..]), CKR_SIGNATURE_LEN_RANGE);
    // The parameter set stands beside the value and in it.
    let other = token.create(session, &template(2));
    assert_eq!(other, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    let unknown = template(1).altered(CKA_VALUE, |value| value[3] = 0x7f);
    let refused = token.create(session, &unknown);
    assert_eq!(refused, Err(CKR_PARAMETER_SET_NOT_SUPPORTED));
}

#[test]
fn two_layers_of_xmss_verify_as_in_liboqs() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = |key_type, set| {
        Attributes::new()
            .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, key_type)
            .ulong(CKA_PARAMETER_SET, set)
            .bytes(CKA_VALUE, vector("xmss-mt-key"))
    };
    let object = token.create(session, &template(CKK_XMSSMT, 1)).unwrap();
    let (message, signature) = (vector("xmss-mt-message"), vector("xmss-mt-signature"));
    let judge = |message: &[u8], signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_XMSSMT),
            object,
            (message, signature),
        )
    };
    assert_eq!(judge(&message, &signature), CKR_OK);
    assert_eq!(judge(b"other", &signature), CKR_SIGNATURE_INVALID);
    assert_eq!(judge(&message, &signature[1..]), CKR_SIGNATURE_LEN_RANGE);
    // Index, randomizer, and chains and path of both layers.
    for place in [2, 3, 100, 2300, 3000, signature.len() - 1] {
        let mut altered = signature.clone();
        altered[place] ^= 1;
        assert_eq!(judge(&message, &altered), CKR_SIGNATURE_INVALID, "{place}");
    }
    // The numbers of the two schemes name different things.
    let single = token.create(session, &template(CKK_XMSS, 1)).unwrap();
    let refused = verify(
        &token,
        session,
        plain(CKM_XMSS),
        single,
        (&message, &signature),
    );
    assert_eq!(refused, CKR_SIGNATURE_LEN_RANGE);
    let other = verify(
        &token,
        session,
        plain(CKM_XMSSMT),
        single,
        (&message, &signature),
    );
    assert_eq!(other, CKR_KEY_TYPE_INCONSISTENT);
    let largest = template(CKK_XMSSMT, 0x38).altered(CKA_VALUE, |value| {
        value[3] = 0x38;
        value.truncate(4 + 2 * 24);
    });
    assert!(token.create(session, &largest).is_ok());
    let unknown = template(CKK_XMSSMT, 0x39).altered(CKA_VALUE, |value| value[3] = 0x39);
    let refused = token.create(session, &unknown);
    assert_eq!(refused, Err(CKR_PARAMETER_SET_NOT_SUPPORTED));
}
