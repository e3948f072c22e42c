//! The formats of others: each as shown, with what its definition asks for.

mod common;

use std::collections::HashSet;

use common::bench::bench;
use p11assay_reports::bench::Run;
use p11assay_reports::ctrf;
use p11assay_reports::export::{Export, Runs};
use p11assay_reports::stream::Evidence;
use serde_json::Value;

fn evidence() -> Evidence {
    common::run(common::every_kind(), &["functions/C_Seed/not-executed"])
}

fn text(export: Export, cases: Vec<&Evidence>, benches: Vec<&Run>) -> String {
    let mut out = Vec::new();
    Runs { cases, benches }
        .write(export, &mut out)
        .expect("written to memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn open_metrics_are_as_shown() {
    let text = text(
        Export::OpenMetrics,
        vec![&evidence()],
        vec![&bench("softhsm2", 1.0)],
    );
    insta::assert_snapshot!("openmetrics", text);
}

/// [OpenMetrics 1.0]: families are together, no sample is twice, a unit is the end of its family's name, and the
/// text ends with `# EOF`.
#[test]
fn open_metrics_keep_the_rules_of_the_format() {
    let mut hostile = evidence();
    if let Some(target) = &mut hostile.target {
        target.name = "a\"b\\c\n# EOF".into();
    }
    let benches = [bench("x", 1.0), bench("x", 2.0)];
    let text = text(
        Export::OpenMetrics,
        vec![&hostile, &hostile],
        benches.iter().collect(),
    );
    assert!(
        text.ends_with("\n# EOF\n") && text.matches("\n# EOF").count() == 1,
        "{text}"
    );
    assert!(text.contains("target=\"a\\\"b\\\\c\\\\n# EOF\""), "{text}");
    let (mut families, mut samples, mut family) = (HashSet::new(), HashSet::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().expect("a name").to_owned();
            assert!(families.insert(family.clone()), "{family} twice");
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("a unit");
            assert!(
                name == family && name.ends_with(&format!("_{unit}")),
                "{line}"
            );
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(series.starts_with(&family), "{line} is not of {family}");
            assert!(samples.insert(series.to_owned()), "{series} twice");
            value.parse::<f64>().expect(line);
        }
    }
    assert!(families.len() == 9 && samples.len() > 50);
}

#[test]
fn bencher_metric_format_is_as_shown() {
    let text = text(Export::Bmf, vec![], vec![&bench("softhsm2", 1.0)]);
    // Its schema: objects of objects of numbers, of which `value` must be there.
    let document: Value = serde_json::from_str(&text).expect("JSON");
    for (name, measures) in document.as_object().expect("benchmarks") {
        for (measure, metric) in measures.as_object().expect(name) {
            let metric = metric.as_object().expect(measure);
            assert!(
                metric["value"].is_number() && metric.values().all(Value::is_number),
                "{name}"
            );
            assert!(
                metric
                    .keys()
                    .all(|key| ["value", "lower_value", "upper_value"].contains(&key.as_str()))
            );
        }
    }
    insta::assert_snapshot!("bmf", text);
}

#[test]
fn benchmarks_of_the_action_are_as_shown() {
    let text = text(
        Export::BenchmarkAction,
        vec![],
        vec![&bench("a", 1.0), &bench("b", 2.0)],
    );
    let entries: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let names: HashSet<_> = entries.iter().map(|entry| entry["name"].as_str()).collect();
    assert_eq!((entries.len(), names.len()), (8, 8));
    for entry in &entries {
        assert!(
            entry["name"].is_string() && entry["unit"].is_string() && entry["value"].is_number()
        );
        assert!(entry["range"].is_string() && entry["extra"].is_string());
    }
    insta::assert_snapshot!("benchmark-action", text);
}

#[test]
fn a_summary_in_markdown_is_as_shown() {
    let benches = [bench("softhsm2", 1.0), bench("other", 2.0)];
    insta::assert_snapshot!(
        "markdown",
        text(
            Export::Markdown,
            vec![&evidence()],
            benches.iter().collect()
        )
    );
}

#[test]
fn nothing_that_a_module_wrote_is_markup_in_a_summary() {
    let mut evidence = evidence();
    for case in &mut evidence.cases {
        for finding in &mut case.findings {
            finding.message = "| <img src=x> @everyone #1 `code` [a](https://b) **c**\n# d".into();
        }
    }
    let text = text(Export::Markdown, vec![&evidence], vec![]);
    for mark in ["<img", "@everyone", " #1", "[a](", "https:", "**c", "\n# d"] {
        assert!(!text.contains(mark), "{mark} in {text}");
    }
}

/// Members that the schema of CTRF allows of a test (`additionalProperties` is false there), and knows as required.
const TEST: [&str; 13] = [
    "name",
    "status",
    "duration",
    "suite",
    "message",
    "trace",
    "rawStatus",
    "type",
    "filePath",
    "labels",
    "stdout",
    "stderr",
    "extra",
];

#[test]
fn ctrf_has_what_its_schema_asks_for_and_nothing_else() {
    let mut out = Vec::new();
    ctrf::write(&evidence(), &mut out).expect("written to memory");
    let document: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(document["reportFormat"], "CTRF");
    assert_eq!(
        document["specVersion"]
            .as_str()
            .map(|v| v.split('.').count()),
        Some(3)
    );
    let results = &document["results"];
    let summary = &results["summary"];
    for name in [
        "tests", "passed", "failed", "skipped", "pending", "other", "start", "stop",
    ] {
        assert!(summary[name].is_i64(), "{name}: {summary}");
    }
    assert_eq!(summary["start"], 1_795_428_902_000_i64);
    // Stopped before its end: eleven cases of 12 ms.
    assert_eq!(summary["stop"], 1_795_428_902_135_i64);
    let tests = results["tests"].as_array().expect("tests");
    assert_eq!(summary["tests"], tests.len());
    for test in tests {
        let status = test["status"].as_str().expect("a status");
        assert!(["passed", "failed", "skipped", "pending", "other"].contains(&status));
        assert!(
            test["name"].as_str().is_some_and(|name| !name.is_empty()) && test["duration"].is_i64()
        );
        assert!(
            test["suite"]
                .as_array()
                .is_some_and(|suite| !suite.is_empty())
        );
        for key in test.as_object().expect("an object").keys() {
            assert!(TEST.contains(&key.as_str()), "{key}");
        }
    }
    let pretty = serde_json::to_string_pretty(&document).expect("JSON");
    insta::assert_snapshot!("ctrf", pretty);
}
