//! A station: a provisioned target with a worker that has the module loaded, renewed when it ends.

mod account;
mod batch;
mod bench;
mod follow;
mod programs;
mod vary;

use std::ffi::OsString;
use std::time::Duration;

use p11assay_reports::evidence::End;

use super::library;
use super::wire::{self, Job, Load, LoadReply, Request};
use crate::cryptoki::Function;
use crate::module::Loaded;
use crate::oracle::{CaseTrace, describe_end, end_of_program};
use crate::sequence::{InitArgs, Value};
use crate::target::{self, Gone, Prepared, Target};
use crate::worker::{Canceller, Outcome, Reply, SpawnError, Worker, WorkerOptions};

pub use bench::Broken;
pub use programs::Renewal;
pub use vary::Varied;

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
    /// A background program of the token ended, and there is no other token, for the reason that is said.
    #[error("{}, {}", end_of_program(&.0.program, &.0.end), .1)]
    Deserted(Box<Gone>, String),
    /// A case had the token for itself, and there is no other.
    #[error("there is no token any more: {0}")]
    NoToken(String),
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

/// A process that ended where no case is to blame.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    /// Where it ended.
    pub place: Place,
    /// How.
    pub end: End,
    /// What it wrote to standard error by then.
    pub stderr: String,
}

impl Stray {
    /// The end of a background program of the token.
    #[must_use]
    pub fn of_program(end: End) -> Self {
        Self {
            place: Place::Program,
            end,
            stderr: String::new(),
        }
    }
}

/// Where a worker, or what it needs, may end without a case to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the `C_Finalize` that the harness calls between cases and at the end.
    Finalize,
    /// While no call was being made: a thread of the module's.
    Idle,
    /// While the library was unloaded, or the process exited.
    Unload,
    /// A background program of the token.
    Program,
}

/// What became of one case in a worker.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Number of the case.
    pub number: u32,
    /// What happened.
    pub trace: CaseTrace,
    /// How the worker ended in it, if it did not return, or what a program that the token needs did not outlive.
    pub end: Option<End>,
    /// `$target` as it was, if the token was made anew since the case was made.
    pub target: Option<Value>,
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

/// What calls and workers may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long one call may take.
    pub call_deadline: Duration,
    /// Most resident memory of a worker, bytes.
    pub memory: Option<u64>,
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
    programs: programs::Programs,
    /// Why there is no token any more.
    lost: Option<StationError>,
    following: Option<follow::Following>,
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
                version: target.version.map(|v| (v.major, v.minor)),
                cover: None,
                removal: prepared.removal.clone(),
            },
            init_args: prepared.init_args.clone(),
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
            programs: programs::Programs::default(),
            lost: None,
            following: None,
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

    /// What calls and workers may have.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds {
            call_deadline: self.options.call_deadline,
            memory: self.options.memory_limit,
        }
    }

    /// Changes it: for calls from now on, for memory from the next worker on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.options.call_deadline = bounds.call_deadline;
        self.options.memory_limit = bounds.memory;
        if let Some(worker) = &mut self.worker {
            worker.set_call_deadline(bounds.call_deadline);
        }
    }

    /// Leaves what cases do to their process unexamined.
    pub fn skip_audit(&mut self) {
        self.audit = false;
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
        self.load.cover = self
            .following
            .as_ref()
            .and_then(|following| following.wish());
        let load = Request::Load(self.load.clone());
        let reply = self.send(&load)?;
        match reply.outcome {
            Outcome::Response(bytes) => match parse(&bytes)? {
                LoadReply::Loaded(facts) => self.facts = *facts,
                LoadReply::Covered(facts, covered) => {
                    self.facts = *facts;
                    if let Some(following) = &mut self.following {
                        following.loaded(covered);
                    }
                }
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

    /// Stops the worker, if there is one; the next case gets another. One that had died by itself meanwhile is not forgotten.
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

    fn send(&mut self, request: &Request<'_>) -> Result<Reply, StationError> {
        let bytes =
            wire::to_bytes(request).map_err(|error| StationError::Fault(error.to_string()))?;
        let worker = self.worker.as_mut().ok_or(StationError::Cancelled)?;
        let reply = worker.request(&bytes);
        if let Some(following) = &mut self.following {
            following.heed(&reply);
        }
        Ok(reply)
    }

    /// Finalizes and unloads the module, then stops the worker; gives the ends that no case is to
    /// blame for.
    #[must_use]
    pub fn close(mut self) -> Vec<Stray> {
        self.have_blamed_nobody();
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

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StationError> {
    wire::from_bytes(bytes)
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
