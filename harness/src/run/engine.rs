//! The run: batches of a plan's cases over one or several stations, each verdict confirmed and
//! recorded as it falls.

mod again;

use std::collections::VecDeque;
use std::sync::Mutex;

use p11assay_reports::evidence::{self, Confirmation, Event, Note, Verdict};
use p11assay_reports::stream::{StreamError, Writer};

use super::job::{job, verdict};
use super::keep::Keeper;
use super::record::{self, Executed};
use super::stray;
use super::tally::Counter;
use super::{BATCH, Interrupt, Patience, Ran, Station, StationError, Stray};
use crate::oracle::Reading;
use crate::plan::{Case, Planned, Waivers, is_made_up};
use crate::sequence::Value;
use crate::target::Redactor;

/// Most findings of a run that are confirmed in a fresh worker.
const CONFIRMED: usize = 200;

/// What a run needs beside its plan and stations.
pub struct Settings<'s> {
    /// By which reading to judge.
    pub reading: Reading,
    /// Where findings are kept.
    pub keeper: Keeper<'s>,
    /// What is tested.
    pub target: &'s evidence::Target,
    /// How the target is named in replay commands.
    pub target_arguments: String,
    /// Whether the first finding ends the run.
    pub fail_fast: bool,
    /// What is known and accepted.
    pub waivers: &'s Waivers,
    /// Whether the trace of a case that passed is kept, too.
    pub every_trace: bool,
    /// How often cases are tried until there is a finding, and how often that is then confirmed.
    pub patience: &'s Patience,
    /// Takes secrets out of everything recorded.
    pub redactor: &'s Redactor,
    /// Stops the run from outside.
    pub interrupt: &'s Interrupt,
}

/// Where verdicts go as they fall.
pub trait Observer: Send {
    /// A case came to its end.
    fn case(&mut self, case: &evidence::Case);
}

/// The evidence stream and whoever watches it.
pub struct Sink<'o> {
    writer: Writer,
    observer: &'o mut dyn Observer,
    findings: usize,
}

impl<'o> Sink<'o> {
    /// A sink on an open stream.
    pub fn new(writer: Writer, observer: &'o mut dyn Observer) -> Self {
        Self {
            writer,
            observer,
            findings: 0,
        }
    }

    fn case(&mut self, case: evidence::Case) -> Result<(), StreamError> {
        self.observer.case(&case);
        let is_weak = case.verdict == Verdict::PermittedButWeak && is_made_up(&case.id);
        self.findings += usize::from(case.verdict.is_finding() || is_weak);
        self.writer.append(&Event::Case(Box::new(case)))
    }

    /// Records an event that is no case.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn event(&mut self, event: &Event) -> Result<(), StreamError> {
        self.writer.append(event)
    }
}

/// Executes the planned cases; gives how many were not executed because the run was stopped.
///
/// # Errors
/// If the evidence cannot be written.
pub fn execute(
    planned: &[Planned],
    stations: Vec<(Station, Value)>,
    settings: &Settings<'_>,
    sink: &mut Sink<'_>,
) -> Result<usize, StreamError> {
    let queue: VecDeque<_> = (0..planned.len()).step_by(BATCH).collect();
    let shared = Shared {
        planned,
        settings,
        queue: Mutex::new(queue),
        sink: Mutex::new((sink, Ok(()))),
        executed: Mutex::new(0),
        counter: Mutex::new(Counter::default()),
        lost: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for (station, given) in stations {
            let shared = &shared;
            scope.spawn(move || {
                Shift {
                    shared,
                    station,
                    given,
                    counter: Counter::default(),
                }
                .work()
            });
        }
    });
    shared.give_up_queue();
    let executed = shared
        .executed
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    let counter = shared
        .counter
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    let (sink, result) = shared
        .sink
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    let result = result.and_then(|()| sink.event(&Event::Tally(counter.into_tally())));
    result.map(|()| planned.len().saturating_sub(executed))
}

