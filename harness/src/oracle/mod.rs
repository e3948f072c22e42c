//! Oracles: from a trace to a verdict.
//!
//! [`trace`] reads what happened from the journal; [`judge`] walks the sequence beside it and asks
//! each oracle; [`relation`] decides single expectations, [`random`] whether bytes look random. Nothing here talks to a worker.

mod attack;
mod exponent;
mod judge;
pub mod model;
mod random;
pub mod relation;
mod roca;
pub mod trace;

pub use attack::{Attack, Success};
pub(crate) use judge::counted;
pub use judge::{Judgement, Reading, Subject, describe_end, end_of_program, judge};
pub use trace::{CaseTrace, Stopped, TraceCall};
