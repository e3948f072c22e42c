//! Cryptoki as data: names of constants, functions and their parameters, structures, attributes.
//!
//! The facts come from `suites/spec/*.csv` and from the table in [`function`]; nothing here calls
//! a module or knows how a sequence is written.

pub mod attribute;
pub mod function;
pub mod mechanism;
pub mod names;
pub mod object;
pub mod operation;
pub mod refusal;
pub mod returns;
pub mod structure;
mod version;

pub use attribute::AttributeType;
pub use function::{Function, Parameter, ParameterKind, Record, Version};
pub use names::Kind;
