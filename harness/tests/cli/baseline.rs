//! Baselines: what changed since one was kept is told, suite by suite, and by the exit code.

use crate::kit::{FINE, Folder, Steps};

const WRONG: Steps<'_> = (
    "wrong",
    "initialized",
    "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }",
);

#[test]
fn a_run_is_compared_with_one_before() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    folder.run(&["run", "suite.yaml", "--run-dir", "run"]);
    let kept = ["baseline", "run", "--write", "known.jsonl"];
    folder.run(&kept).says(0, &[]);
    let text = folder.read("known.jsonl");
    assert!(
        text.ends_with("{\"suite\":\"s\",\"deviation\":1,\"pass\":1}\n"),
        "{text}"
    );
    let compared = ["baseline", "run", "--compare", "known.jsonl"];
    folder.run(&compared).says(0, &["nothing changed"]);
    folder.write("known.jsonl", text.replace("\"pass\":1", "\"pass\":2"));
    let changed = ["s: pass 2 -> 1", "1 suite changed"];
    folder.run(&compared).says(1, &changed);
    let other = text
        .replace("\"pass\":1", "\"pass\":2")
        .replace("\"cryptoki\":\"3.2\"", "\"cryptoki\":\"3.1\"");
    folder.write("known.jsonl", other);
    folder
        .run(&compared)
        .says(0, &["the baseline is of", "s: pass 2 -> 1"]);
}

#[test]
fn a_file_that_is_no_baseline_is_refused_with_its_line() {
    let folder = Folder::with_suite(&[FINE]);
    folder.run(&["run", "suite.yaml", "--run-dir", "run"]);
    folder.write("known.jsonl", "suite,passed\n");
    let compared = ["baseline", "run", "--compare", "known.jsonl"];
    let said = ["known.jsonl: line 1 is none of a baseline"];
    folder.run(&compared).says(2, &said);
}
