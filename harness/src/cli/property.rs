//! `p11assay property`: laws put to the test on a target with drawn cases; what fails becomes cases, which
//! are then run and reported like any others.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use p11assay_reports::terminal::Verbosity;

use super::args;
use super::ground::model;
use super::progress::Bar;
use super::report::{finish, fresh_folder};
use super::run::{fresh_seed, timeout, waivers};
use super::session::Session;
use super::target::{at_disposal, resolve};
use crate::plan::{Case, Plan, Planned};
use crate::probe;
use crate::property::driver::{Driver, Failure, Limits, Outcome, Watcher};
use crate::property::seeds::Seeds;
use crate::property::tally::Account;
use crate::property::{Ground, Party, Property, all, chosen, clause, save};
use crate::run::keep::Keeper;
use crate::run::{Interrupt, StationError, stray};
use crate::target::{Credentials, Redactor, Target};

/// Asks properties of a target, and reports what failed.
pub(super) fn property(args: &args::Property) -> Result<i32, super::Failure> {
    if args.list {
        return Ok(list());
    }
    args.shown.reports.ensure_writable()?;
    let properties = chosen(&args.names).map_err(super::Failure::usage)?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let time = timeout("--time", &args.time)?;
    at_disposal(&target, &credentials, "asking properties")?;
    let waivers = waivers(&target, Vec::new())?;
    let folder = args.run_dir.clone().unwrap_or_else(fresh_folder);
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let saved = args.save.as_deref().map(Seeds::read).transpose();
    let saved = saved.map_err(super::Failure::usage)?.unwrap_or_default();
    let limits = Limits {
        time,
        cases: args.cases,
        failures: if args.fail_fast { 1 } else { usize::MAX },
    };
    let mut terminal = Terminal::new(
        folder.clone(),
        credentials.redactor(),
        args.shown.output.verbosity(),
    );
    let searched = Searched {
        target: &target,
        credentials: &credentials,
        seed,
        limits,
    };
    let outcome = searched.run(&properties, &saved, &mut terminal)?;
    terminal.bar.finish();
    if let Some(folder) = &args.save {
        save::save(folder, saved, &outcome.failures).map_err(super::Failure::usage)?;
    }
    if args.shown.output.verbosity() != Verbosity::Quiet {
        show(&outcome);
    }
    let run = folder.clone();
    let session = Session {
        gate: args.shown.gate.gate(None),
        waivers,
        verbosity: args.shown.output.verbosity(),
        ..Session::new(target, credentials, folder, seed, &args.target)
    };
    let redactor = session.credentials.redactor();
    let evidence = session.execute(plan(&properties, outcome, seed, &redactor));
    let evidence = evidence.map_err(|failure| failure.with_findings(&run))?;
    args.shown.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.shown.output))
}

/// Shows what there is to ask.
fn list() -> i32 {
    let width = all()
        .iter()
        .map(|property| property.name.len())
        .max()
        .unwrap_or_default();
    for property in all() {
        let _ = writeln!(
            std::io::stdout(),
            "{:width$}  {} ({})",
            property.name,
            property.title,
            property.clauses.join(", ")
        );
    }
    p11assay_reports::exit::PASSED
}

/// A search, once arguments are understood.
struct Searched<'s> {
    target: &'s Target,
    credentials: &'s Credentials,
    seed: u64,
    limits: Limits,
}

impl Searched<'_> {
    fn run(
        &self,
        properties: &[&'static Property],
        saved: &Seeds,
        terminal: &mut Terminal,
    ) -> Result<Outcome, super::Failure> {
        let interrupt = Interrupt::default();
        let _signal = super::session::watch_signals(&interrupt)?;
        let clean = |text: String| self.credentials.redactor().text(&text);
        let unusable = |target: &Target, error: &probe::ProbeError| {
            let text = clean(error.to_string());
            super::Failure::target(format!("target `{}` cannot be tested: {text}", target.name))
        };
        let capable = |target: &Target, credentials: &Credentials| {
            let reached = probe::reach(target, credentials, &interrupt, false);
            let (token, mut station) = reached.map_err(|error| unusable(target, &error))?;
            let probe = probe::probe(&mut station, target, credentials);
            let probe = probe.map_err(|error| unusable(target, &error))?;
            station.skip_audit();
            let party = Party {
                station,
                given: probe.given(credentials),
            };
            Ok::<_, super::Failure>((token, party, probe.capabilities(target)))
        };
        let (token, target, capabilities) = capable(self.target, self.credentials)?;
        let mut ground = Ground::new(capabilities);
        let mut beside = None;
        if properties.iter().any(|property| property.beside_reference) {
            let model = model()?;
            let pins = model.credentials().map_err(super::Failure::harness)?;
            let (token, reference, capabilities) = capable(&model, &pins)?;
            ground = ground.beside(capabilities);
            beside = Some((token, reference));
        }
        let (beside, reference) = beside.unzip();
        let driver = Driver {
            target,
            reference,
            ground: Arc::new(ground),
            seed: self.seed,
            limits: self.limits,
            interrupt,
        };
        let outcome = driver.run(properties, saved, terminal);
        drop((token, beside));
        outcome.map_err(|error: StationError| super::Failure::target(clean(error.to_string())))
    }
}

