//! Benchmarks of modules: a catalogue in the language of cases, measured in workers, and what is said of
//! the figures: their noise, comparisons, histories.
//!
//! The loop that is measured is the executor's (`execute::Loop`); the record of a run and its tables are
//! the reports'.

pub mod catalogue;
pub mod compare;
pub mod drive;
mod estimate;
pub mod history;
pub mod machine;
pub mod paired;
pub mod rank;
pub mod threads;
pub mod wire;
pub mod work;

pub use catalogue::{Benchmark, Catalogue};
