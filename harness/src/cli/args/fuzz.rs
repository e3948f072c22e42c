//! The arguments of the command that looks for findings by sequences of its own making.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::evidence::Shown;
use super::{TargetArgs, number};
use crate::sequence::decode::USUALLY_WRONG;

/// Arguments of `fuzz`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Fuzz {
    /// How long to look, for instance `60s` or `1h`.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(in crate::cli) time: String,
    /// Stop after so many sequences, not counting variants of them, if the time is not over before: the same for
    /// the same seed.
    #[arg(long, value_name = "N", value_parser = number)]
    pub(in crate::cli) sequences: Option<u64>,
    /// How many variants of each sequence are run at most, which costs little more than their calls; if not given, 1,024, and
    /// 8 where calls take a millisecond.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub(in crate::cli) variants: Option<u32>,
    /// Sequences at once, each on a token of its own; with one, a seed gives the same search each time.
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(in crate::cli) jobs: u16,
    /// Stop at the first finding.
    #[arg(long)]
    pub(in crate::cli) fail_fast: bool,
    /// Seed of everything random.
    #[arg(long, value_name = "N", value_parser = number)]
    pub(in crate::cli) seed: Option<u64>,
    /// Folder of inputs that led somewhere new: read at the start, added to. libFuzzer's will do.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) corpus: Option<PathBuf>,
    /// What sequences are made of.
    #[command(flatten)]
    pub(in crate::cli) input: InputArgs,
    /// What code it reaches.
    #[command(flatten)]
    pub(in crate::cli) coverage: CoverageArgs,
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

/// What is done with a corpus.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CorpusCommand {
    /// Keep the fewest and shortest inputs that lead everywhere the corpus leads.
    ///
    /// Each input runs once. With --threads chance decides where it leads, as in the search: what an input leads to only now
    /// and then may be lost, and another time others may be left.
    Minimise(Box<Minimise>),
}

/// Arguments of `corpus minimise`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Minimise {
    /// Folders of inputs, of `fuzz --corpus` and of libFuzzer; several are joined.
    #[arg(value_name = "DIR", required = true)]
    pub(in crate::cli) folders: Vec<PathBuf>,
    /// New folder for the inputs that are left.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) into: PathBuf,
    /// What sequences are made of in the search that they are for: the same bytes are other sequences with others.
    #[command(flatten)]
    pub(in crate::cli) input: InputArgs,
    /// What code they reach.
    #[command(flatten)]
    pub(in crate::cli) coverage: CoverageArgs,
    /// The target.
    #[command(flatten)]
    pub(in crate::cli) target: TargetArgs,
}

/// What sequences are made of.
#[derive(Debug, Args)]
pub(in crate::cli) struct InputArgs {
    /// How dishonest arguments may be: with A alone nothing is wrong on purpose, B has bad values in honest memory, C
    /// lengths and counts that no memory holds.
    #[arg(long, value_enum, value_name = "CLASSES", value_delimiter = ',', default_values = ["A", "B"])]
    pub(in crate::cli) classes: Vec<ClassArg>,
    /// Of a hundred arguments, how many are wrong on purpose in class B; parameters of mechanisms are so twice as often,
    /// templates eight times.
    #[arg(long, value_name = "N", default_value_t = USUALLY_WRONG, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(in crate::cli) wrong: u8,
    /// Threads of each sequence, 2 to 8: lanes at the same time, each with a session of its own, which share the login and
    /// objects. Chance decides what comes of them, so that only what a lane gives by itself is held against the reference token.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(in crate::cli) threads: u8,
    /// With --threads: lanes use sessions of each other, too. The standard leaves undefined what comes of it, which a robust
    /// library survives.
    #[arg(long, requires = "threads")]
    pub(in crate::cli) share_sessions: bool,
}

/// Whether the code that is reached counts.
#[derive(Debug, Args)]
pub(in crate::cli) struct CoverageArgs {
    /// What tells of an input, beside what its calls show, that it leads somewhere new.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(in crate::cli) coverage: Option<CoverageArg>,
    /// With --coverage: another library whose functions count, by the name of its file, as `libcrypto.so.3`.
    #[arg(long, value_name = "NAME", requires = "coverage")]
    pub(in crate::cli) coverage_of: Vec<String>,
}

/// How the code of a module is seen to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CoverageArg {
    /// By a breakpoint at the start of every function, which is gone once it was hit.
    Breakpoints,
    /// By what the module says, which was built with SanitizerCoverage: `-fsanitize-coverage=trace-pc-guard`,
    /// `inline-8bit-counters` (clang) or `trace-pc` (gcc).
    Sancov,
}

/// A class of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(in crate::cli) enum ClassArg {
    /// Nothing wrong on purpose.
    A,
    /// Bad values, honest memory.
    B,
    /// Lying lengths.
    C,
}
