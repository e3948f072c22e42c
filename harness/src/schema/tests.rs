//! The schemas against what the readers read: shipped files, a step of every shape, and mistakes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value as Json, json};

use super::*;
use crate::plan::Suite;
use crate::sequence::write;
use crate::sequence::write::tests::EVERYTHING;
use crate::yaml::{Document, Kind, Node};

static SUITE: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&suite_schema()).expect("a schema"));
static TARGET: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&target_schema()).expect("a schema"));

/// A document as an editor sees it.
fn as_json(node: &Node) -> Json {
    match &node.kind {
        Kind::Null => Json::Null,
        Kind::Bool(value) => json!(value),
        Kind::Unsigned(value) => json!(value),
        Kind::Signed(value) => json!(value),
        Kind::Float(value) => json!(value),
        Kind::Text(value) => json!(value),
        Kind::Sequence(items) => items.iter().map(as_json).collect(),
        Kind::Mapping(entries) => {
            let key = |node: &Node| match as_json(node) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            entries.iter().map(|(k, v)| (key(k), as_json(v))).collect()
        }
    }
}

fn document(text: &str) -> Json {
    as_json(
        Document::parse(Path::new("t.yaml"), text)
            .expect("YAML")
            .root(),
    )
}

fn complaints(validator: &Validator, of: &Json) -> Vec<String> {
    validator
        .iter_errors(of)
        .map(|error| format!("{}: {error:.300}", error.instance_path()))
        .collect()
}

/// A suite of one case around steps, indented by nothing.
fn around(steps: &str) -> String {
    let indented: String = steps
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!(
        "suite: s\ncites: {{ document: PKCS11-Base, version: \"3.2\" }}\n\
         cases:\n  - id: c\n    clause: \"5.1\"\n    state: session\n    steps:\n{indented}"
    )
}

