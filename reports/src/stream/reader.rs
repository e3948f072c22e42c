//! Reads events back from a stream, line by line. It accepts what a killed run or a newer
//! p11assay of the same format leaves behind, and says which line it cannot accept. Making one
//! picture of the events is left to `fold`.

use super::{Evidence, Fold, StreamError};
use crate::evidence::{Event, FORMAT};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The part of a line that says how to read the rest.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default)]
    format: Option<u32>,
}

/// What a line turned out to be.
enum Line {
    Event(Event),
    Unknown,
}

/// The events of a stream in their order. Kinds of events it does not know are passed over and
/// counted; unknown fields are ignored. It ends for good after an error.
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    input: R,
    line: Vec<u8>,
    number: u64,
    torn: bool,
    unknown: usize,
    done: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a stream.
    ///
    /// # Errors
    /// [`StreamError::Open`].
    pub fn open(path: &Path) -> Result<Self, StreamError> {
        let file = File::open(path).map_err(|source| StreamError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Reader::new(path, BufReader::with_capacity(1 << 18, file)))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a stream from `input`; `path` is what errors name it by.
    pub fn new(path: &Path, input: R) -> Self {
        Reader {
            path: path.to_owned(),
            input,
            line: Vec::new(),
            number: 0,
            torn: false,
            unknown: 0,
            done: false,
        }
    }

    /// True if the stream ended within a line. Known once the iterator has ended.
    #[must_use]
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// Number of events passed over because their kind is not known here.
    #[must_use]
    pub fn unknown_events(&self) -> usize {
        self.unknown
    }

    fn next_event(&mut self) -> Result<Option<Event>, StreamError> {
        while self.next_line()? {
            let whole = self.line.ends_with(b"\n");
            match parse(&self.path, self.number, &self.line) {
                Ok(Line::Event(event)) => return Ok(Some(event)),
                Ok(Line::Unknown) => self.unknown += 1,
                Err(_) if !whole && !is_json(&self.line) => self.torn = true,
                Err(error) => return Err(error),
            }
        }
        if self.number == u64::from(self.torn) {
            return Err(StreamError::Empty(self.path.clone()));
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<bool, StreamError> {
        self.line.clear();
        let read = self.input.read_until(b'\n', &mut self.line);
        let length = read.map_err(|source| StreamError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.number += u64::from(length > 0);
        Ok(length > 0)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_event().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads a whole stream into one [`Evidence`].
///
/// # Errors
/// Any [`StreamError`] of reading; a torn last line is none, see [`Evidence::torn`].
pub fn read(path: &Path) -> Result<Evidence, StreamError> {
    let mut reader = Reader::open(path)?;
    let mut fold = Fold::default();
    for event in &mut reader {
        fold.push(event?);
    }
    let evidence = fold.finish(reader.torn(), reader.unknown_events());
    evidence.ok_or_else(|| StreamError::Empty(path.to_owned()))
}

fn is_json(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

/// Reads the head first and then straight into the type it names: an internally tagged enum would
/// buffer every value on its way, and an unknown tag could not be told from a corrupt line.
fn parse(path: &Path, number: u64, line: &[u8]) -> Result<Line, StreamError> {
    let corrupt = |error: serde_json::Error| StreamError::Corrupt {
        path: path.to_owned(),
        line: number,
        reason: error.to_string(),
    };
    let head: Head<'_> = match serde_json::from_slice(line) {
        Ok(head) => head,
        Err(_) if number == 1 => return Err(StreamError::NotEvidence(path.to_owned())),
        Err(error) => return Err(corrupt(error)),
    };
    if number == 1 && head.event != "run-started" {
        return Err(StreamError::NotEvidence(path.to_owned()));
    }
    if let Some(found) = head.format.filter(|found| *found > FORMAT) {
        return Err(StreamError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    let event = match &*head.event {
        "run-started" => body(line).map(Event::RunStarted),
        "target" => body(line).map(Event::Target),
        "plan" => body(line).map(Event::Plan),
        "case" => body(line).map(Event::Case),
        "tally" => body(line).map(Event::Tally),
        "note" => body(line).map(Event::Note),
        "interrupted" => body(line).map(Event::Interrupted),
        "run-finished" => body(line).map(Event::RunFinished),
        _ => return Ok(Line::Unknown),
    };
    event.map(Line::Event).map_err(corrupt)
}

fn body<T: DeserializeOwned>(line: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(line)
}
