//! Runs that do not come to their end at once: stopped, killed, resumed, given up.

use crate::kit::{FINE, Folder, Output, Steps, case};
use p11assay_reports::evidence::Verdict;
use std::process::Child;
use std::time::{Duration, Instant};

const ARM: Steps<'_> = (
    "arm",
    "initialized",
    "{ C_SeedRandom: {}, returns: CKR_FUNCTION_NOT_SUPPORTED }",
);
const HANG: Steps<'_> = (
    "hang",
    "initialized",
    "{ C_CancelFunction: {}, returns: CKR_FUNCTION_NOT_SUPPORTED }",
);
const LOADED: Steps<'_> = (
    "loaded",
    "loaded",
    "{ C_GetInfo: {}, returns: CKR_CRYPTOKI_NOT_INITIALIZED }",
);

fn named<'s>(id: &'s str, (_, state, steps): Steps<'s>) -> Steps<'s> {
    (id, state, steps)
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("it is there");
}

fn wait(child: Child) -> Output {
    let output = child.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Output {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A crash that is on record before the run hangs.
const CRASH: Steps<'_> = (
    "crash",
    "initialized",
    "{ C_InitToken: {}, returns: CKR_FUNCTION_NOT_SUPPORTED }",
);
const BEHAVIOUR: &str = "C_CancelFunction:hang,C_InitToken:_exit";

/// A run of a crash, a hang of a minute and a fine case, in its hang.
fn hanging(folder: &Folder, more: &[&str]) -> Child {
    let target = folder.armed(BEHAVIOUR, "60s");
    let child = folder.start(&[&["suite.yaml", "--target", &target], more].concat());
    // Head, target, plan, and the crash: from then on it hangs.
    folder.wait_for_lines(4);
    std::thread::sleep(Duration::from_millis(300));
    child
}

fn resume(folder: &Folder) {
    std::fs::remove_file(folder.path("armed")).expect("armed");
    let target = folder.hostile(BEHAVIOUR, "60s");
    let output = folder.run(&["run", "--target", &target, "--resume", "run"]);
    output.says(1, &["3 cases: 2 passed, 1 crash"]);
    let evidence = folder.evidence();
    assert_eq!(evidence.resumes, 1);
    assert!(evidence.finished.is_some() && evidence.interrupted.is_none());
    let verdicts: Vec<_> = evidence
        .cases
        .iter()
        .map(|case| (case.id.as_str(), case.verdict))
        .collect();
    let (crash, pass) = (Verdict::Crash, Verdict::Pass);
    assert_eq!(
        verdicts,
        [("s/crash", crash), ("s/hang", pass), ("s/fine", pass)]
    );
}

#[test]
fn a_stopped_run_keeps_what_it_found_and_goes_on_later() {
    let folder = Folder::with_suite(&[CRASH, HANG, FINE]);
    let child = hanging(&folder, &["--junit", "j.xml"]);
    let begin = Instant::now();
    signal(&child, rustix::process::Signal::INT);
    // A finding outweighs that the run was stopped.
    wait(child).says(1, &["CRASH s/crash", "2 cases not executed", "SIGINT"]);
    assert!(begin.elapsed() < Duration::from_secs(20));
    let evidence = folder.evidence();
    let interrupted = evidence.interrupted.as_ref().expect("a mark");
    assert_eq!(
        (interrupted.by.as_str(), interrupted.remaining),
        ("SIGINT", 2)
    );
    assert!(
        folder
            .read("j.xml")
            .contains("not executed: run interrupted (SIGINT)")
    );
    resume(&folder);
}

#[test]
fn a_stopped_run_without_findings_says_130() {
    let folder = Folder::with_suite(&[HANG, FINE]);
    let target = folder.armed(BEHAVIOUR, "60s");
    let child = folder.start(&["suite.yaml", "--target", &target]);
    folder.wait_for_lines(3);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, rustix::process::Signal::TERM);
    wait(child).says(130, &["STOPPED", "SIGTERM", "resume the run"]);
    let evidence = folder.evidence();
    assert_eq!(evidence.interrupted.map(|mark| mark.remaining), Some(2));
    assert_eq!(evidence.cases, []);
}

#[test]
fn a_killed_run_keeps_what_it_found_and_goes_on_later() {
    let folder = Folder::with_suite(&[CRASH, HANG, FINE]);
    let mut child = hanging(&folder, &[]);
    signal(&child, rustix::process::Signal::KILL);
    child.wait().expect("dead");
    assert_eq!(folder.evidence().remaining(), ["s/hang", "s/fine"]);
    resume(&folder);
}

#[test]
fn resuming_without_the_cases_that_were_left_is_refused() {
    let folder = Folder::with_suite(&[CRASH, HANG, FINE]);
    let child = hanging(&folder, &[]);
    signal(&child, rustix::process::Signal::INT);
    wait(child).says(1, &[]);
    folder.write("suite.yaml", crate::kit::suite("s", &[CRASH, FINE]));
    folder
        .run(&["run", "--resume", "run"])
        .says(2, &["the case `s/hang` of the interrupted run"]);
}

#[test]
fn the_first_finding_ends_a_run_that_is_to_fail_fast() {
    let wrong = (
        "wrong",
        "initialized",
        "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }",
    );
    // More than a batch, so that something is left.
    let ids: Vec<String> = (0..100).map(|number| format!("fine-{number}")).collect();
    let mut cases = vec![wrong];
    cases.extend(ids.iter().map(|id| named(id, FINE)));
    let folder = Folder::with_suite(&cases);
    let output = folder.run(&["run", "suite.yaml", "--fail-fast", "--run-dir", "run"]);
    output.says(1, &["DEVIATION s/wrong", "fail-fast"]);
    let evidence = folder.evidence();
    assert!(evidence.interrupted.is_some_and(|mark| mark.remaining > 0));
    // It was stopped from inside: nothing of that is blamed on the module.
    assert!(
        evidence.cases.iter().all(|case| case.id.starts_with("s/")),
        "{:?}",
        evidence.cases
    );
}

