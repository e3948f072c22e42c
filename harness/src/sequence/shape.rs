//! What a call looks like apart from its values.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use cryptoki_sys::CKA_PRIVATE;

use super::visit::{self, Place};
use super::{Argument, AttributeValue, BufferSize, Call, Number, Step, Together, calls};
use crate::cryptoki::Function;
use crate::cryptoki::function::{Domain, ParameterKind};

/// What the arguments look like: mechanism, which pointers are NULL, how buffers are offered.
#[must_use]
pub fn shape(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    for argument in &call.arguments {
        std::mem::discriminant(argument).hash(&mut hasher);
        match argument {
            Argument::Mechanism(given) => {
                if let Number::Literal(mechanism) = given.mechanism {
                    mechanism.hash(&mut hasher);
                }
                std::mem::discriminant(&given.parameter).hash(&mut hasher);
            }
            Argument::Buffer(buffer) => {
                std::mem::discriminant::<BufferSize>(&buffer.size).hash(&mut hasher);
            }
            _ => {}
        }
    }
    hasher.finish()
}

/// As much of a call as decides, with what was returned, what there is to say of it: its function, its shape, what
/// it refers to, whether a number is 0, whether a template says that an object is private.
#[must_use]
pub fn look(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    (call.function as u16, shape(call)).hash(&mut hasher);
    visit::call(&mut call.clone(), &mut |place| {
        place.reference().map(|of| &of.name).hash(&mut hasher);
    });
    for argument in &call.arguments {
        match argument {
            Argument::Number(number) => (*number == Number::Literal(0)).hash(&mut hasher),
            Argument::Template(template) => says_privacy(&template.attributes).hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}

/// The names that a call refers to.
#[must_use]
pub fn references(call: &Call) -> Vec<String> {
    let mut names = Vec::new();
    visit::call(&mut call.clone(), &mut |place: Place<'_>| {
        names.extend(place.reference().map(|reference| reference.name.clone()));
    });
    names
}

/// The names of the sessions that a call is made on.
pub fn sessions(call: &Call) -> impl Iterator<Item = &str> {
    let parameters = call.function.parameters().iter().zip(&call.arguments);
    parameters.filter_map(|(parameter, argument)| match (parameter.kind, argument) {
        (ParameterKind::Ulong(Domain::Session), Argument::Number(Number::Reference(reference))) => {
            Some(reference.name.as_str())
        }
        _ => None,
    })
}

/// True if no memory is offered for the output: if that succeeds, the operation goes on ([PKCS11-Base 3.2] 5.2).
#[must_use]
pub fn is_question(call: &Call) -> bool {
    let mut given = call.function.parameters().iter().zip(&call.arguments);
    given.any(|(parameter, argument)| {
        parameter.kind == ParameterKind::OutBytes
            && match argument {
                Argument::Buffer(buffer) => buffer.size == BufferSize::Null,
                Argument::Null => true,
                _ => false,
            }
    })
}

/// True if lanes use a session at the same time, or may by its bare number, or one of them closes those of all: the
/// standard leaves undefined what comes of it ([PKCS11-Base 3.2] 5.1.2).
#[must_use]
pub fn shares_sessions(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Together(block) => is_shared(block),
        _ => false,
    })
}

fn is_shared(block: &Together) -> bool {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    block.lanes.iter().any(|lane| {
        let own: BTreeSet<&str> = calls(lane).flat_map(sessions).collect();
        let ends_all = |call: &Call| call.function == Function::C_CloseAllSessions;
        let undefined = |call: &Call| ends_all(call) || is_on_a_bare_session(call);
        let shared = !used.is_disjoint(&own) || calls(lane).any(undefined);
        used.extend(own);
        shared
    })
}

/// True if the call goes by the number of a session and not by its name; 0 is none.
fn is_on_a_bare_session(call: &Call) -> bool {
    let mut given = call.function.parameters().iter().zip(&call.arguments);
    given.any(|(parameter, argument)| {
        let session = parameter.kind == ParameterKind::Ulong(Domain::Session);
        session && matches!(argument, Argument::Number(Number::Literal(number)) if *number != 0)
    })
}

/// True if a template says whether the object is private.
#[must_use]
pub fn says_privacy(attributes: &[super::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.attribute == CKA_PRIVATE && matches!(attribute.value, AttributeValue::Bool(_))
    })
}
