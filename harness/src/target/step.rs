//! The steps by which a token comes into being, as a target file has them.
//!
//! Running them is left to `provision`; what a call sequence does, to the sequence language.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::humane::Period;
use super::template::Template;

/// One step of a provisioning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "StepForm", into = "StepForm")]
#[schemars(with = "StepForm")]
pub enum Step {
    /// Writes a text to a file, making the folders above it.
    Write(WriteFile),
    /// Makes a folder and those above it.
    Mkdir(Template),
    /// Runs a program, without a shell.
    Run(Box<Run>),
    /// Executes a call sequence on the module, for what has no program: C_InitToken, C_InitPIN.
    Sequence(String),
}

/// A file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "`path` and `text`"
)]
pub struct WriteFile {
    /// Where the file is to be.
    pub path: Template,
    /// All that is to be in it.
    pub text: Template,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The program and its arguments, at least one entry.
    pub command: Vec<Template>,
    /// What it reads from its standard input; nothing if left out.
    pub stdin: Option<Template>,
    /// Whether it keeps running until the token is done with.
    pub background: bool,
    /// A path that exists once a background program is ready.
    pub ready: Option<Template>,
    /// How long it, or its readiness, may take.
    pub timeout: Option<Period>,
    /// Environment on top of the target's.
    pub environment: BTreeMap<String, Template>,
    /// Package to install if the program is missing.
    pub package: Option<String>,
}

/// A step as written: exactly one of `write`, `mkdir`, `run` and `sequence`; the other keys belong
/// to `run`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    default,
    expecting = "a step: `write`, `mkdir`, `run` or `sequence`"
)]
#[schemars(rename = "Step")]
struct StepForm {
    /// Writes a text to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<WriteFile>,
    /// Makes a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    mkdir: Option<Template>,
    /// Runs a program: its name and arguments, one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Vec<Template>>,
    /// Executes a call sequence; a path relative to this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    /// Standard input of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<Template>,
    /// Leaves the program running until the token is done with.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<bool>,
    /// A path that exists once the background program is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<Template>,
    /// How long the program may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Period>,
    /// Environment of the program, on top of the target's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, Template>,
    /// Package to install if the program is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
}

/// A step that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum StepError {
    #[error(
        "a step is exactly one of `write`, `mkdir`, `run` and `sequence`; this has {0} of them"
    )]
    Count(usize),
    #[error("`{0}` belongs to `run`: remove it, or run a program")]
    OnlyRun(&'static str),
    #[error("`run` needs a program: write its name, then its arguments one by one")]
    NoProgram,
    #[error(
        "`ready` belongs to a program with `background: true`; any other is ready when it ends"
    )]
    NotBackground,
}

impl StepForm {
    /// A key that only `run` has, if one is given.
    fn run_key(&self) -> Option<&'static str> {
        let given = [
            ("stdin", self.stdin.is_some()),
            ("background", self.background.is_some()),
            ("ready", self.ready.is_some()),
            ("timeout", self.timeout.is_some()),
            ("environment", !self.environment.is_empty()),
            ("package", self.package.is_some()),
        ];
        given
            .into_iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| name)
    }
}

impl TryFrom<StepForm> for Step {
    type Error = StepError;

    fn try_from(form: StepForm) -> Result<Self, StepError> {
        let run_key = form.run_key();
        let plain = |step| match run_key {
            None => Ok(step),
            Some(key) => Err(StepError::OnlyRun(key)),
        };
        match (form.write, form.mkdir, form.run, form.sequence) {
            (Some(write), None, None, None) => plain(Self::Write(write)),
            (None, Some(path), None, None) => plain(Self::Mkdir(path)),
            (None, None, None, Some(path)) => plain(Self::Sequence(path)),
            (None, None, Some(command), None) => {
                let background = form.background.unwrap_or(false);
                if command.is_empty() {
                    return Err(StepError::NoProgram);
                }
                if form.ready.is_some() && !background {
                    return Err(StepError::NotBackground);
                }
                Ok(Self::Run(Box::new(Run {
                    command,
                    stdin: form.stdin,
                    background,
                    ready: form.ready,
                    timeout: form.timeout,
                    environment: form.environment,
                    package: form.package,
                })))
            }
            (write, mkdir, run, sequence) => Err(StepError::Count(
                [
                    write.is_some(),
                    mkdir.is_some(),
                    run.is_some(),
                    sequence.is_some(),
                ]
                .into_iter()
                .filter(|given| *given)
                .count(),
            )),
        }
    }
}

impl From<Step> for StepForm {
    fn from(step: Step) -> Self {
        let empty = Self::default();
        match step {
            Step::Write(write) => Self {
                write: Some(write),
                ..empty
            },
            Step::Mkdir(path) => Self {
                mkdir: Some(path),
                ..empty
            },
            Step::Sequence(path) => Self {
                sequence: Some(path),
                ..empty
            },
            Step::Run(run) => Self {
                run: Some(run.command),
                stdin: run.stdin,
                background: run.background.then_some(true),
                ready: run.ready,
                timeout: run.timeout,
                environment: run.environment,
                package: run.package,
                ..empty
            },
        }
    }
}
