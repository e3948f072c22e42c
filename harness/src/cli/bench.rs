//! `p11assay bench`: from arguments to a run of benchmarks, a comparison, or what a history shows.

mod compare;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use p11assay_reports::bench::{self, Entry, FORMAT, Outcome, Run, Settings};
use p11assay_reports::exit;
use p11assay_reports::terminal::Verbosity;

use super::Failure;
use super::args::{Bench, BenchCommand, BenchHistory, Measure};
use super::progress::Bar;
use super::report::fresh_folder;
use super::run::timeout;
use super::session::watch_signals;
use super::target::resolve;
use crate::bench::drive::{self, DriveError, Plan, Planned, Watcher};
use crate::bench::{Benchmark, Catalogue, catalogue, history, machine, rank};
use crate::plan::{self, Capabilities, names};
use crate::probe::{self, FileIdentity, Token};
use crate::run::{Interrupt, Station, StationError};
use crate::sequence::Value;
use crate::target::{Credentials, Module, Target};

/// File of the record in a run's folder.
pub(super) const RECORD: &str = "bench.json";
/// How often the record is written at most: it has every sample.
const OFTEN: Duration = Duration::from_secs(1);
/// A/A differences of nine of ten benchmarks from which a run is called noisy.
const NOISY: f64 = 0.05;

/// What the command was asked.
pub(super) fn bench(args: &Bench) -> Result<i32, Failure> {
    match &args.command {
        None => measure(&args.measure),
        Some(BenchCommand::Compare(args)) if args.paired => compare::paired(args),
        Some(BenchCommand::Compare(args)) => compare::runs(args),
        Some(BenchCommand::History(args)) => show(args),
    }
}

fn measure(args: &Measure) -> Result<i32, Failure> {
    let benchmarks = select(&args.select, args.slow)?;
    if args.list {
        for benchmark in &benchmarks {
            let _ = writeln!(std::io::stdout(), "{}", benchmark.case.id);
        }
        return Ok(exit::PASSED);
    }
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let folder = args.run_dir.clone().unwrap_or_else(fresh_folder);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::usage(format!("{}: {error}; give --run-dir", folder.display()))
    })?;
    let interrupt = Interrupt::default();
    let _signal = watch_signals(&interrupt)?;
    let mut reached = reach(&target, &credentials, &interrupt, args.target.keep_scratch)?;
    let planned = gated(benchmarks, &mut reached);
    let mut recorder = Recorder {
        run: started(args, &target, &reached),
        path: folder.join(RECORD),
        written: Instant::now(),
        bar: Bar::of(
            planned.len() * rounds(args) as usize,
            args.output.verbosity(),
        ),
    };
    let plan = plan_of(args, &folder, &recorder.run);
    let measured = drive::measure(
        &mut reached.station,
        &reached.given,
        &planned,
        &plan,
        &mut recorder,
    );
    recorder.bar.finish();
    let stopped = match measured {
        Ok(_) => false,
        Err(DriveError::Station(StationError::Cancelled)) => true,
        Err(error) => {
            recorder.finish(true).map_err(Failure::harness)?;
            let text = credentials.redactor().text(&error.to_string());
            return Err(Failure::target(format!(
                "{text}; what was measured by then is in {}",
                recorder.path.display()
            )));
        }
    };
    recorder.finish(stopped).map_err(Failure::harness)?;
    let run = recorder.run;
    if let Some(path) = &args.json {
        bench::write(path, &run).map_err(Failure::usage)?;
    }
    if let Some(path) = args.history.as_ref().filter(|_| !stopped) {
        history::append(path, &run).map_err(Failure::usage)?;
    }
    let _ = writeln!(std::io::stdout(), "{}", bench::table(&run));
    if args.output.verbosity() != Verbosity::Quiet {
        let _ = writeln!(std::io::stdout(), "record: {}", recorder.path.display());
    }
    Ok(if stopped {
        exit::INTERRUPTED
    } else {
        exit_code(&run)
    })
}

