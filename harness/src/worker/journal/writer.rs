//! Writing the journal: the few stores that happen before and after each call.
//!
//! This module owns the raw memory of a journal under construction. The writer keeps its place
//! and salt in its own memory, so that a module that scribbles over the shared pages damages
//! records, not the writing of the next ones.
#![allow(
    unsafe_code,
    reason = "writes records into memory shared with the parent"
)]

mod lanes;
mod payload;

use lanes::settle;
pub use payload::Payload;

use super::clock::Clock;
use super::{
    CALL_BYTES, CASE_BYTES, HEAD, Head, Journal, Kind, LANES, RETURNED, extent, salt, salt_behind,
};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What the parent watches of a thread that makes calls, away from those of the others.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(in crate::worker) struct Progress {
    /// Odd while a call is in flight.
    pub(in crate::worker) sequence: AtomicU64,
    /// Bytes of journal written.
    pub(in crate::worker) written: AtomicU64,
    /// The kernel's number of the thread of a lane; 0 while it has none.
    pub(in crate::worker) thread: AtomicU32,
}

/// What the parent watches while a request is worked on.
#[derive(Debug, Default)]
#[repr(C)]
pub(in crate::worker) struct Watched {
    pub(in crate::worker) main: Progress,
    pub(in crate::worker) lanes: [Progress; LANES],
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
/// How far ahead of a call's record the journal's memory is fetched, bytes: some records.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 384;
/// The child's end of a journal.
///
/// A record that does not fit is left out and the journal marked as truncated; ask
/// [`remaining`](Self::remaining) before each case and end the batch early instead.
#[derive(Debug)]
pub struct JournalWriter {
    base: *mut u8,
    capacity: usize,
    /// Where records must end; 0 if the journal is full.
    limit: usize,
    progress: *const Progress,
    /// Progress of lanes; NULL in the writer of a lane, which has none of its own.
    lanes: *const [Progress; LANES],
    salt: u64,
    /// Where the turns of the case begin, and the salt of their heads.
    turns: Option<(usize, u64)>,
    offset: usize,
    call: usize,
    sequence: u64,
    started: u64,
    clock: Clock,
    positions: fn() -> [u64; 2],
    owned: Option<(Box<[u64]>, Box<Watched>)>,
}

// SAFETY: the memory behind the pointers is written by this writer alone, but for `Progress`, which
// is atomic; nothing is tied to a thread.
unsafe impl Send for JournalWriter {}

impl JournalWriter {
    /// A writer on the `capacity` bytes at `base`.
    ///
    /// # Safety
    /// The bytes and `watched` must stay mapped and writable as long as the writer is used,
    /// `base` must be aligned to 8, and no Rust reference to the bytes may exist.
    pub(in crate::worker) unsafe fn shared(
        base: *mut u8,
        capacity: usize,
        watched: *const Watched,
        timing: Timing,
    ) -> Self {
        Self {
            base,
            capacity,
            limit: capacity.saturating_sub(RESERVE),
            // SAFETY: mapped by the caller's promise; no reference is made.
            progress: unsafe { &raw const (*watched).main },
            // SAFETY: as above.
            lanes: unsafe { &raw const (*watched).lanes },
            salt: 0,
            turns: None,
            offset: 0,
            call: NONE,
            sequence: 0,
            started: 0,
            clock: match timing {
                Timing::On => Clock::new(),
                Timing::Off => Clock::stopped(),
            },
            positions: output_positions,
            owned: None,
        }
    }

    /// A writer on memory of its own, for executing sequences without a worker (the built-in
    /// token in-process, tests). Output positions are recorded as 0.
    #[must_use]
    pub fn in_memory(capacity: usize, timing: Timing) -> Self {
        let mut bytes = vec![0; capacity / 8].into_boxed_slice();
        let progress = Box::<Watched>::default();
        let (base, capacity) = (bytes.as_mut_ptr(), bytes.len() * 8);
        let watched: *const Watched = &*progress;
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
        let first = self.turns.map_or(self.salt, |(_, salt)| salt);
        let (end, salt) = (self.offset, first);
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
        self.turns = None;
        self.offset = 0;
        self.call = NONE;
        self.limit = self.capacity.saturating_sub(RESERVE);
        self.sequence = self.sequence.next_multiple_of(2);
        self.clock.align();
        self.publish();
        self.progress()
            .sequence
            .store(self.sequence, Ordering::Release);
        self.lane_progress().into_iter().flatten().for_each(settle);
    }

    /// Bytes left for records. A call takes 48, an output 16 and its bytes.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.limit.saturating_sub(self.offset)
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
        if self.has_room(CASE_BYTES) {
            self.put(self.offset + HEAD, stdout);
            self.put(self.offset + HEAD + 8, stderr);
            self.seal(Head::new(kind, 0, case));
        }
    }

