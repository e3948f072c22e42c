//! Background programs that a token needs, and that end while it is used.

use p11assay_reports::evidence::{Confirmation, End, Verdict};

use crate::fuzz::fuzz;
use crate::kit::{FINE, Folder, Steps, case, suite};

/// The case of which the program of [`served`] ends.
const FATAL: Steps<'_> = (
    "fatal",
    "session",
    "{ C_SeedRandom: { session: $session, seed: '00' } }",
);

/// A target with the hostile module, whose program ends when C_SeedRandom is called; provisioned so, too.
fn served(folder: &Folder, provision: &str) -> String {
    let name = folder.armed("C_SeedRandom:end-program", "2s");
    let text = folder.read("hostile.yaml").replace(
        "environment: {",
        "environment: { HOSTILE_PROGRAM: '${scratch}/pid',",
    );
    let serve = "echo $$ >pid; echo no more of 1234 >&2; touch ready; exec sleep 600";
    let text = text
        + &format!(
            "token: {{ pin: '1234' }}\nprovision:\n{provision}\
             \x20 - run: [sh, -c, 'cd ${{scratch}}; {serve}']\n    background: true\n    ready: '${{scratch}}/ready'\n"
        );
    folder.write("hostile.yaml", text);
    name
}

/// A folder with the built-in token as a target whose first program ends by itself when some time of its use is over.
fn short(seconds: &str) -> (Folder, String) {
    let folder = Folder::new();
    let marker = folder.path("ended");
    let text = format!(
        "target: short\nmodule: builtin\ndisposable: true\n\
         provision: [ {{ run: [sh, -c, 'test -e {0} && exec sleep 600; sleep {seconds}; touch {0}; \
         echo no more of 1234 >&2; kill -ABRT $$'], background: true }} ]\n\
         token: {{ label: p11assay reference, pin: '1234', so-pin: '12345678' }}\n",
        marker.display()
    );
    folder.write("short.yaml", text);
    (folder, "./short.yaml".to_owned())
}

/// The case is to blame that it does not outlive, each time; those beside it are judged on a new token.
#[test]
fn a_case_that_ends_a_program_is_a_crash_and_no_other() {
    let folder = Folder::with_suite(&[FINE, FATAL, ("after", FINE.1, FINE.2)]);
    let target = served(&folder, "");
    let run = ["run", "suite.yaml", "--target", &target];
    let output = folder.run(&[&run[..], &["--run-dir", "run"]].concat());
    output.says(1, &["s/fatal", "1 crash", "2 passed"]);
    let evidence = folder.evidence();
    assert_eq!(evidence.cases.len(), 3, "{evidence:#?}");
    let found = case(&evidence, "s/fatal");
    assert_eq!(found.verdict, Verdict::Crash);
    let finding = &found.findings[0];
    let wanted = "had `sh`, which the token needs, ended by SIGABRT";
    assert_eq!(finding.message, wanted);
    assert_eq!(finding.function.as_deref(), Some("C_SeedRandom"));
    let Some(End::Program { program, end }) = &finding.end else {
        panic!("{finding:?}");
    };
    assert_eq!(program, "sh");
    assert!(matches!(&**end, End::Signal { signal, .. } if signal == "SIGABRT"));
    assert_eq!(found.stderr.trim(), "no more of ***");
    let confirmed = Confirmation { tries: 1, same: 1 };
    assert_eq!(found.confirmed, Some(confirmed));
    for id in ["s/fine", "s/after"] {
        assert_eq!(case(&evidence, id).verdict, Verdict::Pass);
    }
    let again = "run/findings/s/fatal/reproducer.yaml";
    let replayed = folder.run(&["replay", again, "--target", &target]);
    replayed.says(1, &["C_SeedRandom", wanted]);
    let listed = folder.run(&["triage", "run"]);
    let group = [
        "MODERATE C_SeedRandom  sh: SIGABRT",
        "a program that the token needs is ended",
    ];
    listed.says(0, &group);
}

#[test]
fn what_ends_a_program_is_found_made_short_and_shown_again() {
    let folder = Folder::new();
    let target = served(&folder, "");
    let limits = ["--target", &target, "--sequences", "96", "--run-dir", "run"];
    let output = fuzz(&folder, &limits[..4]);
    output.says(1, &["C_SeedRandom/sh-SIGABRT", "3 of 3 fresh workers"]);
    let evidence = folder.evidence();
    let ends = evidence.cases.iter().filter(|case| {
        let mut ends = case
            .findings
            .iter()
            .filter_map(|finding| finding.end.as_ref());
        ends.any(|end| matches!(end, End::Program { .. }))
    });
    let [found] = ends.collect::<Vec<_>>()[..] else {
        panic!("{evidence:#?}");
    };
    assert_eq!(found.id, "fuzz/C_SeedRandom/sh-SIGABRT");
    // A session, if it opened one, and the call.
    assert!(found.calls <= 3, "{found:#?}");
    // The search went on to its end.
    let search = case(&evidence, "fuzz/search");
    assert!(search.title.starts_with("96 sequences "), "{search:#?}");
    let home = "run/findings/fuzz/C_SeedRandom/sh-SIGABRT";
    assert!(
        folder
            .read(&format!("{home}/reproducer.c"))
            .contains("which the token needs, ended by SIGABRT")
    );
    let check = [
        "triage",
        "run",
        "--check",
        "--target",
        &target,
        "--run-dir",
        "again",
    ];
    folder.run(&check).says(1, &["still: "]);
}

