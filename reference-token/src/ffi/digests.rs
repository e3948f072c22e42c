//! Message digesting: section 5.12.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes};
use super::shapes::{inputs, outputs, transformations};
use super::{guard, parameter};
use crate::token::{self, Kind};

pub(super) unsafe extern "C" fn C_DigestInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.12.1: a mechanism or NULL.
        match unsafe { parameter::optional(mechanism)? } {
            Some(mechanism) => token::digest_init(session, &mechanism),
            None => token::cancel_kind(session, Kind::Digest),
        }
    })
}

transformations! {
    C_Digest => token::digest;
}

inputs! {
    C_DigestUpdate: bytes => token::digest_update;
}

pub(super) unsafe extern "C" fn C_DigestKey(
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| token::digest_key(session, key))
}

outputs! {
    C_DigestFinal => token::digest_final;
}
