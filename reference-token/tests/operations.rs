//! Operations: digests and signatures, sections 5.12 to 5.15, with the length
//! convention of section 5.2.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::{sign, verify};
use support::{
    Attributes, RO, RW, Token, USER_PIN, hex, plain, rsa_2048, rsa_private, rsa_public, with,
};

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

#[test]
fn a_digest_keeps_its_operation_until_the_output_fits() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    assert_eq!(
        call!(token, C_DigestInit(session, &mut mechanism)),
        CKR_OPERATION_ACTIVE
    );
    let mut length = 0;
    let mut digest = [0u8; 32];
    let data = input!(b"abc");
    assert_eq!(
        call!(token, C_Digest(session, data, 3, null_mut(), &mut length)),
        CKR_OK
    );
    assert_eq!(length, 32);
    length = 31;
    let output = digest.as_mut_ptr();
    let rv = call!(token, C_Digest(session, data, 3, output, &mut length));
    assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, 32));
    assert_eq!(
        call!(token, C_Digest(session, data, 3, output, &mut length)),
        CKR_OK
    );
    // FIPS 180-4, "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest[..], hex(expected));
    let over = call!(token, C_Digest(session, data, 3, output, &mut length));
    assert_eq!(over, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn single_and_multiple_part_functions_do_not_mix_and_bad_arguments_end_the_operation() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut digest = [0u8; 64];
    let mut length = 64;
    let start = || {
        let mut mechanism = plain(CKM_SHA_1);
        assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    };
    start();
    assert_eq!(
        call!(token, C_DigestUpdate(session, input!(b"ab"), 2)),
        CKR_OK
    );
    let output = digest.as_mut_ptr();
    let rv = call!(
        token,
        C_Digest(session, input!(b"c"), 1, output, &mut length)
    );
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    start();
    assert_eq!(
        call!(token, C_DigestUpdate(session, null_mut(), 5)),
        CKR_ARGUMENTS_BAD
    );
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    start();
    assert_eq!(call!(token, C_DigestInit(session, null_mut())), CKR_OK);
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn the_value_of_a_key_is_digested_like_data() {
    let token = Token::fresh();
    let session = token.user_session();
    let secret = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, *b"abc");
    let key = token.create(session, &secret).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let mut mechanism = plain(CKM_SHA_1);
    assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    assert_eq!(
        call!(token, C_DigestKey(session, public)),
        CKR_KEY_INDIGESTIBLE
    );
    assert_eq!(
        call!(token, C_DigestKey(session, 1)),
        CKR_KEY_HANDLE_INVALID
    );
    assert_eq!(call!(token, C_DigestKey(session, key)), CKR_OK);
    let (mut digest, mut length) = ([0u8; 20], 20);
    let rv = call!(
        token,
        C_DigestFinal(session, digest.as_mut_ptr(), &mut length)
    );
    assert_eq!(rv, CKR_OK);
    // FIPS 180-4, "abc".
    assert_eq!(digest[..], hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

#[test]
fn rsa_signatures_are_those_of_another_implementation() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = token.create(session, &rsa_private()).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let pkcs1 = hex(rsa_2048::PKCS1_SIGNATURE);
    let made = sign(
        &token,
        session,
        plain(CKM_SHA256_RSA_PKCS),
        private,
        MESSAGE,
    );
    assert_eq!(made.unwrap(), pkcs1);
    let check = |data: &[u8], signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_SHA256_RSA_PKCS),
            public,
            (data, signature),
        )
    };
    assert_eq!(check(MESSAGE, &pkcs1), CKR_OK);
    assert_eq!(check(b"another", &pkcs1), CKR_SIGNATURE_INVALID);
    assert_eq!(check(MESSAGE, &pkcs1[1..]), CKR_SIGNATURE_LEN_RANGE);
    let mut parameter = CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        sLen: 32,
    };
    let pss = |parameter: &mut CK_RSA_PKCS_PSS_PARAMS| with(CKM_SHA256_RSA_PKCS_PSS, parameter);
    let signature = hex(rsa_2048::PSS_SIGNATURE);
    let rv = verify(
        &token,
        session,
        pss(&mut parameter),
        public,
        (MESSAGE, &signature),
    );
    assert_eq!(rv, CKR_OK);
    let made = sign(&token, session, pss(&mut parameter), private, MESSAGE).unwrap();
    let rv = verify(
        &token,
        session,
        pss(&mut parameter),
        public,
        (MESSAGE, &made),
    );
    assert_eq!(rv, CKR_OK);
    parameter.hashAlg = CKM_SHA512;
    let refused = sign(&token, session, pss(&mut parameter), private, MESSAGE);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn keys_are_refused_by_type_before_permission() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = token
        .create(session, &rsa_private().bool(CKA_SIGN, false))
        .unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let try_sign = |mechanism, key| sign(&token, session, plain(mechanism), key, b"x");
    assert_eq!(
        try_sign(CKM_RSA_PKCS, private),
        Err(CKR_KEY_FUNCTION_NOT_PERMITTED)
    );
    assert_eq!(
        try_sign(CKM_RSA_PKCS, public),
        Err(CKR_KEY_TYPE_INCONSISTENT)
    );
    assert_eq!(try_sign(CKM_ECDSA, private), Err(CKR_KEY_TYPE_INCONSISTENT));
    assert_eq!(try_sign(CKM_SHA256, private), Err(CKR_MECHANISM_INVALID));
    assert_eq!(try_sign(CKM_RSA_PKCS, session), Err(CKR_KEY_HANDLE_INVALID));
    let mut extra = 0u8;
    let refused = sign(
        &token,
        session,
        with(CKM_RSA_PKCS, &mut extra),
        private,
        b"x",
    );
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn a_key_that_always_authenticates_waits_for_the_pin_at_each_use() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = rsa_private().bool(CKA_ALWAYS_AUTHENTICATE, true);
    let key = token.create(session, &template).unwrap();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let mut init = || call!(token, C_SignInit(session, &mut mechanism, key));
    assert_eq!(init(), CKR_OK);
    let (mut signature, mut length) = ([0u8; 256], 256);
    let output = signature.as_mut_ptr();
    let mut go = || {
        call!(
            token,
            C_Sign(session, input!(MESSAGE), 19, output, &mut length)
        )
    };
    // Section 5.13.2: C_Sign always terminates the operation, but for questions of the length.
    assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(go(), CKR_OPERATION_NOT_INITIALIZED);
    let login = |pin| token.login(session, CKU_CONTEXT_SPECIFIC, pin);
    assert_eq!(login(USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
    // Section 4.10: a wrong PIN is as none, and the right one may still come.
    assert_eq!(init(), CKR_OK);
    assert_eq!(login(b"wrong"), CKR_PIN_INCORRECT);
    assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(init(), CKR_OK);
    assert_eq!(login(b"wrong"), CKR_PIN_INCORRECT);
    assert_eq!(login(USER_PIN), CKR_OK);
    assert_eq!(go(), CKR_OK);
    assert_eq!(go(), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(signature[..], hex(rsa_2048::PKCS1_SIGNATURE));
}

#[test]
fn an_operation_belongs_to_its_session() {
    let token = Token::fresh();
    let (first, second) = (token.open(RW), token.open(RW));
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(first, &mut mechanism)), CKR_OK);
    let rv = call!(token, C_DigestUpdate(second, input!(b"x"), 1));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_SessionCancel(first, CKF_DIGEST | CKF_SIGN)),
        CKR_OK
    );
    let rv = call!(token, C_DigestUpdate(first, input!(b"x"), 1));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn threads_with_sessions_of_their_own_do_not_disturb_each_other() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &rsa_private()).unwrap();
    let expected = hex(rsa_2048::PKCS1_SIGNATURE);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let session = token.open(RO);
                for _ in 0..5 {
                    let made = sign(&token, session, plain(CKM_SHA256_RSA_PKCS), key, MESSAGE);
                    assert_eq!(made.unwrap(), expected);
                }
                assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
            });
        }
    });
}
