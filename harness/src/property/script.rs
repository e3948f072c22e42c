//! The calls of a case in the making, so that a property reads as what it does.
//!
//! What a token may refuse is *presumed*: the case does not apply if it is. What must follow from what went
//! well before is left as it is, and judged.

use cryptoki_sys::*;

use crate::cryptoki::Function;
use crate::cryptoki::mechanism::Mechanism;
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::returns;
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    Expectation, Number, ParameterValue, Reference, Sequence, Step, Template,
};

/// The session that a case finds.
pub(super) const SESSION: &str = "session";

/// The calls of a case so far.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Step>);

impl Script {
    /// Adds a call.
    pub(super) fn add(&mut self, call: Make) {
        self.0.push(Step::Call(Box::new(call.0)));
    }

    /// Adds a step that is no call.
    pub(super) fn step(&mut self, step: Step) {
        self.0.push(step);
    }

    /// The calls, numbered.
    pub(super) fn finish(self) -> Sequence {
        let mut steps = self.0;
        let calls = crate::sequence::calls_mut(&mut steps);
        for (call, number) in calls.into_iter().zip(1..) {
            call.number = number;
        }
        Sequence { steps }
    }
}

/// A call in the making. Arguments, outputs and captures are given by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Make(Call);

/// A call in a session.
pub(super) fn on(session: &str, function: Function) -> Make {
    call(function).with("session", handle(session))
}

/// A call without a session, or with an odd one.
pub(super) fn call(function: Function) -> Make {
    Make(Call::new(0, function))
}

impl Make {
    /// What is called.
    pub(super) fn function(&self) -> Function {
        self.0.function
    }

    /// With an argument other than the default.
    pub(super) fn with(mut self, parameter: &str, argument: Argument) -> Make {
        let mut parameters = self.0.function.parameters().iter();
        let place = parameters.position(|known| known.name == parameter);
        debug_assert!(place.is_some(), "{} has no {parameter}", self.0.function);
        if let Some(slot) = place.and_then(|place| self.0.arguments.get_mut(place)) {
            *slot = argument;
        }
        self
    }

    /// With bytes in.
    pub(super) fn bytes(self, parameter: &str, content: Content) -> Make {
        self.with(parameter, Argument::Bytes(Bytes::of(content)))
    }

    /// With memory of this kind for the output bytes.
    pub(super) fn room(self, size: BufferSize) -> Make {
        match self.output() {
            Some(name) => self.with(name, Argument::Buffer(Buffer::of(size))),
            None => self,
        }
    }

    /// With so much memory for the output bytes, instead of asking first how much is needed.
    pub(super) fn room_for(self, bytes: u64) -> Make {
        self.room(BufferSize::Elements(Number::Literal(bytes)))
    }

    /// The last output, which is what most functions are for.
    pub(super) fn output(&self) -> Option<&'static str> {
        let mut parameters = self.0.function.parameters().iter().rev();
        let output = parameters.find(|parameter| parameter.kind.is_output());
        output.map(|parameter| parameter.name)
    }

    /// An output is kept.
    pub(super) fn keep(mut self, output: &str, name: &str) -> Make {
        self.0.gives.push(Capture {
            output: path(output),
            name: name.to_owned(),
        });
        self
    }

    /// The last output is kept.
    pub(super) fn kept(self, name: &str) -> Make {
        match self.output() {
            Some(output) => self.keep(output, name),
            None => self,
        }
    }

    /// Something must hold of an output.
    pub(super) fn is(mut self, output: &str, relation: Relation) -> Make {
        self.0.expect.push(Expectation {
            subject: path(output),
            captured: false,
            relation,
        });
        self
    }

    /// The last output must be these bytes.
    pub(super) fn gives(self, content: Content) -> Make {
        match self.output() {
            Some(output) => self.is(output, equals(content)),
            None => self,
        }
    }

    /// Something must hold of what was kept.
    pub(super) fn was(mut self, name: &str, relation: Relation) -> Make {
        self.0.expect.push(Expectation {
            subject: path(name),
            captured: true,
            relation,
        });
        self
    }

    /// The case does not apply unless this holds of an output.
    pub(super) fn requires(mut self, output: &str, relation: Relation, otherwise: &str) -> Make {
        self.0.requires.push(Expectation {
            subject: path(output),
            captured: false,
            relation,
        });
        self.0.otherwise = Some(otherwise.to_owned());
        self
    }

    /// Whatever the token says against it, the case then does not apply.
    pub(super) fn presumed(mut self) -> Make {
        self.0.not_applicable = returns::FAILURES.to_vec();
        self
    }

    /// As [`presumed`](Self::presumed), after the operation was begun: that none was is no way to refuse.
    pub(super) fn presumed_once_begun(self) -> Make {
        let mut call = self.presumed();
        call.0
            .not_applicable
            .retain(|rv| *rv != CKR_OPERATION_NOT_INITIALIZED);
        call
    }

    /// As [`presumed`](Self::presumed), but for what says that the input is not what it is, and for what never says that
    /// something is not supported: whoever does so with his own has no reason to refuse the same of somebody else.
    pub(super) fn answered(self) -> Make {
        const ANSWERS: [u64; 13] = [
            CKR_SIGNATURE_INVALID,
            CKR_SIGNATURE_LEN_RANGE,
            CKR_ENCRYPTED_DATA_INVALID,
            CKR_ENCRYPTED_DATA_LEN_RANGE,
            CKR_AEAD_DECRYPT_FAILED,
            CKR_WRAPPED_KEY_INVALID,
            CKR_WRAPPED_KEY_LEN_RANGE,
            CKR_DATA_INVALID,
            CKR_DATA_LEN_RANGE,
            CKR_GENERAL_ERROR,
            CKR_FUNCTION_FAILED,
            CKR_DEVICE_ERROR,
            CKR_OPERATION_NOT_INITIALIZED,
        ];
        let mut call = self.presumed();
        call.0.not_applicable.retain(|rv| !ANSWERS.contains(rv));
        call
    }

    /// The call is made for what it leaves behind, and may return anything.
    pub(super) fn whatever_it_returns(mut self) -> Make {
        self.0.returns = [&[CKR_OK][..], &returns::FAILURES].concat();
        self
    }

    /// The case does not apply if the call returns one of these.
    pub(super) fn unless(mut self, values: &[u64]) -> Make {
        self.0.not_applicable.extend(values);
        self
    }

    /// One of these must be returned.
    pub(super) fn returns(mut self, values: &[u64]) -> Make {
        self.0.returns = values.to_vec();
        self
    }

    /// The call must not succeed.
    pub(super) fn fails(mut self) -> Make {
        self.0.except = vec![CKR_OK];
        self
    }

    /// The call is to fail, and the case does not apply if it does not.
    pub(super) fn presumed_to_fail(self) -> Make {
        self.fails().unless(&[CKR_OK])
    }
}