struct Shared<'r, 'o, 's> {
    planned: &'r [Planned],
    settings: &'r Settings<'s>,
    queue: Mutex<VecDeque<usize>>,
    sink: Mutex<(&'r mut Sink<'o>, Result<(), StreamError>)>,
    executed: Mutex<usize>,
    counter: Mutex<Counter>,
    /// Why a station could not go on.
    lost: Mutex<Option<StationError>>,
}

impl Shared<'_, '_, '_> {
    fn next(&self) -> Option<usize> {
        let stopped = self.settings.interrupt.is_raised();
        let mut queue = self
            .queue
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        if stopped { None } else { queue.pop_front() }
    }

    /// Records a case of the plan.
    fn record(&self, case: evidence::Case) {
        self.put(case);
        *self
            .executed
            .lock()
            .unwrap_or_else(|poison| poison.into_inner()) += 1;
    }

    /// Records a case, of the plan or not.
    fn put(&self, mut case: evidence::Case) {
        self.settings.waivers.mark(&mut case);
        let finding = case.is_open_finding();
        let mut guard = self
            .sink
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let (sink, result) = &mut *guard;
        if result.is_ok() {
            *result = sink.case(case);
        }
        if result.is_err() || (finding && self.settings.fail_fast) {
            self.settings.interrupt.raise();
        }
    }

    /// The target cannot be reached: these cases say so.
    fn give_up(&self, cases: impl Iterator<Item = usize>, error: &StationError) {
        let verdict = match error {
            StationError::Fault(_) => Verdict::HarnessFault,
            _ => Verdict::Environment,
        };
        let reason = self.settings.redactor.text(&error.to_string());
        for number in cases {
            let Planned { case, unmet } = &self.planned[number];
            self.record(match unmet {
                Some(unmet) => record::unmet(case, unmet),
                None => record::bare(case, verdict, Some(reason.clone())),
            });
        }
    }

    /// When no station is left, nor will what waits ever be executed.
    fn give_up_queue(&self) {
        let lost = self
            .lost
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .take();
        let Some(error) = lost else { return };
        while let Some(first) = self.next() {
            self.give_up(first..(first + BATCH).min(self.planned.len()), &error);
        }
    }

    fn note(&self, kind: &str, text: String) {
        let mut guard = self
            .sink
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let (sink, result) = &mut *guard;
        if result.is_ok() {
            *result = sink.event(&Event::Note(Note {
                kind: kind.to_owned(),
                text,
            }));
        }
    }

    fn findings(&self) -> usize {
        self.sink
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .0
            .findings
    }
}

/// One station at work on the queue.
struct Shift<'h, 'r, 'o, 's> {
    shared: &'h Shared<'r, 'o, 's>,
    station: Station,
    given: Value,
    counter: Counter,
}

impl Shift<'_, '_, '_, '_> {
    fn work(mut self) {
        while let Some(first) = self.shared.next() {
            let end = (first + BATCH).min(self.shared.planned.len());
            let result = self.batch(first..end);
            self.strays();
            if let Err(error) = result {
                *self
                    .shared
                    .lost
                    .lock()
                    .unwrap_or_else(|poison| poison.into_inner()) = Some(error);
                break;
            }
        }
        for stray in self.station.close() {
            stray_case(self.shared, &stray);
        }
        self.shared
            .counter
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .add(self.counter);
    }

    fn strays(&mut self) {
        for stray in self.station.take_strays() {
            stray_case(self.shared, &stray);
        }
    }

