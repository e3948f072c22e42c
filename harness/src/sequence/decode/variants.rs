//! Variants of a tape: other phrases in the place of its own, which leave the same names behind, so that what
//! follows them is the same.
//!
//! One variant takes one phrase for each place. It is a tape like any other, and decodes to the
//! phrases taken; but a few dozen phrases make millions of sequences, and an executor that lays out each phrase
//! once can run all of them without decoding or laying out anything more.

use std::collections::BTreeSet;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::setting::{ENDS_SESSIONS, Prelude, Setting, Swarm};
use super::tape::Tape;
use super::weight::{Weight, weight};
use super::{MOST_CALLS, MOST_PHRASES, Object, Writer, phrase};
use crate::sequence::{Call, Step, Value, calls, makes_token_objects, may_be_asynchronous};

/// Most phrases for one place, the tape's own among them.
const PHRASES: usize = 16;
/// How many phrases are tried for all places together; the fewer places a tape has, the more for each.
const TRIES: usize = 192;
/// How many are tried for one place, whatever the number of places: at least, and at most.
const TRIES_FOR_ONE: (usize, usize) = (16, 64);
/// Most changes to the bytes of one that is tried.
const CHANGES: usize = 3;
/// Bytes that a phrase may go on to read.
const SLACK: usize = 24;

/// The variants of a tape. As sent to a worker they are without the tapes of their phrases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variants {
    swarm: u8,
    prelude: Vec<Step>,
    places: Vec<Vec<Phrase>>,
    given: Vec<(String, Value)>,
    weight: Weight,
    seed: u64,
}

/// A phrase that may stand in a place of a tape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    #[serde(skip)]
    tape: Vec<u8>,
    /// Its calls.
    pub steps: Vec<Step>,
}

/// Where the writer stands between two phrases.
#[derive(Debug, Clone)]
struct Mark {
    steps: usize,
    calls: usize,
    sessions: usize,
    objects: Vec<Object>,
    outputs: usize,
    given: usize,
    ended: BTreeSet<String>,
    current: String,
}

impl Writer<'_> {
    fn mark(&self) -> Mark {
        Mark {
            steps: self.steps.len(),
            calls: self.calls,
            sessions: self.sessions.len(),
            objects: self.objects.clone(),
            outputs: self.outputs.len(),
            given: self.given.len(),
            ended: self.ended.clone(),
            current: self.current.clone(),
        }
    }

    /// True if what follows would be the same as after the mark.
    fn is_at(&self, mark: &Mark) -> bool {
        let counts = (self.steps.len(), self.calls, self.sessions.len());
        let more = (self.outputs.len(), self.given.len());
        counts == (mark.steps, mark.calls, mark.sessions)
            && more == (mark.outputs, mark.given)
            && self.objects == mark.objects
            && self.ended == mark.ended
            && self.current == mark.current
    }

    fn go_back_to(&mut self, mark: &Mark) {
        self.steps.truncate(mark.steps);
        self.calls = mark.calls;
        self.sessions.truncate(mark.sessions);
        self.objects.clone_from(&mark.objects);
        self.outputs.truncate(mark.outputs);
        self.given.truncate(mark.given);
        self.ended.clone_from(&mark.ended);
        self.current.clone_from(&mark.current);
    }
}

