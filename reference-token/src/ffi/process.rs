//! Whose library this is: a mark that the process which set it sees, and the child of a fork does
//! not. Every call asks for it, so that must not cost a system call, as `getpid` is one.
//!
//! On Linux the kernel gives the child of a fork zeros for a page with MADV_WIPEONFORK, whether the
//! child comes from `fork`, `_Fork` or the system call `clone`. Handlers of `pthread_atfork` would run
//! for the first alone, and would have to be gone when the library is. A child that shares the memory
//! of its parent, as that of `vfork` does, sees the mark: to all that memory tells it is its parent.
//! Where there is no such page, process numbers are compared.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The size of a page wherever this is used; see `ask_for_zeros`.
const PAGE: usize = 4096;

/// A page among the zeros of the library, which are unloaded with it.
#[repr(C, align(4096))]
struct Page {
    /// The process that set the mark; 0 if none has.
    marked: AtomicU32,
    /// Whether a child finds zeros here, and so no mark and no promise of zeros.
    wiped: AtomicBool,
    _rest: [u8; PAGE - size_of::<AtomicU32>() - size_of::<AtomicBool>()],
}

const _: () = assert!(size_of::<Page>() == PAGE, "nothing else is in the page");

static OURS: Page = Page {
    marked: AtomicU32::new(0),
    wiped: AtomicBool::new(false),
    _rest: [0; PAGE - size_of::<AtomicU32>() - size_of::<AtomicBool>()],
};

/// Sets the mark.
pub(crate) fn mark() {
    OURS.wiped.store(ask_for_zeros(&OURS), Ordering::Release);
    OURS.marked.store(std::process::id(), Ordering::Release);
}

/// Takes the mark away.
pub(crate) fn unmark() {
    OURS.marked.store(0, Ordering::Release);
}

/// Whether this process has set the mark.
pub(crate) fn is_marked() -> bool {
    let by = OURS.marked.load(Ordering::Acquire);
    by != 0 && (OURS.wiped.load(Ordering::Acquire) || by == std::process::id())
}

/// Asks the kernel to give children zeros for the page; whether it will. It refuses for memory that
/// a file backs, and before Linux 4.14.
#[cfg(target_os = "linux")]
fn ask_for_zeros(page: &'static Page) -> bool {
    // SAFETY: it asks for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // Larger pages hold other things of the library, too.
    if usize::try_from(size) != Ok(PAGE) {
        return false;
    }
    let start = std::ptr::from_ref(page).cast_mut().cast();
    // SAFETY: the page is ours whole, and all that changes is what a child finds in it: zeros, which
    // are values of everything in it.
    unsafe { libc::madvise(start, PAGE, libc::MADV_WIPEONFORK) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_zeros(_: &'static Page) -> bool {
    false
}
