//! Executing plans: workers with the target loaded, batches, evidence.

mod serve;
pub mod wire;

pub use serve::worker;
