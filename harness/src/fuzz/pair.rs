//! The target and the model beside it, each in a worker of its own: the same sequences on both.

use super::suspect::{Suspect, What};
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
    /// Runs sequences on both sides at once.
    ///
    /// # Errors
    /// If one of the stations cannot go on.
    pub fn run(&mut self, sequences: &[Decoded]) -> Result<Vec<Outcome>, StationError> {
        let (target, model) = (&mut self.target, &mut self.model);
        let (on_target, on_model) = std::thread::scope(|scope| {
            let beside = scope.spawn(|| model.run(sequences));
            let own = target.run(sequences);
            let beside = beside.join().unwrap_or_else(|_| {
                Err(StationError::Fault(
                    "the model's thread panicked".to_owned(),
                ))
            });
            (own, beside)
        });
        let (on_target, on_model) = (on_target?, on_model?);
        let both = on_target.into_iter().zip(on_model);
        let judged = both.zip(sequences).map(|((ran, beside), decoded)| {
            let calls: Vec<&Call> = decoded.sequence.calls().collect();
            let suspect = Suspect::of(&calls, &ran);
            let suspect = suspect.or_else(|| disagrees(&calls, &ran, &beside));
            Outcome { ran, suspect }
        });
        Ok(judged.collect())
    }
}

fn disagrees(calls: &[&Call], ran: &Ran, beside: &Ran) -> Option<Suspect> {
    let found = disagreement(calls, &ran.trace, &beside.trace)?;
    Some(Suspect {
        step: Some(found.step),
        function: Some(found.function),
        what: What::Disagrees(found),
    })
}

impl Side {
    fn run(&mut self, sequences: &[Decoded]) -> Result<Vec<Ran>, StationError> {
        let jobs = sequences.iter().zip(0..).map(|(decoded, number)| {
            let mut given = vec![("target".to_owned(), self.given.clone())];
            given.extend(decoded.given.iter().cloned());
            Job {
                number,
                initialized: true,
                given,
                sequence: decoded.sequence.clone(),
                shares_login: decoded.shares_login,
                on_empty_token: true,
            }
        });
        let jobs = jobs.collect();
        self.station.execute(jobs)
    }
}
