//! Executing plans: workers with the target loaded, batches, verdicts, evidence.

pub mod engine;
pub mod job;
pub mod keep;
pub mod ladder;
mod library;
pub mod patience;
pub mod record;
mod serve;
mod station;
pub mod stray;
pub(crate) mod tally;
pub mod wire;

pub use patience::Patience;
pub use serve::worker;
pub use station::{
    BATCH, Bounds, Broken, Interrupt, Place, Ran, Renewal, Station, StationError, Stray, Varied,
};
