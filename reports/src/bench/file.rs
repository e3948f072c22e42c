//! Reading and writing the JSON documents of benchmarks. A document is replaced as a whole, so that a
//! reader finds the last complete one whenever it looks.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{FORMAT, Run};

/// A document that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No access.
    #[error("{path}: {source}")]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is none.
    #[error(
        "{path}: no record of benchmarks: {source}; give the `bench.json` of a run, or its folder"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It was written by a later version.
    #[error(
        "{path}: written in format {format}, and this program knows {FORMAT}; use a later version"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
}

/// Reads the record of a run: the file, or the folder that has it as `bench.json`.
///
/// # Errors
/// [`FileError`] if there is none that can be read.
pub fn read(path: &Path) -> Result<Run, FileError> {
    let path = match path.is_dir() {
        true => path.join("bench.json"),
        false => path.to_owned(),
    };
    let bytes = std::fs::read(&path).map_err(|source| FileError::Access {
        path: path.clone(),
        source,
    })?;
    let run: Run = serde_json::from_slice(&bytes).map_err(|source| FileError::Malformed {
        path: path.clone(),
        source,
    })?;
    match run.format > FORMAT {
        true => Err(FileError::TooNew {
            path,
            format: run.format,
        }),
        false => Ok(run),
    }
}

/// Writes a document in place of the one before.
///
/// # Errors
/// [`FileError`] if it cannot be written.
pub fn write(path: &Path, document: &impl Serialize) -> Result<(), FileError> {
    let failed = |source| FileError::Access {
        path: path.to_owned(),
        source,
    };
    let part = path.with_added_extension("part");
    let mut file = File::create(&part).map_err(failed)?;
    let mut text = serde_json::to_vec(document).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    file.write_all(&text).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
