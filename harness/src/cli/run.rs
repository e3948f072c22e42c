//! `p11assay run` and `p11assay replay`: from arguments to reports.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use p11assay_reports::counts::Counts;
use p11assay_reports::evidence::{self, Event, Interrupted, Note, RunFinished, RunStarted};
use p11assay_reports::exit;
use p11assay_reports::render::{Format, ensure_writable, render};
use p11assay_reports::stream::{self, Writer};
use p11assay_reports::terminal::{Style, Verbosity, summary};

use super::Failure;
use super::args::{OutputArgs, ReadingArg, Replay, Run};
use super::progress::{Terminal, color};
use super::target::{arguments, resolve};
use crate::oracle::Reading;
use crate::plan::{Filter, Plan, Planned, Suite, Waivers, shipped};
use crate::probe::{self, FileIdentity, Probe};
use crate::run::engine::{self, Settings, Sink};
use crate::run::{Interrupt, Station, stray};
use crate::sequence::Value;
use crate::target::{Credentials, Module, Provisioned, SuiteFile, Target};

/// File of the evidence in a run's folder.
const EVIDENCE: &str = "evidence.jsonl";

/// Reads suites: files as they are, anything else as patterns over the shipped cases.
pub(super) fn suites(named: &[String]) -> Result<(Vec<Suite>, Vec<String>), Failure> {
    let is_file = |name: &&String| {
        let path = Path::new(name.as_str());
        path.extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
            || path.is_file()
    };
    let mut suites = Vec::new();
    for file in named.iter().filter(is_file) {
        suites.push(Suite::read(Path::new(file)).map_err(Failure::usage)?);
    }
    let mut wanted: Vec<String> = named
        .iter()
        .filter(|name| !is_file(name))
        .cloned()
        .collect();
    if suites.is_empty() || !wanted.is_empty() {
        // A file's cases are all wanted, beside those that patterns choose from the shipped ones.
        let own: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
        if !wanted.is_empty() {
            wanted.extend(own);
        }
        suites.extend(shipped::suites().map_err(Failure::usage)?);
    }
    Ok((suites, wanted))
}

/// Runs suites against a target.
pub(super) fn run(args: &Run) -> Result<i32, Failure> {
    for path in args.junit.iter().chain(&args.json) {
        ensure_writable(path).map_err(Failure::usage)?;
    }
    let filter = args
        .filter
        .as_deref()
        .map(Filter::parse)
        .transpose()
        .map_err(Failure::usage)?;
    let earlier = args.resume.as_deref().map(resumed).transpose()?;
    let (suites, mut wanted) = suites(&named(args, earlier.as_ref()))?;
    wanted.extend(args.profile.as_ref().map(|name| format!("profiles/{name}")));
    let mut plan = Plan::select(&suites, &wanted, filter.as_ref()).map_err(Failure::usage)?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout(text)?;
    }
    let waivers = waivers(&target, suites)?;
    if let Some(earlier) = &earlier {
        go_on(&mut plan, earlier)?;
    }
    if plan.cases.is_empty() && earlier.is_none() {
        let message = "nothing was selected to run; `p11assay list` shows what there is".to_owned();
        return Err(Failure {
            message,
            code: exit::NOTHING_SELECTED,
        });
    }
    let folder = match args.resume.as_ref().or(args.run_dir.as_ref()) {
        Some(folder) => folder.clone(),
        None => PathBuf::from("runs").join(stamp()),
    };
    let session = Session {
        target,
        credentials,
        folder,
        reading: reading(args.reading),
        seed: args
            .seed
            .or(earlier.as_ref().map(|e| e.started.seed))
            .unwrap_or_else(fresh_seed),
        resumed: earlier.is_some(),
        jobs: usize::from(args.jobs),
        fail_fast: args.fail_fast,
        waivers,
        every_trace: false,
        verbosity: args.output.verbosity(),
        keep_scratch: args.target.keep_scratch,
        target_arguments: arguments(&args.target),
    };
    let evidence = session.execute(plan)?;
    report(&evidence, args)?;
    Ok(finish(&evidence, &args.output))
}

