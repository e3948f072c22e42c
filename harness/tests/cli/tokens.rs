//! Cases and sequences with a token of their own, which is thrown away.

use p11assay_reports::evidence::Verdict;

use crate::kit::{Folder, case};

/// A case that gives the user another PIN, and one that wants the user to log in.
fn suite(needs: &str) -> String {
    format!(
        "suite: s\ncites: {{ document: PKCS11-Base, version: '3.2' }}\ncases:\n\
         \x20 - id: changes\n    title: changes\n    clause: '5.5.9'\n    state: rw-user\n{needs}\
         \x20   steps: [{{ C_SetPIN: {{ session: $session, old_pin: $target.pin, new_pin: {{ text: '24682468' }} }} }}]\n\
         \x20 - id: after\n    title: after\n    clause: '5.6.8'\n    state: user\n    steps: [ C_GetInfo ]\n"
    )
}

fn after(needs: &str, target: &str) -> (Folder, [Verdict; 2]) {
    let folder = Folder::new();
    folder.write("suite.yaml", suite(needs));
    folder.run(&["run", "suite.yaml", "--target", target, "--run-dir", "run"]);
    let evidence = folder.evidence();
    let verdicts = ["s/changes", "s/after"].map(|id| case(&evidence, id).verdict);
    (folder, verdicts)
}

#[test]
fn what_a_case_does_to_a_token_of_its_own_concerns_no_other() {
    let own = "    needs: { own-token: true }\n";
    let targets = ["builtin", "softhsm2"];
    let softhsm2 = std::path::Path::new("/usr/lib/softhsm/libsofthsm2.so");
    if !softhsm2.is_file() {
        eprintln!("SKIPPED: softhsm2 is not installed");
    }
    let count = if softhsm2.is_file() { 2 } else { 1 };
    for target in &targets[..count] {
        let (_, verdicts) = after(own, target);
        assert_eq!(verdicts, [Verdict::Pass; 2], "{target}");
        // It does concern others where they share the token.
        let (_, verdicts) = after("", target);
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Environment], "{target}");
    }
}

#[test]
fn a_token_that_nobody_here_made_is_not_thrown_away() {
    let folder = Folder::new();
    folder.write("suite.yaml", suite("    needs: { own-token: true }\n"));
    let name = crate::fuzz::hostile(&folder, "", "2s");
    folder.run(&["run", "suite.yaml", "--target", &name, "--run-dir", "run"]);
    let evidence = folder.evidence();
    let left_out = case(&evidence, "s/changes");
    assert_eq!(left_out.verdict, Verdict::NotApplicable);
    let reason = left_out.reason.clone().expect("why");
    assert!(
        reason.contains("does not say that its token may be thrown away"),
        "{reason}"
    );
}

/// A search that has no token any more is reported, and not said to have passed. The one renewal that it asks for is tried
/// twice; the run that reports it has a token again.
#[test]
fn a_search_ends_with_the_last_token() {
    let folder = Folder::new();
    let count = "n=$(cat count || echo 0); echo $((n + 1)) >count; test $n -ne 1 -a $n -ne 2";
    let text = format!(
        "target: seldom\nmodule: builtin\ndisposable: true\nrenewable: true\n\
         provision: [ {{ run: [sh, -c, 'cd {}; {count}'] }} ]\n\
         token: {{ label: p11assay reference, pin: '1234', so-pin: '12345678' }}\n",
        folder.path("").display()
    );
    folder.write("seldom.yaml", text);
    let limits = ["--sequences", "3000", "--variants", "1"];
    let target = ["--target", "./seldom.yaml"];
    let output = crate::fuzz::fuzz(&folder, &[&target[..], &limits].concat());
    let evidence = folder.evidence();
    let search = case(&evidence, "fuzz/search");
    assert_eq!(search.verdict, Verdict::Environment, "{output:?}");
    let reason = search.reason.clone().expect("why");
    let wanted = "the search ended before its time: there is no token any more: ";
    assert!(reason.starts_with(wanted), "{reason}");
}

/// What a sequence shows on a token of its own is a case that says so, and shows it again on another.
#[cfg(feature = "mutants")]
#[test]
fn a_finding_on_a_token_of_its_own_is_shown_again() {
    let folder = Folder::new();
    let search = [
        "fuzz",
        "--seed",
        "1",
        "--time",
        "120s",
        "--fail-fast",
        "--variants",
        "16",
    ];
    let mut command = folder.command(&[&search[..], &["--run-dir", "run"]].concat());
    command.env("REFERENCE_TOKEN_MUTANT", "pin-compared-by-prefix");
    let output = folder.finish(&mut command);
    output.says(
        1,
        &[
            "fuzz/C_Login/CKR_OK-not-CKR_PIN_INCORRECT",
            "3 of 3 fresh workers",
        ],
    );
    let home = "run/findings/fuzz/C_Login/CKR_OK-not-CKR_PIN_INCORRECT/reproducer.yaml";
    let text = folder.read(home);
    assert!(text.contains("own-token: true"), "{text}");
    for (mutant, code) in [("pin-compared-by-prefix", 1), ("", 0)] {
        let mut command = folder.command(&["replay", home]);
        command.env("REFERENCE_TOKEN_MUTANT", mutant);
        assert_eq!(folder.finish(&mut command).code, Some(code), "{mutant}");
    }
}
