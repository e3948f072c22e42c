use super::*;
use crate::sequence::{AttributeValue, Capture, Reference};
use crate::worker::Returned;
use cryptoki_sys::{
    CKA_PRIVATE, CKF_ASYNC_SESSION, CKF_SERIAL_SESSION, CKR_ARGUMENTS_BAD, CKR_FUNCTION_FAILED,
    CKR_KEY_HANDLE_INVALID, CKR_MECHANISM_INVALID, CKR_OBJECT_HANDLE_INVALID,
    CKR_OPERATION_NOT_INITIALIZED, CKR_PENDING, CKR_SESSION_EXISTS, CKR_SESSION_HANDLE_INVALID,
    CKR_TEMPLATE_INCONSISTENT, CKR_USER_ALREADY_LOGGED_IN,
};

mod left_open;

fn on(number: u32, function: Function, handles: &[(&str, &str)]) -> Call {
    let mut call = Call::new(number, function);
    for (parameter, name) in handles {
        let place = function
            .parameters()
            .iter()
            .position(|p| p.name == *parameter);
        let place = place.expect("a parameter of the function");
        call.arguments[place] = Argument::named(name);
    }
    call
}

fn giving(mut call: Call, output: &str, name: &str) -> Call {
    call.gives = vec![Capture {
        output: Reference::to(output),
        name: name.to_owned(),
    }];
    call
}

fn trace(calls: &[Call], values: &[u64]) -> CaseTrace {
    let calls = calls.iter().zip(values).map(|(call, rv)| TraceCall {
        step: call.number,
        lane: None,
        function: call.function,
        question: false,
        start_ns: 0,
        returned: Some(Returned {
            rv: *rv,
            duration_ns: 0,
        }),
        outputs: Vec::new(),
        violations: Vec::new(),
        malformed: false,
    });
    CaseTrace {
        calls: calls.collect(),
        ..CaseTrace::default()
    }
}

fn step(calls: &[Call], target: &[u64], model: &[u64]) -> Option<u32> {
    let steps: Vec<&Call> = calls.iter().collect();
    disagreement(&steps, &trace(calls, target), &trace(calls, model)).map(|found| found.step)
}

fn sign() -> Vec<Call> {
    vec![
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        giving(
            on(2, Function::C_CreateObject, &[("session", "s0")]),
            "object",
            "o0",
        ),
        on(3, Function::C_SignInit, &[("session", "s0"), ("key", "o0")]),
        on(4, Function::C_Sign, &[("session", "s0")]),
        on(5, Function::C_CloseSession, &[("session", "s0")]),
    ]
}

#[test]
fn an_operation_that_is_lost_is_found() {
    let wrong = [0, 0, 0, CKR_OPERATION_NOT_INITIALIZED, 0];
    assert_eq!(step(&sign(), &wrong, &[0; 5]), Some(4));
    assert_eq!(step(&sign(), &[0; 5], &[0; 5]), None);
}

#[test]
fn a_session_that_one_side_keeps_is_in_the_way_of_its_token() {
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        on(2, Function::C_CloseSession, &[("session", "s0")]),
        on(3, Function::C_InitToken, &[]),
    ];
    let target = [0, CKR_FUNCTION_FAILED, CKR_SESSION_EXISTS];
    assert_eq!(step(&calls, &target, &[0; 3]), None);
    let closed = [0, 0, CKR_SESSION_EXISTS];
    assert_eq!(step(&calls, &closed, &[0; 3]), Some(3));
}

#[test]
fn an_object_may_outlive_that_its_token_is_initialised() {
    let mut calls = sign()[..2].to_vec();
    calls.push(on(3, Function::C_CloseSession, &[("session", "s0")]));
    calls.push(on(4, Function::C_InitToken, &[]));
    calls.push(giving(on(5, Function::C_OpenSession, &[]), "session", "s1"));
    let read = [("session", "s1"), ("object", "o0")];
    calls.push(on(6, Function::C_GetAttributeValue, &read));
    let model = [0, 0, 0, 0, 0, CKR_OBJECT_HANDLE_INVALID];
    assert_eq!(step(&calls, &[0; 6], &model), None);
}