/// A sequence as the suite the writer would make of it is accepted.
pub(crate) fn accepts_written(sequence: &crate::sequence::Sequence) -> Result<(), String> {
    let suite = json!({
        "suite": "s",
        "cites": { "document": "d", "version": "v" },
        "cases": [{ "id": "c", "clause": "1", "steps": write::sequence(sequence) }],
    });
    match complaints(&SUITE, &suite).as_slice() {
        [] => Ok(()),
        some => Err(some.join("\n")),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("the suites folder")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
    found
}

/// A file is of the kind that its first key says.
#[test]
fn every_shipped_file_is_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites");
    let mut seen = 0;
    for path in files(&root) {
        let text = std::fs::read_to_string(&path).expect("readable");
        let of = document(&text);
        let validator = match () {
            // A catalogue, whose parameters stand for what a schema would look at.
            () if of.get("benchmarks").is_some() => continue,
            () if of.get("suite").is_some() => &SUITE,
            () if of.get("target").is_some() => &TARGET,
            () => continue,
        };
        assert_eq!(complaints(validator, &of), [""; 0], "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} files in {}", root.display());
}

#[test]
fn a_step_of_every_shape_is_accepted() {
    let text = around(EVERYTHING.trim_start());
    assert_eq!(complaints(&SUITE, &document(&text)), [""; 0]);
}

#[test]
fn what_is_written_of_every_shape_is_accepted() {
    let parsed = Document::parse(Path::new("t.yaml"), EVERYTHING).expect("YAML");
    let sequence = crate::sequence::read::sequence(parsed.root()).expect("well formed");
    assert_eq!(accepts_written(&sequence), Ok(()));
}

const SUITE_TEXT: &str = r#"
suite: functions/C_SignInit
title: Signing
cites: { document: PKCS11-Base, version: "3.2" }
level: should
class: B
state: rw-user
needs: { version: ">=3.0", functions: [C_Sign], mechanism: CKM_SHA_1, token-flags: CKF_RNG|CKF_WRITE_PROTECTED, profile: CKP_BASELINE_PROVIDER, disposable: true }
setup:
  - C_GetInfo
cases:
  - clause: "5.13.1"
    needs: { mechanisms: [{ type: CKM_SHA_1, for: [digest, sign], key-size: 128 }, 0x80000001] }
    with: { a: 1 }
    steps:
      - C_DigestInit: { session: $session, mechanism: CKM_SHA_1 }
    variants:
      - { id: one, with: { a: "3.2" }, level: must }
      - { id: two, title: another, clause: "5.2" }
"#;

#[test]
fn a_suite_with_every_key_is_accepted() {
    Suite::parse(Path::new("t.yaml"), SUITE_TEXT).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(complaints(&SUITE, &document(SUITE_TEXT)), [""; 0]);
}

/// Each is refused by the reader and by the schema; `${from}` becomes `${to}` in a good suite.
#[test]
fn mistakes_in_a_suite_are_refused_by_both() {
    for (from, to) in [
        (
            "suite: functions/C_SignInit",
            "suite: functions//C_SignInit",
        ),
        ("title: Signing", "titel: Signing"),
        ("title: Signing", "title: 5"),
        ("level: should", "level: shall"),
        ("class: B", "class: D"),
        ("state: rw-user", "state: admin"),
        ("\">=3.0\"", "\">3.0\""),
        ("functions: [C_Sign]", "functions: [C_Sing]"),
        ("CKF_RNG|CKF_WRITE", "CKF_RGN|CKF_WRITE"),
        ("for: [digest, sign]", "for: [digest, singing]"),
        ("id: one", "id: one/two"),
        ("id: one", "ident: one"),
        (
            "cites: { document: PKCS11-Base, version: \"3.2\" }",
            "class: A",
        ),
        ("clause: \"5.13.1\"", "title: x"),
        ("- C_GetInfo", "- C_GetInfos"),
        ("steps:", "stages:"),
        ("with: { a: 1 }", "with: { a: [1] }"),
    ] {
        let text = SUITE_TEXT.replacen(from, to, 1);
        assert_ne!(text, SUITE_TEXT, "{from}");
        assert!(
            Suite::parse(Path::new("t.yaml"), &text).is_err(),
            "reader: {to}"
        );
        // One key twice is no matter of a schema: the reader alone sees it.
        if let Ok(parsed) = Document::parse(Path::new("t.yaml"), &text) {
            assert!(!SUITE.is_valid(&as_json(parsed.root())), "schema: {to}");
        }
    }
}

#[test]
fn mistakes_in_steps_are_refused_by_both() {
    for step in [
        "C_Initialise",
        "C_Initialise: {}",
        "C_Logout: {}\n  C_Finalize: {}",
        "C_Logout: {}\n  retruns: CKR_OK",
        "C_Logout: {}\n  returns: CKR_NOPE",
        "C_Logout: {}\n  returns: { except: CKR_NOPE }",
        "C_Logout: {}\n  returns: { but: CKR_OK }",
        "C_Logout: {}\n  must-exist: CKR_OK",
        "C_Logout: {}\n  keep-going: yes please",
        "returns: CKR_OK",
        "C_Login: { session: $session, usertype: CKU_USER }",
        "C_Login: { session: $session, user_type: CKU_SUER }",
        "C_Login: { session: session }",
        "C_Login: { session: null }",
        "C_GetInfo: { info: { buffer: exact } }",
        "C_DigestUpdate: { part: 616263 }",
        "C_DigestUpdate: { part: abc }",
        "C_DigestUpdate: { part: { text: abc, flip: 3 } }",
        "C_DigestUpdate: { part: { of: abcd } }",
        "C_DigestUpdate: { part: { repeat: \"00\" } }",
        "C_DigestUpdate: { part: { txt: abc } }",
        "C_Digest: { digest: { buffer: large } }",
        "C_Digest: { digest: { size: 5 } }",
        "C_CreateObject: { template: { CKA_LABLE: x } }",
        "C_CreateObject: { template: { CKA_CLASS: CKO_DATUM } }",
        "C_CreateObject: { template: { CKA_TOKEN: 256 } }",
        "C_CreateObject: { template: { CKA_START_DATE: tomorrow } }",
        "C_CreateObject: { template: { CKA_ALLOWED_MECHANISMS: CKM_AES_CBC } }",
        "C_CreateObject: { template: { CKA_WRAP_TEMPLATE: { attributes: {}, claim: 3 } } }",
        "C_SignInit: { mechanism: CKM_NOPE }",
        "C_SignInit: { mechanism: { type: CKM_AES_GCM, parameter: { CK_GCM_PARAM: {} } } }",
        "C_SignInit: { mechanism: { type: CKM_AES_GCM, parameter: { CK_GCM_PARAMS: { pIV: null } } } }",
        "C_SignInit: { mechanism: { parameter: null } }",
        "C_OpenSession: { notify: yes-please }",
        "C_OpenSession: { application: \"00\" }",
        "C_GetInterface: { version: \"3\" }",
        "C_Initialize: { init_args: { flag: 0 } }",
        "C_Initialize: { init_args: { mutexes: all } }",
        "C_GetInfo: {}\n  expect: { info.flag: 0 }",
        "C_GetInfo: {}\n  expect: { session: 0 }",
        "C_GetInfo: {}\n  expect: { info.flags: { atleast: 0 } }",
        "C_GetInfo: {}\n  expect: { info.flags: {} }",
        "C_GetInfo: {}\n  expect: { info.cryptokiVersion: 3 }",
        "C_GetInfo: {}\n  gives: { info: info }",
        "C_GetInfo: {}\n  gives: { info: $target }",
        "C_GetInfo: {}\n  gives: { $info: $info }",
        "C_Logout: {}\n  gives: { session: $s }",
        "C_GetSessionInfo: { session: $session }\n  expect: { info.state: CKS_NOPE }",
        "C_GetTokenInfo: {}\n  expect: { info.flags: { has: CKF_SERIAL_SESSION } }",
        "C_GetAttributeValue: { session: $session, template: [CKA_LABLE] }",
        "C_GetAttributeValue: { session: $session }\n  expect: { template.CKA_LABLE: x }",
        "for-each: { in: $session, as: x, step: [] }",
        "for-each: { in: $session, as: target, steps: [] }",
        "for-each: { in: session, as: x, steps: [] }",
        "in-child: C_GetInfo",
        "in-child: []\n  returns: CKR_OK",
        "reload: true",
        "pause: 0",
        "pause: 1001",
        "pause: 10\n  returns: CKR_OK",
        "together: []",
        "together: [C_GetInfo]",
        "together: [[], [], [], [], [], [], [], [], []]",
        "together: [[]]\n  repeat: 0",
        "together: [[]]\n  repeat: 1001",
        "together: [[]]\n  order: [9]",
        "together: [[]]\n  order: 1",
        "together: [[]]\n  returns: CKR_OK",
    ] {
        let text = around(&format!("- {step}"));
        assert!(
            Suite::parse(Path::new("t.yaml"), &text).is_err(),
            "reader: {step}"
        );
        assert!(!SUITE.is_valid(&document(&text)), "schema: {step}");
    }
}

#[test]
fn mistakes_in_a_target_are_refused() {
    let good = json!({ "target": "t", "module": "builtin" });
    assert_eq!(complaints(&TARGET, &good), [""; 0]);
    for (key, value) in [
        ("modul", json!("x")),
        ("disposable", json!("yes")),
        ("target", json!("")),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!TARGET.is_valid(&bad), "{bad}");
    }
}

#[test]
fn every_function_names_its_section() {
    let schema = suite_schema();
    let step = &schema["$defs"]["steps"]["items"]["anyOf"][2];
    for function in crate::cryptoki::Function::ALL {
        let about = step["properties"][function.name()]["description"].as_str();
        let section = format!("PKCS11-Base 3.2 section {}", function.section());
        assert!(
            about.is_some_and(|about| about.starts_with(&section)),
            "{function}"
        );
    }
}

#[test]
fn the_suite_schema_stays_small_and_points_nowhere_else() {
    let text = suite_schema().to_string();
    assert!(text.len() < 400_000, "{} bytes", text.len());
    assert!(!text.contains("\"$ref\":\"http"));
}
