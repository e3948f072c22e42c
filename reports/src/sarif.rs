//! Findings as SARIF 2.1.0 (OASIS), which code scanning services and editors read (`--sarif FILE`). A rule is a
//! case; its result stands at its reproducer, since a module's source is rarely to be had.

use std::collections::HashMap;
use std::io::Write;

use serde_json::{Value, json};

use crate::check::{Check, State};
use crate::cluster::{alike, gravity, signature};
use crate::describe;
use crate::evidence::{Case, Verdict};
use crate::stream::Evidence;

/// Where the schema of the format is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A case that is reported.
struct Reported<'e> {
    case: &'e Case,
    /// Its `baselineState` (3.27.24), if it was looked for before.
    baseline: Option<&'static str>,
    /// What became of it, in words.
    state: Option<String>,
}

/// Writes what is wrong with the target, and what is weak, as one SARIF log.
///
/// # Errors
/// If it cannot be written.
pub fn write(evidence: &Evidence, out: &mut dyn Write) -> std::io::Result<()> {
    let cases = evidence.cases.iter().filter(|case| level(case).is_some());
    let reported: Vec<Reported<'_>> = cases
        .map(|case| Reported {
            case,
            baseline: None,
            state: None,
        })
        .collect();
    log(evidence, &reported, out)
}

/// Writes what the reproducers of a run show now, with what became of its findings (`baselineState`). Those that are
/// fixed, or could not be judged, stand there as they were.
///
/// # Errors
/// If it cannot be written.
pub fn write_check(check: &Check<'_>, out: &mut dyn Write) -> std::io::Result<()> {
    let now = check.again().cases.iter();
    let now = now.filter(|case| level(case).is_some()).map(|case| {
        let state = check.state(&case.id);
        let (baseline, state) = match state {
            Some(State::Still) => ("unchanged", state),
            Some(State::Changed(_)) => ("updated", state),
            // What is only weak is another result than the finding that was there.
            Some(State::Fixed(_) | State::Open(_)) | None => ("new", None),
        };
        Reported {
            case,
            baseline: Some(baseline),
            state: state.map(State::words),
        }
    });
    let before = check.findings().filter_map(|(case, state)| {
        let baseline = match state {
            State::Fixed(_) => Some("absent"),
            // Neither there nor gone, which SARIF has no word for.
            State::Open(_) => None,
            State::Still | State::Changed(_) => return None,
        };
        Some(Reported {
            case,
            baseline,
            state: Some(state.words()),
        })
    });
    let reported: Vec<Reported<'_>> = now.chain(before).collect();
    log(check.again(), &reported, out)
}

fn log(evidence: &Evidence, reported: &[Reported<'_>], out: &mut dyn Write) -> std::io::Result<()> {
    let mut rules: Vec<Value> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut results: Vec<Value> = Vec::new();
    for one in reported {
        let place = *places.entry(&one.case.id).or_insert_with(|| {
            rules.push(rule(one.case));
            rules.len() - 1
        });
        results.push(result(one, place));
    }
    let started = &evidence.started;
    let target = evidence.target.as_ref();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "p11assay",
                "semanticVersion": started.version,
                "rules": rules,
            }},
            "automationDetails": { "id": format!("p11assay/{}", target.map_or("", |t| &t.name)) },
            "properties": { "target": target },
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)
}

/// The level of a case that is to be reported.
fn level(case: &Case) -> Option<&'static str> {
    Some(match case.verdict {
        Verdict::Crash | Verdict::Hang | Verdict::SecurityViolation => "error",
        Verdict::Deviation => "warning",
        Verdict::PermittedButWeak => "note",
        Verdict::Pass | Verdict::NotApplicable | Verdict::Environment | Verdict::HarnessFault => {
            return None;
        }
    })
}

fn rule(case: &Case) -> Value {
    let clause = &case.clause;
    let rests_on = format!(
        "{} {} section {}",
        clause.document, clause.version, clause.section
    );
    json!({
        "id": case.id,
        "shortDescription": { "text": title(case) },
        "fullDescription": { "text": format!("{} Rests on {rests_on}.", sentence(title(case))) },
        "properties": { "clause": rests_on, "tags": tags(case) },
    })
}

/// A case that has no title of its own is called by its id.
fn title(case: &Case) -> &str {
    match case.title.as_str() {
        "" => &case.id,
        title => title,
    }
}

fn sentence(text: &str) -> String {
    match text.ends_with('.') {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

fn tags(case: &Case) -> Vec<&'static str> {
    match case.verdict {
        Verdict::SecurityViolation | Verdict::Crash => vec!["security", "conformance"],
        _ => vec!["conformance"],
    }
}

fn result(reported: &Reported<'_>, rule: usize) -> Value {
    let case = reported.case;
    let messages: Vec<&str> = case.findings.iter().map(|f| f.message.as_str()).collect();
    let message = match messages.is_empty() {
        true => title(case).to_owned(),
        false => messages.join("; "),
    };
    let functions = case.findings.iter().filter_map(|f| f.function.as_deref());
    let logical: Vec<Value> = functions
        .map(|name| json!({ "name": name, "kind": "function" }))
        .collect();
    let file = case
        .reproducer
        .clone()
        .unwrap_or_else(|| "evidence.jsonl".to_owned());
    let mut result = json!({
        "ruleId": case.id,
        "ruleIndex": rule,
        "level": level(case),
        "message": { "text": message },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": file } },
            "logicalLocations": logical,
        }],
        "properties": { "verdict": case.verdict, "gravity": gravity(case).0.name() },
    });
    if let Some(signature) = signature(case) {
        let parts = [signature.function, signature.kind, signature.place];
        let group = parts.join("|");
        let finding = [&[group.clone()][..], &alike(case)].concat().join("|");
        result["partialFingerprints"] = json!({ "signature/v1": group, "finding/v1": finding });
    }
    if let Some(baseline) = reported.baseline {
        result["baselineState"] = json!(baseline);
    }
    if let Some(state) = &reported.state {
        result["properties"]["state"] = json!(state);
    }
    if let Some(reason) = &case.waived {
        result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
    }
    if let Some(confirmed) = describe::confirmed(case) {
        result["properties"]["seenAgain"] = json!(confirmed);
    }
    if let Some(replay) = &case.replay {
        result["properties"]["replay"] = json!(replay);
    }
    result
}
