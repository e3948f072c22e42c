//! Executing plans: workers with the target loaded, batches, verdicts, evidence.

pub mod ladder;
mod serve;
mod station;
pub mod wire;

pub use serve::worker;
pub use station::{BATCH, Interrupt, Ran, Station, StationError};
