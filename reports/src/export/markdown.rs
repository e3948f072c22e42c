//! A summary in Markdown for a job or a pull request: what each run came to, its gravest findings, and times. It stays
//! far below the megabyte that GitHub takes of a step.

use std::fmt::Write as _;
use std::io::{Result, Write};

use super::Runs;
use crate::bench::{self, Outcome, per_second, percent, time};
use crate::cluster::{Cluster, clusters};
use crate::describe::{clause, headline, number};
use crate::evidence::{Case, Verdict};
use crate::site::{labels, outcome};
use crate::stream::Evidence;
use crate::text::{clip, one_line};

/// Most findings that are named for a run; the others are in its reports.
const FINDINGS: usize = 30;
/// Most benchmarks that are shown.
const BENCHMARKS: usize = 200;
/// Longest text of a cell, bytes.
const CELL: usize = 300;

pub(super) fn write(runs: &Runs<'_>, out: &mut dyn Write) -> Result<()> {
    let mut text = String::from("## p11assay\n");
    if !runs.cases.is_empty() {
        summary(&runs.cases, &mut text);
        for run in &runs.cases {
            findings(run, &mut text);
        }
    }
    if !runs.benches.is_empty() {
        times(&runs.benches, &mut text);
    }
    out.write_all(text.as_bytes())
}

fn summary(runs: &[&Evidence], text: &mut String) {
    text.push_str("\n| module | run | result | cases | passed | open findings | waived | weak | not applicable | not judged |\n");
    text.push_str("|---|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for run in runs {
        let counts = run.counts();
        let (name, version) = identity(run);
        let command = run.started.command.get(1).map_or("run", String::as_str);
        let sign = if run.exit_code() == crate::exit::PASSED {
            "✅"
        } else {
            "❌"
        };
        let _ = writeln!(
            text,
            "| {name} {version} | {} | {sign} {} | {} | {} | {} | {} | {} | {} | {} |",
            cell(command),
            outcome(run.exit_code()).0,
            counts.recorded() + counts.not_executed,
            counts.of(Verdict::Pass),
            counts.findings(),
            counts.waived_cases(),
            counts.of(Verdict::PermittedButWeak),
            counts.of(Verdict::NotApplicable),
            counts.not_judged() + counts.of(Verdict::HarnessFault) + counts.not_executed,
        );
    }
}

fn identity(run: &Evidence) -> (String, String) {
    let target = run.target.as_ref();
    let name = target.map_or("unknown", |target| &target.name);
    let version = target.and_then(|target| target.info.get("libraryVersion"));
    (cell(name), cell(version.map_or("", String::as_str)))
}

fn findings(run: &Evidence, text: &mut String) {
    let (name, _) = identity(run);
    let groups = clusters(run);
    let mut open: Vec<(&Cluster<'_>, &Case)> = groups
        .iter()
        .filter_map(|group| {
            Some((
                group,
                *group.cases.iter().find(|case| case.is_open_finding())?,
            ))
        })
        .collect();
    let total = open.len();
    if total == 0 {
        return;
    }
    open.truncate(FINDINGS);
    let _ = writeln!(
        text,
        "\n### {name}: {} of findings\n",
        number(total, "group", "groups")
    );
    text.push_str(
        "| gravity | verdict | case | what | clause | cases |\n|---|---|---|---|---|--:|\n",
    );
    for (group, case) in open {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} ({}) | {} |",
            group.gravity.name(),
            case.verdict.name().replace('-', " "),
            code(&case.id),
            cell(&headline(case)),
            cell(&clause(&case.clause)),
            case.level.name(),
            group
                .cases
                .iter()
                .filter(|case| case.is_open_finding())
                .count(),
        );
    }
    if total > FINDINGS {
        let _ = writeln!(
            text,
            "\n{} more groups are in the reports of the run.",
            total - FINDINGS
        );
    }
}

fn times(benches: &[&bench::Run], text: &mut String) {
    let targets: Vec<_> = benches.iter().map(|run| Some(&run.target)).collect();
    let labels = labels(&targets);
    text.push_str("\n### Time of one operation\n\n| benchmark |");
    labels.iter().for_each(|label| {
        let _ = write!(text, " {} | p99 | per second |", cell(label));
    });
    let _ = writeln!(text, "\n|---|{}", "--:|--:|--:|".repeat(labels.len()));
    let mut ids: Vec<&str> = Vec::new();
    let known = benches
        .iter()
        .flat_map(|run| run.measured().map(|(entry, _)| entry.id.as_str()));
    known.for_each(|id| {
        if !ids.contains(&id) {
            ids.push(id);
        }
    });
    for id in ids.iter().take(BENCHMARKS) {
        let _ = write!(
            text,
            "| {} |",
            code(id.strip_prefix("bench/").unwrap_or(id))
        );
        benches.iter().for_each(|run| {
            let [median, p99, rate] = figures(run, id);
            let _ = write!(text, " {median} | {p99} | {rate} |");
        });
        text.push('\n');
    }
    if ids.len() > BENCHMARKS {
        let _ = writeln!(
            text,
            "\n{} more are in the record of the run.",
            ids.len() - BENCHMARKS
        );
    }
    for (run, label) in benches.iter().zip(&labels) {
        for entry in &run.entries {
            if let Outcome::Failed { verdict, message } = &entry.outcome {
                let _ = writeln!(
                    text,
                    "\n❌ {}: {} {}: {}",
                    cell(label),
                    code(&entry.id),
                    cell(verdict),
                    cell(message)
                );
            }
        }
        for remark in &run.remarks {
            let _ = writeln!(text, "\n⚠️ {}: {}", cell(label), cell(remark));
        }
    }
}

fn figures(run: &bench::Run, id: &str) -> [String; 3] {
    let dash = || "-".to_owned();
    let Some(Outcome::Measured(measured)) = run.entry(id).map(|entry| &entry.outcome) else {
        return [dash(), dash(), dash()];
    };
    let median = measured.latency.as_ref().map(|latency| latency.median);
    let alone = measured.closed.iter().find(|closed| closed.threads == 1);
    let told = |median: bench::Estimate| {
        let half = (median.high - median.low) / 2.0 / median.value;
        format!("{} ±{}", time(median.value), percent(half))
    };
    [
        median.map_or_else(dash, told),
        alone.map_or_else(dash, |closed| time(closed.latency.p99 as f64)),
        alone.map_or_else(dash, |closed| per_second(closed.per_second)),
    ]
}

/// Text in a cell: on one line, and nothing in it is markup, a mention or an issue's number.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in clip(&one_line(text), CELL).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            ':' => out.push_str("&#58;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// An id as code. A backtick would end it, and a bar the cell.
fn code(id: &str) -> String {
    format!("`{}`", one_line(id).replace('`', "'").replace('|', "\\|"))
}
