//! `coverage`: what the cases cover, and what a run of them reached.

use crate::kit::{FINE, Folder, Steps};
use serde_json::Value;

const DIGEST: Steps<'_> = (
    "digest",
    "session",
    "{ C_DigestInit: { session: $session, mechanism: CKM_SHA256 } }, \
     { C_Digest: { session: $session, data: '616263' } }",
);

fn json(folder: &Folder) -> Value {
    serde_json::from_str(&folder.read("c.json")).expect("JSON")
}

/// The row of a table, by group and item.
fn row<'j>(json: &'j Value, table: &str, group: &str, item: &str) -> &'j Value {
    let rows = json[table].as_array().expect("a table");
    let found = rows
        .iter()
        .find(|row| row["group"] == group && row["item"] == item);
    found.unwrap_or_else(|| panic!("no {table} {group} {item}"))
}

#[test]
fn a_run_shows_what_it_reached_of_what_its_cases_cover() {
    let folder = Folder::with_suite(&[FINE, DIGEST]);
    let run = ["run", "suite.yaml", "--no-login", "--run-dir", "run"];
    folder.run(&run).says(0, &["2 passed"]);
    let coverage = [
        "coverage",
        "suite.yaml",
        "--json",
        "c.json",
        "--html",
        "c.html",
    ];
    folder.run(&coverage).says(
        0,
        &[
            "2 cases",
            "functions                     104        3        0",
        ],
    );
    assert!(json(&folder)["target"].is_null());
    assert!(row(&json(&folder), "functions", "5.12", "C_Digest")["reached"].is_null());
    let with_run = [&coverage[..], &["--run", "run", "--open"]].concat();
    folder.run(&with_run).says(
        0,
        &["reached on builtin", "open functions", "C_EncryptInit"],
    );
    let json = json(&folder);
    // It asks for the size first.
    assert_eq!(row(&json, "returns", "C_Digest", "CKR_OK")["reached"], 2);
    assert_eq!(
        row(&json, "mechanisms", "CKM_SHA256", "C_DigestInit")["reached"],
        1
    );
    assert_eq!(
        row(&json, "mechanisms", "CKM_SHA256", "C_DigestInit")["cases"],
        1
    );
    assert_eq!(row(&json, "clauses", "5.4.6", "1")["reached"], 0);
    assert_eq!(json["sums"]["functions"]["covered"], 3);
    let page = folder.read("c.html");
    assert!(page.contains("Coverage on builtin") && page.contains(">C_DigestInit</span>"));
}

#[test]
fn what_several_parts_reached_is_added() {
    let folder = Folder::with_suite(&[FINE, DIGEST]);
    let whole = ["run", "suite.yaml", "--no-login", "--run-dir", "whole"];
    folder.run(&whole);
    for part in ["1/2", "2/2"] {
        let run_dir = &part[..1];
        let run = [
            "run",
            "suite.yaml",
            "--no-login",
            "--partition",
            part,
            "--run-dir",
            run_dir,
        ];
        folder.run(&run);
    }
    folder
        .run(&["merge", "1", "2", "--run-dir", "joined"])
        .says(0, &["2 passed"]);
    let reached = |run: &str| {
        folder.run(&["coverage", "suite.yaml", "--run", run, "--json", "c.json"]);
        let json = json(&folder);
        let digest = row(&json, "functions", "5.12", "C_Digest")["reached"].clone();
        (
            digest,
            row(&json, "functions", "5.4", "C_GetInfo")["reached"].clone(),
        )
    };
    assert_eq!(reached("whole"), reached("joined"));
}

#[test]
fn coverage_of_nothing_says_so() {
    let folder = Folder::with_suite(&[FINE]);
    folder
        .run(&["coverage", "suite.yaml", "--filter", "none"])
        .says(5, &["0 cases"]);
    folder
        .run(&["coverage", "suite.yaml", "--run", "nowhere"])
        .says(2, &["nowhere"]);
    folder
        .run(&["coverage", "suite.yaml", "--html", "no/c.html"])
        .says(2, &["does not exist"]);
}
