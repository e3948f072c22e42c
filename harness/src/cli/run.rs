//! `p11assay run` and `p11assay replay`: from arguments to reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use p11assay_reports::exit;
use p11assay_reports::stream;
use p11assay_reports::terminal::{Style, Verbosity};

use super::Failure;
use super::args::{ReadingArg, Replay, Run};
use super::progress::color;
use super::report::{finish, fresh_folder};
use super::select::{self, Selection, select};
use super::session::{EVIDENCE, Session};
use super::target::{disposable, resolve};
use crate::generate::{self, vectors};
use crate::oracle::Reading;
use crate::plan::{Plan, Suite, Waivers, shipped};
use crate::run::{keep, stray};
use crate::target::{SuiteFile, Target};

/// Runs suites against a target.
pub(super) fn run(args: &Run) -> Result<i32, Failure> {
    args.reports.ensure_writable()?;
    let earlier = args.resume.as_deref().map(resumed).transpose()?;
    let Selection { suites, mut plan } = select(
        &named(args, earlier.as_ref()),
        args.profile.as_deref(),
        args.filter.as_deref(),
    )?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let waivers = waivers(&target, suites)?;
    if let Some(part) = args.partition.filter(|_| !plan.cases.is_empty()) {
        plan.keep_part(part);
    }
    if let Some(earlier) = &earlier {
        go_on(&mut plan, earlier)?;
    }
    if plan.cases.is_empty() && plan.shard.is_none() && earlier.is_none() {
        let message = "nothing was selected to run; `p11assay list` shows what there is".to_owned();
        return Err(Failure {
            message,
            code: exit::NOTHING_SELECTED,
        });
    }
    let folder = match args.resume.as_ref().or(args.run_dir.as_ref()) {
        Some(folder) => folder.clone(),
        None => fresh_folder(),
    };
    let session = Session {
        reading: reading(args.reading),
        gate: args.gate.gate(earlier.as_ref().map(|e| &e.started.gate)),
        resumed: earlier.is_some(),
        jobs: usize::from(args.jobs),
        fail_fast: args.fail_fast,
        waivers,
        verbosity: args.output.verbosity(),
        ..Session::new(
            target,
            credentials,
            folder,
            args.seed
                .or(earlier.as_ref().map(|e| e.started.seed))
                .or(plan.shared_seed())
                .unwrap_or_else(fresh_seed),
            &args.target,
        )
    };
    let evidence = session.execute(plan)?;
    args.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.output))
}

/// The suites to read: those given, or those that an interrupted run was given.
fn named(args: &Run, earlier: Option<&stream::Evidence>) -> Vec<String> {
    let plan = earlier.and_then(|earlier| earlier.plan.as_ref());
    let Some(plan) = plan.filter(|_| args.suites.is_empty()) else {
        return args.suites.clone();
    };
    let own = |file: &&String| {
        shipped::paths().any(|path| path == file.as_str()) || *file == generate::SOURCE
    };
    let files = plan.suites.iter().filter(|file| *file != vectors::SOURCE);
    let (own, mut named): (Vec<&String>, Vec<&String>) = files.partition(own);
    let everything = "*".to_owned();
    // Nothing but their names brings these into a run.
    let by_name = plan
        .cases
        .iter()
        .filter(|id| shipped::by_name(id).is_some());
    let suites = by_name.filter_map(|id| id.rsplit_once('/').map(|(suite, _)| suite.to_owned()));
    let suites: BTreeSet<String> = suites.collect();
    named.extend(&suites);
    if !own.is_empty() && !named.is_empty() {
        named.push(&everything);
    }
    named.into_iter().cloned().collect()
}

/// Leaves in the plan what an interrupted run left undone.
fn go_on(plan: &mut Plan, earlier: &stream::Evidence) -> Result<(), Failure> {
    let remaining = earlier.remaining();
    plan.shard = earlier.plan.as_ref().and_then(|plan| plan.shard.clone());
    let is_there = |id: &&&str| plan.cases.iter().any(|planned| planned.case.id == **id);
    if let Some(lost) = remaining.iter().find(|id| !is_there(id)) {
        return Err(Failure::usage(format!(
            "the case `{lost}` of the interrupted run is not among those chosen now; \
             give the suites and filters of that run again"
        )));
    }
    plan.cases
        .retain(|planned| remaining.contains(&planned.case.id.as_str()));
    Ok(())
}

