//! Waivers: a known deviation is shown and accepted; a file that waives what there is not, or
//! without a reason, is refused.

use crate::kit::{FINE, Folder, Steps, case};
use p11assay_reports::evidence::Verdict;

const WRONG: Steps<'_> = (
    "wrong",
    "initialized",
    "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }",
);

fn target(folder: &Folder, waivers: &str) -> String {
    folder.write("w.yaml", waivers);
    folder.write(
        "t.yaml",
        "target: t\nmodule: builtin\nlogin: false\nwaivers: w.yaml\n",
    );
    "./t.yaml".to_owned()
}

#[test]
fn a_waived_finding_is_accepted_and_a_waived_pass_unexpected() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    let target = target(&folder, "- { case: s, reason: known since 1.0 }\n");
    let arguments = [
        "run",
        "suite.yaml",
        "--target",
        &target,
        "--run-dir",
        "run",
        "--junit",
        "j.xml",
    ];
    folder.run(&arguments).says(
        0,
        &["WAIVED s/wrong", "known since 1.0", "UNEXPECTED s/fine"],
    );
    let evidence = folder.evidence();
    let wrong = case(&evidence, "s/wrong");
    assert_eq!(wrong.verdict, Verdict::Deviation);
    assert_eq!(wrong.waived.as_deref(), Some("known since 1.0"));
    assert!(case(&evidence, "s/fine").unexpected_pass);
    assert!(folder.read("j.xml").contains(r#"<testcase name="s/wrong""#));
}

#[test]
fn waivers_may_be_for_cases_that_are_not_run() {
    let folder = Folder::with_suite(&[FINE]);
    let waivers = "- { cases: [functions/C_GetInfo/null-info, profiles], reason: known }\n";
    let target = target(&folder, waivers);
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    output.says(0, &["1 passed"]);
}

#[test]
fn a_waiver_of_another_verdict_accepts_nothing() {
    let folder = Folder::with_suite(&[WRONG]);
    let target = target(&folder, "- { case: s, reason: r, verdict: crash }\n");
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    output.says(1, &["DEVIATION s/wrong"]);
    let evidence = folder.evidence();
    assert_eq!(case(&evidence, "s/wrong").waived, None);
}

#[test]
fn an_expired_waiver_accepts_nothing_and_says_so() {
    let folder = Folder::with_suite(&[WRONG]);
    let target = target(
        &folder,
        "- { case: s/wrong, reason: r, expires: 2020-01-01 }\n",
    );
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    output.says(
        1,
        &[
            "DEVIATION s/wrong",
            "the waiver of `s/wrong` expired on 2020-01-01",
        ],
    );
    let notes = folder.evidence().notes;
    assert!(
        notes
            .iter()
            .any(|note| note.text.contains("expired on 2020-01-01")),
        "{notes:?}"
    );
}

#[test]
fn waivers_with_mistakes_are_refused() {
    for (text, word) in [
        ("- { case: s/wrong }", "reason"),
        ("- { case: s/wrong, reason: r, raeson: r }", "raeson"),
        (
            "- { case: s/wrong, reason: r }\n- { case: s/wrong, reason: r }",
            "waived twice",
        ),
        (
            "- { case: s/other, reason: r }",
            "no case matches `s/other`",
        ),
        (
            "- { case: s/wrong, reason: r, expires: tomorrow }",
            "is no date",
        ),
    ] {
        let folder = Folder::with_suite(&[WRONG]);
        let target = target(&folder, text);
        let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
        output.says(2, &[word, "w.yaml"]);
        assert!(!folder.path("run").exists());
    }
    let folder = Folder::with_suite(&[WRONG]);
    let target = target(&folder, "[]");
    std::fs::remove_file(folder.path("w.yaml")).expect("the waivers");
    folder
        .run(&["run", "suite.yaml", "--target", &target])
        .says(2, &["w.yaml"]);
}