/// The suites to read: those given, or those that an interrupted run was given.
fn named(args: &Run, earlier: Option<&stream::Evidence>) -> Vec<String> {
    let plan = earlier.and_then(|earlier| earlier.plan.as_ref());
    match plan {
        Some(plan) if args.suites.is_empty() => {
            let shipped = |file: &String| shipped::paths().any(|path| path == file);
            let mut named: Vec<String> = plan.suites.clone();
            named.retain(|file| !shipped(file));
            if named.len() < plan.suites.len() && !named.is_empty() {
                named.push("*".to_owned());
            }
            named
        }
        _ => args.suites.clone(),
    }
}

/// Leaves in the plan what an interrupted run left undone.
fn go_on(plan: &mut Plan, earlier: &stream::Evidence) -> Result<(), Failure> {
    let remaining = earlier.remaining();
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
fn waivers(target: &Target, mut suites: Vec<Suite>) -> Result<Waivers, Failure> {
    let path = match &target.waivers {
        None => return Ok(Waivers::default()),
        Some(SuiteFile::File(path)) => path,
        Some(SuiteFile::Shipped(path)) => {
            return Err(Failure::usage(format!(
                "no waivers come with the program: {path}"
            )));
        }
    };
    let (waivers, document) = Waivers::read(path).map_err(Failure::usage)?;
    let known: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
    let shipped = shipped::suites().map_err(Failure::usage)?;
    suites.extend(
        shipped
            .into_iter()
            .filter(|suite| !known.contains(&suite.name)),
    );
    waivers
        .check(&document, &suites, &stray::IDS)
        .map_err(Failure::usage)?;
    Ok(waivers)
}

/// Runs a reproducer.
pub(super) fn replay(args: &Replay) -> Result<i32, Failure> {
    let suite = Suite::read(&args.file).map_err(Failure::usage)?;
    let plan = Plan::select(&[suite], &[], None).map_err(Failure::usage)?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout(text)?;
    }
    let folder = tempfile::tempdir().map_err(Failure::harness)?;
    let session = Session {
        target,
        credentials,
        folder: folder.path().join("replay"),
        reading: reading(args.reading),
        seed: fresh_seed(),
        resumed: false,
        jobs: 1,
        fail_fast: false,
        // A replay shows what the module does, accepted or not.
        waivers: Waivers::default(),
        every_trace: true,
        verbosity: Verbosity::Quiet,
        keep_scratch: args.target.keep_scratch,
        target_arguments: arguments(&args.target),
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
    Ok(exit::exit_code(&counts(&evidence)))
}

/// A token for every job, with the stations on them and what they can refer to.
struct Reached {
    tokens: Vec<Provisioned>,
    stations: Vec<(Station, Value)>,
    probe: Probe,
}

/// Everything that a run is made of, once arguments are understood.
struct Session {
    target: Target,
    credentials: Credentials,
    folder: PathBuf,
    reading: Reading,
    seed: u64,
    resumed: bool,
    jobs: usize,
    fail_fast: bool,
    waivers: Waivers,
    every_trace: bool,
    verbosity: Verbosity,
    keep_scratch: bool,
    target_arguments: String,
}

impl Session {
    fn execute(&self, mut plan: Plan) -> Result<stream::Evidence, Failure> {
        let begun = Instant::now();
        let interrupt = Interrupt::default();
        let signal = watch_signals(&interrupt)?;
        self.make_folder()?;
        let reached = self.reach(&interrupt).map_err(|failure| {
            // Nothing was executed: leave nothing behind but what was there before.
            let _ = std::fs::remove_dir(&self.folder);
            if interrupt.is_raised() {
                Failure::stopped()
            } else {
                failure
            }
        });
        let Reached {
            tokens,
            stations,
            probe,
        } = reached?;
        plan.gate(&probe.capabilities(&self.target));
        let path = self.folder.join(EVIDENCE);
        let mut writer = self.open(&path)?;
        let redactor = self.credentials.redactor();
        let write =
            |writer: &mut Writer, event: Event| writer.append(&event).map_err(Failure::usage);
        write(&mut writer, Event::RunStarted(self.started()))?;
        let identity = FileIdentity::of(&self.target);
        write(
            &mut writer,
            Event::Target(Box::new(probe.evidence(&self.target, &identity))),
        )?;
        write(&mut writer, Event::Plan(self.plan(&plan)))?;
        let today = time::OffsetDateTime::now_utc().date();
        let (waivers, remarks) = self
            .waivers
            .clone()
            .in_force(today, probe.library_version());
        for text in remarks {
            eprintln!("warning: {text}");
            write(
                &mut writer,
                Event::Note(Note {
                    kind: "warning".to_owned(),
                    text,
                }),
            )?;
        }
        let mut terminal = Terminal::new(self.verbosity, plan.cases.len());
        let settings = Settings {
            reading: self.reading,
            folder: &self.folder,
            target_arguments: self.target_arguments.clone(),
            fail_fast: self.fail_fast,
            waivers: &waivers,
            every_trace: self.every_trace,
            redactor: &redactor,
            interrupt: &interrupt,
        };
        let mut sink = Sink::new(writer, &mut terminal);
        let remaining = engine::execute(&plan.cases, stations, &settings, &mut sink)
            .map_err(Failure::harness)?;
        let by = signal.lock().map(|name| *name).unwrap_or(None);
        self.end(&mut sink, &path, remaining, by, begun)?;
        drop(tokens);
        terminal.finish();
        stream::read(&path).map_err(Failure::harness)
    }

    /// Provisions a token for every job and probes it.
    fn reach(&self, interrupt: &Interrupt) -> Result<Reached, Failure> {
        let (mut tokens, mut stations, mut first) = (Vec::new(), Vec::new(), None);
        for _ in 0..self.jobs_possible() {
            let (provisioned, mut station) = probe::reach(
                &self.target,
                &self.credentials,
                interrupt,
                self.keep_scratch,
            )
            .map_err(|error| self.unusable(&error))?;
            if self.keep_scratch {
                eprintln!(
                    "scratch folder: {}",
                    provisioned.prepared().scratch.display()
                );
            }
            let found = probe::probe(&mut station, &self.target, &self.credentials)
                .map_err(|error| self.unusable(&error))?;
            tokens.push(provisioned);
            stations.push((station, found.given(&self.credentials)));
            first.get_or_insert(found);
        }
        let probe = first.ok_or_else(|| Failure::harness("no job at all"))?;
        Ok(Reached {
            tokens,
            stations,
            probe,
        })
    }

    /// One job unless every job gets a token of its own.
    fn jobs_possible(&self) -> usize {
        let own = self.target.module == Module::Builtin || !self.target.provision.is_empty();
        if own { self.jobs } else { 1 }
    }

    fn unusable(&self, error: &probe::ProbeError) -> Failure {
        let text = self.credentials.redactor().text(&error.to_string());
        Failure::target(format!(
            "target `{}` cannot be tested: {text}",
            self.target.name
        ))
    }

    fn open(&self, path: &Path) -> Result<Writer, Failure> {
        if self.resumed {
            return Writer::open_append(path).map_err(Failure::usage);
        }
        Writer::open_new(path).map_err(Failure::usage)
    }

    /// Makes the run's folder before anything is executed that could not be recorded there.
    fn make_folder(&self) -> Result<(), Failure> {
        let folder = self.folder.display();
        std::fs::create_dir_all(&self.folder).map_err(|error| {
            Failure::usage(format!(
                "the run's folder {folder} cannot be made: {error}; give --run-dir"
            ))
        })?;
        tempfile::tempfile_in(&self.folder)
            .map(drop)
            .map_err(|error| {
                Failure::usage(format!(
                    "nothing can be written in the run's folder {folder}: {error}; give --run-dir"
                ))
            })
    }

    fn started(&self) -> RunStarted {
        let redactor = self.credentials.redactor();
        let mut hide = false;
        let command = std::env::args()
            .map(|word| {
                let hidden = std::mem::replace(
                    &mut hide,
                    word == "--pin" || word == "--so-pin" || word == "-p",
                );
                let inline = ["--pin=", "--so-pin="]
                    .iter()
                    .find(|flag| word.starts_with(**flag));
                match inline {
                    _ if hidden => "***".to_owned(),
                    Some(flag) => format!("{flag}***"),
                    None => redactor.text(&word),
                }
            })
            .collect();
        let host = [
            ("os", std::env::consts::OS.to_owned()),
            ("arch", std::env::consts::ARCH.to_owned()),
            (
                "cpus",
                std::thread::available_parallelism()
                    .map_or(0, usize::from)
                    .to_string(),
            ),
        ];
        RunStarted {
            format: evidence::FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: now(),
            seed: self.seed,
            command,
            host: host
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            resumed: self.resumed,
        }
    }

    fn plan(&self, plan: &Plan) -> evidence::Plan {
        evidence::Plan {
            suites: plan.files.clone(),
            cases: plan
                .cases
                .iter()
                .map(|Planned { case, .. }| case.id.clone())
                .collect(),
            reading: self.reading.name().to_owned(),
        }
    }

    fn end(
        &self,
        sink: &mut Sink<'_>,
        path: &Path,
        remaining: usize,
        by: Option<&'static str>,
        begun: Instant,
    ) -> Result<(), Failure> {
        if remaining > 0 || by.is_some() {
            let by = by.unwrap_or("fail-fast").to_owned();
            return sink
                .event(&Event::Interrupted(Interrupted { by, remaining }))
                .map_err(Failure::harness);
        }
        let so_far = stream::read(path).map_err(Failure::harness)?;
        let counts = counts(&so_far);
        sink.event(&Event::RunFinished(RunFinished {
            finished: now(),
            duration_ns: u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX),
            exit_code: exit::exit_code(&counts),
            counts: counts.verdicts,
        }))
        .map_err(Failure::harness)
    }
}

