//! Tokens as configuration files describe them. A program of its own, because the configuration
//! belongs to the process.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ffi::CString;
use std::path::Path;

use cryptoki_sys::*;
use support::{Attributes, RO, SLOT, SO_PIN, Token, USER_PIN, plain};

/// The library, initialised with these settings.
fn configured(name: &str, settings: &str) -> Token {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    std::fs::write(&file, settings).unwrap();
    let token = Token::attach();
    let text = CString::new(format!("configuration={}", file.display())).unwrap();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_ptr().cast_mut().cast(),
        ..Default::default()
    };
    let rv = call!(token, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(rv, CKR_OK);
    token
}

fn info(token: &Token) -> CK_TOKEN_INFO {
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    info
}

#[test]
fn without_dual_operations_a_session_runs_one_at_a_time_and_says_so() {
    let token = configured("single", "dual-operations = false\n");
    assert_eq!(info(&token).flags & CKF_DUAL_CRYPTO_OPERATIONS, 0);
    let session = token.user_session();
    let key = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, [1; 16]);
    let key = token.create(session, &key).unwrap();
    let (mut sha, mut ecb) = (plain(CKM_SHA256), plain(CKM_AES_ECB));
    assert_eq!(call!(token, C_DigestInit(session, &mut sha)), CKR_OK);
    let rv = call!(token, C_EncryptInit(session, &mut ecb, key));
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
}

#[test]
fn a_clock_is_an_object_a_flag_and_the_time_or_nothing() {
    let clock = Attributes::new()
        .ulong(CKA_CLASS, CKO_HW_FEATURE)
        .ulong(CKA_HW_FEATURE_TYPE, CKH_CLOCK);
    let token = configured("clock", "clock = true\n");
    let session = token.open(RO);
    let object = token.find(session, &clock)[0];
    let (before, info_with) = (token.attribute(session, object, CKA_VALUE), info(&token));
    assert_ne!(info_with.flags & CKF_CLOCK_ON_TOKEN, 0);
    let (before, now) = (before.unwrap(), info_with.utcTime);
    assert!(before.iter().all(u8::is_ascii_digit) && now.iter().all(u8::is_ascii_digit));
    assert!(before[..] <= now[..] && before.starts_with(b"20") && before.ends_with(b"00"));
    drop(token);
    let token = configured("no-clock", "");
    let session = token.open(RO);
    assert!(token.find(session, &clock).is_empty());
    let info = info(&token);
    assert_eq!(info.flags & CKF_CLOCK_ON_TOKEN, 0);
    assert_eq!(info.utcTime, [b' '; 16]);
}

#[test]
fn a_pin_that_its_owner_did_not_choose_opens_nothing_but_its_change() {
    let token = configured("initial-pins", "change-initial-pins = true\n");
    let both = CKF_USER_PIN_TO_BE_CHANGED | CKF_SO_PIN_TO_BE_CHANGED;
    assert_eq!(info(&token).flags & both, both);
    let session = token.user_session();
    let note = Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_PRIVATE, true);
    assert_eq!(token.create(session, &note), Err(CKR_PIN_EXPIRED));
    let set = |old: &[u8], new: &[u8]| {
        let (old_length, new_length) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
        let (old, new) = (input!(old), input!(new));
        call!(token, C_SetPIN(session, old, old_length, new, new_length))
    };
    assert_eq!(set(USER_PIN, b"chosen"), CKR_OK);
    assert_eq!(info(&token).flags & both, CKF_SO_PIN_TO_BE_CHANGED);
    let object = token.create(session, &note).unwrap();
    assert_eq!(token.find(session, &note), [object]);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    assert_eq!(
        call!(token, C_InitPIN(session, input!(USER_PIN), 4)),
        CKR_OK
    );
    assert_eq!(set(SO_PIN, b"so's own"), CKR_OK);
    assert_eq!(info(&token).flags & both, CKF_USER_PIN_TO_BE_CHANGED);
}

