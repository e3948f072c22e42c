//! Writing the journal: the few stores that happen before and after each call.
//!
//! This module owns the raw memory of a journal under construction. The writer keeps its place
//! and salt in its own memory, so that a module that scribbles over the shared pages damages
//! records, not the writing of the next ones.
#![allow(
    unsafe_code,
    reason = "writes records into memory shared with the parent"
)]

use super::clock::Clock;
use super::{CALL_BYTES, CASE_BYTES, HEAD, Head, Journal, Kind, RETURNED, extent, salt};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the parent watches while a request is worked on.
#[derive(Debug, Default)]
#[repr(C)]
pub(in crate::worker) struct Progress {
    /// Odd while a call is in flight.
    pub(in crate::worker) sequence: AtomicU64,
    /// Bytes of journal written.
    pub(in crate::worker) written: AtomicU64,
}

/// Whether the clock is read before and after each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// Durations are recorded: two readings of the clock a call.
    #[default]
    On,
    /// Start and duration of every call are recorded as 0.
    Off,
}

/// No call is open.
const NONE: usize = usize::MAX;
/// Room always kept for the record that says the journal is full.
const RESERVE: usize = HEAD;
/// How far ahead of its end the journal's memory is fetched, bytes: some records.
const AHEAD: usize = 256;

/// The child's end of a journal.
///
/// A record that does not fit is left out and the journal marked as truncated; ask
/// [`remaining`](Self::remaining) before each case and end the batch early instead.
#[derive(Debug)]
pub struct JournalWriter {
    base: *mut u64,
    capacity: usize,
    progress: *const Progress,
    salt: u64,
    offset: usize,
    call: usize,
    sequence: u64,
    started: u64,
    timing: Timing,
    clock: Clock,
    full: bool,
    positions: fn() -> [u64; 2],
    owned: Option<(Box<[u64]>, Box<Progress>)>,
}

impl JournalWriter {
    /// A writer on the `capacity` bytes at `base`.
    ///
    /// # Safety
    /// The bytes and `progress` must stay mapped and writable as long as the writer is used,
    /// `base` must be aligned to 8, and no Rust reference to the bytes may exist.
    pub(in crate::worker) unsafe fn shared(
        base: *mut u8,
        capacity: usize,
        progress: *const Progress,
        timing: Timing,
    ) -> Self {
        Self {
            base: base.cast(),
            capacity,
            progress,
            salt: 0,
            offset: 0,
            call: NONE,
            sequence: 0,
            started: 0,
            timing,
            clock: Clock::new(),
            full: false,
            positions: output_positions,
            owned: None,
        }
    }

    /// A writer on memory of its own, for executing sequences without a worker (the built-in
    /// token in-process, tests). Output positions are recorded as 0.
    #[must_use]
    pub fn in_memory(capacity: usize, timing: Timing) -> Self {
        let mut bytes = vec![0; capacity / 8].into_boxed_slice();
        let progress = Box::<Progress>::default();
        let (base, capacity) = (bytes.as_mut_ptr(), bytes.len() * 8);
        let watched: *const Progress = &*progress;
        // SAFETY: both boxes move into the writer, which owns them as long as it lives; their
        // heap memory does not move and is reached through these pointers only.
        let mut writer = unsafe { Self::shared(base.cast(), capacity, watched, timing) };
        writer.positions = || [0; 2];
        writer.owned = Some((bytes, progress));
        writer
    }

    /// Takes what was written so far out of a writer made by [`in_memory`](Self::in_memory) and
    /// starts afresh. Gives an empty journal for the writer of a worker.
    pub fn take_journal(&mut self) -> Journal {
        if self.owned.is_none() {
            return Journal::default();
        }
        let (end, salt) = (self.offset, self.salt);
        let records = extent(end, salt, |offset| [self.get(offset), self.get(offset + 8)]);
        let bytes = (0..end)
            .step_by(8)
            .flat_map(|at| self.get(at).to_le_bytes());
        let journal = Journal::new(bytes.collect(), salt, records.start, end as u64);
        self.start(0);
        journal
    }

