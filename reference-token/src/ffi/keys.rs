//! Key management: section 5.18.

use cryptoki_sys::*;

use super::memory::{Buffer, Place, bytes, present};
use super::message_parameter::{self, Tag};
use super::wrap_parameter::{self, Wrapping};
use super::{guard, parameter, template};
use crate::token::{self, Envelope, Pending, TagPlace};

pub(super) unsafe extern "C" fn C_GenerateKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.1: a mechanism, a template and the place of a handle.
        let ((mechanism, places), template, place) = unsafe {
            (
                parameter::returning(mechanism)?,
                template::read(attributes, count)?,
                Place::new(key)?,
            )
        };
        // Without a place for more than the handle the work may go on behind the call.
        if places.is_empty() {
            let (key, _) = token::asynchronously(session, Pending::GenerateKey, move || {
                let (key, _) = token::generate_key(session, &mechanism, &template)?;
                Ok((key, 0))
            })?;
            place.set(key);
            return Ok(());
        }
        let (handle, answers) = token::generate_key(session, &mechanism, &template)?;
        // SAFETY: the parameter is the caller's for the whole of the call.
        unsafe { places.fill(&answers) };
        place.set(handle);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GenerateKeyPair(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    public_attributes: *mut CK_ATTRIBUTE,
    public_count: CK_ULONG,
    private_attributes: *mut CK_ATTRIBUTE,
    private_count: CK_ULONG,
    public_key: *mut CK_OBJECT_HANDLE,
    private_key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.2: a mechanism, two templates and the places of two handles.
        let (mechanism, public, private, public_place, private_place) = unsafe {
            (
                parameter::required(mechanism)?,
                template::read(public_attributes, public_count)?,
                template::read(private_attributes, private_count)?,
                Place::new(public_key)?,
                Place::new(private_key)?,
            )
        };
        let (public, private) =
            token::asynchronously(session, Pending::GenerateKeyPair, move || {
                token::generate_pair(session, &mechanism, &public, &private)
            })?;
        public_place.set(public);
        private_place.set(private);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_WrapKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    wrapping_key: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    wrapped: *mut CK_BYTE,
    wrapped_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.3: a mechanism, and a buffer with its length.
        let (mechanism, buffer) = unsafe {
            (
                wrap_parameter::read(mechanism)?,
                Buffer::new(wrapped, wrapped_length)?,
            )
        };
        let (room, keys) = (buffer.room(), (wrapping_key, key));
        match mechanism {
            Wrapping::Plain(mechanism) => {
                buffer.deliver(token::wrap_key(session, &mechanism, keys, room)?)
            }
            Wrapping::Sealed(envelope, placed) => {
                let wrapped = token::wrap_authenticated(session, &envelope, keys, room)?;
                buffer.deliver(wrapped.output)?;
                placed.deliver(wrapped.nonce.as_deref(), None);
                Ok(())
            }
        }
    })
}

pub(super) unsafe extern "C" fn C_UnwrapKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    unwrapping_key: CK_OBJECT_HANDLE,
    wrapped: *mut CK_BYTE,
    wrapped_length: CK_ULONG,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.4: a mechanism, data, a template and the place of a handle.
        let (mechanism, wrapped, template, place) = unsafe {
            (
                wrap_parameter::read(mechanism)?,
                present(wrapped, wrapped_length)?,
                template::read(attributes, count)?,
                Place::new(key)?,
            )
        };
        let handle = match mechanism {
            Wrapping::Plain(mechanism) => {
                token::unwrap_key(session, &mechanism, unwrapping_key, wrapped, &template)?
            }
            Wrapping::Sealed(envelope, _) => {
                token::unwrap_authenticated(session, &envelope, unwrapping_key, wrapped, &template)?
            }
        };
        place.set(handle);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_DeriveKey(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    base_key: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.5: a mechanism and a template.
        let ((mechanism, places), template) = unsafe {
            (
                parameter::returning(mechanism)?,
                template::read(attributes, count)?,
            )
        };
        // Section 6.39.6: without a handle to give, its place may be NULL.
        let place = match mechanism.parameter.gives_handle() {
            // SAFETY: the place of a handle.
            true => Some(unsafe { Place::new(key)? }),
            false => None,
        };
        let outcome = token::derive(session, &mechanism, base_key, &template);
        // SAFETY: the parameter is the caller's for the whole of the call.
        unsafe { places.fill(&outcome.answers) };
        if let (Some(handle), Some(place)) = (outcome.result?, place) {
            place.set(handle);
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_WrapKeyAuthenticated(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    wrapping_key: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    aad: *mut CK_BYTE,
    aad_length: CK_ULONG,
    wrapped: *mut CK_BYTE,
    wrapped_length: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.6: a mechanism, data, and a buffer with its length.
        let (mechanism, placed, aad, buffer) = unsafe {
            let (mechanism, placed) = message_parameter::required(mechanism, Tag::Later)?;
            (
                mechanism,
                placed,
                bytes(aad, aad_length)?,
                Buffer::new(wrapped, wrapped_length)?,
            )
        };
        let envelope = Envelope {
            mechanism,
            parameter: placed.parameter(),
            aad,
            tag_place: TagPlace::Parameter,
        };
        let keys = (wrapping_key, key);
        let wrapped = token::wrap_authenticated(session, &envelope, keys, buffer.room())?;
        buffer.deliver(wrapped.output)?;
        placed.deliver(wrapped.nonce.as_deref(), wrapped.tag.as_deref());
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_UnwrapKeyAuthenticated(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    unwrapping_key: CK_OBJECT_HANDLE,
    wrapped: *mut CK_BYTE,
    wrapped_length: CK_ULONG,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    aad: *mut CK_BYTE,
    aad_length: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.18.7: a mechanism, data, a template, data and the place of a handle.
        let (mechanism, placed, wrapped, template, aad, place) = unsafe {
            let (mechanism, placed) = message_parameter::required(mechanism, Tag::Here)?;
            (
                mechanism,
                placed,
                present(wrapped, wrapped_length)?,
                template::read(attributes, count)?,
                bytes(aad, aad_length)?,
                Place::new(key)?,
            )
        };
        let envelope = Envelope {
            mechanism,
            parameter: placed.parameter(),
            aad,
            tag_place: TagPlace::Parameter,
        };
        let handle =
            token::unwrap_authenticated(session, &envelope, unwrapping_key, wrapped, &template)?;
        place.set(handle);
        Ok(())
    })
}
