//! What a person is shown when a YAML file is wrong: message, place, the line itself, a way out.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::Mark;
use super::error::Error;

/// Widest part of a line that is shown, in characters.
const SHOWN_WIDTH: usize = 120;

/// Characters shown before the marked place when a line is too long to be shown whole.
const LEAD: usize = 40;

/// A text and its name, cheap to keep for as long as messages about it may be needed.
#[derive(Debug, Clone)]
pub struct Source {
    path: Arc<Path>,
    text: Arc<str>,
}

impl Source {
    /// A text and the path it is known by.
    #[must_use]
    pub fn new(path: &Path, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The path the text is known by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A message about a place in this text.
    #[must_use]
    pub fn diagnostic(&self, mark: Mark, message: impl Into<String>) -> Diagnostic {
        let mut diagnostic = self.whole(message);
        diagnostic.0.place = Some(Place::new(mark, self));
        diagnostic
    }

    /// A message about the text as a whole.
    #[must_use]
    pub fn whole(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(&self.path, message)
    }

    /// A deserialisation error, with the place it carries.
    #[must_use]
    pub fn error(&self, error: Error) -> Diagnostic {
        let diagnostic = match error.mark() {
            Some(mark) => self.diagnostic(mark, error.message()),
            None => self.whole(error.message()),
        };
        match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// One thing that is wrong with a file, and how to put it right.
///
/// Its `Display` is the whole message of several lines, ready for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    path: PathBuf,
    message: String,
    place: Option<Place>,
    also: Option<(String, Place)>,
    help: Option<String>,
}

/// A mark and the line of text it lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    mark: Mark,
    line: String,
}

impl Place {
    fn new(mark: Mark, source: &Source) -> Self {
        let index = mark.line.saturating_sub(1) as usize;
        let line = lines(source.text())
            .nth(index)
            .unwrap_or_default()
            .to_owned();
        Self { mark, line }
    }
}

impl Diagnostic {
    /// A message about a file as a whole.
    #[must_use]
    pub fn new(path: &Path, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            path: path.to_owned(),
            message: message.into(),
            place: None,
            also: None,
            help: None,
        }))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds a second place of the same file that has to do with it.
    #[must_use]
    pub fn also(mut self, mark: Mark, label: impl Into<String>, source: &Source) -> Self {
        self.0.also = Some((label.into(), Place::new(mark, source)));
        self
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The place, if the message is about one.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.0.place.as_ref().map(|place| place.mark)
    }

    /// The second place, if there is one.
    #[must_use]
    pub fn second_mark(&self) -> Option<Mark> {
        self.0.also.as_ref().map(|(_, place)| place.mark)
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.0;
        let path = printable(&parts.path.display().to_string());
        let gutter = [
            parts.place.as_ref(),
            parts.also.as_ref().map(|(_, place)| place),
        ]
        .into_iter()
        .flatten()
        .map(|place| place.mark.line.to_string().len())
        .max()
        .unwrap_or(1);
        write!(f, "error: {}", printable(&parts.message))?;
        match &parts.place {
            Some(place) => snippet(f, &path, place, gutter, "")?,
            None => write!(f, "\n{:gutter$}--> {path}", "")?,
        }
        if let Some((label, place)) = &parts.also {
            snippet(f, &path, place, gutter, label)?;
        }
        if let Some(help) = &parts.help {
            write!(f, "\n{:gutter$} = help: {}", "", printable(help))?;
        }
        Ok(())
    }
}

/// Writes a place: where it is, its line, and carets under what is meant.
fn snippet(
    f: &mut fmt::Formatter<'_>,
    path: &str,
    place: &Place,
    gutter: usize,
    label: &str,
) -> fmt::Result {
    let Mark {
        line,
        column,
        width,
    } = place.mark;
    let (text, start, carets) = window(&place.line, column as usize - 1, width as usize);
    let label = if label.is_empty() {
        String::new()
    } else {
        format!(" {label}")
    };
    write!(f, "\n{:gutter$}--> {path}:{line}:{column}", "")?;
    write!(f, "\n{:gutter$} |", "")?;
    write!(f, "\n{line:gutter$} | {text}")?;
    write!(
        f,
        "\n{:gutter$} | {:start$}{}{label}",
        "",
        "",
        "^".repeat(carets)
    )
}

/// The part of a line to show, where the carets begin in it, and how many there are.
fn window(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let count = line.chars().count();
    let column = column.min(count);
    let skipped = if count > SHOWN_WIDTH {
        column.saturating_sub(LEAD)
    } else {
        0
    };
    let mut shown = String::new();
    let mut start = 0;
    let mut end = 0;
    if skipped > 0 {
        shown.push_str("...");
    }
    let mut cells = shown.len();
    for (index, character) in line.chars().enumerate().skip(skipped).take(SHOWN_WIDTH) {
        if index == column {
            start = cells;
        }
        let before = shown.len();
        push_printable(&mut shown, character);
        cells += shown[before..].chars().count();
        if index < column + width.max(1) {
            end = cells;
        }
    }
    if column >= count.min(skipped + SHOWN_WIDTH) {
        start = cells;
    }
    if count > skipped + SHOWN_WIDTH {
        shown.push_str("...");
    }
    (shown, start, end.saturating_sub(start).max(1))
}

/// Text in which nothing can move the cursor or recolour a terminal.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push('\n'),
            other => push_printable(&mut out, other),
        }
    }
    out
}

fn push_printable(out: &mut String, character: char) {
    match character {
        '\t' => out.push_str("    "),
        // Direction overrides could make a line read as something it is not.
        '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{feff}' => {
            let _ = write!(out, "<U+{:04X}>", u32::from(character));
        }
        control if control.is_control() => {
            let _ = write!(out, "<U+{:04X}>", u32::from(control));
        }
        other => out.push(other),
    }
}

/// Lines as YAML counts them: LF, CR LF and a lone CR all end one.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(end) = current.find(['\n', '\r']) else {
            rest = None;
            return Some(current);
        };
        let length = if current[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&current[end + length..]);
        Some(&current[..end])
    })
}
