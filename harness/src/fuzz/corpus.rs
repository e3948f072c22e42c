//! Inputs worth keeping, in a folder: one file each, named by the SHA-1 of what is in it, as libFuzzer
//! names them, so that either engine can read what the other wrote.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use crate::sequence::lexicon::to_hex;

/// Most that is read of an input, bytes: dozens of times what a search makes at most (`super::tapes`), of which variants
/// that it keeps are somewhat longer. A sequence makes use of less.
const MOST_READ: u64 = 64 << 10;

/// Why an input or a finding cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {what}: {error}", path = path.display())]
pub struct CorpusError {
    path: PathBuf,
    what: &'static str,
    error: std::io::Error,
}

impl CorpusError {
    /// Something could not be written.
    #[must_use]
    pub fn not_written(path: PathBuf, error: std::io::Error) -> Self {
        let what = "written";
        Self { path, what, error }
    }
}

/// An input that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The input.
    pub bytes: Vec<u8>,
    /// True if its sequence takes as long as many others: it is changed less often than they.
    pub dear: bool,
}

/// The inputs, and the folder they are kept in, if in any.
#[derive(Debug, Default)]
pub struct Corpus {
    folder: Option<PathBuf>,
    inputs: Vec<Kept>,
    names: HashSet<String>,
}

impl Corpus {
    /// A corpus in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The corpus of a folder, which is made if it is not there. Gives the inputs in it, which are not
    /// part of the corpus until they are added: what they show is not known yet. A file that is longer than
    /// any input, as nothing that a search kept is, is cut off at 64 KiB.
    ///
    /// # Errors
    /// If the folder cannot be made or a file in it not be read.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Vec<u8>>), CorpusError> {
        let failed = |what| {
            let path = folder.to_owned();
            move |error| CorpusError { path, what, error }
        };
        std::fs::create_dir_all(folder).map_err(failed("made"))?;
        let entries = std::fs::read_dir(folder).map_err(failed("read"))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("read"))?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort();
        let inputs = files.iter().map(|path| read(path));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let corpus = Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        };
        Ok((corpus, inputs))
    }

    /// Keeps an input.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, input: Kept) -> Result<(), CorpusError> {
        let name = to_hex(&Sha1::digest(&input.bytes));
        if !self.names.insert(name.clone()) {
            return Ok(());
        }
        if let Some(folder) = &self.folder {
            let path = folder.join(&name);
            if !path.exists() {
                let written = std::fs::write(&path, &input.bytes);
                written.map_err(|error| CorpusError::not_written(path, error))?;
            }
        }
        self.inputs.push(input);
        Ok(())
    }

    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> &[Kept] {
        &self.inputs
    }
}

/// The input in a file, as much of it as a sequence may make use of.
fn read(path: &Path) -> Result<Vec<u8>, CorpusError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_READ).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(CorpusError {
            path: path.to_owned(),
            what: "read",
            error,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fe05bcdc");
        let error = read(&path).expect_err("it is not there").to_string();
        let beginning = format!("{} cannot be read: ", path.display());
        assert!(error.starts_with(&beginning), "{error}");
    }

    #[test]
    fn what_is_far_too_long_for_an_input_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create(folder.path().join("core")).expect("a file");
        file.set_len(MOST_READ + 1).expect("is made longer");
        let (_, found) = Corpus::open(folder.path()).expect("opens");
        let lengths: Vec<u64> = found.iter().map(|input| input.len() as u64).collect();
        assert_eq!(lengths, [MOST_READ]);
    }

    #[test]
    fn a_corpus_is_there_again_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("corpus");
        let (mut corpus, found) = Corpus::open(&place).expect("opens");
        assert!(found.is_empty());
        for input in [b"one".to_vec(), b"two".to_vec(), b"one".to_vec()] {
            let dear = false;
            corpus.add(Kept { bytes: input, dear }).expect("is written");
        }
        assert_eq!(corpus.inputs().len(), 2);
        let (corpus, mut found) = Corpus::open(&place).expect("opens");
        found.sort();
        assert_eq!(found, [b"one".to_vec(), b"two".to_vec()]);
        assert!(corpus.inputs().is_empty());
        // The name that sha1sum gives.
        assert!(
            place
                .join("fe05bcdcdc4928012781a5f1a2a77cbb5398e106")
                .is_file()
        );
    }
}
