//! `p11assay fuzz`: sequences of the program's own making on a target, with the reference token beside
//! it; what is found becomes cases, which are then run and reported like any others.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use p11assay_reports::evidence::{Class, Clause, Level, Verdict};
use p11assay_reports::terminal::Verbosity;

use super::Failure;
use super::args::{ClassArg, Fuzz};
use super::ground::{Ground, failure};
use super::progress::Bar;
use super::report::{finish, fresh_folder};
use super::run::{fresh_seed, timeout, waivers};
use super::session::Session;
use super::target::{at_disposal, resolve};
use crate::fuzz::search::{Deserted, Found, Limits, Progress, Search, Watcher};
use crate::fuzz::{Corpus, CorpusError};
use crate::plan::{Case, Ladder, Needs, Plan, Planned, Unmet};
use crate::run::keep::Keeper;
use crate::run::{Interrupt, Patience, stray};
use crate::sequence::Sequence;
use crate::sequence::decode::Lanes;
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
    let mut found = search(args, &target, &credentials, &folder, (seed, time))?;
    let deserted = found.deserted.take();
    let deserted = deserted.map(|of| in_one_of_these(&of, found.most_variants, args, seed));
    let deserted = deserted.map(|reason| credentials.redactor().text(&reason));
    let run = folder.clone();
    let session = Session {
        patience: Patience::of_search(),
        gate: args.shown.gate.gate(None),
        waivers,
        verbosity: args.shown.output.verbosity(),
        ..Session::new(target, credentials, folder, seed, &args.target)
    };
    let evidence = session.execute(plan(found, args, (seed, time), deserted));
    let evidence = evidence.map_err(|failure| failure.with_findings(&run))?;
    args.shown.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.shown.output))
}

fn search(
    args: &Fuzz,
    target: &Target,
    credentials: &Credentials,
    folder: &Path,
    (seed, time): (u64, Duration),
) -> Result<Found, Failure> {
    let interrupt = Interrupt::default();
    let _signal = super::session::watch_signals(&interrupt)?;
    let mut ground = Ground::new(target, credentials, usize::from(args.jobs), &interrupt)?;
    let (corpus, inputs) = match &args.corpus {
        Some(folder) => Corpus::open(folder).map_err(Failure::usage)?,
        None => (Corpus::in_memory(), Vec::new()),
    };
    let functions = ground.follow(&args.coverage)?;
    let mut setting = ground.setting(&args.input);
    if args.threads > 1 {
        ground.allows_threads()?;
        setting.lanes = Some(Lanes {
            count: usize::from(args.threads),
            share_sessions: args.share_sessions,
        });
    }
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
    found.map_err(|error| failure(error, credentials))
}

/// The findings, and a case for the search itself, which says what was looked at; with one for what a program of the token
/// did not outlive, if that ended the search.
fn plan(
    found: Found,
    args: &Fuzz,
    (seed, time): (u64, Duration),
    deserted: Option<String>,
) -> Plan {
    let Progress {
        sequences,
        variants,
        calls,
        ..
    } = found.progress;
    let mut title = format!(
        "{sequences} sequences and {variants} variants, up to {} of each, with {calls} calls in {}, seed {seed}",
        found.most_variants,
        humantime::format_duration(Duration::from_secs(time.as_secs()))
    );
    if args.threads > 1 {
        title += &format!(", {} threads", args.threads);
    }
    for reached in found.functions.summary() {
        title += &format!("; {reached} reached");
    }
    if let Some(reason) = &found.lost_track {
        title += &format!(" until it could not be told any more: {reason}");
    }
    if let Some(first) = found.lost.values().next() {
        let count = found.lost.len();
        title += &format!("; {count} seen that a fresh worker does not show, the first: {first}");
    }
    let search = Case {
        id: "fuzz/search".to_owned(),
        title,
        clause: Clause {
            document: "PKCS11-Base".to_owned(),
            version: "3.2".to_owned(),
            section: "5".to_owned(),
        },
        level: Level::Must,
        attack: None,
        class: widest(&args.input.classes),
        ladder: Ladder::Initialized,
        needs: Needs::default(),
        with: Vec::new(),
        sequence: Sequence::default(),
        has_strict_reading: false,
        line: 0,
    };
    let deserted = deserted.map(|reason| Planned {
        unmet: Some(Unmet {
            verdict: Verdict::Crash,
            why: None,
            reason,
        }),
        case: Case {
            id: stray::PROGRAM.to_owned(),
            title: stray::TITLE_OF_PROGRAM.to_owned(),
            ..search.clone()
        },
    });
    let cases = found.cases.into_iter().chain([search]);
    let cases = cases.map(|case| Planned { case, unmet: None });
    Plan {
        files: vec!["fuzz".to_owned()],
        cases: deserted.into_iter().chain(cases).collect(),
        shard: None,
    }
}

/// Which program ended, and how the search is made again that it did not outlive.
fn in_one_of_these(deserted: &Deserted, variants: u32, args: &Fuzz, seed: u64) -> String {
    let Deserted { gone, begun } = deserted;
    let how = stray::end_of_program(&gone.program, &gone.end);
    let last = gone.stderr.lines().rfind(|line| !line.trim().is_empty());
    let said = last.map_or(String::new(), |line| format!(", and said last: {line}"));
    let again = match args.jobs {
        1 => format!("--seed {seed} --sequences {begun} --variants {variants} show it again"),
        _ => "a search with one job can be made again".to_owned(),
    };
    format!(
        "{how} in the last batch of {begun} sequences, or in a variant of one{said}; the search ended with it: {again}"
    )
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