    /// Executes some cases of the plan and records each as soon as it is known.
    ///
    /// # Errors
    /// If the station cannot go on; all these cases are recorded then.
    fn batch(&mut self, range: std::ops::Range<usize>) -> Result<(), StationError> {
        let planned = self.shared.planned;
        let jobs: Vec<_> = range
            .clone()
            .filter(|number| planned[*number].unmet.is_none())
            .map(|number| job(number as u32, &planned[number].case, &self.given))
            .collect();
        let mut waiting = &jobs[..];
        let mut next = self.skip(range.start, range.end);
        while !waiting.is_empty() {
            let mut ran = Vec::new();
            let result = self.station.advance(waiting, &mut ran);
            for (job, ran) in waiting.iter().zip(&ran) {
                self.conclude(&planned[next].case, job, ran);
                next = self.skip(next + 1, range.end);
            }
            waiting = &waiting[ran.len()..];
            match result {
                Ok(_) => {}
                Err(StationError::Cancelled) => break,
                Err(error) => {
                    self.shared.give_up(next..range.end, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Records the cases from here on that do not apply; gives the first that does.
    fn skip(&self, from: usize, end: usize) -> usize {
        let rest = &self.shared.planned[from..end];
        let skipped = rest.iter().take_while(|planned| planned.unmet.is_some());
        let skipped = skipped.map(|Planned { case, unmet }| {
            let record = unmet.as_ref().map(|unmet| record::unmet(case, unmet));
            record
                .into_iter()
                .for_each(|record| self.shared.record(record));
        });
        from + skipped.count()
    }

    fn conclude(&mut self, case: &Case, job: &super::wire::Job, ran: &Ran) {
        let settings = self.shared.settings;
        let (again, tried) = self.try_again(case, job, ran);
        let ran = again.as_ref().unwrap_or(ran);
        let judgement = verdict(case, job, ran, settings.reading);
        self.counter.count(job, ran);
        for change in &ran.trace.state_changes {
            self.shared
                .note("process-state", format!("{}: {change}", case.id));
        }
        let is_weak = judgement.verdict == Verdict::PermittedButWeak;
        let is_finding = judgement.verdict.is_finding() || is_weak && is_made_up(&case.id);
        let confirmed = (is_finding && self.shared.findings() < CONFIRMED)
            .then(|| self.confirm(case, job, &judgement))
            .flatten();
        let every_trace = settings.every_trace;
        let judged = Executed {
            case,
            job,
            ran,
            judgement,
            reading: settings.reading,
            every_trace,
        };
        let mut record = record::executed(judged, settings.redactor);
        record.confirmed = confirmed;
        record.tried = (tried > 1).then_some(tried);
        if let Some(Confirmation { tries, same: 0 }) = confirmed {
            let cause = match case.sequence.has_lanes() {
                true => "chance or the cases before it decide",
                false => "it depends on the cases before it",
            };
            for finding in &mut record.findings {
                let workers = if tries == 1 { "worker" } else { "workers" };
                finding.message +=
                    &format!(" (not seen again in {tries} fresh {workers}: {cause})");
            }
        }
        // An attack that succeeds is shown again, permitted or not.
        let succeeded = case.attack.is_some() && is_weak;
        if is_finding || succeeded {
            self.keep(case, &mut record);
        }
        self.shared.record(record);
    }

    /// Makes the folder of a finding, and has the record tell of it.
    fn keep(&self, case: &Case, record: &mut evidence::Case) {
        let settings = self.shared.settings;
        let reproducers = settings.keeper.reproducers(case, Some(record));
        let kept = reproducers.and_then(|path| {
            let shown = settings.keeper.folder.join(&path);
            let arguments = &settings.target_arguments;
            let command = format!("p11assay replay {} {arguments}", shown.display());
            record.replay = Some(command.trim_end().to_owned());
            record.reproducer = Some(path.display().to_string());
            settings.waivers.mark(record);
            settings.keeper.record(settings.target, record)
        });
        if let Err(error) = kept {
            let text = format!("{}: its folder cannot be written: {error}", case.id);
            self.shared.note("warning", text);
        }
    }
}

fn stray_case(shared: &Shared<'_, '_, '_>, stray: &Stray) {
    shared.put(stray::case(stray, shared.settings.redactor));
}
