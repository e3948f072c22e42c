//! Bringing a token into being: the steps of a target, run in a folder of their own.
//!
//! What runs through the module itself is handed to whoever can call it; see [`RunSequence`].

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::process::{Daemon, Finished, Invocation, ProcessError};
use super::redact::Redactor;
use super::removal::Removal;
use super::resolve::{Credentials, SuiteFile, Target, TargetError};
use super::sentinel::Sentinel;
use super::step::{Run, Step};
use super::template::{Context, Template, TemplateError};
use crate::sequence::InitArgs;

/// How long a program of a provisioning may take unless its step says otherwise.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a worker needs in order to reach a provisioned token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The folder made for it.
    pub scratch: PathBuf,
    /// Variables to set in the worker before the module is loaded.
    pub environment: BTreeMap<String, String>,
    /// What C_Initialize is called with; nothing for NULL.
    pub init_args: Option<InitArgs>,
    /// How the token is taken out of its slot and put back, if it can be.
    pub removal: Option<Removal>,
}

/// Executes a call sequence on the module in a worker; the room of the sequence language does.
pub trait RunSequence {
    /// Executes the sequence in `file`.
    ///
    /// # Errors
    /// What went wrong and what to do, in words.
    fn run_sequence(
        &mut self,
        file: &SuiteFile,
        prepared: &Prepared,
        credentials: &Credentials,
    ) -> Result<(), String>;
}

/// For where no call sequences can be executed: refuses each.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSequences;

impl RunSequence for NoSequences {
    fn run_sequence(&mut self, _: &SuiteFile, _: &Prepared, _: &Credentials) -> Result<(), String> {
        Err("call sequences cannot be executed here; provision this target by a run".to_owned())
    }
}

/// A provisioned token. Dropping it ends its daemons, then removes its folder unless that is kept.
#[derive(Debug)]
pub struct Provisioned {
    prepared: Prepared,
    // Fields drop in order: daemons end before their files go.
    daemons: Arc<Mutex<Vec<Daemon>>>,
    scratch: Option<tempfile::TempDir>,
}

/// A token that could not be brought into being. What programs printed is redacted.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Something outside is missing: a program, a variable, a folder that cannot be written.
    #[error("target `{target}` cannot be provisioned here: {reason}")]
    Environment {
        /// The target.
        target: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// A step did not do what it should.
    #[error("step {step} of provisioning target `{target}` failed: {reason}")]
    Step {
        /// The target.
        target: String,
        /// Which step, from 1.
        step: usize,
        /// What it was, how it ended, what it printed, what to do.
        reason: String,
    },
}

/// Why one step failed, before it is known which step it is.
#[derive(Debug, thiserror::Error)]
enum StepFailure {
    #[error("{0}")]
    Environment(String),
    #[error("{0}")]
    Failed(String),
}

impl From<TemplateError> for StepFailure {
    fn from(error: TemplateError) -> Self {
        Self::Environment(error.to_string())
    }
}

impl From<TargetError> for StepFailure {
    fn from(error: TargetError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the steps of a target in a fresh folder, which is removed in the end unless `keep` is set.
///
/// # Errors
/// [`ProvisionError`] at the first step that fails; daemons already started are ended.
pub fn provision(
    target: &Target,
    credentials: &Credentials,
    keep: bool,
    sequences: &mut dyn RunSequence,
) -> Result<Provisioned, ProvisionError> {
    let environment_error = |reason: String| ProvisionError::Environment {
        target: target.name.clone(),
        reason,
    };
    let mut folder = tempfile::Builder::new()
        .prefix(&format!("p11assay-{}-", target.name))
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| environment_error(format!("no scratch folder: {error}; set TMPDIR")))?;
    folder.disable_cleanup(keep);
    let scratch = folder.path().to_owned();
    let context = Context {
        scratch: Some(&scratch),
        target_dir: target.origin.folder(),
        pin: credentials.pin.as_ref(),
        so_pin: credentials.so_pin.as_ref(),
    };
    let prepared =
        prepare(target, &context).map_err(|error| environment_error(error.to_string()))?;
    let mut provisioned = Provisioned {
        prepared,
        daemons: Arc::default(),
        scratch: Some(folder),
    };
    let redactor = credentials.redactor();
    for (index, step) in target.provision.iter().enumerate() {
        let mut stage = Stage {
            target,
            context,
            redactor: &redactor,
            provisioned: &mut provisioned,
        };
        let result = match step {
            Step::Write(file) => stage.write(&file.path, &file.text),
            Step::Mkdir(path) => stage.make_folder(path),
            Step::Run(run) => stage.run(run),
            Step::Sequence(path) => stage.sequence(path, credentials, sequences),
        };
        result.map_err(|failure| match failure {
            StepFailure::Environment(reason) => environment_error(reason),
            StepFailure::Failed(reason) => ProvisionError::Step {
                target: target.name.clone(),
                step: index + 1,
                reason,
            },
        })?;
    }
    for daemon in provisioned.daemons().iter_mut() {
        daemon.watch();
    }
    Ok(provisioned)
}

fn prepare(target: &Target, context: &Context<'_>) -> Result<Prepared, TemplateError> {
    Ok(Prepared {
        scratch: context.scratch.unwrap_or(Path::new("/")).to_owned(),
        environment: expand_all(&target.environment, context)?,
        init_args: target.init_args.expand(context)?,
        removal: target
            .removal
            .as_ref()
            .map(|removal| removal.expand(context))
            .transpose()?,
    })
}

fn expand_all(
    environment: &BTreeMap<String, Template>,
    context: &Context<'_>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let expanded = environment
        .iter()
        .map(|(name, value)| Ok((name.clone(), value.expand(context)?)));
    expanded.collect()
}

impl Provisioned {
    /// What a worker needs.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Leaves the folder on disk when this is dropped, and says where it is.
    pub fn keep(&mut self) -> &Path {
        if let Some(folder) = &mut self.scratch {
            folder.disable_cleanup(true);
        }
        &self.prepared.scratch
    }