/// The target's waivers, checked against the cases of all suites, shipped and given.
pub(super) fn waivers(target: &Target, mut suites: Vec<Suite>) -> Result<Waivers, Failure> {
    let read = match &target.waivers {
        None => return Ok(Waivers::default()),
        Some(SuiteFile::File(path)) => Waivers::read(path),
        Some(SuiteFile::Shipped(path)) => shipped::waivers(path),
    };
    let (waivers, document) = read.map_err(Failure::usage)?;
    let known: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
    suites.extend(
        select::all()?
            .into_iter()
            .filter(|suite| !known.contains(&suite.name)),
    );
    // Vectors take their time to be read: a run without any does not look for those that are waived.
    let with_vectors = suites.iter().any(|suite| vectors::are_meant(&suite.name));
    if with_vectors {
        let patterns: Vec<String> = waivers.patterns().map(str::to_owned).collect();
        let named = select::named_vectors(&patterns).into_iter();
        suites.extend(named.filter(|suite| !known.contains(&suite.name)));
    }
    let checked = |case: &str| {
        let folder = shipped::by_name(case);
        let mut folders = suites.iter().map(|suite| shipped::by_name(&suite.name));
        let is_read = folder.is_none() || folders.any(|read| read == folder);
        // What a search will find nobody knows before.
        let searched = ["fuzz/", "property/", "security/search/", "security/timing/"];
        is_read && !searched.iter().any(|group| case.starts_with(group))
    };
    waivers
        .check(&document, &suites, &stray::IDS, checked)
        .map_err(Failure::usage)?;
    Ok(waivers)
}

/// Runs a reproducer.
pub(super) fn replay(args: &Replay) -> Result<i32, Failure> {
    let suite = Suite::read(&keep::reproducer(&args.file)).map_err(Failure::usage)?;
    let plan = Plan::select(&[suite], &[], None).map_err(Failure::usage)?;
    let (mut target, credentials) = resolve(&args.target)?;
    // Nothing of it would be executed, which is no answer to whoever asks whether a finding is still there.
    let mut cases = plan.cases.iter();
    if cases.all(|planned| planned.case.needs.disposable) {
        disposable(&target, "this reproducer")?;
    }
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let folder = tempfile::tempdir().map_err(Failure::harness)?;
    let session = Session {
        reading: reading(args.reading),
        // A replay shows what the module does, accepted or not.
        waivers: Waivers::default(),
        every_trace: true,
        ..Session::new(
            target,
            credentials,
            folder.path().join("replay"),
            fresh_seed(),
            &args.target,
        )
    };
    let evidence = session.execute(plan)?;
    let style = Style {
        color: color(),
        verbosity: Verbosity::Verbose,
    };
    for mut case in evidence.cases.clone() {
        // The reproducer is the file in hand, not the copy that this run wrote.
        case.replay = None;
        let calls = p11assay_reports::terminal::calls(&case, style);
        case.trace.clear();
        let line = p11assay_reports::terminal::case_line(&case, style).unwrap_or_default();
        let _ = writeln!(
            std::io::stdout(),
            "{}\n{line}",
            calls.trim_start_matches('\n')
        );
    }
    Ok(evidence.exit_code())
}

fn resumed(folder: &Path) -> Result<stream::Evidence, Failure> {
    stream::read(&folder.join(EVIDENCE)).map_err(Failure::usage)
}

fn reading(arg: ReadingArg) -> Reading {
    match arg {
        ReadingArg::Relaxed => Reading::Relaxed,
        ReadingArg::Strict => Reading::Strict,
    }
}

pub(super) fn timeout(flag: &str, text: &str) -> Result<std::time::Duration, Failure> {
    let wrong = |why: &str| Failure::usage(format!("{flag} {text}: {why}; write for instance 10s"));
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err(wrong("nothing can be done in no time at all")),
        Ok(time) => Ok(time),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

pub(super) fn fresh_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos() as u64
}
