//! Object management: section 5.7.

use cryptoki_sys::*;

use super::memory::{Buffer, Place};
use super::{guard, template};
use crate::rv::{ensure, refusal};
use crate::token;

pub(super) unsafe extern "C" fn C_CreateObject(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.7.1: a template and the place of a handle.
        let (template, place) =
            unsafe { (template::read(attributes, count)?, Place::new(object)?) };
        place.set(token::create_object(session, &template)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_CopyObject(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    copy: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.7.2: a template and the place of a handle.
        let (template, place) = unsafe { (template::read(attributes, count)?, Place::new(copy)?) };
        place.set(token::copy_object(session, object, &template)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_DestroyObject(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| token::destroy_object(session, object))
}

pub(super) unsafe extern "C" fn C_GetObjectSize(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    size: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |token| {
            // SAFETY: section 5.7.4 makes it the place of a CK_ULONG.
            let place = unsafe { Place::new(size)? };
            place.set(token.object_size(object)?);
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    guard(|| {
        let object = token::attributes(session, object)?;
        // SAFETY: section 5.7.5: a template of `count` elements, each a place as it says.
        unsafe { template::answer(attributes, count, &object) }
    })
}

pub(super) unsafe extern "C" fn C_SetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.7.6: a template.
        let template = unsafe { template::read(attributes, count)? };
        token::set_attributes(session, object, &template)
    })
}

pub(super) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.7.7: a template.
        let template = unsafe { template::read(attributes, count)? };
        token::with_session(session, |token| token.find_init(session, &template))
    })
}

pub(super) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: *mut CK_OBJECT_HANDLE,
    most: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |token| {
            // SAFETY: section 5.7.8: a list of `most` elements and the place of its length.
            let place = unsafe { Place::new(count)? };
            ensure(!objects.is_null() || most == 0, CKR_ARGUMENTS_BAD)?;
            let room = usize::try_from(most).map_err(|_| refusal(CKR_ARGUMENTS_BAD))?;
            let handles = token.find_next(session, room)?;
            if handles.is_empty() {
                place.set(0);
                return Ok(());
            }
            let mut length = most;
            // SAFETY: the list has `most` elements, and the length is a variable of ours.
            unsafe { Buffer::new(objects, &mut length)? }.deliver_list(&handles)?;
            place.set(if mutant!("find-count-is-the-room") {
                most
            } else {
                length
            });
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::with_session(session, |token| token.find_final(session)))
}
