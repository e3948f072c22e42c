//! The command line: arguments, the terminal, exit codes. Everything of substance is in the rooms
//! below; this one says what went wrong and ends with the documented code.

mod args;
mod baseline;
mod bench;
mod check;
mod corpus;
mod coverage;
#[cfg(test)]
mod documented;
mod fuzz;
mod ground;
mod list;
mod merge;
mod probe;
mod program;
mod progress;
mod property;
mod report;
mod run;
mod security;
mod select;
mod session;
mod site;
mod target;
mod triage;
mod waivers;

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use p11assay_reports::exit;

use args::{Cli, Command};

/// A command that could not do its work: what to say, and the exit code.
#[derive(Debug)]
struct Failure {
    message: String,
    code: i32,
}

impl Failure {
    fn usage(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            code: exit::USAGE,
        }
    }

    fn target(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            code: exit::TARGET_UNUSABLE,
        }
    }

    fn stopped() -> Self {
        Self {
            message: "stopped before anything was executed".to_owned(),
            code: exit::INTERRUPTED,
        }
    }

    fn harness(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            code: exit::HARNESS_FAULT,
        }
    }

    /// With where findings are that a search had before it failed to report them: in the folder of the run.
    fn with_findings(mut self, run: &Path) -> Self {
        let folder = run.join(p11assay_reports::folder::FINDINGS);
        if folder.is_dir() {
            self.message += &format!(
                "\nwhat was found by then is in {}: `p11assay replay` takes each of its folders",
                folder.display()
            );
        }
        self
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // A worker must not depend on anything that arguments or the environment could change.
    if std::env::args_os().nth(1).as_deref() == Some(OsStr::new("worker")) {
        crate::run::worker();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::PASSED
            };
            let _ = error.print();
            return code_of(code);
        }
    };
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => run::replay(&arguments),
        Command::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Corpus(command) => corpus::corpus(&command),
        Command::Triage(arguments) => triage::triage(&arguments),
        Command::Property(arguments) => property::property(&arguments),
        Command::Security(arguments) => security::security(&arguments),
        Command::Program(arguments) => program::program(&arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Coverage(arguments) => coverage::coverage(&arguments),
        Command::Baseline(arguments) => baseline::baseline(&arguments),
        Command::Waivers(arguments) => waivers::waivers(&arguments),
        Command::Probe(arguments) => probe::probe(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Schema(arguments) => list::schema(&arguments),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "p11assay", &mut std::io::stdout());
            Ok(exit::PASSED)
        }
        Command::Man { folder } => man(folder.as_deref()),
    };
    match result {
        Ok(code) => code_of(code),
        Err(failure) => {
            let text = failure.message.trim_end();
            if text.starts_with("error") {
                eprintln!("{text}");
            } else {
                eprintln!("error: {text}");
            }
            code_of(failure.code)
        }
    }
}

fn man(folder: Option<&Path>) -> Result<i32, Failure> {
    if let Some(folder) = folder {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
        let unwritable = |error| Failure::usage(format!("{}: {error}", folder.display()));
        return written.map(|()| exit::PASSED).map_err(unwritable);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(Failure::harness)?;
    // A reader that closes the pipe early has read enough.
    let _ = std::io::stdout().write_all(&page);
    Ok(exit::PASSED)
}

fn code_of(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
