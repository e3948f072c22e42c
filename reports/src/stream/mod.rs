//! The evidence stream as a file: appending events, reading them back, and folding them into one
//! [`Evidence`]. What the events say is left to `evidence`, how they look to the renderings.

mod fold;
mod reader;
mod writer;

pub use fold::{Evidence, Fold};
pub use reader::{Reader, read};
pub use writer::Writer;

use std::path::PathBuf;

/// Why a stream could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The stream exists, and a new run was to be written.
    #[error("{} exists already: resume that run, or choose another folder for this one", .0.display())]
    Exists(PathBuf),
    /// The file could not be opened or created.
    #[error("cannot open the evidence stream {}: {source}; check the path and its permissions", path.display())]
    Open {
        /// Path of the stream.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A line could not be written. The stream ends with the line before it.
    #[error("cannot write to the evidence stream {}: {source}; make room, then resume the run", path.display())]
    Write {
        /// Path of the stream.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file could not be read to its end.
    #[error("cannot read the evidence stream {}: {source}", path.display())]
    Read {
        /// Path of the stream.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file has no complete line: the run was killed before it began.
    #[error("{} holds no event: the run did not begin; run it again", .0.display())]
    Empty(PathBuf),
    /// The file does not begin like an evidence stream.
    #[error("{} is not an evidence stream: its first line is no `run-started` event", .0.display())]
    NotEvidence(PathBuf),
    /// A newer p11assay wrote the stream.
    #[error("{} has evidence format {found}, this p11assay reads up to {known}: use the p11assay that wrote it, or a newer one", path.display())]
    Newer {
        /// Path of the stream.
        path: PathBuf,
        /// Format of the stream.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// A line other than a torn last one is no event.
    #[error("{} line {line} is corrupt: {reason}; remove that line to read the rest", path.display())]
    Corrupt {
        /// Path of the stream.
        path: PathBuf,
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}
