//! Workers: disposable child processes that execute requests, so that nothing a module does may
//! lose a result. Parent and child talk through shared memory only.
//!
//! This module owns the process, its journal, its ends and the audit of its state. What requests
//! and responses contain, and which functions are called, is the executor's.
//!
//! The child answers requests, journaling every call it makes:
//!
//! ```no_run
//! p11assay::worker::serve(&mut |request, journal| {
//!     journal.case_begin(0);
//!     journal.call_begin(1, 20);
//!     let rv = request.len() as u64; // here goes the call
//!     journal.call_end(rv);
//!     journal.case_end(0);
//!     b"done".to_vec()
//! });
//! ```
//!
//! The parent sends them, and knows in any event what was done:
//!
//! ```no_run
//! use p11assay::worker::{Outcome, Worker, WorkerOptions};
//!
//! let program = std::env::current_exe()?;
//! let options = WorkerOptions::new(program, vec!["worker".into()]);
//! let mut worker = Worker::spawn(&options)?;
//! let reply = worker.request(b"a batch of cases");
//! match &reply.outcome {
//!     Outcome::Response(bytes) => println!("{} bytes", bytes.len()),
//!     Outcome::Ended(end) => println!("{end:?} in {:?}", reply.in_flight),
//!     other => println!("{other:?}"),
//! }
//! for record in reply.journal.records() {
//!     println!("{record:?}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arch;
mod audit;
mod cancel;
mod child;
mod end;
mod fork;
mod frames;
mod handler;
mod image;
mod journal;
mod layout;
mod leave;
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
pub(crate) use end::end_of;
pub(crate) use fork::{Ended, Fork, fork};
pub(crate) use handler::{CrashStack, thread};
pub(crate) use journal::Journaled;
pub use journal::{
    CHILD, CallRecord, CaseMark, CaseOutput, InFlight, Journal, JournalWriter, LANES, LOAD,
    Payload, Record, Returned, Timing,
};
pub(crate) use leave::watch_exits;
pub(crate) use mapping::memfd;
pub use options::{SpawnError, WorkerOptions};
pub use parent::{Outcome, Reply, Worker};
pub mod reach;
