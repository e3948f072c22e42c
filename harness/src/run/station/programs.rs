//! The background programs that a token needs. When one of them ends, what the module answers says nothing of the module
//! any more: the token is made anew, and what was executed meanwhile is executed again, one by one. A case that the
//! program does not outlive a second time is to blame.

use std::time::Duration;

use p11assay_reports::evidence::End;

use super::{Ran, Station, StationError, Stray};
use crate::execute::Answer;
use crate::oracle::trace::is_cut_off;
use crate::run::wire::{Job, Turnout};
use crate::sequence::Value;
use crate::target::{Gone, Sentinel};

/// How long a program may take to end after the module noticed that it does not answer.
const LAST_BREATH: Duration = Duration::from_millis(50);
/// How often the token of one station is made anew for want of its programs.
const MOST: u32 = 1000;
/// How often it is found out which variant ended one: after so many, what follows is known for the most part.
const MOST_NARROWED: u32 = 8;

/// Makes the token of a station anew, in place of the one that it has.
pub trait Renewal: Send {
    /// A station on the new token, and what sequences can refer to as `$target` there.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn renew(&mut self) -> Result<(Station, Value), String>;
}

/// What is known of the programs that a station's token needs.
#[derive(Default)]
pub(super) struct Programs {
    pub(super) sentinel: Sentinel,
    renewal: Option<Box<dyn Renewal>>,
    renewals: u32,
    narrowed: u32,
    /// `$target`, if the token was made anew.
    target: Option<Value>,
    /// One that ended, and no case is to blame for that as yet.
    unblamed: Option<Gone>,
    /// That the next case had it end, when it was executed by itself.
    on_trial: bool,
}

impl Gone {
    /// As the end of what it did not outlive.
    pub(super) fn end(&self) -> End {
        End::Program {
            program: self.program.clone(),
            end: Box::new(self.end.clone()),
        }
    }

    fn stray(&self) -> Stray {
        Stray {
            stderr: self.stderr.clone(),
            ..Stray::of_program(self.end())
        }
    }
}

impl Station {
    /// Has the background programs of the token looked after.
    pub fn look_after(&mut self, sentinel: Sentinel) {
        self.programs.sentinel = sentinel;
    }

    /// True if it is worth some tokens to find out which variant ended a program.
    pub(super) fn is_to_be_narrowed(&mut self) -> bool {
        self.programs.narrowed += 1;
        self.programs.narrowed <= MOST_NARROWED
    }

    /// Has the token made anew when one of its programs ends. Without this, nothing more is executed then.
    pub fn renew_token_by(&mut self, renewal: Box<dyn Renewal>) {
        self.programs.renewal = Some(renewal);
    }

    /// `$target`, where it is not that of the token that the station began with.
    pub(super) fn target(&self) -> Option<&Value> {
        self.programs.target.as_ref()
    }

    /// The jobs as they are about the token that there is now, if it is another one.
    pub(super) fn about_this_token(&self, jobs: &[Job]) -> Option<Vec<Job>> {
        let target = self.target()?;
        let mut jobs = jobs.to_vec();
        for (name, value) in jobs.iter_mut().flat_map(|job| &mut job.given) {
            if name == "target" {
                value.clone_from(target);
            }
        }
        Some(jobs)
    }

    /// The program that ended, if one did. What was just executed tells whether the module noticed something.
    pub(super) fn gone(&self, noticed: impl FnOnce() -> bool) -> Option<Gone> {
        let sentinel = &self.programs.sentinel;
        if sentinel.is_idle() {
            return None;
        }
        let gone = sentinel.gone();
        if gone.is_none() && noticed() {
            // It may be about to end.
            std::thread::sleep(LAST_BREATH);
            return sentinel.gone();
        }
        gone
    }

    /// What follows from the end of a program for a request of so many cases, those in `ran` from `before` on among them:
    /// gives how many need not be executed again.
    pub(super) fn bereaved(
        &mut self,
        gone: Gone,
        asked: usize,
        ran: &mut Vec<Ran>,
        before: usize,
    ) -> Result<usize, StationError> {
        let is_alone = asked == 1 && ran.len() == before + 1;
        let was_on_trial = std::mem::replace(&mut self.programs.on_trial, is_alone);
        if !is_alone || !was_on_trial {
            ran.truncate(before);
            self.cautious = self.cautious.max(asked);
            self.programs.unblamed = Some(gone.clone());
            return self.replace_or_tell(&gone).map(|()| 0);
        }
        self.programs.on_trial = false;
        self.programs.unblamed = None;
        self.cautious = self.cautious.saturating_sub(1);
        if let Some(last) = ran.last_mut() {
            if last.end.is_none() {
                last.end = Some(gone.end());
            } else {
                self.blame_nobody(&gone);
            }
            last.stderr += &gone.stderr;
        }
        // The case is known for what it is, whatever becomes of those behind it.
        self.lost = self.replace_token(&gone).err();
        Ok(1)
    }

