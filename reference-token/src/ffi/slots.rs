//! Slot and token management: section 5.5.

use cryptoki_sys::*;

use super::guard;
use super::memory::{Buffer, Place, bytes, present};
use crate::mechanisms;
use crate::rv::{ensure, refusal, refuse};
use crate::token;

pub(super) unsafe extern "C" fn C_GetSlotList(
    token_present: CK_BBOOL,
    list: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        let slots = token::slots(token_present != CK_FALSE)?;
        // SAFETY: section 5.5.1 makes these a list and its length.
        unsafe { Buffer::new(list, count)? }.deliver_list(&slots)
    })
}

pub(super) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    guard(|| {
        let value = token::slot_info(slot)?;
        // SAFETY: section 5.5.2 makes it the place of a CK_SLOT_INFO.
        unsafe { Place::new(info)? }.set(value);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GetTokenInfo(
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    guard(|| {
        let value = token::with_token(|token| {
            token::check_slot(slot)?;
            Ok(token.info())
        })?;
        // SAFETY: section 5.5.3 makes it the place of a CK_TOKEN_INFO.
        unsafe { Place::new(info)? }.set(value);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    slot: *mut CK_SLOT_ID,
    reserved: *mut std::ffi::c_void,
) -> CK_RV {
    guard(|| {
        token::require_initialized()?;
        let sound = !slot.is_null() && reserved.is_null() && flags & !CKF_DONT_BLOCK == 0;
        ensure(sound, CKR_ARGUMENTS_BAD)?;
        if flags & CKF_DONT_BLOCK == 0 || mutant!("slot-event-always-blocks") {
            token::wait_for_event()?;
        } else {
            ensure(token::take_event()?, CKR_NO_EVENT)?;
        }
        // SAFETY: section 5.5.4 makes it the place of a slot's identifier.
        unsafe { Place::new(slot)? }.set(token::SLOT);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    list: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::require_initialized()?;
        token::check_slot(slot)?;
        token::require_token()?;
        let mut mechanisms: Vec<_> = mechanisms::entries().map(|entry| entry.mechanism).collect();
        if mutant!("mechanism-list-lies") {
            mechanisms.push(CKM_SKIPJACK_ECB64);
        }
        // SAFETY: section 5.5.5 makes these a list and its length.
        unsafe { Buffer::new(list, count)? }.deliver_list(&mechanisms)
    })
}

pub(super) unsafe extern "C" fn C_GetMechanismInfo(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    guard(|| {
        token::require_initialized()?;
        token::check_slot(slot)?;
        token::require_token()?;
        // SAFETY: section 5.5.6 makes it the place of a CK_MECHANISM_INFO.
        let place = unsafe { Place::new(info)? };
        let (_, entry) = mechanisms::find(mechanism).ok_or(refusal(CKR_MECHANISM_INVALID))?;
        let (mut ulMinKeySize, mut ulMaxKeySize) = entry.sizes;
        if mutant!("key-sizes-in-bytes") {
            (ulMinKeySize, ulMaxKeySize) = (ulMinKeySize / 8, ulMaxKeySize / 8);
        }
        place.set(CK_MECHANISM_INFO {
            ulMinKeySize,
            ulMaxKeySize,
            flags: match mutant!("mechanism-claims-to-sign") {
                true => entry.published_flags() | CKF_SIGN,
                false => entry.published_flags(),
            },
        });
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_InitToken(
    slot: CK_SLOT_ID,
    pin: *mut CK_UTF8CHAR,
    pin_length: CK_ULONG,
    label: *mut CK_UTF8CHAR,
) -> CK_RV {
    guard(|| {
        token::require_initialized()?;
        token::check_slot(slot)?;
        // SAFETY: section 5.5.7: a PIN of the given length and a label of 32 bytes.
        let (pin, label) = unsafe { (present(pin, pin_length)?, present(label, 32)?) };
        let label = label.try_into().map_err(|_| refusal(CKR_ARGUMENTS_BAD))?;
        token::initialize_token(pin, label)
    })
}

pub(super) unsafe extern "C" fn C_InitPIN(
    session: CK_SESSION_HANDLE,
    pin: *mut CK_UTF8CHAR,
    pin_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.5.8: a PIN of the given length.
        token::initialize_pin(session, unsafe { present(pin, pin_length)? })
    })
}

pub(super) unsafe extern "C" fn C_SetPIN(
    session: CK_SESSION_HANDLE,
    old: *mut CK_UTF8CHAR,
    old_length: CK_ULONG,
    new: *mut CK_UTF8CHAR,
    new_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.5.9: two PINs of the given lengths.
        let (old, new) = unsafe { (present(old, old_length)?, present(new, new_length)?) };
        token::set_pin(session, old, new)
    })
}

pub(super) unsafe extern "C" fn C_SeedRandom(
    session: CK_SESSION_HANDLE,
    seed: *mut CK_BYTE,
    length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| {
            // SAFETY: section 5.19.1: a seed of the given length.
            unsafe { bytes(seed, length)? };
            // The operating system seeds the generator; an application has no way to.
            refuse(CKR_RANDOM_SEED_NOT_SUPPORTED)
        })
    })
}

pub(super) unsafe extern "C" fn C_GenerateRandom(
    session: CK_SESSION_HANDLE,
    random: *mut CK_BYTE,
    length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.19.2: a place for the given number of bytes.
        unsafe {
            super::memory::fill(random, length, |length| {
                match mutant!("random-is-constant") {
                    true => Ok(vec![4; length]),
                    false => mechanisms::random(length),
                }
            })
        }
    })
}
