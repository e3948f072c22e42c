//! A closer look at what a sequence showed: whether it shows it again alone, and with how little.
//!
//! What lanes show is a matter of chance: it is asked for several times.

use std::time::{Duration, Instant};

use p11assay_reports::evidence::End;

use super::leak;
use super::pair::{Outcome, Pair};
use super::shrink::{Budget, shrink};
use super::suspect::{Suspect, What};
use super::together;
use crate::oracle::CaseTrace;
use crate::run::{Bounds, StationError};
use crate::sequence::Step;
use crate::sequence::decode::Decoded;

/// Longest that one finding is shrunk.
const SHRINKING: Duration = Duration::from_secs(9);
/// Longest that one finding of lanes is shrunk.
const SHRINKING_LANES: Duration = Duration::from_secs(40);
/// Longest that a finding is shrunk each try of which takes a new token, or two, as the end of a program does.
const SHRINKING_TOKENS: Duration = Duration::from_secs(60);
/// How long a call may take when a hang is looked for again: each try that shows it waits as long, and the target's own
/// deadline is waited for once, at the end.
const DEADLINE: Duration = Duration::from_secs(1);
/// The least that it may take while the hang is shrunk.
const LEAST_DEADLINE: Duration = Duration::from_millis(250);
/// How many times as long as the slowest call that came back.
const SLOWER: u32 = 16;
/// The part by which memory must grow beyond its limit while that is shrunk.
const MARGIN: u64 = 8;
/// How often a sequence with lanes is run until it shows what it showed before.
const ATTEMPTS: usize = 40;
/// How many times as often as it took the whole sequence a shorter one is run.
const PATIENCE: usize = 4;
/// How often lanes make their steps in a case, if they show too seldom what it is about.
const ROUNDS: [u32; 3] = [10, 100, 1000];
/// In how many orders the calls of lanes are made one after the other, to see whether it takes lanes.
const ORDERS: u64 = 32;
/// How often in a row they show it if they do not.
const IN_A_ROW: usize = 3;

/// The shortest sequence that was found to show the same.
#[derive(Debug)]
pub struct Shown {
    /// The sequence, with a login of its own if it needs one.
    pub decoded: Decoded,
    /// What came of it.
    pub outcome: Outcome,
    /// What was wrong.
    pub suspect: Suspect,
    /// Shorter sequences that were tried.
    pub tries: usize,
    /// How long that took.
    pub shrinking: Duration,
}

/// Runs a sequence alone in a fresh worker, and shrinks it if it shows there what it is suspected of.
///
/// # Errors
/// If a station cannot go on.
pub fn look(
    pair: &mut Pair,
    decoded: &Decoded,
    suspect: &Suspect,
) -> Result<Option<Shown>, StationError> {
    // What came of the sequences before it in the same worker is not its own.
    pair.target.station.renew_or_again()?;
    Look {
        lanes: decoded.sequence.has_lanes(),
        attempts: ATTEMPTS,
        most: ATTEMPTS,
        fresh: false,
        pair,
        suspect,
    }
    .shown(decoded.by_itself())
}

/// How long a call may take while a hang is shrunk that this is the trace of.
fn patience(trace: &CaseTrace) -> Duration {
    let returned = trace.calls.iter().filter_map(|call| call.returned);
    let slowest = returned.map(|back| back.duration_ns).max().unwrap_or(0);
    LEAST_DEADLINE.max(Duration::from_nanos(slowest) * SLOWER)
}

/// The steps of a sequence without lanes up to the call of this number, if there are others behind it.
fn up_to(decoded: &Decoded, number: u32) -> Option<Decoded> {
    let mut steps = decoded.sequence.steps.iter();
    let last = steps.position(|step| matches!(step, Step::Call(call) if call.number == number))?;
    steps.next().is_some().then(|| {
        let mut cut = decoded.clone();
        cut.sequence.steps.truncate(last + 1);
        cut
    })
}

/// What is looked for, and how often.
struct Look<'l> {
    pair: &'l mut Pair,
    suspect: &'l Suspect,
    lanes: bool,
    /// How often a sequence with lanes is run now until it shows it.
    attempts: usize,
    /// The most that this may be: 1 where chance decides nothing.
    most: usize,
    /// True if each try is to have a worker of its own.
    fresh: bool,
}