    /// Executes a case that is none of those under way: what is known of these stays as it is.
    ///
    /// # Errors
    /// As [`Station::execute`].
    pub fn execute_aside(&mut self, job: &Job) -> Result<Vec<Ran>, StationError> {
        let programs = &mut self.programs;
        let unblamed = programs.unblamed.take();
        let on_trial = std::mem::take(&mut programs.on_trial);
        let cautious = std::mem::take(&mut self.cautious);
        let ran = self.execute(vec![job.clone()]);
        self.have_blamed_nobody();
        self.programs.unblamed = unblamed;
        self.programs.on_trial = on_trial;
        self.cautious = cautious;
        ran
    }

    /// Takes note of cases after which every program was running.
    pub(super) fn outlived(&mut self, done: usize) {
        if done > 0 {
            self.programs.on_trial = false;
        }
        if self.cautious == 0 {
            self.have_blamed_nobody();
        }
    }

    /// If a program ended and no case was to blame, that is told all the same.
    pub(super) fn have_blamed_nobody(&mut self) {
        if let Some(gone) = self.programs.unblamed.take() {
            self.blame_nobody(&gone);
        }
    }

    /// A program ended, and nobody knows of what.
    pub(super) fn blame_nobody(&mut self, gone: &Gone) {
        self.strays.push(gone.stray());
    }

    /// Has a new token in place of the one that there is.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn throw_token_away(&mut self) -> Result<(), StationError> {
        // One that is prepared in each worker is in its memory.
        match self.preparation.is_empty() || !self.programs.sentinel.is_idle() {
            true => self.make_token_anew(),
            false => self.renew(),
        }
    }

    fn make_token_anew(&mut self) -> Result<(), StationError> {
        self.worker = None;
        let interrupt = self.interrupt.clone();
        let renewed = match &mut self.programs.renewal {
            // A failed start may be chance; a second is not.
            Some(renewal) => renewal
                .renew()
                .or_else(|error| match interrupt.is_raised() {
                    true => Err(error),
                    false => renewal.renew(),
                }),
            None => Err("nothing makes another".to_owned()),
        };
        let adopted = renewed.and_then(|(station, target)| {
            self.programs.target = Some(target);
            self.adopt(station).map_err(|error| error.to_string())
        });
        adopted.map_err(|text| match self.interrupt.is_raised() {
            true => StationError::Cancelled,
            false => StationError::NoToken(text),
        })
    }

    /// An error if the token is gone for good, or of no use any more.
    pub(super) fn has_token(&self) -> Result<(), StationError> {
        match &self.lost {
            None => Ok(()),
            Some(StationError::Deserted(gone, why)) => {
                Err(StationError::Deserted(gone.clone(), why.clone()))
            }
            Some(StationError::NoToken(text)) => Err(StationError::NoToken(text.clone())),
            Some(_) => Err(StationError::Cancelled),
        }
    }

    /// Has a new token in place of that whose program ended, and tells of that end if there can be none.
    pub(super) fn replace_or_tell(&mut self, gone: &Gone) -> Result<(), StationError> {
        let replaced = self.replace_token(gone);
        let is_news = self.programs.renewals < MOST;
        if let (Err(StationError::Deserted(..)), true) = (&replaced, is_news) {
            self.programs.unblamed = None;
            self.blame_nobody(gone);
        }
        replaced
    }

    /// Has a new token in place of that whose program ended.
    fn replace_token(&mut self, gone: &Gone) -> Result<(), StationError> {
        let why = match self.programs.renewal {
            None => "and nothing makes the token anew".to_owned(),
            Some(_) if self.programs.renewals >= MOST => {
                format!("as it or another did {MOST} times before")
            }
            Some(_) => match self.make_token_anew() {
                Err(StationError::NoToken(text)) => {
                    format!("and the token cannot be made anew: {text}")
                }
                result => {
                    self.programs.renewals += 1;
                    return result;
                }
            },
        };
        Err(StationError::Deserted(Box::new(gone.clone()), why))
    }

    /// Goes on with the token of another station, as the cases so far were executed.
    fn adopt(&mut self, mut other: Station) -> Result<(), StationError> {
        other.retire();
        self.strays.append(&mut other.strays);
        let bounds = self.bounds();
        let before = std::mem::replace(&mut self.options, other.options);
        for (name, value) in before.environment {
            self.options.environment.entry(name).or_insert(value);
        }
        self.set_bounds(bounds);
        self.load.removal = other.load.removal;
        self.init_args = other.init_args;
        self.slot = other.slot;
        self.preparation = other.preparation;
        self.programs.sentinel = other.programs.sentinel;
        self.renew()
    }
}

impl Turnout {
    /// True if the last variant was answered as by a module whose token is gone: then so were all since it went.
    pub(super) fn ends_cut_off(&self) -> bool {
        let last = self.turns.last().map(|turn| usize::from(*turn));
        let last = last.and_then(|outcome| self.outcomes.get(outcome));
        let answers = last.map_or(&[][..], |outcome| &outcome.answers);
        let mut answers = answers.iter().map(|word| Answer::from_word(*word));
        answers.any(|answer| answer.rv().is_some_and(is_cut_off))
    }
}
