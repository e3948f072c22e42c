//! The arena: slots of memory between inaccessible pages, reused from call to call.
//!
//! A slot is mapped once; taking a buffer from it costs a fill of the buffer and of the canaries
//! next to it, no system call.
#![allow(unsafe_code, reason = "hands memory to modules by pointer")]

use super::canary::{GuardViolation, Side, WINDOW, canary, is_canary, put};
use super::slot::Slot;
use super::table::{GuardHit, locate};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::slice;

/// What a fresh buffer is filled with, so that its content never depends on earlier calls.
pub const UNTOUCHED: u8 = 0xa5;

/// Largest buffer of each class of slots, in pages; anything larger gets a slot of its own.
const CLASSES: [usize; 4] = [1, 4, 16, 256];

/// The memory for a buffer could not be had.
#[derive(Debug, thiserror::Error)]
#[error("no guarded buffer of {length} bytes: {source}; use smaller or fewer buffers at once")]
pub struct OutOfMemory {
    /// Length asked for.
    pub length: usize,
    /// What the system said.
    pub source: io::Error,
}

#[derive(Debug)]
struct Shared {
    page: usize,
    free: RefCell<[VecDeque<Box<Slot>>; CLASSES.len()]>,
}

/// A supply of guarded buffers. Buffers come from it and return to it when dropped; those given
/// back longest ago are reused first, so that a late access by a module is more likely to be seen.
/// Clones are the same supply.
#[derive(Debug, Clone)]
pub struct Arena {
    shared: Rc<Shared>,
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Arena {
    /// An arena without slots; they are mapped as buffers are asked for.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: asks for a constant.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Self {
            shared: Rc::new(Shared {
                page: usize::try_from(page).unwrap_or(4096),
                free: RefCell::default(),
            }),
        }
    }

    /// A buffer of `length` bytes that ends exactly at an inaccessible page, filled with
    /// [`UNTOUCHED`]. A buffer of 0 bytes points to that page.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn take(&self, length: usize) -> Result<GuardedBuffer, OutOfMemory> {
        self.take_aligned(length, 1)
    }

    /// As [`take`](Self::take), beginning at a multiple of `align` (a power of two of at most
    /// 4096). What this leaves between buffer and page is watched for writes; reads of it go
    /// unseen.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn take_aligned(&self, length: usize, align: usize) -> Result<GuardedBuffer, OutOfMemory> {
        assert!(align.is_power_of_two() && align <= 4096, "no alignment");
        let out = |source| OutOfMemory { length, source };
        let invalid = || out(io::Error::from(io::ErrorKind::InvalidInput));
        let space = length.checked_next_multiple_of(align).ok_or_else(invalid)?;
        if space > isize::MAX as usize / 2 {
            return Err(invalid());
        }
        let (slot, class) = self.slot(space).map_err(out)?;
        let start = slot.before_end(space);
        let mut buffer = GuardedBuffer {
            start,
            length,
            space,
            class,
            watched: (slot.data - space).min(WINDOW),
            slot: Some(slot),
            shared: Rc::clone(&self.shared),
        };
        buffer.prepare();
        Ok(buffer)
    }

    fn slot(&self, space: usize) -> io::Result<(Box<Slot>, Option<usize>)> {
        let page = self.shared.page;
        let Some(class) = CLASSES.iter().position(|pages| space <= pages * page) else {
            let data = space.next_multiple_of(page);
            return Ok((Box::new(Slot::new(data, page)?), None));
        };
        let free = self.shared.free.borrow_mut()[class].pop_front();
        let slot = match free {
            Some(slot) => slot,
            None => Box::new(Slot::new(CLASSES[class] * page, page)?),
        };
        Ok((slot, Some(class)))
    }

    /// The buffer in whose slot `address` lies, guard pages included, whichever arena it is of.
    #[must_use]
    pub fn describes(&self, address: u64) -> Option<GuardHit> {
        locate(address)
    }
}

/// Memory for a module to read or write, with an inaccessible page right behind it.
///
/// The module gets it by pointer; everything here assumes that no call is running in which the
/// module uses it.
#[derive(Debug)]
pub struct GuardedBuffer {
    start: *mut u8,
    length: usize,
    /// Bytes from `start` to the inaccessible page.
    space: usize,
    class: Option<usize>,
    /// How many bytes before `start` are watched.
    watched: usize,
    slot: Option<Box<Slot>>,
    shared: Rc<Shared>,
}

