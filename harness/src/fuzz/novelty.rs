//! Novelty: what a sequence did that no one before it did. It takes the place of code coverage where
//! a module is closed.
//!
//! A feature is a call's function and what it returned, with one of three: what its arguments look like, the abstract
//! state that it found ([`state`](super::state)), what the call before it was and whether it succeeded. All at once would
//! make every sequence new. How often a sequence shows one counts by its order of magnitude.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use cryptoki_sys::CKR_OK;
use foldhash::fast::FixedState;

use super::state::{States, Step};
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
    step: Step,
    fixture: bool,
}

impl Look {
    /// Of a call.
    pub(super) fn of(call: &Call) -> Self {
        Self {
            function: call.function,
            shape: shape(call),
            step: Step::of(call),
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
    states: States,
}

/// What a feature is about, beside the function and what it returned.
#[derive(Hash)]
enum Aspect {
    Shape(u64),
    State(u64),
    Before(u16, bool),
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
        let mut before = Aspect::Before(0, true);
        self.own.clear();
        self.states.clear();
        for (look, rv) in made {
            if !look.fixture {
                let function = look.function as u16;
                let found = Aspect::State(self.states.at(look.step));
                let aspects = [Aspect::Shape(look.shape), found, before];
                let features = aspects.iter();
                self.own
                    .extend(features.map(|aspect| state.hash_one((function, rv, aspect))));
                before = Aspect::Before(function, rv == Some(CKR_OK));
            }
            self.states.follow(look.step, rv);
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
            step: Step::of(&Call::new(1, function)),
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
        // Its shape, the state that it found, and that it is the first.
        assert_eq!(add(1, 0), 3);
        assert_eq!(add(1, 0), 0);
        // Shape and state twice, and once after one that succeeded.
        assert_eq!(add(2, 0), 3);
        // Three are of the magnitude of two: the call after itself is there twice.
        assert_eq!(add(3, 0), 1);
        assert_eq!(add(1, 5), 3);
        assert_eq!(novelty.count(), 10);
    }

    #[test]
    fn function_shape_value_and_what_came_before_tell_features_apart() {
        let mut novelty = Novelty::default();
        let first = look(Function::C_GetInfo, 1);
        let mut add = |made: &[(Look, Option<u64>)]| novelty.add_answers(made.iter().copied());
        assert_eq!(add(&[(first, Some(0))]), 3);
        assert_eq!(add(&[(look(Function::C_GetInfo, 2), Some(0))]), 1);
        assert_eq!(add(&[(look(Function::C_Finalize, 1), Some(0))]), 3);
        // Its shape, state and value are known, not that it comes after one that failed.
        assert_eq!(add(&[(first, Some(3)), (first, Some(0))]), 4);
        assert_eq!(add(&[(first, None)]), 3);
    }

    /// What was two calls before is told by no other aspect.
    #[test]
    fn the_state_that_a_call_finds_tells_features_apart() {
        let (login, info) = (look(Function::C_Login, 1), look(Function::C_GetInfo, 1));
        let mut novelty = Novelty::default();
        let mut add = |login_returns| {
            let made = [(login, login_returns), (info, 0), (info, 0), (info, 0)];
            novelty.add_answers(made.into_iter().map(|(look, rv)| (look, Some(rv))))
        };
        assert!(add(0) > 0);
        assert!(add(0x100) > 0);
        assert_eq!(add(0x100), 0);
        let mut without = Novelty::default();
        let mut infos = |count| without.add_answers(std::iter::repeat_n((info, Some(0)), count));
        assert_eq!(infos(3), 4);
        assert_eq!(infos(3), 0);
        let logged_in = [
            (login, Some(0)),
            (info, Some(0)),
            (info, Some(0)),
            (info, Some(0)),
        ];
        // The login's three, what comes after it, and the state of three calls.
        assert_eq!(without.add_answers(logged_in.into_iter()), 5);
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
