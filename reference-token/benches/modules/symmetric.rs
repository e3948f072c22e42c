//! Digests, MACs and ciphers: a session, a key and data, and one operation over all of the data.
#![allow(unsafe_code, reason = "makes raw calls of a module")]

use cryptoki_sys::*;

use super::call::{Mechanism, Template};
use super::module::{Module, Session};
use super::subject::Act;

pub(crate) fn digest(module: &Module, length: usize) -> Option<Act> {
    let session = module.session()?;
    let (mut mechanism, mut data) = (Mechanism::Plain(CKM_SHA256), vec![7; length]);
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let (mut digest, mut written) = ([0; 32], 32);
        let rv = mechanism.with(|mechanism| call!(list, C_DigestInit(handle, mechanism)));
        assert_eq!(rv, CKR_OK);
        let (input, length) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let rv = call!(
            list,
            C_Digest(handle, input, length, digest.as_mut_ptr(), &mut written)
        );
        assert_eq!((rv, written), (CKR_OK, 32));
    }))
}

fn aes_key(session: &Session) -> Option<CK_OBJECT_HANDLE> {
    let mut template = Template::new()
        .number(CKA_VALUE_LEN, 32)
        .no(CKA_TOKEN)
        .yes(CKA_ENCRYPT)
        .yes(CKA_DECRYPT);
    session.key(CKM_AES_KEY_GEN, &mut template)
}

/// Encrypts once; gives the length of the ciphertext.
fn encrypt_once(
    session: &Session,
    mechanism: &mut Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &mut [u8],
    output: &mut [u8],
) -> usize {
    let (list, handle) = (session.list(), session.handle());
    let rv = mechanism.with(|mechanism| call!(list, C_EncryptInit(handle, mechanism, key)));
    assert_eq!(rv, CKR_OK);
    let (input, length) = (data.as_mut_ptr(), data.len() as CK_ULONG);
    let mut written = output.len() as CK_ULONG;
    let rv = call!(
        list,
        C_Encrypt(handle, input, length, output.as_mut_ptr(), &mut written)
    );
    assert_eq!(rv, CKR_OK);
    written as usize
}

pub(crate) fn encrypt(module: &Module, mut mechanism: Mechanism, length: usize) -> Option<Act> {
    let session = module.session()?;
    let key = aes_key(&session)?;
    let (mut data, mut output) = (vec![7; length], vec![0; length + 32]);
    Some(Box::new(move || {
        let written = encrypt_once(&session, &mut mechanism, key, &mut data, &mut output);
        assert!(written >= length);
    }))
}

pub(crate) fn decrypt(module: &Module, mut mechanism: Mechanism, length: usize) -> Option<Act> {
    let session = module.session()?;
    let key = aes_key(&session)?;
    let mut sealed = vec![0; length + 32];
    let written = encrypt_once(
        &session,
        &mut mechanism,
        key,
        &mut vec![7; length],
        &mut sealed,
    );
    sealed.truncate(written);
    let mut output = vec![0; length + 32];
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let rv = mechanism.with(|mechanism| call!(list, C_DecryptInit(handle, mechanism, key)));
        assert_eq!(rv, CKR_OK);
        let (input, count) = (sealed.as_mut_ptr(), sealed.len() as CK_ULONG);
        let mut written = output.len() as CK_ULONG;
        let rv = call!(
            list,
            C_Decrypt(handle, input, count, output.as_mut_ptr(), &mut written)
        );
        assert_eq!((rv, written as usize), (CKR_OK, length));
    }))
}

pub(crate) fn mac(module: &Module, length: usize) -> Option<Act> {
    let session = module.session()?;
    let mut template = Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, &[7; 32])
        .no(CKA_TOKEN)
        .yes(CKA_SIGN);
    let key = session.create(&mut template)?;
    let (mut mechanism, mut data) = (Mechanism::Plain(CKM_SHA256_HMAC), vec![7; length]);
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let (mut mac, mut written) = ([0; 32], 32);
        let rv = mechanism.with(|mechanism| call!(list, C_SignInit(handle, mechanism, key)));
        assert_eq!(rv, CKR_OK);
        let (input, length) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let rv = call!(
            list,
            C_Sign(handle, input, length, mac.as_mut_ptr(), &mut written)
        );
        assert_eq!((rv, written), (CKR_OK, 32));
    }))
}
