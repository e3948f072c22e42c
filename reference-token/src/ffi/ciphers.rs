//! Encryption and decryption: sections 5.8 and 5.10. Arguments are read when the operation asks
//! for them, since a bad one ends it. Input and output may be the same place: output is computed
//! apart and copied last.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes};
use super::{guard, parameter};
use crate::rv::Result;
use crate::token::{self, Direction};

/// # Safety
/// The mechanism is NULL or valid, with its parameter.
unsafe fn init(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    token::with_session(session, |_| Ok(()))?;
    // SAFETY: as the caller promises.
    match unsafe { parameter::optional(mechanism)? } {
        Some(mechanism) => token::cipher_init(direction, session, &mechanism, key),
        None => token::cancel_kind(session, direction.kind()),
    }
}

/// Defines the four functions of one direction, which differ in name only.
macro_rules! functions {
    ($direction:expr, $init:ident, $single:ident, $update:ident, $last:ident) => {
        pub(super) unsafe extern "C" fn $init(
            session: CK_SESSION_HANDLE,
            mechanism: *mut CK_MECHANISM,
            key: CK_OBJECT_HANDLE,
        ) -> CK_RV {
            // SAFETY: sections 5.8.1 and 5.10.1: a mechanism or NULL.
            guard(|| unsafe { init($direction, session, mechanism, key) })
        }

        pub(super) unsafe extern "C" fn $single(
            session: CK_SESSION_HANDLE,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                // SAFETY: sections 5.8.2 and 5.10.2: data, and a buffer with its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let output = token::cipher($direction, session, || {
                    // SAFETY: as above.
                    Ok((unsafe { bytes(input, input_length)? }, buffer()?.room()))
                })?;
                buffer()?.deliver(output)
            })
        }

        pub(super) unsafe extern "C" fn $update(
            session: CK_SESSION_HANDLE,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                // SAFETY: sections 5.8.3 and 5.10.3: data, and a buffer with its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let output = token::cipher_update($direction, session, || {
                    // SAFETY: as above.
                    Ok((unsafe { bytes(input, input_length)? }, buffer()?.room()))
                })?;
                buffer()?.deliver(output)
            })
        }

        pub(super) unsafe extern "C" fn $last(
            session: CK_SESSION_HANDLE,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                // SAFETY: sections 5.8.4 and 5.10.4: a buffer with its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let output = token::cipher_final($direction, session, || Ok(buffer()?.room()))?;
                buffer()?.deliver(output)
            })
        }
    };
}

functions!(
    Direction::Encrypt,
    C_EncryptInit,
    C_Encrypt,
    C_EncryptUpdate,
    C_EncryptFinal
);
functions!(
    Direction::Decrypt,
    C_DecryptInit,
    C_Decrypt,
    C_DecryptUpdate,
    C_DecryptFinal
);
