//! One job of a search: batches of inputs on a target and its model, their variants, and what is learned from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use p11assay_reports::evidence::End;

use super::account::Suspicion;
use super::{Common, SearchError, State};
use crate::fuzz::corpus::Kept;
use crate::fuzz::finding;
use crate::fuzz::line::{Ahead, Filled};
use crate::fuzz::look::{Shown, look};
use crate::fuzz::pair::{Outcome, Pair};
use crate::fuzz::suspect::{Suspect, What};
use crate::fuzz::tapes::Tapes;
use crate::fuzz::vary::{Doubt, Interesting, Order, Outcome as Varied, Seen};
use crate::run::{StationError, Stray};
use crate::sequence::Call;
use crate::sequence::decode::{Decoded, decode};
use crate::worker::reach::Reached;

/// What variants showed that is to be run again as an input of its own, once the pair is free.
enum Trouble {
    /// A variant looks wrong.
    Wrong(Interesting),
    /// The target did not come back from this tape, and how it ended, if it did.
    Broken(Vec<u8>, Option<End>),
    /// The variants of this tape could not be run.
    Unready(Vec<u8>),
}

impl Common<'_> {
    /// Keeps the variants that lead on; gives those that look wrong, but for what is in `doubt` already, to which
    /// it adds their names.
    fn take_note(
        &self,
        seen: &Seen,
        reached: &[Reached],
        doubt: &mut BTreeSet<String>,
    ) -> Result<Vec<Interesting>, SearchError> {
        let mut state = self.lock();
        let State {
            corpus,
            novelty,
            known,
            found,
            ..
        } = &mut *state;
        let sequences = found.progress.sequences + found.progress.variants;
        let mut wrong = Vec::new();
        let waits = |suspect: &Suspect| {
            known.is_settled(suspect, sequences) || doubt.contains(&suspect.name())
        };
        for one in seen.interesting(novelty, &waits) {
            match one.doubt {
                Some(_) => wrong.push(one),
                None => corpus.add(Kept {
                    bytes: one.tape,
                    dear: false,
                })?,
            }
        }
        let functions = found.functions.add(reached);
        for bytes in functions.keys().filter_map(|number| seen.tape(*number)) {
            let dear = false;
            corpus.add(Kept { bytes, dear })?;
        }
        let (run, calls) = seen.progress();
        // The first is the input itself.
        found.progress.variants += run.saturating_sub(1);
        found.progress.calls += calls;
        found.progress.corpus = corpus.inputs().len();
        found.progress.features = novelty.count();
        found.progress.functions = found.functions.count();
        doubt.extend(wrong.iter().filter_map(|one| match &one.doubt {
            Some(Doubt::Disagrees(suspect)) => Some(suspect.name()),
            _ => None,
        }));
        Ok(wrong)
    }
}

/// True if what comes behind it may not be what it would be: not of a value that no list has.
fn is_wrong(outcome: &Outcome) -> bool {
    let suspect = outcome.suspect.as_ref();
    suspect.is_some_and(|suspect| !suspect.is_about_a_list())
}

/// One of the jobs of a search.
pub(super) struct Job<'c, 's> {
    pub(super) pair: Pair,
    pub(super) tapes: Tapes,
    pub(super) ahead: Ahead,
    pub(super) common: &'c Common<'s>,
}

