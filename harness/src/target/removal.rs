//! How the token of a target is taken out of its slot and put back, for cases on what that does to applications.

use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::template::{Context, Template, TemplateError};

/// The programs that do it, as written: each with its arguments, not through a shell. They are to be done at once, and
/// to do no harm where there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RemovalForm {
    /// Takes the token out.
    #[schemars(length(min = 1))]
    pub remove: Vec<Template>,
    /// Puts it back.
    #[schemars(length(min = 1))]
    pub insert: Vec<Template>,
}

/// The same with nothing left to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    remove: Vec<String>,
    insert: Vec<String>,
}

impl RemovalForm {
    /// Fills in what only provisioning knows.
    ///
    /// # Errors
    /// [`TemplateError`] for a variable that there is not.
    pub fn expand(&self, context: &Context<'_>) -> Result<Removal, TemplateError> {
        let all = |words: &[Template]| {
            let expanded = words.iter().map(|word| word.expand(context));
            expanded.collect::<Result<Vec<_>, _>>()
        };
        Ok(Removal {
            remove: all(&self.remove)?,
            insert: all(&self.insert)?,
        })
    }
}

impl Removal {
    /// Puts the token into its slot, or takes it out.
    ///
    /// # Errors
    /// What did not work, in words.
    pub fn make(&self, present: bool) -> Result<(), String> {
        let words = if present { &self.insert } else { &self.remove };
        let Some((program, arguments)) = words.split_first() else {
            return Err("no program is named".to_owned());
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|error| format!("{program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("{program} ended with {}: {said}", output.status))
    }
}