#[test]
fn a_key_that_ends_an_operation_may_be_none() {
    let mut calls = sign();
    calls[2].arguments[1] = Argument::Null;
    let refused = [0, 0, CKR_KEY_HANDLE_INVALID, 0, 0];
    assert_eq!(step(&calls[..3], &refused, &[0; 5]), None);
    let another = [0, 0, CKR_SESSION_HANDLE_INVALID, 0, 0];
    assert_eq!(step(&calls[..3], &another, &[0; 5]), Some(3));
}

#[test]
fn what_comes_of_a_permitted_refusal_is_not_compared() {
    let lacks = [
        0,
        0,
        CKR_MECHANISM_INVALID,
        CKR_OPERATION_NOT_INITIALIZED,
        0,
    ];
    assert_eq!(step(&sign(), &lacks, &[0; 5]), None);
    let refuses = [
        0,
        CKR_TEMPLATE_INCONSISTENT,
        CKR_KEY_HANDLE_INVALID,
        CKR_OPERATION_NOT_INITIALIZED,
        0,
    ];
    assert_eq!(step(&sign(), &refuses, &[0; 5]), None);
}

#[test]
fn a_session_that_is_apart_is_not_compared_but_others_are() {
    let mut calls = sign();
    calls.push(giving(on(6, Function::C_OpenSession, &[]), "session", "s1"));
    calls.push(on(7, Function::C_GetSessionInfo, &[("session", "s1")]));
    let lacks = [
        0,
        0,
        CKR_MECHANISM_INVALID,
        CKR_OPERATION_NOT_INITIALIZED,
        0,
        0,
        CKR_SESSION_HANDLE_INVALID,
    ];
    assert_eq!(step(&calls, &lacks, &[0; 7]), Some(7));
}

#[test]
fn a_bare_handle_may_be_anybodys() {
    let mut call = Call::new(1, Function::C_CloseSession);
    call.arguments[0] = Argument::Number(Number::Literal(1));
    assert_eq!(
        step(&[call.clone()], &[0], &[CKR_SESSION_HANDLE_INVALID]),
        None
    );
    call.arguments[0] = Argument::Number(Number::Literal(0));
    assert_eq!(
        step(&[call.clone()], &[0], &[CKR_SESSION_HANDLE_INVALID]),
        Some(1)
    );
    call.arguments[0] = Argument::Number(Number::Dangling);
    assert_eq!(step(&[call], &[0], &[CKR_SESSION_HANDLE_INVALID]), Some(1));
}

#[test]
fn a_logout_hides_what_may_be_private() {
    let mut calls = sign();
    calls.truncate(2);
    calls.push(on(3, Function::C_Logout, &[("session", "s0")]));
    calls.push(on(
        4,
        Function::C_SignInit,
        &[("session", "s0"), ("key", "o0")],
    ));
    let model = [0, 0, 0, CKR_KEY_HANDLE_INVALID];
    assert_eq!(
        step(&calls, &[0; 4], &model),
        None,
        "the default of CKA_PRIVATE is the token's"
    );
    let private = crate::sequence::Template {
        attributes: vec![crate::sequence::Attribute {
            attribute: CKA_PRIVATE,
            value: AttributeValue::Bool(1),
        }],
        claim: None,
    };
    calls[1].arguments[1] = Argument::Template(private);
    assert_eq!(step(&calls, &[0; 4], &model), Some(4));
}

#[test]
fn when_everything_is_apart_nothing_is_compared() {
    let mut calls = sign();
    calls.insert(1, on(6, Function::C_Login, &[("session", "s0")]));
    let target = [0, 5, 0, 0, CKR_OPERATION_NOT_INITIALIZED, 0];
    assert_eq!(step(&calls, &target, &[0; 6]), None);
}

