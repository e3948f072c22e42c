//! Attacks: what stops one is right, that none of its steps is stopped is the finding, and what it weighs is
//! said by the case and by what the target is held to.

use crate::kit::{Folder, case};
use p11assay_reports::evidence::{Case, Verdict};

/// A case that reads the value of a key, protected or not, as an attack.
fn suite(means: &str, sensitive: bool) -> String {
    format!(
        r#"suite: s
cites: {{ document: PKCS11-Base, version: "3.2" }}
level: security
state: rw-user
cases:
  - id: read
    title: T
    clause: "5.7.5"
    attack: {{ means: {means}, profile: secure-templates, from: "a paper" }}
    setup:
      - C_CreateObject: {{ session: $session, template: {{ CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, CKA_TOKEN: false, CKA_SENSITIVE: {sensitive}, CKA_VALUE: "2b7e151628aed2a6abf7158809cf4f3c" }} }}
        gives: {{ object: $key }}
    steps:
      - C_GetAttributeValue: {{ session: $session, object: $key, template: {{ CKA_VALUE: {{ buffer: 16 }} }} }}
        expect: {{ template.CKA_VALUE: "2b7e151628aed2a6abf7158809cf4f3c" }}
"#
    )
}

fn judged(suite: &str, more: &[&str], code: i32) -> Case {
    let folder = Folder::new();
    folder.write("suite.yaml", suite);
    let arguments = [
        "run",
        "suite.yaml",
        "--target",
        "builtin",
        "--run-dir",
        "run",
    ];
    let output = folder.run(&[&arguments, more].concat());
    assert_eq!(output.code, Some(code), "{output:#?}");
    case(&folder.evidence(), "s/read").clone()
}

#[test]
fn what_stops_an_attack_is_right() {
    for means in ["weak", "violation"] {
        let case = judged(&suite(means, true), &["--hold-to", "secure-templates"], 0);
        assert_eq!(case.verdict, Verdict::Pass);
        let reason = case.reason.expect("what stopped it");
        assert_eq!(
            reason,
            "stopped at step 2: C_GetAttributeValue returned CKR_ATTRIBUTE_SENSITIVE"
        );
    }
}

#[test]
fn a_success_is_what_the_case_says_or_the_profile() {
    let weak = judged(&suite("weak", false), &["--hold-to", "sp800-57"], 0);
    assert_eq!(weak.verdict, Verdict::PermittedButWeak);
    let held = judged(&suite("weak", false), &["--hold-to", "secure-templates"], 1);
    assert_eq!(held.verdict, Verdict::SecurityViolation);
    assert!(
        held.findings[0]
            .message
            .contains("to which the target is held")
    );
    let replay = held.replay.expect("a command");
    assert!(replay.ends_with("--hold-to secure-templates"), "{replay}");
    let forbidden = judged(&suite("violation", false), &[], 1);
    assert_eq!(forbidden.verdict, Verdict::SecurityViolation);
    assert!(forbidden.findings[0].message.contains("(a paper)"));
}

/// A reproducer is the attack again, not a case whose refused steps are deviations.
#[test]
fn a_reproducer_is_an_attack() {
    let folder = Folder::new();
    folder.write("suite.yaml", suite("violation", false));
    folder.run(&[
        "run",
        "suite.yaml",
        "--target",
        "builtin",
        "--run-dir",
        "run",
    ]);
    let replayed = folder.run(&["replay", "run/findings/s/read", "--target", "builtin"]);
    replayed.says(1, &["SECURITY s/read", "the attack succeeds"]);
}

/// Return values are compared although the calls that gave them have no outputs.
#[test]
fn an_answer_is_compared_with_another() {
    let steps = |second: &str| {
        suite("weak", true).replace(
            "    steps:\n",
            &format!(
                "    steps:\n      - C_GetSessionInfo: {{ session: dangling }}\n        returns: any\n        answer: $one\n      \
                 - {second}: {{ session: dangling }}\n        returns: any\n        answer: $other\n        \
                 expect: {{ $other: {{ differs: $one }} }}\n"
            ),
        )
    };
    let case = judged(&steps("C_GetSessionInfo"), &[], 0);
    let reason = case.reason.expect("what stopped it");
    assert_eq!(
        reason,
        "stopped at step 3: C_GetSessionInfo other is CKR_SESSION_HANDLE_INVALID"
    );
    // Without a session that there is, the second differs, and the attack goes on to what stops it there.
    let other = steps("C_GetInfo").replace("C_GetInfo: { session: dangling }", "C_GetInfo: {}");
    let case = judged(&other, &[], 0);
    assert!(case.reason.expect("a reason").contains("at step 4"));
}

#[test]
fn a_security_profile_that_there_is_not_is_refused() {
    Folder::new()
        .run(&["run", "--module", "builtin", "--hold-to", "secure-template"])
        .says(2, &["did you mean `secure-templates`?"]);
    let folder = Folder::new();
    let wrong = suite("weak", true).replace("secure-templates", "secure-template");
    folder.write("suite.yaml", wrong);
    folder
        .run(&["run", "suite.yaml"])
        .says(2, &["did you mean `secure-templates`?"]);
}
