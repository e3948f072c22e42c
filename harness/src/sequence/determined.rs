//! Which outputs of a sequence follow from what it gives: two tokens that are right give the same bytes there.
//!
//! That is so of a digest, and of what a mechanism makes that the tables call determined, with a key that the sequence
//! created of values that stand in it. Parts of a result are left out: a token may keep bytes back until the next
//! call ([PKCS11-Base 3.2] 5.2), so that only what is made in one part, digests and signatures are compared.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::is_question;
use super::{
    Argument, Attribute, AttributeValue, Bytes, Call, Content, MechanismArgument, Number,
    ParameterValue,
};
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::{self, ParameterShape, Rule};
use crate::cryptoki::operation::{Operation, begun_by};

use Function as F;

/// A kind of operation, by what begins it, and the input and output that are compared.
struct Kind {
    init: Function,
    /// Whether what is made of an input in parts is compared: where that is one output at the end.
    in_parts: bool,
    input: &'static str,
    output: &'static str,
    has_key: bool,
}

#[rustfmt::skip]
static KINDS: [Kind; 4] = [
    Kind { init: F::C_DigestInit,  in_parts: true,  input: "data",           output: "digest",         has_key: false },
    Kind { init: F::C_SignInit,    in_parts: true,  input: "data",           output: "signature",      has_key: true },
    Kind { init: F::C_EncryptInit, in_parts: false, input: "data",           output: "encrypted_data", has_key: true },
    Kind { init: F::C_DecryptInit, in_parts: false, input: "encrypted_data", output: "data",           has_key: true },
];

/// Functions that may touch operations or sessions in ways that are not followed.
const UNSETTLING: [&str; 12] = [
    "Update",
    "Final",
    "Operation",
    "Cancel",
    "DigestKey",
    "Recover",
    "Message",
    "Async",
    "Login",
    "Logout",
    "Close",
    "Finalize",
];

/// What is known of a sequence up to a call.
#[derive(Debug, Default)]
pub struct Determined {
    /// Keys made of what stands in the sequence, and outputs that follow from it.
    known: BTreeSet<String>,
    /// Operations whose input so far is known, how many parts it came in, and the mechanism.
    operations: BTreeMap<(String, Function), (usize, u64)>,
}

/// An output that follows from the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follows {
    /// Its name, that of a parameter.
    pub output: &'static str,
    /// The mechanism that makes it.
    pub mechanism: u64,
}

impl Determined {
    /// Takes note of a call, and whether it succeeded. Gives its output if that follows from the sequence, all calls
    /// that it rests on having succeeded.
    pub fn follow(&mut self, call: &Call, succeeded: bool) -> Option<Follows> {
        match call.function {
            F::C_CreateObject => {
                if succeeded && self.is_plain(call) {
                    self.know_what_it_gives(call);
                }
                return None;
            }
            F::C_DestroyObject | F::C_SetAttributeValue => {
                match number(call, "object") {
                    Some(Number::Reference(object)) => drop(self.known.remove(&object.name)),
                    _ => *self = Self::default(),
                }
                return None;
            }
            _ => {}
        }
        let Some(kind) = KINDS.iter().find(|kind| kind.has(call.function)) else {
            let name = call.function.name();
            if UNSETTLING.iter().any(|part| name.contains(part)) {
                self.operations.clear();
            }
            return None;
        };
        let Some(Number::Reference(session)) = number(call, "session") else {
            self.operations.clear();
            return None;
        };
        self.step(kind, (session.name.clone(), kind.init), call, succeeded)
    }

    /// A call of an operation.
    fn step(
        &mut self,
        kind: &'static Kind,
        operation: (String, Function),
        call: &Call,
        succeeded: bool,
    ) -> Option<Follows> {
        if succeeded && is_question(call) {
            return None;
        }
        let parts = self.operations.remove(&operation);
        if !succeeded {
            return None;
        }
        if call.function == kind.init {
            if let Some(mechanism) = self.determined(kind, call) {
                self.operations.insert(operation, (0, mechanism));
            }
            return None;
        }
        let (parts, mechanism) = parts?;
        if kind.is_part(call.function) {
            if self.knows(bytes(call, "part")?) {
                self.operations.insert(operation, (parts + 1, mechanism));
            }
            return None;
        }
        let is_whole = kind.is_whole(call.function) && parts == 0;
        let is_known = || bytes(call, kind.input).is_some_and(|input| self.knows(input));
        let follows = kind.is_last(call.function) || is_whole && is_known();
        if !follows {
            return None;
        }
        let output = kind.output;
        self.know_what_it_gives(call);
        Some(Follows { output, mechanism })
    }

