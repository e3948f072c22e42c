//! What became of the findings of a run, as SARIF and JUnit tell it: each state, and that what is fixed fails nothing.

mod common;

use std::collections::BTreeMap;

use common::xml;
use common::{case, deviation, every_kind, run};
use p11assay_reports::check::{Check, State};
use p11assay_reports::evidence::{Case, Confirmation, End, Verdict};
use p11assay_reports::render::{Format, render_check};
use p11assay_reports::sarif;
use serde_json::Value;

/// A finding whose reproducer is there.
fn finding(id: &str, message: &str) -> Case {
    let mut case = Case {
        id: id.to_owned(),
        reproducer: Some(format!("findings/{id}/reproducer.yaml")),
        ..deviation()
    };
    case.findings[0].message = message.to_owned();
    case
}

/// What is known of a finding before and now, and what is said of it: its state, the `baselineState` of each of its
/// results, and the result of its case.
struct Row {
    before: Option<Case>,
    now: Option<Case>,
    state: Option<&'static str>,
    baseline: &'static [Option<&'static str>],
    junit: Option<(&'static str, &'static str)>,
}

fn rows() -> Vec<Row> {
    let was = |id: &str| Some(finding(id, "returned CKR_OK"));
    let passes = |id: &str, tried| Case {
        tried,
        ..case(id, Verdict::Pass)
    };
    let mut never_alone = finding("f/never-alone", "returned CKR_OK");
    never_alone.confirmed = Some(Confirmation { tries: 3, same: 0 });
    let mut unjudged = case("f/unjudged", Verdict::Environment);
    unjudged.reason = Some("the PIN is locked".to_owned());
    let mut weak = finding("f/weak", "made a short key");
    weak.verdict = Verdict::PermittedButWeak;
    weak.findings[0].verdict = Verdict::PermittedButWeak;
    let crash = every_kind()
        .into_iter()
        .find(|case| case.verdict == Verdict::Crash);
    let mut moved = crash.clone().expect("a crash");
    if let Some(End::Signal { frames, .. }) = &mut moved.findings[0].end {
        frames[0].offset += 0x100;
    }
    let bare = Case {
        reproducer: None,
        ..finding("f/bare", "returned CKR_OK")
    };
    vec![
        Row {
            before: was("f/fixed"),
            now: Some(passes("f/fixed", Some(12))),
            state: Some("fixed: not seen in 12 tries"),
            baseline: &[Some("absent")],
            junit: None,
        },
        Row {
            before: was("f/weak"),
            now: Some(weak),
            state: Some("fixed: not seen in 1 try"),
            baseline: &[Some("new"), Some("absent")],
            junit: None,
        },
        Row {
            before: was("f/still"),
            now: was("f/still"),
            state: Some("still"),
            baseline: &[Some("unchanged")],
            junit: Some(("failure", "deviation")),
        },
        // Another version has its code elsewhere.
        Row {
            before: crash,
            now: Some(moved),
            state: Some("still"),
            baseline: &[Some("unchanged")],
            junit: Some(("error", "crash")),
        },
        Row {
            before: was("f/changed"),
            now: Some(finding("f/changed", "returned CKR_DEVICE_ERROR")),
            state: Some("changed: C_SignInit returned CKR_DEVICE_ERROR "),
            baseline: &[Some("updated")],
            junit: Some(("failure", "deviation")),
        },
        Row {
            before: Some(never_alone),
            now: Some(passes("f/never-alone", Some(3))),
            state: Some(
                "open: not seen in 3 tries, nor was it in any of the 3 fresh workers of the run that found it",
            ),
            baseline: &[None],
            junit: None,
        },
        Row {
            before: was("f/unjudged"),
            now: Some(unjudged),
            state: Some("open: the PIN is locked"),
            baseline: &[None],
            junit: Some(("error", "environment")),
        },
        Row {
            before: Some(bare),
            now: None,
            state: Some("open: it has no reproducer"),
            baseline: &[None],
            junit: Some(("skipped", "not-executed")),
        },
        Row {
            before: was("f/stopped"),
            now: None,
            state: Some("open: its reproducer was not run"),
            baseline: &[None],
            junit: Some(("skipped", "not-executed")),
        },
        Row {
            before: None,
            now: Some(case("worker/idle", Verdict::Crash)),
            state: None,
            baseline: &[Some("new")],
            junit: Some(("error", "crash")),
        },
        Row {
            before: Some(case("f/passed", Verdict::Pass)),
            now: None,
            state: None,
            baseline: &[],
            junit: None,
        },
    ]
}