fn counts(evidence: &stream::Evidence) -> Counts {
    evidence.counts()
}

fn report(evidence: &stream::Evidence, args: &Run) -> Result<(), Failure> {
    let wanted = [(Format::Junit, &args.junit), (Format::Json, &args.json)];
    for (format, path) in wanted {
        if let Some(path) = path {
            render(evidence, format, path).map_err(|error| {
                Failure::harness(format!(
                    "{error}; the evidence is kept and can be rendered again"
                ))
            })?;
        }
    }
    Ok(())
}

fn finish(evidence: &stream::Evidence, output: &OutputArgs) -> i32 {
    let style = Style {
        color: color(),
        verbosity: output.verbosity(),
    };
    let _ = writeln!(std::io::stdout(), "{}", summary(evidence, style));
    exit::exit_code(&counts(evidence))
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

fn timeout(text: &str) -> Result<std::time::Duration, Failure> {
    let wrong =
        |why: &str| Failure::usage(format!("--timeout {text}: {why}; write for instance 10s"));
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err(wrong("every call takes longer than no time at all")),
        Ok(time) => Ok(time),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

/// Ctrl-C and SIGTERM stop the run; what was found by then is kept. The cell names the signal.
fn watch_signals(
    interrupt: &Interrupt,
) -> Result<std::sync::Arc<std::sync::Mutex<Option<&'static str>>>, Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(Failure::harness)?;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (cell, interrupt) = (seen.clone(), interrupt.clone());
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let name = if signal == SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            };
            if let Ok(mut cell) = cell.lock() {
                // A second one means now.
                if cell.replace(name).is_some() {
                    std::process::exit(exit::INTERRUPTED);
                }
            }
            interrupt.raise();
        }
    });
    Ok(seen)
}

fn now() -> String {
    let now = time::OffsetDateTime::from(SystemTime::now());
    now.replace_nanosecond(0)
        .unwrap_or(now)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}

/// A folder name that sorts by time: `2026-11-23T10-15-02`, with milliseconds to be unique.
fn stamp() -> String {
    let now = time::OffsetDateTime::from(SystemTime::now());
    format!(
        "{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.millisecond()
    )
}

fn fresh_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos() as u64
}
