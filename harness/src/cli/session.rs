//! One run against one target: provisioning, probe, plan, evidence. What the arguments mean and
//! which reports are wanted is left to `run`.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use p11assay_reports::evidence::{self, Event, Interrupted, Note, RunFinished, RunStarted};
use p11assay_reports::exit;
use p11assay_reports::gate::Gate;
use p11assay_reports::stream::{self, Writer};
use p11assay_reports::terminal::Verbosity;

use super::Failure;
use super::args::TargetArgs;
use super::progress::Terminal;
use super::target::{arguments, lasting};
use crate::oracle::Reading;
use crate::plan::{Plan, Planned, Waivers};
use crate::probe::{self, FileIdentity, Probe, Token};
use crate::run::engine::{self, Settings, Sink};
use crate::run::keep::Keeper;
use crate::run::{Interrupt, Patience, Station, stray};
use crate::sequence::Value;
use crate::target::{Credentials, Target};

/// File of the evidence in a run's folder.
pub(super) const EVIDENCE: &str = "evidence.jsonl";

/// A token for every job, with the stations on them and what they can refer to.
struct Reached {
    tokens: Vec<Token>,
    stations: Vec<(Station, Value)>,
    probe: Probe,
}

/// Everything that a run is made of, once arguments are understood.
pub(super) struct Session {
    pub(super) target: Target,
    pub(super) credentials: Credentials,
    pub(super) folder: PathBuf,
    pub(super) reading: Reading,
    pub(super) gate: Gate,
    pub(super) seed: u64,
    pub(super) resumed: bool,
    pub(super) jobs: usize,
    pub(super) fail_fast: bool,
    pub(super) waivers: Waivers,
    pub(super) every_trace: bool,
    /// How often cases are tried until they show something.
    pub(super) patience: Patience,
    pub(super) verbosity: Verbosity,
    pub(super) keep_scratch: bool,
    pub(super) target_arguments: String,
    /// The same for who takes the run up from another folder.
    pub(super) lasting_arguments: Vec<String>,
}

impl Session {
    /// A run of one job in the relaxed reading, which accepts nothing but what passes and says little: what
    /// commands have in common before each names what is its own.
    pub(super) fn new(
        target: Target,
        credentials: Credentials,
        folder: PathBuf,
        seed: u64,
        given: &TargetArgs,
    ) -> Self {
        Self {
            target,
            credentials,
            folder,
            reading: Reading::Relaxed,
            gate: Gate::default(),
            seed,
            resumed: false,
            jobs: 1,
            fail_fast: false,
            waivers: Waivers::default(),
            every_trace: false,
            patience: Patience::default(),
            verbosity: Verbosity::Quiet,
            keep_scratch: given.keep_scratch,
            target_arguments: arguments(given),
            lasting_arguments: lasting(given),
        }
    }

    /// Executes a plan from provisioning to the last line of evidence.
    pub(super) fn execute(&self, mut plan: Plan) -> Result<stream::Evidence, Failure> {
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
            mut stations,
            probe,
        } = reached?;
        let found = self.gate_plan(&mut plan, &probe, stations.first_mut());
        let path = self.folder.join(EVIDENCE);
        let mut writer = self.open(&path)?;
        let redactor = self.credentials.redactor();
        let write =
            |writer: &mut Writer, event: Event| writer.append(&event).map_err(Failure::usage);
        write(&mut writer, Event::RunStarted(self.started()))?;
        let identity = FileIdentity::of(&self.target);
        let target = evidence::Target {
            arguments: self.lasting_arguments.clone(),
            ..probe.evidence(&self.target, &identity)
        };
        write(&mut writer, Event::Target(Box::new(target.clone())))?;
        write(&mut writer, Event::Plan(self.plan(&plan)))?;
        let today = time::OffsetDateTime::now_utc().date();
        let (waivers, idle) = self.waivers.clone().in_force(today, &probe.versions());
        for idle in &idle {
            let concerns = idle.expired && idle.is_about(&plan, &stray::IDS);
            let kind = if concerns {
                Note::EXPIRED_WAIVER
            } else {
                "waiver"
            };
            if concerns {
                eprintln!("warning: {}", idle.remark);
            }
            let (kind, text) = (kind.to_owned(), idle.remark.clone());
            write(&mut writer, Event::Note(Note { kind, text }))?;
        }
        for (kind, text) in found {
            let kind = kind.to_owned();
            write(&mut writer, Event::Note(Note { kind, text }))?;
        }
        for profile in probe.claimed_for(&self.target) {
            let text = format!(
                "held to {profile}, which the token does not claim by a CKO_PROFILE object"
            );
            let kind = "claim".to_owned();
            write(&mut writer, Event::Note(Note { kind, text }))?;
        }
        let mut terminal = Terminal::new(self.verbosity, plan.cases.len());
        let slot = probe.slot();
        let of_target =
            |token| super::program::module(&self.target, token, &self.credentials, slot);
        let module = tokens.first().map(of_target);
        let settings = Settings {
            reading: self.reading,
            keeper: Keeper {
                folder: &self.folder,
                module: module.as_ref(),
                redactor: &redactor,
            },
            target: &target,
            target_arguments: self.target_arguments.clone(),
            fail_fast: self.fail_fast,
            waivers: &waivers,
            every_trace: self.every_trace,
            patience: &self.patience,
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

    /// Marks the cases that do not apply to the target, and those that the host keeps from being judged, and has
    /// keys come in the way that there is; gives what there is to note of it, by kind.
    fn gate_plan(
        &self,
        plan: &mut Plan,
        probe: &Probe,
        station: Option<&mut (Station, Value)>,
    ) -> Vec<(&'static str, String)> {
        let mut target = probe.capabilities(&self.target);
        let mut import = None;
        plan.hold_to(&self.target.security_profiles);
        plan.gate(&target);
        if let Some((station, given)) = station {
            target.troubles = probe::troubles(station, plan, &target, given);
            if !target.troubles.is_empty() {
                plan.gate(&target);
            }
            import = probe::ways_in(station, plan, &target, given);
        }
        let troubles = target.troubles.into_iter();
        let troubles = troubles.map(|trouble| ("canary", trouble.reason));
        troubles
            .chain(import.map(|text| ("import", text)))
            .collect()
    }

    /// Provisions a token for every job and probes it.
    fn reach(&self, interrupt: &Interrupt) -> Result<Reached, Failure> {
        let (mut tokens, mut stations, mut first) = (Vec::new(), Vec::new(), None);
        for _ in 0..jobs_possible(&self.target, self.jobs) {
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
            gate: self.gate.clone(),
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
            shard: plan.shard.clone(),
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
        sink.event(&Event::RunFinished(RunFinished {
            finished: now(),
            duration_ns: u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX),
            exit_code: so_far.exit_code(),
            counts: so_far.counts().verdicts,
        }))
        .map_err(Failure::harness)
    }
}

/// Ctrl-C and SIGTERM stop the run; what was found by then is kept. The cell names the signal.
pub(super) fn watch_signals(
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

/// One job unless every job gets a token of its own.
pub(super) fn jobs_possible(target: &Target, jobs: usize) -> usize {
    if target.is_made_here() { jobs } else { 1 }
}
