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
        1,
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
    let evidence = folder.evidence();
    assert_eq!(evidence.expired_waivers().len(), 1);
    let notes = evidence.notes;
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

/// A run of `s/wrong` and `s/fine`, with arguments beside.
fn gated(waivers: &str, more: &[&str]) -> crate::kit::Output {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    let target = target(&folder, waivers);
    folder.run(
        &[
            &["run", "suite.yaml", "--target", &target, "--run-dir", "run"],
            more,
        ]
        .concat(),
    )
}

#[test]
fn waivers_that_hold_no_more_fail_unless_told_otherwise() {
    let expired = "- { case: s/fine, reason: r, expires: 2020-01-01 }\n\
                   - { case: s/wrong, reason: r }\n";
    gated(expired, &[]).says(
        1,
        &[
            "expired  the waiver of `s/fine` expired",
            "renew the expired",
        ],
    );
    gated(expired, &["--allow", "unexpected-pass"]).says(1, &[]);
    gated(expired, &["--allow", "expired-waiver"]).says(0, &["PASSED"]);
    let mended = "- { case: s, reason: r }\n";
    gated(mended, &[]).says(1, &["UNEXPECTED s/fine", "FAILED"]);
    gated(mended, &["--allow", "expired-waiver,unexpected-pass"]).says(0, &["PASSED"]);
}

/// What is not run cannot fail.
#[test]
fn an_expired_waiver_of_a_case_that_is_not_run_fails_nothing() {
    let waivers = "- { case: life, reason: r, expires: 2020-01-01 }\n\
                   - { case: s/wrong, reason: r }\n";
    gated(waivers, &[]).says(0, &["PASSED"]);
}

#[test]
fn a_waiver_is_for_a_range_of_versions() {
    let folder = Folder::with_suite(&[WRONG]);
    let probe = folder.run(&["probe", "--json", "--module", "builtin"]);
    let probe: serde_json::Value = serde_json::from_str(&probe.out).expect("JSON");
    let info = probe["info"].as_array().expect("fields").iter();
    let version = info
        .filter(|field| field[0] == "libraryVersion")
        .find_map(|field| field[1].as_str())
        .expect("a version");
    for (range, code) in [
        (format!(">={version}, <{version}"), 1),
        (format!(">={version}, <=99.0"), 0),
    ] {
        let waivers = format!("- {{ case: s/wrong, reason: r, module-version: '{range}' }}\n");
        let target = target(&folder, &waivers);
        let arguments = ["run", "suite.yaml", "--target", &target];
        assert_eq!(folder.run(&arguments).code, Some(code), "{range}");
    }
}

#[test]
fn drafts_cover_what_was_found_once_they_have_a_reason() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    let run = |waivers: &str, run_dir: &str| {
        let target = target(&folder, waivers);
        folder.run(&[
            "run",
            "suite.yaml",
            "--target",
            &target,
            "--run-dir",
            run_dir,
        ])
    };
    run("[]", "run").says(1, &["DEVIATION s/wrong"]);
    let draft = ["waivers", "run", "--owner", "me", "--expires", "2999-01-31"];
    let printed = folder.run(&draft);
    printed.says(
        0,
        &[
            "# C_GetInfo returned CKR_OK, permitted: CKR_DEVICE_ERROR",
            "s/wrong",
        ],
    );
    let write = [&draft[..], &["--write", "draft.yaml"]].concat();
    folder.run(&write).says(0, &["1 findings are not waived"]);
    let text = folder.read("draft.yaml");
    assert_eq!(text, printed.out);
    folder.run(&write).says(2, &["draft.yaml cannot be made"]);
    run(&text, "refused").says(2, &["a waiver needs a reason"]);
    let reasoned = text.replace("reason: ''", "reason: known");
    run(&reasoned, "again").says(0, &["WAIVED s/wrong", "owner: me, until 2999-01-31"]);
    let none = folder.run(&["waivers", "again"]);
    none.says(0, &["0 findings are not waived"]);
    assert_eq!(none.out, "");
    folder
        .run(&["waivers", "run", "--expires", "soon"])
        .says(2, &["no date"]);
}
