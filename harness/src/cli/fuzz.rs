//! `p11assay fuzz`: sequences of the program's own making on a target, with the reference token beside
//! it; what is found becomes cases, which are then run and reported like any others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use p11assay_reports::evidence::{Class, Clause};
use p11assay_reports::terminal::Verbosity;

use super::Failure;
use super::args::{ClassArg, Fuzz};
use super::ground::{Ground, failure};
use super::progress::Bar;
use super::report::{finish, fresh_folder};
use super::run::{fresh_seed, timeout, waivers};
use super::session::Session;
use super::target::{at_disposal, resolve};
use crate::fuzz::search::{Found, Limits, Progress, Search, Watcher};
use crate::fuzz::{Corpus, CorpusError};
use crate::plan::{Case, Plan, Planned, Unmet};
use crate::run::keep::Keeper;
use crate::run::{Interrupt, Patience, stray};
use crate::target::{Credentials, Redactor, Target};
use crate::triage::program::Module;

/// Looks for findings for a while, and reports them.
pub(super) fn fuzz(args: &Fuzz) -> Result<i32, Failure> {
    args.shown.reports.ensure_writable()?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let time = timeout("--time", &args.time)?;
    at_disposal(&target, &credentials, "fuzzing")?;
    let waivers = waivers(&target, Vec::new())?;
    let folder = args.run_dir.clone().unwrap_or_else(fresh_folder);
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let searched = search(args, &target, &credentials, &folder, (seed, time))?;
    let (mut found, shared_token) = searched;
    let redactor = credentials.redactor();
    found.gave_up = found.gave_up.map(|text| redactor.text(&text));
    let strays = std::mem::take(&mut found.strays);
    let strays = strays.into_iter().map(|(stray, begun)| {
        let when = during(begun, found.most_variants, args, seed);
        stray::settled(&stray, &when, &redactor)
    });
    let strays = strays.collect();
    let run = folder.clone();
    let session = Session {
        patience: Patience::of_search(),
        gate: args.shown.gate.gate(None),
        waivers,
        verbosity: args.shown.output.verbosity(),
        ..Session::new(target, credentials, folder, seed, &args.target)
    };
    let evidence = session.execute(plan((found, shared_token), args, (seed, time), strays));
    let evidence = evidence.map_err(|failure| failure.with_findings(&run))?;
    args.shown.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.shown.output))
}

/// What a search came to, and why no sequence had a token of its own, if none had.
fn search(
    args: &Fuzz,
    target: &Target,
    credentials: &Credentials,
    folder: &Path,
    (seed, time): (u64, Duration),
) -> Result<(Found, Option<&'static str>), Failure> {
    let interrupt = Interrupt::default();
    let _signal = super::session::watch_signals(&interrupt)?;
    let mut ground = Ground::new(target, credentials, usize::from(args.jobs), &interrupt)?;
    let (corpus, inputs) = match &args.corpus {
        Some(folder) => Corpus::open(folder).map_err(Failure::usage)?,
        None => (Corpus::in_memory(), Vec::new()),
    };
    let functions = ground.follow(&args.coverage)?;
    let setting = ground.setting(&args.input)?;
    let search = Search {
        setting,
        pairs: ground.pairs,
        seed,
        limits: Limits {
            time,
            inputs: args.sequences.unwrap_or(u64::MAX),
            findings: if args.fail_fast { 1 } else { usize::MAX },
        },
        variants: args.variants,
        corpus,
        functions,
        interrupt,
    };
    let redactor = credentials.redactor();
    let mut terminal = Terminal::new(
        folder,
        args.shown.output.verbosity(),
        ground.module,
        redactor,
    );
    let found = search.run(inputs, &mut terminal);
    terminal.bar.finish();
    let found = found.map_err(|error| failure(error, credentials))?;
    Ok((found, ground.shares_token))
}

