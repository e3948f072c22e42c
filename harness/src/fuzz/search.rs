//! The search: inputs run on target and model until the time is over, each finding shrunk as it falls.
//! Its jobs have a target and a model each, and what they learn in common.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::corpus::{Corpus, CorpusError, Kept};
use super::finding;
use super::functions::Functions;
use super::novelty::Novelty;
use super::pair::{Outcome, Pair};
use super::shrink::{Budget, shrink};
use super::suspect::Suspect;
use super::tapes::Tapes;
use crate::plan::Case;
use crate::run::{Interrupt, StationError};
use crate::sequence::Call;
use crate::sequence::decode::{Decoded, Setting, decode};

/// Sequences in one request.
pub(super) const BATCH: u64 = 32;
/// Longest that one finding is shrunk.
const SHRINKING: Duration = Duration::from_secs(10);

/// How often something that is not seen again is looked into.
const TRIES: u64 = 3;

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
    /// Sequences run.
    pub sequences: u64,
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
    /// Functions of the target that were reached, if they are followed.
    pub functions: Functions,
    /// Why they are followed no more, if they are not.
    pub lost_track: Option<String>,
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
    /// How many sequences it may run.
    pub sequences: u64,
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
                known: BTreeSet::new(),
                times: BTreeMap::new(),
                begun: 0,
                found: Found {
                    functions: self.functions,
                    ..Found::default()
                },
            }),
        };
        let results: Vec<Result<(), SearchError>> = std::thread::scope(|scope| {
            let jobs = self.pairs.into_iter().zip(0..).map(|(pair, number)| {
                let tapes = Tapes::new(self.seed.wrapping_add(number));
                let common = &common;
                scope.spawn(move || {
                    Job {
                        pair,
                        tapes,
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
    known: BTreeSet<String>,
    /// How often each thing was met, by its name.
    times: BTreeMap<String, u64>,
    /// Sequences that a job took on.
    begun: u64,
    found: Found,
}

impl<'s> Common<'s> {
    fn lock(&self) -> MutexGuard<'_, State<'s>> {
        // A job that panicked ends the search; what the others know is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inputs of the next batch; none if the search is over.
    fn next(&self, tapes: &mut Tapes) -> Vec<Vec<u8>> {
        let over = self.begun.elapsed() >= self.limits.time || self.interrupt.is_raised();
        if over || self.failed.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut state = self.lock();
        if state.found.progress.findings >= self.limits.findings {
            return Vec::new();
        }
        let count = self.limits.sequences.saturating_sub(state.begun).min(BATCH);
        state.begun += count;
        (0..count)
            .map(|_| {
                let waiting = state.waiting.next();
                waiting.unwrap_or_else(|| tapes.next(state.corpus.inputs()))
            })
            .collect()
    }
}

/// One of the jobs of a search.
struct Job<'c, 's> {
    pair: Pair,
    tapes: Tapes,
    common: &'c Common<'s>,
}

impl Job<'_, '_> {
    fn run(mut self) -> Result<(), SearchError> {
        loop {
            let batch = self.common.next(&mut self.tapes);
            if batch.is_empty() {
                return Ok(());
            }
            match self.batch(batch) {
                Err(SearchError::Station(StationError::Cancelled)) => return Ok(()),
                Err(error) => {
                    self.common.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                Ok(()) => {}
            }
            let mut state = self.common.lock();
            let progress = state.found.progress;
            state.watcher.progress(&progress);
        }
    }

    fn batch(&mut self, batch: Vec<Vec<u8>>) -> Result<(), SearchError> {
        let mut both: Vec<(Vec<u8>, Decoded)> = batch
            .into_iter()
            .map(|input| {
                let decoded = decode(&input, self.common.setting);
                (input, decoded)
            })
            .collect();
        // Those that share a login one after the other, so that there are few of them.
        both.sort_by_key(|(_, decoded)| !decoded.shares_login);
        let (batch, decoded): (Vec<Vec<u8>>, Vec<Decoded>) = both.into_iter().unzip();
        let outcomes = self.pair.run(&decoded)?;
        let reached = self.reached();
        for ((input, decoded), outcome) in batch.into_iter().zip(decoded).zip(outcomes) {
            let reached = reached.get(&outcome.ran.number).copied().unwrap_or(0);
            if let Some(suspect) = self.account(input, &decoded, outcome, reached)? {
                self.look_into(&decoded, suspect)?;
            }
        }
        Ok(())
    }

    /// How many functions the sequences just run reached first, by their numbers.
    fn reached(&mut self) -> BTreeMap<u32, usize> {
        let station = &mut self.pair.target.station;
        let mut state = self.common.lock();
        let new = state.found.functions.add(&station.take_reached());
        state.found.progress.functions = state.found.functions.count();
        state.found.lost_track = station.lost_track().map(str::to_owned);
        new
    }

    /// Takes note of what a sequence showed, beside functions that it reached first; gives what is to be looked into.
    fn account(
        &self,
        input: Vec<u8>,
        decoded: &Decoded,
        outcome: Outcome,
        reached: usize,
    ) -> Result<Option<Suspect>, SearchError> {
        let calls: Vec<&Call> = decoded.sequence.calls().collect();
        let mut state = self.common.lock();
        let new = state.novelty.add(&calls, &outcome.ran.trace) + reached;
        if new > 0 && outcome.suspect.is_none() {
            let dear = decoded.is_dear();
            state.corpus.add(Kept { bytes: input, dear })?;
        }
        let (corpus, features) = (state.corpus.inputs().len(), state.novelty.count());
        let progress = &mut state.found.progress;
        progress.sequences += 1;
        progress.calls += outcome.ran.trace.calls.len() as u64;
        (progress.corpus, progress.features) = (corpus, features);
        let enough = progress.findings >= self.common.limits.findings;
        let Some(suspect) = outcome.suspect.filter(|_| !enough) else {
            return Ok(None);
        };
        let name = suspect.name();
        let times = state.times.entry(name.clone()).or_default();
        *times += 1;
        // What does not show alone may show another time, but not for ever.
        let often = *times > TRIES && !state.known.contains(&name);
        Ok((!often && state.known.insert(name)).then_some(suspect))
    }

    /// Looks into what a sequence showed that is not known yet, in a module without breakpoints.
    fn look_into(&mut self, decoded: &Decoded, suspect: Suspect) -> Result<(), SearchError> {
        self.pair.target.station.pause_following(true);
        let result = self.show_again(decoded, suspect);
        self.pair.target.station.pause_following(false);
        result
    }

    /// Shrinks a sequence if it shows the same again.
    fn show_again(&mut self, decoded: &Decoded, suspect: Suspect) -> Result<(), SearchError> {
        let (pair, name) = (&mut self.pair, suspect.name());
        let decoded = decoded.by_itself();
        // What came of the sequences before it in the same worker is not its own.
        pair.target.station.renew()?;
        let mut shows = |candidate: &Decoded| {
            let outcome = pair.run(std::slice::from_ref(candidate))?.pop();
            let seen = outcome.and_then(|outcome| outcome.suspect);
            Ok::<_, StationError>(seen.is_some_and(|seen| seen.name() == name))
        };
        if !shows(&decoded)? {
            let mut state = self.common.lock();
            state.known.remove(&name);
            state.found.lost.insert(name, suspect.title());
            return Ok(());
        }
        let mut budget = Budget::of(SHRINKING);
        let shrunk = shrink(decoded, &mut budget, &mut shows)?;
        let outcome = self.pair.run(std::slice::from_ref(&shrunk))?.pop();
        let mut state = self.common.lock();
        let Some((outcome, Some(suspect))) = outcome.map(|outcome| {
            let suspect = outcome.suspect.clone();
            (outcome, suspect)
        }) else {
            state.found.lost.insert(name, suspect.title());
            return Ok(());
        };
        state.found.lost.remove(&name);
        let case = finding::case(&shrunk, &suspect, &outcome.ran.trace);
        state.watcher.found(&case)?;
        state.found.cases.push(case);
        state.found.progress.findings = state.found.cases.len();
        Ok(())
    }
}
