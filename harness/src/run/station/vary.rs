//! The variants of a tape in the station's worker.

use super::account::Account;
use super::{Station, StationError, parse};
use crate::run::wire::{Drawn, Request, Turnout, Vary};
use crate::sequence::Value;
use crate::worker::{Outcome, Record};

/// What became of the variants of a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Varied {
    /// They were run.
    Done(Turnout),
    /// The worker did not come back from this one, or from what comes before the first.
    Broken(Option<u32>),
    /// The library could not be brought to the state that they begin in.
    Unready,
}

impl Station {
    /// Runs variants of a tape, of this seed. A worker that ends is renewed by the next request.
    ///
    /// # Errors
    /// If there is no worker, or the run was stopped.
    pub fn vary(
        &mut self,
        order @ (tape, seed, count): (&[u8], u64, u32),
        setting: &Drawn,
        given: &Value,
    ) -> Result<Varied, StationError> {
        if self.interrupt.is_raised() {
            return Err(StationError::Cancelled);
        }
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
            self.renew_or_again()?;
        }
        let vary = Vary {
            slot: self.slot,
            init_args: self.init_args.clone(),
            given: given.clone(),
            setting: setting.clone(),
            tape: tape.to_vec(),
            seed,
            count,
        };
        let reply = self.send(&Request::Vary(Box::new(vary)))?;
        self.fresh = false;
        if let Outcome::Response(bytes) = &reply.outcome
            && reply.journal.corrupted().is_none()
        {
            let turnout: Option<Turnout> = parse(bytes)?;
            return Ok(turnout.map_or(Varied::Unready, Varied::Done));
        }
        if self.died_of_following(&reply) {
            self.worker = None;
            return self.vary(order, setting, given);
        }
        match Account::of(&reply, 0) {
            Account::Cancelled => return Err(StationError::Cancelled),
            Account::Fault(message) => return Err(StationError::Fault(message)),
            Account::Ended(_) | Account::Answered | Account::Spoiled => {}
        }
        self.worker = None;
        let turns = reply.journal.records().filter_map(|record| match record {
            Record::Turn(number) => Some(number),
            _ => None,
        });
        Ok(Varied::Broken(turns.last()))
    }
}
