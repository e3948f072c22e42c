//! Appends events to a stream, one line and one write each, so that a run killed at any moment
//! leaves at most a torn last line. Reading is left to `reader`.

use super::StreamError;
use crate::evidence::Event;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Bytes looked at in one step when searching the end of the last whole line.
const STEP: usize = 64 * 1024;

/// An evidence stream open for appending. Nothing is held back in this process: when
/// [`Writer::append`] returns, the operating system has the whole line.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    length: u64,
    line: Vec<u8>,
}

impl Writer {
    /// Creates a stream for a new run.
    ///
    /// # Errors
    /// [`StreamError::Exists`] if there is one already: evidence is never overwritten.
    pub fn open_new(path: &Path) -> Result<Writer, StreamError> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => StreamError::Exists(path.to_owned()),
            _ => open_error(path, source),
        })?;
        Ok(Writer {
            path: path.to_owned(),
            file,
            length: 0,
            line: Vec::new(),
        })
    }

    /// Opens the stream of an interrupted run to go on with it. A torn last line is cut off
    /// first, since what is appended to it would be lost with it; a last line that lacks nothing
    /// but its line feed is completed.
    ///
    /// # Errors
    /// [`StreamError::Open`] if there is no such stream, or it cannot be mended.
    pub fn open_append(path: &Path) -> Result<Writer, StreamError> {
        let open = || {
            let mut file = OpenOptions::new().read(true).append(true).open(path)?;
            let length = mend_tail(&mut file)?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(|source| open_error(path, source))?;
        Ok(Writer {
            path: path.to_owned(),
            file,
            length,
            line: Vec::new(),
        })
    }

    /// Appends one event.
    ///
    /// # Errors
    /// [`StreamError::Write`]; the part of the line that was written is taken back, so that a
    /// later event (after room was made) does not join it.
    pub fn append(&mut self, event: &Event) -> Result<(), StreamError> {
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, event)
            .map_err(std::io::Error::from)
            .and_then(|()| {
                self.line.push(b'\n');
                self.file.write_all(&self.line)
            });
        if let Err(source) = written {
            // A failure here leaves a torn line, which readers accept at the end of a stream.
            let _ = self.file.set_len(self.length);
            return Err(self.write_error(source));
        }
        self.length += self.line.len() as u64;
        Ok(())
    }

    /// Waits until the storage has all events: a loss of power then loses nothing either.
    ///
    /// # Errors
    /// [`StreamError::Write`] if the storage fails.
    pub fn sync(&self) -> Result<(), StreamError> {
        self.file
            .sync_data()
            .map_err(|source| self.write_error(source))
    }

    /// Path of the stream, as it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write_error(&self, source: std::io::Error) -> StreamError {
        StreamError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

fn open_error(path: &Path, source: std::io::Error) -> StreamError {
    StreamError::Open {
        path: path.to_owned(),
        source,
    }
}

/// Makes the file end with a whole line; returns its length, bytes.
fn mend_tail(file: &mut File) -> std::io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let whole = end_of_last_line(file, length)?;
    if whole == length {
        return Ok(length);
    }
    file.seek(SeekFrom::Start(whole))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if serde_json::from_slice::<serde::de::IgnoredAny>(&tail).is_ok() {
        file.write_all(b"\n")?;
        return Ok(length + 1);
    }
    file.set_len(whole)?;
    Ok(whole)
}

/// Offset just behind the last line feed of the first `length` bytes; 0 if there is none.
fn end_of_last_line(file: &mut File, length: u64) -> std::io::Result<u64> {
    let mut end = length;
    let mut block = vec![0; STEP];
    while end > 0 {
        let start = end.saturating_sub(STEP as u64);
        let size = usize::try_from(end - start).unwrap_or(STEP);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..size])?;
        if let Some(at) = block[..size].iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
