//! The program as people and CI jobs meet it: arguments in, words, exit code and files out.

mod attacks;
mod baseline;
mod bench;
mod children;
mod claims;
mod coverage;
mod denied;
mod fuzz;
mod gate;
mod hostile;
mod kit;
mod lanes;
mod outputs;
mod partition;
mod program;
mod programs;
mod property;
mod refusals;
mod removal;
mod repeat;
mod report;
mod runs;
mod security;
mod statuses;
mod triage;
mod waivers;
