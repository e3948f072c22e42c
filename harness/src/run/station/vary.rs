//! The variants of a tape in the station's worker.

use std::borrow::Cow;

use p11assay_reports::evidence::End;

use super::account::Account;
use super::{Station, StationError, parse};
use crate::run::wire::{Request, Turnout, Vary};
use crate::sequence::Value;
use crate::sequence::decode::Variants;
use crate::target::Gone;
use crate::worker::{Outcome, Record};

/// What became of the variants of a tape.
#[derive(Debug, Clone, PartialEq)]
pub enum Varied {
    /// They were run.
    Done(Turnout),
    /// The worker did not come back from this one, or from what comes before the first, and how it ended, if it did.
    Broken(Option<u32>, Option<End>),
    /// The library could not be brought to the state that they begin in.
    Unready,
}

impl Station {
    /// Runs so many variants of a tape. A worker that ends is renewed by the next request.
    ///
    /// # Errors
    /// If there is no worker, or the run was stopped.
    pub fn vary(
        &mut self,
        variants: &Variants,
        count: u32,
        given: &Value,
    ) -> Result<Varied, StationError> {
        match self.vary_or_bereaved(variants, count, given)? {
            Ok(varied) => Ok(varied),
            Err(gone) => self.narrowed(variants, count, given, &gone),
        }
    }

    /// The first variant that a program of the token does not outlive, by their number: it did not outlive all of them. If
    /// it does so on a new token, no variant is to blame.
    fn narrowed(
        &mut self,
        variants: &Variants,
        count: u32,
        given: &Value,
        gone: &Gone,
    ) -> Result<Varied, StationError> {
        if !self.is_to_be_narrowed() {
            // The tape itself is run all the same.
            return Ok(Varied::Unready);
        }
        if let Ok(varied) = self.vary_or_bereaved(variants, count, given)? {
            self.blame_nobody(gone);
            return Ok(varied);
        }
        let (mut outlived, mut fatal) = (0, count);
        while fatal - outlived > 1 {
            let middle = outlived.midpoint(fatal);
            match self.vary_or_bereaved(variants, middle, given)? {
                Ok(_) => outlived = middle,
                Err(_) => fatal = middle,
            }
        }
        Ok(Varied::Broken(Some(fatal - 1), Some(gone.end())))
    }

    /// As [`vary`](Self::vary), or the program of the token that ended, in whose place there is a new one.
    fn vary_or_bereaved(
        &mut self,
        variants: &Variants,
        count: u32,
        given: &Value,
    ) -> Result<Result<Varied, Gone>, StationError> {
        let varied = self.vary_once(variants, count, given)?;
        let noticed = || matches!(&varied, Varied::Done(turnout) if turnout.ends_cut_off());
        let Some(gone) = self.gone(noticed) else {
            return Ok(Ok(varied));
        };
        self.replace_or_tell(&gone)?;
        Ok(Err(gone))
    }

    fn vary_once(
        &mut self,
        variants: &Variants,
        count: u32,
        given: &Value,
    ) -> Result<Varied, StationError> {
        if self.interrupt.is_raised() {
            return Err(StationError::Cancelled);
        }
        self.has_token()?;
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
            self.renew_or_again()?;
        }
        let target = self.target().cloned();
        let vary = Vary {
            slot: self.slot,
            init_args: self.init_args.clone(),
            given: Cow::Borrowed(target.as_ref().unwrap_or(given)),
            variants: Cow::Borrowed(variants),
            count,
        };
        let reply = self.send(&Request::Vary(Box::new(vary)))?;
        self.fresh = false;
        if let Outcome::Response(bytes) = &reply.outcome
            && reply.journal.corrupted().is_none()
            // What cannot be read was written over before it was sent.
            && let Ok(turnout) = parse::<Option<Turnout>>(bytes)
        {
            return Ok(turnout.map_or(Varied::Unready, Varied::Done));
        }
        if self.died_of_following(&reply) {
            self.worker = None;
            return self.vary_once(variants, count, given);
        }
        let end = match Account::of(&reply, 0) {
            Account::Cancelled => return Err(StationError::Cancelled),
            Account::Fault(message) => return Err(StationError::Fault(message)),
            Account::Ended(end) => Some(end),
            Account::Answered | Account::Spoiled => None,
        };
        self.worker = None;
        let turns = reply.journal.records().filter_map(|record| match record {
            Record::Turn(number) => Some(number),
            _ => None,
        });
        Ok(Varied::Broken(turns.last(), end))
    }
}