/// After the end of one handle its number may be that of the next of its kind.
#[test]
fn a_number_may_be_given_out_again() {
    let closed = |later: Vec<Call>| {
        let mut calls = vec![
            giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
            on(2, Function::C_CloseSession, &[("session", "s0")]),
        ];
        calls.extend(later);
        calls.push(on(9, Function::C_GetSessionInfo, &[("session", "s0")]));
        let mut model = vec![0; calls.len()];
        model[calls.len() - 1] = CKR_SESSION_HANDLE_INVALID;
        step(&calls, &vec![0; calls.len()], &model)
    };
    assert_eq!(closed(Vec::new()), Some(9), "nobody else can have it");
    let other = giving(on(3, Function::C_OpenSession, &[]), "session", "s1");
    assert_eq!(closed(vec![other]), None);
}

#[test]
fn a_slot_of_the_model_is_none_of_the_targets() {
    let mut call = Call::new(1, Function::C_GetSlotInfo);
    call.arguments[0] = Argument::Number(Number::Literal(1));
    let model = [cryptoki_sys::CKR_SLOT_ID_INVALID];
    assert_eq!(step(&[call.clone()], &[0], &model), None);
    call.arguments[0] = Argument::Number(Number::Reference(Reference::to("s0")));
    assert_eq!(step(&[call.clone()], &[0], &model), None, "what is s0?");
    call.arguments[0] = Argument::Number(Number::Dangling);
    assert_eq!(step(&[call], &[0], &model), Some(1));
}

/// A session closed by its bare number is the one that has it on the target, and none on the model.
#[test]
fn what_a_bare_handle_did_may_have_been_done_to_any() {
    let mut close = Call::new(2, Function::C_CloseSession);
    close.arguments[0] = Argument::Number(Number::Literal(1));
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        close,
        on(3, Function::C_GetSessionInfo, &[("session", "s0")]),
    ];
    let target = [0, 0, CKR_SESSION_HANDLE_INVALID];
    let model = [0, CKR_SESSION_HANDLE_INVALID, 0];
    assert_eq!(step(&calls, &target, &model), None);
    let refused = [0, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_HANDLE_INVALID];
    assert_eq!(
        step(&calls, &refused, &model),
        Some(3),
        "nothing was closed"
    );
}

/// So is one that is closed by a name whose number may be another's by now.
#[test]
fn what_an_old_handle_did_may_have_been_done_to_a_new_one() {
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        on(2, Function::C_CloseSession, &[("session", "s0")]),
        giving(on(3, Function::C_OpenSession, &[]), "session", "s1"),
        on(4, Function::C_CloseSession, &[("session", "s0")]),
        on(5, Function::C_GetSessionInfo, &[("session", "s1")]),
    ];
    let target = [0, 0, 0, 0, CKR_SESSION_HANDLE_INVALID];
    let model = [0, 0, 0, CKR_SESSION_HANDLE_INVALID, 0];
    assert_eq!(step(&calls, &target, &model), None);
}

/// The login ends with the last session, which is another one where more were opened.
#[test]
fn a_session_more_on_one_side_lets_logins_differ() {
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        on(2, Function::C_OpenSession, &[]),
        on(3, Function::C_CloseSession, &[("session", "s0")]),
        on(4, Function::C_Login, &[]),
    ];
    let refused = cryptoki_sys::CKR_ARGUMENTS_BAD;
    let logged_in = cryptoki_sys::CKR_USER_ALREADY_LOGGED_IN;
    let model = [0, refused, 0, 0];
    assert_eq!(step(&calls, &[0, 0, 0, logged_in], &model), None);
    let alike = [0, refused, 0, logged_in];
    assert_eq!(step(&calls, &alike, &model), Some(4));
}

/// An object of the token may have got the number that one of before C_Finalize had.
#[test]
fn an_object_of_before_may_have_become_one_of_the_tokens() {
    let calls = [
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        giving(
            on(2, Function::C_CreateObject, &[("session", "s0")]),
            "object",
            "o0",
        ),
        on(3, Function::C_Finalize, &[]),
        on(4, Function::C_Initialize, &[]),
        giving(on(5, Function::C_OpenSession, &[]), "session", "s1"),
        on(
            6,
            Function::C_EncryptInit,
            &[("session", "s1"), ("key", "o0")],
        ),
    ];
    let model = [0, 0, 0, 0, 0, CKR_KEY_HANDLE_INVALID];
    assert_eq!(step(&calls, &[0; 6], &model), None);
}

