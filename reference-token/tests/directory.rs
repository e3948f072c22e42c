//! A token in a directory: what survives, and what a damaged file does. A program of its own,
//! because the configuration belongs to the process.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{Attributes, RW, SLOT, Token, USER_PIN, plain};

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&path)); // it need not be there
    path
}

/// C_Initialize with a configuration string in `pReserved`.
fn initialize(token: &Token, directory: &Path) -> CK_RV {
    let text = CString::new(format!("directory={}", directory.display())).unwrap();
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

fn restart(token: &Token, directory: &Path) {
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(initialize(token, directory), CKR_OK);
}

#[test]
fn objects_order_and_pin_counters_survive_and_destroyed_objects_do_not() {
    let directory = scratch("survive");
    let token = Token::attach();
    assert_eq!(initialize(&token, &directory), CKR_OK);
    let session = token.open(RW);
    let label = |text: &str| note().bytes(CKA_LABEL, text);
    for text in ["one", "two", "three"] {
        token.create(session, &label(text)).unwrap();
    }
    let two = token.find(session, &label("two"))[0];
    assert_eq!(call!(token, C_DestroyObject(session, two)), CKR_OK);
    assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    restart(&token, &directory);
    let session = token.open(RW);
    let found = token.find(session, &note());
    let labels: Vec<_> = found
        .iter()
        .map(|object| token.attribute(session, *object, CKA_LABEL).unwrap())
        .collect();
    assert_eq!(labels, [b"one".to_vec(), b"three".to_vec()]);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(
        call!(token, C_GetTokenInfo(support::SLOT, &mut info)),
        CKR_OK
    );
    assert_ne!(info.flags & CKF_USER_PIN_COUNT_LOW, 0);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    let nested = std::fs::read_dir(directory.join("objects")).unwrap();
    let files: Vec<_> = nested.map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 2, "nothing but the objects is left behind");
    #[cfg(unix)]
    for file in files {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "objects are for their owner alone");
    }
}

#[test]
fn a_changed_object_stays_in_its_place() {
    let directory = scratch("change");
    let token = Token::attach();
    assert_eq!(initialize(&token, &directory), CKR_OK);
    let session = token.open(RW);
    let first = token.create(session, &note()).unwrap();
    token
        .create(session, &note().bytes(CKA_LABEL, *b"second"))
        .unwrap();
    let template = Attributes::new().bytes(CKA_LABEL, *b"first");
    let mut list = template.list();
    let count = list.count();
    let rv = call!(
        token,
        C_SetAttributeValue(session, first, list.pointer(), count)
    );
    assert_eq!(rv, CKR_OK);
    restart(&token, &directory);
    let session = token.open(RW);
    let found = token.find(session, &note());
    assert_eq!(
        token.attribute(session, found[0], CKA_LABEL).unwrap(),
        b"first"
    );
}

#[test]
fn a_damaged_file_is_reported_and_harms_nothing_else() {
    let directory = scratch("damage");
    let token = Token::attach();
    assert_eq!(initialize(&token, &directory), CKR_OK);
    let session = token.open(RW);
    token.create(session, &note()).unwrap();
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    let objects = directory.join("objects");
    let file = std::fs::read_dir(&objects)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = std::fs::read(&file).unwrap();
    let stranger = objects.join("0123.toml");
    for damage in [
        &good[..good.len() / 2],
        b"",
        b"\xff\xfe",
        b"serial = 1\nattributes = []\n",
    ] {
        std::fs::write(&file, damage).unwrap();
        assert_eq!(initialize(&token, &directory), CKR_FUNCTION_FAILED);
        let mut info = CK_INFO::default();
        assert_eq!(
            call!(token, C_GetInfo(&mut info)),
            CKR_CRYPTOKI_NOT_INITIALIZED
        );
    }
    std::fs::write(&file, &good).unwrap();
    std::fs::write(&stranger, &good).unwrap();
    assert_eq!(initialize(&token, &directory), CKR_FUNCTION_FAILED);
    std::fs::remove_file(stranger).unwrap();
    std::fs::write(objects.join("half-written.new"), b"serial").unwrap();
    assert_eq!(initialize(&token, &directory), CKR_OK);
    let session = token.open(RW);
    assert_eq!(token.find(session, &note()).len(), 1);
}

#[test]
fn without_dual_operations_a_session_runs_one_at_a_time_and_says_so() {
    let directory = scratch("single");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("token.conf");
    std::fs::write(&file, "dual-operations = false\n").unwrap();
    let token = Token::attach();
    let text = CString::new(format!("configuration={}", file.display())).unwrap();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_ptr().cast_mut().cast(),
        ..Default::default()
    };
    let rv = call!(token, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(rv, CKR_OK);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(info.flags & CKF_DUAL_CRYPTO_OPERATIONS, 0);
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
