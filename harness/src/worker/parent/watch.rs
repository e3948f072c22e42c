//! Watching the progress of a worker: of its main thread and of its lanes, each against its own
//! deadline.

use super::super::journal::{LANES, Progress, Watched};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What was last seen of every thread, the main one first, and since when.
pub(super) struct Watch([Seen; 1 + LANES]);

#[derive(Clone, Copy)]
struct Seen {
    sequence: u64,
    written: u64,
    since: Instant,
}

/// The thread whose deadline is the next to pass.
pub(super) struct Slowest {
    /// Its lane; absent for the main thread.
    pub(super) lane: Option<u16>,
    /// The deadline.
    pub(super) deadline: Duration,
    /// What is left of it; `None` if it has passed.
    pub(super) left: Option<Duration>,
}

impl Seen {
    fn of(progress: &Progress, now: Instant) -> Self {
        Self {
            sequence: progress.sequence.load(Relaxed),
            written: progress.written.load(Relaxed),
            since: now,
        }
    }

    /// True while a call is in flight.
    fn is_calling(&self) -> bool {
        self.sequence % 2 == 1
    }
}

fn all(progress: &Watched) -> impl Iterator<Item = &Progress> {
    std::iter::once(&progress.main).chain(&progress.lanes)
}

impl Watch {
    pub(super) fn new(progress: &Watched) -> Self {
        let now = Instant::now();
        let mut seen = [Seen::of(&progress.main, now); 1 + LANES];
        for (seen, progress) in seen.iter_mut().zip(all(progress)) {
            *seen = Seen::of(progress, now);
        }
        Self(seen)
    }

    /// Looks again: calls in flight may take `call`, a worker without any `idle`.
    pub(super) fn look(&mut self, progress: &Watched, call: Duration, idle: Duration) -> Slowest {
        self.look_at(Instant::now(), progress, call, idle)
    }

    /// As [`look`](Self::look), at this time.
    fn look_at(
        &mut self,
        now: Instant,
        progress: &Watched,
        call: Duration,
        idle: Duration,
    ) -> Slowest {
        for (seen, progress) in self.0.iter_mut().zip(all(progress)) {
            let found = Seen::of(progress, now);
            if (found.sequence, found.written) != (seen.sequence, seen.written) {
                *seen = found;
            }
        }
        let threads = self.0.iter().enumerate();
        let calling = threads.filter(|(_, seen)| seen.is_calling());
        let (thread, since, deadline) = match calling.min_by_key(|(_, seen)| seen.since) {
            Some((thread, seen)) => (thread, seen.since, call),
            None => {
                let last = self.0.iter().map(|seen| seen.since).max();
                (0, last.unwrap_or(now), idle)
            }
        };
        Slowest {
            lane: thread.checked_sub(1).map(|lane| lane as u16),
            deadline,
            left: deadline.checked_sub(now.duration_since(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Duration = Duration::from_millis(5);
    const IDLE: Duration = Duration::from_secs(60);

    #[test]
    fn a_lane_that_stands_still_in_a_call_is_told_from_those_that_go_on() {
        let progress = Watched::default();
        let mut watch = Watch::new(&progress);
        let begun = Instant::now();
        progress.lanes[2].sequence.store(1, Relaxed);
        let first = watch.look_at(begun, &progress, CALL, IDLE);
        assert_eq!((first.lane, first.left), (Some(2), Some(CALL)));
        for count in 1..5 {
            progress.lanes[0].sequence.store(2 * count + 1, Relaxed);
            watch.look_at(begun + CALL / 2 * count as u32, &progress, CALL, IDLE);
        }
        let slowest = watch.look_at(begun + CALL * 2, &progress, CALL, IDLE);
        assert_eq!((slowest.lane, slowest.left), (Some(2), None));
        assert_eq!(slowest.deadline, CALL);
    }

    #[test]
    fn a_worker_without_calls_has_the_longer_deadline() {
        let progress = Watched::default();
        let mut watch = Watch::new(&progress);
        let begun = watch.0[0].since;
        let slowest = watch.look_at(begun + CALL * 2, &progress, CALL, IDLE);
        assert_eq!((slowest.lane, slowest.deadline), (None, IDLE));
        assert_eq!(slowest.left, Some(IDLE - CALL * 2));
    }
}
