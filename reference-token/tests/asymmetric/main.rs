//! Asymmetric mechanisms as an application uses them, a module a family.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod curves;
mod domains;
mod fields;
mod framed;
mod kem;
mod public;
mod rsa;
mod stateful;
mod stateful_vectors;

use cryptoki_sys::*;
use support::{Attributes, Token};

/// C_GenerateKeyPair: the handles of the public and the private key.
fn pair(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    public: &Attributes,
    private: &Attributes,
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE), CK_RV> {
    let (mut public, mut private) = (public.list(), private.list());
    let (public_count, private_count) = (public.count(), private.count());
    let (mut public_key, mut private_key) = (0, 0);
    let rv = call!(
        token,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.pointer(),
            public_count,
            private.pointer(),
            private_count,
            &mut public_key,
            &mut private_key,
        )
    );
    match rv {
        CKR_OK => Ok((public_key, private_key)),
        rv => Err(rv),
    }
}

/// C_DeriveKey.
fn derive(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    base: CK_OBJECT_HANDLE,
    template: &Attributes,
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let mut list = template.list();
    let count = list.count();
    let mut key = 0;
    let rv = call!(
        token,
        C_DeriveKey(
            session,
            &mut mechanism,
            base,
            list.pointer(),
            count,
            &mut key
        )
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

/// C_GetMechanismInfo.
fn info(token: &Token, mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM_INFO {
    let mut info = CK_MECHANISM_INFO::default();
    let rv = call!(
        token,
        C_GetMechanismInfo(support::SLOT, mechanism, &mut info)
    );
    assert_eq!(rv, CKR_OK);
    info
}

/// A private key that shows its value and may be derived from.
fn open_private() -> Attributes {
    Attributes::new()
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true)
        .bool(CKA_DERIVE, true)
}
