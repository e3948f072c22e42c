//! Asynchronous sessions, section 5.21, and sessions of several threads.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;
use std::time::{Duration, Instant};

use cryptoki_sys::*;
use support::{Attributes, RW, SLOT, Token, plain};

const ASYNC: CK_FLAGS = RW | CKF_ASYNC_SESSION;

fn name(text: &std::ffi::CStr) -> *mut CK_UTF8CHAR {
    text.as_ptr().cast_mut().cast()
}

/// C_GenerateKeyPair of an RSA key pair, and its code.
fn generate(token: &Token, session: CK_SESSION_HANDLE, bits: CK_ULONG) -> CK_RV {
    let public = Attributes::new().ulong(CKA_MODULUS_BITS, bits);
    let (mut public, private) = (public.list(), Attributes::new());
    let (n, mut private) = (public.count(), private.list());
    let mut mechanism = plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (mut first, mut second) = (0, 0);
    let p = public.pointer();
    let rv = call!(
        token,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            p,
            n,
            private.pointer(),
            0,
            &mut first,
            &mut second
        )
    );
    assert_eq!((first, second), (0, 0));
    rv
}

/// C_AsyncComplete until it is not CKR_PENDING.
fn complete(token: &Token, session: CK_SESSION_HANDLE) -> (CK_RV, CK_ASYNC_DATA) {
    let mut byte = 0;
    let mut data = CK_ASYNC_DATA {
        pValue: &mut byte,
        ..CK_ASYNC_DATA::default()
    };
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let rv = call!(
            token,
            C_AsyncComplete(session, name(c"C_GenerateKeyPair"), &mut data)
        );
        if rv != CKR_PENDING {
            return (rv, data);
        }
        assert!(!data.pValue.is_null() && data.hObject == 0);
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn generation_is_pending_until_it_is_completed() {
    let token = Token::fresh();
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_ne!(info.flags & CKF_ASYNC_SESSION_SUPPORTED, 0);
    token.user_session();
    let session = token.open(ASYNC);
    assert_eq!(generate(&token, session, 1024), CKR_PENDING);
    // The session goes on, but for another function that would be pending.
    assert_eq!(generate(&token, session, 1024), CKR_OPERATION_ACTIVE);
    assert!(token.find(session, &Attributes::new()).len() < 100);
    let mut id = 7;
    let id_of = |text, id: &mut CK_ULONG| call!(token, C_AsyncGetID(session, name(text), id));
    assert_eq!(id_of(c"C_GenerateKeyPair", &mut id), CKR_STATE_UNSAVEABLE);
    assert_eq!(
        id_of(c"C_GenerateKey", &mut id),
        CKR_OPERATION_NOT_INITIALIZED
    );
    let (rv, data) = complete(&token, session);
    assert_eq!((rv, data.pValue.is_null()), (CKR_OK, true));
    let class = |object| token.attribute(session, object, CKA_CLASS).unwrap();
    assert_eq!(class(data.hObject), CKO_PUBLIC_KEY.to_ne_bytes());
    assert_eq!(class(data.hAdditionalObject), CKO_PRIVATE_KEY.to_ne_bytes());
    let (rv, _) = complete(&token, session);
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    let rv = call!(
        token,
        C_AsyncJoin(session, name(c"C_GenerateKeyPair"), id, null_mut(), 0)
    );
    assert_eq!(rv, CKR_SAVED_STATE_INVALID);
}

#[test]
fn what_the_function_refuses_is_told_when_it_is_completed() {
    let token = Token::fresh();
    token.user_session();
    let session = token.open(ASYNC);
    assert_eq!(generate(&token, session, 17), CKR_PENDING);
    let (rv, data) = complete(&token, session);
    assert_eq!(rv, CKR_ATTRIBUTE_VALUE_INVALID);
    assert!(data.pValue.is_null() && data.hObject == 0);
    // Without a place for the handles they wait; a structure of another version is no place.
    assert_eq!(generate(&token, session, 1024), CKR_PENDING);
    let end = Instant::now() + Duration::from_secs(120);
    let mut data = CK_ASYNC_DATA {
        ulVersion: 1,
        ..CK_ASYNC_DATA::default()
    };
    for place in [null_mut(), &raw mut data] {
        loop {
            let text = name(c"C_GenerateKeyPair");
            match call!(token, C_AsyncComplete(session, text, place)) {
                CKR_PENDING => std::thread::sleep(Duration::from_millis(5)),
                rv => break assert_eq!(rv, CKR_ARGUMENTS_BAD),
            }
            assert!(Instant::now() < end);
        }
    }
    assert_eq!(complete(&token, session).0, CKR_OK);
    // A session that is not asynchronous waits.
    let session = token.open(RW);
    let template = Attributes::new().ulong(CKA_VALUE_LEN, 16);
    assert!(token.generate(session, CKM_AES_KEY_GEN, &template).is_ok());
}

#[test]
fn a_cancelled_function_leaves_nothing_behind() {
    let token = Token::fresh();
    let other = token.user_session();
    let before = token.find(other, &Attributes::new()).len();
    for how in ["cancel", "close"] {
        let session = token.open(ASYNC);
        assert_eq!(generate(&token, session, 1024), CKR_PENDING, "{how}");
        if how == "cancel" {
            let rv = call!(token, C_SessionCancel(session, CKF_GENERATE));
            assert_eq!(rv, CKR_OK);
            let rv = call!(token, C_SessionCancel(session, CKF_GENERATE_KEY_PAIR));
            assert_eq!(rv, CKR_OK);
            assert_eq!(complete(&token, session).0, CKR_OPERATION_NOT_INITIALIZED);
        } else {
            assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
        }
    }
    // Longer than the generation of such keys takes.
    let session = token.open(ASYNC);
    assert_eq!(generate(&token, session, 1024), CKR_PENDING);
    assert_eq!(complete(&token, session).0, CKR_OK);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(token.find(other, &Attributes::new()).len(), before + 2);
}

#[test]
fn an_application_that_forbids_threads_gets_no_asynchronous_sessions() {
    let token = Token::attach();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        flags: CKF_LIBRARY_CANT_CREATE_OS_THREADS,
        ..Default::default()
    };
    let rv = call!(token, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(rv, CKR_OK);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(info.flags & CKF_ASYNC_SESSION_SUPPORTED, 0);
    let mut session = 0;
    let rv = call!(
        token,
        C_OpenSession(SLOT, ASYNC, null_mut(), None, &mut session)
    );
    assert_eq!(rv, CKR_SESSION_ASYNC_NOT_SUPPORTED);
}

/// Whether three digests run from beginning to end while another session generates a key pair.
fn digests_meanwhile(token: &Token, slow: CK_SESSION_HANDLE, quick: CK_SESSION_HANDLE) -> bool {
    std::thread::scope(|scope| {
        let generation = scope.spawn(|| {
            let template = Attributes::new().ulong(CKA_MODULUS_BITS, 4096);
            let (mut public, none) = (template.list(), Attributes::new());
            let (n, mut private) = (public.count(), none.list());
            let mut mechanism = plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
            let (mut first, mut second) = (0, 0);
            let (p, q) = (public.pointer(), private.pointer());
            let m = &mut mechanism;
            let rv = call!(
                token,
                C_GenerateKeyPair(slow, m, p, n, q, 0, &mut first, &mut second)
            );
            assert_eq!(rv, CKR_OK);
        });
        for _ in 0..3 {
            let mut mechanism = plain(CKM_SHA256);
            let (mut out, mut length) = ([0u8; 32], 32);
            let p = out.as_mut_ptr();
            let rv = call!(token, C_DigestInit(quick, &mut mechanism));
            assert_eq!(rv, CKR_OK);
            let rv = call!(token, C_Digest(quick, input!(b"abc"), 3, p, &mut length));
            assert_eq!(rv, CKR_OK);
        }
        !generation.is_finished()
    })
}

#[test]
fn sessions_do_not_wait_for_each_others_cryptography() {
    let token = Token::fresh();
    let (slow, quick) = (token.user_session(), token.open(RW));
    // A busy machine may let a thread wait longer than the generation takes, but not every time.
    assert!((0..8).any(|_| digests_meanwhile(&token, slow, quick)));
}

#[test]
fn threads_that_read_and_change_the_token_see_it_whole() {
    const ROUNDS: u8 = 200;
    let token = Token::fresh();
    let session = token.user_session();
    let labelled = |label: &[u8]| {
        let template = Attributes::new().ulong(CKA_CLASS, CKO_DATA);
        template.bytes(CKA_LABEL, label)
    };
    let object = token.create(session, &labelled(&[b'0'; 8])).unwrap();
    let relabel = || {
        let session = token.open(RW);
        for round in 0..ROUNDS {
            let label = Attributes::new().bytes(CKA_LABEL, [b'0' + round % 10; 8]);
            assert_eq!(token.set(session, object, &label), CKR_OK);
        }
    };
    let come_and_go = || {
        for _ in 0..ROUNDS {
            let session = token.open(RW);
            token.create(session, &labelled(b"passing")).unwrap();
            assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
        }
    };
    let look = || {
        let session = token.open(RW);
        for _ in 0..ROUNDS {
            let label = token.attribute(session, object, CKA_LABEL).unwrap();
            assert_eq!(label, [label[0]; 8]);
            assert!(token.find(session, &labelled(b"passing")).len() <= 1);
            assert_eq!(token.state(session), CKS_RW_USER_FUNCTIONS);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(relabel);
        scope.spawn(come_and_go);
        scope.spawn(look);
        scope.spawn(look);
    });
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(
        info.ulSessionCount, 4,
        "those of this test that are not closed"
    );
    assert!(token.find(session, &labelled(b"passing")).is_empty());
}
