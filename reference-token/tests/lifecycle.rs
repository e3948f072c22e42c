//! The library, its slot and token, sessions and login: sections 5.4 to 5.6.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{RO, RW, SLOT, SO_PIN, Token, USER_PIN};

#[test]
fn nothing_but_the_interface_functions_works_before_initialize() {
    let token = Token::attach();
    call!(token, C_Finalize(null_mut()));
    let mut info = CK_INFO::default();
    assert_eq!(
        call!(token, C_GetInfo(&mut info)),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    let mut count = 0;
    let rv = call!(token, C_GetSlotList(CK_TRUE, null_mut(), &mut count));
    assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_CloseSession(1)),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_Finalize(null_mut())),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
}

#[test]
fn initialize_and_finalize_pair_up_and_mind_their_arguments() {
    let token = Token::attach();
    call!(token, C_Finalize(null_mut()));
    let mut byte = 7u8;
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: (&raw mut byte).cast(),
        ..CK_C_INITIALIZE_ARGS::default()
    };
    let pointer = (&raw mut arguments).cast();
    assert_eq!(call!(token, C_Initialize(pointer)), CKR_ARGUMENTS_BAD);
    unsafe extern "C" fn mutex(_: *mut std::ffi::c_void) -> CK_RV {
        CKR_OK
    }
    arguments.pReserved = null_mut();
    arguments.LockMutex = Some(mutex);
    assert_eq!(
        call!(token, C_Initialize((&raw mut arguments).cast())),
        CKR_ARGUMENTS_BAD
    );
    arguments.LockMutex = None;
    arguments.flags = CKF_OS_LOCKING_OK;
    assert_eq!(
        call!(token, C_Initialize((&raw mut arguments).cast())),
        CKR_OK
    );
    assert_eq!(
        call!(token, C_Initialize(null_mut())),
        CKR_CRYPTOKI_ALREADY_INITIALIZED
    );
    assert_eq!(
        call!(token, C_Finalize((&raw mut byte).cast())),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
}

#[test]
fn interfaces_are_found_by_name_version_and_flags() {
    let mut count = 0;
    let mut interfaces = [CK_INTERFACE::default(); 3];
    // SAFETY: pointers to live variables, or NULL.
    unsafe {
        assert_eq!(
            reference_token::C_GetInterfaceList(null_mut(), &mut count),
            CKR_OK
        );
        assert_eq!(count, 3);
        count = 2;
        let rv = reference_token::C_GetInterfaceList(interfaces.as_mut_ptr(), &mut count);
        assert_eq!((rv, count), (CKR_BUFFER_TOO_SMALL, 3));
        let rv = reference_token::C_GetInterfaceList(interfaces.as_mut_ptr(), &mut count);
        assert_eq!(rv, CKR_OK);
    }
    let get = |name: *const u8, version: Option<(u8, u8)>, flags| {
        let mut found: *mut CK_INTERFACE = null_mut();
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version
            .as_mut()
            .map_or(null_mut(), |version| version as *mut _);
        // SAFETY: a name with its NUL or NULL, and pointers to live variables.
        let rv =
            unsafe { reference_token::C_GetInterface(name.cast_mut(), version, &mut found, flags) };
        // SAFETY: an interface that was found is static, and begins with its version.
        let version =
            (rv == CKR_OK).then(|| unsafe { *(*found).pFunctionList.cast::<CK_VERSION>() });
        (rv, version.map(|version| (version.major, version.minor)))
    };
    let name = c"PKCS 11".as_ptr().cast();
    assert_eq!(get(std::ptr::null(), None, 0), (CKR_OK, Some((3, 2))));
    for version in [(3, 2), (3, 0), (2, 40)] {
        assert_eq!(get(name, Some(version), 0), (CKR_OK, Some(version)));
    }
    assert_eq!(get(name, Some((3, 1)), 0).0, CKR_ARGUMENTS_BAD);
    assert_eq!(get(c"PKCS 1".as_ptr().cast(), None, 0).0, CKR_ARGUMENTS_BAD);
    assert_eq!(
        get(name, None, CKF_INTERFACE_FORK_SAFE).0,
        CKR_ARGUMENTS_BAD
    );
}