    /// Who tells whether its background programs are still running.
    #[must_use]
    pub fn sentinel(&self) -> Sentinel {
        Sentinel::of(&self.daemons)
    }

    fn daemons(&self) -> MutexGuard<'_, Vec<Daemon>> {
        let daemons = self.daemons.lock();
        daemons.unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step at work.
struct Stage<'s> {
    target: &'s Target,
    context: Context<'s>,
    redactor: &'s Redactor,
    provisioned: &'s mut Provisioned,
}

impl Stage<'_> {
    fn write(&self, path: &Template, text: &Template) -> Result<(), StepFailure> {
        let (path, text) = (path.expand(&self.context)?, text.expand(&self.context)?);
        let path = self.provisioned.prepared.scratch.join(path);
        let folder = path.parent().unwrap_or(&path);
        make_private(folder)
            .and_then(|()| write_private(&path, &text))
            .map_err(|error| unwritable("write", &path, &error))
    }

    fn make_folder(&self, path: &Template) -> Result<(), StepFailure> {
        let path = self
            .provisioned
            .prepared
            .scratch
            .join(path.expand(&self.context)?);
        make_private(&path).map_err(|error| unwritable("make", &path, &error))
    }

    fn sequence(
        &self,
        path: &str,
        credentials: &Credentials,
        sequences: &mut dyn RunSequence,
    ) -> Result<(), StepFailure> {
        let file = self.target.origin.locate(path)?;
        sequences
            .run_sequence(&file, &self.provisioned.prepared, credentials)
            .map_err(|reason| {
                let reason = self.redactor.text(&reason);
                StepFailure::Failed(format!("call sequence `{path}`: {reason}"))
            })
    }

    fn run(&mut self, run: &Run) -> Result<(), StepFailure> {
        let command: Result<Vec<String>, _> = run
            .command
            .iter()
            .map(|part| part.expand(&self.context))
            .collect();
        let mut environment = self.provisioned.prepared.environment.clone();
        environment.extend(expand_all(&run.environment, &self.context)?);
        let invocation = Invocation {
            command: command?,
            environment,
            stdin: run
                .stdin
                .as_ref()
                .map(|text| text.expand(&self.context))
                .transpose()?,
            folder: self.provisioned.prepared.scratch.clone(),
            timeout: run.timeout.map_or(STEP_TIMEOUT, |period| period.0),
        };
        let failed = |error| self.failed(run, &invocation, &error);
        if !run.background {
            let finished = invocation.run().map_err(failed)?;
            return match finished.success {
                true => Ok(()),
                false => Err(StepFailure::Failed(self.told(&invocation, &finished))),
            };
        }
        let ready = run
            .ready
            .as_ref()
            .map(|path| path.expand(&self.context))
            .transpose()?;
        let ready = ready.map(|path| self.provisioned.prepared.scratch.join(path));
        let daemon = invocation.start(ready.as_deref()).map_err(failed)?;
        self.provisioned.daemons().push(daemon);
        Ok(())
    }

    fn failed(&self, run: &Run, invocation: &Invocation, error: &ProcessError) -> StepFailure {
        match error {
            ProcessError::Missing(program) => {
                let package = run.package.as_ref().or(self.target.package.as_ref());
                let hint = match package {
                    Some(package) => format!("install the package `{package}`"),
                    None => "install it, or put its folder into PATH".to_owned(),
                };
                StepFailure::Environment(format!("program `{program}` is not installed: {hint}"))
            }
            ProcessError::Ended(finished) => StepFailure::Failed(self.told(invocation, finished)),
            other => {
                let command = self.redactor.text(&invocation.to_string());
                StepFailure::Failed(format!("`{command}` {other}"))
            }
        }
    }

    /// How a program ended, for someone who has to make it work.
    fn told(&self, invocation: &Invocation, finished: &Finished) -> String {
        let mut text = format!("`{invocation}` ended with {}", finished.status);
        for (name, output) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
            if !output.trim().is_empty() {
                text.push_str(&format!(
                    "\n  {name}: {}",
                    output.trim().replace('\n', "\n          ")
                ));
            }
        }
        text.push_str("\n  keep the scratch folder and run the command there by hand to see more");
        self.redactor.text(&text)
    }
}

/// Makes a folder for nobody else: daemons refuse others as a home for their sockets.
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Writes a file for nobody else: a PIN may be in it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn unwritable(verb: &str, path: &Path, error: &std::io::Error) -> StepFailure {
    let path = path.display();
    StepFailure::Environment(format!(
        "cannot {verb} `{path}`: {error}; choose a path below ${{scratch}}"
    ))
}
