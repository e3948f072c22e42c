//! A token in a file: what survives, who can read it, what a damaged file does, and what a process
//! that is killed leaves behind. A program of its own, because the configuration belongs to the
//! process.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod children;
mod damage;
mod kills;
mod survival;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{Attributes, Token};

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.token"));
    drop(std::fs::remove_file(&path)); // it need not be there
    path
}

/// C_Initialize with a configuration string in `pReserved`.
fn initialize(token: &Token, file: &Path) -> CK_RV {
    let text = CString::new(format!("file={}", file.display())).unwrap();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_ptr().cast_mut().cast(),
        ..Default::default()
    };
    call!(token, C_Initialize((&raw mut arguments).cast()))
}

fn note() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_TOKEN, true)
        .bytes(CKA_VALUE, *b"remember")
}

fn secret() -> Attributes {
    note()
        .bytes(CKA_APPLICATION, *b"for my eyes only")
        .bool(CKA_PRIVATE, true)
}

fn restart(token: &Token, file: &Path) {
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(initialize(token, file), CKR_OK);
}

fn labels(token: &Token, session: CK_SESSION_HANDLE, template: &Attributes) -> Vec<String> {
    let label = |object: &CK_OBJECT_HANDLE| {
        let bytes = token.attribute(session, *object, CKA_LABEL).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    token
        .find_all(session, template)
        .iter()
        .map(label)
        .collect()
}