/// Whether an error of C_VerifyUpdate terminates an operation of C_VerifyRecoverInit is not said.
#[test]
fn an_error_may_end_an_operation_of_the_kind_with_recovery() {
    let calls = |init| {
        [
            giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
            on(2, init, &[("session", "s0")]),
            on(3, Function::C_VerifyUpdate, &[("session", "s0")]),
            on(4, Function::C_VerifyRecover, &[("session", "s0")]),
        ]
    };
    let none = CKR_OPERATION_NOT_INITIALIZED;
    let step = |init| step(&calls(init), &[0, 0, none, none], &[0, 0, none, 0]);
    assert_eq!(step(Function::C_VerifyRecoverInit), None);
    assert_eq!(step(Function::C_DigestInit), Some(4));
}

/// What the standard leaves open about operations side by side, across a logout, and in parts.
#[test]
fn freedom_that_depends_on_what_came_before_is_no_disagreement() {
    use cryptoki_sys::CKR_OPERATION_ACTIVE;
    let open = || giving(on(1, Function::C_OpenSession, &[]), "session", "s0");
    let call = |number, function| on(number, function, &[("session", "s0")]);
    let search = vec![
        open(),
        call(2, Function::C_FindObjectsInit),
        call(3, Function::C_DigestInit),
    ];
    assert_eq!(
        step(&search, &[0, 0, CKR_OPERATION_ACTIVE], &[0, 0, 0]),
        None
    );
    // On a session that never had one, no operation is active.
    let fresh = vec![open(), call(2, Function::C_DigestInit)];
    assert_eq!(step(&fresh, &[0, CKR_OPERATION_ACTIVE], &[0, 0]), Some(2));
    let not_begun = CKR_OPERATION_NOT_INITIALIZED;
    let logout = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_Logout),
        call(4, Function::C_DigestUpdate),
    ];
    assert_eq!(step(&logout, &[0, 0, 0, 0], &[0, 0, 0, not_begun]), None);
    let parts = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_DigestUpdate),
        call(4, Function::C_DigestUpdate),
    ];
    assert_eq!(
        step(&parts, &[0, 0, not_begun, not_begun], &[0, 0, 0, 0]),
        None
    );
    assert_eq!(step(&parts, &[0, 0, 0, not_begun], &[0, 0, 0, 0]), Some(4));
    let dual = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_DigestEncryptUpdate),
        call(4, Function::C_DigestFinal),
    ];
    assert_eq!(
        step(&dual, &[0, 0, not_begun, not_begun], &[0, 0, not_begun, 0]),
        None
    );
    let key = [
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_DigestKey),
    ];
    let key = [&key[..], &[call(4, Function::C_DigestFinal)]].concat();
    let refused = CKR_KEY_HANDLE_INVALID;
    assert_eq!(
        step(&key, &[0, 0, refused, not_begun], &[0, 0, refused, 0]),
        None
    );
    // Side by side or not; but never two of a kind.
    let active = CKR_OPERATION_ACTIVE;
    let both = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_SignInit),
    ];
    assert_eq!(step(&both, &[0, 0, 0], &[0, 0, active]), None);
    let twice = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_DigestInit),
    ];
    assert_eq!(step(&twice, &[0, 0, 0], &[0, 0, active]), Some(3));
    // The model has no parts for some mechanisms; with nothing begun there are none for any.
    let update = vec![
        open(),
        call(2, Function::C_DigestInit),
        call(3, Function::C_DigestUpdate),
    ];
    assert_eq!(step(&update, &[0, 0, 0], &[0, 0, not_begun]), None);
    let alone = vec![open(), call(2, Function::C_DigestUpdate)];
    assert_eq!(step(&alone, &[0, 0], &[0, not_begun]), Some(2));
}

