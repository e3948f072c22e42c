//! The arguments of the command that sorts findings and looks whether they are still there.

use std::path::PathBuf;

use clap::Args;

use super::TargetArgs;
use super::evidence::Shown;

/// Arguments of `triage`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Triage {
    /// Folder of the run, or its evidence.
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// Run every reproducer again, on the target of the run or on another version of the module that is named, and tell
    /// what is fixed, what is still there and what has changed.
    #[arg(long)]
    pub(in crate::cli) check: bool,
    /// Write the groups as one HTML page, each finding with its stack, registers, calls and reproducer.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Longest that one call may take, for instance `10s`.
    #[arg(long, value_name = "TIME", requires = "check")]
    pub(in crate::cli) timeout: Option<String>,
    /// Folder of the new run; a new one below `runs/` if not given.
    #[arg(long, value_name = "DIR", requires = "check")]
    pub(in crate::cli) run_dir: Option<PathBuf>,
    /// The target of `--check`, if it is not that of the run.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    /// What is shown of it.
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
}
