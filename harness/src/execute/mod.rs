//! Executing sequences on a module's function table.
//!
//! [`prepare`](Prepared::new) lays out all arguments of a sequence in guarded memory once; running
//! it then only patches in what earlier calls gave, journals, and calls. What the results mean is
//! left to `oracle`; which process this happens in, to `worker`.

mod call;
mod callbacks;

pub use call::{Words, call, is_present};
pub use callbacks::notifications;