#[test]
fn a_module_that_never_initialises_again_is_given_up() {
    let ids: Vec<String> = (0..20).map(|number| format!("fine-{number}")).collect();
    let mut cases = vec![ARM, CRASH];
    cases.extend(ids.iter().map(|id| named(id, FINE)));
    let folder = Folder::with_suite(&cases);
    let target = folder.hostile(
        "C_SeedRandom:arm,C_InitToken:_exit,C_Initialize:hang",
        "500ms",
    );
    let begin = Instant::now();
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    output.says(
        1,
        &["22 cases: 1 passed, 1 crash, 1 hang, 19 not judged (environment)"],
    );
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "not twenty deadlines"
    );
    let evidence = folder.evidence();
    assert_eq!(
        case(&evidence, "s/crash").confirmed,
        None,
        "no worker came to it again"
    );
    let last = case(&evidence, "s/fine-19");
    assert_eq!(last.verdict, Verdict::Environment);
    let reason = last.reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("2 times in a row") && reason.contains("500 ms"),
        "{reason}"
    );
}

#[test]
fn a_module_that_cannot_be_loaded_again_is_given_up() {
    let folder = Folder::with_suite(&[ARM, CRASH, FINE, LOADED]);
    let target = folder.hostile(
        "C_SeedRandom:arm,C_InitToken:_exit,constructor:_exit",
        "500ms",
    );
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    output.says(
        1,
        &["4 cases: 1 passed, 1 crash, 2 not judged (environment)"],
    );
    let evidence = folder.evidence();
    let reason = case(&evidence, "s/fine").reason.clone().unwrap_or_default();
    assert!(
        reason.contains("status 4 while it was being loaded"),
        "{reason}"
    );
}

/// A table of what becomes of a run whose module misbehaves in calls that the harness itself makes.
#[test]
fn calls_between_cases_are_blamed_on_whom_they_belong_to() {
    // Behaviour; what the armed case, the one after it and the one in loaded state end as; more.
    let (pass, crash, hang) = (Verdict::Pass, Verdict::Crash, Verdict::Hang);
    for (behaviour, verdicts, stray) in [
        ("C_CloseAllSessions:segv-read", [crash, crash, pass], None),
        ("C_CloseAllSessions:hang", [hang, hang, pass], None),
        (
            "C_Finalize:_exit",
            [pass, pass, pass],
            Some(("worker/finalize", crash)),
        ),
        (
            "C_Finalize:hang",
            [pass, pass, pass],
            Some(("worker/finalize", hang)),
        ),
        ("C_Finalize:error", [pass, pass, pass], None),
        (
            "destructor:_exit",
            [pass, pass, pass],
            Some(("worker/unload", crash)),
        ),
        (
            "destructor:segv-write",
            [pass, pass, pass],
            Some(("worker/unload", crash)),
        ),
    ] {
        let folder = Folder::with_suite(&[ARM, FINE, LOADED]);
        let target = folder.hostile(&format!("C_SeedRandom:arm,{behaviour}"), "500ms");
        let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
        let evidence = folder.evidence();
        let found = ["s/arm", "s/fine", "s/loaded"].map(|id| case(&evidence, id).verdict);
        assert_eq!(found, verdicts, "{behaviour}: {output:#?}");
        let others = evidence
            .cases
            .iter()
            .filter(|case| !case.id.starts_with("s/"));
        let others: Vec<_> = others
            .map(|case| (case.id.as_str(), case.verdict))
            .collect();
        assert_eq!(others, Vec::from_iter(stray), "{behaviour}");
        let clean = verdicts == [pass; 3] && stray.is_none();
        assert_eq!(output.code, Some(i32::from(!clean)), "{behaviour}");
        for case in evidence
            .cases
            .iter()
            .filter(|case| case.verdict.is_finding())
        {
            let function = case.findings[0].function.as_deref();
            let (blamed, _) = behaviour.split_once(':').expect("a function");
            assert_eq!(
                function,
                Some(blamed).filter(|name| *name != "destructor"),
                "{behaviour}"
            );
        }
    }
}

#[test]
fn a_worker_that_dies_between_requests_is_not_forgotten() {
    // The thread is started by the last case of a batch; the next request comes after its crash,
    // since a finding of the first case is confirmed in between.
    let ids: Vec<String> = (0..63).map(|number| format!("fine-{number}")).collect();
    let nap = (
        "nap",
        "initialized",
        "{ C_InitPIN: {}, returns: CKR_FUNCTION_NOT_SUPPORTED }",
    );
    let mut cases: Vec<Steps<'_>> = ids.iter().map(|id| named(id, FINE)).collect();
    cases.extend([ARM, nap, FINE]);
    let folder = Folder::with_suite(&cases);
    let target = folder.armed("C_SeedRandom:thread-crash,C_InitPIN:nap", "2s");
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let evidence = folder.evidence();
    let ends = evidence.cases.iter().flat_map(|case| &case.findings);
    let frames = ends.filter_map(|finding| match finding.end.as_ref()? {
        p11assay_reports::evidence::End::Signal { frames, .. } => Some(frames),
        _ => None,
    });
    let symbols: Vec<_> = frames
        .flatten()
        .filter_map(|frame| frame.symbol.clone())
        .collect();
    assert!(
        symbols.iter().any(|name| name.starts_with("crash_later")),
        "{symbols:?}"
    );
    assert_eq!(evidence.remaining(), Vec::<&str>::new());
}
