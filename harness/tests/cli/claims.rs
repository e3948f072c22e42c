//! Claims: a module can be held to a profile that its token does not claim.

use crate::kit::{Folder, case};
use p11assay_reports::evidence::Verdict;

const SUITE: &str = "suite: s
cites: { document: PKCS11-Prof, version: '3.2' }
cases:
  - id: of-the-profile
    title: T
    clause: '5.2 item 5'
    state: initialized
    needs: { profile: CKP_COMPLETE_PROVIDER }
    steps: [ { C_GetInfo: {} } ]
";

/// The verdict on the case, and the notes of the run.
fn verdict(more: &[&str]) -> (Verdict, Vec<String>) {
    let folder = Folder::new();
    folder.write("suite.yaml", SUITE);
    folder.write(
        "claims.yaml",
        "target: t\nmodule: builtin\nlogin: false\nclaims: [complete-provider]\n",
    );
    let arguments = ["run", "suite.yaml", "--run-dir", "run"];
    let output = folder.run(&[&arguments, more].concat());
    assert_eq!(output.code, Some(0), "{output:#?}");
    let evidence = folder.evidence();
    let notes = evidence.notes.iter().map(|note| note.text.clone());
    (case(&evidence, "s/of-the-profile").verdict, notes.collect())
}

#[test]
fn a_claim_makes_the_clauses_of_a_profile_apply() {
    let (unclaimed, notes) = verdict(&["--module", "builtin"]);
    assert_eq!((unclaimed, notes.len()), (Verdict::NotApplicable, 0));
    for claim in [
        &["--module", "builtin", "--claim", "complete-provider"][..],
        &["--module", "builtin", "--claim", "CKP_COMPLETE_PROVIDER"],
        &["--target", "./claims.yaml"],
    ] {
        let (claimed, notes) = verdict(claim);
        assert_eq!(claimed, Verdict::Pass, "{claim:?}");
        let text = "held to CKP_COMPLETE_PROVIDER, which the token does not claim";
        assert!(notes.iter().any(|note| note.contains(text)), "{notes:?}");
    }
}

#[test]
fn a_profile_that_there_is_not_is_refused() {
    Folder::new()
        .run(&["run", "--module", "builtin", "--claim", "complete-provide"])
        .says(2, &["did you mean `complete-provider`?"]);
}
