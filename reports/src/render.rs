//! The one door to all renderings: which format, into which file, without losing what was there.
//! What a format looks like is left to its module.

use crate::check::Check;
use crate::coverage::Coverage;
use crate::ctrf;
use crate::export::{Export, Runs};
use crate::json;
use crate::junit::{self, JunitError};
use crate::sarif;
use crate::site::Site;
use crate::stream::Evidence;
use crate::terminal::{self, Style};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A rendering that goes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JUnit XML, in several files where it is large ([`junit::write()`]).
    Junit,
    /// One JSON document ([`json::write()`]).
    Json,
    /// SARIF of what was found ([`sarif::write()`]).
    Sarif,
    /// Common Test Report Format ([`ctrf::write()`]).
    Ctrf,
    /// What a terminal shows in verbose mode, without colour.
    Text,
}

impl Format {
    /// Every format with its name on the command line.
    pub const ALL: [(Format, &'static str); 5] = [
        (Format::Junit, "junit"),
        (Format::Json, "json"),
        (Format::Sarif, "sarif"),
        (Format::Ctrf, "ctrf"),
        (Format::Text, "text"),
    ];
}

/// The name is of no format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no report format {0:?}: choose junit, json, sarif, ctrf or text")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Format::ALL.into_iter().find(|(_, known)| *known == name);
        found
            .map(|(format, _)| format)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Why a report could not be written. The evidence is not touched by any of these: mend the cause
/// and render again.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The folder to write to is missing.
    #[error("the folder {} does not exist: create it, or choose another path for the report", .0.display())]
    NoFolder(PathBuf),
    /// The path is a folder.
    #[error("{} is a folder: name a file in it for the report", .0.display())]
    IsFolder(PathBuf),
    /// The file could not be written.
    #[error("cannot write the report {}: {source}; choose another path or mend its permissions", path.display())]
    Write {
        /// Path of the report.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The JUnit document could not be made.
    #[error(transparent)]
    Junit(#[from] JunitError),
}

/// Writes a report. A file that is there already is replaced in one step once the new one is
/// complete. Returns the paths written: `path`, for a large JUnit report also its further parts.
///
/// # Errors
/// [`RenderError`]; the file that was there before is then still there.
pub fn render(
    evidence: &Evidence,
    format: Format,
    path: &Path,
) -> Result<Vec<PathBuf>, RenderError> {
    match format {
        Format::Junit => return junit::write(evidence, path, junit::DEFAULT_LIMIT),
        Format::Json => replace_file(path, |file| json::write(evidence, file))?,
        Format::Sarif => replace_file(path, |file| sarif::write(evidence, file))?,
        Format::Ctrf => replace_file(path, |file| ctrf::write(evidence, file))?,
        Format::Text => replace_file(path, |file| write_text(evidence, file))?,
    }
    Ok(vec![path.to_owned()])
}

/// Writes a report of the run of the reproducers, with the care of [`render`]. JUnit and SARIF tell what became of each
/// finding.
///
/// # Errors
/// [`RenderError`]; the file that was there before is then still there.
pub fn render_check(
    check: &Check<'_>,
    format: Format,
    path: &Path,
) -> Result<Vec<PathBuf>, RenderError> {
    match format {
        Format::Junit => return junit::write_check(check, path, junit::DEFAULT_LIMIT),
        Format::Sarif => replace_file(path, |file| sarif::write_check(check, file))?,
        _ => return render(check.again(), format, path),
    }
    Ok(vec![path.to_owned()])
}

/// Writes a coverage report, with the care of [`render`].
///
/// # Errors
/// [`RenderError`]; the file that was there before is then still there.
pub fn render_coverage(coverage: &Coverage, html: bool, path: &Path) -> Result<(), RenderError> {
    replace_file(path, |file| match html {
        true => coverage.write_html(file),
        false => coverage.write_json(file),
    })
}

/// Writes what several runs came to, with the care of [`render`].
///
/// # Errors
/// [`RenderError`]; the file that was there before is then still there.
pub fn render_export(runs: &Runs<'_>, export: Export, path: &Path) -> Result<(), RenderError> {
    replace_file(path, |file| runs.write(export, file))
}

/// Writes the page of a report, with the care of [`render`].
///
/// # Errors
/// [`RenderError`]; the file that was there before is then still there.
pub fn render_site(site: &Site<'_>, path: &Path) -> Result<(), RenderError> {
    replace_file(path, |file| site.write(file))
}

/// Checks that a report can be written to `path` later, by making and removing a file next to it.
/// To be called before a run: results must not be lost to a mistyped path at its end.
///
/// # Errors
/// [`RenderError`] with what to mend. Missing folders are not created.
pub fn ensure_writable(path: &Path) -> Result<(), RenderError> {
    match destination(path)? {
        // Opening a pipe waits for its reader, and closing it would tell that reader the end.
        Destination::Stream(_) => Ok(()),
        Destination::File { path, folder } => new_file(&folder)
            .and_then(tempfile::NamedTempFile::close)
            .map_err(|source| RenderError::Write { path, source }),
    }
}

/// What a path leads to.
enum Destination {
    /// A regular file, or none yet; links followed.
    File { path: PathBuf, folder: PathBuf },
    /// A pipe or device (`/dev/stdout`): it cannot be replaced, only written to.
    Stream(PathBuf),
}

fn destination(path: &Path) -> Result<Destination, RenderError> {
    // Follows links: replacing a link would leave its file with the old report.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match path.metadata() {
        Ok(found) if found.is_dir() => return Err(RenderError::IsFolder(path)),
        Ok(found) if !found.is_file() => return Ok(Destination::Stream(path)),
        _ => {}
    }
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => return Err(RenderError::IsFolder(path)),
    };
    if path.file_name().is_none() {
        return Err(RenderError::IsFolder(path));
    }
    if !folder.is_dir() {
        return Err(RenderError::NoFolder(folder));
    }
    Ok(Destination::File { path, folder })
}

/// Writes a file through a temporary one beside it, so that nobody ever sees half a report.
pub(crate) fn replace_file(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), RenderError> {
    let write = |path: PathBuf, result: std::io::Result<()>| {
        result.map_err(|source| RenderError::Write { path, source })
    };
    match destination(path)? {
        Destination::Stream(path) => {
            let file = open_stream(&path)?;
            write(path, fill_through(&file, fill))
        }
        Destination::File { path, folder } => {
            let filled = new_file(&folder).and_then(|file| {
                fill_through(file.as_file(), fill)?;
                file.as_file().sync_data()?;
                file.persist(&path)?;
                Ok(())
            });
            write(path, filled)
        }
    }
}

fn fill_through(
    file: &File,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut output = BufWriter::with_capacity(1 << 18, file);
    fill(&mut output)?;
    output.flush()
}

fn open_stream(path: &Path) -> Result<File, RenderError> {
    let opened = OpenOptions::new().write(true).open(path);
    opened.map_err(|source| RenderError::Write {
        path: path.to_owned(),
        source,
    })
}

/// A temporary file with the permissions any new file would have: reports are for others.
fn new_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".p11assay-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn write_text(evidence: &Evidence, output: &mut dyn Write) -> std::io::Result<()> {
    let style = Style {
        color: false,
        verbosity: terminal::Verbosity::Verbose,
    };
    for block in evidence
        .cases
        .iter()
        .filter_map(|case| terminal::case_line(case, style))
    {
        writeln!(output, "{block}")?;
    }
    writeln!(output, "{}", terminal::summary(evidence, style))
}
