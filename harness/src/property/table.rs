//! The properties by name, with the sections that they rest on.

use std::sync::Arc;

use p11assay_reports::evidence::Level;
use proptest::strategy::BoxedStrategy;

use super::ground::Ground;
use super::mark::Likeness;
use super::question::{MUST, Question};
use super::{
    agreement, attributes, cipher, cross, derivation, digest, failure, import, length, machine,
    mark, message, random, search, session, signature, wrapping,
};
use crate::oracle::Judgement;
use crate::plan::Unmet;
use crate::yaml::unknown_name;

/// What a property asks of a target, or why it does not apply to it.
pub(super) type Asked = Result<BoxedStrategy<Question>, Unmet>;

/// A law, and the questions by which it is put to the test.
#[derive(Debug)]
pub struct Property {
    /// Its name in arguments, ids and file names.
    pub name: &'static str,
    /// The law, one line for people.
    pub title: &'static str,
    /// Sections of [PKCS11-Base 3.2] that it rests on, the one that says most first.
    pub clauses: &'static [&'static str],
    /// How binding it is.
    pub level: Level,
    /// Whether failures for different subjects are different ones.
    likeness: Likeness,
    /// True if the reference token is asked, too.
    pub beside_reference: bool,
    /// The questions.
    pub(super) ask: fn(&Arc<Ground>) -> Asked,
}

const fn property(
    name: &'static str,
    title: &'static str,
    clauses: &'static [&'static str],
    ask: fn(&Arc<Ground>) -> Asked,
) -> Property {
    Property {
        name,
        title,
        clauses,
        level: MUST,
        likeness: Likeness::Usual,
        beside_reference: false,
        ask,
    }
}

const fn security(mut property: Property) -> Property {
    property.level = Level::Security;
    property
}

const fn alike(mut property: Property) -> Property {
    property.likeness = Likeness::Alike;
    property
}

const fn after_failure(mut property: Property) -> Property {
    property.likeness = Likeness::AfterFailure;
    property
}

const fn beside_reference(mut property: Property) -> Property {
    property.likeness = Likeness::Apart;
    property.beside_reference = true;
    property
}

impl Property {
    /// By what a failure is known again.
    pub(super) fn mark(&self, judgement: &Judgement, question: &Question) -> Option<String> {
        mark::of(judgement, &self.subject(judgement, question), self.likeness)
    }

    /// What failed.
    pub(super) fn subject(&self, judgement: &Judgement, question: &Question) -> String {
        let blamed = match self.likeness {
            Likeness::AfterFailure => mark::gravest(judgement).and_then(|finding| finding.step),
            _ => None,
        };
        let blamed = blamed.and_then(|step| question.failure_before(step));
        blamed.map_or_else(
            || question.subject.clone(),
            |function| function.name().to_owned(),
        )
    }
}

#[rustfmt::skip]
static PROPERTIES: &[Property] = &[
    property("digest-parts", "parts are digested as the whole is",
        &["5.12.2", "5.12.3", "5.12.5"], digest::in_parts),
    property("digest-key", "a key is digested as its value is",
        &["5.12.4"], digest::of_key),
    property("encrypt-decrypt", "what is decrypted is what was encrypted, in whatever parts",
        &["5.10.2", "5.8.3", "5.8.4", "5.10.3", "5.10.4"], cipher::round_trip),
    property("sign-verify", "what was signed is verified, in whatever parts",
        &["5.15.2", "5.13.3", "5.13.4", "5.15.3", "5.15.4", "5.15.7"], signature::round_trip),
    security(property("altered-not-verified", "what was altered is not verified",
        &["5.15.2", "5.15.4"], signature::altered)),
    property("message-encryption", "a message is encrypted as data is, whole and in parts",
        &["5.9.2", "5.9.3", "5.9.4", "5.11.2", "5.11.4"], message::encryption),
    property("message-signature", "a message is signed as data is, whole and in parts, and verified",
        &["5.14.2", "5.14.4", "5.16.2", "5.16.4"], message::signature),
    property("wrap-unwrap", "the key that is unwrapped is the one that was wrapped",
        &["5.18.4", "5.18.3"], wrapping::round_trip),
    property("derive", "the same is derived twice, and what the standard says where it says so",
        &["5.18.5", "6.43"], derivation::repeats),
    property("agree", "both sides of an agreement have the same key, and that of an independent computation",
        &["6.3.17", "6.3.18", "6.4.10", "5.18.5"], agreement::same),
    beside_reference(property("cross-use", "what one makes, the other takes, and both make the same where there is but one answer",
        &["5.13.2", "5.15.2", "5.8.2", "5.10.2", "5.18.3", "5.18.4", "5.18.5", "5.18.8", "5.18.9"], cross::each_other)),
    property("encapsulate-decapsulate", "both sides of an encapsulation have the same key",
        &["5.18.9", "5.18.8"], derivation::encapsulated),
    property("import-as-generated", "a generated key or pair and what it is made of, imported, do the same",
        &["5.18.1", "5.18.2", "5.7.1", "5.8.2", "5.10.2", "5.13.2", "5.15.2"], import::as_generated),
    property("attributes-set", "what was given or set is read",
        &["5.7.5", "5.7.1", "5.7.6"], attributes::set),
    property("attributes-copied", "a copy has what its original has, and is an object of its own",
        &["5.7.2", "5.7.3", "5.7.5"], attributes::copy),
    property("search", "a search finds exactly what matches, each object once",
        &["5.7.8", "5.7.7", "5.7.9"], search::matches),
    alike(property("output-length", "the length is told, and whoever has too little room can try again",
        &["5.2", "5.4.5", "5.5.1", "5.5.5", "5.6.6", "5.7.5", "5.8", "5.9", "5.10", "5.11", "5.12", "5.13", "5.14", "5.15.6", "5.17", "5.18"],
        length::contract)),
    after_failure(property("failure-changes-nothing", "a call that fails leaves everything as it was",
        &["5", "5.7.1", "5.7.2", "5.7.6", "5.18.1", "5.18.2", "5.18.4", "5.18.5", "5.18.8", "5.18.9", "5.6.1", "5.6.4", "5.6.8"],
        failure::changes_nothing)),
    property("sessions-apart", "the operations of several sessions do not get into each other's way",
        &["5.6.1", "5.6.2", "5.12.3", "5.13.3"], session::apart),
    property("handles-apart", "a handle is one object's, whatever session shows it, until it is gone",
        &["5.7.5", "5.6.2", "5.7.3", "5.7.8"], session::handles_apart),
    alike(property("states", "sessions, logins, objects and operations do in every state what the state lets them do",
        &["5.6", "5.6.2", "5.6.4", "5.6.8", "5.6.10", "5.7.1", "5.7.2", "5.7.3", "5.7.5", "5.7.6", "5.7.7", "5.12", "5.13"],
        machine::calls)),
    security(property("random", "no two random outputs are the same, and each looks random",
        &["5.19.2", "5.18.1"], random::outputs)),
];

