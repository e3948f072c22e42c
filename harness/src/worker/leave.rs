//! Which thread called `exit`: unlike a signal, the status of a process that ended so does not name it.
#![allow(
    unsafe_code,
    reason = "registers functions that C calls at the end of a process"
)]

use super::handler;
use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::Ordering::Relaxed;

unsafe extern "C" {
    fn at_quick_exit(function: extern "C" fn()) -> c_int;
}

/// Makes the thread that ends this worker by `exit` or `quick_exit` be recorded from now on. Nothing records who
/// calls `_exit`.
///
/// The function registered last comes first: what the module had registered before, and could end the process in
/// another way, comes after the record.
pub(crate) fn watch_exits() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // Where there is no memory to register it in, the thread is not known, which is no reason to give up.
        // SAFETY: a function that is there for the life of the process, and may run on any thread.
        unsafe {
            let _ = libc::atexit(on_exit);
            let _ = at_quick_exit(on_exit);
        }
    });
}

extern "C" fn on_exit() {
    if let Some(mapping) = handler::mapping_of_worker() {
        let thread = handler::thread().unsigned_abs();
        let left = &mapping.crash().left;
        let _ = left.compare_exchange(0, thread, Relaxed, Relaxed);
    }
}
