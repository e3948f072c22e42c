//! The evidence model of a p11assay run and every rendering of it.
#![forbid(unsafe_code)]

pub mod baseline;
pub mod bench;
mod chart;
pub mod check;
pub mod cluster;
pub mod counts;
pub mod coverage;
pub mod ctrf;
pub mod describe;
pub mod evidence;
pub mod exit;
pub mod export;
pub mod folder;
pub mod gate;
mod html;
pub mod json;
pub mod junit;
pub mod merge;
pub mod render;
pub mod sarif;
pub mod site;
pub mod stream;
pub mod terminal;
pub mod text;
pub mod triage;
