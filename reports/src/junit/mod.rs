//! JUnit XML for continuous integration: Jenkins, GitLab, GitHub actions. This room alone knows
//! the `junit-report` crate, and mends what it gets wrong (see `mend`). What a verdict becomes is
//! `model`'s; writing files safely is left to `render`.
//!
//! One `<testsuite>` stands for one suite of cases: the id without its last segment. A case's
//! `classname` is that path with dots, its `name` the whole id, which is also its argument on the
//! command line, the name of its file and the key of its waivers. See the package's README for the
//! table of verdicts.

mod mend;
mod model;
mod parts;

use crate::check::Check;
use crate::render::{RenderError, replace_file};
use crate::stream::Evidence;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Largest file in bytes that [`write()`] makes unless told otherwise: GitLab refuses files of
/// 30 MB and more.
pub const DEFAULT_LIMIT: usize = 30_000_000 - 1;

/// The beginning of every file written here, by which a file of an earlier run is recognised.
const SIGNATURE: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites name=\"p11assay\"";

/// Why a report could not be produced.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    /// The crate could not write the document.
    #[error("cannot write the JUnit document: {0}; the evidence is whole, please report this")]
    Produce(String),
    /// The crate's document could not be mended.
    #[error("cannot mend the JUnit document: {0}; the evidence is whole, please report this")]
    Mend(#[from] quick_xml::Error),
    /// The crate's document has an attribute that cannot be read.
    #[error("cannot mend the JUnit document: {0}; the evidence is whole, please report this")]
    Attribute(#[from] quick_xml::events::attributes::AttrError),
    /// The mended document could not be written.
    #[error("cannot mend the JUnit document: {0}; the evidence is whole, please report this")]
    Output(#[from] std::io::Error),
}

/// The report as one or more documents of at most `limit` bytes each, given to `each` as they are
/// made. A document with a single case may be larger if the limit is below about 16 KiB.
fn produce<E: From<JunitError>>(
    evidence: &Evidence,
    check: Option<&Check<'_>>,
    limit: usize,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let properties = model::properties(evidence);
    let frame = mend::Frame::new(evidence, &properties);
    let entries = model::entries(evidence, check, model::text_limit(limit));
    for part in parts::pack(entries, limit, frame.suite_weight()) {
        let document = part.into_document(&frame).map_err(E::from)?;
        each(&document)?;
    }
    Ok(())
}

/// The report as one or more documents of at most `limit` bytes each.
///
/// # Errors
/// [`JunitError`], which means a defect of p11assay: no evidence should cause one.
pub fn documents(evidence: &Evidence, limit: usize) -> Result<Vec<Vec<u8>>, JunitError> {
    let mut documents = Vec::new();
    produce::<JunitError>(evidence, None, limit, |document| {
        documents.push(document.to_vec());
        Ok(())
    })?;
    Ok(documents)
}

/// Writes the report to `path`, and what does not fit into `limit` bytes beside it: `out.xml`,
/// `out-2.xml`, `out-3.xml`. Higher parts that an earlier, larger report left behind are removed,
/// so that a pattern such as `out*.xml` never takes up old results. Returns the paths written.
///
/// # Errors
/// [`RenderError`] with the path at fault.
pub fn write(evidence: &Evidence, path: &Path, limit: usize) -> Result<Vec<PathBuf>, RenderError> {
    write_parts(evidence, None, path, limit)
}

/// Writes the report of the run of the reproducers as [`write()`] does, with what became of each finding.
///
/// # Errors
/// [`RenderError`] with the path at fault.
pub fn write_check(
    check: &Check<'_>,
    path: &Path,
    limit: usize,
) -> Result<Vec<PathBuf>, RenderError> {
    write_parts(check.again(), Some(check), path, limit)
}

fn write_parts(
    evidence: &Evidence,
    check: Option<&Check<'_>>,
    path: &Path,
    limit: usize,
) -> Result<Vec<PathBuf>, RenderError> {
    let mut written = Vec::new();
    produce::<RenderError>(evidence, check, limit, |document| {
        let part = part_path(path, written.len() + 1);
        replace_file(&part, |file| file.write_all(document))?;
        written.push(part);
        Ok(())
    })?;
    remove_stale_parts(path, written.len() + 1)?;
    Ok(written)
}

/// `out.xml` for the first part, `out-2.xml` for the second.
fn part_path(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Removes consecutive parts from `first` on, as long as they are reports of p11assay.
fn remove_stale_parts(path: &Path, first: usize) -> Result<(), RenderError> {
    for number in first.. {
        let part = part_path(path, number);
        if !is_ours(&part) {
            break;
        }
        std::fs::remove_file(&part).map_err(|source| RenderError::Write { path: part, source })?;
    }
    Ok(())
}

fn is_ours(path: &Path) -> bool {
    let mut head = [0; SIGNATURE.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *SIGNATURE.as_bytes()
}
