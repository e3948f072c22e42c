//! Novelty: what a sequence did that no one before it did. It takes the place of code coverage where
//! a module is closed.
//!
//! A feature is a call's function, what its arguments look like, what it returned, and what the call
//! before it was and whether it succeeded. How often a sequence shows one counts by its order of magnitude.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use cryptoki_sys::CKR_OK;

use crate::oracle::CaseTrace;
use crate::sequence::Call;
use crate::sequence::shape::shape;

/// The features seen so far.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    seen: HashSet<u64>,
}

impl Novelty {
    /// How many features a sequence shows for the first time.
    pub(super) fn add(&mut self, calls: &[&Call], trace: &CaseTrace) -> usize {
        let by_number: HashMap<u32, &&Call> =
            calls.iter().map(|call| (call.number, call)).collect();
        let made = trace.calls.iter().filter_map(|made| {
            let call = by_number.get(&made.step)?;
            Some((**call, made.returned.map(|back| back.rv)))
        });
        self.add_answers(made)
    }

    /// As [`add`](Self::add), of calls and what they returned.
    pub(super) fn add_answers<'c>(
        &mut self,
        made: impl Iterator<Item = (&'c Call, Option<u64>)>,
    ) -> usize {
        let before = self.seen.len();
        self.seen.extend(features(made));
        self.seen.len() - before
    }

    /// How many features were seen.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }
}

fn features<'c>(made: impl Iterator<Item = (&'c Call, Option<u64>)>) -> HashSet<u64> {
    let mut counts: HashMap<u64, u32> = HashMap::new();
    let mut before = (0, true);
    for (call, rv) in made.filter(|(call, _)| !call.fixture) {
        let outcome = (call.function as u16, rv);
        *counts.entry(hash(&(outcome, shape(call)))).or_default() += 1;
        *counts.entry(hash(&(outcome, before))).or_default() += 1;
        before = (call.function as u16, rv == Some(CKR_OK));
    }
    let times = |(feature, count): (u64, u32)| hash(&(feature, count.ilog2()));
    counts.into_iter().map(times).collect()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