/// As for a run of cases: findings first, then faults of ours, then what the host kept from being measured.
pub(super) fn exit_code(run: &Run) -> i32 {
    let any = |words: &[&str]| {
        run.entries.iter().any(|entry| {
            matches!(&entry.outcome, Outcome::Failed { verdict, .. } if words.contains(&verdict.as_str()))
        })
    };
    if any(&["crash", "hang", "deviation", "security-violation"]) {
        exit::FINDINGS
    } else if any(&["harness-fault"]) {
        exit::HARNESS_FAULT
    } else if any(&["environment"]) {
        exit::TARGET_UNUSABLE
    } else {
        exit::PASSED
    }
}

fn rounds(args: &Measure) -> u32 {
    args.rounds.unwrap_or(2)
}

fn started(args: &Measure, target: &Target, reached: &Reached) -> Run {
    let milliseconds = |ms: u64| ms * 1_000_000;
    let (samples, measurement, warm_up) = if args.quick {
        (10, 40, 5)
    } else {
        (30, 250, 50)
    };
    let now = time::OffsetDateTime::from(SystemTime::now());
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let machine = machine::facts();
    Run {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: now
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap_or_default(),
        target: reached.evidence.clone(),
        remarks: machine::doubts(&machine, target.module == Module::Builtin),
        machine,
        settings: Settings {
            rounds: rounds(args),
            samples,
            measurement_ns: milliseconds(measurement),
            warm_up_ns: milliseconds(warm_up),
            threads: threads(args),
            rate: args.rate,
        },
        entries: Vec::new(),
        noise: None,
        complete: false,
    }
}

/// The numbers of threads, one first: the others are told by it.
fn threads(args: &Measure) -> Vec<u32> {
    let mut threads = args.threads.clone();
    threads.push(1);
    threads.sort_unstable();
    threads.dedup();
    threads
}

fn plan_of(args: &Measure, folder: &Path, run: &Run) -> Plan {
    Plan {
        settings: run.settings.clone(),
        cores: run.machine.cores,
        resamples: if args.quick { 1000 } else { 2000 },
        threads_ns: if args.quick { 60_000_000 } else { 300_000_000 },
        plots: args.plots,
        folder: folder.to_owned(),
    }
}

/// The benchmarks that are meant: of files, and of the shipped catalogues by pattern, with or without the
/// `bench/` that all of their ids begin with.
fn select(named: &[String], slow: bool) -> Result<Vec<Benchmark>, Failure> {
    let is_file = |name: &&String| name.ends_with(".yaml") || name.ends_with(".yml");
    let files: Vec<&String> = named.iter().filter(is_file).collect();
    let patterns: Vec<&String> = named.iter().filter(|name| !is_file(name)).collect();
    let mut found = Vec::new();
    for file in &files {
        found.extend(
            Catalogue::read(Path::new(file))
                .map_err(Failure::usage)?
                .benchmarks,
        );
    }
    if files.is_empty() || !patterns.is_empty() {
        let shipped = catalogue::shipped().map_err(Failure::usage)?;
        let all: Vec<Benchmark> = shipped.into_iter().flat_map(|one| one.benchmarks).collect();
        let meant = |pattern: &str, id: &str| {
            let short = id.strip_prefix("bench/").unwrap_or(id);
            names(pattern, id) || names(pattern, short)
        };
        for pattern in &patterns {
            if !all
                .iter()
                .any(|benchmark| meant(pattern, &benchmark.case.id))
            {
                let message = format!(
                    "no benchmark matches `{pattern}`; `p11assay bench --list --slow` shows the ids"
                );
                return Err(Failure::usage(message));
            }
        }
        let chosen = |benchmark: &Benchmark| {
            let id = &benchmark.case.id;
            let named = patterns.iter().any(|pattern| meant(pattern, id));
            let by_id = patterns.iter().any(|pattern| {
                pattern.as_str() == id || Some(pattern.as_str()) == id.strip_prefix("bench/")
            });
            (named || patterns.is_empty()) && (!benchmark.slow || slow || by_id)
        };
        found.extend(all.into_iter().filter(chosen));
    }
    if found.is_empty() {
        return Err(Failure {
            message: "nothing was selected to measure; slow benchmarks need --slow".to_owned(),
            code: exit::NOTHING_SELECTED,
        });
    }
    Ok(found)
}

/// A target ready to be measured.
struct Reached {
    station: Station,
    given: Value,
    capabilities: Capabilities,
    evidence: p11assay_reports::evidence::Target,
    /// The token, which goes when this does.
    _token: Token,
}

