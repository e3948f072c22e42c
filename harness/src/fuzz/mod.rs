//! What fuzz targets are a few lines over: bytes decoded to a sequence and run on a module in this
//! process, judged by what is never right. Workers are for modules that are not trusted; here it is
//! the built-in token, which must not crash, so that a crash ends the fuzzer with its input.

mod in_process;

pub use in_process::{Finding, InProcess, Summary};
