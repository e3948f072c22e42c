//! Seeds: from which a case was drawn, and the file in which those of failures are kept, so that the next
//! search tries them first.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sha2::{Digest, Sha256};

/// The file of seeds in a folder of regressions.
pub const FILE: &str = "seeds.csv";

const HEAD: &str = "property,seed";

/// The seed of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a property's case of this number in a run.
    #[must_use]
    pub fn of(run: u64, property: &str, number: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(run.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(property);
        Self(hash.finalize().into())
    }

    /// A runner that draws what this seed stands for.
    #[must_use]
    pub fn runner(&self) -> TestRunner {
        let config = Config {
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &self.0))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Seed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = crate::sequence::lexicon::from_hex(text).ok_or(())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

/// A file of seeds that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedsError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line is none of a property and a seed.
    #[error("{}: line {line} is no `property,seed`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
    },
}

/// Seeds with the names of their properties, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeds(Vec<(String, Seed)>);

impl Seeds {
    /// The seeds that a folder has; none if it has no file of them.
    ///
    /// # Errors
    /// [`SeedsError`] for a file that cannot be read.
    pub fn read(folder: &Path) -> Result<Self, SeedsError> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(SeedsError::File { path, error }),
            Ok(text) => text,
        };
        let rows = text.lines().zip(1..).filter(|(row, _)| *row != HEAD);
        let seed = |(row, line): (&str, usize)| {
            let parsed = row
                .split_once(',')
                .and_then(|(property, seed)| Some((property.to_owned(), seed.parse().ok()?)));
            parsed.ok_or_else(|| SeedsError::Line {
                path: path.clone(),
                line,
            })
        };
        rows.map(seed).collect::<Result<_, _>>().map(Self)
    }

    /// The seeds of a property.
    pub fn of(&self, property: &str) -> impl Iterator<Item = Seed> {
        let own = self.0.iter().filter(move |(name, _)| name == property);
        own.map(|(_, seed)| *seed)
    }

    /// Adds a seed that is not there yet.
    pub fn add(&mut self, property: &str, seed: Seed) {
        if !self.of(property).any(|known| known == seed) {
            self.0.push((property.to_owned(), seed));
        }
    }

    /// Writes the file of a folder.
    ///
    /// # Errors
    /// [`SeedsError`] if it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), SeedsError> {
        let rows = self
            .0
            .iter()
            .map(|(property, seed)| format!("{property},{seed}\n"));
        let text = format!("{HEAD}\n{}", rows.collect::<String>());
        let path = folder.join(FILE);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| SeedsError::File { path, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::{Strategy, ValueTree};

    #[test]
    fn a_seed_draws_the_same_each_time_and_others_differ() {
        let draw = |seed: Seed| {
            let tree = proptest::num::u64::ANY.new_tree(&mut seed.runner());
            tree.expect("a number").current()
        };
        let first = Seed::of(1, "digest-parts", 0);
        assert_eq!(draw(first), draw(first));
        let others = [
            (2, "digest-parts", 0),
            (1, "digest-parts", 1),
            (1, "digest-key", 0),
        ];
        for (run, property, number) in others {
            assert_ne!(draw(Seed::of(run, property, number)), draw(first));
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_is_there_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Seeds::read(folder.path()).expect("none"), Seeds::default());
        let mut seeds = Seeds::default();
        let seed = Seed::of(7, "search", 3);
        for _ in 0..2 {
            seeds.add("search", seed);
            seeds.add("random", seed);
        }
        seeds.write(folder.path()).expect("written");
        let read = Seeds::read(folder.path()).expect("a file");
        assert_eq!(read, seeds);
        assert_eq!(read.of("search").collect::<Vec<_>>(), [seed]);
        std::fs::write(folder.path().join(FILE), "property,seed\nsearch,12\n").expect("a file");
        let error = Seeds::read(folder.path()).expect_err("no seed");
        assert!(
            error.to_string().ends_with("line 2 is no `property,seed`"),
            "{error}"
        );
    }
}