impl Look<'_> {
    fn shown(mut self, mut decoded: Decoded) -> Result<Option<Shown>, StationError> {
        if matches!(self.suspect.what, What::Twice(_)) {
            // A case compares handles, whichever lane came first: no session may end, and its handle come back.
            decoded.sequence = together::without_ends(&decoded.sequence);
        }
        let (decoded, took, deadline, step) = match self.first(&decoded)? {
            Some((outcome, took)) => {
                let step = outcome.suspect.and_then(|suspect| suspect.step);
                (decoded, took, patience(&outcome.ran.trace), step)
            }
            None => match self.many_times(&decoded)? {
                Some(decoded) => (decoded, 1, DEADLINE, None),
                None => return Ok(None),
            },
        };
        let (begun, mut tried) = (Instant::now(), 0);
        // What a candidate leaves behind may have those after it show what they do not by themselves: then each has a worker
        // of its own, unless it was chance.
        for fresh in [false, true]
            .into_iter()
            .take(if self.lanes { 1 } else { 2 })
        {
            self.fresh = fresh;
            self.attempts = (PATIENCE * took).min(self.most);
            let usual = self.bounds(deadline);
            let shrunk = self
                .cut_behind(step, &decoded)
                .and_then(|cut| self.shrunk(cut));
            self.set_bounds(usual);
            let (shrunk, tries) = shrunk?;
            tried += tries;
            self.attempts = self.most;
            if let Some(shown) = self.shown_afresh(shrunk, tried, begun)? {
                return Ok(Some(shown));
            }
        }
        self.shown_afresh(decoded, tried, begun)
    }

    /// What a candidate shows in a worker that executed nothing before it.
    fn shown_afresh(
        &mut self,
        decoded: Decoded,
        tries: usize,
        begun: Instant,
    ) -> Result<Option<Shown>, StationError> {
        let shrinking = begun.elapsed();
        self.pair.target.station.renew_or_again()?;
        let seen = self.again(&decoded)?;
        let seen = seen.and_then(|(outcome, _)| outcome.suspect.clone().zip(Some(outcome)));
        Ok(seen.map(|(suspect, outcome)| Shown {
            decoded,
            outcome,
            suspect,
            tries,
            shrinking,
        }))
    }

    /// As [`again`](Self::again); a hang under a short deadline first.
    fn first(&mut self, decoded: &Decoded) -> Result<Option<(Outcome, usize)>, StationError> {
        let usual = self.bounds(DEADLINE);
        let found = self.again(decoded);
        self.set_bounds(usual);
        match found? {
            None if self.hangs() => self.again(decoded),
            found => Ok(found),
        }
    }

    /// The sequence up to the step that showed it, if that shows it, too: where a try takes long, the budget is for what may
    /// have led to it.
    fn cut_behind(&mut self, step: Option<u32>, whole: &Decoded) -> Result<Decoded, StationError> {
        let Some(cut) = step.and_then(|step| up_to(whole, step)) else {
            return Ok(whole.clone());
        };
        let shows = self.again(&cut)?.is_some();
        Ok(if shows { cut } else { whole.clone() })
    }

    fn hangs(&self) -> bool {
        matches!(&self.suspect.what, What::Ended(end) if matches!(**end, End::Hang { .. }))
    }

    /// What a call and a worker may have while it is asked again and again: less time, if it is about a hang, and a
    /// little more memory, if it is about that, so that what is left shows it for sure. Gives what they might have.
    fn bounds(&mut self, deadline: Duration) -> Bounds {
        let usual = self.pair.target.station.bounds();
        let mut bounds = usual;
        if self.hangs() {
            bounds.call_deadline = usual.call_deadline.min(deadline);
        }
        if self.suspect.is_about_memory() {
            bounds.memory = usual.memory.map(|limit| limit + limit / MARGIN);
        }
        self.set_bounds(bounds);
        usual
    }

    fn set_bounds(&mut self, bounds: Bounds) {
        self.pair.target.station.set_bounds(bounds);
    }

    fn shrunk(&mut self, decoded: Decoded) -> Result<(Decoded, usize), StationError> {
        let by_chance = self.lanes && !self.suspect.is_about_memory();
        let time = match by_chance {
            _ if decoded.own_token || self.suspect.is_about_a_program() => SHRINKING_TOKENS,
            true => SHRINKING_LANES,
            false => SHRINKING,
        };
        let mut budget = Budget::of(time);
        let mut shrunk = shrink(decoded, &mut budget, &mut |candidate| {
            Ok::<_, StationError>(self.again(candidate)?.is_some())
        })?;
        if self.lanes {
            self.keep_order(&mut shrunk)?;
        }
        if self.lanes && !matches!(self.suspect.what, What::Twice(_)) {
            self.make_likely(&mut shrunk)?;
        }
        Ok((shrunk, budget.tries))
    }

    /// The first time that a sequence shows it again, and how many it took.
    fn again(&mut self, decoded: &Decoded) -> Result<Option<(Outcome, usize)>, StationError> {
        let attempts = match decoded.sequence.has_lanes() {
            true => self.attempts,
            false => 1,
        };
        for attempt in 1..=attempts {
            let outcome = self.run(decoded)?.filter(|outcome| {
                let seen = outcome.suspect.as_ref();
                seen.is_some_and(|seen| self.suspect.is_shown_by(seen))
            });
            if let Some(outcome) = outcome {
                let alone = self.shows_without_lanes(decoded)?;
                return Ok((!alone).then_some((outcome, attempt)));
            }
        }
        Ok(None)
    }

    /// The sequence made over and over, if that takes more and more memory.
    fn many_times(&mut self, decoded: &Decoded) -> Result<Option<Decoded>, StationError> {
        let sequence = &decoded.sequence;
        let may_grow = sequence.has_lanes() || sequence.makes_token_objects();
        if !self.suspect.is_about_memory() || may_grow {
            return Ok(None);
        }
        let repeated = leak::many_times(decoded);
        // Each try is thousands of rounds in a worker of its own, and rounds of one lane are the same each time.
        (self.lanes, self.attempts, self.most) = (true, 1, 1);
        let shows = self.again(&repeated)?.is_some();
        Ok(shows.then_some(repeated))
    }

    fn run(&mut self, decoded: &Decoded) -> Result<Option<Outcome>, StationError> {
        if self.fresh || self.suspect.is_about_memory() {
            // What those before it took, or left behind, is not its own.
            self.pair.target.station.renew_or_again()?;
        }
        let one = std::slice::from_ref(decoded);
        let mut outcomes = match self.suspect.what {
            What::Disagrees(_) => self.pair.run(one)?,
            _ => self.pair.run_on_target(one)?,
        };
        Ok(outcomes.pop())
    }

    /// True if a return value that no section lists comes without lanes, too, their calls one after the other in some
    /// order: that says nothing of threads.
    fn shows_without_lanes(&mut self, decoded: &Decoded) -> Result<bool, StationError> {
        let What::Unlisted(value) = self.suspect.what else {
            return Ok(false);
        };
        let orders: Vec<Decoded> = (0..ORDERS)
            .map(|seed| Decoded {
                sequence: together::in_an_order(&decoded.sequence, seed),
                ..decoded.clone()
            })
            .collect();
        let outcomes = self.pair.run_on_target(&orders)?;
        let mut calls = outcomes.iter().flat_map(|outcome| &outcome.ran.trace.calls);
        Ok(calls.any(|call| {
            let same = call.returned.is_some_and(|back| back.rv == value);
            same && Some(call.function) == self.suspect.function
        }))
    }

    /// Has the calls of lanes begin in the order in which they did when they showed it, if that shows it each time.
    fn keep_order(&mut self, shrunk: &mut Decoded) -> Result<(), StationError> {
        let Some((outcome, _)) = self.again(shrunk)? else {
            return Ok(());
        };
        let mut ordered = shrunk.clone();
        let mut blocks = ordered
            .sequence
            .steps
            .iter_mut()
            .filter_map(|step| match step {
                Step::Together(block) => Some(block),
                _ => None,
            });
        // The trace does not tell one block from the next.
        let (Some(block), None) = (blocks.next(), blocks.next()) else {
            return Ok(());
        };
        if block.repeat > 1 || block.lanes.len() < 2 {
            return Ok(());
        }
        block.order = together::order(&outcome.ran.trace);
        let attempts = std::mem::replace(&mut self.attempts, 1);
        if self.shows_each_time(&ordered)? {
            *shrunk = ordered;
        }
        self.attempts = attempts;
        Ok(())
    }

    /// Has lanes make their steps more often if it shows too seldom for a case.
    fn make_likely(&mut self, shrunk: &mut Decoded) -> Result<(), StationError> {
        self.attempts = 1;
        for rounds in ROUNDS {
            if self.shows_each_time(shrunk)? {
                break;
            }
            let mut more = shrunk.clone();
            for step in &mut more.sequence.steps {
                if let Step::Together(block) = step
                    && block.may_be_repeated()
                {
                    block.repeat = rounds.max(block.repeat);
                    block.order.clear();
                }
            }
            if self.again(&more)?.is_some() {
                *shrunk = more;
            }
        }
        Ok(())
    }

    fn shows_each_time(&mut self, decoded: &Decoded) -> Result<bool, StationError> {
        for _ in 0..IN_A_ROW {
            if self.again(decoded)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