    /// Records that a call is about to be made. To be followed by the call and
    /// [`call_end`](Self::call_end), with nothing that may fail in between.
    #[inline]
    pub fn call_begin(&mut self, step: u32, function: u16) {
        self.started = self.clock.now();
        self.call = NONE;
        if self.has_room(CALL_BYTES) {
            self.call = self.offset;
            self.put(self.offset + HEAD, self.started);
            self.put(self.offset + HEAD + 24, 0);
            self.seal(Head::new(Kind::Call, function, step));
            self.fetch_ahead();
        }
        self.sequence |= 1;
        self.progress()
            .sequence
            .store(self.sequence, Ordering::Release);
    }

    /// Begins another turn of the case, which is to be the only one of its request. Its records take the place of those
    /// of the turn before: so many turns leave a short journal, which stays in the nearest caches. No lanes in
    /// turns.
    pub fn turn(&mut self, number: u32) {
        let (begin, salt) = *self.turns.get_or_insert((self.offset, self.salt));
        (self.offset, self.salt, self.call) = (begin, salt, NONE);
        self.limit = self.capacity.saturating_sub(RESERVE);
        if !self.has_room(HEAD) {
            return;
        }
        let head = Head::new(Kind::Turn, 0, number);
        self.seal(head);
        self.salt = salt_behind(head, salt);
    }

    /// Completes the record of the call just made with its return value, and gives its duration
    /// in nanoseconds (0 without timing).
    #[inline]
    pub fn call_end(&mut self, rv: u64) -> u64 {
        let duration = self.clock.now().saturating_sub(self.started);
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
    #[inline]
    pub fn output(&mut self, tag: u16, bytes: &[u8]) -> bool {
        self.output_of(tag, |payload| payload.bytes(bytes))
    }

    /// Records a remark for the parent; gives false if there is no room.
    pub fn note(&mut self, tag: u16, bytes: &[u8]) -> bool {
        self.append(Kind::Note, tag, |payload| payload.bytes(bytes))
    }

    /// Records an output that is put together where it is recorded; gives false if there is no room.
    #[inline]
    pub fn output_of(&mut self, tag: u16, fill: impl FnOnce(&mut Payload<'_>)) -> bool {
        self.append(Kind::Output, tag, fill)
    }

    #[inline(always)]
    fn append(&mut self, kind: Kind, tag: u16, fill: impl FnOnce(&mut Payload<'_>)) -> bool {
        if !self.has_room(HEAD) {
            return false;
        }
        let room = self.limit - self.offset - HEAD;
        let place = self.base.wrapping_add(self.offset + HEAD).cast();
        // SAFETY: the bytes up to the limit are this writer's, and records begin at multiples of eight.
        let mut payload = unsafe { Payload::new(place, room) };
        fill(&mut payload);
        let length = payload.length(room);
        match length.map(u32::try_from) {
            Some(Ok(length)) => self.seal(Head::new(kind, tag, length)),
            _ => self.mark_full(),
        }
        length.is_some()
    }

    /// True if a record of `total` bytes fits; if not, the journal is marked as truncated.
    #[inline]
    fn has_room(&mut self, total: usize) -> bool {
        let fits = self.offset + total <= self.limit;
        if !fits {
            self.mark_full();
        }
        fits
    }

    /// Completes a record whose payload is written: its head comes next, then the length of the
    /// journal, so that a kill at any point leaves a sound chain.
    #[inline]
    fn seal(&mut self, head: Head) {
        let words = head.words(self.offset, self.salt);
        self.put(self.offset + 8, words[1]);
        self.put(self.offset, words[0]);
        self.offset += head.length;
        self.publish();
    }

    #[cold]
    fn mark_full(&mut self) {
        if self.limit != 0 {
            self.seal(Head::new(Kind::Full, 0, 0));
            self.limit = 0;
        }
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
        // SAFETY: every caller stays within a record for which there is room; the memory is ours and
        // aligned by the constructors' contract. Volatile: the reader is another process.
        unsafe {
            self.base
                .add(offset)
                .cast::<u64>()
                .write_volatile(word.to_le())
        }
    }

    /// Asks for the lines that the next records will be written to. A module that takes a lock waits
    /// until all stores before it are done, and the journal's memory is rarely in the nearest cache.
    #[inline]
    fn fetch_ahead(&self) {
        #[cfg(target_arch = "x86_64")]
        for ahead in [AHEAD, AHEAD + 64] {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = self.base.wrapping_add(self.offset + ahead);
            // SAFETY: a hint, which does nothing at an address without memory.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast_const().cast()) };
        }
    }

    fn get(&self, offset: usize) -> u64 {
        assert!(offset + 8 <= self.capacity, "offset outside the journal");
        // SAFETY: just checked to lie inside the journal, whose memory is initialised.
        u64::from_le(unsafe { self.base.add(offset).cast::<u64>().read_volatile() })
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
