//! Signing, MACing and verifying: sections 5.13 and 5.15. Arguments are read when the operation
//! asks for them, since a bad one ends it.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes, present};
use super::{guard, parameter};
use crate::token::{self, Kind};

pub(super) unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.13.1: a mechanism or NULL.
        match unsafe { parameter::optional(mechanism)? } {
            Some(mechanism) => token::sign_init(session, &mechanism, key),
            None => token::cancel_kind(session, Kind::Sign),
        }
    })
}

pub(super) unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.13.2: data, and a buffer with its length.
        let buffer = || unsafe { Buffer::new(signature, signature_length) };
        let output = token::sign(session, || {
            // SAFETY: as above.
            Ok((unsafe { bytes(data, data_length)? }, buffer()?.room()))
        })?;
        buffer()?.deliver(output)
    })
}

pub(super) unsafe extern "C" fn C_SignUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    part_length: CK_ULONG,
) -> CK_RV {
    // SAFETY: section 5.13.3: data.
    guard(|| token::sign_update(session, || unsafe { bytes(part, part_length) }))
}

pub(super) unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.13.4: a buffer with its length.
        let buffer = || unsafe { Buffer::new(signature, signature_length) };
        let output = token::sign_final(session, || Ok(buffer()?.room()))?;
        buffer()?.deliver(output)
    })
}

pub(super) unsafe extern "C" fn C_VerifyInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.15.1: a mechanism or NULL.
        match unsafe { parameter::optional(mechanism)? } {
            Some(mechanism) => token::verify_init(session, &mechanism, key),
            None => token::cancel_kind(session, Kind::Verify),
        }
    })
}

pub(super) unsafe extern "C" fn C_Verify(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::verify(session, || {
            // SAFETY: section 5.15.2: data and a signature.
            unsafe {
                Ok((
                    bytes(data, data_length)?,
                    present(signature, signature_length)?,
                ))
            }
        })
    })
}

pub(super) unsafe extern "C" fn C_VerifyUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    part_length: CK_ULONG,
) -> CK_RV {
    // SAFETY: section 5.15.3: data.
    guard(|| token::verify_update(session, || unsafe { bytes(part, part_length) }))
}

pub(super) unsafe extern "C" fn C_VerifyFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    // SAFETY: section 5.15.4: a signature.
    guard(|| token::verify_final(session, || unsafe { present(signature, signature_length) }))
}
