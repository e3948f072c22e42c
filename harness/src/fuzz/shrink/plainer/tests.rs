//! What is plainer than an argument, and what shrinking makes of it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::fuzz::shrink::{Budget, shrink};
use crate::sequence::decode::Decoded;
use crate::sequence::{Value, read, write};
use crate::yaml::Document;

/// Two sessions and two objects.
const BEGINNING: &str = "\
- C_OpenSession: { flags: CKF_SERIAL_SESSION }
  gives: { session: $s0 }
- C_OpenSession: { flags: CKF_SERIAL_SESSION }
  gives: { session: $s1 }
- C_CreateObject: { session: $s0, template: { CKA_CLASS: CKO_DATA } }
  gives: { object: $o0 }
- C_GenerateKey: { session: $s1, mechanism: CKM_AES_KEY_GEN, template: { CKA_VALUE_LEN: 16 } }
  gives: { key: $o1 }
- C_DigestFinal: { session: $s1, digest: { buffer: 64 } }
  gives: { digest: $d }
";

fn sequence(text: &str) -> Sequence {
    let document = Document::parse(Path::new("t.yaml"), text).expect("YAML");
    read::sequence(document.root()).expect("steps")
}

fn decoded(text: &str) -> Decoded {
    let sequence = sequence(text);
    let names = sequence.calls().flat_map(|call| &call.gives);
    let given = names.map(|capture| (capture.name.clone(), Value::Number(0)));
    Decoded {
        given: given.collect(),
        sequence,
        shares_login: false,
        own_token: false,
    }
}

/// The steps as a suite has them.
fn shown(sequence: &Sequence) -> serde_json::Value {
    write::steps(&sequence.steps)
}

/// What is plainer in the place of each argument of the last call, as a suite has the call.
fn alternatives(
    text: &str,
    plainer: impl Fn(&Call, usize, &[Handle]) -> Vec<Argument>,
) -> Vec<serde_json::Value> {
    let whole = sequence(&format!("{BEGINNING}{text}"));
    let handles = handles(&whole);
    let last = whole.calls().last().expect("a call");
    let mut all = Vec::new();
    for place in 0..last.arguments.len() {
        for argument in plainer(last, place, &handles) {
            let mut call = last.clone();
            call.arguments[place] = argument;
            let step = crate::sequence::Step::Call(Box::new(call));
            all.push(write::steps(&[step]));
        }
    }
    all
}

fn expected(texts: &[&str]) -> Vec<serde_json::Value> {
    texts.iter().map(|text| shown(&sequence(text))).collect()
}

#[test]
fn numbers_and_references_have_what_is_plainer_than_they_are() {
    for (text, wanted) in [
        // Handles.
        ("- C_GetSessionInfo: { session: $s0 }", &[] as &[&str]),
        (
            "- C_GetSessionInfo: { session: $s1 }",
            &["- C_GetSessionInfo: { session: $s0 }"],
        ),
        (
            "- C_DestroyObject: { session: $s0, object: $o1 }",
            &["- C_DestroyObject: { session: $s0, object: $o0 }"],
        ),
        (
            "- C_DestroyObject: { session: 77, object: 1 }",
            &[
                "- C_DestroyObject: { session: 0, object: 1 }",
                "- C_DestroyObject: { session: 77, object: 0 }",
            ],
        ),
        ("- C_DestroyObject: { session: dangling, object: 0 }", &[]),
        (
            "- C_DeriveKey: { session: $s0, mechanism: { type: CKM_CONCATENATE_BASE_AND_KEY, parameter: { ulong: $o1 } }, \
             base_key: $o0 }",
            &[
                "- C_DeriveKey: { session: $s0, mechanism: { type: CKM_CONCATENATE_BASE_AND_KEY, parameter: { ulong: $o0 } }, \
                 base_key: $o0 }",
            ],
        ),
        // Numbers, with what a number must not become.
        (
            "- C_OpenSession: { flags: 0x80000006 }",
            &[
                "- C_OpenSession: { flags: 0 }",
                "- C_OpenSession: { flags: 6 }",
                "- C_OpenSession: { flags: 0x80000004 }",
            ],
        ),
        (
            "- C_OpenSession: { flags: CKF_SERIAL_SESSION }",
            &["- C_OpenSession: { flags: 0 }"],
        ),
        ("- C_OpenSession: { flags: 0 }", &[]),
        ("- C_GetTokenInfo: { slot: 77 }", &[]),
        ("- C_GetMechanismInfo: { type: CKM_SHA256 }", &[]),
        ("- C_Login: { session: 0, user_type: 7, pin: null }", &[]),
        ("- C_InitToken: { slot: 7 }", &[]),
        ("- C_WaitForSlotEvent: { flags: CKF_DONT_BLOCK }", &[]),
        // Outputs.
        (
            "- C_DigestUpdate: { session: $s0, part: $d }",
            &[
                "- C_DigestUpdate: { session: $s0, part: { repeat: '00', count: 0 } }",
                "- C_DigestUpdate: { session: $s0, part: { repeat: '00', count: 16 } }",
            ],
        ),
        ("- C_DigestUpdate: { session: $s0, part: '0102' }", &[]),
    ] {
        assert_eq!(alternatives(text, plainer), expected(wanted), "{text}");
    }
}

