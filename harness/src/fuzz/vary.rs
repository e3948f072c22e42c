//! The variants of a tape on target and model, and which of them are worth a closer look.
//!
//! Each worker runs them for itself and tells what they answered, alike ones once. What two answers say is
//! judged here, as for sequences that are run one by one, but only where both have not been seen
//! together before. Nothing is a finding by this alone: what looks wrong is run again as a tape.

use std::collections::HashSet;
use std::sync::Arc;

use cryptoki_sys::CKR_OK;
use foldhash::fast::FixedState;
use p11assay_reports::evidence::End;

use super::novelty::{Look, Novelty};
use super::suspect::Suspect;
use crate::cryptoki::Function;
use crate::execute::Answer;
use crate::oracle::model::{
    Answered, Disagreement, Subject, WrongOutput, disagreement_of, may_disagree,
};
use crate::run::Varied;
use crate::run::wire::Turnout;
use crate::sequence::decode::{Setting, Variants, Weight};
use crate::sequence::determined::Determined;
use crate::sequence::{Call, Step, calls};

/// Variants of a tape: where calls take a microsecond or a few, laying out takes longer than hundreds of them.
const MANY: u32 = 1024;
/// Variants of one on a target whose calls take a millisecond or more. Nothing between: what a clock says of shorter calls
/// is not the same each time, and a search is to be.
const FEW: u32 = 8;
/// How many times fewer there are of one with mechanisms that take long, and how many at most.
const HEAVY: (u32, u32) = (16, 32);
/// Most variants of one tape that are looked into for what is not known to be the same.
const ALARMS: usize = 8;

/// How many variants a tape has on a target, by the time that its calls take, nanoseconds.
pub(super) fn usual_count(calls: &mut [u64]) -> u32 {
    let middle = calls.len() / 2;
    if calls.is_empty() {
        return MANY;
    }
    match *calls.select_nth_unstable(middle).1 {
        0..1_000_000 => MANY,
        _ => FEW,
    }
}

/// A tape with what its variants came to.
pub(super) struct Seen {
    order: Arc<Order>,
    target: Turnout,
    model: Turnout,
}

/// What the variants of a tape came to.
pub(super) enum Outcome {
    /// They came to their end.
    Seen(Box<Seen>),
    /// The target did not come back from this tape, and how it ended, if it did.
    Broken(Vec<u8>, Option<End>),
    /// They could not be run. The tape may be, by itself.
    None(Vec<u8>),
}

/// A variant that may be worth keeping, or looking into.
pub(super) struct Interesting {
    /// The variant.
    pub(super) tape: Vec<u8>,
    /// Why it is to be run as a tape of its own.
    pub(super) doubt: Option<Doubt>,
}

/// What may be wrong with a variant.
pub(super) enum Doubt {
    /// Target and model contradict each other.
    Disagrees(Suspect),
    /// They gave other bytes, perhaps where these follow from the sequence.
    Values,
    /// Something was written over, or of an absurd size.
    Alarm,
}

/// What the calls of variants look like: of what all begin with, and of each phrase.
struct Looks {
    prelude: Vec<Look>,
    places: Vec<Vec<Vec<Look>>>,
}

impl Looks {
    fn of(variants: &Variants) -> Self {
        let looks = |steps: &[Step]| calls(steps).map(Look::of).collect();
        let phrases = variants.places().iter();
        let places = phrases.map(|phrases| phrases.iter().map(|phrase| looks(&phrase.steps)));
        Self {
            prelude: looks(variants.prelude()),
            places: places.map(Iterator::collect).collect(),
        }
    }

    /// Those of the variant that has these phrases.
    fn variant(&self, choice: impl Iterator<Item = usize>) -> impl Iterator<Item = &Look> {
        let phrases = self.places.iter().zip(choice);
        let phrases = phrases.flat_map(|(phrases, choice)| &phrases[choice]);
        self.prelude.iter().chain(phrases)
    }
}

/// Variants that are to be run, and how many.
pub(super) struct Order {
    /// The variants.
    pub(super) variants: Variants,
    /// How many are to be run.
    pub(super) count: u32,
    looks: Looks,
}

impl Order {
    /// The variants of a tape, of this seed and so many at most; `None` if it has none that can be run.
    pub(super) fn of(tape: &[u8], setting: &Setting<'_>, (seed, most): (u64, u32)) -> Option<Self> {
        if most < 2 {
            return None;
        }
        let variants = Variants::of(tape, setting, seed)?;
        let share = match variants.weight() {
            Weight::Light => most,
            Weight::Heavy => (most / HEAVY.0).min(HEAVY.1),
            Weight::Dear => 0,
        };
        // The first is the tape itself.
        let count = share.min(variants.count());
        (count > 1).then(|| Self {
            looks: Looks::of(&variants),
            variants,
            count,
        })
    }

