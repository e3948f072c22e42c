//! The shortest sequence that still shows what a longer one did: calls are taken out, many at once
//! and then one by one (delta debugging: Zeller and Hildebrandt, 2002), then arguments made plainer.
//!
//! What a call that is gone would have given falls back to its default, handle 0 or no bytes, so that
//! every candidate can be run.

use std::time::{Duration, Instant};

use crate::sequence::decode::Decoded;
use crate::sequence::{
    Argument, Buffer, BufferSize, Bytes, Content, MechanismArgument, ParameterValue, Sequence, Step,
};

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
        for pass in [plainer_arguments, plainer_parts] {
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
    budget.tries += 1;
    let candidate = Decoded {
        sequence: candidate,
        given: decoded.given.clone(),
        shares_login: decoded.shares_login,
    };
    let kept = shows(&candidate)?;
    if kept {
        *decoded = candidate;
    }
    Ok(kept)
}

/// Takes out runs of steps, from half of all down to single ones, the last ones first.
fn remove_steps<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    let mut size = decoded.sequence.steps.len().div_ceil(2);
    while size > 0 {
        let mut end = decoded.sequence.steps.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let mut steps = decoded.sequence.steps.clone();
            steps.drain(start..end.min(steps.len()));
            attempt(decoded, Sequence { steps }, budget, shows)?;
            end = start;
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    Ok(())
}

/// Tries what is plainer in place of every argument.
fn plainer_arguments<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    each_argument(decoded, budget, shows, &|argument| match argument {
        Argument::Default | Argument::Number(_) => Vec::new(),
        Argument::Buffer(buffer) => {
            let exact = Argument::Buffer(Buffer::of(BufferSize::Exact));
            let plain = buffer.size != BufferSize::Exact;
            plain.then_some(exact).into_iter().collect()
        }
        _ => vec![Argument::Default],
    })
}

/// Tries every argument with one of its parts taken out or made plainer.
fn plainer_parts<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
) -> Result<(), E> {
    each_argument(decoded, budget, shows, &|argument| match argument {
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
    })
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
/// the same being kept.
fn each_argument<E>(
    decoded: &mut Decoded,
    budget: &mut Budget,
    shows: &mut dyn FnMut(&Decoded) -> Result<bool, E>,
    alternatives: &dyn Fn(&Argument) -> Vec<Argument>,
) -> Result<(), E> {
    for step in 0..decoded.sequence.steps.len() {
        let count = match &decoded.sequence.steps[step] {
            Step::Call(call) if !call.fixture => call.arguments.len(),
            _ => 0,
        };
        for place in 0..count {
            let found = match &decoded.sequence.steps[step] {
                Step::Call(call) => alternatives(&call.arguments[place]),
                _ => Vec::new(),
            };
            for argument in found {
                let mut candidate = decoded.sequence.clone();
                if let Step::Call(call) = &mut candidate.steps[step] {
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
mod tests {
    use super::*;
    use crate::cryptoki::Function;
    use crate::sequence::{Attribute, AttributeValue, Call, Template};
    use std::convert::Infallible;

    fn sequence(functions: &[Function]) -> Decoded {
        let steps = functions.iter().zip(1..);
        let steps =
            steps.map(|(function, number)| Step::Call(Box::new(Call::new(number, *function))));
        Decoded {
            sequence: Sequence {
                steps: steps.collect(),
            },
            given: Vec::new(),
            shares_login: false,
        }
    }

    fn functions(decoded: &Decoded) -> Vec<Function> {
        decoded.sequence.calls().map(|call| call.function).collect()
    }

    #[test]
    fn what_is_needed_stays_and_the_rest_goes() {
        let mut all = vec![Function::C_GetInfo; 200];
        (all[17], all[133]) = (Function::C_SignInit, Function::C_Sign);
        let mut budget = Budget::of(Duration::from_secs(60));
        let shows = &mut |candidate: &Decoded| {
            let left = functions(candidate);
            let init = left.iter().position(|f| *f == Function::C_SignInit);
            let sign = left.iter().position(|f| *f == Function::C_Sign);
            Ok::<_, Infallible>(init.is_some() && sign > init)
        };
        let Ok(shrunk) = shrink(sequence(&all), &mut budget, shows);
        assert_eq!(functions(&shrunk), [Function::C_SignInit, Function::C_Sign]);
        assert!(budget.tries < 200, "{}", budget.tries);
    }

    #[test]
    fn arguments_become_plain_as_far_as_they_may() {
        let mut decoded = sequence(&[Function::C_CreateObject]);
        let attribute = |attribute| Attribute {
            attribute,
            value: AttributeValue::Bool(1),
        };
        if let Step::Call(call) = &mut decoded.sequence.steps[0] {
            call.arguments[1] = Argument::Template(Template {
                attributes: vec![attribute(1), attribute(2), attribute(3)],
                claim: None,
            });
        }
        let shows = &mut |candidate: &Decoded| {
            let mut calls = candidate.sequence.calls();
            let template = calls.next().map(|call| call.arguments[1].clone());
            let Some(Argument::Template(template)) = template else {
                return Ok::<_, Infallible>(false);
            };
            Ok(template.attributes.iter().any(|a| a.attribute == 2))
        };
        let Ok(shrunk) = shrink(decoded, &mut Budget::of(Duration::from_secs(60)), shows);
        let left = shrunk
            .sequence
            .calls()
            .next()
            .map(|call| call.arguments[1].clone());
        let wanted = Argument::Template(Template {
            attributes: vec![attribute(2)],
            claim: None,
        });
        assert_eq!(left, Some(wanted));
    }

    #[test]
    fn a_spent_budget_leaves_things_as_they_are() {
        let decoded = sequence(&[Function::C_GetInfo, Function::C_Sign]);
        let shows = &mut |_: &Decoded| Ok::<_, Infallible>(true);
        let Ok(same) = shrink(decoded.clone(), &mut Budget::of(Duration::ZERO), shows);
        assert_eq!(same, decoded);
    }
}
