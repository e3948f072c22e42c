//! A generated case in the making.

use cryptoki_sys::{CKA_LABEL, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK};
use p11assay_reports::evidence::{Class, Clause, Level};

use super::answer::Answer;
use crate::cryptoki::Function;
use crate::plan::{Case, Ladder, Needs};
use crate::sequence::expectation::Expected;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    Expectation, Number, Reference, Relation, Sequence, Step, Template,
};

/// The name under which the state ladder keeps its session.
const SESSION: &str = "session";

/// What a rule says of a case; the rest is the same for all.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    id: String,
    title: String,
    section: &'static str,
    level: Level,
    class: Class,
    ladder: Ladder,
    needs: Needs,
    calls: Vec<Call>,
}

impl Draft {
    /// A case on [PKCS11-Base 3.2] `section` in the state of `ladder`.
    pub(super) fn new(id: impl Into<String>, section: &'static str, ladder: Ladder) -> Draft {
        Draft {
            id: id.into(),
            title: String::new(),
            section,
            level: Level::Must,
            class: Class::B,
            ladder,
            needs: Needs::default(),
            calls: Vec::new(),
        }
    }

    pub(super) fn title(mut self, title: impl Into<String>) -> Draft {
        self.title = title.into();
        self
    }

    pub(super) fn level(mut self, level: Level) -> Draft {
        self.level = level;
        self
    }

    pub(super) fn class(mut self, class: Class) -> Draft {
        self.class = class;
        self
    }

    /// The target must meet these, too.
    pub(super) fn needs(mut self, needs: &Needs) -> Draft {
        self.needs = self.needs.and(needs);
        self
    }

    /// A call that prepares.
    pub(super) fn fixture(mut self, call: Call) -> Draft {
        self.calls.push(Call {
            fixture: true,
            ..call
        });
        self
    }

    /// Calls that prepare.
    pub(super) fn fixtures(self, calls: Vec<Call>) -> Draft {
        calls.into_iter().fold(self, Draft::fixture)
    }

    /// A call that must succeed, or whatever else it says itself.
    pub(super) fn call(mut self, call: Call) -> Draft {
        self.calls.push(call);
        self
    }

    /// Calls, each of them as by [`Draft::call`].
    pub(super) fn calls(self, calls: Vec<Call>) -> Draft {
        calls.into_iter().fold(self, Draft::call)
    }

    /// The call that is judged. A library need not support a function: 5.1.6 has it say so.
    /// A right answer is one also where the same value could mean that the token does not do it.
    pub(super) fn judged(mut self, mut call: Call, answer: Answer) -> Draft {
        call.not_applicable.push(CKR_FUNCTION_NOT_SUPPORTED);
        let right = &answer.right;
        call.not_applicable.retain(|value| !right.contains(value));
        self.calls.push(Call {
            returns: answer.right,
            tolerates: answer.tolerated,
            ..call
        });
        self
    }

    /// The call that is judged, which may end in whatever way but successfully.
    pub(super) fn unsuccessful(mut self, mut call: Call) -> Draft {
        call.not_applicable.push(CKR_FUNCTION_NOT_SUPPORTED);
        self.calls.push(Call {
            except: vec![CKR_OK],
            ..call
        });
        self
    }

    pub(super) fn into_case(self, suite: &str) -> Case {
        let calls = self.calls.into_iter().zip(1..);
        let steps = calls.map(|(call, number)| Step::Call(Box::new(Call { number, ..call })));
        Case {
            id: format!("{suite}/{}", self.id),
            title: self.title,
            clause: Clause {
                document: "PKCS11-Base".to_owned(),
                version: "3.2".to_owned(),
                section: self.section.to_owned(),
            },
            level: self.level,
            attack: None,
            class: self.class,
            ladder: self.ladder,
            needs: self.needs,
            with: Vec::new(),
            sequence: Sequence {
                steps: steps.collect(),
            },
            has_strict_reading: false,
            line: 0,
        }
    }
}

/// The session of the state ladder, or one that a fixture opened in its place.
pub(super) fn session() -> Argument {
    Argument::named(SESSION)
}

/// A call that opens a session and keeps it.
pub(super) fn open_session() -> Call {
    let mut call = Call::new(0, Function::C_OpenSession);
    call.arguments[1] = number(cryptoki_sys::CKF_SERIAL_SESSION);
    call.gives = vec![Capture {
        output: Reference::to(SESSION),
        name: SESSION.to_owned(),
    }];
    call
}

/// Calls of a search that finds no object with this label.
pub(super) fn nothing_has(label: &str) -> Vec<Call> {
    let call = |function, second| Call {
        arguments: vec![session(), second],
        ..Call::new(0, function)
    };
    let labelled = Argument::Template(Template {
        attributes: vec![Attribute {
            attribute: CKA_LABEL,
            value: AttributeValue::Bytes(Bytes::of(Content::Text(label.to_owned()))),
        }],
        claim: None,
    });
    let room = Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(4))));
    let none = Relation::Equals(Expected::Number(Number::Literal(0)));
    let find = Call {
        expect: vec![Expectation {
            subject: Reference::to("object"),
            captured: false,
            relation: Relation::Length(Box::new(none)),
        }],
        ..call(Function::C_FindObjects, room)
    };
    let over = Call {
        arguments: vec![session()],
        ..Call::new(0, Function::C_FindObjectsFinal)
    };
    vec![call(Function::C_FindObjectsInit, labelled), find, over]
}

/// A number as an argument.
pub(super) fn number(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}
