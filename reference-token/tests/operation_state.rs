//! C_GetOperationState and C_SetOperationState: section 5.6.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::{cipher, sign};
use support::{Attributes, RO, RW, Token, hex, plain, rsa_private, with};

fn get(token: &Token, session: CK_SESSION_HANDLE) -> Result<Vec<u8>, CK_RV> {
    let mut length = 0;
    let ask = call!(token, C_GetOperationState(session, null_mut(), &mut length));
    if ask != CKR_OK {
        return Err(ask);
    }
    let mut state = vec![0; length as usize];
    length -= 1;
    let p = state.as_mut_ptr();
    let rv = call!(token, C_GetOperationState(session, p, &mut length));
    assert_eq!(
        (rv, length),
        (CKR_BUFFER_TOO_SMALL, state.len() as CK_ULONG)
    );
    let rv = call!(token, C_GetOperationState(session, p, &mut length));
    state.truncate(length as usize);
    if rv == CKR_OK { Ok(state) } else { Err(rv) }
}

fn set(
    token: &Token,
    session: CK_SESSION_HANDLE,
    state: &[u8],
    (encryption, authentication): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
) -> CK_RV {
    let length = state.len() as CK_ULONG;
    call!(
        token,
        C_SetOperationState(session, input!(state), length, encryption, authentication)
    )
}

fn update(token: &Token, session: CK_SESSION_HANDLE, data: &[u8]) {
    let length = data.len() as CK_ULONG;
    assert_eq!(
        call!(token, C_DigestUpdate(session, input!(data), length)),
        CKR_OK
    );
}

fn digest(token: &Token, session: CK_SESSION_HANDLE) -> Vec<u8> {
    let (mut out, mut length) = (vec![0; 32], 32);
    let rv = call!(token, C_DigestFinal(session, out.as_mut_ptr(), &mut length));
    assert_eq!(rv, CKR_OK);
    out
}

fn aes(token: &Token, session: CK_SESSION_HANDLE, value: u8) -> CK_OBJECT_HANDLE {
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, [value; 16]);
    token.create(session, &template).unwrap()
}

/// FIPS 180-4, "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_digest_goes_on_from_where_it_was_saved_in_any_session_and_any_number_of_times() {
    let token = Token::fresh();
    let (first, second) = (token.open(RO), token.open(RO));
    assert_eq!(get(&token, first), Err(CKR_OPERATION_NOT_INITIALIZED));
    let mut sha = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(first, &mut sha)), CKR_OK);
    update(&token, first, b"ab");
    let state = get(&token, first).unwrap();
    update(&token, first, b"something else");
    // What runs in the session is replaced, its search too.
    assert_eq!(
        call!(token, C_FindObjectsInit(first, null_mut(), 0)),
        CKR_OK
    );
    for session in [first, second, second] {
        assert_eq!(set(&token, session, &state, (0, 0)), CKR_OK);
        update(&token, session, b"c");
        assert_eq!(digest(&token, session), hex(ABC));
    }
    assert_eq!(
        call!(token, C_FindObjectsFinal(first)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    // A state before any data, from which one part is as good as many.
    assert_eq!(call!(token, C_DigestInit(first, &mut sha)), CKR_OK);
    let state = get(&token, first).unwrap();
    assert_eq!(set(&token, second, &state, (0, 0)), CKR_OK);
    let (mut out, mut length) = ([0u8; 32], 32);
    let p = out.as_mut_ptr();
    let rv = call!(token, C_Digest(second, input!(b"abc"), 3, p, &mut length));
    assert_eq!((rv, out.to_vec()), (CKR_OK, hex(ABC)));
}

#[test]
fn a_state_is_refused_if_changed_or_from_another_session_state() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut sha = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    update(&token, session, b"ab");
    let state = get(&token, session).unwrap();
    for place in [0, state.len() / 2, state.len() - 1] {
        let mut forged = state.clone();
        forged[place] ^= 0x80;
        let rv = set(&token, session, &forged, (0, 0));
        assert_eq!(rv, CKR_SAVED_STATE_INVALID);
    }
    for length in [0, 1, state.len() - 1] {
        let rv = set(&token, session, &state[..length], (0, 0));
        assert_eq!(rv, CKR_SAVED_STATE_INVALID);
    }
    let rv = set(&token, token.open(RW), &state, (0, 0));
    assert_eq!(rv, CKR_SAVED_STATE_INVALID);
    assert_eq!(set(&token, session, &state, (5, 0)), CKR_KEY_NOT_NEEDED);
    assert_eq!(set(&token, session, &state, (0, 5)), CKR_KEY_NOT_NEEDED);
    // The refusals left the operation alone.
    update(&token, session, b"c");
    assert_eq!(digest(&token, session), hex(ABC));
}