    /// Forgets what was written to a writer made by [`in_memory`](Self::in_memory). Does nothing
    /// to the writer of a worker, whose journal is the parent's.
    pub fn clear(&mut self) {
        if self.owned.is_some() {
            self.start(0);
        }
    }

    /// Empties the journal for request number `request`.
    pub(in crate::worker) fn start(&mut self, request: u32) {
        self.salt = salt(request);
        self.offset = 0;
        self.call = NONE;
        self.full = false;
        self.sequence = self.sequence.next_multiple_of(2);
        self.clock.align();
        self.publish();
        self.progress()
            .sequence
            .store(self.sequence, Ordering::Release);
    }

    /// Bytes left for records. A call takes 48, an output 16 and its bytes.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.capacity.saturating_sub(self.offset + RESERVE)
    }

    /// Records that case number `case` of the batch begins, and how much output there is so far.
    pub fn case_begin(&mut self, case: u32) {
        self.case_mark(Kind::CaseBegin, case);
    }

    /// Records that case number `case` of the batch ended: output from here on is not its own.
    pub fn case_end(&mut self, case: u32) {
        self.case_mark(Kind::CaseEnd, case);
    }

    fn case_mark(&mut self, kind: Kind, case: u32) {
        let positions = (self.positions)();
        self.place_mark(kind, case, positions);
    }

    pub(super) fn place_mark(&mut self, kind: Kind, case: u32, [stdout, stderr]: [u64; 2]) {
        self.append(kind, 0, case, CASE_BYTES, |writer, payload| {
            writer.put(payload, stdout);
            writer.put(payload + 8, stderr);
        });
    }

    /// Records that a call is about to be made. To be followed by the call and
    /// [`call_end`](Self::call_end), with nothing that may fail in between.
    #[inline]
    pub fn call_begin(&mut self, step: u32, function: u16) {
        self.started = self.now();
        let offset = self.offset;
        let started = self.started;
        let written = self.append(Kind::Call, function, step, CALL_BYTES, |writer, payload| {
            writer.put(payload, started);
            writer.put(payload + 24, 0);
        });
        self.call = if written { offset } else { NONE };
        self.sequence |= 1;
        self.progress()
            .sequence
            .store(self.sequence, Ordering::Release);
    }

    /// Completes the record of the call just made with its return value, and gives its duration
    /// in nanoseconds (0 without timing).
    #[inline]
    pub fn call_end(&mut self, rv: u64) -> u64 {
        let duration = self.now().saturating_sub(self.started);
        self.sequence += 1;
        self.progress()
            .sequence
            .store(self.sequence, Ordering::Release);
        if self.call != NONE {
            let payload = self.call + HEAD;
            self.put(payload + 8, duration);
            self.put(payload + 16, rv);
            self.put(payload + 24, RETURNED);
            self.call = NONE;
        }
        duration
    }

    /// Records an output of the call just made; gives false if there is no room.
    pub fn output(&mut self, tag: u16, bytes: &[u8]) -> bool {
        self.append_bytes(Kind::Output, tag, bytes)
    }

    /// Records a remark for the parent; gives false if there is no room.
    pub fn note(&mut self, tag: u16, bytes: &[u8]) -> bool {
        self.append_bytes(Kind::Note, tag, bytes)
    }

    /// Records an output of `length` bytes, put together where it is recorded; gives false if there
    /// is no room.
    #[inline]
    pub fn output_of(
        &mut self,
        tag: u16,
        length: usize,
        fill: impl FnOnce(&mut Payload<'_>),
    ) -> bool {
        let Ok(auxiliary) = u32::try_from(length) else {
            return false;
        };
        let total = HEAD + length.next_multiple_of(8);
        self.append(Kind::Output, tag, auxiliary, total, |writer, place| {
            let mut payload = Payload {
                end: place + total - HEAD,
                writer,
                place,
            };
            fill(&mut payload);
        })
    }

    fn append_bytes(&mut self, kind: Kind, tag: u16, bytes: &[u8]) -> bool {
        let Ok(length) = u32::try_from(bytes.len()) else {
            return false;
        };
        let total = HEAD + bytes.len().next_multiple_of(8);
        self.append(kind, tag, length, total, |writer, place| {
            let mut payload = Payload {
                end: place + total - HEAD,
                writer,
                place,
            };
            payload.bytes(bytes);
        })
    }

    /// Appends a record of `total` bytes: first its payload, then its head, then the length of
    /// the journal, so that a kill at any point leaves a sound chain.
    #[inline]
    fn append(
        &mut self,
        kind: Kind,
        tag: u16,
        auxiliary: u32,
        total: usize,
        fill: impl FnOnce(&mut Self, usize),
    ) -> bool {
        if total > self.remaining() || self.full {
            self.mark_full();
            return false;
        }
        let offset = self.offset;
        fill(self, offset + HEAD);
        let words = Head::new(kind, tag, auxiliary).words(offset, self.salt);
        self.put(offset + 8, words[1]);
        self.put(offset, words[0]);
        self.offset = offset + total;
        self.fetch_ahead();
        self.publish();
        true
    }

    #[cold]
    fn mark_full(&mut self) {
        if self.full || self.offset + HEAD > self.capacity {
            return;
        }
        let words = Head::new(Kind::Full, 0, 0).words(self.offset, self.salt);
        self.put(self.offset + 8, words[1]);
        self.put(self.offset, words[0]);
        self.offset += HEAD;
        self.full = true;
        self.publish();
    }

    #[inline]
    fn publish(&self) {
        let written = &self.progress().written;
        written.store(self.offset as u64, Ordering::Release);
    }

    #[inline]
    fn progress(&self) -> &Progress {
        // SAFETY: the constructors' contract: mapped as long as the writer is used, atomics only.
        unsafe { &*self.progress }
    }

    #[inline]
    fn put(&mut self, offset: usize, word: u64) {
        debug_assert!(offset + 8 <= self.capacity && offset.is_multiple_of(8));
        // SAFETY: every caller stays within a record for which `append` found room; the memory is
        // ours by the constructors' contract. Volatile: the reader is another process.
        unsafe { self.base.add(offset / 8).write_volatile(word.to_le()) }
    }

    /// Asks for the lines that the next records will be written to. A module that takes a lock waits
    /// until all stores before it are done, and the journal's memory is rarely in the nearest cache.
    #[inline]
    fn fetch_ahead(&self) {
        #[cfg(target_arch = "x86_64")]
        for ahead in [AHEAD, AHEAD + 64] {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = self.base.wrapping_byte_add(self.offset + ahead);
            // SAFETY: a hint, which does nothing at an address without memory.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast_const().cast()) };
        }
    }

    fn get(&self, offset: usize) -> u64 {
        assert!(offset + 8 <= self.capacity, "offset outside the journal");
        // SAFETY: just checked to lie inside the journal, whose memory is initialised.
        u64::from_le(unsafe { self.base.add(offset / 8).read_volatile() })
    }

    #[inline]
    fn now(&self) -> u64 {
        match self.timing {
            Timing::On => self.clock.now(),
            Timing::Off => 0,
        }
    }
}

/// The content of a record while it is written. What does not fit the length that was told is left
/// out.
pub struct Payload<'w> {
    writer: &'w mut JournalWriter,
    place: usize,
    end: usize,
}

impl Payload<'_> {
    /// Appends a number.
    #[inline]
    pub fn number(&mut self, number: u64) {
        if self.place < self.end {
            self.writer.put(self.place, number);
            self.place += 8;
        }
    }

    /// Appends bytes, and zeros up to a multiple of eight.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.number(u64::from_le_bytes(word));
        }
    }
}

/// How far descriptors 1 and 2 have been written; 0 if they are closed or not files.
fn output_positions() -> [u64; 2] {
    [1, 2].map(|fd| {
        // SAFETY: asks for a position, whatever the descriptor is.
        let position = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
        u64::try_from(position).unwrap_or(0)
    })
}
