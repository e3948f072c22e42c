//! Session management: section 5.6.

use cryptoki_sys::*;

use super::guard;
use super::memory::{Buffer, Place, bytes, present};
use super::shapes::outputs;
use crate::rv::{ensure, refusal};
use crate::token;

pub(super) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    _application: *mut std::ffi::c_void,
    // Section 5.22: notifications are about surrender and removal, which do not happen here.
    _notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    // With the mutant a handle is taken only some time after it was given out.
    let late = CK_SESSION_HANDLE::from(mutant!("race-on-open-session"));
    guard(|| {
        token::change_token(|token| {
            token::check_slot(slot)?;
            // SAFETY: section 5.6.1 makes it the place of a handle.
            let place = unsafe { Place::new(session)? };
            place.set(token.open_session(flags)?);
            *token.next_session() -= late;
            Ok(())
        })?;
        if late > 0 {
            std::thread::sleep(std::time::Duration::from_millis(1));
            token::change_token(|token| {
                *token.next_session() += late;
                Ok(())
            })?;
        }
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::change_slot(|token| token.close_session(session)))
}

pub(super) unsafe extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    guard(|| {
        token::change_token(|token| {
            token::check_slot(slot)?;
            token.close_all_sessions();
            Ok(())
        })
    })
}

pub(super) unsafe extern "C" fn C_GetSessionInfo(
    session: CK_SESSION_HANDLE,
    info: *mut CK_SESSION_INFO,
) -> CK_RV {
    guard(|| {
        let value = token::with_slot(|token| token.session_info(session))?;
        // SAFETY: section 5.6.4 makes it the place of a CK_SESSION_INFO.
        unsafe { Place::new(info)? }.set(value);
        Ok(())
    })
}

outputs! {
    C_GetOperationState => token::get_state;
}

pub(super) unsafe extern "C" fn C_SetOperationState(
    session: CK_SESSION_HANDLE,
    state: *mut CK_BYTE,
    length: CK_ULONG,
    encryption_key: CK_OBJECT_HANDLE,
    authentication_key: CK_OBJECT_HANDLE,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.6: a state of the given length.
        let state = unsafe { present(state, length)? };
        token::set_state(session, state, encryption_key, authentication_key)
    })
}

pub(super) unsafe extern "C" fn C_SessionCancel(
    session: CK_SESSION_HANDLE,
    flags: CK_FLAGS,
) -> CK_RV {
    guard(|| token::cancel(session, flags))
}

pub(super) unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.6.8: a PIN of the given length.
        token::login(session, user, unsafe { present(pin, pin_length)? })
    })
}

/// The token has one normal user, without a name.
pub(super) unsafe extern "C" fn C_LoginUser(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_length: CK_ULONG,
    name: *mut CK_UTF8CHAR,
    name_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.6.9: a PIN and a name of the given lengths.
        let (pin, name) = unsafe { (present(pin, pin_length)?, bytes(name, name_length)?) };
        ensure(name.is_empty(), CKR_ARGUMENTS_BAD)?;
        token::login(session, user, pin)
    })
}

pub(super) unsafe extern "C" fn C_Logout(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::change_in_session(session, |token| token.logout()))
}

/// Section 5.6.11: the token is validated for nothing, so the flags are clear. The function lists
/// no code for bad arguments, so these get the general one.
pub(super) unsafe extern "C" fn C_GetSessionValidationFlags(
    session: CK_SESSION_HANDLE,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
    flags: *mut CK_FLAGS,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| {
            // SAFETY: it is the place of a CK_FLAGS.
            let place = unsafe { Place::new(flags) };
            let place = place.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
            ensure(kind == CKS_LAST_VALIDATION_OK, CKR_FUNCTION_FAILED)?;
            place.set(0);
            Ok(())
        })
    })
}
