//! The table of all guarded buffers of the process: which addresses belong to which buffer.
//!
//! A static of atomics, so that a signal handler can read it whatever state the process is in.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most slots a process may have.
const SLOTS: usize = 4096;

struct Entry {
    /// First byte of the slot, its guard page included; 0 for an unused entry.
    low: AtomicU64,
    /// End of the slot, its guard page included.
    high: AtomicU64,
    start: AtomicU64,
    length: AtomicU64,
    label: AtomicU64,
    released: AtomicU32,
}

impl Entry {
    const fn unused() -> Self {
        Self {
            low: AtomicU64::new(0),
            high: AtomicU64::new(0),
            start: AtomicU64::new(0),
            length: AtomicU64::new(0),
            label: AtomicU64::new(0),
            released: AtomicU32::new(0),
        }
    }
}

static TABLE: [Entry; SLOTS] = [const { Entry::unused() }; SLOTS];
/// Entries from here on were never used.
static USED: AtomicU32 = AtomicU32::new(0);
static FREE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// The place of a slot in the table, free again when dropped.
#[derive(Debug)]
pub(super) struct Place(u32);

impl Place {
    /// Takes a place for a slot between `low` and `high`; `None` if the table is full.
    pub(super) fn new(low: u64, high: u64) -> Option<Self> {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let index = free.pop().or_else(|| {
            let index = USED.load(Ordering::Relaxed);
            USED.store((index + 1).min(SLOTS as u32), Ordering::Relaxed);
            (index < SLOTS as u32).then_some(index)
        })?;
        let place = Self(index);
        place.entry().high.store(high, Ordering::Relaxed);
        place.entry().released.store(1, Ordering::Relaxed);
        place.entry().low.store(low, Ordering::Release);
        Some(place)
    }

    fn entry(&self) -> &'static Entry {
        &TABLE[self.0 as usize]
    }

    /// Notes which part of the slot is in use.
    #[inline]
    pub(super) fn occupy(&self, start: u64, length: u64) {
        let entry = self.entry();
        entry.start.store(start, Ordering::Relaxed);
        entry.length.store(length, Ordering::Relaxed);
        entry.label.store(0, Ordering::Relaxed);
        entry.released.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn label(&self, label: u64) {
        self.entry().label.store(label, Ordering::Relaxed);
    }

    /// Notes that the buffer was given back; what it was stays known until the slot is reused.
    #[inline]
    pub(super) fn release(&self) {
        self.entry().released.store(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.entry().low.store(0, Ordering::Release);
        self.entry().high.store(0, Ordering::Release);
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(self.0);
    }
}

/// An address in or next to a guarded buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardHit {
    /// The address asked for.
    pub address: u64,
    /// Label of the buffer, see [`GuardedBuffer::set_label`](super::GuardedBuffer::set_label).
    pub label: u64,
    /// Address of the buffer's first byte.
    pub start: u64,
    /// Length of the buffer, bytes.
    pub length: u64,
    /// True if the buffer had already been given back.
    pub released: bool,
}

impl GuardHit {
    /// Distance of the address from the buffer's first byte: negative before the buffer, the
    /// buffer's length or more behind it.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.address.wrapping_sub(self.start).cast_signed()
    }
}

impl fmt::Display for GuardHit {
    /// `1 byte past the end of a buffer of 16 bytes`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset();
        let end = self.length.cast_signed();
        let bytes = |count: i64| format!("{count} byte{}", if count == 1 { "" } else { "s" });
        if offset < 0 {
            write!(f, "{} before", bytes(offset.saturating_neg()))?;
        } else if offset >= end {
            let past = offset.saturating_sub(end).saturating_add(1);
            write!(f, "{} past the end of", bytes(past))?;
        } else {
            write!(f, "at offset {offset} of")?;
        }
        write!(f, " a buffer of {}", bytes(end))?;
        if self.released {
            write!(f, " that was no longer in use")?;
        }
        Ok(())
    }
}

/// The guarded buffer whose slot `address` lies in, if any. Only loads atomics: may be called
/// from a signal handler.
#[must_use]
pub fn locate(address: u64) -> Option<GuardHit> {
    let used = USED.load(Ordering::Acquire) as usize;
    let inside = |entry: &&Entry| {
        let low = entry.low.load(Ordering::Acquire);
        low != 0 && low <= address && address < entry.high.load(Ordering::Acquire)
    };
    let entry = TABLE[..used.min(SLOTS)].iter().find(inside)?;
    Some(GuardHit {
        address,
        label: entry.label.load(Ordering::Relaxed),
        start: entry.start.load(Ordering::Relaxed),
        length: entry.length.load(Ordering::Relaxed),
        released: entry.released.load(Ordering::Relaxed) != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(address: u64) -> String {
        let hit = GuardHit {
            address,
            label: 0,
            start: 100,
            length: 16,
            released: false,
        };
        hit.to_string()
    }

    #[test]
    fn places_are_told_in_bytes_from_the_buffer() {
        assert_eq!(hit(116), "1 byte past the end of a buffer of 16 bytes");
        assert_eq!(hit(117), "2 bytes past the end of a buffer of 16 bytes");
        assert_eq!(hit(99), "1 byte before a buffer of 16 bytes");
        assert_eq!(hit(103), "at offset 3 of a buffer of 16 bytes");
    }
}