#[test]
fn keys_are_named_in_a_state_and_not_part_of_it() {
    let token = Token::fresh();
    let session = token.user_session();
    let (key, other) = (aes(&token, session, 1), aes(&token, session, 2));
    let mut iv = [9u8; 16];
    let mut cbc = with(CKM_AES_CBC, &mut iv);
    let mut cmac = plain(CKM_AES_CMAC);
    let data = b"two blocks of data, all in all..";
    assert_eq!(call!(token, C_EncryptInit(session, &mut cbc, key)), CKR_OK);
    assert_eq!(call!(token, C_SignInit(session, &mut cmac, other)), CKR_OK);
    let (mut out, mut length) = ([0u8; 32], 16);
    let p = out.as_mut_ptr();
    let rv = call!(
        token,
        C_SignEncryptUpdate(session, input!(data), 20, p, &mut length)
    );
    assert_eq!((rv, length), (CKR_OK, 16));
    let state = get(&token, session).unwrap();
    assert!(state.len() < 300);
    for (keys, rv) in [
        ((other, 0), CKR_KEY_CHANGED),
        ((0, key), CKR_KEY_CHANGED),
        ((session, 0), CKR_KEY_CHANGED),
        ((0, 0), CKR_OK),
        ((key, other), CKR_OK),
    ] {
        assert_eq!(set(&token, session, &state, keys), rv);
    }
    // SAFETY: `out` has 32 bytes, and `data` too.
    let (rest, tail) = unsafe { (p.add(16), input!(data).add(20)) };
    length = 16;
    let rv = call!(
        token,
        C_SignEncryptUpdate(session, tail, 12, rest, &mut length)
    );
    assert_eq!((rv, length), (CKR_OK, 16));
    assert_eq!(call!(token, C_EncryptFinal(session, p, &mut 0)), CKR_OK);
    let (mut mac, mut mac_length) = ([0u8; 16], 16);
    let mac_p = mac.as_mut_ptr();
    let rv = call!(token, C_SignFinal(session, mac_p, &mut mac_length));
    assert_eq!(rv, CKR_OK);
    let mut iv = [9u8; 16];
    let cbc = with(CKM_AES_CBC, &mut iv);
    assert_eq!(
        out[..],
        cipher(&token, session, cbc, key, (true, data)).unwrap()
    );
    assert_eq!(mac[..], sign(&token, session, cmac, other, data).unwrap());
    // A key that is gone is needed, whatever else is supplied in its place.
    assert_eq!(call!(token, C_DestroyObject(session, key)), CKR_OK);
    assert_eq!(set(&token, session, &state, (0, 0)), CKR_KEY_NEEDED);
    assert_eq!(set(&token, session, &state, (key, 0)), CKR_KEY_CHANGED);
    let again = aes(&token, session, 1);
    assert_eq!(set(&token, session, &state, (again, 0)), CKR_KEY_CHANGED);
}

#[test]
fn what_must_not_or_cannot_leave_the_token_is_not_saved() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = aes(&token, session, 1);
    let mut sha = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    assert_eq!(call!(token, C_DigestKey(session, key)), CKR_OK);
    assert_eq!(get(&token, session), Err(CKR_STATE_UNSAVEABLE));
    assert_eq!(call!(token, C_SessionCancel(session, CKF_DIGEST)), CKR_OK);
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    update(&token, session, &vec![7; (1 << 20) + 1]);
    assert_eq!(get(&token, session), Err(CKR_STATE_UNSAVEABLE));
    assert_eq!(call!(token, C_SessionCancel(session, CKF_DIGEST)), CKR_OK);
    let always = rsa_private().bool(CKA_ALWAYS_AUTHENTICATE, true);
    let always = token.create(session, &always).unwrap();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let rv = call!(token, C_SignInit(session, &mut mechanism, always));
    assert_eq!(rv, CKR_OK);
    assert_eq!(get(&token, session), Err(CKR_STATE_UNSAVEABLE));
    assert_eq!(call!(token, C_SessionCancel(session, CKF_SIGN)), CKR_OK);
    // Recovery and searches are not operations to save.
    let mut mechanism = plain(CKM_RSA_PKCS);
    let recovering = token.create(session, &rsa_private()).unwrap();
    let rv = call!(
        token,
        C_SignRecoverInit(session, &mut mechanism, recovering)
    );
    assert_eq!(rv, CKR_OK);
    assert_eq!(
        call!(token, C_FindObjectsInit(session, null_mut(), 0)),
        CKR_OK
    );
    assert_eq!(get(&token, session), Err(CKR_OPERATION_NOT_INITIALIZED));
}
