//! `report`: the page of one or several runs, and what is refused.

use crate::kit::{FINE, Folder, Steps};

const WRONG: Steps<'_> = (
    "wrong",
    "session",
    "{ C_GetSessionInfo: { session: $session }, returns: CKR_DEVICE_ERROR }",
);

/// A folder with a run of cases, one of benchmarks, and a history of two of these.
fn measured() -> Folder {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    let cases = ["run", "suite.yaml", "functions/C_GetInfo"];
    let run = [&cases[..], &["--no-login", "--run-dir", "run"]].concat();
    folder.run(&run).says(1, &["1 deviation"]);
    for run in ["bench", "again"] {
        let bench = ["bench", "sessions/info", "--quick", "--rounds", "1"];
        let to = ["--threads", "1", "--history", "h.jsonl", "--run-dir", run];
        folder
            .run(&[&bench[..], &to[..]].concat())
            .says(0, &["1 measured"]);
    }
    folder
}

#[test]
fn runs_of_cases_and_of_benchmarks_and_a_history_are_one_page() {
    let folder = measured();
    let report = ["report", "run", "bench/bench.json", "--history", "h.jsonl"];
    let output = folder.run(&[&report[..], &["--html", "page.html"]].concat());
    output.says(1, &["1 deviation", "sessions/info"]);
    let page = folder.read("page.html");
    for part in [
        "<title>Report on builtin</title>",
        ">1 open finding</span>",
        "Over time",
        "id=\"coverage\"",
        "findings/s/wrong",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http://") && !page.contains("https://"));
    folder.run(&[&report[..], &["--html", "site"]].concat());
    assert_eq!(folder.read("site/index.html"), page);
}

#[test]
fn what_runs_came_to_is_exported_together() {
    let folder = measured();
    let exports = ["openmetrics", "bmf", "benchmark-action", "ctrf", "markdown"];
    let flags = exports.map(|name| [format!("--{name}"), name.to_owned()]);
    let flags: Vec<&str> = flags.iter().flatten().map(String::as_str).collect();
    folder
        .run(&[&["report", "run", "bench"], &flags[..]].concat())
        .says(1, &["1 deviation"]);
    for (name, part) in [
        (
            "openmetrics",
            "p11assay_cases{target=\"builtin\",run=\"1\",verdict=\"deviation\"} 1",
        ),
        ("openmetrics", "benchmark=\"bench/sessions/info\""),
        ("bmf", "\"sessions/info\": {"),
        ("benchmark-action", "\"unit\": \"ns/op\""),
        ("ctrf", "\"reportFormat\":\"CTRF\""),
        ("markdown", "| `s/wrong` |"),
    ] {
        let text = folder.read(name);
        assert!(text.contains(part), "{part} in {name}: {text}");
    }
    let run = [
        "run",
        "suite.yaml",
        "--no-login",
        "--markdown",
        "summary.md",
    ];
    folder.run(&run).says(1, &["1 deviation"]);
    assert!(folder.read("summary.md").contains("stopped by the gate"));
}

#[test]
fn a_report_for_programs_is_of_one_run() {
    let folder = measured();
    folder
        .run(&["report", "run", "run", "--json", "out.json"])
        .says(2, &["2 were given", "p11assay merge"]);
    folder
        .run(&["report", "bench", "--junit", "out.xml"])
        .says(2, &["0 were given"]);
    folder
        .run(&["report", "--html", "page.html"])
        .says(2, &["RUN"]);
    folder
        .run(&["report", "run", "--html", "no/such/page.html"])
        .says(2, &["does not exist"]);
    folder.run(&["report", "bench"]).says(0, &["sessions/info"]);
}
