//! [PKCS11-Base 3.2] 5.1.6: before C_Initialize and after C_Finalize a function answers
//! CKR_CRYPTOKI_NOT_INITIALIZED.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::answer::{Answer, uses_session};
use super::draft::{Draft, open_session};
use super::honest;
use crate::cryptoki::function::Domain;
use crate::cryptoki::{Function, ParameterKind, returns};
use crate::plan::Ladder;
use crate::sequence::{Argument, Call, Number};

/// 5.1.6 names these as the ones that work before C_Initialize.
const EXEMPT: [Function; 4] = [
    Function::C_Initialize,
    Function::C_GetFunctionList,
    Function::C_GetInterfaceList,
    Function::C_GetInterface,
];

pub(super) fn cases(function: Function) -> Vec<Draft> {
    if EXEMPT.contains(&function) {
        return Vec::new();
    }
    vec![before(function), after(function)]
}

fn before(function: Function) -> Draft {
    let mut call = honest::call(function);
    for (parameter, argument) in function.parameters().iter().zip(&mut call.arguments) {
        if parameter.kind == ParameterKind::Ulong(Domain::Session) {
            *argument = Argument::Number(Number::Dangling);
        }
    }
    Draft::new("not-initialized", "5.1.6", Ladder::Loaded)
        .title(format!("{function} before C_Initialize is refused"))
        .level(level(function))
        .class(Class::A)
        .needs(&honest::needs(function))
        .judged(call, answer(function))
}

fn after(function: Function) -> Draft {
    let mut draft = Draft::new("finalized", "5.1.6", Ladder::Loaded)
        .title(format!("{function} after C_Finalize is refused"))
        .level(level(function))
        .class(Class::A)
        .needs(&honest::needs(function))
        .fixture(Call::new(0, Function::C_Initialize));
    if uses_session(function) {
        draft = draft.fixture(open_session());
    }
    draft
        .fixture(Call::new(0, Function::C_Finalize))
        .judged(honest::call(function), answer(function))
}

/// By 5.1.2 there is no session that a function could use. Of the others 5.4 says that an application
/// may not call them yet, and 5.1.6 what they "can" return; no sentence says that they must.
fn level(function: Function) -> Level {
    match uses_session(function) {
        true => Level::Must,
        false => Level::Should,
    }
}

/// Values that speak of what does not exist before C_Initialize: objects, slots, and mechanisms of
/// slots.
const ABSENT: [CK_RV; 6] = [
    CKR_OBJECT_HANDLE_INVALID,
    CKR_KEY_HANDLE_INVALID,
    CKR_WRAPPING_KEY_HANDLE_INVALID,
    CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    CKR_SLOT_ID_INVALID,
    CKR_MECHANISM_INVALID,
];

/// By 5.1.7 what 5.1.2 says of sessions goes before what 5.1.6 says, and among the latter any value
/// that applies is right.
fn answer(function: Function) -> Answer {
    let session = uses_session(function).then_some(CKR_SESSION_HANDLE_INVALID);
    let absent = ABSENT.into_iter();
    let listed = absent.filter(|value| returns::is_listed(function, *value));
    Answer::of(function, &[CKR_CRYPTOKI_NOT_INITIALIZED]).or(session.into_iter().chain(listed))
}
