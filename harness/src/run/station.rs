//! A station: a provisioned target with a worker that has the module loaded, renewed when it ends.

use std::ffi::OsString;
use std::path::PathBuf;

use p11assay_reports::evidence::End;

use super::wire::{Batch, BatchReply, Job, Load, LoadReply, Request};
use crate::module::Loaded;
use crate::oracle::CaseTrace;
use crate::oracle::trace;
use crate::sequence::{InitArgs, Mutexes, Reserved};
use crate::target::init_args;
use crate::target::{self, Prepared, Target};
use crate::worker::{Canceller, Outcome, Reply, SpawnError, Worker, WorkerOptions};

/// Most cases in one request.
pub const BATCH: usize = 64;

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
    /// The worker ended outside any case.
    #[error("the worker ended ({0}) before any case was begun")]
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
        let program = std::env::var_os("P11ASSAY_WORKER")
            .map_or_else(std::env::current_exe, |path| Ok(PathBuf::from(path)))
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

    /// Replaces the worker by a fresh one with the module loaded.
    ///
    /// # Errors
    /// As [`Station::start`].
    pub fn renew(&mut self) -> Result<(), StationError> {
        if let Some(worker) = self.worker.take() {
            let _ = worker.stop();
        }
        let worker = Worker::spawn(&self.options)?;
        self.worker = Some(worker);
        let load = Request::Load(self.load.clone());
        let reply = self.send(&load)?;
        match reply.outcome {
            Outcome::Response(bytes) => match parse(&bytes)? {
                LoadReply::Loaded(facts) => self.facts = *facts,
                LoadReply::Failed(reason) => return Err(StationError::Load(reason)),
            },
            Outcome::Ended(end) => {
                return Err(StationError::EndedLoading(format!(
                    "the module {}",
                    crate::oracle::describe_end(&end)
                )));
            }
            other => return Err(unusual(other)),
        }
        let jobs = self.preparation.clone();
        if !jobs.is_empty() {
            self.execute(jobs)?;
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
        let mut waiting = jobs;
        while !waiting.is_empty() {
            if self.interrupt.is_raised() {
                return Err(StationError::Cancelled);
            }
            if self.worker.as_ref().is_none_or(|worker| !worker.is_alive()) {
                self.renew()?;
            }
            let rest = waiting.split_off(waiting.len().min(BATCH));
            let done = self.batch(&waiting, ran)?;
            let mut next = waiting.split_off(done);
            next.extend(rest);
            waiting = next;
        }
        Ok(())
    }

    /// Executes one request; gives the number of cases that need not be sent again.
    fn batch(&mut self, jobs: &[Job], ran: &mut Vec<Ran>) -> Result<usize, StationError> {
        let batch = Batch {
            slot: self.slot,
            init_args: self.init_args.clone(),
            cases: jobs.to_vec(),
            audit: self.audit,
        };
        let begun = std::time::Instant::now();
        let reply = self.send(&Request::Run(batch))?;
        let spent = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut end = None;
        let mut fault = None;
        match &reply.outcome {
            Outcome::Response(bytes) => {
                parse::<BatchReply>(bytes)?;
            }
            Outcome::Ended(how) => end = Some(how.clone()),
            // The module wrote over memory that is not its own: as good as a crash.
            Outcome::Garbled => end = Some(garbled()),
            Outcome::Fault(text) => fault = Some(text.clone()),
            Outcome::Cancelled => {}
        }
        let before = ran.len();
        let mut traces = trace::read(&reply.journal);
        let share = spent / traces.len().max(1) as u64;
        for job in jobs {
            let Some(trace) = traces.remove(&job.number) else {
                break;
            };
            let unfinished = !trace.ended;
            if unfinished && end.is_none() && fault.is_none() {
                break;
            }
            let (stdout, stderr) = output_of(&reply, job.number);
            ran.push(Ran {
                number: job.number,
                trace,
                end: end.clone().filter(|_| unfinished),
                stdout,
                stderr,
                guard: reply
                    .guard
                    .filter(|_| unfinished)
                    .map(|hit| hit.to_string()),
                fault: fault.clone().filter(|_| unfinished),
                duration_ns: share,
            });
        }
        let count = ran.len() - before;
        match (&reply.outcome, end, fault) {
            (Outcome::Cancelled, ..) => Err(StationError::Cancelled),
            (_, Some(end), _) if count == 0 => {
                Err(StationError::Ended(crate::oracle::describe_end(&end)))
            }
            (_, Some(end), _) => {
                // It ended between cases: blame the one before.
                if let Some(last) = ran.last_mut() {
                    last.end.get_or_insert(end);
                }
                Ok(count)
            }
            (_, None, Some(fault)) if count == 0 => Err(StationError::Fault(fault)),
            (_, None, _) if count == 0 => Err(StationError::Fault(
                "the worker answered without having executed anything".to_owned(),
            )),
            _ => Ok(count),
        }
    }

    /// Finalizes and unloads the module, then stops the worker.
    pub fn close(mut self) -> Option<String> {
        let reply = self.send(&Request::Unload).ok()?;
        let end = match reply.outcome {
            Outcome::Ended(end) => Some(end),
            _ => self.worker.take().and_then(Worker::stop),
        };
        end.map(|end| crate::oracle::describe_end(&end))
    }
}

fn garbled() -> End {
    End::Signal {
        signal: "none".to_owned(),
        code: Some("the worker's shared memory was written over".to_owned()),
        address: None,
        access: Some("write".to_owned()),
        registers: std::collections::BTreeMap::new(),
        frames: Vec::new(),
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
        Outcome::Ended(end) => StationError::Ended(crate::oracle::describe_end(&end)),
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
