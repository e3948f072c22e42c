//! A slot: pages between inaccessible ones, and their place in the table.
#![allow(unsafe_code, reason = "maps memory")]

use std::io;

use super::table::Place;

/// A mapping of one buffer's space: guard page, data pages, guard page.
#[derive(Debug)]
pub(super) struct Slot {
    base: *mut u8,
    pub(super) data: usize,
    page: usize,
    pub(super) place: Place,
}

impl Slot {
    /// Maps a slot with so many bytes of data.
    pub(super) fn new(data: usize, page: usize) -> io::Result<Self> {
        let total = data + 2 * page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: fresh addresses; nothing existing is touched.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), total, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let full = || io::Error::other("too many guarded buffers");
        let place = Place::new(base as u64, (base as usize + total) as u64).ok_or_else(full);
        let base = base.cast::<u8>();
        // SAFETY: makes the middle of our own mapping accessible.
        let opened = unsafe {
            libc::mprotect(
                base.add(page).cast(),
                data,
                libc::PROT_READ | libc::PROT_WRITE,
            )
        };
        let opened = if opened < 0 {
            Err(io::Error::last_os_error())
        } else {
            place
        };
        match opened {
            Ok(place) => Ok(Self {
                base,
                data,
                page,
                place,
            }),
            Err(error) => {
                // SAFETY: gives back the mapping, which nobody knows yet.
                unsafe { libc::munmap(base.cast(), total) };
                Err(error)
            }
        }
    }

    /// The byte `back` bytes before the end of the data, which must not be more than there are.
    pub(super) fn before_end(&self, back: usize) -> *mut u8 {
        assert!(back <= self.data, "outside the slot");
        // SAFETY: between the begin and the end of the data pages.
        unsafe { self.base.add(self.page + self.data - back) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; buffers own their slot, so none is left.
        unsafe { libc::munmap(self.base.cast(), self.data + 2 * self.page) };
    }
}