/// What was found before it is confirmed in between, which says nothing of what is left.
#[test]
fn confirmations_leave_it_known_that_cases_are_to_be_executed_one_by_one() {
    let wrong = "{ C_GetInfo: {}, returns: CKR_ARGUMENTS_BAD }";
    let names: Vec<String> = (0..6).map(|number| format!("wrong-{number}")).collect();
    let mut cases: Vec<Steps<'_>> = names
        .iter()
        .map(|name| (name.as_str(), "initialized", wrong))
        .collect();
    cases.push(FATAL);
    let folder = Folder::with_suite(&cases);
    let target = served(&folder, "");
    let run = ["run", "suite.yaml", "--target", &target];
    let output = folder.run(&[&run[..], &["--run-dir", "run"]].concat());
    output.says(1, &["1 crash", "6 deviations"]);
    let found = case(&folder.evidence(), "s/fatal").clone();
    assert_eq!(found.verdict, Verdict::Crash);
    assert_eq!(found.findings.len(), 1, "{found:#?}");
}

/// A program that ends by itself is told of; all cases are judged, those of that time on another token.
#[test]
fn a_program_that_ends_by_itself_is_no_cases_fault() {
    let (folder, target) = short("3");
    let pause = (
        "pause",
        "initialized",
        "{ pause: 1000 }, { pause: 1000 }, { pause: 1000 }, { pause: 1000 }, { C_GetInfo: {} }",
    );
    folder.write(
        "suite.yaml",
        suite("s", &[FINE, pause, ("after", FINE.1, FINE.2)]),
    );
    let run = ["run", "suite.yaml", "--target", &target];
    let output = folder.run(&[&run[..], &["--run-dir", "run"]].concat());
    let wanted =
        "`sh`, which the token needs, was ended by SIGABRT; which call had it end is not known";
    output.says(1, &["worker/program", wanted, "3 passed", "1 crash"]);
    let record = case(&folder.evidence(), "worker/program").clone();
    assert_eq!(record.stderr.trim(), "no more of ***");
}

/// With no other token there is nothing to judge what is left by.
#[test]
fn a_run_ends_with_the_program_if_the_token_cannot_be_made_anew() {
    let folder = Folder::with_suite(&[FATAL, FINE]);
    let marker = folder.path("made");
    let once = format!(
        "  - run: [sh, -c, 'test ! -e {0} && touch {0}']\n",
        marker.display()
    );
    let target = served(&folder, &once);
    let run = ["run", "suite.yaml", "--target", &target];
    let output = folder.run(&[&run[..], &["--run-dir", "run"]].concat());
    let words = [
        "worker/program",
        "SIGABRT",
        "2 not judged",
        "cannot be made anew",
    ];
    output.says(1, &words);
    let evidence = folder.evidence();
    let of = |verdict| {
        let cases = evidence.cases.iter().filter(|case| case.verdict == verdict);
        cases.map(|case| case.id.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(Verdict::Environment), ["s/fatal", "s/fine"]);
    assert_eq!(of(Verdict::Crash), ["worker/program"]);
}

#[test]
fn a_search_goes_on_and_says_how_it_is_made_again() {
    let (folder, target) = short("3");
    let search = ["fuzz", "--target", &target, "--time", "12s", "--seed", "1"];
    let output = folder.run(&[&search[..], &["--run-dir", "run"]].concat());
    output.says(1, &["worker/program", "1 crash"]);
    let cases = folder.evidence().cases;
    let found = cases.iter().find(|case| case.id == "worker/program");
    let reason = found.and_then(|case| case.reason.clone()).expect("why");
    let begin = "`sh`, which the token needs, was ended by SIGABRT; which call had it end is not known, when ";
    assert!(reason.starts_with(begin), "{reason}");
    assert!(
        reason.contains("made again by --seed 1 --sequences "),
        "{reason}"
    );
    assert!(
        reason.contains(" --variants 1024; it said last: no more of ***"),
        "{reason}"
    );
}

#[test]
fn properties_are_asked_on_another_token() {
    let (folder, target) = short("2");
    let ask = [
        "property", "--target", &target, "--time", "8s", "--seed", "1",
    ];
    let output = folder.run(&[&ask[..], &["--run-dir", "run"]].concat());
    output.says(1, &["worker/program", "1 crash"]);
    let cases = folder.evidence().cases;
    let found = cases.iter().find(|case| case.id == "worker/program");
    let reason = found.and_then(|case| case.reason.clone()).expect("why");
    assert!(reason.contains("ended by SIGABRT"), "{reason}");
    let judged = cases.iter().filter(|case| case.verdict == Verdict::Pass);
    assert!(judged.count() > 5, "{cases:#?}");
}
