//! The search: inputs run on target and model until the time is over, each finding shrunk as it falls.
//! Its jobs have a target and a model each, and what they learn in common.

mod account;
mod job;
mod known;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::corpus::{Corpus, CorpusError};
use super::functions::Functions;
use super::line::Ahead;
use super::novelty::Novelty;
use super::pair::Pair;
use super::tapes::Tapes;
use crate::plan::Case;
use crate::run::{Interrupt, StationError, Stray};
use crate::sequence::decode::Setting;
use job::Job;
use known::Known;

/// Sequences in one request.
pub(super) const BATCH: u64 = 32;
/// Why a search could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A station.
    #[error(transparent)]
    Station(#[from] StationError),
    /// The corpus.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
}

/// What a search did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Sequences run, those aside that are variants of others.
    pub sequences: u64,
    /// Sequences among them that had a token of their own.
    pub with_own_token: u64,
    /// Variants run.
    pub variants: u64,
    /// Calls made in them.
    pub calls: u64,
    /// Inputs kept.
    pub corpus: usize,
    /// Features seen.
    pub features: usize,
    /// Different things found.
    pub findings: usize,
    /// Functions of the target reached, if they are followed.
    pub functions: usize,
}

/// What a search came to.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// A case for each finding, shrunk.
    pub cases: Vec<Case>,
    /// What was not seen again when its sequence was run alone: titles by name.
    pub lost: BTreeMap<String, String>,
    /// What was done.
    pub progress: Progress,
    /// How many variants of an input were run at most: by how long calls took, if that was not told.
    pub most_variants: u32,
    /// Functions of the target that were reached, if they are followed.
    pub functions: Functions,
    /// Why they are followed no more, if they are not.
    pub lost_track: Option<String>,
    /// Ends that no sequence is to blame for, the first of each place, and how many inputs had been begun by then.
    pub strays: Vec<(Stray, u64)>,
    /// Why the search ended before its time, if it did for want of a token.
    pub gave_up: Option<String>,
}

/// Who is told how a search goes on.
pub trait Watcher {
    /// After every batch.
    fn progress(&mut self, progress: &Progress);
    /// A finding, as soon as it is shrunk.
    ///
    /// # Errors
    /// If it cannot be kept: the search ends.
    fn found(&mut self, case: &Case) -> Result<(), CorpusError>;
}

/// When a search stops, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may take. A finding that is being shrunk is shrunk to its end.
    pub time: Duration,
    /// How many inputs it may run, not counting variants of them.
    pub inputs: u64,
    /// How many findings are enough.
    pub findings: usize,
}

/// A search.
pub struct Search<'s> {
    /// The target and the model, for each job: one sequence after the other runs on a pair.
    pub pairs: Vec<Pair>,
    /// What sequences may have.
    pub setting: Setting<'s>,
    /// Seed of everything random. With one job the same sequences come about each time.
    pub seed: u64,
    /// When to stop.
    pub limits: Limits,
    /// How many variants of each input are run; by how long the target's calls take, if not given.
    pub variants: Option<u32>,
    /// What was kept.
    pub corpus: Corpus,
    /// Functions that the targets follow, if they do.
    pub functions: Functions,
    /// Stops the search.
    pub interrupt: Interrupt,
}

impl Search<'_> {
    /// Runs the inputs given, then new ones until the time is over or somebody stops it.
    ///
    /// # Errors
    /// If a station cannot go on, or something found cannot be kept. The other jobs stop then, too.
    pub fn run(
        self,
        first: Vec<Vec<u8>>,
        watcher: &mut (dyn Watcher + Send),
    ) -> Result<Found, SearchError> {
        let begun = Instant::now();
        let common = Common {
            setting: &self.setting,
            limits: self.limits,
            interrupt: &self.interrupt,
            begun,
            failed: AtomicBool::new(false),
            state: Mutex::new(State {
                corpus: self.corpus,
                waiting: first.into_iter(),
                watcher,
                novelty: Novelty::default(),
                known: Known::default(),
                begun: 0,
                most_variants: self.variants,
                is_timed: false,
                found: Found {
                    functions: self.functions,
                    ..Found::default()
                },
            }),
        };
        let results: Vec<Result<(), SearchError>> = std::thread::scope(|scope| {
            let jobs = self.pairs.into_iter().zip(0..).map(|(pair, number)| {
                let tapes = Tapes::new(
                    self.seed.wrapping_add(number),
                    self.setting.has_own_tokens(),
                );
                let common = &common;
                scope.spawn(move || {
                    Job {
                        pair,
                        tapes,
                        ahead: Ahead::default(),
                        common,
                    }
                    .run()
                })
            });
            // All are started before the first is waited for.
            let jobs: Vec<_> = jobs.collect();
            let panicked = || SearchError::Station(StationError::Fault("a job panicked".into()));
            let joined = jobs.into_iter().map(|job| job.join());
            joined
                .map(|result| result.unwrap_or_else(|_| Err(panicked())))
                .collect()
        });
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(common.lock().found.clone())
    }
}

/// What the jobs of a search have in common.
struct Common<'s> {
    setting: &'s Setting<'s>,
    limits: Limits,
    interrupt: &'s Interrupt,
    begun: Instant,
    failed: AtomicBool,
    state: Mutex<State<'s>>,
}

struct State<'s> {
    corpus: Corpus,
    /// Inputs to run before new ones are made.
    waiting: std::vec::IntoIter<Vec<u8>>,
    watcher: &'s mut (dyn Watcher + Send),
    novelty: Novelty,
    known: Known,
    /// Inputs that a job took on.
    begun: u64,
    /// How many variants of each are run at most, if that was told.
    most_variants: Option<u32>,
    /// That inputs were run one by one, and it is known how many variants of each are run.
    is_timed: bool,
    found: Found,
}

impl<'s> Common<'s> {
    fn lock(&self) -> MutexGuard<'_, State<'s>> {
        // A job that panicked ends the search; what the others know is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        let over = self.begun.elapsed() >= self.limits.time || self.interrupt.is_raised();
        over || self.failed.load(Ordering::Relaxed)
            || self.lock().found.progress.findings >= self.limits.findings
    }

    /// The inputs of the next batch; none if the search is over.
    fn next(&self, tapes: &mut Tapes) -> Vec<Vec<u8>> {
        if self.is_over() {
            return Vec::new();
        }
        let mut state = self.lock();
        let count = self.limits.inputs.saturating_sub(state.begun).min(BATCH);
        state.begun += count;
        (0..count)
            .map(|_| {
                let waiting = state.waiting.next();
                waiting.unwrap_or_else(|| tapes.next(state.corpus.inputs()))
            })
            .collect()
    }
}
