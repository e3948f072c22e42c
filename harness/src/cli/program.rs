//! `p11assay program`: a case as a C program.

use std::io::Write as _;

use p11assay_reports::folder;

use super::Failure;
use super::args::Program;
use super::target::resolve;
use crate::plan::Suite;
use crate::probe::{Slot, Token};
use crate::run::{Interrupt, keep};
use crate::sequence::Reserved;
use crate::target::{self, Credentials, Target};
use crate::triage::program::{self, Module};

/// Writes a case as a program.
pub(super) fn program(args: &Program) -> Result<i32, Failure> {
    let file = keep::reproducer(&args.file);
    let suite = Suite::read(&file).map_err(Failure::usage)?;
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
    let module = module(&target, &token, &credentials, probe.slot());
    // In the folder of a finding lies what is known of it.
    let record = file.parent().and_then(|folder| folder::read(folder).ok());
    let record = record.filter(|record| record.id == case.id);
    let text = program::program(case, &module, record.as_ref());
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
    token: &Token,
    credentials: &Credentials,
    slot: &Slot,
) -> Module {
    let redactor = credentials.redactor();
    let prepared = token.prepared();
    let scratch = prepared.scratch.display().to_string();
    let generic = |text: &str| text.replace(&scratch, program::SCRATCH);
    let mut init_args = prepared.init_args.clone();
    if let Some(given) = &mut init_args {
        given.nss = given.nss.as_deref().map(generic);
        if let Reserved::Text(text) = &mut given.reserved {
            *text = generic(text);
        }
    }
    let label = slot
        .token
        .iter()
        .flatten()
        .find(|(name, _)| name == "label");
    let label = label.map(|(_, label)| label.trim_end().to_owned());
    Module {
        path: match &target.module {
            target::Module::Builtin => program::BUILTIN.to_owned(),
            target::Module::Path(path) => path.display().to_string(),
        },
        slot: slot.id,
        label: label.filter(|label| !label.is_empty()),
        init_args,
        // What holds a PIN is whoever's who has the PIN.
        environment: prepared
            .environment
            .iter()
            .filter(|(_, value)| redactor.text(value) == **value)
            .map(|(name, value)| (name.clone(), generic(value)))
            .collect(),
        provision: target.provision.clone(),
    }
}
