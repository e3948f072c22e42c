//! The search for ways to a key that must not be revealed, over what a target was seen to permit, in the
//! manner of Tookan (Bortolozzo, Centenaro, Focardi, Steel, CCS 2010).
//!
//! [`permission`] says what may be permitted and how to try it; [`observe`] tries it on the target;
//! [`model`] draws all conclusions from what is permitted; [`path`] makes a conclusion a case of the sequence
//! language; [`search`] executes it as proof and looks further. [`timing`] is about what return values do not
//! tell and time does, by the test of [`statistics`].

pub mod model;
pub mod observe;
pub mod path;
pub mod permission;
mod script;
pub mod search;
pub mod statistics;
pub mod timing;
