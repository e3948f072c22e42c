//! Findings once there are some: what is kept of them, what belongs together, and what became of it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fuzz::{fuzz, hostile};
use crate::kit::Folder;

/// What is found in one version of a module is looked for in another.
#[test]
fn findings_are_grouped_and_checked_against_another_version() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    fuzz(&folder, &["--target", &target, "--fail-fast"]).says(1, &["1 crash"]);
    let grouped = folder.run(&["triage", "run", "--sarif", "found.sarif"]);
    let crash = "MODERATE C_SeedRandom  SIGSEGV, read  libhostile.so+0x";
    grouped.says(
        0,
        &[crash, "a NULL pointer is followed", "1 finding in 1 group"],
    );
    let sarif: serde_json::Value =
        serde_json::from_str(&folder.read("found.sarif")).expect("a document");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 1, "{sarif:#}");
    assert_eq!(results[0]["level"], "error");
    let place = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    let place = place.as_str().expect("a file");
    assert!(folder.path("run").join(place).is_file(), "{place}");
    folder
        .run(&["triage", "run", "--html", "found.html"])
        .says(0, &[]);
    let page = folder.read("found.html");
    for words in [
        "SHA-256",
        "SIGSEGV (SEGV_MAPERR) on read at 0x10",
        "segv_read+0x",
        "rip",
        "<h4>Reproducer</h4><div class=\"copy\"><pre>suite: fuzz/C_SeedRandom",
        "int main",
        "3 of 3 fresh workers",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    let check = ["triage", "run", "--check", "--target", &target, "--run-dir"];
    folder
        .run(
            &[
                &check[..],
                &["again", "--html", "again.html", "--sarif", "again.sarif"],
            ]
            .concat(),
        )
        .says(1, &["still: 1", "1 finding in 1 group", "(the same file)"]);
    assert!(folder.read("again.html").contains("checked on"));
    let unchanged = "\"baselineState\": \"unchanged\"";
    assert!(folder.read("again.sarif").contains(unchanged));
    let mended = hostile(&folder, "", "2s");
    let check = ["triage", "run", "--check", "--target", &mended, "--run-dir"];
    let reports = ["mended", "--junit", "mended.xml", "--sarif", "mended.sarif"];
    folder
        .run(&[&check[..], &reports].concat())
        .says(0, &["fixed: 1", "not seen in 3 tries"]);
    let junit = folder.read("mended.xml");
    for words in ["fuzz/C_SeedRandom", "state: fixed: not seen in 3 tries"] {
        assert!(junit.contains(words), "{words} in {junit}");
    }
    let absent = "\"baselineState\": \"absent\"";
    assert!(folder.read("mended.sarif").contains(absent));
    // A run without findings has nothing to check.
    let nothing = ["triage", "mended", "--check", "--target", &mended];
    folder.run(&nothing).says(2, &["nothing to check"]);
}

/// A run on the hostile module whose one finding is a crash.
fn crashed() -> Folder {
    let steps = "{ C_GenerateRandom: { session: $session, random_data: { buffer: 8 } } }";
    let folder = Folder::with_suite(&[("crash", "session", steps)]);
    let target = folder.armed("C_GenerateRandom:segv-read", "2s");
    folder
        .run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"])
        .says(1, &["1 crash"]);
    folder
}

#[test]
fn a_check_is_of_the_target_of_the_run_unless_another_is_named() {
    let folder = crashed();
    let check = ["triage", "run", "--check", "--run-dir"];
    let output = folder.run(&[&check[..], &["again"]].concat());
    output.says(
        1,
        &[
            "still: 1",
            "the run was on  hostile:",
            "checked on      hostile:",
        ],
    );
    assert!(!output.err.contains("warning"), "{output:#?}");
    // Another module has no such finding, which says nothing of this one.
    let other = [&check[..], &["other", "--target", "builtin"]].concat();
    let output = folder.run(&other);
    output.says(0, &["fixed: 1", "not seen in 1 try"]);
    for words in [
        "warning: the run was on hostile:",
        "this is builtin:",
        "another module",
    ] {
        assert!(output.err.contains(words), "{words} in {output:#?}");
    }
    // Where the target is gone there is nothing to ask.
    std::fs::remove_file(folder.path("hostile.yaml")).expect("the target");
    folder
        .run(&[&check[..], &["gone"]].concat())
        .says(2, &["hostile.yaml, which is not there", "--target"]);
}

/// What shows in some workers only is not fixed because it did not show once.
#[test]
fn what_showed_rarely_is_tried_often_before_it_is_called_fixed() {
    let folder = crashed();
    let evidence = folder.read("run/evidence.jsonl");
    let once = r#""confirmed":{"tries":1,"same":1}"#;
    assert!(evidence.contains(once), "{evidence}");
    let check = ["triage", "run", "--check", "--run-dir"];
    std::fs::remove_file(folder.path("armed")).expect("the module is mended");
    for (seen, words) in [
        (
            r#""confirmed":{"tries":3,"same":1}"#,
            ["fixed: 1", "not seen in 12 tries"],
        ),
        (
            r#""confirmed":{"tries":3,"same":0}"#,
            ["open: 1", "nor was it in any of the 3 fresh workers"],
        ),
    ] {
        folder.write("run/evidence.jsonl", evidence.replace(once, seen));
        let again = if words[0] == "fixed: 1" {
            "often"
        } else {
            "never"
        };
        folder.run(&[&check[..], &[again]].concat()).says(0, &words);
    }
}

/// What is found is there before the run that reports it.
#[test]
fn a_search_that_is_killed_loses_nothing_that_it_found() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    let search = [
        "fuzz",
        "--run-dir",
        "run",
        "--seed",
        "1",
        "--time",
        "10m",
        "--target",
        &target,
    ];
    let mut command = folder.command(&search);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut search = command.spawn().expect("the program starts");
    let (begun, found) = (
        Instant::now(),
        folder.path("run/findings/fuzz/C_SeedRandom"),
    );
    let first = || {
        let mut folders = std::fs::read_dir(&found).ok()?.flatten();
        let written = folders.find(|one| one.path().join("reproducer.c").is_file())?;
        Some(written.path())
    };
    let written = loop {
        match first() {
            Some(folder) => break folder,
            None => assert!(
                begun.elapsed() < Duration::from_secs(120),
                "nothing is found"
            ),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    search.kill().expect("it is killed");
    search.wait().expect("it is gone");
    assert!(!folder.path("run/evidence.jsonl").exists());
    let written = written.display().to_string();
    folder
        .run(&["replay", &written, "--target", &target])
        .says(1, &["SIGSEGV", "C_SeedRandom"]);
    // There is no evidence to sort, but what makes some.
    let told = "p11assay run $(find 'run/findings' -name reproducer.yaml)";
    folder.run(&["triage", "run"]).says(2, &[told]);
    let reproducer = format!("{written}/reproducer.yaml");
    folder
        .run(&["run", &reproducer, "--target", &target, "--run-dir", "once"])
        .says(1, &["1 crash"]);
    folder
        .run(&["triage", "once"])
        .says(0, &["C_SeedRandom  SIGSEGV", "1 finding in 1 group"]);
}
