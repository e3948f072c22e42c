//! Messages that are signed and verified.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::calls::sign;
use super::support::{Token, USER_PIN, hex, plain, rsa_2048, rsa_private, rsa_public};

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

/// Sections 5.14.1 and 5.16.1 give a call without a mechanism no meaning: the process goes on.
#[test]
fn a_call_without_a_mechanism_is_a_bad_one_and_ends_nothing() {
    let token = Token::fresh();
    let s = token.user_session();
    let private = token.create(s, &rsa_private()).unwrap();
    let public = token.create(s, &rsa_public()).unwrap();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let rv = call!(token, C_MessageSignInit(s, null_mut(), private));
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    let rv = call!(token, C_MessageSignInit(s, &mut mechanism, private));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_MessageSignInit(s, null_mut(), 0));
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OK);
    let rv = call!(token, C_MessageVerifyInit(s, &mut mechanism, public));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_MessageVerifyInit(s, null_mut(), 0));
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    assert_eq!(call!(token, C_MessageVerifyFinal(s)), CKR_OK);
}

#[test]
fn messages_are_signed_and_verified_whole_and_in_parts() {
    let token = Token::fresh();
    let s = token.user_session();
    let private = token.create(s, &rsa_private()).unwrap();
    let public = token.create(s, &rsa_public()).unwrap();
    let expected = hex(rsa_2048::PKCS1_SIGNATURE);
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let rv = call!(token, C_MessageSignInit(s, &mut mechanism, private));
    assert_eq!(rv, CKR_OK);
    let mut out = [0u8; 256];
    let (p, n) = (out.as_mut_ptr(), MESSAGE.len() as CK_ULONG);
    let data = input!(MESSAGE);
    for (room, rv) in [(255, CKR_BUFFER_TOO_SMALL), (256, CKR_OK), (256, CKR_OK)] {
        let mut length = room;
        let got = call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, n, p, &mut length)
        );
        assert_eq!((got, length), (rv, 256));
    }
    assert_eq!(out[..], expected);
    out = [0; 256];
    let next = |data: &[u8], length: Option<&mut CK_ULONG>| {
        let n = data.len() as CK_ULONG;
        let length = length.map_or(null_mut(), std::ptr::from_mut);
        call!(
            token,
            C_SignMessageNext(s, null_mut(), 0, input!(data), n, p, length)
        )
    };
    assert_eq!(next(b"", None), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(call!(token, C_SignMessageBegin(s, null_mut(), 0)), CKR_OK);
    assert_eq!(next(&MESSAGE[..4], None), CKR_OK);
    let mut length = 3;
    assert_eq!(next(&MESSAGE[4..], Some(&mut length)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OPERATION_ACTIVE);
    assert_eq!(next(&MESSAGE[4..], Some(&mut length)), CKR_OK);
    assert_eq!(out[..], expected);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OK);

    let rv = call!(token, C_MessageVerifyInit(s, &mut mechanism, public));
    assert_eq!(rv, CKR_OK);
    let mut bad = out;
    bad[9] ^= 1;
    for (signature, length, rv) in [
        (&out, 256, CKR_OK),
        (&bad, 256, CKR_SIGNATURE_INVALID),
        (&out, 255, CKR_SIGNATURE_LEN_RANGE),
    ] {
        let p = input!(signature);
        let got = call!(token, C_VerifyMessage(s, null_mut(), 0, data, n, p, length));
        assert_eq!(got, rv);
        let more = |data: &[u8], p| {
            let n = data.len() as CK_ULONG;
            call!(
                token,
                C_VerifyMessageNext(s, null_mut(), 0, input!(data), n, p, length)
            )
        };
        assert_eq!(call!(token, C_VerifyMessageBegin(s, null_mut(), 0)), CKR_OK);
        assert_eq!(more(&MESSAGE[..7], null_mut()), CKR_OK);
        assert_eq!(more(&MESSAGE[7..], p), rv);
        assert_eq!(more(b"", p), CKR_OPERATION_NOT_INITIALIZED);
    }
    assert_eq!(call!(token, C_MessageVerifyFinal(s)), CKR_OK);
    let rv = call!(token, C_MessageVerifyFinal(s));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn each_message_of_a_key_that_always_authenticates_waits_for_the_pin() {
    let token = Token::fresh();
    let s = token.user_session();
    let template = rsa_private().bool(CKA_ALWAYS_AUTHENTICATE, true);
    let key = token.create(s, &template).unwrap();
    let mut mechanism = plain(CKM_RSA_PKCS);
    let rv = call!(token, C_MessageSignInit(s, &mut mechanism, key));
    assert_eq!(rv, CKR_OK);
    let (mut out, mut length) = ([0u8; 256], 256);
    let p = out.as_mut_ptr();
    let mut go = || {
        let (data, n) = (input!(MESSAGE), MESSAGE.len() as CK_ULONG);
        call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, n, p, &mut length)
        )
    };
    for _ in 0..2 {
        assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
        assert_eq!(go(), CKR_OK);
    }
    // Section 4.10: the PIN lasts until the signature has come to be, or has failed.
    assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
    let fails = || {
        let data = [0u8; 246];
        let data = input!(data);
        let mut length = 256;
        call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, 246, p, &mut length)
        )
    };
    assert_eq!(fails(), CKR_DATA_LEN_RANGE);
    assert_eq!(fails(), CKR_USER_NOT_LOGGED_IN);
    // The mechanism takes no message in parts.
    assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
    let rv = call!(token, C_SignMessageBegin(s, null_mut(), 0));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(go(), CKR_OK);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OK);
    let again = rsa_private();
    let key = token.create(s, &again).unwrap();
    let same = sign(&token, s, plain(CKM_RSA_PKCS), key, MESSAGE).unwrap();
    assert_eq!(out[..], same);
}
