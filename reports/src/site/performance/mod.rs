//! How fast the modules are: what was measured on what, modules side by side, and times over message size, threads,
//! percentiles and runs. Everything is markup and charts made here; it needs no script.

mod curves;
mod side;
mod trends;

use maud::{Markup, html};

use super::modules::labels;
use super::summary::date;
use crate::bench::{Outcome, Run, percent};
use crate::html::Text;
pub use trends::{Change, Moment, Trend};

pub(super) fn section(benches: &[&Run], trends: &[Trend]) -> Markup {
    let targets: Vec<_> = benches.iter().map(|run| Some(&run.target)).collect();
    let labels = labels(&targets);
    html! {
        section aria-labelledby="performance" {
            h2 id="performance" { "Performance" }
            @if !benches.is_empty() {
                (measured(benches, &labels))
                (side::by_side(benches, &labels))
                (curves::over_size(benches, &labels))
                (curves::over_threads(benches, &labels))
                (curves::percentiles(benches, &labels))
            }
            @if !trends.is_empty() { (trends::over_time(trends, &labels)) }
        }
    }
}

/// What the figures rest on.
fn measured(benches: &[&Run], labels: &[String]) -> Markup {
    let noise = |run: &Run| {
        run.noise.map_or_else(
            || "not known".to_owned(),
            |n| format!("nine of ten within {}", percent(n.p90)),
        )
    };
    let load = |run: &Run| {
        let after = run
            .machine
            .load_after
            .map_or(String::new(), |load| format!(", then {load:.1}"));
        format!(
            "{:.1}{after} on {} cores",
            run.machine.load_before, run.machine.cores
        )
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Runs of benchmarks" {
            table {
                caption { "What was measured, and how far measurements of the same differ" }
                thead { tr {
                    @for head in ["module", "version", "date", "processor", "load", "same against same"] { th scope="col" { (head) } }
                    @for head in ["measured", "n/a", "failed"] { th.n scope="col" { (head) } }
                } }
                tbody {
                    @for (run, label) in benches.iter().zip(labels) { tr {
                        th scope="row" { (Text(label)) }
                        td { (Text(super::modules::version(&run.target))) }
                        td.date { (Text(&date(&run.started))) }
                        td { (Text(&run.machine.cpu)) }
                        td { (load(run)) }
                        td { (noise(run)) }
                        @for count in run.counts() { td.n { (count) } }
                    } }
                }
            }
        }
        @for (run, label) in benches.iter().zip(labels) {
            @for remark in &run.remarks { p.remark { b { (Text(label)) } ": " (Text(remark)) } }
            @if !run.complete { p.remark { b { (Text(label)) } ": the run was stopped before its end" } }
            @for entry in &run.entries {
                @if let Outcome::Failed { verdict, message } = &entry.outcome {
                    p.remark { span.badge.grave { (Text(verdict)) } " " b { (Text(label)) } " "
                        span.code { (Text(short(&entry.id))) } " " (Text(message)) }
                }
                @if let Outcome::Measured(measured) = &entry.outcome {
                    @for told in &measured.findings {
                        p.remark { b { (Text(label)) } " " span.code { (Text(short(&entry.id))) } ": " (Text(told)) }
                    }
                }
            }
        }
    }
}

/// An id without what all have in common.
fn short(id: &str) -> &str {
    id.strip_prefix("bench/").unwrap_or(id)
}

/// What a benchmark is one of: the first part of its id.
fn family(id: &str) -> &str {
    short(id).split('/').next().unwrap_or_default()
}

/// Ids of all runs in the order in which they are first met.
fn ids<'r>(benches: &[&'r Run], of: impl Fn(&crate::bench::Measured) -> bool) -> Vec<&'r str> {
    let mut ids: Vec<&str> = Vec::new();
    for run in benches {
        for (entry, measured) in run.measured() {
            if of(measured) && !ids.contains(&entry.id.as_str()) {
                ids.push(&entry.id);
            }
        }
    }
    ids
}

/// These ids by family, in their order.
fn families<'r>(ids: &[&'r str]) -> Vec<(&'r str, Vec<&'r str>)> {
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for id in ids {
        let name = family(id);
        match families.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(id),
            None => families.push((name, vec![id])),
        }
    }
    families
}

/// The measurement of an id in a run.
fn of<'r>(run: &'r Run, id: &str) -> Option<&'r crate::bench::Measured> {
    match &run.entry(id)?.outcome {
        Outcome::Measured(measured) => Some(measured),
        _ => None,
    }
}