/// All properties.
#[must_use]
pub fn all() -> &'static [Property] {
    PROPERTIES
}

/// A name that no property has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; `p11assay property --list` shows them all")]
pub struct UnknownProperty(String);

/// The properties of these names; all if none is named.
///
/// # Errors
/// [`UnknownProperty`] for the first name that is none.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Property>, UnknownProperty> {
    for name in names {
        if all().iter().all(|known| known.name != name) {
            let known = all().iter().map(|known| known.name);
            return Err(UnknownProperty(unknown_name("property", name, known)));
        }
    }
    let wanted =
        |property: &&Property| names.is_empty() || names.iter().any(|name| name == property.name);
    Ok(all().iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::strategy::{Strategy, ValueTree};

    use super::super::relay::{Given, written_out};
    use super::super::seeds::Seed;
    use super::*;
    use crate::cryptoki::{Function, Version, mechanism};
    use crate::plan::{Capabilities, MechanismInfo, Suite};
    use crate::sequence::{Sequence, Value};

    /// A token that has everything.
    fn ground() -> Arc<Ground> {
        let info = MechanismInfo {
            flags: u64::MAX,
            ..MechanismInfo::default()
        };
        let capabilities = Capabilities {
            version: Version::V3_2,
            functions: Function::ALL.iter().copied().collect(),
            mechanisms: mechanism::all()
                .iter()
                .map(|row| (row.value, info))
                .collect(),
            ..Capabilities::default()
        };
        Arc::new(Ground::new(capabilities.clone()).beside(capabilities))
    }

    fn questions(property: &Property, count: u64) -> Vec<Question> {
        let strategy = (property.ask)(&ground()).expect("it applies");
        let draw = |number| {
            let mut runner = Seed::of(1, property.name, number).runner();
            strategy.new_tree(&mut runner).expect("a tree").current()
        };
        (0..count).map(draw).collect()
    }

    /// A failure becomes a suite file, so what is drawn must survive being written and read.
    #[test]
    fn what_is_drawn_can_be_written_and_read() {
        for property in all() {
            for question in questions(property, 60) {
                for question in stated(&question) {
                    assert!(!question.sequence.steps.is_empty(), "{question:?}");
                    let case = question.case(property, "case");
                    let text = case.to_yaml().expect("has a YAML form");
                    let read = Suite::parse(Path::new("reproducer.yaml"), &text)
                        .unwrap_or_else(|error| panic!("{error}\n{text}"));
                    assert_eq!(read.cases[0].sequence, case.sequence, "{text}");
                }
            }
        }
    }

    /// What of a question may become the case of a failure: of a relay every leg by itself, with something in the place
    /// of what others give.
    fn stated(question: &Question) -> Vec<Question> {
        if !question.is_relay() {
            return vec![question.clone()];
        }
        let legs = question.legs.iter();
        let sequences = legs.flat_map(|leg| std::iter::once(&leg.sequence).chain(&leg.accusation));
        let sequences: Vec<&Sequence> = sequences.collect();
        let names = sequences.iter().flat_map(|sequence| sequence.calls());
        let names = names.flat_map(|call| call.gives.iter().map(|given| given.name.clone()));
        let given: Given = names.map(|name| (name, Value::Bytes(vec![7]))).collect();
        let alone = |sequence: &&Sequence| Question {
            sequence: written_out(sequence, &given).expect("legs give what others want"),
            legs: Vec::new(),
            ..question.clone()
        };
        sequences.iter().map(alone).collect()
    }

    #[test]
    fn names_are_unique_and_a_wrong_one_is_told() {
        let mut names: Vec<&str> = all().iter().map(|property| property.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len());
        assert!(all().iter().all(|property| !property.clauses.is_empty()));
        let error = chosen(&["serach".to_owned()]).expect_err("no such property");
        assert!(
            error.to_string().contains("did you mean `search`?"),
            "{error}"
        );
        assert_eq!(chosen(&["search".to_owned()]).expect("one").len(), 1);
    }

    /// A token that lacks everything is asked nothing, instead of being found at fault.
    #[test]
    fn what_needs_mechanisms_does_not_apply_without_them() {
        let bare = Arc::new(Ground::new(Capabilities {
            functions: Function::ALL.iter().copied().collect(),
            ..Capabilities::default()
        }));
        for name in ["digest-parts", "encrypt-decrypt", "sign-verify"] {
            let property = all().iter().find(|property| property.name == name);
            let asked = (property.expect(name).ask)(&bare);
            assert!(asked.is_err(), "{name}");
        }
    }
}
