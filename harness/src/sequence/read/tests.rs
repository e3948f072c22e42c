//! Tests of the YAML form: what is read, and what is said of mistakes.

use std::path::Path;

use super::*;
use crate::sequence::{Argument, Number};
use crate::yaml::Document;

fn read(text: &str) -> Result<Sequence, String> {
    let document = Document::parse(Path::new("suite.yaml"), text).map_err(|e| e.to_string())?;
    sequence(document.root()).map_err(|error| {
        let mark = error.mark().expect("every error has a place");
        format!("{}:{} {}", mark.line, mark.column, error.message())
    })
}

#[test]
fn a_step_is_read() {
    let sequence = read(
        "- C_Initialize\n\
         - C_OpenSession: { slot: $target.slot, flags: CKF_SERIAL_SESSION|CKF_RW_SESSION }\n  \
           gives: { session: $session }\n\
         - C_Sign: { session: $session, data: \"616263\", signature: { buffer: short } }\n  \
           returns: [CKR_BUFFER_TOO_SMALL, 0x80000001]\n  \
           expect: { signature: { length: { at-least: 32 } } }\n",
    )
    .expect("well formed");
    let calls: Vec<&Call> = sequence.calls().collect();
    assert_eq!(
        calls.iter().map(|call| call.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(calls[1].arguments[1], Argument::Number(Number::Literal(6)));
    assert_eq!(calls[2].returns, [0x150, 0x8000_0001]);
}

#[test]
fn one_word_stands_for_all_refusals_to_make_an_object() {
    let sequence = read(
        "- C_CreateObject: { session: dangling }\n  \
           not-applicable-on: [creation-refused, CKR_HOST_MEMORY]\n",
    )
    .expect("well formed");
    let call = sequence.calls().next().expect("a call");
    let mut expected = returns::CREATION_REFUSED.to_vec();
    expected.push(cryptoki_sys::CKR_HOST_MEMORY);
    assert_eq!(call.not_applicable, expected);
}

#[test]
fn mistakes_are_named_at_their_place() {
    for (text, message) in [
        (
            "- C_Initialise\n",
            "1:3 unknown function `C_Initialise`; did you mean `C_Initialize`?",
        ),
        (
            "- C_Login: { session: $s, usertype: CKU_USER }\n",
            "1:27 unknown parameter of C_Login `usertype`; did you mean `user_type`?",
        ),
        (
            "- C_Login: {}\n  returns: CKR_PIN_INCORECT\n",
            "2:12 unknown return value `CKR_PIN_INCORECT`; did you mean `CKR_PIN_INCORRECT`?",
        ),
        (
            "- C_Login: {}\n  retruns: CKR_OK\n",
            "2:3 unknown key of a step `retruns`; did you mean `returns`?",
        ),
        (
            "- C_CreateObject: { template: { CKA_LABLE: x } }\n",
            "1:33 unknown attribute `CKA_LABLE`; did you mean `CKA_LABEL`?",
        ),
        (
            "- C_CreateObject: { template: { CKA_CLASS: CKO_DATUM } }\n",
            "1:44 unknown constant `CKO_DATUM`; did you mean `CKO_DATA`?",
        ),
        (
            "- C_DigestUpdate: { part: 616263 }\n",
            "1:27 put hexadecimal digits in quotes",
        ),
        (
            "- C_GetInfo: {}\n  expect: { info.flag: 0 }\n",
            "2:13 unknown field of CK_INFO `flag`; did you mean `flags`?",
        ),
        (
            "- C_SignInit: { mechanism: { type: CKM_AES_GCM, parameter: { CK_GCM_PARAM: {} } } }\n",
            "1:62 unknown structure `CK_GCM_PARAM`; did you mean `CK_GCM_PARAMS`?",
        ),
        (
            "- C_GetSlotInfo: { slot: null }\n",
            "1:26 a number cannot be NULL; give 0 or CK_INVALID_HANDLE",
        ),
        (
            "- C_Logout: {}\n  C_Finalize: {}\n",
            "2:3 a second function `C_Finalize` in one step; give it a step of its own",
        ),
        (
            "- for-each: { in: $l, as: x, step: [] }\n",
            "1:30 unknown key `step`; did you mean `steps`?",
        ),
        (
            "- for-each: { in: $l, as: a b, steps: [] }\n",
            "1:27 `a b` is no reference; write `$name`, `$name.field`, `${name[0]}`, `$name.length` or `$name.length-1`",
        ),
        (
            "- C_Initialize: { init_args: { nss: a, rest: $target } }\n",
            "1:46 expected `$target`, in place of both `nss` and `reserved`",
        ),
        (
            "- in-child: [C_GetInfo, { in-child: [] }]\n",
            "1:13 a lane or child has no `together`, `in-child`, `reload`, `remove-token` or `insert-token` in it",
        ),
        (
            "- for-each: { in: $l, as: x, steps: [reload] }\n",
            "1:37 a loop has no `reload`, `remove-token` or `insert-token` in it",
        ),
        ("- pause: soon\n", "1:10 expected a number from 1 to 1000"),
        ("- together: []\n", "1:13 expected 1 to 8 lanes"),
        (
            "- together: [[C_GetInfo], C_GetInfo]\n",
            "1:27 expected a list of steps",
        ),
        (
            "- together: [[{ together: [[C_GetInfo]] }]]\n",
            "1:14 a lane or child has no `together`, `in-child`, `reload`, `remove-token` or `insert-token` in it",
        ),
        (
            "- together: [[]]\n  repeat: 0\n",
            "2:11 expected a number from 1 to 1000",
        ),
        (
            "- together: [[]]\n  returns: CKR_OK\n",
            "2:3 unknown key `returns`",
        ),
        (
            "- C_Sign: { data: { text: abc, flip: 3 } }\n",
            "1:32 unknown key `flip`",
        ),
        (
            "- C_CreateObject: { template: { CKA_WRAP_TEMPLATE: { attributes: {}, claim: 3 } } }\n",
            "1:54 unknown attribute `attributes`",
        ),
        (
            "- C_GetInfo: {}\n  gives: { $info: $info }\n",
            "2:12 an output has no dollar; write `info`",
        ),
        (
            "- C_GetInfo: {}\n  expect: { $x: 1, \"${x}\": 2 }\n",
            "2:20 this stands here already, spelt differently; write both relations under one",
        ),
    ] {
        assert_eq!(read(text).expect_err(text), message);
    }
}
