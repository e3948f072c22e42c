//! Asynchronous function management: section 5.21.

use cryptoki_sys::*;

use super::guard;
use super::memory::Place;
use crate::rv::{Result, ensure, refuse};
use crate::token::{self, Pending};

/// The function of a name; None if it is one that never is pending. Bytes are read one at a time
/// and only while they spell a known name.
///
/// # Safety
/// Unless NULL, `name` is readable up to its NUL or its first difference from every known name.
unsafe fn named(name: *const CK_UTF8CHAR) -> Result<Option<Pending>> {
    ensure(!name.is_null(), CKR_ARGUMENTS_BAD)?;
    let spells = |function: &Pending| {
        let mut expected = function.name().bytes().chain([0]).enumerate();
        // SAFETY: all bytes before this one were those of the name, none of them NUL.
        expected.all(|(place, byte)| unsafe { name.add(place).read() } == byte)
    };
    Ok(Pending::ALL.into_iter().find(spells))
}

pub(super) unsafe extern "C" fn C_AsyncComplete(
    session: CK_SESSION_HANDLE,
    name: *mut CK_UTF8CHAR,
    result: *mut CK_ASYNC_DATA,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.21.1: a name, and the place of the result.
        let (function, place) = unsafe { (named(name)?, Place::new(result)) };
        let outcome = token::complete(session, function, || match &place {
            Ok(place) => ensure(place.get().ulVersion == 0, CKR_ARGUMENTS_BAD),
            // The handles have nowhere to go: they wait until the caller brings a place.
            Err(refusal) => Err(*refusal),
        });
        if let Ok(place) = place
            && !matches!(&outcome, Err(refusal) if refusal.code() == CKR_PENDING)
        {
            // Section 5.21.1: the buffer of the original call, of which there is none.
            let mut data = place.get();
            data.pValue = std::ptr::null_mut();
            if let Ok((object, additional)) = outcome {
                data.ulValue = 0;
                data.hObject = object;
                data.hAdditionalObject = additional;
            }
            place.set(data);
        }
        outcome.map(drop)
    })
}

pub(super) unsafe extern "C" fn C_AsyncGetID(
    session: CK_SESSION_HANDLE,
    name: *mut CK_UTF8CHAR,
    id: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.21.2: a name, and the place of a number.
        let (function, place) = unsafe { (named(name)?, Place::new(id)?) };
        place.set(token::identify(session, function)?);
        Ok(())
    })
}

/// No identifier was ever given out, so none is valid.
pub(super) unsafe extern "C" fn C_AsyncJoin(
    session: CK_SESSION_HANDLE,
    name: *mut CK_UTF8CHAR,
    _id: CK_ULONG,
    _data: *mut CK_BYTE,
    _length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.21.3: a name.
        unsafe { named(name)? };
        refuse(CKR_SAVED_STATE_INVALID)
    })
}