fn path(text: &str) -> Reference {
    let parsed = text.parse();
    debug_assert!(parsed.is_ok(), "{text}");
    parsed.unwrap_or_else(|_| Reference::to(text))
}

/// What was kept as `name`, as a handle or a number.
pub(super) fn handle(name: &str) -> Argument {
    Argument::named(name)
}

/// A number.
pub(super) fn number(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}

/// What was kept as `name`, as bytes.
pub(super) fn kept(name: &str) -> Content {
    Content::Reference(Reference::to(name))
}

/// What was kept under these names, one after the other.
pub(super) fn joined<'n>(names: impl IntoIterator<Item = &'n String>) -> Content {
    Content::Concat(names.into_iter().map(|name| kept(name)).collect())
}

/// A PIN of the target.
pub(super) fn pin(name: &str) -> Content {
    Content::Reference(Reference::to("target").field(name))
}

/// What was kept as `whole` in parts, as long as these; what is left over is in the last.
pub(super) fn slices(whole: &str, parts: &[Vec<u8>]) -> Vec<Content> {
    let lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
    let mut from = 0;
    let mut slices = Vec::new();
    for (place, length) in lengths.iter().enumerate() {
        let rest = match from {
            0 => kept(whole),
            count => Content::Skip {
                of: Box::new(kept(whole)),
                count,
            },
        };
        let last = place + 1 == lengths.len();
        slices.push(match last {
            true => rest,
            false => Content::Take {
                of: Box::new(rest),
                count: *length,
            },
        });
        from += length;
    }
    slices
}

/// Bytes written out.
pub(super) fn literal(bytes: &[u8]) -> Content {
    Content::Literal(bytes.to_vec())
}

/// A mechanism with its parameter.
pub(super) fn mechanism(row: &Mechanism, parameter: ParameterValue) -> Argument {
    of_type(row.value, parameter)
}

/// A mechanism by its number.
pub(super) fn of_type(mechanism: u64, parameter: ParameterValue) -> Argument {
    Argument::mechanism(mechanism, parameter)
}

/// A template.
pub(super) fn template(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

/// A template that asks for attributes, of whatever length each is.
pub(super) fn asked(attributes: &[CK_ATTRIBUTE_TYPE]) -> Argument {
    let room = |attribute: &u64| Attribute {
        attribute: *attribute,
        value: AttributeValue::Buffer(Buffer::of(BufferSize::Exact)),
    };
    template(attributes.iter().map(room).collect())
}

/// How the value of an attribute is named among outputs.
pub(super) fn attribute(attribute: CK_ATTRIBUTE_TYPE) -> String {
    format!("template.{}", names::display(Kind::ATTRIBUTE, attribute))
}

/// A boolean attribute.
pub(super) fn flag(attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }
}

/// An attribute that is a number.
pub(super) fn ulong(attribute: CK_ATTRIBUTE_TYPE, value: u64) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Ulong(Number::Literal(value)),
    }
}

/// An attribute that is bytes.
pub(super) fn octets(attribute: CK_ATTRIBUTE_TYPE, content: Content) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bytes(Bytes::of(content)),
    }
}

/// It is these bytes.
pub(super) fn equals(content: Content) -> Relation {
    Relation::Equals(Expected::Bytes(content))
}

/// It is the same as what was kept.
pub(super) fn same_as(name: &str) -> Relation {
    Relation::Equals(Expected::Number(Number::Reference(path(name))))
}

/// It is this number.
pub(super) fn is_number(value: u64) -> Relation {
    Relation::Equals(Expected::Number(Number::Literal(value)))
}

/// So many bytes or elements.
pub(super) fn length(relation: Relation) -> Relation {
    Relation::Length(Box::new(relation))
}
