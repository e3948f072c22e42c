//! The arguments of every command. Names that pkcs11-tool has too are its names.

mod bench;
mod evidence;
mod fuzz;
mod gate;
mod property;
mod report;
mod security;
mod triage;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use p11assay_reports::terminal::Verbosity;

use crate::plan::Partition;
use crate::target::SecurityProfile;
use crate::target::claim::Profile;

pub(super) use bench::{
    Bench, BenchCommand, Compare as BenchCompare, History as BenchHistory, Measure,
};
pub(super) use evidence::{Baseline, Coverage, Merge, ReportArgs, Waivers};
pub(super) use fuzz::{
    ClassArg, CorpusCommand, CoverageArg, CoverageArgs, Fuzz, InputArgs, Minimise,
};
pub(super) use gate::GateArgs;
pub(super) use property::Property;
pub(super) use report::Report;
pub(super) use security::{Part, Security};
pub(super) use triage::Triage;

/// Conformance and fuzz testing of PKCS #11 modules.
///
/// Exit codes: 0 all applicable cases passed the gate; 1 the gate stopped a finding, or a waiver that
/// holds no more; 2 a mistake in arguments, suite, target or waiver files; 3 the target cannot be
/// used, or the host kept cases from being judged (environment); 4 a fault of p11assay; 5 nothing was
/// selected to run; 130 stopped before the end. If several hold, the first of 1, 4, 3, 130, 5.
#[derive(Debug, Parser)]
#[command(
    name = "p11assay",
    version,
    about,
    long_about,
    arg_required_else_help = true
)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run suites against a target and report.
    Run(Box<Run>),
    /// Run the case of a reproducer again, and show every call.
    Replay(Replay),
    /// Look for findings by call sequences made up as it goes, with the reference token as oracle.
    Fuzz(Box<Fuzz>),
    /// Measure how fast a module is, and compare measurements.
    Bench(Box<Bench>),
    /// Put laws that hold of any token to the test with drawn keys, inputs and calls.
    Property(Box<Property>),
    /// Attack a target as published, and search for ways of its own to keys that must not be revealed.
    Security(Box<Security>),
    /// Write the case of a reproducer as a C program of its own.
    Program(Program),
    /// Join runs that were made with --partition into one.
    Merge(Merge),
    /// Write reports of runs once more, from their evidence: for other programs, and as a page for people.
    Report(Box<Report>),
    /// Show what the cases cover of the standard, and what a run reached.
    Coverage(Coverage),
    /// Work on a corpus of fuzzing.
    #[command(subcommand)]
    Corpus(CorpusCommand),
    /// Group the findings of a run, the gravest first, and check whether they are still there.
    Triage(Box<Triage>),
    /// Keep how the cases of a run ended, suite by suite, or tell what changed since.
    Baseline(Baseline),
    /// Draft waivers for the findings of a run.
    Waivers(Waivers),
    /// Show what a target is and can do.
    Probe(Probe),
    /// List the cases of the suites.
    List(List),
    /// Print the JSON Schema of suite or target files, for editors.
    Schema(Schema),
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command.
    Man {
        /// Folder for the pages of all commands.
        folder: Option<PathBuf>,
    },
}

/// Which target, by file and by flags; a flag wins over the file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// Target file, or the name of a shipped one (builtin, softhsm2, nss-softokn, ...).
    #[arg(long, value_name = "FILE|NAME")]
    pub(super) target: Option<String>,
    /// Module to load: a path, `builtin`, or `p11-kit:NAME`.
    #[arg(long, value_name = "PATH")]
    pub(super) module: Option<String>,
    /// Arguments of C_Initialize: `none`, or text for pReserved.
    #[arg(long, value_name = "TEXT")]
    pub(super) init_args: Option<String>,
    /// Slot by its id.
    #[arg(long, value_name = "ID", value_parser = number)]
    pub(super) slot: Option<u64>,
    /// Slot by its place in the list, from 0.
    #[arg(long, value_name = "N")]
    pub(super) slot_index: Option<usize>,
    /// Token by its label.
    #[arg(long, value_name = "LABEL")]
    pub(super) token_label: Option<String>,
    /// Token by its serial number.
    #[arg(long, value_name = "SERIAL")]
    pub(super) serial: Option<String>,
    /// Token, module and PIN by a PKCS #11 URI (RFC 7512).
    #[arg(long, value_name = "URI")]
    pub(super) uri: Option<String>,
    /// Log in as the user.
    #[arg(long, short = 'l', overrides_with = "no_login")]
    pub(super) login: bool,
    /// Do not log in, even if a PIN is known.
    #[arg(long, overrides_with = "login")]
    pub(super) no_login: bool,
    /// The user's PIN: `env:VAR`, `file:PATH`, `prompt`, or the PIN itself.
    #[arg(long, short = 'p', value_name = "SOURCE")]
    pub(super) pin: Option<String>,
    /// The security officer's PIN, in the same forms.
    #[arg(long, value_name = "SOURCE")]
    pub(super) so_pin: Option<String>,
    /// Hold the module to a profile (`baseline-provider`, ...) that its token does not claim.
    #[arg(long, value_name = "NAME")]
    pub(super) claim: Vec<Profile>,
    /// Hold the module to a security profile (`secure-templates`, `sp800-57`, `sp800-56a`,
    /// `fips186-5`): an attack that it forbids is a violation although the standard permits it.
    #[arg(long, value_name = "NAME")]
    pub(super) hold_to: Vec<SecurityProfile>,
    /// Everything on the token may be destroyed.
    #[arg(long)]
    pub(super) disposable: bool,
    /// Leave the scratch folder of the provisioning where it is.
    #[arg(long)]
    pub(super) keep_scratch: bool,
}

