//! Children that a case forks, and libraries that are loaded again: what goes wrong in them is told, and
//! the run goes on.

use crate::kit::{FINE, Folder, Steps, case, suite};
use p11assay_reports::evidence::{Case, End, Verdict};

/// Runs a case before one that is fine.
fn run(steps: Steps<'_>, hostile: &str) -> (Case, Case) {
    let folder = Folder::new();
    folder.write("suite.yaml", suite("s", &[steps, FINE]));
    let target = folder.armed(hostile, "500ms");
    folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    let evidence = folder.evidence();
    let of = |id: &str| case(&evidence, &format!("s/{id}")).clone();
    (of(steps.0), of("fine"))
}

const CHILD: Steps<'_> = (
    "child",
    "session",
    "{ in-child: [C_GetInfo, { C_Login: { session: $session }, keep-going: true }] }, C_GetInfo",
);

#[test]
fn the_crash_of_a_child_is_found_at_its_call_and_the_worker_goes_on() {
    let (guilty, fine) = run(CHILD, "C_Login:segv-read");
    assert_eq!(guilty.verdict, Verdict::Crash, "{guilty:#?}");
    let found = guilty.findings.last().expect("a finding");
    let place = (found.step, found.lane, found.function.as_deref());
    assert_eq!(place, (Some(2), Some(0), Some("C_Login")));
    assert_eq!(found.message, "the child process was ended by SIGSEGV");
    assert_eq!(guilty.confirmed.map(|again| again.same), Some(1));
    assert_eq!(fine.verdict, Verdict::Pass, "{fine:#?}");
}

#[test]
fn the_exit_of_a_child_is_found_at_its_call() {
    let (guilty, fine) = run(CHILD, "C_Login:_exit");
    let found = guilty.findings.last().expect("a finding");
    assert_eq!(found.message, "the child process exited with status 4");
    assert_eq!((found.step, fine.verdict), (Some(2), Verdict::Pass));
}

#[test]
fn a_child_that_hangs_is_told_with_its_stack() {
    let (guilty, fine) = run(CHILD, "C_Login:hang");
    assert_eq!(guilty.verdict, Verdict::Hang, "{guilty:#?}");
    let found = guilty.findings.last().expect("a finding");
    assert_eq!((found.step, found.lane), (Some(2), Some(0)));
    let Some(End::Hang { frames, .. }) = &found.end else {
        panic!("no hang but {:?}", found.end);
    };
    let symbols = frames.iter().filter_map(|frame| frame.symbol.as_deref());
    assert!(symbols.collect::<String>().contains("hang+"), "{frames:#?}");
    assert_eq!(fine.verdict, Verdict::Pass, "{fine:#?}");
}

#[test]
fn what_a_child_does_wrong_is_found_and_what_it_gives_is_there_after_it() {
    let steps = (
        "child",
        "initialized",
        "{ in-child: [{ C_OpenSession: { flags: 4 }, gives: { session: $theirs } }] }, \
         { C_GetSessionInfo: { session: $theirs }, returns: CKR_SESSION_HANDLE_INVALID }, \
         { in-child: [{ C_GetInfo: {}, returns: CKR_GENERAL_ERROR }] }, C_GetInfo",
    );
    let (case, _) = run(steps, "");
    assert_eq!(case.verdict, Verdict::Deviation, "{case:#?}");
    let places = case.findings.iter().map(|found| (found.step, found.lane));
    assert_eq!(places.collect::<Vec<_>>(), [(Some(3), Some(0))]);
    let steps = case.trace.iter().map(|call| call.step);
    assert_eq!(steps.collect::<Vec<_>>(), [1, 2, 3]);
}

const RELOAD: Steps<'_> = (
    "reload",
    "session",
    "C_Finalize, reload, C_Initialize, \
     { C_GetSessionInfo: { session: $session }, returns: CKR_SESSION_HANDLE_INVALID }",
);

#[test]
fn a_library_is_loaded_again_and_captures_outlive_it() {
    let (case, fine) = run(RELOAD, "");
    assert_eq!(
        (case.verdict, fine.verdict),
        (Verdict::Pass, Verdict::Pass),
        "{case:#?}"
    );
}

#[test]
fn a_library_that_crashes_while_it_is_unloaded_is_blamed() {
    let (guilty, fine) = run(RELOAD, "destructor:segv-read");
    assert_eq!(guilty.verdict, Verdict::Crash, "{guilty:#?}");
    assert_eq!(fine.verdict, Verdict::Pass, "{fine:#?}");
}
