//! The search: inputs run on target and model until the time is over, each finding shrunk as it falls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::corpus::{Corpus, CorpusError, Kept};
use super::finding;
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
const BATCH: u64 = 32;
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
}

/// What a search came to.
#[derive(Debug, Default)]
pub struct Found {
    /// A case for each finding, shrunk.
    pub cases: Vec<Case>,
    /// What was not seen again when its sequence was run alone: titles by name.
    pub lost: BTreeMap<String, String>,
    /// What was done.
    pub progress: Progress,
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
    /// The target and the model.
    pub pair: Pair,
    /// What sequences may have.
    pub setting: Setting<'s>,
    /// Seed of everything random.
    pub seed: u64,
    /// When to stop.
    pub limits: Limits,
    /// What was kept.
    pub corpus: Corpus,
    /// Stops the search.
    pub interrupt: Interrupt,
}

impl Search<'_> {
    /// Runs the inputs given, then new ones until the time is over or somebody stops it.
    ///
    /// # Errors
    /// If a station cannot go on, or something found cannot be kept.
    pub fn run(
        mut self,
        first: Vec<Vec<u8>>,
        watcher: &mut dyn Watcher,
    ) -> Result<Found, SearchError> {
        let begun = Instant::now();
        let limits = self.limits;
        let mut state = State::default();
        let mut tapes = Tapes::new(self.seed);
        let mut waiting = first.into_iter();
        while begun.elapsed() < limits.time && !self.interrupt.is_raised() {
            let progress = state.found.progress;
            let left = limits.sequences.saturating_sub(progress.sequences);
            if left == 0 || progress.findings >= limits.findings {
                break;
            }
            let corpus = self.corpus.inputs();
            let batch: Vec<Vec<u8>> = (0..left.min(BATCH))
                .map(|_| waiting.next().unwrap_or_else(|| tapes.next(corpus)))
                .collect();
            match self.batch(batch, &mut state, watcher) {
                Err(SearchError::Station(StationError::Cancelled)) => break,
                result => result?,
            }
            watcher.progress(&state.found.progress);
        }
        Ok(state.found)
    }

    fn batch(
        &mut self,
        batch: Vec<Vec<u8>>,
        state: &mut State,
        watcher: &mut dyn Watcher,
    ) -> Result<(), SearchError> {
        let mut both: Vec<(Vec<u8>, Decoded)> = batch
            .into_iter()
            .map(|input| {
                let decoded = decode(&input, &self.setting);
                (input, decoded)
            })
            .collect();
        // Those that share a login one after the other, so that there are few of them.
        both.sort_by_key(|(_, decoded)| !decoded.shares_login);
        let (batch, decoded): (Vec<Vec<u8>>, Vec<Decoded>) = both.into_iter().unzip();
        let outcomes = self.pair.run(&decoded)?;
        for ((input, decoded), outcome) in batch.into_iter().zip(decoded).zip(outcomes) {
            let calls: Vec<&Call> = decoded.sequence.calls().collect();
            state.count(&outcome);
            let new = state.novelty.add(&calls, &outcome.ran.trace);
            if new > 0 && outcome.suspect.is_none() {
                let dear = decoded.is_dear();
                self.corpus.add(Kept { bytes: input, dear })?;
            }
            let enough = state.found.progress.findings >= self.limits.findings;
            if let Some(suspect) = outcome.suspect.filter(|_| !enough) {
                self.look_into(decoded, suspect, state, watcher)?;
            }
        }
        let progress = &mut state.found.progress;
        progress.corpus = self.corpus.inputs().len();
        progress.features = state.novelty.count();
        Ok(())
    }

    /// Shrinks a sequence that showed something not known yet.
    fn look_into(
        &mut self,
        decoded: Decoded,
        suspect: Suspect,
        state: &mut State,
        watcher: &mut dyn Watcher,
    ) -> Result<(), SearchError> {
        let name = suspect.name();
        let times = state.times.entry(name.clone()).or_default();
        *times += 1;
        // What does not show alone may show another time, but not for ever.
        if *times > TRIES && !state.known.contains(&name) || !state.known.insert(name.clone()) {
            return Ok(());
        }
        let (pair, decoded) = (&mut self.pair, decoded.by_itself());
        // What came of the sequences before it in the same worker is not its own.
        pair.target.station.renew()?;
        let mut shows = |candidate: &Decoded| {
            let outcome = pair.run(std::slice::from_ref(candidate))?.pop();
            let seen = outcome.and_then(|outcome| outcome.suspect);
            Ok::<_, StationError>(seen.is_some_and(|seen| seen.name() == name))
        };
        if !shows(&decoded)? {
            state.known.remove(&name);
            state.found.lost.insert(name, suspect.title());
            return Ok(());
        }
        let mut budget = Budget::of(SHRINKING);
        let shrunk = shrink(decoded, &mut budget, &mut shows)?;
        let outcome = self.pair.run(std::slice::from_ref(&shrunk))?.pop();
        let Some((outcome, Some(suspect))) = outcome.map(|outcome| {
            let suspect = outcome.suspect.clone();
            (outcome, suspect)
        }) else {
            state.found.lost.insert(name, suspect.title());
            return Ok(());
        };
        state.found.lost.remove(&name);
        let case = finding::case(&shrunk, &suspect, &outcome.ran.trace);
        watcher.found(&case)?;
        state.found.cases.push(case);
        state.found.progress.findings = state.found.cases.len();
        Ok(())
    }
}

#[derive(Default)]
struct State {
    novelty: Novelty,
    known: BTreeSet<String>,
    /// How often each thing was met, by its name.
    times: BTreeMap<String, u64>,
    found: Found,
}

impl State {
    fn count(&mut self, outcome: &Outcome) {
        self.found.progress.sequences += 1;
        self.found.progress.calls += outcome.ran.trace.calls.len() as u64;
    }
}