    /// The mechanism of the operation that the call begins, if that makes what its input decides.
    fn determined(&self, kind: &Kind, call: &Call) -> Option<u64> {
        let has_key = || match number(call, "key") {
            Some(Number::Reference(key)) => self.known.contains(&key.name),
            _ => false,
        };
        let mechanism = call.arguments.iter().find_map(|argument| match argument {
            Argument::Mechanism(given) => Some(&**given),
            _ => None,
        });
        let has_all = !kind.has_key || has_key();
        mechanism.and_then(determined).filter(|_| has_all)
    }

    /// True if the template says all in plain values, each attribute once.
    fn is_plain(&self, call: &Call) -> bool {
        let template = call.arguments.iter().find_map(|argument| match argument {
            Argument::Template(template) => Some(template),
            _ => None,
        });
        template.is_some_and(|template| {
            let mut types = BTreeSet::new();
            let plain = |attribute: &Attribute| match &attribute.value {
                AttributeValue::Bool(_) | AttributeValue::Ulong(Number::Literal(_)) => true,
                AttributeValue::Bytes(bytes) => self.knows(bytes),
                _ => false,
            };
            let mut attributes = template.attributes.iter();
            template.claim.is_none()
                && attributes.all(|one| types.insert(one.attribute) && plain(one))
        })
    }

    fn know_what_it_gives(&mut self, call: &Call) {
        let names = call.gives.iter().map(|capture| capture.name.clone());
        self.known.extend(names);
    }

    /// True if the bytes stand in the sequence or follow from it.
    fn knows(&self, bytes: &Bytes) -> bool {
        bytes.claim.is_none()
            && bytes
                .content
                .as_ref()
                .is_some_and(|content| self.knows_content(content))
    }

    fn knows_content(&self, content: &Content) -> bool {
        match content {
            Content::Literal(_) | Content::Text(_) | Content::Repeat { .. } => true,
            Content::Reference(reference) => {
                reference.path.is_empty() && self.known.contains(&reference.name)
            }
            Content::Concat(parts) => parts.iter().all(|part| self.knows_content(part)),
            Content::Flip { of, .. } | Content::Take { of, .. } | Content::Skip { of, .. } => {
                self.knows_content(of)
            }
        }
    }
}

impl Kind {
    fn is(&self, that: impl Fn(&Operation) -> bool) -> bool {
        begun_by(self.init).is_some_and(that)
    }

    fn is_whole(&self, function: Function) -> bool {
        self.is(|operation| operation.one == Some(function))
    }

    fn is_part(&self, function: Function) -> bool {
        self.in_parts && self.is(|operation| operation.update == Some(function))
    }

    fn is_last(&self, function: Function) -> bool {
        self.in_parts && self.is(|operation| operation.finish == Some(function))
    }

    fn has(&self, function: Function) -> bool {
        function == self.init
            || self.is_whole(function)
            || self.is_part(function)
            || self.is_last(function)
    }
}

/// The mechanism, if it decides its results, with a parameter that leaves nothing open.
fn determined(given: &MechanismArgument) -> Option<u64> {
    let row = match given.mechanism {
        Number::Literal(value) => mechanism::by_value(value),
        _ => None,
    };
    let fits = |row: &mechanism::Mechanism| match (&row.parameter, &given.parameter) {
        (ParameterShape::None, ParameterValue::None)
        | (ParameterShape::Ulong, ParameterValue::Ulong(Number::Literal(_))) => true,
        (ParameterShape::Bytes(count), ParameterValue::Bytes(bytes)) => {
            matches!(&bytes.content, Some(Content::Literal(bytes)) if bytes.len() == *count)
                && bytes.claim.is_none()
        }
        _ => false,
    };
    let row = row.filter(|row| row.rule(Rule::Determined) && fits(row));
    row.filter(|_| given.claim.is_none()).map(|row| row.value)
}

fn argument<'c>(call: &'c Call, name: &str) -> Option<&'c Argument> {
    let mut parameters = call.function.parameters().iter();
    let place = parameters.position(|parameter| parameter.name == name)?;
    call.arguments.get(place)
}

fn number<'c>(call: &'c Call, name: &str) -> Option<&'c Number> {
    match argument(call, name)? {
        Argument::Number(number) => Some(number),
        _ => None,
    }
}

fn bytes<'c>(call: &'c Call, name: &str) -> Option<&'c Bytes> {
    match argument(call, name)? {
        Argument::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
