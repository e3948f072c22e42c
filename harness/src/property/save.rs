//! A folder of regressions: for every property a suite of the cases that failed once, which `p11assay run`
//! runs, and the seeds that they were drawn from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::driver::Failure;
use super::seeds::{Seeds, SeedsError};
use crate::plan::{Case, Suite};
use crate::yaml;

/// A folder that cannot be added to.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Its seeds.
    #[error(transparent)]
    Seeds(#[from] SeedsError),
    /// A suite that is there already.
    #[error("{0}")]
    Suite(String),
    /// A suite that cannot be written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A case has no YAML form.
    #[error(transparent)]
    Yaml(#[from] yaml::WriteError),
}

/// Adds failures to a folder with these seeds. What it has of the same name stays as it is.
///
/// # Errors
/// [`SaveError`] if it cannot be read or written.
pub fn save(folder: &Path, mut seeds: Seeds, failures: &[Failure]) -> Result<(), SaveError> {
    if failures.is_empty() {
        return Ok(());
    }
    let mut by_property: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for failure in failures {
        seeds.add(failure.property.name, failure.seed);
        by_property
            .entry(failure.property.name)
            .or_default()
            .push(&failure.case);
    }
    seeds.write(folder)?;
    for (property, new) in by_property {
        let path = folder.join(property).with_added_extension("yaml");
        let mut cases = match path.exists() {
            true => {
                Suite::read(&path)
                    .map_err(|error| SaveError::Suite(error.to_string()))?
                    .cases
            }
            false => Vec::new(),
        };
        for case in new {
            if cases.iter().all(|known| known.id != case.id) {
                cases.push(case.clone());
            }
        }
        let text = Suite::to_yaml(&cases)?;
        std::fs::write(&path, text).map_err(|error| SaveError::File { path, error })?;
    }
    Ok(())
}
