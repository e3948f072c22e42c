//! Operations side by side in one session: the dual functions of section 5.17, searches, and
//! C_SessionCancel.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::cipher;
use support::{Attributes, RO, Token, hex, plain, with};

const DATA: &[u8; 40] = b"forty bytes of data: two blocks and half";
const IV: [u8; 16] = [7; 16];

fn aes(token: &Token, session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, [1; 16])
        .bool(CKA_ENCRYPT, true)
        .bool(CKA_DECRYPT, true)
        .bool(CKA_SIGN, true)
        .bool(CKA_VERIFY, true);
    token.create(session, &template).unwrap()
}

fn digest(token: &Token, session: CK_SESSION_HANDLE, data: &[u8]) -> Vec<u8> {
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    assert_eq!(
        call!(
            token,
            C_DigestUpdate(session, input!(data), data.len() as CK_ULONG)
        ),
        CKR_OK
    );
    finish_digest(token, session)
}

fn finish_digest(token: &Token, session: CK_SESSION_HANDLE) -> Vec<u8> {
    let (mut out, mut length) = (vec![0; 32], 32);
    let rv = call!(token, C_DigestFinal(session, out.as_mut_ptr(), &mut length));
    assert_eq!(rv, CKR_OK);
    out
}

#[test]
fn a_part_is_digested_and_encrypted_only_if_its_ciphertext_fits() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session);
    let mut iv = IV;
    let (mut cbc, mut sha) = (with(CKM_AES_CBC, &mut iv), plain(CKM_SHA256));
    assert_eq!(call!(token, C_EncryptInit(session, &mut cbc, key)), CKR_OK);
    let mut out = [0u8; 64];
    let (mut length, p) = (15, out.as_mut_ptr());
    let mut update = |data: &[u8], room: CK_ULONG, p| {
        length = room;
        let count = data.len() as CK_ULONG;
        let rv = call!(
            token,
            C_DigestEncryptUpdate(session, input!(data), count, p, &mut length)
        );
        (rv, length)
    };
    // Only one of the two is active.
    assert_eq!(
        update(&DATA[..20], 64, p),
        (CKR_OPERATION_NOT_INITIALIZED, 64)
    );
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    assert_eq!(update(&DATA[..20], 0, null_mut()), (CKR_OK, 16));
    assert_eq!(update(&DATA[..20], 15, p), (CKR_BUFFER_TOO_SMALL, 16));
    assert_eq!(update(&DATA[..20], 16, p), (CKR_OK, 16));
    // SAFETY: `out` has 64 bytes.
    let rest = unsafe { p.add(16) };
    assert_eq!(update(&DATA[20..32], 16, rest), (CKR_OK, 16));
    let mut last = 0;
    assert_eq!(
        call!(token, C_EncryptFinal(session, rest, &mut last)),
        CKR_OK
    );
    let seen = finish_digest(&token, session);
    assert_eq!(seen, digest(&token, session, &DATA[..32]));
    let mut iv = IV;
    let expected = cipher(
        &token,
        session,
        with(CKM_AES_CBC, &mut iv),
        key,
        (true, &DATA[..32]),
    );
    assert_eq!(out[..32], expected.unwrap());
}

#[test]
fn the_plaintext_that_comes_out_is_digested_and_padding_is_not_passed_on() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session);
    let mut iv = IV;
    let sealed = cipher(
        &token,
        session,
        with(CKM_AES_CBC_PAD, &mut iv),
        key,
        (true, DATA),
    );
    let sealed = sealed.unwrap();
    let (mut pad, mut sha) = (with(CKM_AES_CBC_PAD, &mut iv), plain(CKM_SHA256));
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    assert_eq!(call!(token, C_DecryptInit(session, &mut pad, key)), CKR_OK);
    let (mut out, mut length) = ([0u8; 64], 64);
    let count = sealed.len() as CK_ULONG;
    let rv = call!(
        token,
        C_DecryptDigestUpdate(
            session,
            input!(sealed),
            count,
            out.as_mut_ptr(),
            &mut length
        )
    );
    assert_eq!((rv, length), (CKR_OK, 32));
    let mut tail = 16;
    // SAFETY: `out` has 64 bytes.
    let rest = unsafe { out.as_mut_ptr().add(32) };
    assert_eq!(
        call!(token, C_DecryptFinal(session, rest, &mut tail)),
        CKR_OK
    );
    assert_eq!(out[..32 + tail as usize], DATA[..]);
    let seen = finish_digest(&token, session);
    assert_eq!(seen, digest(&token, session, &DATA[..32]));
}