fn reach(
    target: &Target,
    credentials: &Credentials,
    interrupt: &Interrupt,
    keep: bool,
) -> Result<Reached, Failure> {
    let unusable = |error: probe::ProbeError| {
        let text = credentials.redactor().text(&error.to_string());
        Failure::target(format!(
            "target `{}` cannot be measured: {text}",
            target.name
        ))
    };
    let (token, mut station) =
        probe::reach(target, credentials, interrupt, keep).map_err(unusable)?;
    let found = probe::probe(&mut station, target, credentials).map_err(unusable)?;
    station.skip_audit();
    // What criterion would otherwise ask cargo for.
    station.set_variable("CRITERION_HOME", "criterion");
    station
        .renew()
        .map_err(|error| Failure::target(error.to_string()))?;
    Ok(Reached {
        given: found.given(credentials),
        capabilities: found.capabilities(target),
        evidence: found.evidence(target, &FileIdentity::of(target)),
        station,
        _token: token,
    })
}

/// The benchmarks with the reasons why some of them do not apply, as for cases.
fn gated(benchmarks: Vec<Benchmark>, reached: &mut Reached) -> Vec<Planned> {
    let cases = benchmarks.iter().map(|benchmark| plan::Planned {
        case: benchmark.case.clone(),
        unmet: None,
    });
    let mut plan = plan::Plan {
        cases: cases.collect(),
        ..plan::Plan::default()
    };
    plan.gate(&reached.capabilities);
    let troubles = probe::troubles(
        &mut reached.station,
        &plan,
        &reached.capabilities,
        &reached.given,
    );
    if !troubles.is_empty() {
        reached.capabilities.troubles = troubles;
        plan.gate(&reached.capabilities);
    }
    let gated = benchmarks.into_iter().zip(plan.cases);
    gated
        .map(|(benchmark, planned)| Planned {
            benchmark,
            unmet: planned.unmet,
        })
        .collect()
}

/// Writes the record anew as something is known, and shows how the run goes.
struct Recorder {
    run: Run,
    path: PathBuf,
    bar: Bar,
    written: Instant,
}

impl Recorder {
    /// Adds what is known at the end.
    fn finish(&mut self, stopped: bool) -> Result<(), bench::FileError> {
        self.run.machine.load_after = machine::load();
        let spreads: Vec<f64> = self
            .run
            .measured()
            .filter_map(|(_, measured)| measured.latency.as_ref())
            .filter(|latency| latency.rounds.len() > 1)
            .map(|latency| latency.spread)
            .collect();
        if !spreads.is_empty() {
            let noise = rank::noise(&spreads);
            if noise.p90 > NOISY {
                self.run.remarks.push(format!(
                    "a noisy run: a tenth of the benchmarks differ by more than {} from themselves",
                    bench::percent(noise.p90)
                ));
            }
            self.run.noise = Some(noise);
        }
        self.run.complete = !stopped;
        bench::write(&self.path, &self.run)
    }
}

impl Watcher for Recorder {
    fn begins(&mut self, _round: u32, id: &str) {
        self.bar.step(id.to_owned());
    }

    fn entry(&mut self, entries: &[Entry]) -> Result<(), String> {
        self.run.entries = entries.to_vec();
        // Who kills a run loses what the last moment found.
        if self.written.elapsed() < OFTEN {
            return Ok(());
        }
        self.written = Instant::now();
        bench::write(&self.path, &self.run).map_err(|error| error.to_string())
    }
}

fn show(args: &BenchHistory) -> Result<i32, Failure> {
    let lines = history::read(&args.file).map_err(Failure::usage)?;
    let changes = history::changes(&lines);
    let mut out = std::io::stdout();
    if args.json {
        let text = serde_json::to_string_pretty(&changes).map_err(Failure::harness)?;
        let _ = writeln!(out, "{text}");
        return Ok(exit::PASSED);
    }
    for change in &changes {
        let _ = writeln!(
            out,
            "{} {}  {} to {} ({:+.0}%) since {}, version {}",
            change.target,
            change.id,
            bench::time(change.before),
            bench::time(change.after),
            (change.after / change.before - 1.0) * 100.0,
            change.since,
            change.version
        );
    }
    let _ = writeln!(
        out,
        "{} runs, {} changes for good",
        lines.len(),
        changes.len()
    );
    Ok(exit::PASSED)
}
