//! The driver: cases of properties run on a target in batches, round and round, each judged as the cases of
//! suites are; what fails is seen again in a fresh worker, made small, and handed on as a case.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use p11assay_reports::evidence::Verdict;
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};

use super::ground::Ground;
use super::party::{self, Judged, Party};
use super::question::Question;
use super::seeds::{Seed, Seeds};
use super::shrink::{self, Budget};
use super::table::Property;
use super::tally::Account;
use crate::oracle::Judgement;
use crate::plan::Case;
use crate::run::{BATCH, Interrupt, StationError, Stray};

/// Longest that one failure is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);
/// How often something that is not seen again is looked into.
const TRIES: u32 = 3;
/// Most different failures of one property.
const FAILURES: usize = 20;

/// When a search ends, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may take. A failure that is being made smaller is made so to its end.
    pub time: Duration,
    /// How many cases each property may run.
    pub cases: u64,
    /// How many failures are enough.
    pub failures: usize,
}

/// A target to be asked.
pub struct Driver {
    /// The target itself.
    pub target: Party,
    /// The reference token, if a property wants it.
    pub reference: Option<Party>,
    /// What there is to ask about.
    pub ground: Arc<Ground>,
    /// Seed of everything random.
    pub seed: u64,
    /// When to stop.
    pub limits: Limits,
    /// Stops the search.
    pub interrupt: Interrupt,
}

/// A failure.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The property.
    pub property: &'static Property,
    /// The case, made small.
    pub case: Case,
    /// What it was drawn from.
    pub seed: Seed,
}

/// What came of a search.
#[derive(Default)]
pub struct Outcome {
    /// The account of each property, in the order of the properties.
    pub accounts: Vec<(&'static str, Account)>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What was not seen again when its case was run alone: mark and property.
    pub lost: BTreeMap<String, &'static str>,
    /// Ends that no case is to blame for, the first of each place.
    pub strays: Vec<Stray>,
    /// Why it ended before its time, if it did for want of a token.
    pub gave_up: Option<String>,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// Cases run.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.accounts.iter().map(|(_, account)| account.cases).sum()
    }
}

/// Who is told how a search goes on.
pub trait Watcher {
    /// After every batch: the property, and the cases run so far.
    fn progress(&mut self, property: &str, cases: u64);
    /// A failure, as soon as it is small.
    fn failed(&mut self, failure: &Failure);
}

/// A property on its way.
struct Line {
    property: &'static Property,
    questions: Option<BoxedStrategy<Question>>,
    account: Account,
    /// Seeds that are to be tried first.
    waiting: Vec<Seed>,
    /// Number of the next case.
    next: u64,
    known: BTreeSet<String>,
    /// How often each failure was looked into, by its mark.
    tries: BTreeMap<String, u32>,
}

type Tree = Box<dyn ValueTree<Value = Question>>;

impl Driver {
    /// Asks properties until all cases are run, the time is over, or somebody stops it; first those drawn
    /// from the seeds.
    ///
    /// # Errors
    /// If the station cannot go on.
    pub fn run(
        mut self,
        properties: &[&'static Property],
        seeds: &Seeds,
        watcher: &mut dyn Watcher,
    ) -> Result<Outcome, StationError> {
        let begun = Instant::now();
        let mut outcome = Outcome::default();
        let begin = |property| Line::new(property, &self.ground, seeds);
        let mut lines: Vec<Line> = properties.iter().copied().map(begin).collect();
        let mut asking = true;
        'asking: while asking {
            asking = false;
            for line in &mut lines {
                let over = begun.elapsed() >= self.limits.time || self.interrupt.is_raised();
                let enough = outcome.failures.len() >= self.limits.failures;
                let left = self.limits.cases.saturating_sub(line.account.cases);
                if line.questions.is_none() || left == 0 || over || enough {
                    continue;
                }
                match self.batch(line, left, &mut outcome, watcher) {
                    Err(StationError::Cancelled) => break,
                    Err(error @ (StationError::Deserted(..) | StationError::NoToken(_))) => {
                        outcome.gave_up = Some(error.to_string());
                        break 'asking;
                    }
                    result => result?,
                }
                asking = true;
                let cases = self.limits.cases.min(line.account.cases);
                watcher.progress(line.property.name, cases);
            }
        }
        outcome.time = begun.elapsed();
        let mut places = Vec::new();
        let mut strays = self.target.station.take_strays();
        strays.retain(|stray| {
            let is_new = !places.contains(&stray.place);
            places.push(stray.place.clone());
            is_new
        });
        outcome.strays = strays;
        let lines = lines.into_iter();
        outcome.accounts = lines
            .map(|line| (line.property.name, line.account))
            .collect();
        Ok(outcome)
    }

