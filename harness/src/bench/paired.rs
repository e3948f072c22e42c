//! Two targets measured by turns in one run: what disturbs the machine disturbs both. The first target takes
//! part twice, in two processes, so that the comparison knows what it measures against itself.

use p11assay_reports::bench::{Comparison, FORMAT};
use rustix::thread::{CpuSet, sched_getaffinity};

use super::compare::{Side, TooNoisy, judge};
use super::drive::{DriveError, Left, Planned, prepare, timed, try_as_case};
use super::rank;
use super::wire::Ask;
use crate::run::Station;
use crate::sequence::Value;
use p11assay_reports::bench::Outcome;

/// How paired slices are compared, in words.
const TEST: &str = "slices by turns in one run and on one processor, each target against the first in a second process, too; median \
                    of the ratios of neighbouring slices, sign test, corrected by Holm, at 5%; a regression \
                    must hold in every round of fresh processes";

/// A target in a paired run.
pub struct Contender {
    /// What it is called.
    pub name: String,
    /// Its worker.
    pub station: Station,
    /// `$target`.
    pub given: Value,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Times that all benchmarks are gone through, each in fresh processes.
    pub rounds: usize,
    /// Slices of each contender in a round.
    pub slices: usize,
    /// Least length of a slice, nanoseconds.
    pub slice_ns: u64,
}

/// The first target, the first again, and the second.
pub type Contenders = [Contender; 3];

/// Slices of one round, nanoseconds of an operation, in the order of the contenders.
type Slices = Vec<[f64; 3]>;

/// What was measured of a benchmark, or why it was not.
enum Subject {
    Slices(Vec<Slices>),
    LeftOut(String),
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum PairedError {
    /// The run cannot go on.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The gate cannot be kept.
    #[error(transparent)]
    TooNoisy(#[from] TooNoisy),
}

/// Measures all benchmarks on all contenders, and compares.
///
/// # Errors
/// [`PairedError`].
pub fn run(
    contenders: &mut Contenders,
    planned: &[Planned],
    pace: Pace,
    threshold: Option<f64>,
    begins: &mut dyn FnMut(u32, &str),
) -> Result<Comparison, PairedError> {
    let mut subjects: Vec<Subject> = planned
        .iter()
        .map(|planned| match &planned.unmet {
            None => Subject::Slices(Vec::new()),
            Some(unmet) => Subject::LeftOut(unmet.reason.clone()),
        })
        .collect();
    let processors = processors();
    for round in 0..pace.rounds {
        for contender in &mut *contenders {
            if round > 0 {
                contender.station.renew().map_err(DriveError::from)?;
            }
            // All on one: whoever else uses the machine may slow down one processor and not the other.
            if let Some(processor) = processors.get(round % processors.len().max(1)) {
                contender.station.stay_on(*processor);
            }
        }
        for (subject, planned) in subjects.iter_mut().zip(planned) {
            let Subject::Slices(rounds) = subject else {
                continue;
            };
            begins(round as u32, &planned.benchmark.case.id);
            match measure(contenders, planned, pace, round == 0) {
                Ok(slices) => rounds.push(slices),
                Err((_, Left::Station(error))) => return Err(DriveError::from(error).into()),
                Err((who, Left::With(outcome))) => {
                    let name = &contenders[who].name;
                    *subject = Subject::LeftOut(format!("on {name}, {}", reason(outcome)));
                }
            }
        }
    }
    let (mut sides, mut left_out) = (Vec::new(), Vec::new());
    for (subject, planned) in subjects.into_iter().zip(planned) {
        let id = &planned.benchmark.case.id;
        match subject {
            Subject::Slices(rounds) => sides.push(side(id, &rounds, threshold)),
            Subject::LeftOut(reason) => left_out.push(format!("{id}: {reason}")),
        }
    }
    let spreads: Vec<f64> = sides.iter().map(|side| side.spread).collect();
    let comparison = Comparison {
        format: FORMAT,
        before: contenders[0].name.clone(),
        after: contenders[2].name.clone(),
        test: TEST.to_owned(),
        threshold,
        noise: rank::noise(&spreads),
        entries: Vec::new(),
        left_out,
    };
    Ok(judge(comparison, sides)?)
}

/// The processors that this process may use.
fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU)
        .filter(|processor| allowed.is_set(*processor))
        .collect()
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotApplicable { reason } => reason,
        Outcome::Failed { message, .. } => message,
        Outcome::Measured(_) => String::new(),
    }
}

