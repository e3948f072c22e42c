//! Reads events back from a stream, line by line. It accepts what a killed run or a newer
//! p11assay of the same format leaves behind, and says which line it cannot accept. Making one
//! picture of the events is left to `fold`.

use super::{Evidence, Fold, StreamError};
use crate::evidence::{Event, FORMAT};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
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
        let file = open(path)?;
        Ok(Reader::new(path, BufReader::with_capacity(1 << 18, file)))
    }
}

fn open(path: &Path) -> Result<File, StreamError> {
    File::open(path).map_err(|source| StreamError::Open {
        path: path.to_owned(),
        source,
    })
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
    let mut bytes = Vec::new();
    let mut file = open(path)?;
    file.read_to_end(&mut bytes)
        .map_err(|source| StreamError::Read {
            path: path.to_owned(),
            source,
        })?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    fold(path, &bytes, threads.min(bytes.len() / ALONE + 1))
}

/// What one thread reads as fast as several would.
const ALONE: usize = 1 << 20;

/// Events are read by so many threads, each its part of the lines, and folded in their order.
fn fold(path: &Path, bytes: &[u8], threads: usize) -> Result<Evidence, StreamError> {
    let mut fold = Fold::default();
    let (mut torn, mut unknown) = (false, 0);
    std::thread::scope(|scope| {
        let readers: Vec<_> = parts(bytes, threads)
            .into_iter()
            .map(|(number, part)| {
                scope.spawn(move || {
                    let mut reader = Reader {
                        number,
                        ..Reader::new(path, part)
                    };
                    let events: Result<Vec<Event>, StreamError> = reader.by_ref().collect();
                    events.map(|events| (events, reader.torn(), reader.unknown_events()))
                })
            })
            .collect();
        for reader in readers {
            let (events, is_torn, passed_over) = reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            events.into_iter().for_each(|event| fold.push(event));
            torn |= is_torn;
            unknown += passed_over;
        }
        Ok(())
    })?;
    let evidence = fold.finish(torn, unknown);
    evidence.ok_or_else(|| StreamError::Empty(path.to_owned()))
}

/// Cuts between lines into at most so many parts of about one length; each with the number of lines
/// before it.
fn parts(bytes: &[u8], most: usize) -> Vec<(u64, &[u8])> {
    let size = bytes.len().div_ceil(most).max(1);
    let (mut parts, mut rest, mut number) = (Vec::new(), bytes, 0);
    loop {
        let from = size.min(rest.len());
        let end = rest[from..].iter().position(|byte| *byte == b'\n');
        let (part, others) = rest.split_at(end.map_or(rest.len(), |end| from + end + 1));
        parts.push((number, part));
        if others.is_empty() {
            return parts;
        }
        number += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        rest = others;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = concat!(
        r#"{"event":"run-started","format":1,"version":"0","started":"2026-11-28T23:15:28Z","seed":1,"command":[],"host":{},"resumed":false,"gate":{"scope":"should"}}"#,
        "\n",
        r#"{"event":"of-later"}"#,
        "\n",
        r#"{"event":"note","kind":"k","text":"a"}"#,
        "\n",
        r#"{"event":"note","kind":"k","text":"b"}"#,
        "\n",
        r#"{"event":"no"#,
    );

    #[test]
    fn parts_are_all_lines_in_order() {
        for most in 1..9 {
            let parts = parts(STREAM.as_bytes(), most);
            assert!(parts.len() <= most);
            let joined: Vec<u8> = parts
                .iter()
                .flat_map(|(_, part)| part.iter().copied())
                .collect();
            assert_eq!(joined, STREAM.as_bytes());
            let mut before = 0;
            for (number, part) in parts {
                assert_eq!(number, before);
                before += part.split_inclusive(|byte| *byte == b'\n').count() as u64;
            }
        }
        assert_eq!(parts(b"", 2), [(0, &b""[..])]);
    }

    #[test]
    fn what_is_read_depends_on_no_number_of_threads() {
        let path = Path::new("evidence.jsonl");
        let alone = format!("{:?}", fold(path, STREAM.as_bytes(), 1));
        let corrupt = STREAM.replace("\"text\":\"b\"", "\"text\":");
        let refused = format!("{:?}", fold(path, corrupt.as_bytes(), 1));
        assert!(refused.contains("line: 4"), "{refused}");
        for threads in 2..9 {
            assert_eq!(
                format!("{:?}", fold(path, STREAM.as_bytes(), threads)),
                alone
            );
            assert_eq!(
                format!("{:?}", fold(path, corrupt.as_bytes(), threads)),
                refused
            );
        }
    }
}
