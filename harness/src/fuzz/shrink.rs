//! The shortest sequence that still shows what a longer one did: calls are taken out, many at once
//! and then one by one (delta debugging: Zeller and Hildebrandt, 2002), then arguments made plainer.
//!
//! What a call that is gone would have given falls back to its default, handle 0 or no bytes, so that
//! every candidate can be run. Legal calls stay legal: no candidate is of a graver input class.

mod plainer;

use std::ops::Range;
use std::time::{Duration, Instant};

use p11assay_reports::evidence::Class;

use super::class::class;
use crate::sequence::decode::Decoded;
use crate::sequence::{
    Argument, Buffer, BufferSize, Bytes, Call, Content, MechanismArgument, ParameterValue,
    Sequence, Step, Together, calls_mut,
};

/// Names that no call gives.
const GIVEN: [&str; 1] = ["target"];

/// What shrinking may cost, and what it did.
#[derive(Debug)]
pub struct Budget {
    until: Instant,
    /// Candidates tried.
    pub tries: usize,
}

impl Budget {
    /// As long as this from now on.
    #[must_use]
    pub fn of(time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
            tries: 0,
        }
    }

    fn is_spent(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Shrinks a sequence as far as the budget goes; `shows` says whether a candidate still shows what it
/// is about.
///
/// # Errors
/// Whatever `shows` fails with.
pub fn shrink<E>(
    mut decoded: Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<Decoded, E> {
    loop {
        let before = decoded.clone();
        remove_steps(&mut decoded, budget, shows)?;
        for pass in [
            plainer_blocks,
            fewer_handles,
            plainer_arguments,
            plainer_parts,
            plainer_values,
            fewer_fields,
        ] {
            pass(&mut decoded, budget, shows)?;
        }
        if decoded == before || budget.is_spent() {
            return Ok(decoded);
        }
    }
}

/// Tries a candidate and keeps it if it shows the same.
fn attempt<E>(
    decoded: &mut Decoded,
    candidate: Sequence,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<bool, E> {
    if candidate == decoded.sequence || budget.is_spent() {
        return Ok(false);
    }
    // What legal calls do is graver, and a search of legal calls is gated on it.
    if class(&candidate, &GIVEN) > class(&decoded.sequence, &GIVEN) {
        return Ok(false);
    }
    budget.tries += 1;
    let candidate = Decoded {
        sequence: candidate,
        given: decoded.given.clone(),
        shares_login: decoded.shares_login,
        own_token: decoded.own_token,
    };
    let kept = shows(&candidate)?;
    if kept {
        *decoded = candidate;
    }
    Ok(kept)
}

/// The steps with some of their units left out. A unit is a step, those of lanes each for itself.
fn without(steps: &[Step], gone: &Range<usize>) -> Vec<Step> {
    let mut unit = 0..;
    kept(steps, &mut |_| {
        unit.next().is_none_or(|unit| !gone.contains(&unit))
    })
}

/// The steps that are to be kept, those of lanes among them: a lane goes with its last step, and a block with its last
/// lane.
pub(super) fn kept(steps: &[Step], keep: &mut dyn FnMut(&Step) -> bool) -> Vec<Step> {
    let left = steps.iter().filter_map(|step| match step {
        Step::Together(block) => {
            let lanes = block.lanes.iter().map(|lane| kept(lane, keep));
            let lanes: Vec<_> = lanes.filter(|lane| !lane.is_empty()).collect();
            let repeat = block.repeat;
            (!lanes.is_empty()).then_some(Step::Together(Together {
                repeat,
                ..Together::of(lanes)
            }))
        }
        other => keep(other).then(|| other.clone()),
    });
    left.collect()
}

/// How many units steps have.
fn units(steps: &[Step]) -> usize {
    let counts = steps.iter().map(|step| match step {
        Step::Together(block) => block.lanes.iter().map(|lane| units(lane)).sum(),
        _ => 1,
    });
    counts.sum()
}

/// Tries blocks with fewer rounds, without one of their lanes, and as steps one after the other.
fn plainer_blocks<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    let mut place = 0;
    while let Some(step) = decoded.sequence.steps.get(place) {
        for plainer in plainer_block(step) {
            let mut steps = decoded.sequence.steps.clone();
            steps.splice(place..=place, plainer);
            if attempt(decoded, Sequence { steps }, budget, shows)? {
                break;
            }
        }
        place += 1;
    }
    Ok(())
}

/// What a block may be replaced by, the plainest first.
fn plainer_block(step: &Step) -> Vec<Vec<Step>> {
    let Step::Together(block) = step else {
        return Vec::new();
    };
    let one_after_the_other = block.lanes.concat();
    let as_block = |repeat, lanes| {
        let block = Together::of(lanes);
        vec![Step::Together(Together { repeat, ..block })]
    };
    let mut plainer = vec![one_after_the_other];
    if block.lanes.len() > 2 {
        plainer.extend((0..block.lanes.len()).map(|gone| {
            let mut lanes = block.lanes.clone();
            lanes.remove(gone);
            as_block(block.repeat, lanes)
        }));
    }
    let rounds = [1, block.repeat / 4].into_iter();
    let rounds = rounds.filter(|rounds| (1..block.repeat).contains(rounds));
    plainer.extend(rounds.map(|rounds| as_block(rounds, block.lanes.clone())));
    plainer
}

/// Takes out runs of steps, from half of all down to single ones, the last ones first.
fn remove_steps<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    let mut size = units(&decoded.sequence.steps).div_ceil(2);
    while size > 0 {
        let mut end = units(&decoded.sequence.steps);
        while end > 0 {
            let start = end.saturating_sub(size);
            let steps = without(&decoded.sequence.steps, &(start..end));
            attempt(decoded, Sequence { steps }, budget, shows)?;
            end = start;
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    Ok(())
}

/// Tries the first session in place of each other one, and the first object in place of each other one, wherever it is used:
/// an operation that is begun in one session does not go on in another. What gave the other can go then.
fn fewer_handles<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    let handles = plainer::handles(&decoded.sequence);
    for handle in handles.iter().rev() {
        if let Some(first) = plainer::first(&handles, &handle.name) {
            let candidate = plainer::renamed(&decoded.sequence, &handle.name, first);
            attempt(decoded, candidate, budget, shows)?;
        }
    }
    Ok(())
}

/// Tries plainer numbers, and something plainer in place of every reference to an earlier output.
fn plainer_values<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    let handles = plainer::handles(&decoded.sequence);
    each_argument(decoded, budget, shows, &|call, place| {
        plainer::plainer(call, place, &handles)
    })
}

/// Tries structures without one of their fields. Those of legal calls keep them: whether a mechanism does without a field, its
/// input class does not tell.
fn fewer_fields<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    if class(&decoded.sequence, &GIVEN) == Class::A {
        return Ok(());
    }
    each_argument(decoded, budget, shows, &|call, place| {
        plainer::fewer_fields(&call.arguments[place])
    })
}

