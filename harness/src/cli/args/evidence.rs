//! The arguments of the commands that work on the evidence of runs.

use std::path::PathBuf;

use clap::Args;

use super::{GateArgs, OutputArgs};

/// Reports that go to files.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Reports")]
pub(in crate::cli) struct ReportArgs {
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit: Option<PathBuf>,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
    /// Write the findings as SARIF, for code scanning services.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) sarif: Option<PathBuf>,
    /// Write a report in the Common Test Report Format (JSON).
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ctrf: Option<PathBuf>,
    /// Write a summary in Markdown, for a job or a pull request.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) markdown: Option<PathBuf>,
    /// Write counts and times as OpenMetrics text.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) openmetrics: Option<PathBuf>,
}

/// What a command shows of evidence that there is already.
#[derive(Debug, Args)]
pub(in crate::cli) struct Shown {
    /// Reports.
    #[command(flatten)]
    pub(in crate::cli) reports: ReportArgs,
    /// Gate.
    #[command(flatten)]
    pub(in crate::cli) gate: GateArgs,
    /// Output.
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Merge {
    /// Folders of the runs, or their evidence.
    #[arg(value_name = "RUN", required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Folder of the joined run; a new one below `runs/` if not given.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) run_dir: Option<PathBuf>,
    /// What is shown of it.
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
}

/// Arguments of `waivers`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Waivers {
    /// Folder of the run, or its evidence.
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// Write the draft to a new file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) write: Option<PathBuf>,
    /// Whom to ask.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) owner: Option<String>,
    /// Last day on which the waivers are to hold, as in 2027-01-31.
    #[arg(long, value_name = "DATE")]
    pub(in crate::cli) expires: Option<String>,
}

/// Arguments of `baseline`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Baseline {
    /// Folder of the run, or its evidence.
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: PathBuf,
    /// Write how its cases ended to a file instead of standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    pub(in crate::cli) write: Option<PathBuf>,
    /// Tell what changed since such a file was written; changes in the same version of the module are exit code 1.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) compare: Option<PathBuf>,
}

/// Arguments of `coverage`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Coverage {
    /// Suites: files, or ids and globs of shipped cases; all shipped suites if none.
    #[arg(value_name = "SUITE")]
    pub(in crate::cli) suites: Vec<String>,
    /// Only cases that match.
    #[arg(long, value_name = "EXPR")]
    pub(in crate::cli) filter: Option<String>,
    /// Folder or evidence of a run: show what it reached on its target, too.
    #[arg(long, value_name = "RUN")]
    pub(in crate::cli) run: Option<PathBuf>,
    /// List everything that no case covers.
    #[arg(long)]
    pub(in crate::cli) open: bool,
    /// Write the tables as a page for people.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Write the tables as JSON.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
}
