//! Many sequences that have most of their calls in common, run one after the other: each phrase is laid out
//! once, and a turn runs one for each place.
#![allow(unsafe_code, reason = "hands prepared words to the module's functions")]

use std::hash::BuildHasher;

use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CKR_OK};
use foldhash::fast::FixedState;

use super::layout::Layout;
use super::plan::{OutputShape, PreparedCall, PreparedStep};
use super::prepare::{Defaults, Registers};
use super::run::{Options, Prepared};
use crate::cryptoki::Function;
use crate::memory::{Arena, OutOfMemory};
use crate::sequence::determined::Determined;
use crate::sequence::{Sequence, Step, Value, shape};
use crate::worker::JournalWriter;

/// What a call answered: its return value, and for C_GetSessionInfo what it says of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer(u64);

impl Answer {
    /// That of a call that was not made.
    pub const NONE: Self = Self(u64::MAX);

    /// From the form that workers send.
    #[must_use]
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// In the form that workers send.
    #[must_use]
    pub fn word(self) -> u64 {
        self.0
    }

    /// The return value, of which return values have 32 bits on every platform.
    #[must_use]
    pub fn rv(self) -> Option<u64> {
        (self != Self::NONE).then_some(self.0 & u64::from(u32::MAX))
    }

    /// State and flags of a session, cut to as many bits as they have.
    #[must_use]
    pub fn session(self) -> (u64, u64) {
        (self.0 >> 32 & 0xff, self.0 >> 40)
    }

    fn of(rv: u64, (state, flags): (u64, u64)) -> Self {
        let rv = u32::try_from(rv).unwrap_or(u32::MAX);
        Self(u64::from(rv) | (state & 0xff) << 32 | (flags & 0xffff) << 40)
    }
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turned {
    /// What its calls looked like and answered, as one number.
    pub digest: u64,
    /// True if something was wrong with it whatever was answered: memory written over, an absurd size.
    pub alarm: bool,
    /// True if the library says at its end that it is not initialised.
    pub lost: bool,
    /// The bytes that it gave where its phrases decide them ([`Determined`]), as one number.
    pub values: u32,
}

/// A call as it is laid out, and what is known of it before it is made.
struct Laid {
    step: PreparedStep,
    look: u64,
    /// Whether what it gives follows from its phrase, all of which succeeds.
    is_determined: bool,
}

/// Sequences laid out for one module's function list.
pub struct Turns<'t> {
    prepared: Prepared<'t>,
    begin: Vec<Laid>,
    places: Vec<Vec<Vec<Laid>>>,
    end: Vec<PreparedStep>,
    /// What names stand for when a turn begins.
    fresh: Vec<(usize, Value)>,
    answers: Vec<Answer>,
}

impl<'t> Turns<'t> {
    /// Lays out what all turns begin with, the phrases for each place, and what all end with. `given` are values that
    /// names have for good, `fresh` those that they have when a turn begins.
    ///
    /// # Errors
    /// If there is no memory for the arguments.
    pub fn new<'s>(
        (begin, end): (&[Step], &[Step]),
        places: impl Iterator<Item = Vec<&'s [Step]>>,
        (table, arena, defaults): (&'t CK_FUNCTION_LIST_3_2, &Arena, &Defaults),
        given: &[(String, Value)],
        fresh: &[(String, Value)],
    ) -> Result<Self, OutOfMemory> {
        let mut layout = Layout::new(arena, &Sequence::default(), Options::default());
        let mut lay = |steps: &[Step]| {
            let laid = layout.steps(steps, table, defaults)?;
            let mut determined = Determined::default();
            let known = steps.iter().map(|step| match step {
                Step::Call(call) => (shape::look(call), determined.follow(call, true).is_some()),
                _ => (0, false),
            });
            let both = laid.into_iter().zip(known);
            let both = both.map(|(step, (look, is_determined))| Laid {
                step,
                look,
                is_determined,
            });
            Ok(both.collect())
        };
        let begin = lay(begin)?;
        let mut laid = Vec::new();
        for phrases in places {
            let phrases = phrases.into_iter().map(&mut lay);
            laid.push(phrases.collect::<Result<Vec<_>, OutOfMemory>>()?);
        }
        let end = lay(end)?;
        let prepared = layout.finish(Vec::new(), table, given);
        let register = |name: &str| Registers::get(&prepared.registers, name);
        let fresh = fresh.iter();
        let fresh = fresh.filter_map(|(name, value)| Some((register(name)?, value.clone())));
        Ok(Self {
            fresh: fresh.collect(),
            prepared,
            begin,
            places: laid,
            end: end.into_iter().map(|laid: Laid| laid.step).collect(),
            answers: Vec::new(),
        })
    }

