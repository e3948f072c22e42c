//! Following which functions of the module are reached, while cases are executed. What goes wrong with
//! breakpoints in the module need not be the module's fault: whoever looks into it pauses this.

use std::collections::BTreeSet;

use p11assay_reports::evidence::End;

use super::{Station, StationError};
use crate::worker::reach::{Cover, Covered, Means, Reached};
use crate::worker::{Outcome, Reply};

/// What a station follows.
#[derive(Debug)]
pub(super) struct Following {
    means: Means,
    dependencies: Vec<String>,
    covered: Vec<Covered>,
    known: BTreeSet<u32>,
    new: Vec<Reached>,
    paused: bool,
    /// Why it was given up.
    trouble: Option<String>,
}

impl Following {
    /// What a new worker is asked for.
    pub(super) fn wish(&self) -> Option<Cover> {
        let asked = !self.paused && self.trouble.is_none();
        asked.then(|| Cover {
            means: self.means,
            dependencies: self.dependencies.clone(),
            known: self.known.iter().copied().collect(),
        })
    }

    /// What loading the module came to.
    pub(super) fn loaded(&mut self, covered: Result<Vec<Covered>, String>) {
        match covered {
            Ok(covered) => self.covered = covered,
            Err(text) => self.trouble = Some(text),
        }
    }

    /// Takes note of what a reply says.
    pub(super) fn heed(&mut self, reply: &Reply) {
        let functions: u32 = self.covered.iter().map(|library| library.functions).sum();
        for reached in &reply.reached {
            if reached.function < functions && self.known.insert(reached.function) {
                self.new.push(*reached);
            }
        }
        if reply.gave_up {
            self.trouble = Some("the module handles SIGTRAP itself".to_owned());
        }
    }

    /// True if the worker died of a breakpoint whose signal did not arrive, or not here.
    fn died_of(&self, reply: &Reply) -> bool {
        // Nothing was done to the code of a module that tells by itself.
        if self.means == Means::Sanitizer {
            return false;
        }
        let Outcome::Ended(End::Signal {
            signal, registers, ..
        }) = &reply.outcome
        else {
            return false;
        };
        let unheard = signal == "SIGTRAP" && registers.is_empty();
        self.wish().is_some() && unheard || reply.gave_up
    }
}

impl Station {
    /// Follows from now on which functions of the module are reached, and of other libraries by the names of
    /// their files; gives the libraries.
    ///
    /// # Errors
    /// If that cannot be done here, or there is no worker.
    pub fn follow(
        &mut self,
        means: Means,
        dependencies: Vec<String>,
    ) -> Result<Vec<Covered>, StationError> {
        self.following = Some(Following {
            means,
            dependencies,
            covered: Vec::new(),
            known: BTreeSet::new(),
            new: Vec::new(),
            paused: false,
            trouble: None,
        });
        self.renew()?;
        match &self.following {
            Some(Following {
                trouble: Some(text),
                ..
            }) => Err(StationError::Load(text.clone())),
            Some(following) => Ok(following.covered.clone()),
            None => Ok(Vec::new()),
        }
    }

    /// Functions reached for the first time since this was last asked, each with the number of its case.
    pub fn take_reached(&mut self) -> Vec<Reached> {
        let following = self.following.as_mut();
        following.map_or_else(Vec::new, |following| std::mem::take(&mut following.new))
    }

    /// Why nothing is followed any more, if something was.
    #[must_use]
    pub fn lost_track(&self) -> Option<&str> {
        self.following.as_ref()?.trouble.as_deref()
    }

    /// Leaves the module as it is, until told otherwise; the next case gets another worker.
    pub fn pause_following(&mut self, paused: bool) {
        if let Some(following) = &mut self.following
            && following.paused != paused
        {
            following.paused = paused;
            self.retire();
        }
    }

    /// Gives up following functions if the worker died of it; its cases are to be executed again.
    pub(super) fn died_of_following(&mut self, reply: &Reply) -> bool {
        let Some(following) = self.following.as_mut() else {
            return false;
        };
        let died = following.died_of(reply);
        if died {
            let blocked = || "the module runs with SIGTRAP blocked or ignored".to_owned();
            following.trouble.get_or_insert_with(blocked);
        }
        died
    }
}
