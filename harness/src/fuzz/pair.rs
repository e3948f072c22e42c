//! The target and the model beside it, each in a worker of its own: the same sequences on both.

use std::borrow::Cow;

use cryptoki_sys::CKR_CRYPTOKI_NOT_INITIALIZED;

use super::suspect::Suspect;
use super::{apart, together};
use crate::oracle::model::disagreement;
use crate::run::wire::Job;
use crate::run::{Ran, Station, StationError};
use crate::sequence::decode::Decoded;
use crate::sequence::{Call, Value};

/// A station and what its sequences know of the target.
pub struct Side {
    /// The station.
    pub station: Station,
    /// `$target`.
    pub given: Value,
}

/// The target and the reference token.
pub struct Pair {
    /// The target.
    pub target: Side,
    /// The model.
    pub model: Side,
}

/// What a sequence came to.
#[derive(Debug)]
pub struct Outcome {
    /// What happened on the target.
    pub ran: Ran,
    /// What was wrong, if anything was.
    pub suspect: Option<Suspect>,
}

impl Pair {
    /// Runs sequences on both sides at once. Chance decides what comes of lanes: the model makes their steps one lane
    /// after the other, and what each gives by itself is compared, if it can be.
    ///
    /// # Errors
    /// If one of the stations cannot go on.
    pub fn run(&mut self, sequences: &[Decoded]) -> Result<Vec<Outcome>, StationError> {
        let (target, model) = (&mut self.target, &mut self.model);
        let beside: Vec<Option<Cow<'_, Decoded>>> = sequences.iter().map(beside).collect();
        let (on_target, on_model) = std::thread::scope(|scope| {
            let beside = beside.iter().flatten().map(AsRef::as_ref);
            let beside = scope.spawn(|| model.run(beside));
            let own = target.run(sequences.iter());
            let beside = beside.join().unwrap_or_else(|_| {
                Err(StationError::Fault(
                    "the model's thread panicked".to_owned(),
                ))
            });
            (own, beside)
        });
        let (on_target, mut on_model) = (on_target?, on_model?.into_iter());
        let both = on_target.into_iter().zip(sequences).zip(&beside);
        let judged = both.map(|((ran, decoded), beside)| {
            let beside = beside.as_ref().and_then(|_| on_model.next());
            let suspect = suspect(decoded, &ran, beside.as_ref());
            Outcome { ran, suspect }
        });
        Ok(judged.collect())
    }

    /// Runs sequences on the target alone: no answer is compared.
    ///
    /// # Errors
    /// If the station cannot go on.
    pub fn run_on_target(&mut self, sequences: &[Decoded]) -> Result<Vec<Outcome>, StationError> {
        let ran = self.target.run(sequences.iter())?;
        let judged = ran.into_iter().zip(sequences).map(|(ran, decoded)| {
            let suspect = suspect(decoded, &ran, None);
            Outcome { ran, suspect }
        });
        Ok(judged.collect())
    }
}

/// What the model does beside the target.
fn beside(decoded: &Decoded) -> Option<Cow<'_, Decoded>> {
    match decoded.sequence.has_lanes() {
        true => apart::one_by_one(decoded).map(Cow::Owned),
        false => Some(Cow::Borrowed(decoded)),
    }
}

/// What is wrong with a sequence: what is whatever the model says, what the model contradicts, and what may be a gap in a
/// list, in this order.
fn suspect(decoded: &Decoded, ran: &Ran, beside: Option<&Ran>) -> Option<Suspect> {
    let sequence = &decoded.sequence;
    let calls: Vec<&Call> = sequence.calls().collect();
    let suspect = Suspect::of(&calls, ran);
    if !sequence.has_lanes() {
        return suspect.or_else(|| disagrees(&calls, ran, beside?));
    }
    suspect
        .or_else(|| together::one_handle_twice(&ran.trace))
        .or_else(|| apart::wrong_output(sequence, &ran.trace, &beside?.trace))
        .or_else(|| together::unlisted(sequence, &ran.trace))
}

fn disagrees(calls: &[&Call], ran: &Ran, beside: &Ran) -> Option<Suspect> {
    let found = disagreement(calls, &ran.trace, &beside.trace)?;
    let mut between = ran.trace.housekeeping.iter();
    let lost_library = between.any(|call| {
        let back = call.returned;
        back.is_some_and(|back| back.rv == CKR_CRYPTOKI_NOT_INITIALIZED)
    });
    Some(Suspect {
        lost_library,
        ..Suspect::disagrees(found)
    })
}

impl Side {
    fn run<'d>(
        &mut self,
        sequences: impl Iterator<Item = &'d Decoded>,
    ) -> Result<Vec<Ran>, StationError> {
        let jobs = sequences.zip(0..).map(|(decoded, number)| {
            let mut given = vec![("target".to_owned(), self.given.clone())];
            given.extend(decoded.given.iter().cloned());
            Job {
                number,
                initialized: true,
                given,
                sequence: decoded.sequence.clone(),
                shares_login: decoded.shares_login,
                on_empty_token: true,
                own_token: decoded.own_token,
            }
        });
        let jobs = jobs.collect();
        self.station.execute(jobs)
    }
}