/// Section 5.1.3: in factory state C_InitToken comes first, and this code before those of C_Login.
#[test]
fn nobody_logs_in_before_the_token_is_initialised() {
    let token = configured("factory", "initialized = false\n");
    assert_eq!(info(&token).flags & CKF_TOKEN_INITIALIZED, 0);
    let session = token.open(support::RW);
    for (user, pin) in [(CKU_SO, SO_PIN), (CKU_USER, USER_PIN)] {
        let rv = token.login(session, user, pin);
        assert_eq!(rv, CKR_TOKEN_NOT_INITIALIZED);
    }
    assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
    let (pin, mut label) = (SO_PIN.as_ptr().cast_mut(), [b' '; 32]);
    let rv = call!(token, C_InitToken(SLOT, pin, 8, label.as_mut_ptr()));
    assert_eq!(rv, CKR_OK);
    let session = token.open(support::RW);
    let rv = token.login(session, CKU_USER, USER_PIN);
    assert_eq!(rv, CKR_USER_PIN_NOT_INITIALIZED);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
}

#[test]
fn a_removable_token_leaves_its_slot_with_its_file_and_takes_its_sessions_along() {
    let card = Path::new(env!("CARGO_TARGET_TMPDIR")).join("card");
    std::fs::write(&card, "").unwrap();
    let token = configured("removable", &format!("removable = {card:?}\n"));
    let flags = || {
        let mut info = CK_SLOT_INFO::default();
        assert_eq!(call!(token, C_GetSlotInfo(SLOT, &mut info)), CKR_OK);
        info.flags
    };
    let listed = |with_token| {
        let mut count = 0;
        let list = std::ptr::null_mut();
        assert_eq!(
            call!(token, C_GetSlotList(with_token, list, &mut count)),
            CKR_OK
        );
        count
    };
    let event = || {
        let mut slot = 0;
        let rv = call!(
            token,
            C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, std::ptr::null_mut())
        );
        (rv, slot)
    };
    let mut info = CK_SESSION_INFO::default();
    let session = token.user_session();
    assert_eq!(flags(), CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE);
    assert_eq!(event().0, CKR_NO_EVENT);

    std::fs::remove_file(&card).unwrap();
    let rv = call!(token, C_GetSessionInfo(session, &mut info));
    assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
    assert_eq!(flags(), CKF_REMOVABLE_DEVICE);
    assert_eq!((listed(CK_FALSE), listed(CK_TRUE)), (1, 0));
    assert_eq!(event(), (CKR_OK, SLOT));
    assert_eq!(event().0, CKR_NO_EVENT);
    let mut token_info = CK_TOKEN_INFO::default();
    let rv = call!(token, C_GetTokenInfo(SLOT, &mut token_info));
    assert_eq!(rv, CKR_TOKEN_NOT_PRESENT);
    let mut count = 0;
    let rv = call!(
        token,
        C_GetMechanismList(SLOT, std::ptr::null_mut(), &mut count)
    );
    assert_eq!(rv, CKR_TOKEN_NOT_PRESENT);

    // A thread that waits is told when it comes back, to nobody logged in.
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut slot = 0;
            call!(
                token,
                C_WaitForSlotEvent(0, &mut slot, std::ptr::null_mut())
            )
        });
        std::fs::write(&card, "").unwrap();
        assert_eq!(waits.join().unwrap(), CKR_OK);
    });
    let rv = call!(token, C_GetSessionInfo(session, &mut info));
    assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
    let session = token.open(RO);
    assert_eq!(call!(token, C_GetSessionInfo(session, &mut info)), CKR_OK);
    assert_eq!(info.state, CKS_RO_PUBLIC_SESSION);
}

#[test]
fn keys_come_in_wrapped_where_the_configuration_says_so() {
    let token = configured("guarded", "key-import = false\n");
    let session = token.user_session();
    let secret = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, [7; 16]);
    assert_eq!(
        token.create(session, &secret),
        Err(CKR_TEMPLATE_INCONSISTENT)
    );
    let data = Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bytes(CKA_VALUE, [7; 16]);
    assert!(token.create(session, &data).is_ok());
}
