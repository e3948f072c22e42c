//! Background programs that a token needs, and that end while it is used.

use p11assay_reports::evidence::Verdict;

use crate::kit::Folder;

/// A folder with the built-in token as a target whose background program runs for so many seconds: enough to find out about
/// the token, and not for all that follows.
fn with_program(seconds: &str) -> (Folder, String) {
    let folder = Folder::new();
    let text = format!(
        "target: short\nmodule: builtin\ndisposable: true\n\
         provision: [ {{ run: [sh, -c, 'sleep {seconds}; echo no more of 1234 >&2; kill -ABRT $$'], background: true }} ]\n\
         token: {{ label: p11assay reference, pin: '1234', so-pin: '12345678' }}\n"
    );
    folder.write("short.yaml", text);
    (folder, "./short.yaml".to_owned())
}

/// What is left of the plan is not the module's: it is not executed, and nothing else is found.
#[test]
fn a_run_ends_with_the_program_that_its_token_needs() {
    let (folder, target) = with_program("3");
    let output = folder.run(&["run", "--target", &target, "--run-dir", "run"]);
    output.says(1, &["worker/program", "`sh`", "SIGABRT", "not judged"]);
    let cases = folder.evidence().cases;
    let findings = cases.iter().filter(|case| case.verdict.is_finding());
    let found: Vec<_> = findings.map(|case| case.id.as_str()).collect();
    assert_eq!(found, ["worker/program"]);
    let of = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    assert!(of(Verdict::Environment) > 100, "{}", output.out);
    let left = cases
        .iter()
        .find(|case| case.verdict == Verdict::Environment);
    let reason = left.and_then(|case| case.reason.clone());
    let wanted = "`sh`, which the token needs, was ended by SIGABRT";
    assert_eq!(reason.as_deref(), Some(wanted));
}

#[test]
fn a_search_says_which_program_it_ended_with_and_can_be_made_again() {
    let (folder, target) = with_program("3");
    let search = ["fuzz", "--target", &target, "--time", "60s", "--seed", "3"];
    let reports = ["--run-dir", "run", "--junit", "out.xml"];
    let output = folder.run(&[&search[..], &reports].concat());
    output.says(1, &["worker/program", "1 crash"]);
    let cases = folder.evidence().cases;
    let found = cases.iter().find(|case| case.id == "worker/program");
    let reason = found.and_then(|case| case.reason.clone()).expect("why");
    let begin = "`sh`, which the token needs, was ended by SIGABRT in the last batch of ";
    assert!(reason.starts_with(begin), "{reason}");
    assert!(reason.contains(", and said last: no more of "), "{reason}");
    assert!(!reason.contains("1234"), "{reason}");
    assert!(reason.contains("--seed 3 --sequences "), "{reason}");
    assert!(reason.contains(" --variants 1024 "), "{reason}");
    assert!(folder.read("out.xml").contains("which the token needs"));
}
