//! Suite files: a suite of cases, each a sequence with its clause and the conditions under which it
//! applies. Reading them from YAML is here; what the steps mean is left to `sequence`.

use std::path::Path;

use p11assay_reports::evidence::{Class, Clause, Level};

use super::needs::Needs;
use crate::oracle::Attack;
use crate::sequence::{Sequence, Value};
use crate::yaml::{Diagnostic, Document, Source};

mod read;
pub(crate) mod words;
mod write;

/// A suite file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its hierarchical name, the front of every case's id.
    pub name: String,
    /// The file, for messages and evidence.
    pub file: String,
    /// Its cases, variants written out.
    pub cases: Vec<Case>,
}

/// The state that a case is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ladder {
    /// The library is loaded and not initialised.
    Loaded,
    /// It is initialised, and no session is open.
    #[default]
    Initialized,
    /// A read-only session is open, as `$session`.
    Session,
    /// A read/write session is open, as `$session`.
    RwSession,
    /// A read-only session is open and the user is logged in.
    User,
    /// A read/write session is open and the user is logged in.
    RwUser,
    /// A read/write session is open and the security officer is logged in.
    So,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Hierarchical id, suite and own.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// What the verdict rests on.
    pub clause: Clause,
    /// How binding it is.
    pub level: Level,
    /// What it means that all its steps are taken, if they are an attack.
    pub attack: Option<Attack>,
    /// How honest its arguments are.
    pub class: Class,
    /// The state it is to find.
    pub ladder: Ladder,
    /// When it applies.
    pub needs: Needs,
    /// Parameters of the variant, as `$with.name`.
    pub with: Vec<(String, Value)>,
    /// Preparation and calls; preparation steps are marked as fixtures.
    pub sequence: Sequence,
    /// True if the two readings of a profile test case differ here.
    pub has_strict_reading: bool,
    /// Line of the case in its file.
    pub line: u32,
}

/// What the ids of cases begin with that a search made up.
pub const MADE_UP: &str = "fuzz/";

/// True of the id of what a search made up: it is there for nothing but what it showed.
#[must_use]
pub fn is_made_up(id: &str) -> bool {
    id.starts_with(MADE_UP)
}

impl Case {
    /// A case of level MUST and class A that makes no call: it tells of something that no suite asks.
    #[must_use]
    pub fn without_calls(id: String, title: String, clause: Clause) -> Self {
        Self {
            id,
            title,
            clause,
            level: Level::Must,
            attack: None,
            class: Class::A,
            ladder: Ladder::Initialized,
            needs: Needs::default(),
            with: Vec::new(),
            sequence: Sequence::default(),
            has_strict_reading: false,
            line: 0,
        }
    }
}

impl Suite {
    /// Reads a suite file.
    ///
    /// # Errors
    /// A [`Diagnostic`] with the place of what is wrong.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::read(path)?, &path.display().to_string())
    }

    /// Reads a suite from text; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Suite::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::parse(path, text)?, &path.display().to_string())
    }

    fn from_document(document: &Document, file: &str) -> Result<Self, Diagnostic> {
        let read = Self::from_node(document.root(), file);
        read.map_err(|error| diagnose(document.source(), error))
    }

    /// Reads a suite from the root of a document.
    pub(crate) fn from_node(
        node: &crate::yaml::Node,
        file: &str,
    ) -> Result<Self, crate::yaml::Error> {
        read::suite(node, file)
    }
}

fn diagnose(source: &Source, error: crate::yaml::Error) -> Diagnostic {
    source.error(error)
}
