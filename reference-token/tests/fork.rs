//! The child of a fork is another application: [PKCS11-UG 3.2] "Applications and processes". This
//! program has no other tests, as a child must not inherit what they are doing.

#![allow(
    unsafe_code,
    reason = "the token is called through its C functions, and the process forks"
)]

#[macro_use]
mod support;

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{Attributes, RW, Token};

#[test]
fn the_child_of_a_fork_initializes_for_itself_and_finds_nobody_logged_in() {
    let token = Token::fresh();
    let session = token.user_session();
    in_a_child(|| be_another_application(&token, session));
    // The parent has what it had.
    assert_eq!(token.state(session), CKS_RW_USER_FUNCTIONS);
    assert_eq!(
        call!(token, C_Initialize(null_mut())),
        CKR_CRYPTOKI_ALREADY_INITIALIZED
    );
}

#[test]
fn the_file_stays_the_parents() {
    let token = Token::attach();
    call!(token, C_Finalize(null_mut()));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fork.token");
    drop(std::fs::remove_file(&file)); // it need not be there
    let initialize = || {
        let text = CString::new(format!("file={}", file.display())).unwrap();
        let mut arguments = CK_C_INITIALIZE_ARGS {
            pReserved: text.as_ptr().cast_mut().cast(),
            ..Default::default()
        };
        call!(token, C_Initialize((&raw mut arguments).cast()))
    };
    assert_eq!(initialize(), CKR_OK);
    // Twice, as the first child might have unlocked the file.
    for _ in 0..2 {
        in_a_child(|| assert_eq!(initialize(), CKR_FUNCTION_FAILED));
    }
    let session = token.user_session();
    let note = Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_TOKEN, true);
    token.create(session, &note).unwrap();
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    // A child finds what its parent wrote.
    in_a_child(|| {
        assert_eq!(initialize(), CKR_OK);
        assert_eq!(token.find_all(token.open(RW), &note).len(), 1);
        assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    });
}

/// Does it in the child of a fork, and fails if it fails.
fn in_a_child(act: impl FnOnce()) {
    // SAFETY: the child calls the token, which this thread alone uses, and then `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let good = catch_unwind(AssertUnwindSafe(act));
        // SAFETY: ends the child before it comes back to what runs the tests.
        unsafe { libc::_exit(good.is_err().into()) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` is live.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child failed; what it said comes before");
}

fn be_another_application(token: &Token, inherited: CK_SESSION_HANDLE) {
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(
        call!(token, C_GetSessionInfo(inherited, &mut info)),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    assert_eq!(
        call!(token, C_Finalize(null_mut())),
        CKR_CRYPTOKI_NOT_INITIALIZED
    );
    assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
    assert_eq!(
        call!(token, C_Initialize(null_mut())),
        CKR_CRYPTOKI_ALREADY_INITIALIZED
    );
    assert_eq!(
        call!(token, C_GetSessionInfo(inherited, &mut info)),
        CKR_SESSION_HANDLE_INVALID
    );
    let session = token.open(RW);
    assert_eq!(token.state(session), CKS_RW_PUBLIC_SESSION);
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
}
