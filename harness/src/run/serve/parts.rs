//! A sequence in parts: between them the library is loaded again, or the token leaves its slot. Each part is laid
//! out for what is there then, with what was captured before.
#![allow(
    unsafe_code,
    reason = "runs sequences on the loaded module, which is a worker's purpose"
)]

use super::{State, follow, load_module};
use crate::execute::{Defaults, Options, Prepared, Stop, leave};
use crate::sequence::{Sequence, Step, Value};
use crate::worker::reach;
use crate::worker::{JournalWriter, LOAD};

impl State {
    /// Executes a sequence; true if it came to its end. Where the library is loaded again, a part of it
    /// ends: the next is laid out for the new library, with what was captured before.
    pub(super) fn execute(
        &mut self,
        sequence: &Sequence,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) -> bool {
        if !sequence.steps.iter().any(Step::is_between_parts) {
            return self
                .part(sequence, given, defaults, journal, |_| ())
                .is_some();
        }
        let ended = self.parts(sequence, given.to_vec(), defaults, journal);
        let moves = |step: &Step| matches!(step, Step::Token { .. });
        if sequence.steps.iter().any(moves) {
            // Whatever came of the case, the next one has a token.
            let _ = self.move_token(true);
        }
        ended
    }

    fn parts(
        &mut self,
        sequence: &Sequence,
        mut given: Vec<(String, Value)>,
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) -> bool {
        let keep = |prepared: Prepared<'_>| prepared.captured().collect::<Vec<_>>();
        for steps in sequence.steps.split_inclusive(Step::is_between_parts) {
            let (last, before) = steps.split_last().expect("no part is empty");
            let between = last.is_between_parts();
            let part = Sequence {
                steps: if between { before } else { steps }.to_vec(),
            };
            let Some(captured) = self.part(&part, &given, defaults, journal, keep) else {
                return false;
            };
            given.extend(captured);
            let done = match last {
                Step::Reload => self.reload(journal),
                Step::Token { present } => self.move_token(*present),
                _ => Ok(()),
            };
            if let Err((stop, text)) = done {
                leave(journal, stop, &text);
                return false;
            }
        }
        true
    }

    /// Puts the token into its slot, or takes it out.
    pub(super) fn move_token(&self, present: bool) -> Result<(), (Stop, String)> {
        let removal = self.load.as_ref().and_then(|load| load.removal.as_ref());
        let Some(removal) = removal else {
            let text = "the target does not say how its token is taken out";
            return Err((Stop::NotMoved, text.to_owned()));
        };
        removal.make(present).map_err(|text| {
            let what = if present { "put in" } else { "taken out" };
            (
                Stop::NotMoved,
                format!("the token cannot be {what}: {text}"),
            )
        })
    }

    /// Unloads the library and loads it again.
    fn reload(&mut self, journal: &mut JournalWriter) -> Result<(), (Stop, String)> {
        let load = self.load.clone().filter(|load| load.path.is_some());
        let Some(load) = load else {
            let text = "the built-in token is part of the program and stays loaded";
            return Err((Stop::Linked, text.to_owned()));
        };
        journal.call_begin(0, LOAD);
        self.module = None;
        journal.call_end(0);
        self.followed(reach::unloaded);
        let module = load_module(&load, journal);
        self.module = Some(module.map_err(|error| {
            let text = format!("cannot be loaded again: {error}");
            (Stop::NotReloaded, text)
        })?);
        // What it came to was said when the library was loaded first.
        let _ = follow(&load);
        Ok(())
    }

    /// Executes a sequence in which the library stays loaded; gives what `keep` makes of it if it came to
    /// its end.
    fn part<T>(
        &mut self,
        sequence: &Sequence,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
        keep: impl FnOnce(Prepared<'_>) -> T,
    ) -> Option<T> {
        let module = self.module.as_ref()?;
        let prepared = Prepared::new(
            sequence,
            module.table(),
            &self.arena,
            defaults,
            given,
            Options::default(),
        );
        match prepared {
            Ok(mut prepared) => {
                // SAFETY: this is a worker.
                let stop = unsafe { prepared.run(journal) };
                if let Some(initialized) = prepared.lifecycle() {
                    (self.initialized, self.doubtful) = (initialized, false);
                }
                self.doubtful |= self.initialized && prepared.missed_library();
                stop.is_none().then(|| keep(prepared))
            }
            Err(error) => {
                leave(journal, Stop::OutOfMemory, &error.to_string());
                None
            }
        }
    }
}
