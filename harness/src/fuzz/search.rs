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
use super::vary::{Doubt, Interesting, Outcome as Varied, Seen, usual_count};
use crate::plan::Case;
use crate::run::wire::Drawn;
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
    /// Sequences run, those aside that are variants of others.
    pub sequences: u64,
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
            drawn: Drawn::of(&self.setting),
            state: Mutex::new(State {
                corpus: self.corpus,
                waiting: first.into_iter(),
                watcher,
                novelty: Novelty::default(),
                known: BTreeSet::new(),
                times: BTreeMap::new(),
                begun: 0,
                variants: self.variants,
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
    /// The setting in the form that workers are told it.
    drawn: Drawn,
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
    /// Inputs that a job took on.
    begun: u64,
    /// How many variants of each are run, once that is known.
    variants: Option<u32>,
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
        let count = self.count_of_variants(&outcomes);
        self.common.lock().found.progress.sequences += outcomes.len() as u64;
        let reached = self.reached();
        let mut sound = Vec::new();
        for ((input, decoded), outcome) in batch.into_iter().zip(decoded).zip(outcomes) {
            let (is_wrong, was_made) = (outcome.suspect.is_some(), decoded.shares_login);
            let reached = reached.get(&outcome.ran.number).copied().unwrap_or(0);
            if let Some(suspect) = self.account(input.clone(), &decoded, outcome, reached)? {
                self.look_into(&decoded, suspect)?;
            }
            if !is_wrong && was_made {
                sound.push(input);
            }
        }
        for input in sound {
            if count == 0 || self.common.is_over() {
                break;
            }
            self.vary(&input, count)?;
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

    /// How many variants of an input are run: told, or found out from the first batch.
    fn count_of_variants(&self, outcomes: &[Outcome]) -> u32 {
        let mut state = self.common.lock();
        *state.variants.get_or_insert_with(|| {
            let calls = outcomes.iter().flat_map(|outcome| &outcome.ran.trace.calls);
            let times = calls.filter_map(|call| call.returned);
            usual_count(&mut times.map(|back| back.duration_ns).collect::<Vec<_>>())
        })
    }

    /// Runs variants of an input, and as inputs those that look wrong.
    fn vary(&mut self, input: &[u8], count: u32) -> Result<(), SearchError> {
        let (setting, seed) = (self.common.setting, self.tapes.seed());
        let told = (setting, &self.common.drawn);
        match self.pair.vary((input, seed, count), told)? {
            Varied::None => Ok(()),
            Varied::Broken(tape) => self.run_alone(tape, "a call in a variant".to_owned()),
            Varied::Seen(seen) => {
                let reached = self.reached();
                for Interesting { tape, doubt } in self.take_note(&seen, &reached)? {
                    let what = match doubt {
                        Some(Doubt::Disagrees(suspect)) => suspect.title(),
                        _ => "memory written over, or a size that nothing has".to_owned(),
                    };
                    self.run_alone(tape, what)?;
                }
                Ok(())
            }
        }
    }

    /// Keeps the variants that lead on; gives those that look wrong.
    fn take_note(
        &self,
        seen: &Seen,
        reached: &BTreeMap<u32, usize>,
    ) -> Result<Vec<Interesting>, SearchError> {
        let mut state = self.common.lock();
        let State {
            corpus,
            novelty,
            known,
            times,
            found,
            ..
        } = &mut *state;
        let is_known = |suspect: &Suspect| {
            let name = suspect.name();
            known.contains(&name) || times.get(&name).is_some_and(|times| *times >= TRIES)
        };
        let mut wrong = Vec::new();
        for one in seen.interesting(novelty, &is_known) {
            match one.doubt {
                Some(_) => wrong.push(one),
                None => corpus.add(Kept {
                    bytes: one.tape,
                    dear: false,
                })?,
            }
        }
        for bytes in reached.keys().filter_map(|number| seen.tape(*number)) {
            let dear = false;
            corpus.add(Kept { bytes, dear })?;
        }
        let (sequences, calls) = seen.progress();
        found.progress.variants += sequences;
        found.progress.calls += calls;
        found.progress.corpus = corpus.inputs().len();
        found.progress.features = novelty.count();
        Ok(wrong)
    }

    /// Runs a variant as an input of its own; `what` says what it was suspected of.
    fn run_alone(&mut self, tape: Vec<u8>, what: String) -> Result<(), SearchError> {
        let decoded = decode(&tape, self.common.setting);
        let Some(outcome) = self.pair.run(std::slice::from_ref(&decoded))?.pop() else {
            return Ok(());
        };
        if outcome.suspect.is_none() {
            let mut state = self.common.lock();
            state.found.lost.insert(format!("variant/{what}"), what);
            return Ok(());
        }
        match self.account(tape, &decoded, outcome, 0)? {
            Some(suspect) => self.look_into(&decoded, suspect),
            None => Ok(()),
        }
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
