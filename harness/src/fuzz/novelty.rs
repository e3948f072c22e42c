//! Novelty: what a sequence did that no one before it did. It takes the place of code coverage where
//! a module is closed.
//!
//! A feature is a call's function, what its arguments look like, what it returned, and what the call
//! before it was and whether it succeeded. How often a sequence shows one counts by its order of magnitude.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use cryptoki_sys::CKR_OK;
use foldhash::fast::FixedState;

use crate::cryptoki::Function;
use crate::oracle::CaseTrace;
use crate::sequence::Call;
use crate::sequence::shape::shape;

/// As much of a call as features are made of, worked out once for all variants that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// The function.
    pub(super) function: Function,
    shape: u64,
    fixture: bool,
}

impl Look {
    /// Of a call.
    pub(super) fn of(call: &Call) -> Self {
        Self {
            function: call.function,
            shape: shape(call),
            fixture: call.fixture,
        }
    }
}

/// The features seen so far.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    seen: HashSet<u64, FixedState>,
    /// The features of the sequence at hand, each as often as it shows.
    own: Vec<u64>,
}

impl Novelty {
    /// How many features a sequence shows for the first time.
    pub(super) fn add(&mut self, calls: &[&Call], trace: &CaseTrace) -> usize {
        let by_number: HashMap<u32, &&Call> =
            calls.iter().map(|call| (call.number, call)).collect();
        let made = trace.calls.iter().filter_map(|made| {
            let call = by_number.get(&made.step)?;
            Some((Look::of(call), made.returned.map(|back| back.rv)))
        });
        self.add_answers(made)
    }

    /// As [`add`](Self::add), of calls and what they returned.
    pub(super) fn add_answers(&mut self, made: impl Iterator<Item = (Look, Option<u64>)>) -> usize {
        let state = FixedState::default();
        let mut before = (0, true);
        self.own.clear();
        for (look, rv) in made.filter(|(look, _)| !look.fixture) {
            let function = look.function as u16;
            let outcome = (function, rv);
            self.own.push(state.hash_one((outcome, true, look.shape)));
            self.own.push(state.hash_one((outcome, false, before)));
            before = (function, rv == Some(CKR_OK));
        }
        self.own.sort_unstable();
        let alike = self.own.chunk_by(|one, other| one == other);
        let features = alike.map(|alike| state.hash_one((alike[0], alike.len().ilog2())));
        let new = features.filter(|feature| self.seen.insert(*feature));
        new.count()
    }

    /// How many features were seen.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(function: Function, shape: u64) -> Look {
        Look {
            function,
            shape,
            fixture: false,
        }
    }

    #[test]
    fn what_was_seen_is_new_once_and_how_often_counts_by_its_magnitude() {
        let mut novelty = Novelty::default();
        let mut add = |times: usize, rv| {
            let call = (look(Function::C_GetInfo, 7), Some(rv));
            novelty.add_answers(std::iter::repeat_n(call, times))
        };
        // The call itself, and that it is the first.
        assert_eq!(add(1, 0), 2);
        assert_eq!(add(1, 0), 0);
        // The call twice, and once after one that succeeded.
        assert_eq!(add(2, 0), 2);
        // Three are of the magnitude of two: the call after itself is there twice.
        assert_eq!(add(3, 0), 1);
        assert_eq!(add(1, 5), 2);
        assert_eq!(novelty.count(), 7);
    }

    #[test]
    fn function_shape_value_and_what_came_before_tell_features_apart() {
        let mut novelty = Novelty::default();
        let first = look(Function::C_GetInfo, 1);
        let mut add = |made: &[(Look, Option<u64>)]| novelty.add_answers(made.iter().copied());
        assert_eq!(add(&[(first, Some(0))]), 2);
        assert_eq!(add(&[(look(Function::C_GetInfo, 2), Some(0))]), 1);
        assert_eq!(add(&[(look(Function::C_Finalize, 1), Some(0))]), 2);
        // Its shape and value are known, not that it comes after one that failed.
        assert_eq!(add(&[(first, Some(3)), (first, Some(0))]), 3);
        assert_eq!(add(&[(first, None)]), 2);
    }

    #[test]
    fn fixtures_show_nothing() {
        let fixture = Look {
            fixture: true,
            ..look(Function::C_OpenSession, 1)
        };
        let mut novelty = Novelty::default();
        assert_eq!(novelty.add_answers([(fixture, Some(0))].into_iter()), 0);
    }
}
