//! Mechanisms of protocols with rules of their own, as an application uses them, a module a
//! protocol. Expectations without a published source were computed apart, from the formulas of
//! the protocol, with the HMAC of Python's library and the CMAC of OpenSSL.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod cms;
mod kip;
mod otp;
mod wtls;

use cryptoki_sys::*;
use support::{Attributes, Token};

/// C_DeriveKey.
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