impl Job<'_, '_> {
    pub(super) fn run(mut self) -> Result<(), SearchError> {
        loop {
            let batch = self.common.next(&mut self.tapes);
            if batch.is_empty() {
                return Ok(());
            }
            let result = self.batch(batch);
            self.note_strays();
            match result {
                Err(SearchError::Station(StationError::Cancelled)) => return Ok(()),
                Err(SearchError::Station(
                    error @ (StationError::Deserted(..) | StationError::NoToken(_)),
                )) => {
                    self.common.failed.store(true, Ordering::Relaxed);
                    let mut state = self.common.lock();
                    state.found.gave_up.get_or_insert(error.to_string());
                    return Ok(());
                }
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

    /// Keeps the first end of each place that no sequence is to blame for.
    fn note_strays(&mut self) {
        for stray in self.pair.target.station.take_strays() {
            self.keep_stray(stray);
        }
    }

    fn keep_stray(&self, stray: Stray) {
        let mut state = self.common.lock();
        let begun = state.begun;
        let known = &mut state.found.strays;
        if known.iter().all(|(known, _)| known.place != stray.place) {
            known.push((stray, begun));
        }
    }

    fn batch(&mut self, batch: Vec<Vec<u8>>) -> Result<(), SearchError> {
        // No lock is held in what follows.
        let settled = self.common.lock().variants();
        if let Some(count) = settled {
            let (rest, run) = self.vary_all(batch, count)?;
            self.common.lock().found.progress.sequences += run;
            return self.one_by_one(rest).map(|_| ());
        }
        // How long the target's calls take is not known before the first.
        let sound = self.one_by_one(batch)?;
        let count = self.common.lock().variants();
        self.vary_all(sound, count.unwrap_or_default()).map(|_| ())
    }

    /// Runs inputs one by one, with a full account of each; gives those in which nothing was wrong and nobody's login
    /// was spent.
    fn one_by_one(&mut self, batch: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, SearchError> {
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
        let with_own_token = decoded.iter().filter(|decoded| decoded.own_token).count();
        let mut state = self.common.lock();
        state.count(&outcomes);
        state.found.progress.with_own_token += with_own_token as u64;
        drop(state);
        let reached = self.reached();
        let mut sound = Vec::new();
        for ((input, decoded), outcome) in batch.into_iter().zip(decoded).zip(outcomes) {
            let (is_wrong, was_made) = (is_wrong(&outcome), decoded.shares_login);
            let reached = reached.get(&outcome.ran.number).copied().unwrap_or(0);
            let found = self.account(input.clone(), &decoded, outcome, reached)?;
            if let Some((suspect, shape)) = found {
                self.look_into(&decoded, suspect, &shape)?;
            }
            if !is_wrong && was_made {
                sound.push(input);
            }
        }
        Ok(sound)
    }

    /// Runs inputs in their variants. While some run, the next are worked out, and note is taken of what those
    /// before came to; what looks wrong is run again when all of them are through. Gives the inputs that have none, and
    /// how many had some.
    fn vary_all(
        &mut self,
        inputs: Vec<Vec<u8>>,
        count: u32,
    ) -> Result<(Vec<Vec<u8>>, u64), SearchError> {
        let common = self.common;
        let seeds: Vec<u64> = inputs.iter().map(|_| self.tapes.seed()).collect();
        let mut rest = Vec::new();
        let mut waiting = inputs.into_iter().zip(seeds);
        let orders = std::iter::from_fn(|| {
            for (input, seed) in waiting.by_ref().take_while(|_| !common.is_over()) {
                match Order::of(&input, common.setting, (seed, count)) {
                    Some(order) => return Some(order),
                    None => rest.push(input),
                }
            }
            None
        });
        let (mut run, mut trouble, mut doubt) = (0, Vec::new(), BTreeSet::new());
        self.pair
            .vary(&mut self.ahead, orders, |Filled { outcome, reached }| {
                run += u64::from(!matches!(outcome, Varied::None(_)));
                match outcome {
                    Varied::Seen(seen) => {
                        let wrong = common.take_note(&seen, &reached, &mut doubt)?;
                        trouble.extend(wrong.into_iter().map(Trouble::Wrong));
                    }
                    Varied::Broken(tape, end) => trouble.push(Trouble::Broken(tape, end)),
                    Varied::None(tape) => trouble.push(Trouble::Unready(tape)),
                }
                Ok::<_, SearchError>(())
            })?;
        self.common.lock().found.lost_track =
            self.pair.target.station.lost_track().map(str::to_owned);
        for one in trouble {
            self.run_again(one)?;
        }
        Ok((rest, run))
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

    /// Runs as an input what variants showed.
    fn run_again(&mut self, trouble: Trouble) -> Result<(), SearchError> {
        match trouble {
            Trouble::Wrong(Interesting { tape, doubt }) => {
                let of = match doubt {
                    Some(Doubt::Disagrees(suspect)) => Some(Suspicion {
                        name: suspect.name(),
                        title: suspect.title(),
                    }),
                    // Of a phrase alone it cannot be told for sure what follows from it.
                    Some(Doubt::Values) => None,
                    _ => Some(Suspicion::unnamed(
                        "memory written over, or a size that nothing has",
                    )),
                };
                self.run_alone(tape, of).map(drop)
            }
            Trouble::Broken(tape, Some(end @ End::MemoryLimit { .. })) => {
                self.look_for_leak(&tape, end)
            }
            Trouble::Broken(tape, end) => {
                let of = Suspicion::unnamed("a call in a variant");
                let shown = self.run_alone(tape, Some(of))?;
                if !shown && let Some(end @ End::Program { .. }) = end {
                    self.keep_stray(Stray::of_program(end));
                }
                Ok(())
            }
            Trouble::Unready(tape) => self.one_by_one(vec![tape]).map(|_| ()),
        }
    }

    /// Runs a variant as an input of its own; `of` says what it was suspected of, if that must show. True if anything
    /// did.
    fn run_alone(&mut self, tape: Vec<u8>, of: Option<Suspicion>) -> Result<bool, SearchError> {
        let decoded = decode(&tape, self.common.setting);
        let outcome = self.pair.run(std::slice::from_ref(&decoded))?.pop();
        // Left where it is, it would be taken for what the next order's first variant reached.
        let reached = self.reached();
        let Some(outcome) = outcome else {
            return Ok(false);
        };
        let reached = reached.get(&outcome.ran.number).copied().unwrap_or(0);
        if outcome.suspect.is_none() {
            let mut state = self.common.lock();
            if let Some(suspicion) = of {
                state.lose_variant(suspicion);
            }
            if reached > 0 {
                state.keep(tape, &decoded)?;
            }
            return Ok(false);
        }
        if let Some((suspect, shape)) = self.account(tape, &decoded, outcome, reached)? {
            self.look_into(&decoded, suspect, &shape)?;
        }
        Ok(true)
    }

    /// Looks into memory that was taken little by little: no sequence alone shows it.
    fn look_for_leak(&mut self, tape: &[u8], end: End) -> Result<(), SearchError> {
        let suspect = Suspect {
            step: None,
            function: None,
            what: What::Ended(Box::new(end)),
            lost_library: false,
        };
        if !self
            .common
            .lock()
            .is_worth_a_look(&suspect, &[], self.common.limits.findings)
        {
            return Ok(());
        }
        self.look_into(&decode(tape, self.common.setting), suspect, &[])
    }

    /// Takes note of what a sequence showed, beside functions that it reached first; gives what is to be looked into,
    /// and the shape of its call.
    fn account(
        &self,
        input: Vec<u8>,
        decoded: &Decoded,
        outcome: Outcome,
        reached: usize,
    ) -> Result<Option<(Suspect, Vec<String>)>, SearchError> {
        let calls: Vec<&Call> = decoded.sequence.calls().collect();
        let mut state = self.common.lock();
        let new = state.novelty.add(&calls, &outcome.ran.trace) + reached;
        if new > 0 && !is_wrong(&outcome) {
            state.keep(input, decoded)?;
        }
        let features = state.novelty.count();
        let progress = &mut state.found.progress;
        progress.calls += outcome.ran.trace.calls.len() as u64;
        progress.features = features;
        let limit = self.common.limits.findings;
        Ok(outcome.suspect.and_then(|suspect| {
            let shape = finding::shape_of(&decoded.sequence, &suspect, &outcome.ran.trace);
            let looked_into = state.is_worth_a_look(&suspect, &shape, limit);
            looked_into.then_some((suspect, shape))
        }))
    }

    /// Looks into what a sequence showed that is not known yet, in a module without breakpoints.
    fn look_into(
        &mut self,
        decoded: &Decoded,
        suspect: Suspect,
        shape: &[String],
    ) -> Result<(), SearchError> {
        self.pair.target.station.pause_following(true);
        let shown = look(&mut self.pair, decoded, &suspect);
        self.pair.target.station.pause_following(false);
        let shown = shown?;
        let mut state = self.common.lock();
        let Some(Shown {
            decoded,
            outcome,
            suspect: left,
            ..
        }) = shown
        else {
            state.lose(&suspect, shape);
            drop(state);
            if let What::Ended(end) = suspect.what
                && matches!(*end, End::Program { .. })
            {
                self.keep_stray(Stray::of_program(*end));
            }
            return Ok(());
        };
        let trace = &outcome.ran.trace;
        let case = finding::case(&decoded, &left, trace);
        // What is left of it may be what was left of another one.
        let its_shape = finding::shape_of(&decoded.sequence, &left, trace);
        state.known.found((&suspect, shape), (&left, &its_shape));
        state.regain(&suspect.name());
        state.regain(&left.name());
        if state.found.cases.iter().any(|known| known.id == case.id) {
            return Ok(());
        }
        state.watcher.found(&case)?;
        state.found.cases.push(case);
        // What is weak ends no search that ends with its first finding.
        state.found.progress.findings += usize::from(!left.is_about_a_list());
        Ok(())
    }
}