/// Tries what is plainer in place of every argument.
fn plainer_arguments<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    each_argument(
        decoded,
        budget,
        shows,
        &|call, place| match &call.arguments[place] {
            Argument::Default | Argument::Number(_) => Vec::new(),
            Argument::Buffer(buffer) => {
                let exact = Argument::Buffer(Buffer::of(BufferSize::Exact));
                let plain = buffer.size != BufferSize::Exact;
                plain.then_some(exact).into_iter().collect()
            }
            _ => vec![Argument::Default],
        },
    )
}

/// Tries every argument with one of its parts taken out or made plainer.
fn plainer_parts<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    each_argument(
        decoded,
        budget,
        shows,
        &|call, place| match &call.arguments[place] {
            Argument::Template(template) => (0..template.attributes.len())
                .map(|gone| {
                    let mut fewer = template.clone();
                    fewer.attributes.remove(gone);
                    Argument::Template(fewer)
                })
                .collect(),
            Argument::Bytes(bytes) => plainer_bytes(bytes)
                .into_iter()
                .map(Argument::Bytes)
                .collect(),
            Argument::Mechanism(given) if given.parameter != ParameterValue::None => {
                let bare = MechanismArgument {
                    parameter: ParameterValue::None,
                    ..(**given).clone()
                };
                vec![Argument::Mechanism(Box::new(bare))]
            }
            _ => Vec::new(),
        },
    )
}

fn plainer_bytes(bytes: &Bytes) -> Vec<Bytes> {
    let zeros = |count| Content::Repeat { byte: 0, count };
    let contents = match &bytes.content {
        Some(Content::Literal(literal)) if !literal.is_empty() => {
            let half = literal[..literal.len() / 2].to_vec();
            vec![zeros(0), zeros(literal.len()), Content::Literal(half)]
        }
        Some(Content::Repeat { byte, count }) if *count > 0 => {
            let mut plainer = vec![zeros(0), zeros(count / 2)];
            if *byte != 0 {
                plainer.push(zeros(*count));
            }
            plainer
        }
        Some(Content::Flip { of, .. } | Content::Take { of, .. } | Content::Skip { of, .. }) => {
            vec![(**of).clone()]
        }
        _ => Vec::new(),
    };
    let whole = |content| Bytes {
        content: Some(content),
        claim: bytes.claim.clone(),
    };
    contents.into_iter().map(whole).collect()
}

/// Tries the alternatives of every argument of every call that is no fixture, the first that shows
/// the same being kept. PINs stay: others would be set, or be tried wrongly.
fn each_argument<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
    alternatives: &dyn Fn(&Call, usize) -> Vec<Argument>,
) -> Result<(), E> {
    for number in 0..decoded.sequence.calls().count() {
        let call = |decoded: &Decoded| decoded.sequence.calls().nth(number).cloned();
        let count = call(decoded)
            .filter(|call| !call.fixture)
            .map_or(0, |call| call.arguments.len());
        for place in 0..count {
            let found = call(decoded).filter(|call| !call.function.parameters()[place].is_pin());
            let found = found.map(|call| alternatives(&call, place));
            for argument in found.into_iter().flatten() {
                let mut candidate = decoded.sequence.clone();
                if let Some(call) = calls_mut(&mut candidate.steps).into_iter().nth(number) {
                    call.arguments[place] = argument;
                }
                if attempt(decoded, candidate, budget, shows)? {
                    break;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
