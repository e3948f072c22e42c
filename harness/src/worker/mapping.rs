//! The shared memory of a worker and the futexes in it: creating the memfd, mapping it between
//! two inaccessible gaps, and copying bytes in and out.
//!
//! Nothing here believes what it reads: lengths are the caller's to check against the layout.
#![allow(
    unsafe_code,
    reason = "maps memory that another process writes, and waits on words in it"
)]

use super::layout::{Control, Crash, Layout};
use super::reach::Reach;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Inaccessible bytes on either side of a mapping, so that a module's overrun of its own memory
/// does not reach it.
const GAP: usize = 64 * 1024;

/// A new memfd of `length` bytes, all zero and not yet backed by memory.
pub(crate) fn memfd(name: &CStr, length: usize, seals: bool) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | if seals { libc::MFD_ALLOW_SEALING } else { 0 };
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor, nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: plain system call on a descriptor we own.
    if unsafe { libc::ftruncate(fd.as_raw_fd(), length as libc::off_t) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if seals {
        let fixed = libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
        // SAFETY: plain system call on a descriptor we own.
        if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, fixed) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(fd)
}

/// A worker's shared memory, mapped. Unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    base: *mut u8,
    layout: Layout,
}

// SAFETY: the mapping is plain memory shared between processes anyway; everything in it is
// reached through atomics or by copying bytes through raw pointers.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the memory behind `fd`, which must have the layout's size.
    pub(super) fn new(fd: BorrowedFd<'_>, layout: Layout) -> io::Result<Self> {
        let length = layout.total();
        // SAFETY: asks for fresh addresses; nothing existing is touched.
        let reserved = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length + 2 * GAP,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if reserved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `GAP` lies inside the reservation just made.
        let base = unsafe { reserved.cast::<u8>().add(GAP) };
        // SAFETY: replaces the middle of our own reservation.
        let mapped = unsafe {
            libc::mmap(
                base.cast(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_FIXED,
                fd.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            // SAFETY: gives back the reservation, which nobody knows yet.
            unsafe { libc::munmap(reserved, length + 2 * GAP) };
            return Err(error);
        }
        Ok(Self { base, layout })
    }

    /// Leaves the mapping out of forked children: a module's fork that returns into us must not
    /// write a second history into the journal. The log of functions that were reached stays: a child may run
    /// into a breakpoint of its own.
    pub(super) fn keep_from_forks(&self) -> io::Result<()> {
        // SAFETY: the range is our mapping; the advice changes nothing in this process.
        let done = unsafe {
            libc::madvise(
                self.base.cast(),
                self.layout.reach_offset(),
                libc::MADV_DONTFORK,
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Lets forked children share the mapping.
    pub(super) fn give_to_forks(&self) -> io::Result<()> {
        // SAFETY: as for `keep_from_forks`.
        let done = unsafe {
            libc::madvise(
                self.base.cast(),
                self.layout.reach_offset(),
                libc::MADV_DOFORK,
            )
        };
        if done < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// The control page.
    pub(super) fn control(&self) -> &Control {
        // SAFETY: the page is mapped as long as `self`, aligned, and holds only atomics, for
        // which every bit pattern is valid and other processes' writes are allowed.
        unsafe { &*self.base.cast::<Control>() }
    }

    /// The head of the crash area.
    pub(super) fn crash(&self) -> &Crash {
        // SAFETY: as for `control`.
        unsafe { &*self.at(self.layout.crash_offset()).cast::<Crash>() }
    }

    /// The log of functions that were reached.
    pub(super) fn reach(&self) -> &Reach {
        // SAFETY: as for `control`.
        unsafe { &*self.at(self.layout.reach_offset()).cast::<Reach>() }
    }

    /// Address of the byte at `offset`, which must lie inside the layout.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.layout.total(), "offset outside the layout");
        // SAFETY: just checked to lie inside the mapping.
        unsafe { self.base.add(offset) }
    }

    /// The two words at `offset`, as another process may be changing them.
    pub(super) fn words(&self, offset: usize) -> [u64; 2] {
        self.check(offset, 16);
        assert!(offset.is_multiple_of(8), "words are aligned");
        [0, 1].map(|index| {
            // SAFETY: inside the mapping and aligned (both checked).
            let word = unsafe {
                self.base
                    .add(offset)
                    .cast::<u64>()
                    .add(index)
                    .read_volatile()
            };
            u64::from_le(word)
        })
    }

    /// A copy of `length` bytes at `offset`, which must lie inside the layout.
    pub(super) fn copy_out(&self, offset: usize, length: usize) -> Vec<u8> {
        self.check(offset, length);
        let mut bytes = Vec::with_capacity(length);
        // SAFETY: the source lies inside the mapping (checked), the target has the capacity, and
        // raw bytes may change under the copy without harm: the caller validates the copy.
        unsafe {
            std::ptr::copy_nonoverlapping(self.base.add(offset), bytes.as_mut_ptr(), length);
            bytes.set_len(length);
        }
        bytes
    }

    /// Writes `bytes` at `offset`; they must fit the layout.
    pub(super) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: the target lies inside the mapping (checked) and cannot overlap a Rust slice.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(offset), bytes.len());
        }
    }

    fn check(&self, offset: usize, length: usize) {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.layout.total()),
            "range outside the layout"
        );
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the reservation made in `new`.
        unsafe {
            libc::munmap(self.base.sub(GAP).cast(), self.layout.total() + 2 * GAP);
        }
    }
}

/// Size of a page of memory, bytes.
pub(super) fn page_size() -> u64 {
    // SAFETY: asks for a constant.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

/// Sleeps until `word` is woken, at most `timeout`; returns at once if it is not `expected`.
pub(super) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let limit = timeout.map(|time| libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(time.subsec_nanos() as i32),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is mapped for the duration of the borrow; the timeout is NULL or valid.
    // Errors (timeout, interrupted, value changed) all mean: look again.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected,
            limit,
        );
    }
}

/// Counts `word` up and wakes whoever sleeps on it, in any process.
pub(super) fn ring(word: &AtomicU32) {
    word.fetch_add(1, Ordering::Release);
    // SAFETY: waking touches nothing but the kernel's queue of this word.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE,
            libc::c_int::MAX,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn bytes_written_through_one_mapping_are_seen_through_another() {
        let layout = Layout::new(100, 100, 100);
        let fd = memfd(c"test", layout.total(), false).expect("memfd");
        let one = Mapping::new(fd.as_fd(), layout).expect("first mapping");
        let two = Mapping::new(fd.as_fd(), layout).expect("second mapping");
        one.copy_in(layout.request_offset(), b"hello");
        one.control().command.store(7, Ordering::Release);
        assert_eq!(two.copy_out(layout.request_offset(), 5), b"hello");
        assert_eq!(two.control().command.load(Ordering::Acquire), 7);
    }

    #[test]
    #[should_panic(expected = "outside the layout")]
    fn a_range_outside_the_layout_is_refused() {
        let layout = Layout::new(1, 1, 1);
        let fd = memfd(c"test", layout.total(), false).expect("memfd");
        let mapping = Mapping::new(fd.as_fd(), layout).expect("mapping");
        mapping.copy_out(layout.total() - 1, 2);
    }

    #[test]
    fn waiting_ends_at_the_timeout_or_at_a_changed_word() {
        let word = AtomicU32::new(1);
        wait(&word, 1, Some(Duration::from_millis(1)));
        wait(&word, 0, None);
        assert_eq!(word.load(Ordering::Relaxed), 1);
    }
}
