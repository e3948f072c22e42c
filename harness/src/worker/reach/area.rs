//! Where hits are noted: a log in memory that the worker shares with its parent and with the children of its
//! own. Written by a signal handler, so that atomics are all there is.

use super::{OUTSIDE, Reached};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire};
use std::sync::atomic::{Ordering::Relaxed, Ordering::Release};

/// Most functions or edges that are followed: a library of Rust with what it is made of, as the reference token is, has
/// 150,000 edges.
pub(super) const MOST: usize = 1 << 18;

/// Size of the area.
pub(crate) const BYTES: usize = size_of::<Reach>().next_multiple_of(64 * 1024);

/// The area. All zero is one without hits.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Reach {
    /// Entries of the log that were taken.
    count: AtomicU32,
    /// The case that is going on, plus one.
    case: AtomicU32,
    /// 1 while breakpoints may stand in the module.
    planted: AtomicU32,
    /// 1 once breakpoints were given up.
    given_up: AtomicU32,
    /// 1 for a function that is in the log: a child may reach one that its parent reaches later, too.
    noted: [AtomicU8; MOST],
    /// Case plus one in the upper half, function plus one in the lower one; zero is not written yet.
    log: [AtomicU64; MOST],
}

impl Reach {
    /// Says which case is going on.
    pub(super) fn set_case(&self, case: u32) {
        self.case.store(case.wrapping_add(1), Relaxed);
    }

    /// Notes that a function was reached. Safe in a signal handler.
    pub(super) fn note(&self, function: u32) {
        let Some(noted) = self.noted.get(function as usize) else {
            return;
        };
        if noted.swap(1, Relaxed) != 0 {
            return;
        }
        let place = self.count.fetch_add(1, AcqRel) as usize;
        let case = u64::from(self.case.load(Relaxed));
        if let Some(entry) = self.log.get(place) {
            entry.store(case << 32 | u64::from(function + 1), Release);
        }
    }

    /// Says whether breakpoints may stand in the module.
    pub(super) fn set_planted(&self, planted: bool) {
        self.planted.store(planted.into(), Relaxed);
    }

    /// Says that no function will be noted any more.
    pub(crate) fn give_up(&self) {
        self.given_up.store(1, Relaxed);
    }

    /// Whether breakpoints may stand in the module.
    pub(crate) fn has_breakpoints(&self) -> bool {
        self.planted.load(Relaxed) != 0
    }

    /// Whether the worker took its breakpoints out.
    pub(crate) fn was_given_up(&self) -> bool {
        self.given_up.load(Relaxed) != 0
    }

    /// What the log has behind its first `read` entries, and how many entries are read then. Whatever else a
    /// module wrote there is left out.
    pub(crate) fn since(&self, read: usize) -> (Vec<Reached>, usize) {
        let count = (self.count.load(Acquire) as usize).min(MOST);
        let entries = self.log[..count].iter().skip(read);
        let words: Vec<u64> = entries
            .map(|entry| entry.load(Acquire))
            .take_while(|word| *word != 0)
            .collect();
        let now = read.min(count) + words.len();
        let reached = words.into_iter().filter_map(|word| {
            let function = (word as u32).checked_sub(1)?;
            let case = ((word >> 32) as u32).checked_sub(1).unwrap_or(OUTSIDE);
            ((function as usize) < MOST).then_some(Reached { case, function })
        });
        (reached.collect(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An area is larger than what tests have as a stack.
    fn with_area(test: fn(&Reach)) {
        let on_own_stack = std::thread::Builder::new().stack_size(32 * BYTES);
        let run = move || {
            test(&Reach {
                count: AtomicU32::new(0),
                case: AtomicU32::new(0),
                planted: AtomicU32::new(0),
                given_up: AtomicU32::new(0),
                noted: std::array::from_fn(|_| AtomicU8::new(0)),
                log: std::array::from_fn(|_| AtomicU64::new(0)),
            });
        };
        let thread = on_own_stack.spawn(run).expect("a thread");
        assert!(thread.join().is_ok());
    }

    #[test]
    fn a_function_is_noted_once_with_its_case() {
        with_area(|area| {
            area.note(7);
            area.set_case(0);
            area.note(7);
            area.note(9);
            let reached = |case, function| Reached { case, function };
            let (all, read) = area.since(0);
            assert_eq!(all, [reached(OUTSIDE, 7), reached(0, 9)]);
            area.set_case(OUTSIDE);
            area.note(3);
            assert_eq!(area.since(read), (vec![reached(OUTSIDE, 3)], 3));
        });
    }

    #[test]
    fn an_area_that_was_written_over_says_nothing() {
        with_area(|area| {
            area.count.store(u32::MAX, Relaxed);
            area.log[0].store(u64::MAX, Relaxed);
            assert_eq!(area.since(0), (Vec::new(), 1));
            assert_eq!(area.since(MOST + 1).0, Vec::new());
            area.note(u32::MAX);
        });
    }
}
