//! Callbacks that the harness hands to modules: working mutexes for `C_Initialize`,
//! notifications that agree to everything, and such that cancel.
#![allow(
    unsafe_code,
    reason = "C callbacks with pointers that the module passes back"
)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};

use cryptoki_sys::{
    CK_NOTIFICATION, CK_RV, CK_SESSION_HANDLE, CKN_SURRENDER, CKR_CANCEL, CKR_MUTEX_BAD, CKR_OK,
};

/// Notifications received since the worker started.
static NOTIFICATIONS: AtomicU64 = AtomicU64::new(0);

/// How many notifications have come since the worker started.
#[must_use]
pub fn notifications() -> u64 {
    NOTIFICATIONS.load(Ordering::Relaxed)
}

pub(super) unsafe extern "C" fn notify(
    _session: CK_SESSION_HANDLE,
    _event: CK_NOTIFICATION,
    _application: *mut c_void,
) -> CK_RV {
    NOTIFICATIONS.fetch_add(1, Ordering::Relaxed);
    CKR_OK
}

/// Asks the library to abort what it is about ([PKCS11-Base 3.2] 5.1.4); other events are taken note of.
pub(super) unsafe extern "C" fn cancel(
    _session: CK_SESSION_HANDLE,
    event: CK_NOTIFICATION,
    _application: *mut c_void,
) -> CK_RV {
    NOTIFICATIONS.fetch_add(1, Ordering::Relaxed);
    match event {
        CKN_SURRENDER => CKR_CANCEL,
        _ => CKR_OK,
    }
}

pub(super) unsafe extern "C" fn create_mutex(place: *mut *mut c_void) -> CK_RV {
    if place.is_null() {
        return cryptoki_sys::CKR_ARGUMENTS_BAD;
    }
    // The address of a pthread mutex must not change, so it lives in a box of its own.
    let mutex = Box::into_raw(Box::new(libc::PTHREAD_MUTEX_INITIALIZER));
    // SAFETY: the module gives a place for one pointer ([PKCS11-Base 3.2] 3.7).
    unsafe { *place = mutex.cast() };
    CKR_OK
}

pub(super) unsafe extern "C" fn destroy_mutex(mutex: *mut c_void) -> CK_RV {
    with_mutex(mutex, |mutex| {
        // SAFETY: the module passes back what `create_mutex` gave it, once; it was a box.
        drop(unsafe { Box::from_raw(mutex) });
        0
    })
}

pub(super) unsafe extern "C" fn lock_mutex(mutex: *mut c_void) -> CK_RV {
    // SAFETY: the module passes back a mutex of `create_mutex` that it has not destroyed.
    with_mutex(mutex, |mutex| unsafe { libc::pthread_mutex_lock(mutex) })
}

pub(super) unsafe extern "C" fn unlock_mutex(mutex: *mut c_void) -> CK_RV {
    // SAFETY: as for `lock_mutex`.
    with_mutex(mutex, |mutex| unsafe { libc::pthread_mutex_unlock(mutex) })
}

fn with_mutex(mutex: *mut c_void, act: impl FnOnce(*mut libc::pthread_mutex_t) -> i32) -> CK_RV {
    if mutex.is_null() || act(mutex.cast()) != 0 {
        CKR_MUTEX_BAD
    } else {
        CKR_OK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutex_lives_through_its_life() {
        let mut mutex = std::ptr::null_mut();
        // SAFETY: the callbacks are used as the standard has a module use them.
        let codes = unsafe {
            [
                create_mutex(&mut mutex),
                lock_mutex(mutex),
                unlock_mutex(mutex),
                destroy_mutex(mutex),
            ]
        };
        assert_eq!(codes, [CKR_OK; 4]);
        // SAFETY: NULL is answered, not followed.
        assert_eq!(unsafe { lock_mutex(std::ptr::null_mut()) }, CKR_MUTEX_BAD);
    }
}
