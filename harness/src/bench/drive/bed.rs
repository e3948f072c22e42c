//! A benchmark in a station's worker: tried as a case, made ready, and what the worker's answers mean.

use p11assay_reports::bench::Outcome;
use p11assay_reports::evidence::Verdict;

use crate::bench::Benchmark;
use crate::bench::wire::{Answer, Ask, Load, Prepare};
use crate::oracle::Reading;
use crate::plan::Ladder;
use crate::run::job::{job, verdict};
use crate::run::wire::Job;
use crate::run::{Broken, Station, StationError, ladder};
use crate::sequence::{Sequence, Value};

/// How a benchmark that cannot be measured ends.
pub(in crate::bench) enum Left {
    Station(StationError),
    With(Outcome),
}

impl From<StationError> for Left {
    fn from(error: StationError) -> Self {
        match error {
            // The module cannot be initialised any more; the next worker may be luckier.
            StationError::Ended(text) | StationError::EndedLoading(text) => {
                Self::With(failed("crash", text))
            }
            other => Self::Station(other),
        }
    }
}

impl From<Broken> for Left {
    fn from(broken: Broken) -> Self {
        Self::With(failed(broken.verdict, broken.message))
    }
}

pub(in crate::bench) fn failed(verdict: &str, message: impl Into<String>) -> Outcome {
    Outcome::Failed {
        verdict: verdict.to_owned(),
        message: message.into(),
    }
}

/// Runs a benchmark as a case, in the usual way: what does not work is judged there.
pub(in crate::bench) fn try_as_case(
    benchmark: &Benchmark,
    given: &Value,
    station: &mut Station,
) -> Result<(), Left> {
    let case = &benchmark.case;
    let job = job(0, case, given);
    let ran = station.execute(vec![job.clone()])?;
    let Some(ran) = ran.first() else {
        return Err(Left::With(failed("harness-fault", "it was not executed")));
    };
    let judgement = verdict(case, &job, ran, Reading::Relaxed);
    let found = judgement.findings.first().map(|finding| {
        let function = finding.function.as_deref().unwrap_or("the module");
        format!("{function} {}", finding.message)
    });
    let reason = judgement.reason.or(found).unwrap_or_default();
    match judgement.verdict {
        Verdict::Pass | Verdict::PermittedButWeak => Ok(()),
        Verdict::NotApplicable => Err(Left::With(Outcome::NotApplicable { reason })),
        other => Err(Left::With(failed(&word(other), reason))),
    }
}

/// A verdict as evidence writes it.
fn word(verdict: Verdict) -> String {
    let json = serde_json::to_value(verdict).ok();
    let text = json.as_ref().and_then(serde_json::Value::as_str);
    text.unwrap_or("harness-fault").to_owned()
}

/// Makes a benchmark ready, with so many threads.
pub(in crate::bench) fn prepare(
    benchmark: &Benchmark,
    given: &Value,
    station: &mut Station,
    threads: usize,
) -> Result<(), Left> {
    let prepare = Prepare {
        slot: station.slot(),
        init_args: station.init_args().cloned(),
        lanes: (0..threads)
            .map(|lane| lane_job(benchmark, given, lane))
            .collect(),
        measured: benchmark.measured,
    };
    done(station.ask(Ask::Prepare(Box::new(prepare)))??)
}

/// The sequence of a lane. The first logs in, for all sessions of the process.
fn lane_job(benchmark: &Benchmark, given: &Value, lane: usize) -> Job {
    let case = &benchmark.case;
    let ladder = match (lane, case.ladder) {
        (0, ladder) => ladder,
        (_, Ladder::User) => Ladder::Session,
        (_, Ladder::RwUser | Ladder::So) => Ladder::RwSession,
        (_, ladder) => ladder,
    };
    let mut steps = ladder::steps(ladder);
    steps.extend(case.sequence.steps.iter().cloned());
    Job {
        number: lane as u32,
        initialized: true,
        given: vec![("target".to_owned(), given.clone())],
        sequence: Sequence { steps },
        shares_login: false,
        on_empty_token: false,
        own_token: false,
    }
}

pub(in crate::bench) fn timed(answer: Answer) -> Result<u64, Left> {
    match answer {
        Answer::Timed { ns } => Ok(ns),
        other => Err(unlike(other)),
    }
}

pub(super) fn done(answer: Answer) -> Result<(), Left> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(unlike(other)),
    }
}

pub(super) fn loads(answer: Answer) -> Result<Vec<Load>, Left> {
    match answer {
        Answer::Loads(loads) => Ok(loads),
        other => Err(unlike(other)),
    }
}

fn unlike(answer: Answer) -> Left {
    Left::With(match answer {
        Answer::Wrong(wrong) => failed("deviation", wrong.to_string()),
        Answer::Failed(reason) => failed("harness-fault", reason),
        _ => failed("harness-fault", "the worker answered something else"),
    })
}
