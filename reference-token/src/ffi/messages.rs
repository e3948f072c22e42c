//! Message-based functions: sections 5.9, 5.11, 5.14 and 5.16. Arguments are read when the process
//! asks for them, since a bad one ends its message. Nonces and tags are written when the call has
//! succeeded, and not by a question for a length.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::memory::{Buffer, bytes, present};
use super::message_parameter::{Placed, Tag, read, sealing_mechanism};
use super::shapes::begins;
use super::{guard, parameter};
use crate::rv::{Refusal, Result, ensure, refusal};
use crate::token::{self, Delivery, Direction, Kind, Room};

fn deliver(delivery: Delivery, placed: Option<&Placed>, buffer: &Buffer<CK_BYTE>) -> Result<()> {
    if let Some(placed) = placed {
        placed.deliver(delivery.nonce.as_deref(), delivery.tag.as_deref());
    }
    buffer.deliver(delivery.output)
}

/// # Safety
/// The mechanism is NULL or valid.
unsafe fn sealing_init(
    direction: Direction,
    kind: Kind,
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    token::with_session(session, |_| Ok(()))?;
    // SAFETY: as the caller promises.
    match unsafe { sealing_mechanism(mechanism)? } {
        Some(mechanism) => token::sealing_init(direction, session, &mechanism, key),
        None => token::cancel_kind(session, kind),
    }
}

/// C_EncryptMessageBegin lists no CKR_ARGUMENTS_BAD, alone among these functions.
fn begin_code(direction: Direction) -> impl Fn(Refusal) -> Refusal {
    move |refused| match (direction, refused.code()) {
        (Direction::Encrypt, CKR_ARGUMENTS_BAD) => refusal(CKR_MECHANISM_PARAM_INVALID),
        _ => refused,
    }
}

/// Defines the five functions of one direction, which differ in name only.
macro_rules! sealing {
    ($direction:expr, $kind:expr, $init:ident, $whole:ident, $begin:ident, $next:ident, $last:ident) => {
        pub(super) unsafe extern "C" fn $init(
            session: CK_SESSION_HANDLE,
            mechanism: *mut CK_MECHANISM,
            key: CK_OBJECT_HANDLE,
        ) -> CK_RV {
            // SAFETY: sections 5.9.1 and 5.11.1: a mechanism or NULL.
            guard(|| unsafe { sealing_init($direction, $kind, session, mechanism, key) })
        }

        pub(super) unsafe extern "C" fn $whole(
            session: CK_SESSION_HANDLE,
            parameter: *mut c_void,
            parameter_length: CK_ULONG,
            associated: *mut CK_BYTE,
            associated_length: CK_ULONG,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                let tag = Tag::at($direction, true);
                // SAFETY: sections 5.9.2 and 5.11.2: a parameter, two inputs, and a buffer with
                // its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let mut place = None;
                let delivery = token::seal_message($direction, session, |form| {
                    // SAFETY: as above.
                    unsafe {
                        let placed = read(form, parameter, parameter_length, tag)?;
                        let parameter = placed.parameter();
                        place = Some(placed);
                        let associated = bytes(associated, associated_length)?;
                        let input = bytes(input, input_length)?;
                        Ok((parameter, associated, input, buffer()?.room()))
                    }
                })?;
                deliver(delivery, place.as_ref(), &buffer()?)
            })
        }

        pub(super) unsafe extern "C" fn $begin(
            session: CK_SESSION_HANDLE,
            parameter: *mut c_void,
            parameter_length: CK_ULONG,
            associated: *mut CK_BYTE,
            associated_length: CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                let tag = Tag::at($direction, false);
                let mut place = None;
                let nonce = token::seal_begin($direction, session, |form| {
                    // SAFETY: sections 5.9.3 and 5.11.3: a parameter and associated data.
                    unsafe {
                        let placed = read(form, parameter, parameter_length, tag)?;
                        let parameter = placed.parameter();
                        place = Some(placed);
                        Ok((parameter, bytes(associated, associated_length)?))
                    }
                });
                let nonce = nonce.map_err(begin_code($direction))?;
                if let Some(place) = place {
                    place.deliver(nonce.as_deref(), None);
                }
                Ok(())
            })
        }

        pub(super) unsafe extern "C" fn $next(
            session: CK_SESSION_HANDLE,
            parameter: *mut c_void,
            parameter_length: CK_ULONG,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
            flags: CK_FLAGS,
        ) -> CK_RV {
            guard(|| {
                let last = flags & CKF_END_OF_MESSAGE != 0;
                let tag = Tag::at($direction, last);
                // SAFETY: sections 5.9.4 and 5.11.4: a parameter, input, and a buffer with its
                // length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let mut place = None;
                let delivery = token::seal_next($direction, session, |form| {
                    ensure(flags & !CKF_END_OF_MESSAGE == 0, CKR_ARGUMENTS_BAD)?;
                    // SAFETY: as above.
                    unsafe {
                        let placed = read(form, parameter, parameter_length, tag)?;
                        let parameter = placed.parameter();
                        place = Some(placed);
                        let input = bytes(input, input_length)?;
                        Ok((parameter, input, buffer()?.room(), last))
                    }
                })?;
                deliver(delivery, place.as_ref(), &buffer()?)
            })
        }

        pub(super) unsafe extern "C" fn $last(session: CK_SESSION_HANDLE) -> CK_RV {
            guard(|| token::message_final(session, $kind))
        }
    };
}

