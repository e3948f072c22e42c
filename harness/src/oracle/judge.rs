//! What is judged, and what comes of it: the verdict on a case, with its grounds.

use p11assay_reports::evidence::{End, Finding, Level, Verdict, Why};

mod end;
mod expect;
mod outside;
mod walk;
mod why;

pub use end::{describe_end, end_of_program};
use walk::Walk;
pub(crate) use walk::counted;

use super::attack::Attack;
use super::trace::CaseTrace;
use crate::sequence::{Step, Value};

/// Which reading of the profile test cases a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// Items that any real provider must vary may vary.
    #[default]
    Relaxed,
    /// Only what [PKCS11-Prof 3.2] 3.1.1 lists may vary.
    Strict,
}

impl Reading {
    /// Its name in arguments and evidence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relaxed => "relaxed",
            Self::Strict => "strict",
        }
    }
}

/// What is judged.
pub struct Subject<'s> {
    /// How binding the case is.
    pub level: Level,
    /// What it means that all steps are taken, if they are an attack.
    pub attack: Option<&'s Attack>,
    /// The steps that were executed: those of the state ladder before those of the case.
    pub steps: &'s [Step],
    /// Values that no call gave (`target`, `with`).
    pub given: &'s [(String, Value)],
    /// What happened.
    pub trace: &'s CaseTrace,
    /// How the worker ended, if it did not return.
    pub end: Option<&'s End>,
    /// Which reading to judge by.
    pub reading: Reading,
}

/// A verdict with its grounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The gravest of the findings, or what the case ended as without any.
    pub verdict: Verdict,
    /// What kind of reason a case does not apply for.
    pub why: Option<Why>,
    /// Why a case does not apply or could not be judged.
    pub reason: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Judges a case.
#[must_use]
pub fn judge(subject: &Subject<'_>) -> Judgement {
    Walk::new(subject).judgement()
}
