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

/// The child of a clone that the C library knows nothing of, and runs no handlers for.
#[test]
#[cfg(target_os = "linux")]
fn the_child_of_a_bare_clone_is_another_application_too() {
    let token = Token::fresh();
    let session = token.user_session();
    // SAFETY: without flags the system call does what `fork` does; the child ends with `_exit`.
    let clone = || unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    in_the_child_of(
        || libc::pid_t::try_from(clone()).unwrap(),
        || {
            be_another_application(&token, session);
            // And so is the child of the child, which has another token again.
            assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
            let session = token.user_session();
            in_a_child(|| be_another_application(&token, session));
            assert_eq!(token.state(session), CKS_RW_USER_FUNCTIONS);
        },
    );
    assert_eq!(token.state(session), CKS_RW_USER_FUNCTIONS);
}

#[test]
#[cfg(target_os = "linux")]
fn forks_are_noticed_while_the_library_is_loaded_and_harmless_when_it_is_gone() {
    let _turn = Token::attach();
    let path = support::module::path();
    let is_loaded = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains(path.to_str().unwrap())
    };
    for _ in 0..2 {
        // SAFETY: what Cargo built, which begins and ends with nothing that could fail.
        let library = unsafe { libloading::Library::new(&path).unwrap() };
        // The library stays as long as a thread that used it.
        std::thread::scope(|scope| scope.spawn(|| fork_in_use(&library)).join().unwrap());
        assert!(is_loaded());
        drop(library);
        assert!(!is_loaded());
        in_a_child(|| assert!(!is_loaded()));
    }
}

fn fork_in_use(library: &libloading::Library) {
    type GetList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    let mut list = null_mut();
    // SAFETY: the function has this type, and its list is there as long as the library.
    let list = unsafe {
        let get = library.get::<GetList>(b"C_GetFunctionList").unwrap();
        assert_eq!(get(&mut list), CKR_OK);
        &*list
    };
    let initialize = list.C_Initialize.unwrap();
    let get_info = || {
        let mut info = CK_INFO::default();
        // SAFETY: the place is live.
        unsafe { list.C_GetInfo.unwrap()(&mut info) }
    };
    // SAFETY: NULL is an argument of both functions.
    assert_eq!(unsafe { initialize(null_mut()) }, CKR_OK);
    in_a_child(|| assert_eq!(get_info(), CKR_CRYPTOKI_NOT_INITIALIZED));
    assert_eq!(get_info(), CKR_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { list.C_Finalize.unwrap()(null_mut()) }, CKR_OK);
}

/// Does it in the child of a fork, and fails if it fails.
fn in_a_child(act: impl FnOnce()) {
    // SAFETY: the child calls the token, which this thread alone uses, and then `_exit`.
    in_the_child_of(|| unsafe { libc::fork() }, act);
}

fn in_the_child_of(fork: impl FnOnce() -> libc::pid_t, act: impl FnOnce()) {
    let child = fork();
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