/// How much to say.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// A line for each finding, and the summary.
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// A line for every case, passed ones too.
    #[arg(long, short, conflicts_with = "quiet")]
    pub(super) verbose: bool,
}

impl OutputArgs {
    /// The verbosity asked for.
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Suites to run: files, or ids and globs of shipped cases; all shipped suites but the test
    /// vectors (`vectors/*`) and what the standard leaves undefined (`undefined/*`) if none.
    #[arg(value_name = "SUITE")]
    pub(super) suites: Vec<String>,
    /// Only the cases of a profile (`baseline-provider`, ...).
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Only cases that match, for instance `profiles/* & !*strict*`.
    #[arg(long, value_name = "EXPR")]
    pub(super) filter: Option<String>,
    /// Only one part of the cases, as in 2/8: share a run out, and join it with `p11assay merge`.
    #[arg(long, value_name = "N/COUNT", conflicts_with = "resume")]
    pub(super) partition: Option<Partition>,
    /// Workers at once, each with a token of its own.
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: u16,
    /// Seed of everything random; if not given, the parts of a shared run have one in common.
    #[arg(long, value_name = "N", value_parser = number)]
    pub(super) seed: Option<u64>,
    /// Longest that one call may take, for instance `10s`.
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<String>,
    /// Reading of the profile test cases.
    #[arg(long, value_enum, default_value_t = ReadingArg::Relaxed)]
    pub(super) reading: ReadingArg,
    /// Stop at the first finding.
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Folder of the run: evidence and reproducers; a new one below `runs/` if not given.
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(super) run_dir: Option<PathBuf>,
    /// Go on with the interrupted run in this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) resume: Option<PathBuf>,
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Gate.
    #[command(flatten)]
    pub(super) gate: GateArgs,
    /// Reports.
    #[command(flatten)]
    pub(super) reports: ReportArgs,
    /// Output.
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Which reading of the profile test cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReadingArg {
    /// What any real provider must vary may vary.
    Relaxed,
    /// Only what the Profiles text lists may vary.
    Strict,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The reproducer, the folder of the finding that it is in, or any suite file.
    pub(super) file: PathBuf,
    /// Reading of the profile test cases.
    #[arg(long, value_enum, default_value_t = ReadingArg::Relaxed)]
    pub(super) reading: ReadingArg,
    /// Longest that one call may take.
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<String>,
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// Arguments of `program`.
#[derive(Debug, Args)]
pub(super) struct Program {
    /// The reproducer, the folder of the finding that it is in, or any suite file with one case.
    pub(super) file: PathBuf,
    /// Where to write it; standard output if not given.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// Arguments of `probe`.
#[derive(Debug, Args)]
pub(super) struct Probe {
    /// As JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// The target.
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Suites: files, or ids and globs of shipped cases (`vectors/*` for test vectors, `undefined/*`
    /// for what the standard leaves undefined).
    #[arg(value_name = "SUITE")]
    pub(super) suites: Vec<String>,
    /// Only cases that match.
    #[arg(long, value_name = "EXPR")]
    pub(super) filter: Option<String>,
    /// With title, clause, level and class.
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// List the shipped targets instead.
    #[arg(long)]
    pub(super) targets: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Of which files.
    #[arg(value_enum, default_value_t = SchemaKind::Suite)]
    pub(super) kind: SchemaKind,
}

/// Files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaKind {
    /// Suite files.
    Suite,
    /// Target files.
    Target,
}

/// A number, decimal or hexadecimal with `0x`.
fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number, decimal or with 0x".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
