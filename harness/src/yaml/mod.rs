//! Reading and writing YAML: the only room that knows which YAML crates are used.
//!
//! `serde_yaml` decides what every scalar means and writes; `saphyr-parser` knows where in the
//! text everything stands. Reading yields a tree of marked [`Node`]s and a serde deserializer over
//! it, so that whatever is wrong is reported as a [`Diagnostic`] with its line, its column, and the
//! name that was probably meant. What the YAML means is left to the rooms that own the types.

mod build;
mod de;
mod diagnostic;
mod document;
mod error;
mod spanned;
mod suggest;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::path::Path;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

pub use de::NodeDeserializer;
pub use diagnostic::{Diagnostic, Source};
pub use document::{Document, Kind, MAX_BYTES, MAX_DEPTH, MAX_NODES, Mark, Node};
pub use error::Error;
pub use spanned::Spanned;
pub use suggest::{closest, unknown_name};

/// Deserialises a whole document.
///
/// # Errors
/// A [`Diagnostic`] at the innermost node that does not fit `T`.
pub fn from_node<T: DeserializeOwned>(document: &Document) -> Result<T, Diagnostic> {
    seeded(document, PhantomData::<T>)
}

/// Deserialises a whole document by a seed, for types that need to know something beforehand.
///
/// # Errors
/// As [`from_node`].
pub fn seeded<'de, S: DeserializeSeed<'de>>(
    document: &'de Document,
    seed: S,
) -> Result<S::Value, Diagnostic> {
    seed.deserialize(NodeDeserializer::new(document.root()))
        .map_err(|error| document.source().error(error.or_at(document.root().mark)))
}

/// Parses and deserialises a text; `path` only names it in messages.
///
/// # Errors
/// A [`Diagnostic`] if the text is not the YAML that is read here, or does not fit `T`.
pub fn from_str<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Diagnostic> {
    from_node(&Document::parse(path, text)?)
}

/// Reads and deserialises a file.
///
/// # Errors
/// As [`from_str`], and if the file cannot be read or is larger than [`MAX_BYTES`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Diagnostic> {
    from_node(&Document::read(path)?)
}

/// A value that has no YAML form: its type is at fault, not the data.
#[derive(Debug, thiserror::Error)]
#[error("this value cannot be written as YAML: {0}; its type needs a textual form")]
pub struct WriteError(String);

/// Writes a value as YAML that [`from_str`] reads back as the same value.
///
/// An enum variant with content becomes a mapping with one key, not a YAML tag. Text of any content
/// survives: what a block cannot hold is quoted and escaped.
///
/// # Errors
/// [`WriteError`] if the type serialises to something YAML lacks, such as raw bytes.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, WriteError> {
    let mut out = Vec::new();
    let mut serializer = serde_yaml::Serializer::new(&mut out);
    serde_yaml::with::singleton_map_recursive::serialize(value, &mut serializer)
        .map_err(|error| WriteError(error.to_string()))?;
    drop(serializer);
    String::from_utf8(out).map_err(|error| WriteError(error.to_string()))
}
