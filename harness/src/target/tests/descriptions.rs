//! What a target file may say, and what is said to one that is wrong.

use std::path::Path;

use crate::target::description::{Description, schema};
use crate::target::shipped;
use crate::yaml;

#[test]
fn every_shipped_target_is_in_the_program_and_well_formed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/targets");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, shipped::names().collect::<Vec<_>>());
    for name in shipped::names() {
        let text = shipped::text(name).unwrap();
        let description = Description::parse(Path::new(name), text);
        let description = description.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(description.target.as_str(), name);
        assert!(description.disposable, "{name}");
    }
    assert_eq!(shipped::text("absent"), None);
}

#[test]
fn a_target_survives_writing_and_reading() {
    let text = "
target: full-1.0
module: [\"${env:M}\", ./lib.so, builtin]
package: p
init-args: { flags: [CKF_OS_LOCKING_OK], mutexes: callbacks, reserved: { pointer: 1 } }
environment: { A: \"${scratch}/a\" }
disposable: true
provision:
  - write: { path: a, text: \"one\\ntwo ${pin}\\n\" }
  - mkdir: \"${scratch}/tokens\"
  - run: [program, \"\", --flag]
    stdin: \"x\\n\"
    background: true
    ready: socket
    timeout: 30s
    environment: { B: b }
    package: q
  - run: [true-enough]
  - sequence: ../init.yaml
token: { slot-index: 0, label: l, serial: s, pin: \"env:PIN\", so-pin: prompt }
login: false
capabilities: { version: \"2.40\" }
limits: { call-deadline: 1m 30s, memory: 2GiB }
waivers: w.yaml
";
    let path = Path::new("t.yaml");
    let description = Description::parse(path, text).unwrap();
    let again = yaml::to_string(&description).unwrap();
    assert_eq!(
        Description::parse(path, &again).unwrap(),
        description,
        "{again}"
    );
}

#[test]
fn mistakes_are_shown_where_they_are() {
    // Lines after `target` and `module`; line and column; message.
    let cases = [
        (
            "modul: x",
            (3, 1),
            "unknown key `modul`; did you mean `module`?",
        ),
        (
            "environment: { A: \"${scrach}\" }",
            (3, 19),
            "unknown variable `scrach`; did you mean `scratch`? (known are: scratch, target-dir, pin, so-pin, env:NAME)",
        ),
        (
            "environment: { A: 1 }",
            (3, 19),
            "expected text, found the number 1",
        ),
        (
            "token: { slot: 1, slot-index: 2 }",
            (3, 8),
            "a slot is chosen by its id or by its index, not by both: remove one",
        ),
        (
            "token: { uri: \"pkcs11:token=a\", label: a }",
            (3, 8),
            "a URI says everything about the token: remove it, or the slot, label and serial",
        ),
        (
            "token: { uri: \"pkcs11:token\" }",
            (3, 15),
            "`token` is not an attribute: write name=value",
        ),
        (
            "token: { pin: 1234 }",
            (3, 15),
            "expected text, found the number 1234",
        ),
        (
            "token: { pin: \"env:\" }",
            (3, 15),
            "`env:` names nothing: write env:NAME, file:PATH, prompt, literal:PIN, or the PIN itself",
        ),
        (
            "token: { lable: x }",
            (3, 10),
            "unknown key `lable`; did you mean `label`?",
        ),
        (
            "provision:\n  - run: []",
            (4, 5),
            "`run` needs a program: write its name, then its arguments one by one",
        ),
        (
            "provision:\n  - run: [a]\n    mkdir: b",
            (4, 5),
            "a step is exactly one of `write`, `mkdir`, `run` and `sequence`; this has 2 of them",
        ),
        (
            "provision:\n  - {}",
            (4, 5),
            "a step is exactly one of `write`, `mkdir`, `run` and `sequence`; this has 0 of them",
        ),
        (
            "provision:\n  - mkdir: a\n    stdin: b",
            (4, 5),
            "`stdin` belongs to `run`: remove it, or run a program",
        ),
        (
            "provision:\n  - run: [a]\n    ready: b",
            (4, 5),
            "`ready` belongs to a program with `background: true`; any other is ready when it ends",
        ),
        (
            "provision:\n  - run: a b c",
            (4, 10),
            "expected a list, found the text \"a b c\"",
        ),
        (
            "provision:\n  - run: [a]\n    timeout: 10",
            (5, 14),
            "expected text, found the number 10",
        ),
        (
            "provision:\n  - run: [a]\n    timeout: 10 parsecs",
            (5, 14),
            "`10 parsecs` is not a duration: write a number above zero and a unit, such as 250ms, 10s or 2m",
        ),
        (
            "provision:\n  - mkdir: a\n  - sequence: a.yaml",
            (5, 5),
            "a call sequence may only provision a disposable token",
        ),
        (
            "limits: { memory: 2 }",
            (3, 19),
            "expected text, found the number 2",
        ),
        (
            "capabilities: { version: \"three\" }",
            (3, 26),
            "`three` is not a Cryptoki version: write one such as \"2.40\" or \"3.2\", in quotes",
        ),
        (
            "disposable: yes",
            (3, 13),
            "expected true or false, found the text \"yes\"",
        ),
    ];
    for (more, place, message) in cases {
        let text = format!("target: t\nmodule: builtin\n{more}\n");
        let error = Description::parse(Path::new("t.yaml"), &text).expect_err(more);
        let mark = error.mark().unwrap_or_default();
        assert_eq!(
            (error.message(), (mark.line, mark.column)),
            (message, place),
            "{error}"
        );
    }
    let names = [
        (
            "target: a b\nmodule: builtin\n",
            "`a b` cannot name a target",
        ),
        (
            "target: ../a\nmodule: builtin\n",
            "`../a` cannot name a target",
        ),
        (
            "target: a\nmodule: []\n",
            "no module is given: write at least one",
        ),
        (
            "target: a\nmodule: { a: b }\n",
            "expected a module (a path, `builtin` or `p11-kit:NAME`) or a list of them, found a mapping",
        ),
        ("target: a\n", "key `module` is missing"),
    ];
    for (text, message) in names {
        let error = Description::parse(Path::new("t.yaml"), text).expect_err(text);
        assert!(error.message().starts_with(message), "{error}");
    }
}

#[test]
fn the_schema_beside_the_targets_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/targets/target.schema.json");
    if std::env::var_os("P11ASSAY_BLESS").is_some() {
        std::fs::write(&file, format!("{:#}\n", schema())).unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    // Compared as values: the order of keys depends on what else is built in.
    let found: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert!(
        found == schema(),
        "write it anew: run this test with P11ASSAY_BLESS=1 set"
    );
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    for key in [
        "target",
        "module",
        "init-args",
        "provision",
        "token",
        "limits",
        "waivers",
    ] {
        assert!(properties.contains_key(key), "{key}: {schema:#}");
    }
    assert_eq!(schema["additionalProperties"], false);
    let text = schema.to_string();
    for key in [
        "slot-index",
        "so-pin",
        "sequence",
        "background",
        "mutexes",
        "call-deadline",
    ] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}: {schema:#}");
    }
}
