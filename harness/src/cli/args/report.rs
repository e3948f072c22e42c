//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

use super::evidence::Shown;

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Report {
    /// Folders of runs, of cases or of benchmarks, or their `evidence.jsonl` and `bench.json`.
    #[arg(value_name = "RUN", required_unless_present = "history")]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Write all of it as one page for people: a file, or `index.html` in a folder.
    #[arg(long, value_name = "FILE|DIR", help_heading = "Reports")]
    pub(in crate::cli) html: Option<PathBuf>,
    /// History of runs of benchmarks, for the page to show times over runs.
    #[arg(long, value_name = "FILE", requires = "html", help_heading = "Reports")]
    pub(in crate::cli) history: Option<PathBuf>,
    /// Write the times of benchmarks in Bencher's Metric Format (JSON).
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(in crate::cli) bmf: Option<PathBuf>,
    /// Write the times of benchmarks for github-action-benchmark, as `customSmallerIsBetter` (JSON).
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(in crate::cli) benchmark_action: Option<PathBuf>,
    /// What is shown of it.
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
}
