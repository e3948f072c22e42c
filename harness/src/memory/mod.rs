//! Guarded buffers: caller memory that ends exactly at an inaccessible page and has canaries
//! before it, so that a module's over-read or over-write is caught without sanitizers.
//!
//! This module owns the memory and the table of what lies where, which a crash handler may ask.
//! Which buffers a call gets, and what a violation means, is left to the executor and the oracles.

mod arena;
mod canary;
mod slot;
mod table;

pub use arena::{Arena, GuardedBuffer, OutOfMemory, UNTOUCHED};
pub use canary::{GuardViolation, Side};
pub use table::{GuardHit, locate};
