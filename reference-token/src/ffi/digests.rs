//! Message digesting: section 5.12. Arguments are read when the operation asks for them, since a
//! bad one ends it.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes};
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

pub(super) unsafe extern "C" fn C_Digest(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    digest: *mut CK_BYTE,
    digest_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.12.2: data, and a buffer with its length.
        let buffer = || unsafe { Buffer::new(digest, digest_length) };
        let output = token::digest(session, || {
            // SAFETY: as above.
            Ok((unsafe { bytes(data, data_length)? }, buffer()?.room()))
        })?;
        buffer()?.deliver(output)
    })
}

pub(super) unsafe extern "C" fn C_DigestUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    part_length: CK_ULONG,
) -> CK_RV {
    // SAFETY: section 5.12.3: data.
    guard(|| token::digest_update(session, || unsafe { bytes(part, part_length) }))
}

pub(super) unsafe extern "C" fn C_DigestKey(
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| token::digest_key(session, key))
}

pub(super) unsafe extern "C" fn C_DigestFinal(
    session: CK_SESSION_HANDLE,
    digest: *mut CK_BYTE,
    digest_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.12.5: a buffer with its length.
        let buffer = || unsafe { Buffer::new(digest, digest_length) };
        let output = token::digest_final(session, || Ok(buffer()?.room()))?;
        buffer()?.deliver(output)
    })
}
