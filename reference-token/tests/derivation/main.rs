//! C_DeriveKey and C_GenerateKey where more than one handle comes back: keys and bytes that return
//! through the parameter, all of them or none, and what keys inherit. A file a family of mechanisms.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod keys;
mod passwords;
mod tls;

use cryptoki_sys::*;
use support::{Attributes, Token};

fn derive(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    base: CK_OBJECT_HANDLE,
    template: &Attributes,
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let (mut list, mut key) = (template.list(), 0);
    let count = list.count();
    let pointer = list.pointer();
    let rv = call!(
        token,
        C_DeriveKey(session, &mut mechanism, base, pointer, count, &mut key)
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

/// An open generic secret that others can be derived from.
fn secret(value: &[u8]) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bool(CKA_DERIVE, true)
        .bytes(CKA_VALUE, value)
}

fn count(token: &Token, session: CK_SESSION_HANDLE) -> usize {
    let keys = Attributes::new().ulong(CKA_CLASS, CKO_SECRET_KEY);
    token.find(session, &keys).len()
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
