//! The arguments of the command that asks properties.

use std::path::PathBuf;

use clap::Args;

use super::evidence::Shown;
use super::{TargetArgs, number};

/// Arguments of `property`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Property {
    /// Which properties, by name; all if none.
    #[arg(value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// List the properties and the sections that they rest on instead.
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Cases of each property.
    #[arg(long, value_name = "N", default_value = "256", value_parser = number)]
    pub(in crate::cli) cases: u64,
    /// Longest that all of them may take, for instance `60s` or `1h`.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(in crate::cli) time: String,
    /// Stop at the first failure.
    #[arg(long)]
    pub(in crate::cli) fail_fast: bool,
    /// Seed of everything random.
    #[arg(long, value_name = "N", value_parser = number)]
    pub(in crate::cli) seed: Option<u64>,
    /// Folder of failures: their seeds are tried first, and new ones are added as suites that
    /// `p11assay run` runs.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) save: Option<PathBuf>,
    /// Longest that one call may take, for instance `10s`.
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) timeout: Option<String>,
    /// Folder of the run: evidence and reproducers; a new one below `runs/` if not given.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) run_dir: Option<PathBuf>,
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    /// What is shown of it.
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
}
