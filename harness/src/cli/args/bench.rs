//! The arguments of the command that measures modules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{OutputArgs, TargetArgs};

/// Arguments of `bench`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct Bench {
    /// What to do with runs that there are.
    #[command(subcommand)]
    pub(in crate::cli) command: Option<BenchCommand>,
    /// A new run.
    #[command(flatten)]
    pub(in crate::cli) measure: Measure,
}

/// Commands on runs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BenchCommand {
    /// Compare two runs, or with --paired two targets by turns in one run.
    Compare(Box<Compare>),
    /// Show where in a history of runs times have changed for good.
    History(History),
}

/// Arguments of a run of benchmarks.
#[derive(Debug, Args)]
pub(in crate::cli) struct Measure {
    /// Catalogue files, or ids and globs of shipped benchmarks (`sign/*`); all but the slow ones if none.
    #[arg(value_name = "SELECT")]
    pub(in crate::cli) select: Vec<String>,
    /// Show the ids and do nothing.
    #[arg(long)]
    pub(in crate::cli) list: bool,
    /// Seconds instead of minutes: fewer and shorter samples.
    #[arg(long)]
    pub(in crate::cli) quick: bool,
    /// Those that take long, too.
    #[arg(long)]
    pub(in crate::cli) slow: bool,
    /// Times that all benchmarks are gone through, each in a fresh process.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(in crate::cli) rounds: Option<u32>,
    /// Numbers of threads, a session each, for the benchmarks that are about threads.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values = ["1", "2", "4"], value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(in crate::cli) threads: Vec<u32>,
    /// Measure operations that arrive at so many a second, too, and count what they wait.
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(in crate::cli) rate: Option<f64>,
    /// Have criterion draw its plots and write its HTML, in the run's folder.
    #[arg(long)]
    pub(in crate::cli) plots: bool,
    /// Write the record of the run to this file as well.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
    /// Add the run to this file of JSON lines.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Option<PathBuf>,
    /// Longest that one call may take, for instance `10s`.
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) timeout: Option<String>,
    /// Folder of the run: its record and criterion's files; a new one below `runs/` if not given.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) run_dir: Option<PathBuf>,
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
    /// Output.
    #[command(flatten)]
    pub(in crate::cli) output: OutputArgs,
}

/// Arguments of `bench compare`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Compare {
    /// The first run: its folder or `bench.json`. With --paired a target: its file or the name of a shipped one.
    pub(in crate::cli) before: String,
    /// The second.
    pub(in crate::cli) after: String,
    /// Fail if a benchmark takes longer by more than this, as in `10%`, and that is no chance; with exit code 3 if it may be.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(in crate::cli) gate: Option<f64>,
    /// Measure both targets now, by turns.
    #[arg(long)]
    pub(in crate::cli) paired: bool,
    /// Only benchmarks of these ids or globs, or of these catalogue files.
    #[arg(long, value_name = "SELECT")]
    pub(in crate::cli) only: Vec<String>,
    /// With --paired: fewer and shorter slices.
    #[arg(long, requires = "paired")]
    pub(in crate::cli) quick: bool,
    /// Write the comparison to this file.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) json: Option<PathBuf>,
}

/// Arguments of `bench history`.
#[derive(Debug, Args)]
pub(in crate::cli) struct History {
    /// The file that runs were added to.
    pub(in crate::cli) file: PathBuf,
    /// As JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// A part of a hundred, `10%` or `10`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let parsed = number.parse::<f64>().ok();
    let sensible = parsed.filter(|hundredths| (0.1..=1000.0).contains(hundredths));
    sensible
        .map(|hundredths| hundredths / 100.0)
        .ok_or_else(|| "expected a percentage from 0.1 to 1000, as in `10%`".to_owned())
}

/// Operations a second, `1000` or `1000/s`.
fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let parsed = number.parse::<f64>().ok();
    parsed
        .filter(|rate| (0.01..=1e7).contains(rate))
        .ok_or_else(|| "expected operations a second, as in `1000`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_rates_have_bounds() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("2.5"), Ok(0.025));
        for wrong in ["0", "-3%", "ten", "NaN"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("500/s"), Ok(500.0));
        assert!(rate("0").is_err() && rate("inf").is_err());
    }
}