impl GuardedBuffer {
    /// The first byte, for a module.
    #[must_use]
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.start
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The content.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` and `length` lie inside the slot, which this buffer owns alone; the
        // memory is initialised, being mapped.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }

    /// The content, to be changed.
    #[must_use]
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as for `as_slice`, and borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// Sets every byte to `pattern`.
    #[inline]
    pub fn fill(&mut self, pattern: u8) {
        self.as_mut_slice().fill(pattern);
    }

    /// Gives the buffer a name that a [`GuardHit`] will carry: the executor's own numbering.
    #[inline]
    pub fn set_label(&mut self, label: u64) {
        if let Some(slot) = &self.slot {
            slot.place.label(label);
        }
    }

    /// Checks that nothing was written next to the buffer.
    ///
    /// # Errors
    /// If something was.
    #[inline]
    pub fn check(&self) -> Result<(), GuardViolation> {
        let before = self.window();
        let slack = self.slack();
        let intact = match before.first_chunk::<WINDOW>() {
            Some(window) => is_canary(window),
            None => canary(before.len(), Side::Before).eq(before.iter().copied()),
        };
        // Even a comparison of nothing is slow when made at an inaccessible page.
        if intact
            && (slack.is_empty() || canary(slack.len(), Side::After).eq(slack.iter().copied()))
        {
            return Ok(());
        }
        Err(self.violation())
    }

    #[cold]
    fn violation(&self) -> GuardViolation {
        let before = self.window();
        let mut backwards = before.iter().zip(canary(before.len(), Side::Before)).rev();
        let distance = backwards.position(|(found, canary)| *found != canary);
        let (side, offset) = match distance {
            Some(distance) => (Side::Before, -(distance + 1).cast_signed()),
            None => {
                let slack = self.slack();
                let pairs = slack.iter().zip(canary(slack.len(), Side::After));
                let index = pairs.take_while(|(found, canary)| *found == canary).count();
                (Side::After, (self.length + index).cast_signed())
            }
        };
        GuardViolation {
            side,
            offset,
            length: self.length,
        }
    }

    /// The watched bytes before the buffer.
    fn window(&self) -> &[u8] {
        let (start, length) = (self.window_place(), self.watched);
        // SAFETY: inside the slot's data and outside the buffer; initialised, being mapped.
        unsafe { slice::from_raw_parts(start, length) }
    }

    fn window_place(&self) -> *mut u8 {
        // SAFETY: at most the distance to the begin of the slot's data.
        unsafe { self.start.sub(self.watched) }
    }

    /// The bytes between the buffer and the inaccessible page: fewer than the alignment.
    fn slack(&self) -> &[u8] {
        let length = (self.space - self.length).min(WINDOW);
        // SAFETY: inside the slot's data and outside the buffer; initialised, being mapped.
        unsafe { slice::from_raw_parts(self.start.add(self.length), length) }
    }

    /// Fills buffer and canaries, and enters the buffer into the table.
    fn prepare(&mut self) {
        let (window, length) = (self.window_place(), self.watched);
        // SAFETY: the watched bytes lie inside our slot and outside the buffer.
        let window = unsafe { slice::from_raw_parts_mut(window, length) };
        put(window, canary(length, Side::Before));
        let slack = (self.space - self.length).min(WINDOW);
        // SAFETY: as above.
        let slack = unsafe { slice::from_raw_parts_mut(self.start.add(self.length), slack) };
        put(slack, canary(slack.len(), Side::After));
        self.fill(UNTOUCHED);
        if let Some(slot) = &self.slot {
            slot.place.occupy(self.start as u64, self.length as u64);
        }
    }
}

impl Drop for GuardedBuffer {
    fn drop(&mut self) {
        if let (Some(slot), Some(class)) = (self.slot.take(), self.class) {
            slot.place.release();
            self.shared.free.borrow_mut()[class].push_back(slot);
        }
    }
}

#[cfg(test)]
mod tests;
