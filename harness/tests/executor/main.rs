//! The executor against function lists that record what they are given, and against the built-in
//! token in this process.

mod arguments;
mod fake;
mod initialize;
mod lanes;
mod outputs;
mod references;
mod structures;
mod token;
mod turns;
