//! The arguments of the command that attacks a target.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::evidence::Shown;
use super::{TargetArgs, number};

/// Arguments of `security`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Security {
    /// What to do; all of it if not given.
    #[arg(long, value_enum, value_name = "PARTS", value_delimiter = ',', default_values = ["attacks", "properties", "search", "timing"])]
    pub(in crate::cli) only: Vec<Part>,
    /// Only cases that match, for instance `security/rsa/*`; of attacks, properties and questions of time.
    #[arg(long, value_name = "EXPR")]
    pub(in crate::cli) filter: Option<String>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", value_parser = number)]
    pub(in crate::cli) seed: Option<u64>,
    /// How often each ciphertext is tried where time is measured.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(4..=1000))]
    pub(in crate::cli) rounds: u16,
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

/// A part of the analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Part {
    /// The published attacks, `security/*`.
    Attacks,
    /// What the standard promises of keys, objects and logins: every other case of level `security`.
    Properties,
    /// Ways that follow from what the target permits.
    Search,
    /// Paddings that time tells of.
    Timing,
}
