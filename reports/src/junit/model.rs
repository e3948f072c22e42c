//! What a case becomes in JUnit's terms. All text that leaves here is sanitised and limited; how
//! the document is written is left to `parts` and `mend`.
//!
//! A `failure` is a statement on the target. An `error` is a case that did not come to a judgment
//! in the ordinary way: the worker crashed or hung (the target's fault), the environment kept the
//! case from being judged, or p11assay failed (neither is). `type` always has the verdict's name,
//! so that the two kinds of errors are told apart. An unjudged case is not `skipped`: skipped
//! cases leave a build green, and what was not judged may hide a finding.

use crate::check::{Check, State};
use crate::describe;
use crate::evidence::{Case, Verdict};
use crate::gate::{Allowance, Gate};
use crate::stream::Evidence;
use crate::text::{clip, many_lines, one_line};
use junit_report::{Duration, TestCase, TestResult};
use std::collections::HashSet;

/// Largest text (body, standard output, standard error) in a case, bytes.
const TEXT_LIMIT: usize = 64 * 1024;
/// Largest message, name or property, bytes.
const LINE_LIMIT: usize = 1024;
/// Suite of a case whose id has one segment only.
const ROOT_SUITE: &str = "p11assay";

/// A case ready to be written.
pub(super) struct Entry {
    /// Name of its `<testsuite>`.
    pub(super) suite: String,
    /// The case itself.
    pub(super) case: TestCase,
}

/// Largest text of a case for files of `limit` bytes: small enough that one case fits a file.
pub(super) fn text_limit(limit: usize) -> usize {
    TEXT_LIMIT.min(limit / 32)
}

/// Every case of the run, executed or planned only, suites kept together in the order of their
/// first case. Those of a check begin their standard output with what became of the finding, since
/// Jenkins' schema has no properties of a case.
pub(super) fn entries(
    evidence: &Evidence,
    check: Option<&Check<'_>>,
    text_limit: usize,
) -> Vec<Entry> {
    let mut names = Names::default();
    let executed = evidence.cases.iter().map(|case| {
        let (result, remark) = outcome(case, &evidence.started.gate, text_limit);
        let remark = match check.and_then(|check| became(check, case)) {
            None => remark,
            // In how many tries it was not seen is said by the state.
            Some(state) if case.verdict == Verdict::Pass && !case.unexpected_pass => state,
            Some(state) => format!("{state}{remark}"),
        };
        let mut test = names.test_case(&case.id, case.duration_ns, result);
        test.case.system_out = text(&join(&remark, &case.stdout), text_limit);
        test.case.system_err = text(&case.stderr, text_limit);
        test
    });
    let mut entries: Vec<Entry> = executed.collect();
    let reason = why_not_executed(evidence);
    let remaining = evidence.remaining();
    let planned = remaining.iter().map(|id| (*id, reason.clone()));
    for (id, reason) in
        planned.chain(check.map_or_else(Vec::new, |check| unplanned(check, &remaining)))
    {
        let result = skipped("not-executed", &reason, None);
        let mut test = names.test_case(id, 0, result);
        let state = check.and_then(|check| check.state(id)).map(state_line);
        test.case.system_out = state.and_then(|line| text(&line, text_limit));
        entries.push(test);
    }
    entries.extend(stale_waivers(evidence, &mut names));
    let mut order = std::collections::HashMap::new();
    for entry in &entries {
        let next = order.len();
        order.entry(entry.suite.clone()).or_insert(next);
    }
    entries.sort_by_key(|entry| order[&entry.suite]);
    entries
}

/// What became of the finding of a case that was run again, or that it is new.
fn became(check: &Check<'_>, now: &Case) -> Option<String> {
    match check.state(&now.id) {
        Some(state) => Some(state_line(state)),
        None if check.is_new(now) => Some("state: new\n".to_owned()),
        None => None,
    }
}

fn state_line(state: &State) -> String {
    format!("state: {}\n", state.words())
}

/// Findings that there was nothing to run of, and why.
fn unplanned<'e>(check: &Check<'e>, remaining: &[&str]) -> Vec<(&'e str, String)> {
    let cases = check.again().cases.iter().map(|case| case.id.as_str());
    let known: HashSet<&str> = cases.chain(remaining.iter().copied()).collect();
    let left = check
        .findings()
        .filter(|(case, _)| !known.contains(case.id.as_str()));
    left.map(|(case, state)| (case.id.as_str(), state.words()))
        .collect()
}