#[test]
fn structures_are_taken_apart_by_field() {
    let call = |parameter: &str| {
        format!(
            "- C_EncryptInit: {{ session: $s0, key: $o1, mechanism: {{ type: CKM_AES_GCM, parameter: {parameter} }} }}"
        )
    };
    for (parameter, wanted) in [
        (
            "{ CK_GCM_PARAMS: { pIv: '0102', ulTagBits: 128 } }",
            &[
                "{ CK_GCM_PARAMS: { ulTagBits: 128 } }",
                "{ CK_GCM_PARAMS: { pIv: '0102' } }",
            ] as &[&str],
        ),
        ("{ CK_GCM_PARAMS: {} }", &[]),
        ("'00112233'", &[]),
    ] {
        let wanted: Vec<String> = wanted.iter().map(|parameter| call(parameter)).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let fewer = |call: &Call, place: usize, _: &[Handle]| fewer_fields(&call.arguments[place]);
        let text = call(parameter);
        assert_eq!(alternatives(&text, fewer), expected(&wanted), "{text}");
    }
}

/// What shrinking leaves, as a suite has it, and how many candidates it tried.
fn shrunk(text: &str, shows: &dyn Fn(&Sequence) -> bool) -> (serde_json::Value, usize) {
    let mut budget = Budget::of(Duration::from_secs(60));
    let Ok(shrunk) = shrink(decoded(text), &mut budget, &mut |candidate: &Decoded| {
        Ok::<_, Infallible>(shows(&candidate.sequence))
    });
    (shown(&shrunk.sequence), budget.tries)
}

/// An operation that is begun and ended in one session, whichever: the session that was opened for it alone goes.
#[test]
fn one_session_does_where_any_does() {
    let noise =
        "- C_GetSessionInfo: { session: $s0 }\n- C_DigestUpdate: { session: $s1, part: $d }\n";
    let mut text = BEGINNING.replace(
        "C_GenerateKey: { session: $s1",
        "C_GenerateKey: { session: $s0",
    );
    for round in 0..95 {
        text += noise;
        if round == 60 {
            writeln!(
                text,
                "- C_EncryptInit: {{ session: $s1, key: $o1, mechanism: CKM_AES_ECB }}"
            )
            .expect("a text grows");
        }
    }
    text += "- C_EncryptFinal: { session: $s1, last_encrypted_part: { buffer: exact } }\n";
    let operation = |candidate: &Sequence| {
        let of = |function| candidate.calls().find(|call| call.function == function);
        let (init, last) = (of(Function::C_EncryptInit), of(Function::C_EncryptFinal));
        let session = |call: Option<&Call>| call.map(|call| call.arguments[0].clone());
        let is_open = |call: Option<&Call>| {
            let mut opened = candidate.calls().flat_map(|call| &call.gives);
            opened.any(|capture| session(call) == Some(Argument::named(&capture.name)))
        };
        let is_whole = is_open(last) && is_open(of(Function::C_GenerateKey));
        is_whole && init.is_some() && session(init) == session(last)
    };
    let (left, tries) = shrunk(&text, &operation);
    assert_eq!(left.as_array().map(Vec::len), Some(4), "{left:#}");
    assert!(!left.to_string().contains("s1"), "{left:#}");
    assert!(tries < 300, "{tries} tries");
}

#[test]
fn lanes_keep_a_session_each() {
    let text = format!(
        "{BEGINNING}- together:\n  - [C_GetSessionInfo: {{ session: $s0 }}]\n  - [C_GetSessionInfo: {{ session: $s1 }}]\n"
    );
    assert_eq!(handles(&sequence(&text)), []);
    let both = |candidate: &Sequence| {
        let sessions = |call: &Call| call.function == Function::C_GetSessionInfo;
        candidate.has_lanes() && candidate.calls().filter(|call| sessions(call)).count() == 2
    };
    let (left, _) = shrunk(&text, &both);
    let block = json!(left.as_array().and_then(|steps| steps.last()));
    for session in ["${s0}", "${s1}"] {
        assert!(block.to_string().contains(session), "{block:#}");
    }
}

/// A field that a legal call gives stays; one beside something else that is wrong goes.
#[test]
fn structures_of_legal_calls_stay_whole() {
    for (key, kept) in [("$o1", true), ("dangling", false)] {
        let text = format!(
            "{BEGINNING}- C_EncryptInit: {{ session: $s1, key: {key}, mechanism: {{ type: CKM_AES_GCM, \
             parameter: {{ CK_GCM_PARAMS: {{ pIv: '0102', ulTagBits: 128 }} }} }} }}\n"
        );
        let shows = |candidate: &Sequence| {
            let mut parameters = candidate.calls().flat_map(|call| &call.arguments);
            parameters.any(|argument| match argument {
                Argument::Mechanism(given) => {
                    matches!(given.parameter, ParameterValue::Structure(_))
                }
                _ => false,
            })
        };
        let (left, _) = shrunk(&text, &shows);
        assert_eq!(left.to_string().contains("ulTagBits"), kept, "{left:#}");
    }
}
