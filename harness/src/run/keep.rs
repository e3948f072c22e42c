//! The folder of a finding in that of the run: its reproducers, which are there as soon as it is found, and beside them
//! what evidence knows of it (`p11assay_reports::folder`).

use std::io::Result;
use std::path::{Path, PathBuf};

use p11assay_reports::{evidence, folder};

use crate::plan::Case;
use crate::target::Redactor;
use crate::triage::program::{self, Module};

/// Where the findings of a run are kept.
pub struct Keeper<'k> {
    /// The run's folder.
    pub folder: &'k Path,
    /// What a C program must know of the target; without it none is written.
    pub module: Option<&'k Module>,
    /// Takes PINs out of what somebody wrote.
    pub redactor: &'k Redactor,
}

impl Keeper<'_> {
    /// Writes the case as YAML and, where C has words for it, as a C program, which knows of its finding what the record
    /// does; gives the path of the first, relative to the run's folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn reproducers(&self, case: &Case, record: Option<&evidence::Case>) -> Result<PathBuf> {
        let home = folder::of(&case.id);
        let whole = self.folder.join(&home);
        std::fs::create_dir_all(&whole)?;
        let yaml = case.to_yaml().map_err(std::io::Error::other)?;
        // What is generated holds nothing that came from the target; if its bytes look like a PIN, they must
        // be in the reproducer all the same.
        let is_generated = case.line == 0;
        let clean = |text: String| match is_generated {
            true => text,
            false => self.redactor.text(&text),
        };
        std::fs::write(whole.join(folder::REPRODUCER), clean(yaml))?;
        let program = self
            .module
            .map(|module| program::program(case, module, record));
        if let Some(Ok(program)) = program {
            // Without bytes that look like a PIN it would be another program.
            let clean = clean(program.clone());
            if clean == program {
                std::fs::write(whole.join(folder::PROGRAM), program)?;
            }
        }
        Ok(home.join(folder::REPRODUCER))
    }

    /// Writes what evidence knows of it beside them.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn record(&self, target: &evidence::Target, case: &evidence::Case) -> Result<()> {
        let whole = self.folder.join(folder::of(&case.id));
        folder::write(&whole, target, case)
    }
}

/// The reproducer that is meant by a path: of the folder of a finding the one in it.
#[must_use]
pub fn reproducer(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(folder::REPRODUCER),
        false => path.to_owned(),
    }
}
