//! Common Test Report Format, 0.0.0 of its schema (<https://ctrf.io>): one JSON document of a run (`--ctrf FILE`). What a
//! case counts as is what it counts as in JUnit, but for cases that nobody judged, which have a status of their own.

use std::io::{Result, Write};

use serde_json::{Value, json};

use crate::describe;
use crate::evidence::{Case, Verdict};
use crate::gate::{Allowance, Gate};
use crate::stream::Evidence;
use crate::text::{clip, many_lines, one_line};

/// Version of the format that is written.
const VERSION: &str = "0.0.0";
/// Largest text of a case, bytes.
const LIMIT: usize = 16 * 1024;

/// Writes the document.
///
/// # Errors
/// Those of `out`.
pub fn write(evidence: &Evidence, out: &mut dyn Write) -> Result<()> {
    let started = &evidence.started;
    let gate = &started.gate;
    let mut tests: Vec<Value> = evidence.cases.iter().map(|case| test(case, gate)).collect();
    tests.extend(evidence.remaining().into_iter().map(planned));
    tests.extend(expired(evidence));
    let count = |status: &str| tests.iter().filter(|test| test["status"] == status).count();
    let start = milliseconds(&started.started);
    let duration = i64::try_from(evidence.duration_ns() / 1_000_000).unwrap_or(i64::MAX);
    let target = evidence.target.as_ref();
    let info = |name: &str| {
        target
            .and_then(|target| target.info.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let document = json!({
        "reportFormat": "CTRF",
        "specVersion": VERSION,
        "timestamp": started.started,
        "generatedBy": format!("p11assay {}", started.version),
        "results": {
            "tool": { "name": "p11assay", "version": started.version },
            "summary": {
                "tests": tests.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": count("pending"),
                "other": count("other"),
                "start": start,
                "stop": start.saturating_add(duration),
                "extra": { "exitCode": evidence.exit_code(), "gate": gate.scope.name(), "seed": started.seed.to_string() },
            },
            "environment": {
                "appName": one_line(target.map_or("unknown", |target| &target.name)),
                "appVersion": one_line(&info("libraryVersion")),
                "extra": { "module": target.map(|target| one_line(&target.module)), "sha256": target.and_then(|t| t.sha256.as_deref()) },
            },
            "tests": tests,
        },
    });
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn milliseconds(date: &str) -> i64 {
    let parsed = time::OffsetDateTime::parse(date, &time::format_description::well_known::Rfc3339);
    parsed.map_or(0, |date| {
        date.unix_timestamp() * 1000 + i64::from(date.millisecond())
    })
}

fn suite(id: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = id.split('/').collect();
    if parts.len() > 1 {
        parts.pop();
    }
    parts
}

fn test(case: &Case, gate: &Gate) -> Value {
    let status = status(case, gate);
    let mut test = json!({
        "name": one_line(&case.id),
        "status": status,
        "duration": case.duration_ns / 1_000_000,
        "suite": suite(&one_line(&case.id)),
        "rawStatus": case.verdict.name(),
        "type": "conformance",
        "labels": { "clause": describe::clause(&case.clause), "level": case.level.name(), "class": format!("{:?}", case.class) },
    });
    let message = match (&case.waived, case.verdict) {
        (_, Verdict::Pass) if case.unexpected_pass => {
            "passed although a waiver covers it".to_owned()
        }
        (_, Verdict::Pass) => return test,
        (Some(reason), _) => format!("waived: {}", one_line(reason)),
        (None, Verdict::NotApplicable) => describe::inapplicable(case),
        (None, _) => describe::headline(case),
    };
    test["message"] = json!(clip(&message, LIMIT));
    if case.verdict == Verdict::NotApplicable {
        return test;
    }
    let ends = case
        .findings
        .iter()
        .filter_map(|finding| finding.end.as_ref())
        .flat_map(describe::end);
    let trace: Vec<String> = case.trace.iter().map(describe::call).chain(ends).collect();
    if !trace.is_empty() {
        test["trace"] = json!(clip(&trace.join("\n"), LIMIT));
    }
    for (name, text) in [("stdout", &case.stdout), ("stderr", &case.stderr)] {
        if !text.is_empty() {
            let text = many_lines(text);
            test[name] = json!(clip(&text, LIMIT).lines().collect::<Vec<_>>());
        }
    }
    if let Some(path) = &case.reproducer {
        test["filePath"] = json!(one_line(path));
    }
    if let Some(replay) = &case.replay {
        test["extra"] = json!({ "replay": one_line(replay) });
    }
    test
}

/// What a case counts as.
fn status(case: &Case, gate: &Gate) -> &'static str {
    match case.verdict {
        _ if case.is_waived() => "skipped",
        verdict if verdict.is_finding() && gate.stops(case.level, verdict) => "failed",
        verdict if verdict.is_finding() => "skipped",
        Verdict::Pass if case.unexpected_pass && !gate.allows(Allowance::UnexpectedPass) => {
            "failed"
        }
        Verdict::NotApplicable => "skipped",
        Verdict::Environment | Verdict::HarnessFault => "other",
        _ => "passed",
    }
}

fn planned(id: &str) -> Value {
    json!({ "name": one_line(id), "status": "pending", "duration": 0, "suite": suite(&one_line(id)), "rawStatus": "not-executed" })
}

/// A failure for every expired waiver, unless the gate lets them pass.
fn expired(evidence: &Evidence) -> Vec<Value> {
    if evidence.started.gate.allows(Allowance::ExpiredWaiver) {
        return Vec::new();
    }
    let one = |(number, text): (usize, &str)| {
        json!({
            "name": format!("waivers/expired-{}", number + 1), "status": "failed", "duration": 0, "suite": ["waivers"],
            "rawStatus": "expired-waiver", "message": one_line(text),
        })
    };
    evidence
        .expired_waivers()
        .into_iter()
        .enumerate()
        .map(one)
        .collect()
}
