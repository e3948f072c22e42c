//! `p11assay program`: a case as a C program.

use std::io::Write as _;

use super::Failure;
use super::args::Program;
use super::target::resolve;
use crate::plan::Suite;
use crate::run::{Interrupt, keep};
use crate::target::{self, Credentials, Provisioned, Target};
use crate::triage::program::{self, Module};

/// Writes a case as a program.
pub(super) fn program(args: &Program) -> Result<i32, Failure> {
    let suite = Suite::read(&keep::reproducer(&args.file)).map_err(Failure::usage)?;
    let [case] = suite.cases.as_slice() else {
        return Err(Failure::usage(format!(
            "{}: a program is made of one case, and this file has {}; a reproducer has one",
            args.file.display(),
            suite.cases.len()
        )));
    };
    let (target, credentials) = resolve(&args.target)?;
    if target.module == target::Module::Builtin {
        return Err(Failure::usage(
            "the built-in token is part of p11assay: name a module that a program can load, for \
             instance with --module",
        ));
    }
    let keep = args.target.keep_scratch;
    let (token, mut station) =
        crate::probe::reach(&target, &credentials, &Interrupt::default(), keep)
            .map_err(|error| Failure::target(credentials.redactor().text(&error.to_string())))?;
    if keep {
        eprintln!("scratch folder: {}", token.prepared().scratch.display());
    }
    let probe = crate::probe::probe(&mut station, &target, &credentials)
        .map_err(|error| Failure::target(credentials.redactor().text(&error.to_string())))?;
    let module = module(&target, &token, &credentials, probe.slot().id);
    let text = program::program(case, &module);
    let text = text.map_err(Failure::usage)?;
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", path.display()))
        })?,
        None => {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
    }
    Ok(p11assay_reports::exit::PASSED)
}

/// What a program must know of a target that was provisioned.
pub(super) fn module(
    target: &Target,
    token: &Provisioned,
    credentials: &Credentials,
    slot: u64,
) -> Module {
    let redactor = credentials.redactor();
    let environment = token.prepared().environment.iter();
    Module {
        path: match &target.module {
            target::Module::Builtin => "builtin".to_owned(),
            target::Module::Path(path) => path.display().to_string(),
        },
        slot,
        init_args: token.prepared().init_args.clone(),
        environment: environment
            .map(|(name, value)| (name.clone(), redactor.text(value)))
            .collect(),
    }
}