impl Variants {
    /// The variants of a tape, the same ones for the same seed. `None` if its sequence ends sessions or
    /// logins, leaves objects on the token, has a token of its own, takes too long, has lanes, or has no phrase: such are run
    /// one by one.
    #[must_use]
    pub fn of(bytes: &[u8], setting: &Setting<'_>, seed: u64) -> Option<Self> {
        let swarm = bytes.first().copied()?;
        let mut tape = Tape::new(bytes);
        let prelude = setting.prelude_of(&mut tape);
        if prelude != Prelude::Session || setting.lanes.is_some() {
            return None;
        }
        let mut writer = Writer::new(setting, prelude, Swarm::read(&mut tape));
        writer.prelude();
        let mut marks = vec![writer.mark()];
        let mut segments = Vec::new();
        let mut begin = tape.read();
        while marks.len() <= MOST_PHRASES && !tape.is_over() && writer.calls < MOST_CALLS {
            phrase::phrase(&mut writer, &mut tape);
            segments.push(segment(bytes, begin, tape.read()));
            begin = tape.read();
            marks.push(writer.mark());
        }
        let weight = can_be_repeated(&writer.steps)?;
        let given = writer.given.clone();
        let mut rng = Rng::with_seed(seed);
        let mut places = Vec::with_capacity(segments.len());
        let (least, most) = TRIES_FOR_ONE;
        let tries = (TRIES / segments.len().max(1)).clamp(least, most);
        while let (Some(after), Some(tape)) = (marks.pop(), segments.pop()) {
            let before = marks.last()?;
            let steps = writer.steps.split_off(before.steps);
            let mut phrases = vec![Phrase { tape, steps }];
            others(
                &mut writer,
                &mut phrases,
                (before, &after),
                (weight, tries),
                &mut rng,
            );
            places.push(phrases);
        }
        places.reverse();
        (!places.is_empty()).then_some(Self {
            swarm,
            prelude: writer.steps,
            places,
            given,
            weight,
            seed,
        })
    }

    /// How long they take, by their mechanisms.
    #[must_use]
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// How many there are, or `u32::MAX`.
    #[must_use]
    pub fn count(&self) -> u32 {
        let counts = self.places.iter().map(|phrases| phrases.len() as u32);
        counts.fold(1, u32::saturating_mul)
    }

    /// What all begin with.
    #[must_use]
    pub fn prelude(&self) -> &[Step] {
        &self.prelude
    }

    /// The phrases for each place, the tape's own first.
    #[must_use]
    pub fn places(&self) -> &[Vec<Phrase>] {
        &self.places
    }

    /// What names stand for until a call gives them a value.
    #[must_use]
    pub fn given(&self) -> &[(String, Value)] {
        &self.given
    }

    /// Which phrase a variant has in each place. The first variant is the tape itself.
    pub fn choice(&self, number: u32) -> impl Iterator<Item = usize> {
        let mut state = self.seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.places.iter().map(move |phrases| {
            state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let drawn = (state >> 32) as usize;
            // Half of the places keep their own, so that what is new meets what is known.
            match number == 0 || drawn & 1 == 0 {
                true => 0,
                false => (drawn >> 1) % phrases.len(),
            }
        })
    }

    /// The phrases of a variant.
    pub fn phrases(&self, number: u32) -> impl Iterator<Item = &Phrase> {
        let choice = self.places.iter().zip(self.choice(number));
        choice.map(|(phrases, choice)| &phrases[choice])
    }

    /// The calls of a variant.
    #[must_use]
    pub fn calls(&self, number: u32) -> Vec<&Call> {
        let phrases = self.phrases(number).flat_map(|phrase| &phrase.steps);
        let steps = self.prelude.iter().chain(phrases);
        steps
            .flat_map(|step| calls(std::slice::from_ref(step)))
            .collect()
    }

    /// A variant as a tape.
    #[must_use]
    pub fn tape(&self, number: u32) -> Vec<u8> {
        let phrases = self.phrases(number).flat_map(|phrase| &phrase.tape);
        std::iter::once(&self.swarm)
            .chain(phrases)
            .copied()
            .collect()
    }
}

/// The bytes that were read from `begin` on, those past the end among them.
fn segment(bytes: &[u8], begin: usize, end: usize) -> Vec<u8> {
    let there = bytes.get(begin..end.min(bytes.len())).unwrap_or_default();
    let mut segment = there.to_vec();
    segment.resize(end - begin, 0);
    segment
}

/// Adds phrases that do between these two marks what the first one does, of so many that are tried.
fn others(
    writer: &mut Writer<'_>,
    phrases: &mut Vec<Phrase>,
    (before, after): (&Mark, &Mark),
    (weight, tries): (Weight, usize),
    rng: &mut Rng,
) {
    for _ in 0..tries {
        if phrases.len() >= PHRASES {
            break;
        }
        let bytes = changed(&phrases[0].tape, rng);
        let mut tape = Tape::new(&bytes);
        writer.go_back_to(before);
        phrase::phrase(writer, &mut tape);
        if !writer.is_at(after) {
            continue;
        }
        let steps = writer.steps.split_off(before.steps);
        let new = phrases.iter().all(|phrase| phrase.steps != steps);
        if new && can_be_repeated(&steps).is_some_and(|own| own <= weight) {
            let tape = segment(&bytes, 0, tape.read());
            phrases.push(Phrase { tape, steps });
        }
    }
    writer.go_back_to(before);
}

