//! The shape of the memory a worker shares with its parent: one memfd of a control page, the
//! request, response and journal areas, the crash area, and the log of functions that were reached.
//!
//! This module owns the offsets and the structures in them; mapping them is left to `mapping`,
//! their meaning to the module that writes each.

use super::journal::Watched;
use super::reach;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// First word of the control page, "p11assay" in ASCII, with the format's version in the second.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"p11assay");
/// Version of this layout: parent and child are the same binary, so any difference is a mistake.
pub(super) const VERSION: u64 = 4;

/// Number of registers a crash record has room for (18 on x86-64, 34 on aarch64).
pub(super) const REGISTERS: usize = 40;
/// Bytes of stack kept from a crashed thread, innermost first.
pub(super) const STACK_BYTES: usize = 256 * 1024;
/// Bytes of `/proc/self/maps` kept.
pub(super) const MAPS_BYTES: usize = 1024 * 1024;

const PAGE: usize = 64 * 1024;

/// Values of [`Control::state`].
pub(super) mod state {
    /// The child has not answered yet.
    pub(crate) const STARTING: u32 = 0;
    /// The child waits for a request; the response of the last one, if any, is complete.
    pub(crate) const READY: u32 = 1;
    /// The child works on a request.
    pub(crate) const BUSY: u32 = 2;
    /// The child is about to exit because it was told to.
    pub(crate) const STOPPED: u32 = 3;
    /// The handler failed; the response area holds the reason.
    pub(crate) const FAULT: u32 = 4;
}

/// Values of [`Control::order`].
pub(super) mod order {
    /// Answer the request in the request area.
    pub(crate) const REQUEST: u32 = 1;
    /// Exit.
    pub(crate) const STOP: u32 = 2;
}

/// The control page.
#[repr(C)]
pub(super) struct Control {
    pub(super) magic: AtomicU64,
    pub(super) version: AtomicU64,
    pub(super) request_capacity: AtomicU64,
    pub(super) response_capacity: AtomicU64,
    pub(super) journal_capacity: AtomicU64,
    /// 1 if the child reads the clock around calls.
    pub(super) timing: AtomicU32,
    /// Counts orders; the child sleeps on it.
    pub(super) command: AtomicU32,
    /// What is to be done, see [`order`].
    pub(super) order: AtomicU32,
    /// Counts events for the parent, which sleeps on it.
    pub(super) doorbell: AtomicU32,
    /// See [`state`].
    pub(super) state: AtomicU32,
    /// Number of the request the response belongs to.
    pub(super) answered: AtomicU32,
    pub(super) request_length: AtomicU64,
    pub(super) response_length: AtomicU64,
    /// Checksum of the response, so that a module's stray write does not pass for one.
    pub(super) response_check: AtomicU64,
    /// Written by the journal.
    pub(super) progress: Watched,
}

/// Values of [`Crash::stage`], in the order a handler goes through them.
pub(super) mod stage {
    /// Some thread has entered the crash handler.
    pub(crate) const ENTERED: u32 = 1;
    /// Signal, address and registers are written.
    pub(crate) const REGISTERS: u32 = 2;
    /// The memory map is written.
    pub(crate) const MAPS: u32 = 3;
    /// The stack is written: the record is complete.
    pub(crate) const STACK: u32 = 4;
}

/// The head of the crash area, written by the signal handler of the child but for `left`. The memory map and
/// the stack follow it at fixed offsets.
#[repr(C)]
pub(super) struct Crash {
    pub(super) stage: AtomicU32,
    pub(super) signal: AtomicU32,
    pub(super) code: AtomicU32,
    /// 0 unknown, 1 read, 2 write, 3 execute.
    pub(super) access: AtomicU32,
    /// The kernel's number of the thread.
    pub(super) thread: AtomicU32,
    /// The kernel's number of the first thread that called `exit` or `quick_exit`, 0 if none did or nothing watched
    /// (`leave`).
    pub(super) left: AtomicU32,
    pub(super) address: AtomicU64,
    pub(super) stack_start: AtomicU64,
    pub(super) stack_length: AtomicU64,
    pub(super) maps_length: AtomicU64,
    /// The guarded buffer next to the address: its label, first byte and length, if `guard` is 1.
    pub(super) guard: AtomicU32,
    /// 1 if the buffer had been given back.
    pub(super) guard_released: AtomicU32,
    pub(super) guard_label: AtomicU64,
    pub(super) guard_start: AtomicU64,
    pub(super) guard_length: AtomicU64,
    pub(super) registers: [AtomicU64; REGISTERS],
}

/// Sizes and offsets of the areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) request: usize,
    pub(super) response: usize,
    pub(super) journal: usize,
}

const fn round_up(bytes: usize) -> usize {
    bytes.div_ceil(PAGE) * PAGE
}

impl Layout {
    pub(super) const fn new(request: usize, response: usize, journal: usize) -> Self {
        Self {
            request: round_up(request),
            response: round_up(response),
            journal: round_up(journal),
        }
    }

    pub(super) const fn crash_offset(self) -> usize {
        PAGE
    }

    pub(super) const fn maps_offset(self) -> usize {
        self.crash_offset() + PAGE
    }

    pub(super) const fn stack_offset(self) -> usize {
        self.maps_offset() + MAPS_BYTES
    }

    pub(super) const fn request_offset(self) -> usize {
        self.stack_offset() + STACK_BYTES
    }

    pub(super) const fn response_offset(self) -> usize {
        self.request_offset() + self.request
    }

    pub(super) const fn journal_offset(self) -> usize {
        self.response_offset() + self.response
    }

    /// The log of functions that were reached: last, for forked children have it, too.
    pub(super) const fn reach_offset(self) -> usize {
        self.journal_offset() + self.journal
    }

    pub(super) const fn total(self) -> usize {
        self.reach_offset() + reach::BYTES
    }
}

/// A checksum good against stray writes, not against an adversary: a multiply a word.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(bytes.len() as u64 ^ ODD, |sum, word| {
        (sum ^ word).wrapping_mul(ODD).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_structures_fit_their_pages() {
        assert!(size_of::<Control>() <= PAGE);
        assert!(size_of::<Crash>() <= PAGE);
    }

    #[test]
    fn areas_follow_each_other_without_overlap() {
        let layout = Layout::new(1, PAGE + 1, 10 * PAGE);
        assert_eq!(layout.response_offset() - layout.request_offset(), PAGE);
        assert_eq!(layout.journal_offset() - layout.response_offset(), 2 * PAGE);
        assert_eq!(layout.reach_offset() - layout.journal_offset(), 10 * PAGE);
    }

    #[test]
    fn checksum_sees_a_changed_byte_and_a_changed_length() {
        assert_ne!(checksum(b"abcdefghi"), checksum(b"abcdefghj"));
        assert_ne!(checksum(b"a"), checksum(b"a\0"));
    }
}
