//! Lanes that end the worker or leave something wrong: the call of the guilty lane is blamed.

use crate::kit::{Folder, Steps, case, suite};
use p11assay_reports::evidence::{Case, End, Finding, Verdict};

/// Lane 1 is in one call after another while lane 2, some time later, comes to the fatal one.
const BUSY: Steps<'_> = (
    "busy",
    "session",
    "{ together: [[C_GetInfo, C_FindObjectsFinal: { session: $session }], \
      [C_GetSessionInfo: { session: $session }, { C_Login: { session: $session }, keep-going: true }]], \
      repeat: 2 }",
);

fn run(steps: Steps<'_>, hostile: &str) -> (Folder, Case) {
    let folder = Folder::new();
    folder.write("suite.yaml", suite("s", &[steps]));
    let hostile = format!("C_GetSessionInfo:nap,{hostile}");
    let target = folder.armed(&hostile, "500ms");
    let output = folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
    // A process whose thread is not let go by who looked into it is waited for in vain.
    assert!(!output.err.contains("is still there"), "{}", output.err);
    let found = case(&folder.evidence(), &format!("s/{}", steps.0)).clone();
    (folder, found)
}

/// The finding on how the worker ended, and the symbols of its stack.
fn end_of(case: &Case) -> (&Finding, String) {
    let finding = case.findings.iter().find(|finding| finding.end.is_some());
    let finding = finding.unwrap_or_else(|| panic!("no end in {case:#?}"));
    let frames = match &finding.end {
        Some(End::Signal { frames, .. } | End::Hang { frames, .. }) => frames.as_slice(),
        _ => &[],
    };
    let symbols = frames.iter().filter_map(|frame| frame.symbol.as_deref());
    (finding, symbols.collect())
}

#[track_caller]
fn blames_login(case: &Case, verdict: Verdict, symbol: &str) {
    assert_eq!(case.verdict, verdict, "{case:#?}");
    let (finding, symbols) = end_of(case);
    let place = (finding.step, finding.lane, finding.function.as_deref());
    assert_eq!(place, (Some(4), Some(2), Some("C_Login")), "{case:#?}");
    assert!(symbols.contains(symbol), "{symbols}");
}

#[test]
fn a_crash_is_attributed_to_the_call_of_its_lane() {
    let hostile = "C_FindObjectsFinal:nap,C_Login:segv-write";
    let (folder, case) = run(BUSY, hostile);
    blames_login(&case, Verdict::Crash, "segv_write+");
    let path = case.reproducer.as_deref().expect("a reproducer");
    let replay = folder.run(&[
        "replay",
        &format!("run/{path}"),
        "--target",
        "./hostile.yaml",
    ]);
    replay.says(1, &["CRASH", "step 4 in lane 2", "C_Login"]);
}

#[test]
fn the_lane_of_a_crash_is_known_though_another_was_in_a_call_first() {
    let (_folder, case) = run(BUSY, "C_FindObjectsFinal:hang,C_Login:segv-write");
    blames_login(&case, Verdict::Crash, "segv_write+");
    let (finding, _) = end_of(&case);
    let told = "meanwhile lane 1 in C_FindObjectsFinal";
    assert!(finding.message.contains(told), "{}", finding.message);
}

#[test]
fn a_stack_overflow_of_a_lane_is_recorded_on_a_stack_of_its_own() {
    let (_folder, case) = run(BUSY, "C_Login:recursion");
    blames_login(&case, Verdict::Crash, "recurse+");
}

#[test]
fn a_hang_is_attributed_to_the_call_of_its_lane() {
    let (_folder, case) = run(BUSY, "C_FindObjectsFinal:nap,C_Login:hang");
    blames_login(&case, Verdict::Hang, "hang+");
}

#[test]
fn an_exit_is_attributed_to_the_lane_that_called_it() {
    for (behaviour, status) in [("exit", 3), ("quick-exit", 5)] {
        let (_folder, case) = run(
            BUSY,
            &format!("C_FindObjectsFinal:hang,C_Login:{behaviour}"),
        );
        blames_login(&case, Verdict::Crash, "");
        let (finding, _) = end_of(&case);
        let told =
            format!("called exit with status {status}; meanwhile lane 1 in C_FindObjectsFinal");
        assert_eq!(finding.message, told);
    }
}

/// Nothing tells who called `_exit`, and a thread of the module's own is no lane.
#[test]
fn an_exit_of_none_or_any_of_several_lanes_blames_no_call() {
    let ends = [
        ("C_FindObjectsFinal:hang,C_Login:_exit", 4),
        (
            "C_GetInfo:thread-exit,C_FindObjectsFinal:hang,C_Login:hang",
            6,
        ),
    ];
    for (hostile, status) in ends {
        let (_folder, case) = run(BUSY, hostile);
        assert_eq!(case.verdict, Verdict::Crash);
        let (finding, _) = end_of(&case);
        let told = format!(
            "called exit with status {status}; meanwhile lane 1 in C_FindObjectsFinal, lane 2 in C_"
        );
        assert!(finding.message.starts_with(&told), "{}", finding.message);
        let place = (finding.step, finding.lane, &finding.function);
        assert_eq!(place, (None, None, &None));
    }
}

/// A lane hangs, and so does what another one's `exit` runs.
#[test]
fn a_hang_is_attributed_to_its_lane_though_another_called_exit() {
    let hostile = "C_FindObjectsFinal:hang,C_Login:exit,destructor:hang";
    let (_folder, case) = run(BUSY, hostile);
    let (finding, symbols) = end_of(&case);
    assert_eq!(case.verdict, Verdict::Hang, "{case:#?}");
    let place = (finding.lane, finding.function.as_deref());
    assert_eq!(place, (Some(1), Some("C_FindObjectsFinal")));
    assert!(symbols.contains("C_FindObjectsFinal"), "{symbols}");
}

#[test]
fn a_guard_that_a_lane_broke_is_found_at_its_step() {
    let steps = (
        "guard",
        "session",
        "{ together: [[C_GetInfo], \
          [C_GenerateRandom: { session: $session, random_data: { buffer: 21 } }]] }",
    );
    let (_folder, case) = run(steps, "C_GenerateRandom:under-write");
    assert_eq!(case.verdict, Verdict::Crash, "{case:#?}");
    let finding = &case.findings[0];
    assert_eq!((finding.step, finding.lane), (Some(2), Some(2)));
    assert!(
        finding.message.contains("1 byte before a buffer"),
        "{}",
        finding.message
    );
}

/// Every lane is judged: neither hides what another found.
#[test]
fn findings_of_all_lanes_are_told() {
    let steps = (
        "wrong",
        "session",
        "{ together: [[C_Login: { session: $session }, C_GetInfo], \
          [C_GetInfo, C_Logout: { session: $session }]] }, C_GetInfo",
    );
    let (_folder, case) = run(steps, "C_Login:error,C_Logout:error");
    assert_eq!(case.verdict, Verdict::Deviation);
    let places = case.findings.iter().map(|f| (f.step, f.lane));
    let wrong = [(Some(1), Some(1)), (Some(4), Some(2))];
    assert_eq!(places.collect::<Vec<_>>(), wrong, "{case:#?}");
    let calls = case.trace.iter().filter(|call| call.lane.is_some());
    assert_eq!(calls.count(), 3, "{:#?}", case.trace);
}