/// A failure for every expired waiver, unless the gate lets them pass.
fn stale_waivers(evidence: &Evidence, names: &mut Names) -> Vec<Entry> {
    let gate = &evidence.started.gate;
    if gate.allows(Allowance::ExpiredWaiver) {
        return Vec::new();
    }
    let expired = evidence.expired_waivers().into_iter().enumerate();
    let entries = expired.map(|(number, text)| {
        let result = TestResult::Failure {
            type_: "expired-waiver".to_owned(),
            message: label(text),
            cause: None,
        };
        names.test_case(&format!("waivers/expired-{}", number + 1), 0, result)
    });
    entries.collect()
}

/// Facts of the run that stand at every suite, name and value.
pub(super) fn properties(evidence: &Evidence) -> Vec<(String, String)> {
    let started = &evidence.started;
    let mut list = vec![
        ("p11assay.version".to_owned(), started.version.clone()),
        ("run.started".to_owned(), started.started.clone()),
        ("run.seed".to_owned(), started.seed.to_string()),
        ("run.gate".to_owned(), started.gate.scope.name().to_owned()),
    ];
    if let Some(plan) = &evidence.plan {
        list.push(("run.reading".to_owned(), plan.reading.clone()));
        if let Some(shard) = &plan.shard {
            let part = format!("{}/{}", shard.index, shard.count);
            list.push(("run.partition".to_owned(), part));
        }
    }
    if let Some(interrupted) = &evidence.interrupted {
        list.push(("run.interrupted".to_owned(), interrupted.by.clone()));
    }
    if let Some(target) = &evidence.target {
        list.push(("target.name".to_owned(), target.name.clone()));
        list.push(("target.module".to_owned(), target.module.clone()));
        let version = target.cryptoki_version.clone();
        list.push(("target.cryptoki-version".to_owned(), version));
        let hash = target.sha256.iter().map(|v| ("target.sha256", v));
        let build = target.build_id.iter().map(|v| ("target.build-id", v));
        for (name, value) in hash.chain(build) {
            list.push((name.to_owned(), value.clone()));
        }
        let info = target
            .info
            .iter()
            .map(|(k, v)| (format!("target.info.{k}"), v));
        let token = target.token.iter();
        let token = token.map(|(k, v)| (format!("target.token.{k}"), v));
        list.extend(info.chain(token).map(|(k, v)| (k, v.clone())));
    }
    for (name, value) in &mut list {
        *name = label(name);
        *value = label(value);
    }
    list
}

/// Makes names, each pair of `classname` and `name` once: a tool that sees a pair again would
/// drop the second case and with it perhaps a finding.
#[derive(Default)]
struct Names {
    seen: HashSet<(String, String)>,
}

impl Names {
    fn test_case(&mut self, id: &str, duration_ns: u64, result: TestResult) -> Entry {
        let suite = label(id.rsplit_once('/').map_or(ROOT_SUITE, |(suite, _)| suite));
        let mut name = label(id);
        let classname = if suite.contains('.') {
            suite.clone()
        } else {
            suite.replace('/', ".")
        };
        // Ids are unique; their sanitised forms need not be.
        let wanted = name.clone();
        let mut number = 1;
        while !self.seen.insert((classname.clone(), name.clone())) {
            number += 1;
            name = format!("{wanted} ({number})");
        }
        let whole_ms = i64::try_from(duration_ns / 1_000_000).unwrap_or(i64::MAX);
        let mut case = TestCase::success(&name, Duration::milliseconds(whole_ms));
        case.classname = Some(classname);
        case.result = result;
        Entry { suite, case }
    }
}

