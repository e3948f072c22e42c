//! The child of a fork is another application: [PKCS11-UG 3.2] "Applications and processes". The
//! only test here, as a child must not inherit what other tests are doing.

#![allow(
    unsafe_code,
    reason = "the token is called through its C functions, and the process forks"
)]

#[macro_use]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{RW, Token};

#[test]
fn the_child_of_a_fork_initializes_for_itself_and_finds_nobody_logged_in() {
    let token = Token::fresh();
    let session = token.user_session();
    // SAFETY: the child calls the token, which this thread alone uses, and then `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let good = catch_unwind(AssertUnwindSafe(|| be_another_application(&token, session)));
        // SAFETY: ends the child before it comes back to what runs the tests.
        unsafe { libc::_exit(good.is_err().into()) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` is live.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child failed; what it said comes before");
    // The parent has what it had.
    assert_eq!(token.state(session), CKS_RW_USER_FUNCTIONS);
    assert_eq!(
        call!(token, C_Initialize(null_mut())),
        CKR_CRYPTOKI_ALREADY_INITIALIZED
    );
}

fn be_another_application(token: &Token, inherited: CK_SESSION_HANDLE) {
    assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
    assert_eq!(
        call!(token, C_Initialize(null_mut())),
        CKR_CRYPTOKI_ALREADY_INITIALIZED
    );
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(
        call!(token, C_GetSessionInfo(inherited, &mut info)),
        CKR_SESSION_HANDLE_INVALID
    );
    let session = token.open(RW);
    assert_eq!(token.state(session), CKS_RW_PUBLIC_SESSION);
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
}
