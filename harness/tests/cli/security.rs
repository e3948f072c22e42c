//! `p11assay security`: attacks, properties, the search and time, on a token that may be destroyed alone.

use crate::kit::{Folder, case};
use p11assay_reports::evidence::Verdict;

fn security(folder: &Folder, arguments: &[&str]) -> crate::kit::Output {
    let fixed = ["security", "--target", "builtin", "--run-dir", "run"];
    folder.run(&[&fixed, arguments].concat())
}

#[test]
fn a_token_that_is_not_declared_disposable_is_left_alone() {
    let folder = Folder::new();
    folder.write(
        "mine.yaml",
        "target: mine\nmodule: builtin\ntoken: { pin: \"1234\" }\n",
    );
    let output = folder.run(&["security", "--target", "./mine.yaml", "--run-dir", "run"]);
    output.says(2, &["--disposable"]);
    assert!(!folder.path("run").exists());
    folder.write(
        "none.yaml",
        "target: none\nmodule: builtin\ndisposable: true\n",
    );
    let output = folder.run(&["security", "--target", "./none.yaml"]);
    output.says(2, &["--pin"]);
}

/// The built-in token lets keys have two roles, as the standard does: every way is permitted but weak, and
/// there is none to a key that cannot be extracted.
#[test]
fn the_search_finds_ways_and_proves_them() {
    let folder = Folder::new();
    let output = security(&folder, &["--only", "search"]);
    output.says(0, &["WEAK security/search/sensitive ", "no way was found"]);
    folder.read("run/findings/security/search/sensitive/reproducer.yaml");
    let evidence = folder.evidence();
    for closed in [
        "security/search/unextractable",
        "security/search/sensitive-unextractable",
    ] {
        assert_eq!(case(&evidence, closed).verdict, Verdict::Pass);
    }
    let looked_at = case(&evidence, "security/search/looked-at")
        .reason
        .as_deref();
    assert!(
        looked_at.is_some_and(|text| text.contains("permissions hold")),
        "{looked_at:?}"
    );
    let ways = evidence
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::PermittedButWeak);
    let ways: Vec<_> = ways.collect();
    assert!(ways.len() > 1, "{:?}", evidence.counts());
    for way in ways {
        assert!(way.title.contains("is revealed: C_"), "{}", way.title);
    }
}

/// A way is an ordinary case: replayed, it is judged as the target is held.
#[test]
fn a_way_is_replayed() {
    let folder = Folder::new();
    let held = ["--hold-to", "secure-templates"];
    let output = security(&folder, &[&["--only", "search"], &held[..]].concat());
    output.says(1, &["SECURITY security/search/sensitive ", "replay"]);
    let way = "run/findings/security/search/sensitive/reproducer.yaml";
    let replay = ["replay", way, "--target", "builtin"];
    folder
        .run(&[&replay, &held[..]].concat())
        .says(1, &["C_WrapKey", "the attack succeeds"]);
    folder.run(&replay).says(0, &["WEAK"]);
}

#[test]
fn attacks_are_told_one_by_one_and_properties_where_they_fail() {
    let folder = Folder::new();
    let filter = "security/curves/* | life/objects/*";
    let arguments = [
        "--only",
        "attacks,properties",
        "--filter",
        filter,
        "--junit",
        "out.xml",
    ];
    let output = security(&folder, &arguments);
    output.says(0, &["PASS security/curves/off-the-curve   stopped at step"]);
    assert!(
        !output.out.contains("life/objects/sensitive-stays"),
        "{}",
        output.out
    );
    let evidence = folder.evidence();
    case(&evidence, "life/objects/sensitive-stays");
    // Of another level, and so no part of it.
    assert!(
        evidence
            .cases
            .iter()
            .all(|case| case.id != "life/objects/not-modifiable")
    );
    assert!(folder.read("out.xml").contains("security/curves"));
}

/// What time tells is at most weak, and the built-in token has one answer to all that is wrong.
#[test]
fn time_is_measured_and_the_effect_told() {
    let folder = Folder::new();
    let output = security(
        &folder,
        &["--only", "timing", "--rounds", "4", "--seed", "1"],
    );
    assert_eq!(output.code, Some(0), "{output:#?}");
    let evidence = folder.evidence();
    let told = case(&evidence, "security/timing/cbc-padding");
    let reason = told.reason.as_deref().expect("an account");
    assert!(reason.contains("Cliff's delta"), "{reason}");
    for valid in ["pkcs-valid", "pkcs-valid-by-unwrap"] {
        let valid = case(&evidence, &format!("security/timing/{valid}"));
        assert_eq!(valid.verdict, Verdict::NotApplicable);
        let reason = valid.reason.as_deref().expect("an account");
        assert!(reason.contains("differ already"), "{reason}");
    }
    for unwrapped in ["oaep-first-byte-by-unwrap", "cbc-padding-by-unwrap"] {
        let unwrapped = case(&evidence, &format!("security/timing/{unwrapped}"));
        assert_eq!(unwrapped.clause.section, "5.18.4");
        let reason = unwrapped.reason.as_deref().expect("an account");
        assert!(reason.ends_with("CKR_WRAPPED_KEY_INVALID"), "{reason}");
    }
    // One answer to a wrong padding and to a key of a wrong length: what is left is time.
    let length = case(&evidence, "security/timing/pkcs-length-by-unwrap");
    assert_eq!(length.clause.section, "5.18.4");
    let reason = length.reason.as_deref().expect("an account");
    assert!(
        reason.contains("Cliff's delta") && reason.ends_with("CKR_WRAPPED_KEY_INVALID"),
        "{reason}"
    );
}

#[test]
fn questions_of_time_are_chosen_as_cases_are() {
    let folder = Folder::new();
    let filter = "security/timing/cbc-padding";
    let asked = ["--only", "timing", "--rounds", "4", "--filter", filter];
    let output = security(&folder, &asked);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let evidence = folder.evidence();
    let ids: Vec<&str> = evidence.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, [filter]);
}
