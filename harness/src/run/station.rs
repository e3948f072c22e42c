//! A station: a provisioned target with a worker that has the module loaded, renewed when it ends.

use std::ffi::OsString;
use std::time::Instant;

use p11assay_reports::evidence::End;

use super::library;
use super::wire::{Batch, BatchReply, Job, Load, LoadReply, Request};
use crate::cryptoki::Function;
use crate::module::Loaded;
use crate::oracle::trace;
use crate::oracle::{CaseTrace, describe_end};
use crate::sequence::{InitArgs, Mutexes, Reserved};
use crate::target::init_args;
use crate::target::{self, Prepared, Target};
use crate::worker::{Canceller, Outcome, Reply, SpawnError, Worker, WorkerOptions};

/// Most cases in one request.
pub const BATCH: usize = 64;

/// Workers in a row that may end before a case begins; then the target is given up.
const STARTS: u32 = 2;

/// Why a station cannot work.
#[derive(Debug, thiserror::Error)]
pub enum StationError {
    /// The worker process cannot be had.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The module cannot be loaded.
    #[error("{0}")]
    Load(String),
    /// The worker ended while it loaded the module.
    #[error("{0} while it was being loaded; nothing can be tested with it")]
    EndedLoading(String),
    /// No worker gets as far as a case.
    #[error(
        "the module {0}, {STARTS} times in a row before a case could begin; \
         the rest of the run was given up"
    )]
    Ended(String),
    /// The harness's own fault.
    #[error("{0}")]
    Fault(String),
    /// The run was stopped.
    #[error("the run was stopped")]
    Cancelled,
}

/// Stops every worker of a run, from any thread.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Canceller);

impl Interrupt {
    /// Stops the run: workers are killed, and no further case is begun.
    pub fn raise(&self) {
        self.0.cancel();
    }

    /// True once the run was stopped.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// A worker that ended where no case is to blame.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    /// Where it ended.
    pub place: Place,
    /// How.
    pub end: End,
    /// What the module wrote to standard error by then.
    pub stderr: String,
}

/// Where a worker may end without a case to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the `C_Finalize` that the harness calls between cases and at the end.
    Finalize,
    /// While no call was being made: a thread of the module's.
    Idle,
    /// While the library was unloaded, or the process exited.
    Unload,
}

/// What became of one case in a worker.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Number of the case.
    pub number: u32,
    /// What happened.
    pub trace: CaseTrace,
    /// How the worker ended in it, if it did not return.
    pub end: Option<End>,
    /// What the module wrote during it.
    pub stdout: String,
    /// What the module wrote during it.
    pub stderr: String,
    /// A remark on the guarded buffer at the faulting address.
    pub guard: Option<String>,
    /// True if the module wrote over the memory in which the worker accounts for itself.
    pub spoiled: bool,
    /// What the harness itself did wrong, if it did.
    pub fault: Option<String>,
    /// Time from sending the request to its end, shared among its cases, nanoseconds.
    pub duration_ns: u64,
}

/// A provisioned target and its worker.
pub struct Station {
    options: WorkerOptions,
    load: Load,
    init_args: Option<InitArgs>,
    slot: u64,
    worker: Option<Worker>,
    facts: Loaded,
    audit: bool,
    interrupt: Interrupt,
    preparation: Vec<Job>,
    /// Whether the worker has executed nothing yet.
    fresh: bool,
    /// Cases that are to be sent one by one, since one of them spoils the account of all.
    cautious: usize,
    /// Workers in a row that ended before a case could begin.
    stillborn: u32,
    strays: Vec<Stray>,
}

impl Station {
    /// Starts a worker and loads the module.
    ///
    /// # Errors
    /// If there is no worker, or it cannot load the module.
    pub fn start(
        target: &Target,
        prepared: &Prepared,
        interrupt: &Interrupt,
    ) -> Result<Self, StationError> {
        let program = std::env::current_exe()
            .map_err(|error| StationError::Fault(format!("own path unknown: {error}")))?;
        let mut options = WorkerOptions::new(program, vec![OsString::from("worker")]);
        options.environment = prepared
            .environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        options.canceller = interrupt.0.clone();
        options.call_deadline = target.call_deadline;
        options.memory_limit = target.memory.or(options.memory_limit);
        let path = match &target.module {
            target::Module::Builtin => None,
            target::Module::Path(path) => Some(path.clone()),
        };
        let mut station = Self {
            options,
            load: Load {
                path,
                version: target.version,
            },
            init_args: init_arguments(&prepared.init_args),
            slot: 0,
            worker: None,
            facts: Loaded {
                version: (2, 40),
                from: String::new(),
                interfaces: Vec::new(),
                missing: Vec::new(),
                remarks: Vec::new(),
            },
            audit: true,
            interrupt: interrupt.clone(),
            preparation: Vec::new(),
            fresh: true,
            cautious: 0,
            stillborn: 0,
            strays: Vec::new(),
        };
        station.renew()?;
        Ok(station)
    }

