//! Encapsulation: C_EncapsulateKey and C_DecapsulateKey of section 5.18.

use cryptoki_sys::*;

use super::memory::{Buffer, Place, present};
use super::{guard, parameter, template};
use crate::token::{self, Room};

pub(super) unsafe extern "C" fn C_EncapsulateKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    public_key: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    ciphertext: *mut CK_BYTE,
    ciphertext_length: *mut CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: a mechanism, a template and a buffer with its length.
        let (mechanism, template, buffer) = unsafe {
            (
                parameter::required(mechanism)?,
                template::read(attributes, count)?,
                Buffer::new(ciphertext, ciphertext_length)?,
            )
        };
        let place = match buffer.room() {
            // Where only the length is asked for there is no key, and so no need of a place.
            Room::Query => None,
            // SAFETY: the place of a handle.
            Room::Bytes(_) => Some(unsafe { Place::new(key)? }),
        };
        let (output, handle) =
            token::encapsulate(session, &mechanism, public_key, &template, buffer.room())?;
        if let (Some(place), Some(handle)) = (place, handle) {
            place.set(handle);
        }
        buffer.deliver(output)
    })
}

pub(super) unsafe extern "C" fn C_DecapsulateKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    private_key: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    ciphertext: *mut CK_BYTE,
    ciphertext_length: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: a mechanism, a template, data and the place of a handle.
        let (mechanism, template, ciphertext, place) = unsafe {
            (
                parameter::required(mechanism)?,
                template::read(attributes, count)?,
                present(ciphertext, ciphertext_length)?,
                Place::new(key)?,
            )
        };
        place.set(token::decapsulate(
            session,
            &mechanism,
            private_key,
            &template,
            ciphertext,
        )?);
        Ok(())
    })
}