fn id(row: &Row) -> &str {
    let case = row.before.as_ref().or(row.now.as_ref());
    case.map(|case| case.id.as_str()).expect("a case")
}

/// Gives the rows, and what a check of their cases came to; one of them was planned and not executed.
fn checked(look: impl FnOnce(&[Row], &Check<'_>)) {
    let rows = rows();
    let before = run(
        rows.iter().filter_map(|row| row.before.clone()).collect(),
        &[],
    );
    let again = run(
        rows.iter().filter_map(|row| row.now.clone()).collect(),
        &["f/stopped"],
    );
    look(&rows, &Check::new(&before, &again));
}

#[test]
fn each_finding_has_a_state() {
    checked(|rows, check| {
        for row in rows {
            let state = check.state(id(row)).map(State::words);
            let wanted = row.state.map(str::to_owned);
            assert_eq!(state, wanted, "{}", id(row));
        }
        let with_state = rows.iter().filter(|row| row.state.is_some());
        assert_eq!(check.findings().count(), with_state.count());
    });
}

#[test]
fn sarif_tells_the_state_of_each_result() {
    checked(|rows, check| {
        let mut out = Vec::new();
        sarif::write_check(check, &mut out).unwrap();
        let log: Value = serde_json::from_slice(&out).unwrap();
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        let count: usize = rows.iter().map(|row| row.baseline.len()).sum();
        assert_eq!(results.len(), count);
        for row in rows {
            let of_row = results.iter().filter(|result| result["ruleId"] == id(row));
            let of_row: Vec<&Value> = of_row.collect();
            let baseline: Vec<Option<&str>> = of_row
                .iter()
                .map(|result| result.get("baselineState").and_then(Value::as_str))
                .collect();
            assert_eq!(baseline, row.baseline, "{}", id(row));
            for result in of_row {
                let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
                assert_eq!(rules[rule]["id"], id(row));
                let wanted = match result["baselineState"].as_str() {
                    Some("new") => None,
                    _ => row.state,
                };
                assert_eq!(result["properties"]["state"].as_str(), wanted);
            }
        }
        let mut ids: Vec<&str> = rules
            .iter()
            .filter_map(|rule| rule["id"].as_str())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rules.len(), "each rule stands there once");
    });
}

#[test]
fn junit_tells_the_state_and_fails_for_nothing_that_is_fixed() {
    let folder = tempfile::tempdir().unwrap();
    checked(|rows, check| {
        let path = folder.path().join("checked.xml");
        render_check(check, Format::Junit, &path).unwrap();
        let root = xml::parse(&std::fs::read(&path).unwrap());
        xml::check(&root);
        let all = root.children.iter().flat_map(|suite| suite.all("testcase"));
        let cases: BTreeMap<&str, _> = all.map(|case| (case.attribute("name"), case)).collect();
        // What passed before was no finding, and there is nothing to check.
        assert_eq!(cases.len(), rows.len() - 1);
        for row in rows.iter().filter(|row| id(row) != "f/passed") {
            let case = cases[id(row)];
            let kinds = ["failure", "error", "skipped"];
            let result = kinds.iter().find_map(|name| case.child(name));
            let result = result.map(|one| (one.name.as_str(), one.attribute("type")));
            assert_eq!(result, row.junit, "{}", id(row));
            let said = &case.child("system-out").expect("a state").text;
            let state = format!("state: {}\n", row.state.unwrap_or("new"));
            assert!(format!("{said}\n").starts_with(&state), "{said}");
            assert!(said.matches("not seen in").count() <= 1, "{said}");
        }
    });
}
