//! Plans: which cases a run executes, in which order, and which of them do not apply to the target.

mod by_unwrap;
mod capabilities;
mod check;
mod filter;
mod needs;
mod partition;
mod pkcs8;
mod select;
pub mod shipped;
pub mod suite;
mod waivers;

pub use by_unwrap::ByUnwrap;
pub use capabilities::{Capabilities, MechanismInfo, Trouble};
pub(crate) use filter::names;
pub use filter::{Filter, FilterError, may_name};
pub use needs::{MechanismNeed, Needs, Unmet};
pub use partition::Partition;
pub use select::{Plan, PlanError, Planned};
pub use suite::{Case, Ladder, MADE_UP, Suite, is_made_up};
pub use waivers::{Draft, ModuleVersions, Waivers};
