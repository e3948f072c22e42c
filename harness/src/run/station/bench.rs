//! Benchmarks in the station's worker.

use super::account::Account;
use super::{Station, StationError, parse};
use crate::bench::wire::{Answer, Ask};
use crate::cryptoki::Function;
use crate::oracle::describe_end;
use crate::run::wire::Request;
use crate::worker::{Outcome, Worker};
use p11assay_reports::evidence::End;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// A worker that did not come back from a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// `crash`, `hang` or `harness-fault`.
    pub verdict: &'static str,
    /// What happened.
    pub message: String,
}

impl Station {
    /// Keeps the worker on one processor from now on; it stays where it is if the system does not allow that.
    pub fn stay_on(&self, processor: usize) {
        let pid = self.worker.as_ref().map(Worker::pid);
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let mut set = CpuSet::new();
        set.set(processor);
        if pid.is_some() {
            // What it costs if it fails, the measurement itself tells.
            let _ = sched_setaffinity(pid, &set);
        }
    }

    /// Sets a variable of the workers that are started from here on.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.options.environment.insert(name.into(), value.into());
    }

    /// The slot that cases are about.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// Asks the worker something about a benchmark. A worker that ends is renewed by the next request.
    ///
    /// # Errors
    /// If there is no worker to ask, or the run was stopped.
    pub fn ask(&mut self, ask: Ask) -> Result<Result<Answer, Broken>, StationError> {
        if self.interrupt.is_raised() {
            return Err(StationError::Cancelled);
        }
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
            self.renew_or_again()?;
        }
        let preparing = matches!(ask, Ask::Prepare(_));
        let reply = self.send(&Request::Bench(ask))?;
        self.fresh = false;
        let function = reply
            .in_flight
            .and_then(|call| Function::from_index(call.function));
        if let Outcome::Response(bytes) = &reply.outcome
            && reply.journal.corrupted().is_none()
        {
            return parse(bytes).map(Ok);
        }
        let account = Account::of(&reply, 0).without_harness(self.load.path.as_deref());
        let broken = match account {
            Account::Cancelled => return Err(StationError::Cancelled),
            Account::Fault(message) => Broken {
                verdict: "harness-fault",
                message,
            },
            Account::Ended(end) => Broken {
                verdict: if matches!(end, End::Hang { .. }) {
                    "hang"
                } else {
                    "crash"
                },
                message: match function {
                    Some(function) if preparing => format!("{}, in {function}", describe_end(&end)),
                    // Single calls of a loop are not told apart.
                    Some(function) => {
                        format!(
                            "{}, in a loop that begins with {function}",
                            describe_end(&end)
                        )
                    }
                    None => describe_end(&end),
                },
            },
            Account::Answered | Account::Spoiled => Broken {
                verdict: "crash",
                message: "wrote over memory of its process that is not its own".to_owned(),
            },
        };
        self.worker = None;
        Ok(Err(broken))
    }
}
