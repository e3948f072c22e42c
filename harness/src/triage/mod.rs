//! What is done with findings once there are some.

pub mod program;
pub mod shape;