fn changed(tape: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = tape.to_vec();
    for _ in 0..rng.usize(1..=CHANGES) {
        if let Some(byte) = rng.choice(&mut bytes) {
            *byte = match rng.u8(..4) {
                0 => byte.wrapping_add(1),
                _ => rng.u8(..),
            };
        }
    }
    bytes.extend((0..SLACK).map(|_| rng.u8(..)));
    bytes
}

/// How long the steps take, if they can be made over and over in one worker: what they do is gone with
/// the sessions that they open.
fn can_be_repeated(steps: &[Step]) -> Option<Weight> {
    let ends = |call: &&Call| ENDS_SESSIONS.contains(&call.function);
    let lasts = |call: &Call| makes_token_objects(call) || may_be_asynchronous(call);
    if calls(steps).any(|call| ends(&call) || lasts(call)) {
        return None;
    }
    Some(weight(calls(steps))).filter(|weight| *weight != Weight::Dear)
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use crate::sequence::Sequence;
    use fastrand::Rng;
    use proptest::prelude::*;

    proptest! {
        /// What an executor makes of the phrases is what the tape says.
        #[test]
        fn every_variant_is_the_sequence_of_its_tape(
            bytes in proptest::collection::vec(any::<u8>(), 1..200),
            seed in any::<u64>(),
        ) {
            let setting = Setting::new(Prelude::Session, |_| true);
            let Some(variants) = Variants::of(&bytes, &setting, seed) else {
                return Ok(());
            };
            let own = decode(&bytes, &setting).sequence;
            prop_assert_eq!(&decode(&variants.tape(0), &setting).sequence, &own);
            for number in 0..40 {
                let decoded = decode(&variants.tape(number), &setting);
                let phrases = variants.phrases(number).flat_map(|phrase| &phrase.steps);
                let steps = variants.prelude().iter().chain(phrases).cloned().collect();
                prop_assert_eq!(&decoded.sequence, &Sequence { steps });
                prop_assert!(decoded.shares_login);
                let sorted = |given: &[(String, Value)]| {
                    let mut names: Vec<String> = given.iter().map(|(name, _)| name.clone()).collect();
                    names.sort();
                    names
                };
                prop_assert_eq!(sorted(&decoded.given), sorted(variants.given()));
            }
        }
    }

    #[test]
    fn most_places_have_several_phrases_and_a_seed_gives_the_same_ones() {
        let setting = Setting::new(Prelude::Session, |_| true);
        let mut rng = Rng::with_seed(1);
        let (mut places, mut phrases) = (0, 0);
        for _ in 0..300 {
            let tape: Vec<u8> = (0..rng.usize(20..200)).map(|_| rng.u8(..)).collect();
            let variants = Variants::of(&tape, &setting, 7);
            assert_eq!(variants, Variants::of(&tape, &setting, 7));
            for place in variants.iter().flat_map(Variants::places) {
                places += 1;
                phrases += place.len();
            }
        }
        assert!(places > 200, "{places}");
        assert!(phrases > 4 * places, "{phrases} of {places}");
    }

    /// What laying out costs is worth it only if much is made of it.
    #[test]
    fn a_tape_of_few_places_has_many_phrases_for_each() {
        let setting = Setting::new(Prelude::Session, |_| true);
        let mut rng = Rng::with_seed(2);
        let (mut places, mut phrases) = (0, 0);
        for length in (4..60).cycle().take(300) {
            let tape: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
            let variants = Variants::of(&tape, &setting, 7);
            let few = variants.filter(|variants| variants.places().len() <= 4);
            for place in few.iter().flat_map(Variants::places) {
                places += 1;
                phrases += place.len();
            }
        }
        assert!(places > 200, "{places}");
        assert!(phrases > 10 * places, "{phrases} of {places}");
    }
}
