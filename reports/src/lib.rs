//! The evidence model of a p11assay run and every rendering of it.
#![forbid(unsafe_code)]

pub mod evidence;
