//! Handles that are none: of sessions ([PKCS11-Base 3.2] 5.1.2), slots and objects (5.1.6).

use cryptoki_sys::*;

use super::answer::{Answer, takes, uses_session};
use super::draft::{Draft, number, open_session, session};
use super::honest;
use crate::cryptoki::function::Domain;
use crate::cryptoki::{Function, ParameterKind};
use crate::plan::Ladder;
use crate::sequence::{Argument, Call, Capture, Number, Reference};

/// Puts `argument` wherever the function takes a `domain`.
fn with(mut call: Call, domain: Domain, argument: &Argument) -> Call {
    let kind = ParameterKind::Ulong(domain);
    for (parameter, given) in call.function.parameters().iter().zip(&mut call.arguments) {
        if parameter.kind == kind {
            *given = argument.clone();
        }
    }
    call
}

/// A session handle that was never given out, that is 0, or whose session was closed. By 5.1.7 no
/// other mistake in the call may be answered before this one.
pub(super) fn sessions(function: Function) -> Vec<Draft> {
    if !uses_session(function) {
        return Vec::new();
    }
    let call = honest::call(function);
    let answer = Answer::of(function, &[CKR_SESSION_HANDLE_INVALID]);
    let draft = |id, what: &str| {
        Draft::new(id, "5.1.2", Ladder::Initialized)
            .title(format!("{function} refuses {what}"))
            .needs(&honest::needs(function))
    };
    let closed = Call {
        arguments: vec![session()],
        ..Call::new(0, Function::C_CloseSession)
    };
    let dangling = Argument::Number(Number::Dangling);
    vec![
        draft(
            "session-never-opened",
            "a session handle that was never given out",
        )
        .judged(
            with(call.clone(), Domain::Session, &dangling),
            answer.clone(),
        ),
        draft("session-zero", "CK_INVALID_HANDLE as the session").judged(
            with(call.clone(), Domain::Session, &number(CK_INVALID_HANDLE)),
            answer.clone(),
        ),
        draft("session-closed", "the handle of a session that was closed")
            .fixture(open_session())
            .fixture(closed)
            .judged(call, answer.tolerating([CKR_SESSION_CLOSED])),
    ]
}

/// A slot that does not exist. 5.1.7 lets what 5.1.3 says of tokens go before.
pub(super) fn slots(function: Function) -> Vec<Draft> {
    if !takes(function, ParameterKind::Ulong(Domain::Slot)) {
        return Vec::new();
    }
    let dangling = Argument::Number(Number::Dangling);
    let call = with(honest::call(function), Domain::Slot, &dangling);
    // A slot that does not exist has no token, and no mechanism.
    let other = match function {
        Function::C_GetMechanismInfo => CKR_MECHANISM_INVALID,
        _ => CKR_TOKEN_NOT_PRESENT,
    };
    let answer = Answer::of(function, &[CKR_SLOT_ID_INVALID]).tolerating([other]);
    let draft = Draft::new("slot-unknown", "5.1.6", Ladder::Initialized)
        .title(format!("{function} refuses a slot that does not exist"))
        .needs(&honest::needs(function))
        .judged(call, answer);
    vec![draft]
}

/// Functions that take an object and no mechanism, and where in their arguments.
const ON_OBJECTS: [Function; 5] = [
    Function::C_CopyObject,
    Function::C_DestroyObject,
    Function::C_GetObjectSize,
    Function::C_GetAttributeValue,
    Function::C_SetAttributeValue,
];

/// An object handle that was never given out, that is 0, or whose object was destroyed.
pub(super) fn objects(function: Function) -> Vec<Draft> {
    if !ON_OBJECTS.contains(&function) {
        return Vec::new();
    }
    // Nobody is logged in: for all that the caller may know, there is a private object behind it.
    let answer =
        Answer::of(function, &[CKR_OBJECT_HANDLE_INVALID]).tolerating([CKR_USER_NOT_LOGGED_IN]);
    // A label may be given to any object, to its copy too.
    let call = match function {
        Function::C_CopyObject | Function::C_SetAttributeValue => labelling(function),
        _ => honest::call(function),
    };
    let draft = |id, what: &str| {
        Draft::new(id, "5.1.6", Ladder::RwSession).title(format!("{function} refuses {what}"))
    };
    let object = Argument::named("object");
    let destroy = Call {
        arguments: vec![session(), object.clone()],
        ..Call::new(0, Function::C_DestroyObject)
    };
    vec![
        draft(
            "object-never-created",
            "an object handle that was never given out",
        )
        .judged(call.clone(), answer.clone()),
        draft("object-zero", "CK_INVALID_HANDLE as the object").judged(
            with(call.clone(), Domain::Object, &number(CK_INVALID_HANDLE)),
            answer.clone(),
        ),
        draft(
            "object-destroyed",
            "the handle of an object that was destroyed",
        )
        .fixture(honest::data_object())
        .fixture(destroy)
        .judged(with(call, Domain::Object, &object), answer),
    ]
}

fn labelling(function: Function) -> Call {
    let mut call = honest::call(function);
    for (parameter, given) in function.parameters().iter().zip(&mut call.arguments) {
        if parameter.kind == ParameterKind::Template {
            *given = honest::label();
        }
    }
    call
}

/// Keeps the object that a call gives under the name `object`.
pub(super) fn kept(call: Call) -> Call {
    Call {
        gives: vec![Capture {
            output: Reference::to("object"),
            name: "object".to_owned(),
        }],
        ..call
    }
}
