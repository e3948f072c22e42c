//! What is left to a token, and what is told of it though nothing is contradicted.

use super::*;

/// What a list leaves out may be a gap in it: a contradiction, even a later one, says more.
#[test]
fn a_value_that_no_list_has_is_told_where_nothing_is_contradicted() {
    let listed = [0, 0, CKR_MECHANISM_INVALID, CKR_FUNCTION_FAILED, 0];
    assert_eq!(step(&sign(), &listed, &[0; 5]), None);
    let unlisted = [0, 0, CKR_SESSION_EXISTS, CKR_OPERATION_NOT_INITIALIZED, 0];
    let steps = sign();
    let steps: Vec<&Call> = steps.iter().collect();
    let found = |target: &[u64], model: &[u64]| {
        let found = disagreement(&steps, &trace(&sign(), target), &trace(&sign(), model));
        found.map(|found| (found.step, found.is_about_a_list()))
    };
    assert_eq!(found(&unlisted, &[0; 5]), Some((3, true)));
    assert_eq!(found(&unlisted, &unlisted), None, "the model says so, too");
    let mut refused = unlisted;
    refused[2] = CKR_MECHANISM_INVALID;
    assert_eq!(found(&unlisted, &refused), Some((3, true)));
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        giving(on(2, Function::C_OpenSession, &[]), "session", "s1"),
        on(3, Function::C_DigestInit, &[("session", "s0")]),
        on(4, Function::C_CloseSession, &[("session", "s1")]),
    ];
    let contradicted = [0, 0, CKR_SESSION_EXISTS, CKR_SESSION_HANDLE_INVALID];
    assert_eq!(step(&calls, &contradicted, &[0; 4]), Some(4));
}

/// Who does not know the flag leaves it out, and says so.
#[test]
fn a_session_that_may_be_asynchronous_is_not_compared() {
    for (flags, wanted) in [
        (CKF_SERIAL_SESSION, Some(2)),
        (CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, None),
    ] {
        let mut open = giving(on(1, Function::C_OpenSession, &[]), "session", "s0");
        open.arguments[1] = Argument::Number(Number::Literal(flags));
        let calls = [
            open,
            on(2, Function::C_GetSessionInfo, &[("session", "s0")]),
        ];
        let refused = [0, CKR_SESSION_HANDLE_INVALID];
        assert_eq!(step(&calls, &refused, &[0; 2]), wanted);
    }
}

/// Logs in with so many PINs that both sides find wrong, and with another one; the model refuses that, too, and the target says this.
fn after_wrong_pins(count: u32, last: u64) -> Option<u32> {
    let login = |number| on(number, Function::C_Login, &[("session", "s0")]);
    let mut calls = vec![giving(on(1, Function::C_OpenSession, &[]), "session", "s0")];
    calls.extend((2..count + 3).map(login));
    let mut model = vec![0];
    model.extend((0..count).map(|_| CKR_PIN_INCORRECT));
    let mut target = model.clone();
    model.push(CKR_PIN_INCORRECT);
    target.push(last);
    step(&calls, &target, &model)
}

#[test]
fn what_a_token_does_after_some_wrong_pins_is_left_to_it() {
    assert_eq!(after_wrong_pins(0, CKR_OK), Some(2));
    assert_eq!(after_wrong_pins(2, CKR_OK), Some(4));
    assert_eq!(after_wrong_pins(3, CKR_OK), None);
    assert_eq!(after_wrong_pins(1, CKR_PIN_LOCKED), None);
}

#[test]
fn a_pin_that_is_not_changed_may_end_the_login() {
    let calls = |function| {
        vec![
            giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
            on(2, function, &[("session", "s0")]),
            on(3, Function::C_Login, &[("session", "s0")]),
        ]
    };
    let target = [0, CKR_ARGUMENTS_BAD, 0];
    let model = [0, CKR_ARGUMENTS_BAD, CKR_USER_ALREADY_LOGGED_IN];
    assert_eq!(step(&calls(Function::C_SetPIN), &target, &model), None);
    let other = calls(Function::C_GenerateRandom);
    assert_eq!(step(&other, &target, &model), Some(3));
}

#[test]
fn once_something_is_pending_nothing_is_compared() {
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        giving(
            on(2, Function::C_GenerateKey, &[("session", "s0")]),
            "key",
            "o0",
        ),
        on(3, Function::C_GetSessionInfo, &[("session", "s0")]),
    ];
    let lost = [CKR_OK, CKR_OK, CKR_SESSION_HANDLE_INVALID];
    assert_eq!(step(&calls, &lost, &[CKR_OK; 3]), Some(3));
    let pending = [CKR_OK, CKR_PENDING, CKR_OK];
    let lost = [CKR_OK, CKR_PENDING, CKR_SESSION_HANDLE_INVALID];
    assert_eq!(step(&calls, &lost, &pending), None);
}