    /// What loading the module found out.
    #[must_use]
    pub fn facts(&self) -> &Loaded {
        &self.facts
    }

    /// The target's arguments of `C_Initialize`.
    #[must_use]
    pub fn init_args(&self) -> Option<&InitArgs> {
        self.init_args.as_ref()
    }

    /// Chooses the slot that cases are about.
    pub fn set_slot(&mut self, slot: u64) {
        self.slot = slot;
    }

    /// Has these executed in every new worker before anything else: the provisioning of a token
    /// that lives in the worker's memory.
    pub fn prepare_each_worker(&mut self, jobs: Vec<Job>) {
        self.preparation = jobs;
    }

    /// Workers that ended where no case is to blame, since this was last asked.
    pub fn take_strays(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.strays)
    }

    /// Replaces the worker by a fresh one with the module loaded.
    ///
    /// # Errors
    /// As [`Station::start`].
    pub fn renew(&mut self) -> Result<(), StationError> {
        self.retire();
        self.worker = Some(Worker::spawn(&self.options)?);
        self.fresh = true;
        // A worker without the module must not be taken for one with it.
        self.load_module().inspect_err(|_| self.worker = None)
    }

    fn load_module(&mut self) -> Result<(), StationError> {
        let load = Request::Load(self.load.clone());
        let reply = self.send(&load)?;
        match reply.outcome {
            Outcome::Response(bytes) => match parse(&bytes)? {
                LoadReply::Loaded(facts) => self.facts = *facts,
                LoadReply::Failed(reason) => {
                    let more = self.load.path.as_deref().and_then(library::misfit);
                    let more = more.map_or(String::new(), |text| format!("; {text}"));
                    return Err(StationError::Load(reason + &more));
                }
            },
            Outcome::Ended(end) => {
                return Err(StationError::EndedLoading(format!(
                    "the module {}",
                    describe_end(&end)
                )));
            }
            other => return Err(unusual(other)),
        }
        self.prepare()
    }

    /// Stops the worker, if there is one. One that had died by itself meanwhile is not forgotten.
    fn retire(&mut self) {
        let Some(worker) = self.worker.take() else {
            return;
        };
        let died = !worker.is_alive();
        if let Some(end) = worker
            .stop()
            .filter(|_| died && !self.interrupt.is_raised())
        {
            self.strays.push(Stray {
                place: Place::Idle,
                end,
                stderr: String::new(),
            });
        }
    }

    fn prepare(&mut self) -> Result<(), StationError> {
        let jobs = self.preparation.clone();
        let mut ran = Vec::new();
        while ran.len() < jobs.len() {
            self.batch(&jobs[ran.len()..], &mut ran)?;
            if let Some(end) = ran.iter().find_map(|ran: &Ran| ran.end.as_ref()) {
                let text = format!("the module {} in its provisioning", describe_end(end));
                return Err(StationError::EndedLoading(text));
            }
        }
        Ok(())
    }

    fn send(&mut self, request: &Request) -> Result<Reply, StationError> {
        let bytes =
            serde_json::to_vec(request).map_err(|error| StationError::Fault(error.to_string()))?;
        match &mut self.worker {
            Some(worker) => Ok(worker.request(&bytes)),
            None => Err(StationError::Cancelled),
        }
    }

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
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
            self.renew_or_again()?;
        }
        let size = if self.cautious > 0 { 1 } else { BATCH };
        let done = self.batch(&waiting[..waiting.len().min(size)], ran)?;
        self.cautious = self.cautious.saturating_sub(done);
        self.count_stillborn(done, ran);
        if self.stillborn >= STARTS && waiting.len() > done {
            let stray = self.strays.last().map(|stray| &stray.end);
            let end = ran.last().and_then(|ran| ran.end.as_ref()).or(stray);
            let text = end.map_or_else(|| "spoiled its worker".to_owned(), describe_end);
            return Err(StationError::Ended(text));
        }
        Ok(done)
    }

    /// A failed start may be chance; a second is not.
    fn renew_or_again(&mut self) -> Result<(), StationError> {
        match self.renew() {
            Err(StationError::Cancelled) => Err(StationError::Cancelled),
            Err(_) => self.renew(),
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
    fn batch(&mut self, jobs: &[Job], ran: &mut Vec<Ran>) -> Result<usize, StationError> {
        let batch = Batch {
            slot: self.slot,
            init_args: self.init_args.clone(),
            cases: jobs.to_vec(),
            audit: self.audit,
        };
        let begun = Instant::now();
        let reply = self.send(&Request::Run(batch))?;
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let was_fresh = std::mem::replace(&mut self.fresh, false);
        let mut traces = trace::read(&reply.journal);
        let share = spent / traces.len().max(1) as u64;
        let before = ran.len();
        for job in jobs {
            if traces.get(&job.number).is_none_or(|trace| !trace.ended) {
                break;
            }
            let trace = traces.remove(&job.number).unwrap_or_default();
            ran.push(Ran::of(job, trace, &reply, share));
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
        let unfinished = jobs.get(count).map(|job| {
            Ran::of(
                job,
                traces.remove(&job.number).unwrap_or_default(),
                &reply,
                share,
            )
        });
        let account = Account::of(&reply, count).without_harness(self.load.path.as_deref());
        self.settle(account, unfinished, jobs.len(), count, ran)
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

    /// Finalizes and unloads the module, then stops the worker; gives the ends that no case is to
    /// blame for.
    #[must_use]
    pub fn close(mut self) -> Vec<Stray> {
        if self.worker.as_ref().is_none_or(|worker| !worker.is_alive())
            || self.interrupt.is_raised()
        {
            self.retire();
            return self.strays;
        }
        let Ok(reply) = self.send(&Request::Unload) else {
            return self.strays;
        };
        let place = match reply.in_flight {
            Some(call) if Function::from_index(call.function) == Some(Function::C_Finalize) => {
                Place::Finalize
            }
            _ => Place::Unload,
        };
        let end = match reply.outcome {
            Outcome::Ended(end) => Some(end),
            Outcome::Cancelled => None,
            _ => self.worker.take().and_then(Worker::stop),
        };
        if let Some(end) = end.filter(|_| !self.interrupt.is_raised()) {
            let stderr = String::from_utf8_lossy(&reply.stderr).into_owned();
            self.strays.push(Stray { place, end, stderr });
        }
        self.strays
    }
}

impl Ran {
    fn of(job: &Job, trace: CaseTrace, reply: &Reply, duration_ns: u64) -> Self {
        let unfinished = !trace.ended;
        let (stdout, stderr) = output_of(reply, job.number);
        Self {
            number: job.number,
            trace,
            end: None,
            stdout,
            stderr,
            guard: reply
                .guard
                .filter(|_| unfinished)
                .map(|hit| hit.to_string()),
            spoiled: false,
            fault: None,
            duration_ns,
        }
    }
}

/// What a reply says of its request as a whole.
enum Account {
    Answered,
    Cancelled,
    Ended(End),
    /// The module wrote over the memory in which the worker accounts for itself.
    Spoiled,
    Fault(String),
}

impl Account {
    /// The end with the frames of this program taken off its stack, as far as they called the
    /// module: they say nothing of it.
    fn without_harness(self, module: Option<&std::path::Path>) -> Self {
        let Self::Ended(mut end) = self else {
            return self;
        };
        let name = module
            .and_then(std::path::Path::file_name)
            .and_then(|name| name.to_str());
        if let (Some(name), End::Signal { frames, .. } | End::Hang { frames, .. }) =
            (name, &mut end)
            && let Some(last) = frames.iter().rposition(|frame| frame.module == name)
        {
            frames.truncate(last + 1);
        }
        Self::Ended(end)
    }

    /// `count` is the number of cases that came to their end.
    fn of(reply: &Reply, count: usize) -> Self {
        match &reply.outcome {
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Fault(text) => Self::Fault(text.clone()),
            _ if reply.journal.corrupted().is_some() => Self::Spoiled,
            Outcome::Garbled => Self::Spoiled,
            Outcome::Ended(end) => Self::Ended(end.clone()),
            Outcome::Response(bytes) => match parse::<BatchReply>(bytes) {
                Ok(_) if count > 0 => Self::Answered,
                _ => Self::Spoiled,
            },
        }
    }
}

fn output_of(reply: &Reply, case: u32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    reply
        .journal
        .output_of(case, reply.stdout.len(), reply.stderr.len())
        .map(|output| {
            (
                text(&reply.stdout[output.stdout]),
                text(&reply.stderr[output.stderr]),
            )
        })
        .unwrap_or_default()
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StationError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StationError::Fault(format!("the worker's answer is malformed: {error}")))
}

fn unusual(outcome: Outcome) -> StationError {
    match outcome {
        Outcome::Cancelled => StationError::Cancelled,
        Outcome::Fault(text) => StationError::Fault(text),
        Outcome::Garbled => StationError::Fault(
            "the worker's answer was written over; the module writes outside its memory".to_owned(),
        ),
        Outcome::Ended(end) => {
            StationError::EndedLoading(format!("the module {}", describe_end(&end)))
        }
        Outcome::Response(_) => StationError::Fault("an answer nobody asked for".to_owned()),
    }
}

/// The target's init arguments in the words of the sequence language.
fn init_arguments(args: &init_args::InitArgs) -> Option<InitArgs> {
    match args {
        init_args::InitArgs::Null => None,
        init_args::InitArgs::Given {
            flags,
            mutexes,
            reserved,
            library_parameters,
        } => Some(InitArgs {
            flags: *flags,
            mutexes: match mutexes {
                init_args::Mutexes::None => Mutexes::None,
                init_args::Mutexes::Callbacks => Mutexes::Callbacks,
            },
            nss: library_parameters.clone(),
            reserved: match reserved {
                None => Reserved::Null,
                Some(init_args::Reserved::String(text)) => Reserved::Text(text.clone()),
                Some(init_args::Reserved::Pointer(value)) => Reserved::Pointer(*value),
            },
        }),
    }
}
