//! Executing sequences on a module's function table.
//!
//! [`Prepared`] lays out all arguments of a sequence in guarded memory once; running it then only
//! patches in what earlier calls gave, journals, and calls. What the results mean is left to
//! `oracle`; which process this happens in, to `worker`.

mod aggregate;
mod call;
mod callbacks;
mod child;
mod content;
mod lanes;
mod layout;
mod measure;
mod offer;
mod order;
mod output;
mod plan;
mod prepare;
mod run;
mod shelf;
mod stop;
mod turns;

pub use call::is_present;
pub use callbacks::notifications;
pub use measure::{Loop, WrongReturn};
pub use prepare::Defaults;
pub use run::{Options, Prepared};
pub(crate) use stop::leave;
pub use stop::{Stop, note};
pub use turns::{Answer, Turned, Turns};
