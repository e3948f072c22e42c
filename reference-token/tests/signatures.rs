//! Signatures with recovery of the data, sections 5.13.6 and 5.15.6, and verification with the
//! signature given first, sections 5.15.7 to 5.15.10.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::sign;
use support::{Attributes, Token, hex, plain, rsa_2048, rsa_private, rsa_public};

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

fn keys(token: &Token) -> (CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let session = token.user_session();
    let private = token.create(session, &rsa_private()).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    (session, private, public)
}

/// C_SignRecoverInit and C_SignRecover.
fn seal(
    token: &Token,
    (session, key): (CK_SESSION_HANDLE, CK_OBJECT_HANDLE),
    mechanism: CK_MECHANISM_TYPE,
    data: &[u8],
) -> Result<Vec<u8>, CK_RV> {
    let mut mechanism = plain(mechanism);
    match call!(token, C_SignRecoverInit(session, &mut mechanism, key)) {
        CKR_OK => {}
        rv => return Err(rv),
    }
    let (mut signature, mut length) = (vec![0; 256], 255);
    let (p, count) = (signature.as_mut_ptr(), data.len() as CK_ULONG);
    let mut go = |room| {
        length = room;
        call!(
            token,
            C_SignRecover(session, input!(data), count, p, &mut length)
        )
    };
    assert_eq!(go(255), CKR_BUFFER_TOO_SMALL);
    match go(256) {
        CKR_OK => Ok(signature),
        rv => Err(rv),
    }
}

#[test]
fn signed_data_comes_back_from_its_signature() {
    let token = Token::fresh();
    let (session, private, public) = keys(&token);
    // The same signature as without recovery.
    let signature = seal(&token, (session, private), CKM_RSA_PKCS, MESSAGE).unwrap();
    let appendix = sign(&token, session, plain(CKM_RSA_PKCS), private, MESSAGE);
    assert_eq!(signature, appendix.unwrap());
    let mut mechanism = plain(CKM_RSA_PKCS);
    let init = |mechanism: &mut CK_MECHANISM| {
        call!(token, C_VerifyRecoverInit(session, mechanism, public))
    };
    assert_eq!(init(&mut mechanism), CKR_OK);
    let (mut data, mut length) = ([0u8; 256], 0);
    let p = data.as_mut_ptr();
    let mut recover = |signature: &[u8], room, p| {
        length = room;
        let count = signature.len() as CK_ULONG;
        let rv = call!(
            token,
            C_VerifyRecover(session, input!(signature), count, p, &mut length)
        );
        (rv, length)
    };
    let size = MESSAGE.len() as CK_ULONG;
    assert_eq!(recover(&signature, 0, null_mut()), (CKR_OK, 245));
    assert_eq!(recover(&signature, 3, p), (CKR_BUFFER_TOO_SMALL, size));
    assert_eq!(recover(&signature, size, p), (CKR_OK, size));
    assert_eq!(&data[..MESSAGE.len()], MESSAGE);
    assert_eq!(recover(&signature, 256, p).0, CKR_OPERATION_NOT_INITIALIZED);
    // An invalid signature is never too small a buffer.
    let mut damaged = signature.clone();
    damaged[255] ^= 1;
    for (bad, code) in [
        (&damaged[..], CKR_SIGNATURE_INVALID),
        (&signature[1..], CKR_SIGNATURE_LEN_RANGE),
    ] {
        assert_eq!(init(&mut mechanism), CKR_OK);
        assert_eq!(recover(bad, 1, p).0, code);
        assert_eq!(recover(bad, 1, p).0, CKR_OPERATION_NOT_INITIALIZED);
    }
    // Raw RSA gives the whole representative back.
    let raw = seal(&token, (session, private), CKM_RSA_X_509, MESSAGE).unwrap();
    assert_eq!(init(&mut plain(CKM_RSA_X_509)), CKR_OK);
    assert_eq!(recover(&raw, 256, p), (CKR_OK, 256));
    assert!(data.ends_with(MESSAGE) && data[..256 - MESSAGE.len()].iter().all(|b| *b == 0));
}