#[test]
fn a_mac_beside_a_cipher_is_over_the_plaintext_in_both_directions() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session);
    let (mut iv, mut cmac) = (IV, plain(CKM_AES_CMAC));
    let mut cbc = with(CKM_AES_CBC, &mut iv);
    assert_eq!(call!(token, C_SignInit(session, &mut cmac, key)), CKR_OK);
    assert_eq!(call!(token, C_EncryptInit(session, &mut cbc, key)), CKR_OK);
    let (mut out, mut length) = ([0u8; 32], 32);
    let p = out.as_mut_ptr();
    let rv = call!(
        token,
        C_SignEncryptUpdate(session, input!(DATA), 32, p, &mut length)
    );
    assert_eq!((rv, length), (CKR_OK, 32));
    let (mut mac, mut mac_length) = ([0u8; 16], 16);
    let rv = call!(
        token,
        C_SignFinal(session, mac.as_mut_ptr(), &mut mac_length)
    );
    assert_eq!(rv, CKR_OK);
    assert_eq!(call!(token, C_EncryptFinal(session, p, &mut 0)), CKR_OK);

    for (damage, expected) in [(0, CKR_OK), (1, CKR_SIGNATURE_INVALID)] {
        mac[0] ^= damage;
        assert_eq!(call!(token, C_DecryptInit(session, &mut cbc, key)), CKR_OK);
        assert_eq!(call!(token, C_VerifyInit(session, &mut cmac, key)), CKR_OK);
        let (mut opened, mut length) = ([0u8; 32], 32);
        let p = opened.as_mut_ptr();
        let rv = call!(
            token,
            C_DecryptVerifyUpdate(session, input!(out), 32, p, &mut length)
        );
        assert_eq!((rv, &opened), (CKR_OK, DATA.first_chunk().unwrap()));
        let rv = call!(token, C_VerifyFinal(session, mac.as_mut_ptr(), 16));
        assert_eq!(rv, expected);
        assert_eq!(call!(token, C_DecryptFinal(session, p, &mut 0)), CKR_OK);
    }
}

#[test]
fn bad_arguments_of_a_dual_function_end_the_cipher_alone() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session);
    let (mut iv, mut sha) = (IV, plain(CKM_SHA256));
    let mut cbc = with(CKM_AES_CBC, &mut iv);
    assert_eq!(call!(token, C_EncryptInit(session, &mut cbc, key)), CKR_OK);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    let rv = call!(
        token,
        C_DigestEncryptUpdate(session, null_mut(), 9, null_mut(), null_mut())
    );
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    let rv = call!(
        token,
        C_EncryptUpdate(session, null_mut(), 0, null_mut(), &mut 0)
    );
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    // FIPS 180-4: the digest of nothing.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(finish_digest(&token, session), hex(empty));
}

#[test]
fn a_third_operation_and_an_unfitting_second_one_are_refused() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session);
    let (mut iv, mut sha, mut cmac) = (IV, plain(CKM_SHA256), plain(CKM_AES_CMAC));
    let mut cbc = with(CKM_AES_CBC, &mut iv);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    let rv = call!(token, C_SignInit(session, &mut cmac, key));
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
    assert_eq!(call!(token, C_EncryptInit(session, &mut cbc, key)), CKR_OK);
    for rv in [
        call!(token, C_SignInit(session, &mut cmac, key)),
        call!(token, C_DecryptInit(session, &mut cbc, key)),
        call!(token, C_EncryptInit(session, &mut cbc, key)),
        call!(token, C_DigestInit(session, &mut sha)),
    ] {
        assert_eq!(rv, CKR_OPERATION_ACTIVE);
    }
    // Half of the pair goes, and its place can be taken.
    assert_eq!(call!(token, C_SessionCancel(session, CKF_DIGEST)), CKR_OK);
    assert_eq!(call!(token, C_SignInit(session, &mut cmac, key)), CKR_OK);
    assert_eq!(
        call!(token, C_EncryptFinal(session, null_mut(), &mut 0)),
        CKR_OK
    );
}

#[test]
fn a_search_runs_beside_operations_and_excludes_only_another() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut sha = plain(CKM_SHA256);
    let search = || call!(token, C_FindObjectsInit(session, null_mut(), 0));
    assert_eq!(search(), CKR_OK);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    assert_eq!(search(), CKR_OPERATION_ACTIVE);
    assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
    assert_eq!(search(), CKR_OK);
    let rv = call!(token, C_SessionCancel(session, CKF_FIND_OBJECTS));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_FindObjectsFinal(session));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(finish_digest(&token, session).len(), 32);
}
