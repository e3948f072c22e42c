//! The program as people and CI jobs meet it: arguments in, words, exit code and files out.

mod hostile;
mod kit;
mod outputs;
mod refusals;
mod runs;
mod waivers;
