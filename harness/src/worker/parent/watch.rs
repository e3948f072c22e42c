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
    fn of(progress: &Progress) -> Self {
        Self {
            sequence: progress.sequence.load(Relaxed),
            written: progress.written.load(Relaxed),
            since: Instant::now(),
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
        let mut seen = [Seen::of(&progress.main); 1 + LANES];
        for (seen, progress) in seen.iter_mut().zip(all(progress)) {
            *seen = Seen::of(progress);
        }
        Self(seen)
    }

    /// Looks again: calls in flight may take `call`, a worker without any `idle`.
    pub(super) fn look(&mut self, progress: &Watched, call: Duration, idle: Duration) -> Slowest {
        for (seen, progress) in self.0.iter_mut().zip(all(progress)) {
            let now = Seen::of(progress);
            if (now.sequence, now.written) != (seen.sequence, seen.written) {
                *seen = now;
            }
        }
        let threads = self.0.iter().enumerate();
        let calling = threads.filter(|(_, seen)| seen.is_calling());
        let (thread, since, deadline) = match calling.min_by_key(|(_, seen)| seen.since) {
            Some((thread, seen)) => (thread, seen.since, call),
            None => {
                let last = self.0.iter().map(|seen| seen.since).max();
                (0, last.unwrap_or_else(Instant::now), idle)
            }
        };
        Slowest {
            lane: thread.checked_sub(1).map(|lane| lane as u16),
            deadline,
            left: deadline.checked_sub(since.elapsed()),
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
        progress.lanes[2].sequence.store(1, Relaxed);
        assert!(watch.look(&progress, CALL, IDLE).left.is_some());
        for count in 1..5 {
            std::thread::sleep(CALL / 2);
            progress.lanes[0].sequence.store(2 * count + 1, Relaxed);
            watch.look(&progress, CALL, IDLE);
        }
        let slowest = watch.look(&progress, CALL, IDLE);
        assert_eq!((slowest.lane, slowest.left), (Some(2), None));
        assert_eq!(slowest.deadline, CALL);
    }

    #[test]
    fn a_worker_without_calls_has_the_longer_deadline() {
        let progress = Watched::default();
        let mut watch = Watch::new(&progress);
        std::thread::sleep(CALL * 2);
        let slowest = watch.look(&progress, CALL, IDLE);
        assert_eq!((slowest.lane, slowest.deadline), (None, IDLE));
        assert!(slowest.left.is_some());
    }
}
