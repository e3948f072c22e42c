//! `--partition` and `merge`: a run that several machines share out is one run in the end.

use crate::kit::{Folder, Output, Steps, case, suite};
use p11assay_reports::stream::{self, Evidence};
use std::collections::BTreeSet;

const PARTS: u32 = 3;

/// A folder with a suite of twenty cases, of which every fifth fails.
fn folder() -> Folder {
    let ids: Vec<String> = (0..20).map(|n| format!("case-{n}")).collect();
    let steps = |n: usize| match n % 5 {
        0 => "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }",
        _ => "{ C_GetInfo: {} }",
    };
    let cases = ids.iter().enumerate();
    let cases: Vec<Steps<'_>> = cases
        .map(|(n, id)| (id.as_str(), "initialized", steps(n)))
        .collect();
    let folder = Folder::new();
    folder.write("suite.yaml", suite("s", &cases));
    folder
}

fn part(folder: &Folder, index: u32, more: &[&str]) -> Output {
    let (partition, run_dir) = (format!("{index}/{PARTS}"), format!("part-{index}"));
    let run = [
        "run",
        "suite.yaml",
        "--no-login",
        "--partition",
        &partition,
        "--run-dir",
        &run_dir,
    ];
    folder.run(&[&run[..], more].concat())
}

fn evidence(folder: &Folder, run: &str) -> Evidence {
    stream::read(&folder.path(&format!("{run}/evidence.jsonl"))).expect("evidence")
}

#[test]
fn the_parts_of_a_run_are_joined_to_what_one_run_gives() {
    let folder = folder();
    let whole = ["run", "suite.yaml", "--no-login", "--run-dir", "whole"];
    folder.run(&whole).says(1, &["20 cases"]);
    for index in 1..=PARTS {
        part(&folder, index, &[]);
    }
    let runs = ["merge", "part-2", "part-1", "part-3/evidence.jsonl"];
    let more = [
        "--run-dir",
        "joined",
        "--junit",
        "j.xml",
        "--json",
        "j.json",
    ];
    let output = folder.run(&[&runs[..], &more].concat());
    output.says(
        1,
        &[
            "20 cases: 16 passed, 4 deviations",
            "replay joined/findings/s/case-",
        ],
    );
    let (whole, joined) = (evidence(&folder, "whole"), evidence(&folder, "joined"));
    let verdicts = |evidence: &Evidence| -> Vec<_> {
        let cases = evidence.cases.iter();
        cases.map(|case| (case.id.clone(), case.verdict)).collect()
    };
    assert_eq!(verdicts(&whole), verdicts(&joined));
    assert_eq!(whole.plan, joined.plan);
    assert!(joined.finished.is_some() && joined.warnings.is_empty());
    assert_eq!(folder.read("j.xml").matches("<testcase").count(), 20);
    let wrong = case(&joined, "s/case-5");
    assert_eq!(
        wrong.reproducer.as_deref(),
        Some("findings/s/case-5/reproducer.yaml")
    );
    let replay = wrong.replay.as_deref().expect("a command");
    assert_eq!(
        replay,
        "p11assay replay joined/findings/s/case-5/reproducer.yaml --no-login"
    );
    let again = folder.run(&["replay", "joined/findings/s/case-5", "--no-login"]);
    again.says(1, &["DEVIATION s/case-5"]);
    let record = folder.read("joined/findings/s/case-5/finding.json");
    assert!(record.contains(replay), "{record}");
    // The reports can be made once more.
    folder
        .run(&[
            "report",
            "joined",
            "--junit",
            "again.xml",
            "--gate",
            "security",
        ])
        .says(0, &[]);
    assert_eq!(folder.read("again.xml").matches("let-pass").count(), 4);
}

#[test]
fn a_missing_part_is_told_and_its_cases_are_not_executed() {
    let folder = folder();
    for index in [1, 3] {
        part(&folder, index, &[]);
    }
    let output = folder.run(&[
        "merge",
        "part-1",
        "part-3",
        "--run-dir",
        "joined",
        "--gate",
        "security",
    ]);
    output.says(
        130,
        &[
            "part 2 is missing",
            "part 2 of 3 is missing",
            "not executed",
        ],
    );
    let joined = evidence(&folder, "joined");
    let remaining: BTreeSet<String> = joined.remaining().into_iter().map(str::to_owned).collect();
    part(&folder, 2, &[]);
    let second = evidence(&folder, "part-2");
    let second: BTreeSet<String> = second.cases.into_iter().map(|case| case.id).collect();
    assert_eq!(remaining, second);
}

#[test]
fn runs_that_do_not_belong_together_are_refused() {
    for (more, words) in [
        (&["--seed", "7"][..], "the seed differs"),
        (&["--filter", "!*-4"], "the plan differs"),
        (&["--reading", "strict"], "the reading differs"),
        (&["--gate", "must"], "the gate differs"),
    ] {
        let folder = folder();
        part(&folder, 1, &[]);
        part(&folder, 2, more);
        let output = folder.run(&["merge", "part-1", "part-2", "--run-dir", "joined"]);
        output.says(2, &["part-1 and part-2 do not belong together", words]);
        assert!(!folder.path("joined").exists());
    }
    let folder = folder();
    part(&folder, 1, &[]);
    let hostile = folder.hostile("", "5s");
    part(&folder, 2, &["--target", &hostile]);
    let output = folder.run(&["merge", "part-1", "part-2"]);
    output.says(2, &["the target differs, builtin and hostile"]);
    folder
        .run(&["merge", "part-1", "part-1"])
        .says(2, &["are both part 1"]);
    folder.run(&["run", "suite.yaml", "--no-login", "--run-dir", "run"]);
    folder
        .run(&["merge", "part-1", "run"])
        .says(2, &["run is no part"]);
    folder.run(&["merge", "nowhere"]).says(2, &["nowhere"]);
    folder.run(&["merge"]).says(2, &["required"]);
}

#[test]
fn a_part_without_cases_is_a_part() {
    let folder = folder();
    let one = ["--filter", "s/case-1"];
    let codes: Vec<_> = (1..=PARTS)
        .map(|index| part(&folder, index, &one).code)
        .collect();
    assert_eq!(codes, [Some(0); PARTS as usize]);
    let runs = ["merge", "part-1", "part-2", "part-3", "--run-dir", "joined"];
    folder.run(&runs).says(0, &["1 case: 1 passed"]);
    let nothing = part(&folder, 1, &["--filter", "s/none"]);
    nothing.says(5, &["nothing was selected"]);
}

#[test]
fn a_part_that_was_stopped_is_resumed_and_joined() {
    let folder = folder();
    for index in [1, 2] {
        part(&folder, index, &[]);
    }
    part(&folder, 3, &["--fail-fast"]).says(1, &[]);
    let stopped = !evidence(&folder, "part-3").remaining().is_empty();
    let merge =
        |run_dir: &str| folder.run(&["merge", "part-1", "part-2", "part-3", "--run-dir", run_dir]);
    if stopped {
        merge("early").says(1, &["part 3 of 3 was stopped: fail-fast"]);
    }
    folder.run(&["run", "--no-login", "--resume", "part-3"]);
    merge("joined").says(1, &["20 cases: 16 passed, 4 deviations"]);
}
