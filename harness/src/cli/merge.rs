//! `p11assay merge`: the runs that shared out a plan as one, with its evidence, reproducers and reports.

use std::collections::HashMap;
use std::path::Path;

use p11assay_reports::evidence::{Case, Event, Target};
use p11assay_reports::folder::{PROGRAM, RECORD, of, write};
use p11assay_reports::merge::{self, Merged, Part};
use p11assay_reports::stream::{self, Writer};

use super::Failure;
use super::args::Merge;
use super::report::{finish, fresh_folder};
use super::session::EVIDENCE;
use super::waivers::evidence_of;

/// Joins runs.
pub(super) fn merge(args: &Merge) -> Result<i32, Failure> {
    args.shown.reports.ensure_writable()?;
    let folder = args.run_dir.clone().unwrap_or_else(fresh_folder);
    let mut parts = Vec::new();
    let mut homes = HashMap::new();
    for run in &args.runs {
        let file = evidence_of(run);
        let evidence = stream::read(&file).map_err(Failure::usage)?;
        let home = file.parent().unwrap_or(Path::new("."));
        let ids = evidence.cases.iter().map(|case| case.id.clone());
        homes.extend(ids.map(|id| (id, home.to_owned())));
        let name = run.display().to_string();
        parts.push(Part { name, evidence });
    }
    let command = std::env::args().collect();
    let gate = args
        .shown
        .gate
        .is_given()
        .then(|| args.shown.gate.gate(None));
    let Merged {
        mut events,
        missing,
    } = merge::merge(&parts, command, gate).map_err(Failure::usage)?;
    for index in &missing {
        eprintln!("warning: part {index} is missing: give the folder of its run, too");
    }
    std::fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    let path = folder.join(EVIDENCE);
    let mut writer = Writer::open_new(&path).map_err(Failure::usage)?;
    let mut target = None;
    for event in &mut events {
        if let Event::Target(of_run) = event {
            target = Some(of_run.clone());
        }
        if let Event::Case(case) = event
            && let Some(home) = homes.get(&case.id)
        {
            take_reproducer(case, home, &folder)?;
            take_folder(case, target.as_deref(), home, &folder)?;
        }
        writer.append(event).map_err(Failure::usage)?;
    }
    let evidence = stream::read(&path).map_err(Failure::harness)?;
    args.shown.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.shown.output))
}

/// Copies the reproducer of a case to the joined run, and has the command that replays it look there.
/// One that was not handed over with the evidence is left out.
fn take_reproducer(case: &mut Case, home: &Path, folder: &Path) -> Result<(), Failure> {
    let Some(reproducer) = case.reproducer.clone() else {
        return Ok(());
    };
    let (from, to) = (home.join(&reproducer), folder.join(&reproducer));
    if !from.is_file() {
        (case.reproducer, case.replay) = (None, None);
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    }
    std::fs::copy(&from, &to).map_err(|error| at(&to, &error))?;
    let replay = case.replay.as_deref();
    if let Some((_, arguments)) = replay.and_then(|replay| replay.split_once(&reproducer)) {
        case.replay = Some(format!("p11assay replay {}{arguments}", to.display()));
    }
    Ok(())
}

/// Does the same with what is beside the reproducer, in the folder of a finding.
fn take_folder(
    case: &Case,
    target: Option<&Target>,
    home: &Path,
    folder: &Path,
) -> Result<(), Failure> {
    let own = of(&case.id);
    let (Some(target), Some(_)) = (target, &case.reproducer) else {
        return Ok(());
    };
    let (from, to) = (home.join(&own), folder.join(&own));
    if !from.join(RECORD).is_file() {
        return Ok(());
    }
    let program = from.join(PROGRAM);
    if program.is_file() {
        std::fs::copy(&program, to.join(PROGRAM)).map_err(|error| at(&to, &error))?;
    }
    write(&to, target, case).map_err(|error| at(&to, &error))
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::usage(format!("{path} cannot be written: {error}; give --run-dir"))
}