#[test]
fn lists_follow_the_length_convention() {
    let token = Token::fresh();
    let mut count = 99;
    assert_eq!(
        call!(token, C_GetSlotList(CK_FALSE, null_mut(), &mut count)),
        CKR_OK
    );
    assert_eq!(count, 1);
    let mut slot = 0;
    count = 0;
    let rv = call!(token, C_GetSlotList(CK_FALSE, &mut slot, &mut count));
    assert_eq!((rv, count), (CKR_BUFFER_TOO_SMALL, 1));
    assert_eq!(
        call!(token, C_GetSlotList(CK_FALSE, &mut slot, &mut count)),
        CKR_OK
    );
    assert_eq!(slot, SLOT);
    assert_eq!(
        call!(token, C_GetSlotList(CK_TRUE, &mut slot, null_mut())),
        CKR_ARGUMENTS_BAD
    );
    let mut info = CK_SLOT_INFO::default();
    assert_eq!(
        call!(token, C_GetSlotInfo(SLOT + 1, &mut info)),
        CKR_SLOT_ID_INVALID
    );
}

#[test]
fn the_slot_has_no_events() {
    let token = Token::fresh();
    let mut slot = 0;
    let rv = call!(
        token,
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut())
    );
    assert_eq!(rv, CKR_NO_EVENT);
    let waiter = {
        let list = support::list();
        std::thread::spawn(move || {
            let mut slot = 0;
            // SAFETY: a pointer to a live variable.
            unsafe { list.C_WaitForSlotEvent.unwrap()(0, &mut slot, null_mut()) }
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(waiter.join().unwrap(), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn sessions_are_serial_and_their_handles_never_come_back() {
    let token = Token::fresh();
    let mut session = 0;
    let mut open = |flags| {
        call!(
            token,
            C_OpenSession(SLOT, flags, null_mut(), None, &mut session)
        )
    };
    assert_eq!(open(CKF_RW_SESSION), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_eq!(open(RW | 0x10), CKR_ARGUMENTS_BAD);
    let first = token.open(RO);
    assert_eq!(token.state(first), CKS_RO_PUBLIC_SESSION);
    assert_eq!(call!(token, C_CloseSession(first)), CKR_OK);
    assert_eq!(
        call!(token, C_CloseSession(first)),
        CKR_SESSION_HANDLE_INVALID
    );
    assert_ne!(token.open(RO), first);
    assert_eq!(call!(token, C_CloseAllSessions(SLOT)), CKR_OK);
    assert_eq!(
        call!(token, C_CloseAllSessions(SLOT + 1)),
        CKR_SLOT_ID_INVALID
    );
}

#[test]
fn login_moves_all_sessions_and_the_last_close_logs_out() {
    let token = Token::fresh();
    let (reader, writer) = (token.open(RO), token.open(RW));
    assert_eq!(token.login(reader, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    assert_eq!(token.login(reader, 17, USER_PIN), CKR_USER_TYPE_INVALID);
    assert_eq!(
        token.login(reader, CKU_SO, SO_PIN),
        CKR_SESSION_READ_ONLY_EXISTS
    );
    assert_eq!(token.login(reader, CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(token.state(reader), CKS_RO_USER_FUNCTIONS);
    assert_eq!(token.state(writer), CKS_RW_USER_FUNCTIONS);
    assert_eq!(
        token.login(writer, CKU_USER, USER_PIN),
        CKR_USER_ALREADY_LOGGED_IN
    );
    assert_eq!(
        token.login(writer, CKU_SO, SO_PIN),
        CKR_USER_ANOTHER_ALREADY_LOGGED_IN
    );
    let none = token.login(writer, CKU_CONTEXT_SPECIFIC, USER_PIN);
    assert_eq!(none, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(call!(token, C_Logout(writer)), CKR_OK);
    assert_eq!(call!(token, C_Logout(writer)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(token.login(reader, CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(call!(token, C_CloseSession(reader)), CKR_OK);
    assert_eq!(call!(token, C_CloseSession(writer)), CKR_OK);
    let again = token.open(RW);
    assert_eq!(token.state(again), CKS_RW_PUBLIC_SESSION);
    assert_eq!(token.login(again, CKU_SO, SO_PIN), CKR_OK);
    assert_eq!(token.state(again), CKS_RW_SO_FUNCTIONS);
    let mut reader = 0;
    let rv = call!(
        token,
        C_OpenSession(SLOT, RO, null_mut(), None, &mut reader)
    );
    assert_eq!(rv, CKR_SESSION_READ_WRITE_SO_EXISTS);
}

#[test]
fn a_locked_user_pin_is_shown_in_the_flags_and_reset_by_the_so() {
    let token = Token::fresh();
    let session = token.open(RW);
    let flags = || {
        let mut info = CK_TOKEN_INFO::default();
        assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
        info.flags
    };
    assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    assert_ne!(flags() & CKF_USER_PIN_COUNT_LOW, 0);
    while flags() & CKF_USER_PIN_FINAL_TRY == 0 {
        assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_LOCKED);
    assert_ne!(flags() & CKF_USER_PIN_LOCKED, 0);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    let pin = USER_PIN.as_ptr().cast_mut();
    assert_eq!(call!(token, C_InitPIN(session, pin, 3)), CKR_PIN_LEN_RANGE);
    assert_eq!(call!(token, C_InitPIN(session, pin, 4)), CKR_OK);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
}

#[test]
fn pins_are_set_in_read_write_sessions_by_those_who_know_the_old_one() {
    let token = Token::fresh();
    let set = |session, old: &[u8], new: &[u8]| {
        let (old_length, new_length) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
        let (old, new) = (old.as_ptr().cast_mut(), new.as_ptr().cast_mut());
        call!(token, C_SetPIN(session, old, old_length, new, new_length))
    };
    let (reader, writer) = (token.open(RO), token.open(RW));
    assert_eq!(set(reader, USER_PIN, b"newpin"), CKR_SESSION_READ_ONLY);
    assert_eq!(set(writer, b"wrong", b"newpin"), CKR_PIN_INCORRECT);
    assert_eq!(set(writer, USER_PIN, b"abc"), CKR_PIN_LEN_RANGE);
    assert_eq!(set(writer, USER_PIN, b"newpin"), CKR_OK);
    assert_eq!(token.login(writer, CKU_USER, b"newpin"), CKR_OK);
    assert_eq!(
        call!(token, C_InitPIN(writer, null_mut(), 0)),
        CKR_ARGUMENTS_BAD
    );
    let mut label = [b' '; 32];
    let pin = SO_PIN.as_ptr().cast_mut();
    assert_eq!(
        call!(token, C_InitToken(SLOT, pin, 8, label.as_mut_ptr())),
        CKR_SESSION_EXISTS
    );
}

#[test]
fn a_token_initialised_again_has_no_user_pin() {
    let token = Token::fresh();
    let mut label = *b"another                         ";
    let wrong = b"87654321".as_ptr().cast_mut();
    let rv = call!(token, C_InitToken(SLOT, wrong, 8, label.as_mut_ptr()));
    assert_eq!(rv, CKR_PIN_INCORRECT);
    let pin = SO_PIN.as_ptr().cast_mut();
    assert_eq!(
        call!(token, C_InitToken(SLOT, pin, 8, label.as_mut_ptr())),
        CKR_OK
    );
    let session = token.open(RW);
    assert_eq!(
        token.login(session, CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(info.label, label);
    assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
}

#[test]
fn legacy_functions_and_random_numbers_answer_as_the_standard_says() {
    let token = Token::fresh();
    let session = token.open(RO);
    assert_eq!(
        call!(token, C_GetFunctionStatus(session)),
        CKR_FUNCTION_NOT_PARALLEL
    );
    assert_eq!(
        call!(token, C_CancelFunction(session)),
        CKR_FUNCTION_NOT_PARALLEL
    );
    assert_eq!(
        call!(token, C_CancelFunction(session + 1)),
        CKR_SESSION_HANDLE_INVALID
    );
    let mut bytes = [0u8; 32];
    let rv = call!(token, C_SeedRandom(session, bytes.as_mut_ptr(), 32));
    assert_eq!(rv, CKR_RANDOM_SEED_NOT_SUPPORTED);
    assert_eq!(
        call!(token, C_GenerateRandom(session, bytes.as_mut_ptr(), 32)),
        CKR_OK
    );
    assert_ne!(bytes, [0; 32]);
    let rv = call!(token, C_GenerateRandom(session, null_mut(), 32));
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
    let mut flags = 7;
    let rv = call!(
        token,
        C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &mut flags)
    );
    assert_eq!((rv, flags), (CKR_OK, 0));
}
