//! Threads on one module, each with a session and keys of its own. In the closed loop every thread begins
//! an operation when the one before is done; in the open loop operations arrive at a fixed rate, and what
//! one waits for those before it counts as its own time.
#![allow(
    unsafe_code,
    reason = "runs loops on the loaded module, which is a worker's purpose"
)]

use std::panic::resume_unwind;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cryptoki_sys::CKR_OK;
use hdrhistogram::Histogram;
use p11assay_reports::bench::Percentiles;

use super::wire::{Answer, Closed, Load, Open, Wrong};
use super::work::nanos;
use crate::execute::{Loop, WrongReturn};
use crate::worker::{CrashStack, JournalWriter};

/// Significant digits that times are kept with.
const DIGITS: u8 = 3;
/// Longest time that is told from longer ones, nanoseconds: an hour is beyond every deadline.
const LONGEST: u64 = 3_600_000_000_000;
/// Wrong return values after which a thread gives up: an operation that was left half done may keep all
/// others from beginning.
const MOST_ERRORS: u64 = 100;
/// How long before an arrival a thread stops sleeping and looks at the clock instead.
const AWAKE: Duration = Duration::from_micros(200);

/// What a thread did.
struct Done {
    times: Histogram<u64>,
    operations: u64,
    errors: u64,
    wrong: Option<WrongReturn>,
}

impl Done {
    fn new() -> Result<Self, String> {
        let times = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Ok(Self {
            times: times.map_err(|error| error.to_string())?,
            operations: 0,
            errors: 0,
            wrong: None,
        })
    }

    /// Counts an operation; false if it makes no sense to go on.
    fn count(&mut self, result: Result<(), WrongReturn>) -> bool {
        match result {
            Ok(()) => self.operations += 1,
            Err(wrong) => {
                self.errors += 1;
                self.wrong.get_or_insert(wrong);
            }
        }
        self.errors < MOST_ERRORS
    }

    fn took(&mut self, time: Duration) {
        self.times.saturating_record(nanos(time));
    }
}

/// Lets threads make operations one after the other: each number of threads for a slice of time, by turns,
/// so that what disturbs the machine disturbs all of them.
pub(super) fn closed(loops: &mut [Loop<'_>], ask: &Closed, journal: &mut JournalWriter) -> Answer {
    match by_turns(loops, ask, journal) {
        Ok(loads) => Answer::Loads(loads),
        Err(reason) => Answer::Failed(reason),
    }
}

fn by_turns(
    loops: &mut [Loop<'_>],
    ask: &Closed,
    journal: &mut JournalWriter,
) -> Result<Vec<Load>, String> {
    let slice = Duration::from_nanos(ask.slice_ns);
    let totals = ask.threads.iter().map(|count| Ok((*count, Total::new()?)));
    let mut totals: Vec<(usize, Total)> = totals.collect::<Result<_, String>>()?;
    for _ in 0..ask.turns {
        // Nobody is always first.
        totals.rotate_left(1);
        for (count, total) in &mut totals {
            let over = AtomicBool::new(false);
            let each = |subject: &mut Loop<'_>, _: usize, start: &Barrier| {
                one_after_the_other(subject, ask.stride, start, &over)
            };
            let wait = || {
                std::thread::sleep(slice);
                over.store(true, Ordering::Relaxed);
            };
            let (done, wall) = run(loops, *count, journal, each, wait)?;
            total.add(done, wall)?;
        }
    }
    let place = |count: usize| ask.threads.iter().position(|asked| *asked == count);
    totals.sort_by_key(|(count, _)| place(*count));
    Ok(totals.into_iter().map(|(_, total)| total.load()).collect())
}

/// Makes operations until it is over, of which one in so many is timed.
fn one_after_the_other(
    subject: &mut Loop<'_>,
    stride: u64,
    start: &Barrier,
    over: &AtomicBool,
) -> Result<Done, String> {
    let mut done = Done::new()?;
    start.wait();
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for turn in 0..stride {
            // SAFETY: this is a worker.
            if !done.count(unsafe { subject.run(1) }) {
                return Ok(done);
            }
            if turn == 0 {
                done.took(begun.elapsed());
            }
        }
    }
    Ok(done)
}

/// Lets operations arrive at a fixed rate; each thread takes every so many of them.
pub(super) fn open(loops: &mut [Loop<'_>], ask: Open, journal: &mut JournalWriter) -> Answer {
    let each = |subject: &mut Loop<'_>, index: usize, start: &Barrier| {
        let mut done = Done::new()?;
        start.wait();
        let begun = Instant::now();
        for arrival in (index as u64..ask.count).step_by(ask.threads) {
            let due = Duration::from_nanos((arrival as f64 * ask.interval_ns) as u64);
            wait_until(begun + due);
            // SAFETY: this is a worker.
            if !done.count(unsafe { subject.run(1) }) {
                break;
            }
            done.took(begun.elapsed().saturating_sub(due));
        }
        Ok(done)
    };
    let ran = run(loops, ask.threads, journal, each, || ());
    let load = ran.and_then(|(done, wall)| {
        let mut total = Total::new()?;
        total.add(done, wall)?;
        Ok(total.load())
    });
    match load {
        Ok(load) => Answer::Loads(vec![load]),
        Err(reason) => Answer::Failed(reason),
    }
}

fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        match left {
            Duration::ZERO => return,
            left if left > AWAKE => std::thread::sleep(left - AWAKE),
            _ => std::hint::spin_loop(),
        }
    }
}

/// Runs `each` on a thread for every loop, and `wait` meanwhile on this one; the whole is announced as one
/// call. Gives what the threads did, and the time on the clock.
fn run(
    loops: &mut [Loop<'_>],
    threads: usize,
    journal: &mut JournalWriter,
    each: impl Fn(&mut Loop<'_>, usize, &Barrier) -> Result<Done, String> + Sync,
    wait: impl FnOnce(),
) -> Result<(Vec<Done>, Duration), String> {
    let Some(loops) = loops.get_mut(..threads).filter(|loops| !loops.is_empty()) else {
        return Err(format!("fewer than {threads} threads were prepared"));
    };
    let (step, function) = loops[0].first();
    journal.call_begin(step, function as u16);
    let start = Barrier::new(threads + 1);
    let (results, wall) = std::thread::scope(|scope| {
        let (each, start) = (&each, &start);
        let spawned = loops.iter_mut().enumerate().map(|(index, subject)| {
            scope.spawn(move || {
                // Without one a crash is told by its signal all the same.
                let _stack = CrashStack::install().ok();
                each(subject, index, start)
            })
        });
        let spawned: Vec<_> = spawned.collect();
        start.wait();
        let begun = Instant::now();
        wait();
        let results: Vec<_> = spawned.into_iter().map(|thread| thread.join()).collect();
        (results, begun.elapsed())
    });
    journal.call_end(CKR_OK);
    let results = results.into_iter();
    let done = results.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic)));
    Ok((done.collect::<Result<_, _>>()?, wall))
}

/// What threads did in several slices of time.
struct Total {
    all: Done,
    wall: Duration,
    slices: Vec<f64>,
}

impl Total {
    fn new() -> Result<Self, String> {
        Ok(Self {
            all: Done::new()?,
            wall: Duration::ZERO,
            slices: Vec::new(),
        })
    }

    fn add(&mut self, threads: Vec<Done>, wall: Duration) -> Result<(), String> {
        let mut operations = 0;
        for done in threads {
            let times = self.all.times.add(&done.times);
            times.map_err(|error| error.to_string())?;
            operations += done.operations;
            self.all.errors += done.errors;
            self.all.wrong = self.all.wrong.or(done.wrong);
        }
        self.all.operations += operations;
        self.wall += wall;
        self.slices.push(operations as f64 / wall.as_secs_f64());
        Ok(())
    }

    fn load(self) -> Load {
        Load {
            operations: self.all.operations,
            errors: self.all.errors,
            wall_ns: nanos(self.wall),
            slices: self.slices,
            latency: percentiles(&self.all.times),
            wrong: self.all.wrong.map(Wrong::from),
        }
    }
}

fn percentiles(times: &Histogram<u64>) -> Percentiles {
    let at = |part| times.value_at_quantile(part);
    let curve = times.iter_quantiles(2);
    let curve = curve.map(|point| (point.quantile_iterated_to(), point.value_iterated_to()));
    Percentiles {
        count: times.len(),
        min: times.min(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: times.max(),
        mean: times.mean(),
        curve: curve.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_known_times() {
        let mut done = Done::new().expect("a histogram");
        for time in 1..=1000 {
            done.took(Duration::from_nanos(time));
        }
        let found = percentiles(&done.times);
        assert_eq!((found.count, found.min, found.max), (1000, 1, 1000));
        assert_eq!(
            (found.p50, found.p90, found.p99, found.p999),
            (500, 900, 990, 999)
        );
        assert_eq!(found.curve.last(), Some(&(1.0, 1000)));
        assert!(
            found
                .curve
                .is_sorted_by(|one, two| one.0 <= two.0 && one.1 <= two.1)
        );
    }

    #[test]
    fn throughput_is_operations_over_wall_clock_slice_by_slice() {
        let done = |operations| Done {
            operations,
            ..Done::new().expect("a histogram")
        };
        let mut total = Total::new().expect("a histogram");
        let slice = Duration::from_millis(100);
        total.add(vec![done(10), done(30)], slice).expect("added");
        total.add(vec![done(20)], slice).expect("added");
        let load = total.load();
        assert_eq!((load.operations, load.wall_ns), (60, 200_000_000));
        assert_eq!(load.slices, [400.0, 200.0]);
    }

    #[test]
    fn a_thread_gives_up_when_nothing_works() {
        let wrong = WrongReturn {
            step: 1,
            function: crate::cryptoki::Function::C_Sign,
            rv: 5,
        };
        let mut done = Done::new().expect("a histogram");
        assert!(done.count(Ok(())));
        let failures = (0..MOST_ERRORS).map(|_| done.count(Err(wrong)));
        assert_eq!(
            failures.filter(|goes_on| *goes_on).count() as u64,
            MOST_ERRORS - 1
        );
        assert_eq!(
            (done.operations, done.errors, done.wrong),
            (1, MOST_ERRORS, Some(wrong))
        );
    }
}
