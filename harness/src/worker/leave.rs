//! Which thread called `exit`: unlike a signal, the status of a process that ended so does not name it.
#![allow(
    unsafe_code,
    reason = "registers functions that C calls at the end of a process"
)]

use super::handler;
use std::ffi::c_int;
use std::sync::atomic::Ordering::Relaxed;

unsafe extern "C" {
    fn at_quick_exit(function: extern "C" fn()) -> c_int;
}

/// Makes the thread that ends this process by `exit` or `quick_exit` be recorded. To be called before a module is
/// loaded, whose own functions for that then come first and can still crash or hang as themselves. Nothing records
/// who called `_exit`.
pub(super) fn install() {
    // Where there is no memory to register it in, the thread is not known, which is no reason to give up the worker.
    // SAFETY: a function that is there for the life of the process, and may run on any thread.
    unsafe {
        let _ = libc::atexit(on_exit);
        let _ = at_quick_exit(on_exit);
    }
}

extern "C" fn on_exit() {
    if let Some(mapping) = handler::mapping_of_worker() {
        let thread = handler::thread().unsigned_abs();
        let left = &mapping.crash().left;
        let _ = left.compare_exchange(0, thread, Relaxed, Relaxed);
    }
}
