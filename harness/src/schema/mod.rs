//! JSON Schemas (draft 2020-12) of the files people write, for editors: completion, descriptions,
//! and red lines where a reader would refuse. The suite schema is made from the tables and key
//! lists that the readers use; the target schema is derived from the types of `target`.
//!
//! A schema has no floats apart from whole numbers, no duplicate keys and no order of steps: what
//! it accepts may still be refused by the reader, which has the last word.

mod argument;
mod definitions;
mod expectation;
mod number;
mod octets;
mod suite;
#[cfg(test)]
pub(crate) mod tests;

/// JSON Schema of a suite file.
#[must_use]
pub fn suite_schema() -> serde_json::Value {
    suite::schema()
}

/// JSON Schema of a target file.
#[must_use]
pub fn target_schema() -> serde_json::Value {
    crate::target::description::schema()
}
