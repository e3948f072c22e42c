//! Novelty: what a sequence did that no one before it did. It takes the place of code coverage where
//! a module is closed.
//!
//! A feature is a call's function, what its arguments look like, what it returned, and what the call
//! before it was and whether it succeeded. How often a sequence shows one counts by its order of magnitude.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use cryptoki_sys::CKR_OK;

use crate::oracle::CaseTrace;
use crate::sequence::{Argument, BufferSize, Call, Number};

/// The features seen so far.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    seen: HashSet<u64>,
}

impl Novelty {
    /// How many features a sequence shows for the first time.
    pub(super) fn add(&mut self, calls: &[&Call], trace: &CaseTrace) -> usize {
        let before = self.seen.len();
        self.seen.extend(features(calls, trace));
        self.seen.len() - before
    }

    /// How many features were seen.
    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }
}

fn features(calls: &[&Call], trace: &CaseTrace) -> HashSet<u64> {
    let by_number: HashMap<u32, &&Call> = calls.iter().map(|call| (call.number, call)).collect();
    let mut counts: HashMap<u64, u32> = HashMap::new();
    let mut before = (0, true);
    for made in &trace.calls {
        let Some(call) = by_number.get(&made.step).filter(|call| !call.fixture) else {
            continue;
        };
        let rv = made.returned.map(|back| back.rv);
        let outcome = (made.function as u16, rv);
        *counts.entry(hash(&(outcome, shape(call)))).or_default() += 1;
        *counts.entry(hash(&(outcome, before))).or_default() += 1;
        before = (made.function as u16, rv == Some(CKR_OK));
    }
    let times = |(feature, count): (u64, u32)| hash(&(feature, count.ilog2()));
    counts.into_iter().map(times).collect()
}

/// What the arguments look like: mechanism, which pointers are NULL, how buffers are offered.
fn shape(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    for argument in &call.arguments {
        std::mem::discriminant(argument).hash(&mut hasher);
        match argument {
            Argument::Mechanism(given) => {
                if let Number::Literal(mechanism) = given.mechanism {
                    mechanism.hash(&mut hasher);
                }
                std::mem::discriminant(&given.parameter).hash(&mut hasher);
            }
            Argument::Buffer(buffer) => {
                std::mem::discriminant::<BufferSize>(&buffer.size).hash(&mut hasher);
            }
            _ => {}
        }
    }
    hasher.finish()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