/// The findings, and a case for the search itself, which says what was looked at; with one for each end that no
/// sequence is to blame for.
fn plan(
    (found, shared_token): (Found, Option<&'static str>),
    args: &Fuzz,
    (seed, time): (u64, Duration),
    strays: Vec<Planned>,
) -> Plan {
    let Progress {
        sequences,
        with_own_token,
        variants,
        calls,
        ..
    } = found.progress;
    let mut title = format!(
        "{sequences} sequences and {variants} variants, up to {} of each, with {calls} calls in {}, seed {seed}",
        found.most_variants,
        humantime::format_duration(Duration::from_secs(time.as_secs()))
    );
    title += &match shared_token {
        _ if args.input.threads > 1 => format!(", {} threads", args.input.threads),
        Some(reason) => format!(", none with a token of its own: {reason}"),
        None => format!(", {with_own_token} with a token of their own"),
    };
    for reached in found.functions.summary() {
        title += &format!("; {reached} reached");
    }
    if let Some(reason) = &found.lost_track {
        title += &format!(" until it could not be told any more: {reason}");
    }
    let gave_up = found.gave_up.map(|reason| {
        let reason = format!("the search ended before its time: {reason}");
        Unmet::environment(reason)
    });
    if let Some(first) = found.lost.values().next() {
        let count = found.lost.len();
        title += &format!("; {count} seen that a fresh worker does not show, the first: {first}");
    }
    let clause = Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: "5".to_owned(),
    };
    let search = Case {
        class: widest(&args.input.classes),
        ..Case::without_calls("fuzz/search".to_owned(), title, clause)
    };
    let cases = found.cases.into_iter();
    let cases = cases.map(|case| Planned { case, unmet: None });
    let search = Planned {
        case: search,
        unmet: gave_up,
    };
    Plan {
        files: vec!["fuzz".to_owned()],
        cases: strays.into_iter().chain(cases).chain([search]).collect(),
        shard: None,
    }
}

/// How far a search was when something ended, and how it is made again.
fn during(begun: u64, variants: u32, args: &Fuzz, seed: u64) -> String {
    let again = match args.jobs {
        1 => format!(
            "which is made again by --seed {seed} --sequences {begun} --variants {variants}"
        ),
        _ => "which cannot be made again, as it had several jobs".to_owned(),
    };
    format!(", when {begun} sequences of the search had been begun, {again}")
}

/// The least honest of some classes.
fn widest(classes: &[ClassArg]) -> Class {
    match classes {
        _ if classes.contains(&ClassArg::C) => Class::C,
        _ if classes.contains(&ClassArg::B) => Class::B,
        _ => Class::A,
    }
}

/// Shows how the search goes, and keeps what it finds at once.
struct Terminal {
    folder: PathBuf,
    bar: Bar,
    module: Module,
    redactor: Redactor,
}

impl Terminal {
    fn new(folder: &Path, verbosity: Verbosity, module: Module, redactor: Redactor) -> Self {
        Self {
            folder: folder.to_owned(),
            bar: Bar::endless(verbosity),
            module,
            redactor,
        }
    }
}

impl Watcher for Terminal {
    fn progress(&mut self, progress: &Progress) {
        let run = progress.sequences + progress.variants;
        let per_second = run as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
        let functions = match progress.functions {
            0 => String::new(),
            functions => format!("{functions} functions, "),
        };
        self.bar.say(format!(
            "{} sequences ({per_second:.0}/s), {} calls, {} inputs kept, {functions}{} findings",
            run, progress.calls, progress.corpus, progress.findings
        ));
    }

    fn found(&mut self, case: &Case) -> Result<(), CorpusError> {
        self.bar.aside(|| {
            let _ = writeln!(std::io::stderr(), "found: {}", case.title);
        });
        let keeper = Keeper {
            folder: &self.folder,
            module: Some(&self.module),
            redactor: &self.redactor,
        };
        let written = keeper.reproducers(case, None).map(drop);
        written.map_err(|error| CorpusError::not_written(self.folder.clone(), error))
    }
}
