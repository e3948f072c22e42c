//! The marked tree that a YAML text becomes, and the limits that reading keeps.
//!
//! How the tree is built is left to `build`; how it becomes a Rust value, to `de`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::build;
use super::diagnostic::{Diagnostic, Source};

/// Largest file that is read, in bytes. A larger one is refused before it is read.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Most nodes a document may hold once its aliases are written out; stops alias bombs.
pub const MAX_NODES: usize = 1_000_000;

/// Deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 100;

/// Where a node begins in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters the node covers on its first line; 1 for lists, mappings and nothing at all.
    pub width: u32,
}

/// A value and the place it stands at.
///
/// What an alias brings in keeps the mark of the place where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub mark: Mark,
    /// The value.
    pub kind: Kind,
}

/// A YAML value, its scalars typed the way `serde_yaml` types them.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from zero up.
    Unsigned(u64),
    /// A whole number below zero.
    Signed(i64),
    /// Any other number.
    Float(f64),
    /// Text, quoted or not.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order it is written; no two keys have the same text.
    Mapping(Vec<(Node, Node)>),
}

/// One parsed document and the text it came from.
#[derive(Debug, Clone)]
pub struct Document {
    source: Source,
    root: Node,
}

impl Document {
    /// Parses a text; `path` only names it in messages.
    ///
    /// An empty text is a document that holds null.
    ///
    /// # Errors
    /// A [`Diagnostic`] for a syntax error, a key that is given twice (with both places), a tag, a
    /// second document, or a text beyond [`MAX_BYTES`], [`MAX_NODES`] or [`MAX_DEPTH`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        if text.len() as u64 > MAX_BYTES {
            return Err(too_large(path, text.len() as u64));
        }
        let source = Source::new(path, text);
        let root = build::tree(&source)?;
        Ok(Self { source, root })
    }

    /// Reads and parses a file.
    ///
    /// # Errors
    /// As [`Document::parse`], and if the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let bytes = read_limited(path)?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(path, &text),
            Err(error) => Err(not_utf8(path, &error)),
        }
    }

    /// The outermost node.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The text, from which a diagnostic at any [`Mark`] can be made later.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let unreadable = |error: std::io::Error| {
        Diagnostic::new(path, format!("cannot read this file: {error}"))
            .help("give the path of a readable YAML file")
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length > MAX_BYTES {
        return Err(too_large(path, length));
    }
    let mut bytes = Vec::new();
    // A pipe or a growing file has no honest length: read one byte past the limit at most.
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(path, bytes.len() as u64));
    }
    Ok(bytes)
}

fn too_large(path: &Path, length: u64) -> Diagnostic {
    Diagnostic::new(
        path,
        format!(
            "this file is too large: at least {length} bytes, and at most {MAX_BYTES} are read"
        ),
    )
    .help("split it into several files")
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let good = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
    let line = good.matches('\n').count() as u32 + 1;
    let column = good.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    let mark = Mark {
        line,
        column,
        width: 1,
    };
    Source::new(path, &good)
        .diagnostic(mark, "this file is not UTF-8 text from here on")
        .help("save it as UTF-8")
}
