//! Why a case does not apply: three kinds of reasons that evidence and reports tell apart.

use crate::kit::{Folder, case};
use p11assay_reports::evidence::{Verdict, Why};

const SUITE: &str = r#"
suite: s
cites: { document: PKCS11-Base, version: "3.2" }
cases:
  - id: no-mechanism
    title: t
    clause: "5.4.3"
    needs: { mechanism: CKM_FASTHASH }
    steps: [ { C_GetInfo: {} } ]
  - id: no-size
    title: t
    clause: "5.4.3"
    needs: { mechanism: { type: CKM_AES_KEY_GEN, key-size: 99 } }
    steps: [ { C_GetInfo: {} } ]
  - id: said-no
    title: t
    clause: "5.4.3"
    state: session
    steps:
      - C_DigestInit: { session: $session, mechanism: CKM_FASTHASH }
        not-applicable-on: CKR_MECHANISM_INVALID
  - id: no-user
    title: t
    clause: "5.4.3"
    state: rw-session
    steps:
      - C_SetPIN: { session: dangling, old_pin: "31", new_pin: "32" }
        not-applicable-on: [CKR_USER_NOT_LOGGED_IN, CKR_SESSION_HANDLE_INVALID]
  - id: not-allowed
    title: t
    clause: "5.4.3"
    needs: { disposable: true }
    steps: [ { C_GetInfo: {} } ]
  - id: not-so
    title: t
    clause: "5.4.3"
    steps:
      - C_GetInfo: {}
        requires: { info.flags: 77 }
        otherwise: the flags are others
"#;

#[test]
fn a_case_that_does_not_apply_says_what_kind_of_reason_there_is() {
    let folder = Folder::new();
    folder.write("suite.yaml", SUITE);
    folder.write("t.yaml", "target: t\nmodule: builtin\nlogin: false\n");
    let run = [
        "run",
        "suite.yaml",
        "--target",
        "./t.yaml",
        "--run-dir",
        "run",
        "-v",
    ];
    let output = folder.run(&[&run[..], &["--junit", "j.xml", "--json", "j.json"]].concat());
    output.says(
        0,
        &[
            "6 not applicable (2 absent, 1 refused by policy, 3 not reachable)",
            "s/no-mechanism   absent: the token does not list CKM_FASTHASH",
            "s/not-so   not reachable: the flags are others",
        ],
    );
    let evidence = folder.evidence();
    for (id, why) in [
        ("s/no-mechanism", Why::Absent),
        ("s/no-size", Why::Refused),
        ("s/said-no", Why::Absent),
        ("s/no-user", Why::NotReachable),
        ("s/not-allowed", Why::NotReachable),
        ("s/not-so", Why::NotReachable),
    ] {
        let case = case(&evidence, id);
        assert_eq!(
            (case.verdict, case.why),
            (Verdict::NotApplicable, Some(why)),
            "{id}"
        );
    }
    let junit = folder.read("j.xml");
    assert!(
        junit.contains(r#"message="refused by policy: CKM_AES_KEY_GEN takes keys"#),
        "{junit}"
    );
    let json: serde_json::Value = serde_json::from_str(&folder.read("j.json")).expect("JSON");
    assert_eq!(json["counts"]["not_applicable"]["not-reachable"], 3);
    assert_eq!(json["cases"][1]["why"], "refused");
}
