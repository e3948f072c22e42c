//! The worker's side of a benchmark: sequences run once and kept, then measured by criterion, slice by
//! slice, or by threads. Every stretch of calls is announced in the journal, so that a crash or a hang in
//! it is known for what it is.
#![allow(
    unsafe_code,
    reason = "runs sequences on the loaded module, which is a worker's purpose"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CKR_OK};

use super::threads;
use super::wire::{Answer, Ask, Prepare, Sampling};
use crate::execute::{Defaults, Loop, Options, Prepared, WrongReturn};
use crate::memory::Arena;
use crate::worker::JournalWriter;

/// A benchmark that is ready.
#[derive(Default)]
pub struct Bed {
    /// A loop for each thread.
    loops: Vec<Loop<'static>>,
}

impl Bed {
    /// Runs the sequences, one after the other, and keeps their loops.
    ///
    /// # Errors
    /// What is to be answered if one of them did not come to its end.
    pub fn prepare(
        ask: Prepare,
        table: &CK_FUNCTION_LIST_3_2,
        journal: &mut JournalWriter,
    ) -> Result<Self, Answer> {
        let defaults = Defaults {
            slot: ask.slot,
            init_args: ask.init_args,
        };
        // The functions stay where they are as long as the library does; a worker has few benchmarks.
        let table: &'static CK_FUNCTION_LIST_3_2 = Box::leak(Box::new(*table));
        let options = Options {
            apart: true,
            ..Options::default()
        };
        let mut loops = Vec::with_capacity(ask.lanes.len());
        for job in &ask.lanes {
            let arena = Arena::new();
            let prepared =
                Prepared::new(&job.sequence, table, &arena, &defaults, &job.given, options);
            drop(arena);
            let mut prepared = prepared.map_err(|error| Answer::Failed(error.to_string()))?;
            journal.case_begin(job.number);
            // SAFETY: this is a worker.
            let stop = unsafe { prepared.run(journal) };
            journal.case_end(job.number);
            if let Some(stop) = stop {
                return Err(Answer::Failed(format!(
                    "its preparation ended early: {stop:?}"
                )));
            }
            loops.push(Loop::new(prepared, ask.measured).map_err(Answer::Failed)?);
        }
        Ok(Self { loops })
    }

    /// Answers everything but what makes or lets go of a bed.
    pub fn answer(&mut self, ask: &Ask, journal: &mut JournalWriter) -> Answer {
        match ask {
            Ask::Closed(closed) => threads::closed(&mut self.loops, closed, journal),
            Ask::Open(open) => threads::open(&mut self.loops, *open, journal),
            _ => match self.loops.first_mut() {
                Some(first) => answer(first, ask, journal),
                None => Answer::Failed("no benchmark is ready".to_owned()),
            },
        }
    }
}

fn answer(first: &mut Loop<'_>, ask: &Ask, journal: &mut JournalWriter) -> Answer {
    match ask {
        Ask::Time { iterations } => match announced(first, *iterations, journal) {
            Ok(time) => Answer::Timed { ns: nanos(time) },
            Err(wrong) => Answer::Wrong(wrong.into()),
        },
        Ask::Idle { iterations } => {
            let begun = Instant::now();
            first.idle(*iterations);
            let ns = nanos(begun.elapsed());
            Answer::Timed { ns }
        }
        Ask::Sample(sampling) => sample(first, sampling, journal),
        _ => Answer::Failed("not asked of one loop".to_owned()),
    }
}

/// Makes operations, announced; gives the time that they took.
fn announced(
    subject: &mut Loop<'_>,
    iterations: u64,
    journal: &mut JournalWriter,
) -> Result<Duration, WrongReturn> {
    let (step, function) = subject.first();
    journal.call_begin(step, function as u16);
    let begun = Instant::now();
    // SAFETY: this is a worker.
    let done = unsafe { subject.run(iterations) };
    let time = begun.elapsed();
    journal.call_end(done.err().map_or(CKR_OK, |wrong| wrong.rv));
    done.map(|()| time)
}

/// Has criterion measure. A wrong return value leaves it by unwinding: there is no other way out.
fn sample(subject: &mut Loop<'_>, ask: &Sampling, journal: &mut JournalWriter) -> Answer {
    let mut measure = |iterations| match announced(subject, iterations, journal) {
        Ok(time) => time,
        Err(wrong) => resume_unwind(Box::new(wrong)),
    };
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut criterion = Criterion::default()
            .output_directory(&ask.folder)
            .sample_size(ask.samples)
            .warm_up_time(Duration::from_nanos(ask.warm_up_ns))
            .measurement_time(Duration::from_nanos(ask.measurement_ns))
            .nresamples(ask.resamples);
        if !ask.plots {
            criterion = criterion.without_plots();
        }
        let (group, name) = ask.id.rsplit_once('/').unwrap_or(("bench", &ask.id));
        let mut group = criterion.benchmark_group(group);
        group.sampling_mode(SamplingMode::Flat);
        if let Some(bytes) = ask.bytes {
            group.throughput(Throughput::Bytes(bytes));
        }
        group.bench_function(name, |bencher| bencher.iter_custom(&mut measure));
        group.finish();
    }));
    match done {
        Ok(()) => Answer::Done,
        Err(panic) => match panic.downcast::<WrongReturn>() {
            Ok(wrong) => Answer::Wrong((*wrong).into()),
            Err(panic) => resume_unwind(panic),
        },
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