    fn batch(
        &mut self,
        line: &mut Line,
        left: u64,
        outcome: &mut Outcome,
        watcher: &mut dyn Watcher,
    ) -> Result<(), StationError> {
        let count = usize::try_from(left).unwrap_or(BATCH).min(BATCH);
        let drawn: Vec<(Seed, Tree)> = (0..count)
            .filter_map(|_| {
                let seed = line.seed(self.seed);
                Some((seed, line.draw(seed)?))
            })
            .collect();
        let questions: Vec<Question> = drawn.iter().map(|(_, tree)| tree.current()).collect();
        let judged = self.judge(line.property, &questions)?;
        for (((seed, tree), question), judged) in drawn.into_iter().zip(questions).zip(judged) {
            let judgement = judged.judgement;
            let full = outcome.failures.len() >= self.limits.failures;
            if line.count(&question, &judgement) && !full {
                let failure = self.look_into(line, seed, tree, &question, &judgement, outcome)?;
                if let Some(failure) = failure {
                    watcher.failed(&failure);
                    outcome.failures.push(failure);
                }
            }
        }
        Ok(())
    }

    /// Runs questions and judges them.
    fn judge(
        &mut self,
        property: &Property,
        questions: &[Question],
    ) -> Result<Vec<Judged>, StationError> {
        let reference = self.reference.as_mut();
        party::judge(&mut self.target, reference, property, questions)
    }

    /// Makes a failure small that is not known yet. None if it is known, or is not seen again.
    fn look_into(
        &mut self,
        line: &mut Line,
        seed: Seed,
        mut tree: Tree,
        question: &Question,
        judgement: &Judgement,
        outcome: &mut Outcome,
    ) -> Result<Option<Failure>, StationError> {
        let Some(name) = line.property.mark(judgement, question) else {
            return Ok(None);
        };
        let met = line.account.failed.entry(name.clone()).or_default();
        met.insert(line.property.subject(judgement, question));
        let tries = line.tries.entry(name.clone()).or_default();
        let new = *tries < TRIES && line.known.len() < FAILURES && !line.known.contains(&name);
        if !new {
            return Ok(None);
        }
        *tries += 1;
        let property = line.property;
        // What came of the cases before it in the same worker is not its own.
        self.target.station.renew()?;
        let last: RefCell<Option<Judged>> = RefCell::default();
        let mut shows = |candidate: &Question| -> Result<bool, StationError> {
            let judged = self.judge(property, std::slice::from_ref(candidate))?.pop();
            let same = judged.filter(|judged| {
                property.mark(&judged.judgement, candidate).as_deref() == Some(name.as_str())
            });
            let shows = same.is_some();
            if shows {
                last.replace(same);
            }
            Ok(shows)
        };
        if !shows(question)? {
            outcome.lost.insert(name, property.name);
            return Ok(None);
        }
        let budget = Budget::of(SHRINKING);
        let mut small = shrink::choices(&mut *tree, &budget, &mut shows)?;
        if small.is_relay() {
            // What is left is for the target alone, and shows by itself.
            let alone = last.borrow().as_ref().map(|judged| judged.question.clone());
            small = alone.unwrap_or(small);
            if !shows(&small)? {
                outcome.lost.insert(name, property.name);
                return Ok(None);
            }
        }
        let small = match judgement.verdict {
            Verdict::Crash | Verdict::Hang => shrink::steps(small, &budget, &mut shows)?,
            _ => small,
        };
        let found = last.take();
        let finding = found
            .as_ref()
            .and_then(|judged| judged.judgement.findings.first());
        let small = match finding.and_then(|finding| finding.step) {
            Some(step) => shrink::tail(small, step, &mut shows)?,
            None => small,
        };
        outcome.lost.remove(&name);
        line.known.insert(name.clone());
        Ok(Some(Failure {
            property,
            case: small.case(property, &name),
            seed,
        }))
    }
}

impl Line {
    fn new(property: &'static Property, ground: &Arc<Ground>, seeds: &Seeds) -> Self {
        let (questions, unmet) = match (property.ask)(ground) {
            Ok(questions) => (Some(questions), None),
            Err(unmet) => (None, Some(unmet)),
        };
        let mut waiting: Vec<Seed> = seeds.of(property.name).collect();
        waiting.reverse();
        Self {
            property,
            questions,
            account: Account {
                unmet,
                ..Account::default()
            },
            waiting,
            next: 0,
            known: BTreeSet::new(),
            tries: BTreeMap::new(),
        }
    }

    /// The seed of the next case.
    fn seed(&mut self, run: u64) -> Seed {
        if let Some(seed) = self.waiting.pop() {
            return seed;
        }
        self.next += 1;
        Seed::of(run, self.property.name, self.next)
    }

    fn draw(&self, seed: Seed) -> Option<Tree> {
        let questions = self.questions.as_ref()?;
        questions.new_tree(&mut seed.runner()).ok()
    }

    /// Counts a case; true if it failed.
    fn count(&mut self, question: &Question, judgement: &Judgement) -> bool {
        match judgement.verdict {
            Verdict::NotApplicable | Verdict::Environment => {
                let reason = judgement.reason.as_deref().unwrap_or("no reason");
                self.account.spare(reason, judgement.why, &question.subject);
                false
            }
            verdict => {
                self.account.cases += 1;
                self.account.judged += 1;
                verdict.is_finding() || verdict == Verdict::HarnessFault
            }
        }
    }
}