/// One round of a benchmark; an error names the contender by its place.
fn measure(
    contenders: &mut Contenders,
    planned: &Planned,
    pace: Pace,
    first: bool,
) -> Result<Slices, (usize, Left)> {
    let benchmark = &planned.benchmark;
    let mut iterations = [1; 3];
    for (who, contender) in contenders.iter_mut().enumerate() {
        let at = |left| (who, left);
        let (station, given) = (&mut contender.station, &contender.given);
        if first {
            try_as_case(benchmark, given, station).map_err(at)?;
        }
        prepare(benchmark, given, station, 1).map_err(at)?;
        iterations[who] = calibrated(station, pace.slice_ns).map_err(at)?;
    }
    // The same work for all: as much as the fastest gets done in a slice.
    let iterations = iterations.into_iter().max().unwrap_or(1);
    let mut slices = Vec::with_capacity(pace.slices);
    for turn in 0..pace.slices {
        let mut slice = [0.0; 3];
        for step in 0..3 {
            // Nobody is always first.
            let who = (turn + step) % 3;
            let ns = time(&mut contenders[who].station, iterations).map_err(|left| (who, left))?;
            slice[who] = ns as f64 / iterations as f64;
        }
        slices.push(slice);
    }
    for (who, contender) in contenders.iter_mut().enumerate() {
        let released = contender.station.ask(Ask::Release);
        released
            .map_err(|error| (who, error.into()))?
            .map_err(|broken| (who, broken.into()))?;
    }
    Ok(slices)
}

fn time(station: &mut Station, iterations: u64) -> Result<u64, Left> {
    timed(station.ask(Ask::Time { iterations })??).map(|ns| ns.max(1))
}

/// Operations that take as long as a slice.
fn calibrated(station: &mut Station, slice_ns: u64) -> Result<u64, Left> {
    let mut iterations = 1;
    loop {
        let ns = time(station, iterations)?;
        if ns >= slice_ns {
            return Ok(iterations);
        }
        // At most a tenfold step, since the first operations are slow.
        let wanted = (slice_ns * iterations).div_ceil(ns);
        iterations = wanted.clamp(iterations + 1, iterations * 10);
    }
}

/// What the slices of all rounds say.
fn side(id: &str, rounds: &[Slices], threshold: Option<f64>) -> Side {
    // Against the mean of the first target's two processes, whose places in memory differ.
    let ratios = |slices: &Slices| -> Vec<f64> {
        let each = slices.iter();
        each.map(|[one, again, two]| two / (one * again).sqrt())
            .collect()
    };
    let all: Vec<f64> = rounds.iter().flat_map(ratios).collect();
    let against_itself = rounds.iter().map(|slices| {
        let ratios: Vec<f64> = slices.iter().map(|[one, again, _]| again / one).collect();
        let median = rank::median(&ratios);
        median.max(1.0 / median) - 1.0
    });
    let column =
        |who: usize| -> Vec<f64> { rounds.iter().flatten().map(|slice| slice[who]).collect() };
    let bound = threshold.map(|threshold| 1.0 + threshold);
    let mut before = column(0);
    before.extend(column(1));
    Side {
        id: id.to_owned(),
        before: rank::median(&before),
        after: rank::median(&column(2)),
        ratio: rank::median_within(&all),
        p_value: rank::median_differs(&all, 1.0),
        gate_p_value: bound.map(|bound| rank::median_above(&all, bound)),
        spread: against_itself.fold(0.0, f64::max),
        holds: bound.is_some_and(|bound| {
            rounds
                .iter()
                .all(|slices| rank::median(&ratios(slices)) > bound)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p11assay_reports::bench::Change;

    /// Three rounds of slices on a machine that gets slower and faster, by `factor` for the second target.
    fn rounds(factor: f64) -> Vec<Slices> {
        let weather = |n: usize| 100.0 * (1.0 + 0.5 * ((n * 7 % 13) as f64 / 13.0));
        let slice = |n: usize| {
            let jitter = 1.0 + 0.01 * (n % 3) as f64;
            [weather(n), weather(n) * jitter, weather(n) * factor]
        };
        (0..3)
            .map(|round| (0..15).map(|n| slice(round * 15 + n)).collect())
            .collect()
    }

    fn change(sides: Vec<Side>) -> Vec<Change> {
        let spreads: Vec<f64> = sides.iter().map(|side| side.spread).collect();
        let comparison = Comparison {
            format: FORMAT,
            before: String::new(),
            after: String::new(),
            test: TEST.to_owned(),
            threshold: Some(0.1),
            noise: rank::noise(&spreads),
            entries: Vec::new(),
            left_out: Vec::new(),
        };
        let judged = judge(comparison, sides).expect("quiet enough");
        judged.entries.iter().map(|entry| entry.change).collect()
    }

    #[test]
    fn weather_does_not_hide_a_delay_or_make_one() {
        let made = |factor| side("x", &rounds(factor), Some(0.1));
        let slow = made(1.15);
        assert!((slow.ratio.value - 1.145).abs() < 0.01, "{:?}", slow.ratio);
        assert!((slow.spread - 0.01).abs() < 1e-6, "{}", slow.spread);
        assert_eq!(
            change(vec![slow, made(1.0), made(1.05)])[..2],
            [Change::Regressed, Change::None]
        );
        assert_eq!(change(vec![made(1.05)]), [Change::Slower]);
    }

    #[test]
    fn one_bad_round_is_no_regression() {
        let mut bad = rounds(1.15);
        bad[1] = rounds(1.0)[1].clone();
        assert_ne!(
            change(vec![side("x", &bad, Some(0.1))]),
            [Change::Regressed]
        );
    }
}
