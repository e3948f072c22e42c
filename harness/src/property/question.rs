//! A question to a target: a sequence that holds of it if the property does.

use cryptoki_sys::CKR_OK;
use p11assay_reports::evidence::{Class, Clause, Level};

use super::relay::Leg;
use super::table::Property;
use crate::cryptoki::Function;
use crate::plan::{Case, Ladder, Needs};
use crate::sequence::Sequence;

/// One question that a property asks.
#[derive(Debug, Clone)]
pub struct Question {
    /// What it is about beside the property: a mechanism, mostly.
    pub subject: String,
    /// The calls, and what must hold of them.
    pub sequence: Sequence,
    /// What the calls find.
    pub ladder: Ladder,
    /// Section of the standard that it rests on, if not the first of its property's.
    pub(super) section: Option<&'static str>,
    /// What the target and the reference token do in turn, if they do. There is no sequence then.
    pub(super) legs: Vec<Leg>,
}

impl Question {
    /// A question asked in a session of the user.
    pub(super) fn new(subject: impl Into<String>, script: super::script::Script) -> Self {
        Self {
            subject: subject.into(),
            sequence: script.finish(),
            ladder: Ladder::RwUser,
            section: None,
            legs: Vec::new(),
        }
    }

    /// A question of several legs, about something that a section of the standard defines.
    pub(super) fn relay(subject: impl Into<String>, section: &'static str, legs: Vec<Leg>) -> Self {
        Self {
            section: Some(section),
            legs,
            ..Self::new(subject, super::script::Script::default())
        }
    }

    /// The function that was to fail last, up to this step: what is wrong there may come of it.
    pub(super) fn failure_before(&self, step: u32) -> Option<Function> {
        let calls = self.sequence.calls();
        let failed =
            calls.filter(|call| call.number <= step && call.not_applicable.contains(&CKR_OK));
        failed.last().map(|call| call.function)
    }

    /// True if the target and the reference token answer in turn.
    #[must_use]
    pub fn is_relay(&self) -> bool {
        !self.legs.is_empty()
    }

    /// True if the same is asked.
    pub(super) fn asks_as(&self, other: &Question) -> bool {
        self.sequence == other.sequence && self.legs == other.legs
    }

    /// The same, asked by nobody in particular.
    pub(super) fn without_login(self) -> Self {
        Self {
            ladder: Ladder::RwSession,
            ..self
        }
    }

    /// The same, asked where no session is open.
    pub(super) fn at_the_beginning(self) -> Self {
        Self {
            ladder: Ladder::Initialized,
            ..self
        }
    }

    /// True if it does nothing but use its own session, so that others may have logged in for it.
    #[must_use]
    pub fn keeps_to_its_session(&self) -> bool {
        self.ladder == Ladder::RwUser
    }

    /// The question as a case with this name within its property.
    #[must_use]
    pub fn case(&self, property: &Property, name: &str) -> Case {
        Case {
            id: format!("property/{}/{name}", property.name),
            title: format!("{}: {}", self.subject, property.title),
            clause: Clause {
                section: self
                    .section
                    .map_or_else(|| clause(property).section, str::to_owned),
                ..clause(property)
            },
            level: property.level,
            attack: None,
            class: Class::A,
            ladder: self.ladder,
            // What is asked creates, changes and destroys objects; that may be asked again only where it may be asked.
            needs: Needs {
                disposable: true,
                ..Needs::default()
            },
            with: Vec::new(),
            sequence: self.sequence.clone(),
            has_strict_reading: false,
            line: 0,
        }
    }
}

/// The clause that a property rests on first of all.
#[must_use]
pub fn clause(property: &Property) -> Clause {
    Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: property.clauses.first().copied().unwrap_or("5").to_owned(),
    }
}

/// The level at which nothing but a success against the property is a violation.
pub(super) const MUST: Level = Level::Must;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::script::{Script, call};

    #[test]
    fn the_call_that_failed_last_is_blamed() {
        let mut script = Script::default();
        script.add(call(Function::C_GetInfo).presumed());
        script.add(call(Function::C_OpenSession).presumed_to_fail());
        script.add(call(Function::C_GetSlotList));
        script.add(call(Function::C_CreateObject).presumed_to_fail());
        script.add(call(Function::C_GetSlotList).fails());
        let question = Question::new("all", script);
        let blamed: Vec<_> = (1..=5).map(|step| question.failure_before(step)).collect();
        let [first, second] = [Function::C_OpenSession, Function::C_CreateObject].map(Some);
        assert_eq!(blamed, [None, first, first, second, second]);
    }
}