    /// What the variants came to, by what each side says.
    pub(super) fn outcome(self: Arc<Self>, on_target: Varied, on_model: Varied) -> Outcome {
        match (on_target, on_model) {
            (Varied::Done(target), Varied::Done(model)) => Outcome::Seen(Box::new(Seen {
                order: self,
                target,
                model,
            })),
            (Varied::Broken(number, end), _) => {
                Outcome::Broken(self.variants.tape(number.unwrap_or(0)), end)
            }
            _ => Outcome::None(self.variants.tape(0)),
        }
    }
}

impl Seen {
    /// Variants run, and calls made in them.
    pub(super) fn progress(&self) -> (u64, u64) {
        let outcomes = &self.target.outcomes;
        let calls = self.target.turns.iter().map(|outcome| {
            let outcome = outcomes.get(usize::from(*outcome));
            outcome.map_or(0, |outcome| outcome.answers.len() as u64)
        });
        (self.target.turns.len() as u64, calls.sum())
    }

    /// The tape of a variant that was run.
    pub(super) fn tape(&self, number: u32) -> Option<Vec<u8>> {
        let was_run = (number as usize) < self.target.turns.len();
        was_run.then(|| self.order.variants.tape(number))
    }

    /// The variants that showed something for the first time, or something wrong that is not `known`.
    pub(super) fn interesting(
        &self,
        novelty: &mut Novelty,
        known: &dyn Fn(&Suspect) -> bool,
    ) -> Vec<Interesting> {
        let mut pairs = HashSet::with_hasher(FixedState::default());
        let mut names = HashSet::new();
        let (mut found, mut alarms) = (Vec::new(), 0);
        let both = self.target.turns.iter().zip(&self.model.turns);
        let values = self.target.values.iter().zip(&self.model.values);
        for (((target, model), values), number) in both.zip(values).zip(0..) {
            let differ = values.0 != values.1;
            if !pairs.insert((*target, *model)) && !differ {
                continue;
            }
            let target = self.target.outcomes.get(usize::from(*target));
            let model = self.model.outcomes.get(usize::from(*model));
            let (Some(target), Some(model)) = (target, model) else {
                continue;
            };
            let looks = || self.order.looks.variant(self.order.variants.choice(number));
            let answers = target.answers.iter().map(|word| Answer::from_word(*word));
            let made = looks().zip(answers);
            let made = made.filter_map(|(look, answer)| Some((*look, Some(answer.rv()?))));
            let new = novelty.add_answers(made);
            let suspect = is_doubtful(looks(), &target.answers, &model.answers)
                .then(|| self.disagreement(number, &target.answers, &model.answers))
                .flatten();
            let suspect = suspect.map(Suspect::disagrees);
            let suspect = suspect.filter(|one| !known(one) && names.insert(one.name()));
            let mut wrong_values = || {
                let mut wrong = self.values_in_doubt(number, &target.answers, &model.answers);
                wrong.any(|one| !known(&one) && names.insert(one.name()))
            };
            let doubt = match suspect {
                Some(suspect) => Some(Doubt::Disagrees(suspect)),
                None if differ && wrong_values() => Some(Doubt::Values),
                None if target.alarm && alarms < ALARMS => {
                    alarms += 1;
                    Some(Doubt::Alarm)
                }
                None => None,
            };
            if new > 0 || doubt.is_some() {
                let tape = self.order.variants.tape(number);
                found.push(Interesting { tape, doubt });
            }
        }
        found
    }

    /// What may be wrong with a variant that gave other bytes than the model: any that follow from it.
    fn values_in_doubt(
        &self,
        number: u32,
        target: &[u64],
        model: &[u64],
    ) -> impl Iterator<Item = Suspect> {
        let mut determined = Determined::default();
        let calls = self.order.variants.calls(number).into_iter();
        let made = calls.zip(target.iter().zip(model));
        let wrong = made.filter_map(move |(call, (target, model))| {
            let rv = |word| Answer::from_word(word).rv();
            let both = [*target, *model].map(|word| rv(word) == Some(CKR_OK)) == [true, true];
            let follows = determined.follow(call, both)?;
            // Which bytes these were is seen when it runs by itself.
            let output = WrongOutput::of_bytes(follows, Vec::new(), Vec::new());
            Some(Suspect::gave(call, output))
        });
        wrong.collect::<Vec<_>>().into_iter()
    }

    /// The first disagreement of a variant, as of the traces of a sequence that was run by itself.
    fn disagreement(&self, number: u32, target: &[u64], model: &[u64]) -> Option<Disagreement> {
        let calls = self.order.variants.calls(number);
        let subjects: Vec<_> = calls.iter().map(|call| Subject::of(call)).collect();
        let mut answers = target.iter().zip(model);
        let answers = |call: &Call| {
            let (target, model) = answers.next()?;
            let function = call.function;
            Some((answered(function, *target)?, answered(function, *model)?))
        };
        disagreement_of(subjects.iter(), answers, |_| None)
    }
}