    /// Runs the sequence that has these phrases.
    ///
    /// # Safety
    /// As for [`Prepared::run`].
    pub unsafe fn turn(
        &mut self,
        choice: impl Iterator<Item = usize>,
        journal: &mut JournalWriter,
    ) -> Turned {
        let Self {
            prepared,
            begin,
            places,
            end,
            fresh,
            answers,
        } = self;
        for (register, value) in fresh.iter() {
            prepared.values[*register].clone_from(&Some(value.clone()));
        }
        prepared.alarmed = false;
        answers.clear();
        let (mut digest, mut values) = (Digest::default(), Digest::default());
        let phrases = places.iter_mut().zip(choice);
        let phrases = phrases.filter_map(|(phrases, choice)| phrases.get_mut(choice));
        let calls = begin.iter_mut().chain(phrases.flatten());
        for laid in calls {
            let PreparedStep::Call(call) = &mut laid.step else {
                break;
            };
            prepared.returned = u64::MAX;
            // SAFETY: passed on to the caller.
            let stop = unsafe { prepared.call(call, None, journal) };
            let answer = match stop {
                Some(_) => Answer::NONE,
                None => Answer::of(prepared.returned, prepared.session(call)),
            };
            answers.push(answer);
            digest.add(laid.look, answer);
            if laid.is_determined && prepared.returned == CKR_OK {
                values.add(0, Answer(prepared.given(call)));
            }
            if stop.is_some() {
                break;
            }
        }
        let alarm = prepared.alarmed;
        prepared.missed = false;
        // SAFETY: passed on to the caller.
        unsafe { prepared.steps(end, journal) };
        Turned {
            digest: digest.0,
            alarm,
            lost: prepared.missed,
            values: (values.0 >> 32) as u32,
        }
    }

    /// What the calls of the last turn answered.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }
}

impl Prepared<'_> {
    /// The bytes that the call just made gave, as one number.
    fn given(&self, call: &PreparedCall) -> u64 {
        let bytes = call.outputs.first().map(|output| &output.shape);
        let bytes = bytes.and_then(|shape| call.bytes(&self.shelf, shape));
        FixedState::default().hash_one(bytes.unwrap_or_default())
    }

    /// What the call just made says of a session.
    #[inline]
    fn session(&self, call: &PreparedCall) -> (u64, u64) {
        const STATE: usize = std::mem::offset_of!(cryptoki_sys::CK_SESSION_INFO, state);
        const FLAGS: usize = std::mem::offset_of!(cryptoki_sys::CK_SESSION_INFO, flags);
        if call.function != Function::C_GetSessionInfo || self.returned != CKR_OK {
            return (0, 0);
        }
        match call.outputs.first().map(|output| &output.shape) {
            Some(OutputShape::Record { buffer }) => (
                call.get(&self.shelf, *buffer, STATE),
                call.get(&self.shelf, *buffer, FLAGS),
            ),
            _ => (0, 0),
        }
    }
}

/// What turns, or their values, are known by among the turns of one tape.
#[derive(Default)]
struct Digest(u64);

impl Digest {
    #[inline]
    fn add(&mut self, look: u64, answer: Answer) {
        const ONE: u64 = 0x9e37_79b9_7f4a_7c15;
        const TWO: u64 = 0xd6e8_feb8_6659_fd93;
        let mixed = (self.0 ^ look).wrapping_mul(ONE);
        self.0 = (mixed.rotate_left(29) ^ answer.0).wrapping_mul(TWO);
    }
}
