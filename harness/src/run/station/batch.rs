//! Sending cases to the worker, and finding out whom to blame for a request that was not answered
//! as it should be.

use std::borrow::Cow;
use std::time::Instant;

use super::account::Account;
use super::{BATCH, Place, Ran, STARTS, Station, StationError, Stray};
use crate::cryptoki::Function;
use crate::oracle::{TraceCall, describe_end, trace};
use crate::run::wire::{Batch, Job, Request};

impl Station {
    /// Executes cases in order, in batches, renewing the worker when it ends in one of them.
    ///
    /// # Errors
    /// If the worker cannot be renewed, ends outside any case, or the run was stopped.
    pub fn execute(&mut self, jobs: Vec<Job>) -> Result<Vec<Ran>, StationError> {
        let mut ran = Vec::with_capacity(jobs.len());
        self.execute_into(jobs, &mut ran).map(|()| ran)
    }

    /// As [`execute`](Self::execute), keeping what was executed when it fails.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn execute_into(&mut self, jobs: Vec<Job>, ran: &mut Vec<Ran>) -> Result<(), StationError> {
        let mut waiting = &jobs[..];
        while !waiting.is_empty() {
            waiting = &waiting[self.advance(waiting, ran)?..];
        }
        Ok(())
    }

    /// Sends one request of as many of these cases as one may hold; gives how many of them were
    /// executed, which are then in `ran`, too. It may be none: then the rest is to be tried again.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn advance(&mut self, waiting: &[Job], ran: &mut Vec<Ran>) -> Result<usize, StationError> {
        if self.interrupt.is_raised() {
            return Err(StationError::Cancelled);
        }
        self.has_token()?;
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
            self.renew_or_again()?;
        }
        let has_own_token = waiting.first().is_some_and(|job| job.own_token);
        let alike = waiting.iter().take(BATCH).take_while(|job| !job.own_token);
        let asked = match has_own_token || self.cautious > 0 {
            true => 1,
            false => alike.count(),
        };
        let before = ran.len();
        let done = self.batch(&waiting[..asked], ran)?;
        let mut calls = ran[before..].iter().flat_map(|ran| &ran.trace.calls);
        if let Some(gone) = self.gone(|| calls.any(TraceCall::is_cut_off)) {
            return self.bereaved(gone, asked, ran, before);
        }
        self.cautious = self.cautious.saturating_sub(done);
        self.outlived(done);
        if has_own_token && done > 0 {
            self.lost = self.throw_token_away().err();
        }
        self.count_stillborn(done, ran);
        if self.stillborn >= STARTS && waiting.len() > done {
            let stray = self.strays.last().map(|stray| &stray.end);
            let end = ran.last().and_then(|ran| ran.end.as_ref()).or(stray);
            let text = end.map_or_else(|| "spoiled its worker".to_owned(), describe_end);
            return Err(StationError::Ended(text));
        }
        Ok(done)
    }

    /// As [`renew`](Self::renew), but a failed start may be chance, or due to a program that ended; a second is not.
    ///
    /// # Errors
    /// If there is no worker after two tries.
    pub fn renew_or_again(&mut self) -> Result<(), StationError> {
        match self.renew() {
            Err(StationError::Cancelled) => Err(StationError::Cancelled),
            Err(_) => match self.gone(|| false) {
                Some(gone) => self.bereaved(gone, 0, &mut Vec::new(), 0).map(drop),
                None => self.renew(),
            },
            Ok(()) => Ok(()),
        }
    }

    fn count_stillborn(&mut self, done: usize, ran: &[Ran]) {
        let last = ran.last().filter(|_| done > 0);
        self.stillborn = match last {
            Some(ran) if ran.end.is_some() && ran.trace.ended_in(Function::C_Initialize) => {
                self.stillborn + 1
            }
            Some(_) => 0,
            None => self.stillborn + 1,
        };
    }

    /// Executes one request; gives the number of cases that need not be sent again. If it is
    /// none, the worker is gone or the cases are sent more cautiously the next time.
    pub(super) fn batch(
        &mut self,
        jobs: &[Job],
        ran: &mut Vec<Ran>,
    ) -> Result<usize, StationError> {
        let cases = self.about_this_token(jobs);
        let batch = Batch {
            slot: self.slot,
            init_args: self.init_args.clone(),
            cases: cases.map_or(Cow::Borrowed(jobs), Cow::Owned),
            audit: self.audit,
        };
        let begun = Instant::now();
        let reply = self.send(&Request::Run(batch))?;
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let was_fresh = std::mem::replace(&mut self.fresh, false);
        let mut traces = trace::read(&reply.journal);
        let target = self.target().cloned();
        let share = spent / traces.len().max(1) as u64;
        let before = ran.len();
        for job in jobs {
            if traces.get(&job.number).is_none_or(|trace| !trace.ended) {
                break;
            }
            let trace = traces.remove(&job.number).unwrap_or_default();
            ran.push(Ran {
                target: target.clone(),
                ..Ran::of(job, trace, &reply, share)
            });
        }
        let count = ran.len() - before;
        // Only a worker that executed something before can fail in finalizing it.
        if !was_fresh
            && ran
                .last()
                .is_some_and(|ran| count > 0 && ran.trace.is_stuck())
        {
            ran.pop();
            self.worker = None;
            return Ok(count - 1);
        }
        if self.died_of_following(&reply) {
            self.worker = None;
            return Ok(count);
        }
        let unfinished = jobs.get(count).map(|job| {
            let trace = traces.remove(&job.number).unwrap_or_default();
            Ran {
                target,
                ..Ran::of(job, trace, &reply, share)
            }
        });
        let account = Account::of(&reply, count).without_harness(self.load.path.as_deref());
        let is_spent = count > 0 && jobs[count - 1].sequence.spends_its_process();
        let result = self.settle(account, unfinished, jobs.len(), count, ran);
        // The next case gets a process of which nothing but the module's loading is known.
        if is_spent {
            self.retire();
        }
        result
    }

    /// Finds out whom to blame for a request that was not answered as it should be.
    fn settle(
        &mut self,
        account: Account,
        unfinished: Option<Ran>,
        asked: usize,
        count: usize,
        ran: &mut Vec<Ran>,
    ) -> Result<usize, StationError> {
        match (account, unfinished) {
            (Account::Cancelled, _) => Err(StationError::Cancelled),
            (Account::Answered, _) => Ok(count),
            (Account::Ended(end), Some(case)) if case.trace.ended_in(Function::C_Finalize) => {
                self.strays.push(Stray {
                    place: Place::Finalize,
                    end,
                    stderr: case.stderr,
                });
                Ok(count)
            }
            (Account::Ended(end), Some(case)) if case.trace.began => {
                ran.push(Ran {
                    end: Some(end),
                    ..case
                });
                Ok(count + 1)
            }
            (Account::Ended(end), _) => {
                // It ended between cases: blame the one before.
                match ran.last_mut().filter(|_| count > 0) {
                    Some(last) => last.end = Some(end),
                    None => self.strays.push(Stray {
                        place: Place::Idle,
                        end,
                        stderr: String::new(),
                    }),
                }
                Ok(count)
            }
            (Account::Spoiled, Some(case)) => {
                self.worker = None;
                if asked > 1 {
                    self.cautious = asked - count;
                    return Ok(count);
                }
                ran.push(Ran {
                    spoiled: true,
                    ..case
                });
                Ok(count + 1)
            }
            (Account::Spoiled, None) => {
                self.worker = None;
                Ok(count)
            }
            (Account::Fault(_), Some(_)) if asked > 1 => {
                self.cautious = asked - count;
                Ok(count)
            }
            (Account::Fault(text), Some(case)) => {
                ran.push(Ran {
                    fault: Some(text),
                    ..case
                });
                Ok(count + 1)
            }
            (Account::Fault(text), None) => Err(StationError::Fault(text)),
        }
    }
}
