//! Functions that continue an operation of which there is none: [PKCS11-Base 3.2] 5.1.6,
//! CKR_OPERATION_NOT_INITIALIZED. And a search or a digest that is begun twice.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::answer::{Answer, takes};
use super::draft::Draft;
use super::honest;
use crate::cryptoki::function::Domain;
use crate::cryptoki::{Function, ParameterKind, returns};
use crate::plan::{Ladder, MechanismNeed, Needs};
use crate::sequence::Call;

pub(super) fn cases(function: Function) -> Vec<Draft> {
    let idle = continues(function).then(|| idle(function));
    idle.into_iter().chain(twice(function)).collect()
}

/// True if the function goes on with an operation or ends it. Those that only list the value because
/// they cancel, save or restore whatever is active have rules of their own.
pub(super) fn continues(function: Function) -> bool {
    use Function::*;
    let begins = function.name().ends_with("Init");
    let other = [
        // For a login that an operation asks for.
        C_Login,
        C_LoginUser,
        C_SessionCancel,
        C_SetOperationState,
        C_AsyncComplete,
        C_AsyncGetID,
        C_AsyncJoin,
    ];
    !begins
        && !other.contains(&function)
        && returns::is_listed(function, CKR_OPERATION_NOT_INITIALIZED)
}

fn idle(function: Function) -> Draft {
    // C_DigestKey is given no key either; neither mistake goes before the other (5.1.6).
    let keyed = takes(function, ParameterKind::Ulong(Domain::Object));
    let keys = [CKR_KEY_HANDLE_INVALID].into_iter().filter(|_| keyed);
    let messages = takes(function, ParameterKind::MessageParameter);
    let parameter = [CKR_ARGUMENTS_BAD, CKR_MECHANISM_PARAM_INVALID];
    let parameters = parameter.into_iter().filter(|_| messages);
    // 5.1.6: certain tokens want a user for whatever is cryptographic.
    let answer = Answer::of(function, &[CKR_OPERATION_NOT_INITIALIZED])
        .or(keys)
        .or([CKR_USER_NOT_LOGGED_IN]
            .into_iter()
            .filter(|_| !is_search(function)))
        .tolerating(parameters);
    // 5.6.6 says so of a state with nothing to save in it with a "should".
    let level = match function {
        Function::C_GetOperationState => Level::Should,
        _ => Level::Must,
    };
    Draft::new("nothing-begun", "5.1.6", Ladder::Session)
        .title(format!("{function} without an operation is refused"))
        .class(Class::A)
        .level(level)
        .judged(honest::call(function), answer)
}

fn is_search(function: Function) -> bool {
    matches!(
        function,
        Function::C_FindObjects | Function::C_FindObjectsFinal
    )
}

/// What can be begun without a key.
fn twice(function: Function) -> Option<Draft> {
    let needs = match function {
        Function::C_DigestInit => Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: CKM_SHA256,
                flags: CKF_DIGEST,
                key_size: None,
            }],
            ..Needs::default()
        },
        Function::C_FindObjectsInit => Needs::default(),
        _ => return None,
    };
    let answer = Answer::of(function, &[CKR_OPERATION_ACTIVE]);
    Some(
        Draft::new("begun-twice", "5.1.6", Ladder::Session)
            .title(format!(
                "{function} is refused while its operation is active"
            ))
            .class(Class::A)
            .needs(&needs)
            .fixture(Call {
                // Certain tokens want a user for whatever is cryptographic (5.1.6).
                not_applicable: vec![CKR_USER_NOT_LOGGED_IN],
                ..honest::call(function)
            })
            .judged(honest::call(function), answer),
    )
}
