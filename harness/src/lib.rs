#![doc = "p11assay: a conformance and fuzz testing harness for PKCS #11 modules."]

pub mod target;
pub mod yaml;
