//! The journals of lanes: parts of that of the case, with a writer each while the lanes run.
#![allow(
    unsafe_code,
    reason = "hands out parts of the memory shared with the parent"
)]

use super::super::{CHILD, HEAD, Head, Journaled, Kind, LANES, lane_salt};
use super::{JournalWriter, NONE, Progress, RESERVE};
use std::sync::atomic::Ordering;

/// Most bytes of journal that a lane gets: some thousand calls.
const LANE_BYTES: usize = 512 * 1024;
/// Fewest bytes of journal with which a lane is of use.
const LEAST_LANE: usize = 4096;

impl JournalWriter {
    /// Begins a block of so many lanes: a writer for each, on a part of this journal. `None` if the
    /// journal is full, or of a lane itself. To be followed by [`join`](Self::join).
    ///
    /// # Safety
    /// The writers must not be used any more when this writer is used for anything else but `join`,
    /// or is gone.
    pub(crate) unsafe fn lanes(&mut self, count: usize, how: Journaled) -> Option<Vec<Self>> {
        let size = (self.remaining() / 4 * 3 / count.max(1)).min(LANE_BYTES) / 64 * 64;
        if size < LEAST_LANE || count > LANES || self.lanes.is_null() {
            return None;
        }
        let begin = self.offset + HEAD;
        let tag = match how {
            Journaled::Lanes => count as u16,
            Journaled::Child => CHILD,
        };
        self.seal(Head::new(Kind::Lanes, tag, (size * count) as u32));
        let lane = |lane: usize| {
            let mut writer = Self {
                // SAFETY: inside the record just sealed, which ends within the journal.
                base: unsafe { self.base.add(begin + lane * size) },
                capacity: size,
                limit: size - RESERVE,
                // SAFETY: one of the array, which is mapped by the constructors' contract.
                progress: unsafe { &raw const (*self.lanes)[lane] },
                lanes: std::ptr::null(),
                salt: lane_salt(self.salt, begin, lane),
                turns: None,
                offset: 0,
                call: NONE,
                sequence: 0,
                started: 0,
                clock: self.clock,
                positions: self.positions,
                owned: None,
            };
            writer.sequence = writer.progress().sequence.load(Ordering::Relaxed);
            writer.publish();
            writer
        };
        Some((0..count).map(lane).collect())
    }

    /// Ends a block of lanes, whose writers are to be given back.
    pub(crate) fn join(&mut self, lanes: Vec<Self>) {
        self.append(Kind::Joined, 0, |payload| {
            for lane in &lanes {
                // As published: a child's writer is not this one.
                payload.numbers([lane.progress().written.load(Ordering::Acquire)]);
            }
        });
        // A child may have ended in a call.
        for lane in &lanes {
            lane.used_by(0);
            settle(lane.progress());
        }
    }

    /// Tells the parent which thread uses this writer of a lane; 0 for none any more.
    pub(crate) fn used_by(&self, thread: u32) {
        self.progress().thread.store(thread, Ordering::Release);
    }

    pub(super) fn lane_progress(&self) -> Option<&[Progress; LANES]> {
        // SAFETY: NULL, or mapped as long as the writer is used; atomics only.
        unsafe { self.lanes.as_ref() }
    }
}

/// Says that no call of a lane is in flight.
pub(super) fn settle(lane: &Progress) {
    let calls = lane.sequence.load(Ordering::Relaxed).next_multiple_of(2);
    lane.sequence.store(calls, Ordering::Release);
}
