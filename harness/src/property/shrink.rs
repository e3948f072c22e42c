//! The smallest case that still shows a failure: the choices made smaller by proptest, then calls taken
//! out that the failure does not need.
//!
//! A law holds of a sequence as a whole: without one of its calls it may be broken by any token. Only where
//! the worker ended, or memory was overwritten, is the rest of the sequence of no account; otherwise
//! nothing goes but what comes after the failure.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::strategy::ValueTree;

use super::question::Question;
use crate::sequence::visit;
use crate::sequence::{Call, Sequence, Step, calls_mut};

/// What shrinking may cost.
#[derive(Debug)]
pub(super) struct Budget {
    until: Instant,
}

impl Budget {
    pub(super) fn of(time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
        }
    }

    fn is_spent(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Whether a question still shows the failure.
type Shows<'s, E> = dyn FnMut(&Question) -> Result<bool, E> + 's;

/// Makes the choices of a failing case smaller as long as it fails in the same way.
pub(super) fn choices<E>(
    tree: &mut dyn ValueTree<Value = Question>,
    budget: &Budget,
    shows: &mut Shows<'_, E>,
) -> Result<Question, E> {
    let mut best = tree.current();
    if !tree.simplify() {
        return Ok(best);
    }
    while !budget.is_spent() {
        let candidate = tree.current();
        // Choices may make no difference to the case.
        let same = candidate.asks_as(&best);
        if same || shows(&candidate)? {
            best = candidate;
            if !tree.simplify() {
                break;
            }
        } else if !tree.complicate() {
            break;
        }
    }
    Ok(best)
}

/// Leaves out what comes after a step, if the failure is the same without.
pub(super) fn tail<E>(
    question: Question,
    step: u32,
    shows: &mut Shows<'_, E>,
) -> Result<Question, E> {
    let steps = &question.sequence.steps;
    let before = |step_of: &&Step| {
        let mut calls = crate::sequence::calls(std::slice::from_ref(*step_of));
        calls.next().is_none_or(|call| call.number <= step)
    };
    let kept: Vec<Step> = steps.iter().take_while(before).cloned().collect();
    attempt(question, kept, shows)
}

/// Takes out one step after the other, the last ones first, if the failure is the same without and what
/// is left needs nothing of it.
pub(super) fn steps<E>(
    mut question: Question,
    budget: &Budget,
    shows: &mut Shows<'_, E>,
) -> Result<Question, E> {
    let mut place = question.sequence.steps.len();
    while place > 0 && !budget.is_spent() {
        place -= 1;
        let mut kept = question.sequence.steps.clone();
        let gone = kept.remove(place);
        if !needs(&kept, &gone) {
            question = attempt(question, kept, shows)?;
        }
    }
    Ok(question)
}

fn attempt<E>(
    question: Question,
    steps: Vec<Step>,
    shows: &mut Shows<'_, E>,
) -> Result<Question, E> {
    if steps.len() == question.sequence.steps.len() {
        return Ok(question);
    }
    let mut sequence = Sequence { steps };
    for (call, number) in calls_mut(&mut sequence.steps).into_iter().zip(1..) {
        call.number = number;
    }
    let candidate = Question {
        sequence,
        ..question.clone()
    };
    Ok(if shows(&candidate)? {
        candidate
    } else {
        question
    })
}

/// True if steps refer to what another gives.
fn needs(steps: &[Step], other: &Step) -> bool {
    let others = crate::sequence::calls(std::slice::from_ref(other));
    let given: BTreeSet<&str> = others
        .flat_map(|call| call.gives.iter().map(|capture| capture.name.as_str()))
        .collect();
    let mut steps = steps.to_vec();
    let mut needs = false;
    for step in &steps {
        if let Step::ForEach(each) = step {
            needs |= given.contains(each.list.name.as_str());
        }
    }
    for call in calls_mut(&mut steps) {
        needs |= expects(call, &given);
        visit::call(call, &mut |place| {
            let reference = place.reference();
            needs |= reference.is_some_and(|reference| given.contains(reference.name.as_str()));
        });
    }
    needs
}

/// True if the expectations of a call are about one of these, or compare with one.
fn expects(call: &mut Call, given: &BTreeSet<&str>) -> bool {
    let mut needs = false;
    let lists = [
        &mut call.expect,
        &mut call.expect_strict,
        &mut call.requires,
    ];
    for expectation in lists.into_iter().flatten() {
        let subject = expectation.subject.name.as_str();
        needs |= expectation.captured && given.contains(subject);
        visit::relation(&mut expectation.relation, &mut |place| {
            let reference = place.reference();
            needs |= reference.is_some_and(|reference| given.contains(reference.name.as_str()));
        });
    }
    needs
}