/// openCryptoki looks for the key again with every call.
#[test]
fn an_operation_may_be_over_once_its_key_is_gone() {
    let began = |session: &'static str| {
        vec![
            giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
            giving(on(2, Function::C_OpenSession, &[]), "session", "s1"),
            giving(
                on(3, Function::C_CreateObject, &[("session", session)]),
                "object",
                "o0",
            ),
            giving(
                on(4, Function::C_CreateObject, &[("session", session)]),
                "object",
                "o1",
            ),
            on(
                5,
                Function::C_EncryptInit,
                &[("session", "s0"), ("key", "o0")],
            ),
        ]
    };
    let encrypts = on(7, Function::C_Encrypt, &[("session", "s0")]);
    let after = |between: Call, session| {
        let calls = [began(session), vec![between, encrypts.clone()]].concat();
        let gone = CKR_KEY_HANDLE_INVALID;
        step(&calls, &[0, 0, 0, 0, 0, 0, gone], &[0; 7])
    };
    let destroys = |object| {
        let given = [("session", "s1"), ("object", object)];
        after(on(6, Function::C_DestroyObject, &given), "s0")
    };
    assert_eq!(destroys("o0"), None);
    assert_eq!(destroys("o1"), Some(7), "it has nothing to do with it");
    let closes = on(6, Function::C_CloseSession, &[("session", "s1")]);
    assert_eq!(after(closes, "s1"), None);
    let asks = on(6, Function::C_GetSessionInfo, &[("session", "s1")]);
    assert_eq!(after(asks, "s1"), Some(7));
}

/// The first session and the first object may well both be number 1.
#[test]
fn a_handle_of_another_kind_may_be_anybodys() {
    let calls = vec![
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        giving(
            on(2, Function::C_CreateObject, &[("session", "s0")]),
            "object",
            "o0",
        ),
        on(3, Function::C_FindObjectsInit, &[("session", "o0")]),
    ];
    let invalid = CKR_SESSION_HANDLE_INVALID;
    assert_eq!(step(&calls, &[0, 0, 0], &[0, 0, invalid]), None);
}

#[test]
fn another_digest_of_known_data_is_a_disagreement() {
    use crate::sequence::{Bytes, Content, ParameterValue, Value};
    let mut calls = vec![
        giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
        on(2, Function::C_DigestInit, &[("session", "s0")]),
        on(3, Function::C_Digest, &[("session", "s0")]),
    ];
    calls[1].arguments[1] = Argument::mechanism(cryptoki_sys::CKM_SHA256, ParameterValue::None);
    calls[2].arguments[1] = Argument::Bytes(Bytes::of(Content::Literal(vec![1, 2])));
    let giving = |calls: &[Call], bytes: &[u8]| {
        let mut trace = trace(calls, &[0; 3]);
        trace.calls[2].outputs = vec![(2, Value::Bytes(bytes.to_vec()))];
        trace
    };
    let found = |calls: &[Call], given: &[u8]| {
        let steps: Vec<&Call> = calls.iter().collect();
        disagreement(&steps, &giving(calls, given), &giving(calls, &[7; 32]))
    };
    assert_eq!(found(&calls, &[7; 32]), None);
    let wrong = found(&calls, &[7; 31]).expect("a disagreement");
    assert_eq!((wrong.step, wrong.returned), (3, CKR_OK));
    let output = wrong.output.expect("a wrong output");
    assert_eq!(output.name, "digest");
    assert_eq!(
        output.found.to_string(),
        format!("{}… (31 bytes)", "07".repeat(16))
    );
    // Of random data nobody knows the digest.
    calls[2].arguments[1] = Argument::Bytes(Bytes::of(Content::Reference(Reference::to("b0"))));
    assert_eq!(found(&calls, &[7; 31]), None);
}

#[test]
fn a_handle_that_is_given_for_flags_has_other_bits_on_each_side() {
    let calls = |flags: &str| {
        vec![
            giving(on(1, Function::C_OpenSession, &[]), "session", "s0"),
            on(2, Function::C_FindObjectsInit, &[("session", "s0")]),
            on(
                3,
                Function::C_SessionCancel,
                &[("session", "s0"), ("flags", flags)],
            ),
            on(4, Function::C_FindObjects, &[("session", "s0")]),
        ]
    };
    let ended = [0, 0, 0, CKR_OPERATION_NOT_INITIALIZED];
    assert_eq!(step(&calls("s0"), &ended, &[0; 4]), None);
    // What the sequence knows of the target is the same for both.
    assert_eq!(step(&calls("target"), &ended, &[0; 4]), Some(4));
}
