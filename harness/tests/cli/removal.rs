//! A token that is taken out of its slot and put back, and programs that do not do so.

use crate::kit::{Folder, Output};
use p11assay_reports::evidence::Verdict;

/// The built-in token as one that is there as long as a file is, with these programs to move it.
fn run(removal: &str) -> (Folder, Output) {
    let folder = Folder::new();
    let target = format!(
        r#"
target: t
module: builtin
init-args: {{ reserved: {{ string: "configuration=${{scratch}}/token.toml" }} }}
disposable: true
provision:
  - write: {{ path: "${{scratch}}/card", text: "" }}
  - write: {{ path: "${{scratch}}/token.toml", text: "removable = \"${{scratch}}/card\"\n" }}
removal: {removal}
token: {{ label: "p11assay reference", pin: "1234", so-pin: "12345678" }}
"#
    );
    folder.write("t.yaml", target);
    let arguments = [
        "run",
        "life/removal",
        "--target",
        "./t.yaml",
        "--run-dir",
        "run",
    ];
    let output = folder.run(&arguments);
    (folder, output)
}

#[test]
fn every_case_passes_on_the_shipped_example() {
    let folder = Folder::new();
    let arguments = [
        "run",
        "life/removal",
        "--target",
        "builtin-removable",
        "--run-dir",
        "run",
    ];
    folder.run(&arguments).says(0, &["9 passed"]);
}

#[test]
fn a_token_that_stays_fails_every_case() {
    let (folder, output) = run(r#"{ remove: ["true"], insert: ["true"] }"#);
    output.says(1, &["9 cases"]);
    // Nothing happened before C_Initialize, either, which is all that the last one asks.
    let passed = |id: &str| id == "life/removal/events-of-before";
    for case in folder.evidence().cases {
        let expected = if passed(&case.id) {
            Verdict::Pass
        } else {
            Verdict::Deviation
        };
        let security = case.verdict == Verdict::SecurityViolation;
        assert!(case.verdict == expected || security, "{case:#?}");
    }
}

#[test]
fn a_program_that_fails_is_trouble_of_the_environment() {
    let (folder, output) = run(r#"{ remove: [ls, /nowhere/at/all], insert: ["true"] }"#);
    output.says(3, &["the token cannot be taken out: ls ended with"]);
    let verdicts = folder.evidence().cases.into_iter().map(|case| case.verdict);
    assert!(
        verdicts
            .into_iter()
            .all(|verdict| verdict == Verdict::Environment)
    );
}

#[test]
fn a_target_that_does_not_say_how_is_not_asked() {
    let folder = Folder::new();
    let arguments = ["run", "life/removal", "--run-dir", "run", "-v"];
    folder
        .run(&arguments)
        .says(0, &["does not say how its token is taken out"]);
}
