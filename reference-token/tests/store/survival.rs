//! What a token in a file has after a restart, and who sees it.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::{Attributes, RW, SLOT, SO_PIN, Token, USER_PIN};
use super::{initialize, labels, note, restart, scratch, secret};

#[test]
fn objects_their_order_and_pin_counters_survive_and_destroyed_objects_do_not() {
    let file = scratch("survive");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.open(RW);
    let label = |text: &str| note().bytes(CKA_LABEL, text);
    for text in ["one", "two", "three"] {
        token.create(session, &label(text)).unwrap();
    }
    let two = token.find(session, &label("two"))[0];
    assert_eq!(call!(token, C_DestroyObject(session, two)), CKR_OK);
    let one = token.find(session, &label("one"))[0];
    let relabelled = Attributes::new().bytes(CKA_LABEL, *b"still first");
    assert_eq!(token.set(session, one, &relabelled), CKR_OK);
    assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(labels(&token, session, &note()), ["still first", "three"]);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_ne!(info.flags & CKF_USER_PIN_COUNT_LOW, 0);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the file is for its owner alone");
    }
}

#[test]
fn private_objects_come_with_the_login_in_their_order_and_go_with_the_logout() {
    let file = scratch("private");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    for (i, template) in [note(), secret(), note(), secret()].into_iter().enumerate() {
        let template = template.bytes(CKA_LABEL, format!("{i}"));
        token.create(session, &template).unwrap();
    }
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(labels(&token, session, &note()), ["0", "2"]);
    // What is made before the login still comes after what was made before the restart.
    token
        .create(session, &note().bytes(CKA_LABEL, *b"4"))
        .unwrap();
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(labels(&token, session, &note()), ["0", "1", "2", "3", "4"]);
    let before = token.find(session, &secret());
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert!(token.find(session, &secret()).is_empty());
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    let after = token.find(session, &secret());
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|handle| !before.contains(handle)));
}

#[test]
fn private_objects_cannot_be_read_in_the_file() {
    let file = scratch("sealed");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &note()).unwrap();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    let bytes = std::fs::read(&file).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(holds(b"remember"), "a public object is there as it is");
    assert!(!holds(b"for my eyes only"));
    assert!(!holds(USER_PIN.repeat(2).as_slice()));
}

#[test]
fn new_pins_open_the_same_private_objects_whoever_sets_them() {
    let file = scratch("pins");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    let pin = |text: &'static [u8]| (text.as_ptr().cast_mut(), text.len() as CK_ULONG);
    let ((old, old_length), (new, length)) = (pin(USER_PIN), pin(b"my own"));
    let rv = call!(token, C_SetPIN(session, old, old_length, new, length));
    assert_eq!(rv, CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    assert_eq!(token.login(session, CKU_USER, b"my own"), CKR_OK);
    assert_eq!(token.find(session, &secret()).len(), 1);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    assert!(token.find(session, &secret()).is_empty());
    let (new, length) = pin(b"given");
    assert_eq!(call!(token, C_InitPIN(session, new, length)), CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, b"given"), CKR_OK);
    assert_eq!(token.find(session, &secret()).len(), 1);
}

#[test]
fn initialising_the_token_leaves_no_object_and_the_sos_pin() {
    let file = scratch("anew");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &note()).unwrap();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
    let mut label = *b"another                         ";
    let (pin, length) = (SO_PIN.as_ptr().cast_mut(), SO_PIN.len() as CK_ULONG);
    let rv = call!(token, C_InitToken(SLOT, pin, length, label.as_mut_ptr()));
    assert_eq!(rv, CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(
        token.login(session, CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    let pin = USER_PIN.as_ptr().cast_mut();
    assert_eq!(call!(token, C_InitPIN(session, pin, 4)), CKR_OK);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    assert!(token.find(session, &note()).is_empty());
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(info.label, label);
}

#[test]
fn the_counter_goes_on_after_a_restart() {
    let file = scratch("counter");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let read = || {
        let session = token.open(RW);
        let template = Attributes::new()
            .ulong(CKA_CLASS, CKO_HW_FEATURE)
            .ulong(CKA_HW_FEATURE_TYPE, CKH_MONOTONIC_COUNTER);
        let counter = token.find(session, &template)[0];
        let value = token.attribute(session, counter, CKA_VALUE).unwrap();
        u64::from_be_bytes(value.try_into().unwrap())
    };
    let mut last = 0;
    for _ in 0..3 {
        for _ in 0..3 {
            let next = read();
            assert!(next > last);
            last = next;
        }
        restart(&token, &file);
    }
}
