//! p11assay: a conformance and fuzz testing harness for PKCS #11 modules.

pub mod bench;
pub mod cli;
pub mod coverage;
pub mod cryptoki;
pub mod execute;
pub mod fuzz;
pub mod generate;
pub mod memory;
pub mod module;
pub mod oracle;
pub mod plan;
pub mod probe;
pub mod property;
pub mod run;
pub mod schema;
pub mod security;
pub mod sequence;
pub mod target;
pub mod triage;
pub mod worker;
pub mod yaml;