sealing!(
    Direction::Encrypt,
    Kind::MessageEncrypt,
    C_MessageEncryptInit,
    C_EncryptMessage,
    C_EncryptMessageBegin,
    C_EncryptMessageNext,
    C_MessageEncryptFinal
);
sealing!(
    Direction::Decrypt,
    Kind::MessageDecrypt,
    C_MessageDecryptInit,
    C_DecryptMessage,
    C_DecryptMessageBegin,
    C_DecryptMessageNext,
    C_MessageDecryptFinal
);

// Sections 5.14.1 and 5.16.1, unlike 5.9.1, let no NULL end a process, and list CKR_ARGUMENTS_BAD but
// no code for a process that cannot be ended.
begins! {
    C_MessageSignInit => token::message_sign_init;
    C_MessageVerifyInit => token::message_verify_init;
}

/// No mechanism of chapter 6 has a parameter for a message to sign.
fn no_parameter(length: CK_ULONG) -> Result<()> {
    ensure(length == 0, CKR_MECHANISM_PARAM_INVALID)
}

pub(super) unsafe extern "C" fn C_SignMessage(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.14.2: data, and a buffer with its length.
        let buffer = || unsafe { Buffer::new(signature, signature_length) };
        let output = token::sign_message(session, || {
            no_parameter(parameter_length)?;
            // SAFETY: as above.
            Ok((unsafe { bytes(data, data_length)? }, buffer()?.room()))
        })?;
        buffer()?.deliver(output)
    })
}

pub(super) unsafe extern "C" fn C_SignMessageBegin(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
) -> CK_RV {
    guard(|| token::sign_message_begin(session, || no_parameter(parameter_length)))
}

/// A NULL place for the signature's length says that there is more to come.
pub(super) unsafe extern "C" fn C_SignMessageNext(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        // SAFETY: section 5.14.4: data, and a buffer with its length.
        let buffer = || unsafe { Buffer::new(signature, signature_length) };
        let room = || -> Result<Option<Room>> {
            match signature_length.is_null() {
                true => Ok(None),
                false => Ok(Some(buffer()?.room())),
            }
        };
        let output = token::sign_message_next(session, || {
            no_parameter(parameter_length)?;
            // SAFETY: as above.
            Ok((unsafe { bytes(data, data_length)? }, room()?))
        })?;
        match output {
            Some(output) => buffer()?.deliver(output),
            None => Ok(()),
        }
    })
}

pub(super) unsafe extern "C" fn C_MessageSignFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::message_final(session, Kind::MessageSign))
}

pub(super) unsafe extern "C" fn C_VerifyMessage(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::verify_message(session, || {
            no_parameter(parameter_length)?;
            // SAFETY: section 5.16.2: data and a signature.
            unsafe {
                Ok((
                    bytes(data, data_length)?,
                    present(signature, signature_length)?,
                ))
            }
        })
    })
}

pub(super) unsafe extern "C" fn C_VerifyMessageBegin(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
) -> CK_RV {
    guard(|| token::verify_message_begin(session, || no_parameter(parameter_length)))
}

/// A NULL signature says that there is more to come.
pub(super) unsafe extern "C" fn C_VerifyMessageNext(
    session: CK_SESSION_HANDLE,
    _parameter: *mut c_void,
    parameter_length: CK_ULONG,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::verify_message_next(session, || {
            no_parameter(parameter_length)?;
            // SAFETY: section 5.16.4: data and a signature.
            unsafe {
                let signature = match signature.is_null() {
                    true => None,
                    false => Some(bytes(signature, signature_length)?),
                };
                Ok((bytes(data, data_length)?, signature))
            }
        })
    })
}

pub(super) unsafe extern "C" fn C_MessageVerifyFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::message_final(session, Kind::MessageVerify))
}
