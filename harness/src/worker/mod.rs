//! Workers: disposable child processes that execute requests, so that nothing a module does may
//! lose a result. Parent and child talk through shared memory only.
//!
//! This module owns the process, its journal, its ends and the audit of its state. What requests
//! and responses contain, and which functions are called, is the executor's.

mod arch;
mod audit;
mod cancel;
mod child;
mod end;
mod frames;
mod handler;
mod image;
mod journal;
mod layout;
mod mapping;
mod options;
mod output;
mod parent;
mod process;
mod snapshot;
mod statm;

pub use crate::memory::GuardHit;
pub use audit::{Disposition, ProcessState, StateChange, VariableChange};
pub use cancel::Canceller;
pub use child::{Handler, serve};
pub use journal::{
    CallRecord, CaseMark, CaseOutput, InFlight, Journal, JournalWriter, LOAD, Record, Returned,
    Timing,
};
pub use options::{SpawnError, WorkerOptions};
pub use parent::{Outcome, Reply, Worker};