/// The result of a case, and a remark for its standard output.
fn outcome(case: &Case, gate: &Gate, text_limit: usize) -> (TestResult, String) {
    let body = || Some(clip(&body(case), text_limit).into_owned());
    let verdict = case.verdict.name();
    if case.is_waived() {
        let reason = case.waived.as_deref().unwrap_or_default();
        let message = format!("waived {verdict}: {reason}");
        return (skipped("waived", &message, body()), String::new());
    }
    if case.verdict.is_finding() && !gate.stops(case.level, case.verdict) {
        let (scope, words) = (gate.scope.name(), describe::headline(case));
        let message = format!("{verdict} that --gate {scope} lets pass: {words}");
        return (skipped("let-pass", &message, body()), String::new());
    }
    if case.unexpected_pass && !gate.allows(Allowance::UnexpectedPass) {
        let result = TestResult::Failure {
            type_: "unexpected-pass".to_owned(),
            message: label("passed although a waiver covers it: take it out of the waivers"),
            cause: body(),
        };
        return (result, remark(case));
    }
    let result = match case.verdict {
        Verdict::Pass | Verdict::PermittedButWeak => TestResult::Success,
        Verdict::NotApplicable => skipped(verdict, &describe::inapplicable(case), None),
        Verdict::Deviation | Verdict::SecurityViolation => TestResult::Failure {
            type_: verdict.to_owned(),
            message: label(&describe::headline(case)),
            cause: body(),
        },
        Verdict::Crash | Verdict::Hang => TestResult::Error {
            type_: verdict.to_owned(),
            message: label(&describe::headline(case)),
            cause: body(),
        },
        Verdict::Environment | Verdict::HarnessFault => TestResult::Error {
            type_: verdict.to_owned(),
            message: label(&format!(
                "not judged, no statement on the target: {}",
                describe::headline(case)
            )),
            cause: body(),
        },
    };
    (result, remark(case))
}

/// What is to be said of a case that JUnit knows as a pass only.
fn remark(case: &Case) -> String {
    match case.verdict {
        Verdict::PermittedButWeak => format!("PERMITTED BUT WEAK\n{}", body(case)),
        _ if case.unexpected_pass => format!(
            "UNEXPECTED PASS: a waiver covers this case ({}); take it out of the waivers\n",
            case.waived.as_deref().unwrap_or("no reason given")
        ),
        Verdict::Pass => case
            .tried
            .map_or_else(String::new, |tries| format!("not seen in {tries} tries\n")),
        _ => String::new(),
    }
}

/// Everything a reader needs to judge the finding and to see it happen again.
fn body(case: &Case) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{name:<11}{}\n", one_line(value)));
        }
    };
    field("case", &case.id);
    field("title", &case.title);
    let binding = case.level.name();
    field(
        "clause",
        &format!("{} ({binding})", describe::clause(&case.clause)),
    );
    field("class", &format!("{:?}", case.class));
    field("reading", case.reading.as_deref().unwrap_or_default());
    field("reason", case.reason.as_deref().unwrap_or_default());
    for finding in &case.findings {
        let words = describe::finding(case, finding);
        let milder = finding.verdict != case.verdict;
        let mark = if milder {
            format!("({}) ", finding.verdict.name())
        } else {
            String::new()
        };
        field("finding", &format!("{mark}{words}"));
        for line in finding.end.iter().flat_map(describe::end) {
            field("", &line);
        }
    }
    let confirmed = describe::confirmed(case).map(|seen| format!("in {seen}"));
    field("seen again", confirmed.as_deref().unwrap_or_default());
    field("replay", case.replay.as_deref().unwrap_or_default());
    field("reproducer", case.reproducer.as_deref().unwrap_or_default());
    for (n, call) in case.trace.iter().enumerate() {
        field(if n == 0 { "trace" } else { "" }, &describe::call(call));
    }
    out
}

fn why_not_executed(evidence: &Evidence) -> String {
    match (&evidence.interrupted, &evidence.finished) {
        (Some(by), _) => format!("not executed: run interrupted ({})", by.by),
        (None, None) => "not executed: run interrupted (it never came to its end)".to_owned(),
        (None, Some(_)) => "not executed: the run ended without it".to_owned(),
    }
}

fn skipped(kind: &str, message: &str, cause: Option<String>) -> TestResult {
    TestResult::SkippedWithCause {
        type_: kind.to_owned(),
        message: label(message),
        cause,
    }
}

/// A text for an attribute.
fn label(text: &str) -> String {
    clip(&one_line(text), LINE_LIMIT).into_owned()
}

/// A text for an element, if there is any.
fn text(text: &str, limit: usize) -> Option<String> {
    let fit = many_lines(text);
    (!fit.is_empty()).then(|| clip(&fit, limit).into_owned())
}

fn join(remark: &str, output: &str) -> String {
    match (remark.is_empty(), output.is_empty()) {
        (false, false) => format!("{remark}\nstandard output of the module:\n{output}"),
        _ => format!("{remark}{output}"),
    }
}