/// True if some call was answered in two ways that cannot both be right in one state.
fn is_doubtful<'l>(looks: impl Iterator<Item = &'l Look>, target: &[u64], model: &[u64]) -> bool {
    let answers = target.iter().zip(model);
    looks.zip(answers).any(|(look, (target, model))| {
        // Nothing contradicts itself.
        target != model
            && answered(look.function, *target)
                .zip(answered(look.function, *model))
                .is_some_and(|(target, model)| may_disagree(look.function, target, model))
    })
}

fn answered(function: Function, word: u64) -> Option<Answered> {
    let answer = Answer::from_word(word);
    let rv = answer.rv()?;
    let told = function == Function::C_GetSessionInfo && rv == 0;
    let session = told.then(|| answer.session().into());
    Some(Answered { rv, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_target_has_few_variants_and_chance_decides_nothing() {
        assert_eq!(usual_count(&mut []), MANY);
        assert_eq!(usual_count(&mut [900, 1_000, 30_000_000]), MANY);
        assert_eq!(usual_count(&mut [900, 50_000, 30_000_000]), MANY);
        assert_eq!(usual_count(&mut [900, 5_000_000, 30_000_000]), FEW);
    }

    /// Variants of a sequence, each of whose calls answered so.
    fn seen(answer: impl Fn(&Call) -> (u64, u64)) -> Seen {
        use crate::run::wire::Outcome;
        use crate::sequence::decode::Prelude;
        let setting = Setting::new(Prelude::Session, |_| true);
        // A phrase that is a search, and another one.
        let tape = [4, 11, 0, 0, 1, 1, 1, 0, 1, 1, 1, 11, 0, 0, 1, 1, 1];
        let variants = Variants::of(&tape, &setting, 1).expect("it can be varied");
        let calls = variants.calls(0);
        let side = |of: &dyn Fn((u64, u64)) -> u64| Turnout {
            turns: vec![0; 3],
            values: vec![0; 3],
            outcomes: vec![Outcome {
                answers: calls.iter().map(|call| of(answer(call))).collect(),
                alarm: false,
            }],
        };
        let (target, model) = (side(&|(target, _)| target), side(&|(_, model)| model));
        Seen {
            order: Arc::new(Order {
                looks: Looks::of(&variants),
                variants,
                count: 3,
            }),
            target,
            model,
        }
    }

    #[test]
    fn what_is_new_is_kept_once() {
        let (seen, mut novelty) = (seen(|_| (0, 0)), Novelty::default());
        assert_eq!(seen.progress().0, 3);
        let first = seen.interesting(&mut novelty, &|_| false);
        assert_eq!(first.len(), 1);
        assert!(first[0].doubt.is_none());
        assert_eq!(first[0].tape, seen.order.variants.tape(0));
        assert!(seen.interesting(&mut novelty, &|_| false).is_empty());
    }

    #[test]
    fn a_contradiction_is_looked_into_unless_it_is_known() {
        use cryptoki_sys::CKR_SESSION_HANDLE_INVALID;
        let seen = seen(|call| {
            let wrong = call.function == crate::cryptoki::Function::C_FindObjectsInit;
            (
                if wrong {
                    CKR_SESSION_HANDLE_INVALID
                } else {
                    CKR_OK
                },
                CKR_OK,
            )
        });
        let looked_into = |known: bool| {
            let found = seen.interesting(&mut Novelty::default(), &|_| known);
            let mut doubts = found.into_iter().filter_map(|one| one.doubt);
            doubts.next().map(|doubt| match doubt {
                Doubt::Disagrees(suspect) => suspect.name(),
                Doubt::Alarm | Doubt::Values => "other".to_owned(),
            })
        };
        let name = "C_FindObjectsInit/CKR_SESSION_HANDLE_INVALID-not-CKR_OK";
        assert_eq!(looked_into(false).as_deref(), Some(name));
        assert_eq!(looked_into(true), None);
    }

    #[test]
    fn other_bytes_are_looked_into_only_where_they_follow_from_the_sequence() {
        let mut seen = seen(|_| (0, 0));
        seen.target.values = vec![0, 1, 2];
        let mut novelty = Novelty::default();
        let found = seen.interesting(&mut novelty, &|_| false);
        assert!(
            found.iter().all(|one| one.doubt.is_none()),
            "a search gives no bytes"
        );
    }

    #[test]
    fn memory_written_over_is_looked_into() {
        let mut seen = seen(|_| (0, 0));
        seen.target.outcomes[0].alarm = true;
        let found = seen.interesting(&mut Novelty::default(), &|_| false);
        assert!(matches!(found[0].doubt, Some(Doubt::Alarm)));
    }
}