/// The account of every property.
fn show(outcome: &Outcome) {
    let names = outcome.accounts.iter().map(|(name, _)| name.len());
    let width = names.max().unwrap_or_default();
    let mut text = String::new();
    for (name, account) in &outcome.accounts {
        text += &format!("{name:width$}  {}\n", account.line());
        for more in more(outcome, name, account) {
            text += &format!("{:width$}    {more}\n", "");
        }
    }
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

/// What else there is to say of a property: what failed, and why cases did not apply.
fn more(outcome: &Outcome, name: &str, account: &Account) -> Vec<String> {
    let lost = outcome
        .lost
        .iter()
        .filter(|(_, property)| **property == name);
    let lost = lost.map(|(mark, _)| format!("seen, and not again in a fresh worker: {mark}"));
    let failures = account.failures().into_iter().chain(lost);
    failures.chain(account.reasons()).collect()
}

/// The failures, and for every property a case that says how it was put to the test.
fn plan(
    properties: &[&'static Property],
    outcome: Outcome,
    seed: u64,
    redactor: &Redactor,
) -> Plan {
    let seconds = outcome.time.as_secs_f64();
    let gave_up = outcome.gave_up.as_ref();
    let gave_up = gave_up.map(|text| redactor.text(&format!("it ended before its time: {text}")));
    let summary = |(property, (_, account)): (&&'static Property, &(&str, Account))| {
        let id = format!("property/{}", property.name);
        let title = std::iter::once(format!("{}: {}", property.title, account.line()))
            .chain(more(&outcome, property.name, account))
            .chain([format!("seed {seed}, {seconds:.1} s for all")])
            .chain(gave_up.clone())
            .collect::<Vec<_>>()
            .join("; ");
        Planned {
            unmet: account.unjudged(),
            case: Case {
                level: property.level,
                ..Case::without_calls(id, title, clause(property))
            },
        }
    };
    let summaries: Vec<Planned> = properties
        .iter()
        .zip(&outcome.accounts)
        .map(summary)
        .collect();
    let strays = outcome.strays.iter();
    let strays: Vec<Planned> = strays
        .map(|stray| stray::settled(stray, "", redactor))
        .collect();
    let failures = outcome.failures.into_iter().map(|failure| Planned {
        case: failure.case,
        unmet: None,
    });
    Plan {
        files: vec!["property".to_owned()],
        cases: strays
            .into_iter()
            .chain(failures)
            .chain(summaries)
            .collect(),
        shard: None,
    }
}

/// Shows how the search goes, and keeps what it finds at once.
struct Terminal {
    folder: PathBuf,
    redactor: Redactor,
    bar: Bar,
}

impl Terminal {
    fn new(folder: PathBuf, redactor: Redactor, verbosity: Verbosity) -> Self {
        Self {
            folder,
            redactor,
            bar: Bar::endless(verbosity),
        }
    }

    /// Keeps a small case as soon as it is found.
    fn write(&self, case: &Case) -> std::io::Result<()> {
        let keeper = Keeper {
            folder: &self.folder,
            // The run that reports it knows the token.
            module: None,
            redactor: &self.redactor,
        };
        keeper.reproducers(case, None).map(drop)
    }
}

impl Watcher for Terminal {
    fn progress(&mut self, property: &str, cases: u64) {
        self.bar.say(format!("{property}: {cases} cases"));
    }

    fn failed(&mut self, failure: &Failure) {
        let written = self.write(&failure.case);
        self.bar.aside(|| {
            let _ = writeln!(std::io::stderr(), "failed: {}", failure.case.id);
            if let Err(error) = written {
                let _ = writeln!(std::io::stderr(), "warning: it cannot be kept: {error}");
            }
        });
    }
}
