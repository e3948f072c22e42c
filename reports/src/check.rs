//! What became of the findings of a run in another version of the module: the run, and its reproducers run once more.
//! How a reproducer is run is left to whoever runs it, what is shown of a state to the renderings.

use std::collections::HashMap;

use crate::cluster::{Signature, signature};
use crate::evidence::{Case, Confirmation, Verdict};
use crate::stream::Evidence;
use crate::text::one_line;

/// A run, and a run of the reproducers of its findings.
#[derive(Debug)]
pub struct Check<'e> {
    before: &'e Evidence,
    again: &'e Evidence,
    states: HashMap<&'e str, State>,
}

impl<'e> Check<'e> {
    /// Judges what became of each finding.
    #[must_use]
    pub fn new(before: &'e Evidence, again: &'e Evidence) -> Self {
        let now: HashMap<&str, &Case> = again
            .cases
            .iter()
            .map(|case| (case.id.as_str(), case))
            .collect();
        let states = before.cases.iter().filter_map(|case| {
            let old = signature(case)?;
            let state = State::of(case, &old, now.get(case.id.as_str()).copied());
            Some((case.id.as_str(), state))
        });
        Self {
            before,
            again,
            states: states.collect(),
        }
    }

    /// The run of the reproducers.
    #[must_use]
    pub fn again(&self) -> &'e Evidence {
        self.again
    }

    /// What became of the finding of a case; none if the run had no finding there.
    #[must_use]
    pub fn state(&self, id: &str) -> Option<&State> {
        self.states.get(id)
    }

    /// The findings of the run, and what became of each.
    pub fn findings(&self) -> impl Iterator<Item = (&'e Case, &State)> {
        let state = |case: &'e Case| Some((case, self.state(&case.id)?));
        self.before.cases.iter().filter_map(state)
    }

    /// True if a case of the run of reproducers found what the run had not.
    pub(crate) fn is_new(&self, now: &Case) -> bool {
        signature(now).is_some() && self.state(&now.id).is_none()
    }
}

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The case passes, however often it was tried.
    Fixed(u32),
    /// It is known again.
    Still,
    /// There is another finding in its place.
    Changed(Signature),
    /// It could not be judged, and why.
    Open(String),
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::Still => "still",
            Self::Changed(_) => "changed",
            Self::Open(_) => "open",
        }
    }

    /// With what there is instead, or why it could not be judged.
    #[must_use]
    pub fn words(&self) -> String {
        let more = match self {
            Self::Changed(now) => format!(": {} {} {}", now.function, now.kind, now.place),
            Self::Open(why) => format!(": {why}"),
            Self::Fixed(tries) => format!(": {}", unseen(*tries)),
            Self::Still => String::new(),
        };
        one_line(&format!("{}{more}", self.name())).into_owned()
    }

    /// What became of a case, whose finding was known by this signature.
    fn of(before: &Case, old: &Signature, now: Option<&Case>) -> Self {
        let Some(now) = now else {
            let why = match &before.reproducer {
                None => "it has no reproducer",
                Some(_) => "its reproducer was not run",
            };
            return Self::Open(why.to_owned());
        };
        match (now.verdict, signature(now)) {
            (Verdict::Pass | Verdict::PermittedButWeak, _) => {
                let tries = now.tried.unwrap_or(1);
                match before.confirmed {
                    // Whether it is gone nobody can tell who never saw it alone.
                    Some(Confirmation { tries: of, same: 0 }) => Self::Open(format!(
                        "{}, nor was it in any of the {of} fresh workers of the run that found it",
                        unseen(tries)
                    )),
                    _ => Self::Fixed(tries),
                }
            }
            (_, Some(found)) if found == *old || is_moved(&found, old) => Self::Still,
            (_, Some(found)) => Self::Changed(found),
            (verdict, None) => {
                let verdict = format!("{verdict:?}").to_lowercase();
                Self::Open(now.reason.clone().unwrap_or(verdict))
            }
        }
    }
}

/// `not seen in 3 tries`.
#[must_use]
pub fn unseen(tries: u32) -> String {
    match tries {
        1 => "not seen in 1 try".to_owned(),
        _ => format!("not seen in {tries} tries"),
    }
}

/// True if a finding is the same but for its place: another version of a module has its code elsewhere.
fn is_moved(found: &Signature, old: &Signature) -> bool {
    let file = |place: &str| place.split('+').next().unwrap_or_default().to_owned();
    old.function == found.function
        && old.kind == found.kind
        && file(&old.place) == file(&found.place)
}
