//! The variants of a tape, run one after the other without the parent in between.
#![allow(
    unsafe_code,
    reason = "runs sequences on the loaded module, which is a worker's purpose"
)]

use std::collections::HashMap;

use super::State;
use crate::execute::{Defaults, Turns};
use crate::plan::Ladder;
use crate::run::ladder;
use crate::run::wire::{Outcome, Turnout, Vary};
use crate::sequence::decode::Variants;
use crate::sequence::{Sequence, Value, calls_mut};
use crate::worker::{JournalWriter, reach};

impl State {
    /// Runs variants; gives `None` if the library cannot be brought to the state that they begin in.
    pub(super) fn vary(&mut self, vary: Vary<'_>, journal: &mut JournalWriter) -> Option<Turnout> {
        self.let_go(journal);
        let defaults = Defaults {
            slot: vary.slot,
            init_args: vary.init_args,
        };
        journal.case_begin(0);
        let given = [("target".to_owned(), vary.given.into_owned())];
        self.make_ready(&given, &defaults, journal);
        let turnout = self.turns(&vary.variants, vary.count, &given, &defaults, journal);
        journal.case_end(0);
        self.followed(|| {
            reach::keep_watch();
            reach::case(reach::OUTSIDE);
        });
        turnout
    }

    /// Initialised, nothing on the token, and the user logged in if anybody can.
    fn make_ready(
        &mut self,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) {
        // Without it nobody logs in, which is told.
        self.initialize(true, defaults, journal);
        self.empty(given, defaults, journal);
        self.may_have_objects = false;
        if !self.logged_in {
            self.log_in(true, given, defaults, journal);
        }
    }

    fn turns(
        &mut self,
        variants: &Variants,
        count: u32,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) -> Option<Turnout> {
        let module = self.module.as_ref().filter(|_| self.logged_in)?;
        let whole = Sequence {
            steps: variants
                .prelude()
                .iter()
                .chain(variants.phrases(0).flat_map(|p| &p.steps))
                .cloned()
                .collect(),
        };
        let end = ladder::close(&whole);
        let places = variants.places().iter();
        let places = places.map(|phrases| phrases.iter().map(|p| p.steps.as_slice()).collect());
        let mut turns = Turns::new(
            (variants.prelude(), &end),
            places,
            (module.table(), &self.arena, defaults),
            given,
            variants.given(),
        )
        .ok()?;
        let follows = self.load.as_ref().is_some_and(|load| load.cover.is_some());
        let mut known: HashMap<(u64, bool), u16> = HashMap::new();
        let mut turnout = Turnout::default();
        let mut lost = false;
        for number in 0..count {
            journal.turn(number);
            if follows {
                reach::case(number);
            }
            // SAFETY: this is a worker.
            let turned = unsafe { turns.turn(variants.choice(number), journal) };
            let next = known.len() as u16;
            let outcome = *known
                .entry((turned.digest, turned.alarm))
                .or_insert_with(|| {
                    turnout.outcomes.push(Outcome {
                        answers: turns.answers().iter().map(|answer| answer.word()).collect(),
                        alarm: turned.alarm,
                    });
                    next
                });
            turnout.turns.push(outcome);
            turnout.values.push(turned.values);
            // What others would show says nothing of them.
            lost = turned.lost;
            if lost {
                break;
            }
        }
        self.doubtful |= lost;
        Some(turnout)
    }

    /// Logs the user in by a session of the worker's own. What no verdict depends on goes on without a user
    /// where none can log in.
    pub(super) fn log_in(
        &mut self,
        whatever_comes: bool,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) {
        let mut login = Sequence {
            steps: ladder::housekeeping(ladder::steps(Ladder::User)),
        };
        for call in calls_mut(&mut login.steps) {
            call.keep_going = whatever_comes;
        }
        self.logged_in = self.execute(&login, given, defaults, journal);
    }
}