#[test]
fn recovery_asks_for_its_own_mechanisms_usages_and_lengths() {
    let token = Token::fresh();
    let (session, private, _) = keys(&token);
    let long = seal(&token, (session, private), CKM_RSA_PKCS, &[1; 246]);
    assert_eq!(long, Err(CKR_DATA_LEN_RANGE));
    let hashing = seal(&token, (session, private), CKM_SHA256_RSA_PKCS, MESSAGE);
    assert_eq!(hashing, Err(CKR_MECHANISM_INVALID));
    let without = rsa_private().bool(CKA_SIGN_RECOVER, false);
    let without = token.create(session, &without).unwrap();
    let refused = seal(&token, (session, without), CKM_RSA_PKCS, MESSAGE);
    assert_eq!(refused, Err(CKR_KEY_FUNCTION_NOT_PERMITTED));
    let mut mechanism = plain(CKM_RSA_PKCS);
    let rv = call!(token, C_VerifyRecoverInit(session, &mut mechanism, private));
    assert_eq!(rv, CKR_KEY_TYPE_INCONSISTENT);
    let rv = call!(token, C_SignRecoverInit(session, &mut mechanism, private));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_SessionCancel(session, CKF_SIGN_RECOVER));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_SignInit(session, &mut mechanism, private));
    assert_eq!(rv, CKR_OK);
}

#[test]
fn a_signature_given_first_is_checked_at_the_end() {
    let token = Token::fresh();
    let (session, _, public) = keys(&token);
    let good = hex(rsa_2048::PKCS1_SIGNATURE);
    let bad = [&[good[0] ^ 1], &good[1..]].concat();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let mut init = |signature: &[u8]| {
        let count = signature.len() as CK_ULONG;
        call!(
            token,
            C_VerifySignatureInit(session, &mut mechanism, public, input!(signature), count)
        )
    };
    let count = MESSAGE.len() as CK_ULONG;
    let whole = || call!(token, C_VerifySignature(session, input!(MESSAGE), count));
    let update = |data: &[u8]| {
        let count = data.len() as CK_ULONG;
        call!(token, C_VerifySignatureUpdate(session, input!(data), count))
    };
    let finish = || call!(token, C_VerifySignatureFinal(session));
    for (signature, code) in [
        (&good[..], CKR_OK),
        (&bad, CKR_SIGNATURE_INVALID),
        (&good[1..], CKR_SIGNATURE_LEN_RANGE),
    ] {
        assert_eq!(init(signature), CKR_OK);
        assert_eq!(whole(), code);
        assert_eq!(whole(), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(init(signature), CKR_OK);
        assert_eq!(update(&MESSAGE[..5]), CKR_OK);
        assert_eq!(update(&MESSAGE[5..]), CKR_OK);
        assert_eq!(finish(), code);
        assert_eq!(finish(), CKR_OPERATION_NOT_INITIALIZED);
    }
    // The two ways of verifying are operations of their own.
    assert_eq!(init(&good), CKR_OK);
    let rv = call!(token, C_VerifyUpdate(session, input!(MESSAGE), count));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(update(MESSAGE), CKR_OK);
    assert_eq!(whole(), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(init(&good), CKR_OK);
    let rv = call!(token, C_SessionCancel(session, CKF_VERIFY));
    assert_eq!(rv, CKR_OK);
    assert_eq!(finish(), CKR_OPERATION_NOT_INITIALIZED);
    let rv = call!(
        token,
        C_VerifySignatureInit(session, null_mut(), 0, null_mut(), 0)
    );
    assert_eq!(rv, CKR_OK);
}

#[test]
fn single_part_mechanisms_verify_a_signature_given_first_in_a_single_part() {
    let token = Token::fresh();
    let session = token.user_session();
    let secret = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, *b"Jefe");
    let key = token.create(session, &secret).unwrap();
    // RFC 4231 test case 2.
    let mac = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let mut mechanism = plain(CKM_SHA256_HMAC);
    let rv = call!(
        token,
        C_VerifySignatureInit(session, &mut mechanism, key, input!(mac), 32)
    );
    assert_eq!(rv, CKR_OK);
    let data = b"what do ya want for nothing?";
    let rv = call!(token, C_VerifySignature(session, input!(data), 28));
    assert_eq!(rv, CKR_OK);
    let public = token.create(session, &rsa_public()).unwrap();
    let rv = call!(
        token,
        C_VerifySignatureInit(session, &mut plain(CKM_RSA_PKCS), public, input!(mac), 32)
    );
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_VerifySignatureUpdate(session, input!(data), 28));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}
