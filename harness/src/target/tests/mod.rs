//! Targets as a whole: files, flags, and tokens brought into being with harmless programs.

mod descriptions;
mod provisioning;
mod resolution;

use std::path::{Path, PathBuf};

use super::description::Description;
use super::{Origin, Overrides, Target};

/// A target file that stands in `folder`.
fn target_in(folder: &Path, text: &str, flags: &Overrides) -> Target {
    let description =
        Description::parse(Path::new("t.yaml"), text).unwrap_or_else(|error| panic!("{error}"));
    Target::resolve(description, Origin::File(folder.to_owned()), flags)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The built-in module with these lines added to its file.
fn builtin(more: &str) -> Target {
    let text = format!("target: t\nmodule: builtin\n{more}");
    target_in(&PathBuf::from("/nonexistent"), &text, &Overrides::default())
}
