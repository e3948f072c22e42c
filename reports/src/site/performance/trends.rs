//! Times over runs, from a history: a chart for each benchmark, with a line where times have changed for good.

use maud::{Markup, html};

use super::super::summary::date;
use super::{families, short};
use crate::bench::{Estimate, percent, time};
use crate::chart::{Axis, Chart, Mark, Point, Series};
use crate::html::Text;

/// A benchmark on a target over its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The target.
    pub target: String,
    /// The benchmark.
    pub id: String,
    /// The processor: times of different ones are no series.
    pub cpu: String,
    /// The runs in their order.
    pub moments: Vec<Moment>,
    /// Where times have changed for good.
    pub changes: Vec<Change>,
}

/// One run of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When the run started, RFC 3339.
    pub started: String,
    /// The median, nanoseconds.
    pub median: Estimate,
}

/// A change for good.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The first run after it: its start.
    pub since: String,
    /// The version of the target's library since then.
    pub version: String,
    /// Median before, nanoseconds.
    pub before: f64,
    /// Median after, nanoseconds.
    pub after: f64,
}

/// Ticks of a time axis at most.
const TICKS: usize = 4;

pub(super) fn over_time(trends: &[Trend], labels: &[String]) -> Markup {
    let mut ids: Vec<&str> = trends.iter().map(|trend| trend.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let changed: Vec<&Trend> = trends
        .iter()
        .filter(|trend| !trend.changes.is_empty())
        .collect();
    html! {
        h3 id="history" { "Over time" }
        @if changed.is_empty() {
            p { "No benchmark has changed for good." }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Changes for good" { (changes(&changed)) }
        }
        @for (name, ids) in families(&ids) {
            details.family open[ids.len() < 13] {
                summary { (Text(name)) span.soft { " " (ids.len()) } }
                div.charts {
                    @for (n, id) in ids.iter().enumerate() { (chart(id, trends, labels).figure(&format!("time-{name}-{n}"))) }
                }
            }
        }
    }
}

fn changes(changed: &[&Trend]) -> Markup {
    html! {
        table {
            caption { "Changes for good" }
            thead { tr {
                @for head in ["benchmark", "module", "since", "version"] { th scope="col" { (head) } }
                @for head in ["before", "after", "change"] { th.n scope="col" { (head) } }
            } }
            tbody {
                @for trend in changed { @for change in &trend.changes { tr {
                    th.code scope="row" { (Text(short(&trend.id))) }
                    td { (Text(&trend.target)) }
                    td { (Text(&date(&change.since))) }
                    td { (Text(&change.version)) }
                    td.n { (time(change.before)) }
                    td.n { (time(change.after)) }
                    td.n { span.badge.(if change.after > change.before { "bad" } else { "good" }) { (words(change)) } }
                } } }
            }
        }
    }
}

/// `15% slower`.
fn words(change: &Change) -> String {
    let part = change.after / change.before - 1.0;
    format!(
        "{} {}",
        percent(part.abs()),
        if part > 0.0 { "slower" } else { "faster" }
    )
}

fn chart(id: &str, trends: &[Trend], labels: &[String]) -> Chart {
    let of_id: Vec<&Trend> = trends.iter().filter(|trend| trend.id == id).collect();
    let mut starts: Vec<&str> = of_id
        .iter()
        .flat_map(|t| t.moments.iter().map(|m| m.started.as_str()))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let place = |started: &str| starts.binary_search(&started).unwrap_or(0) as f64;
    let several_cpus = of_id.iter().any(|trend| trend.cpu != of_id[0].cpu);
    let name = |trend: &Trend| match several_cpus {
        true => format!("{} on {}", trend.target, trend.cpu),
        false => trend.target.clone(),
    };
    let series = of_id.iter().enumerate().map(|(n, trend)| Series {
        name: name(trend),
        number: labels
            .iter()
            .position(|label| *label == trend.target)
            .unwrap_or(labels.len() + n),
        points: trend
            .moments
            .iter()
            .map(|m| point(place(&m.started), m.median))
            .collect(),
    });
    let marks = of_id
        .iter()
        .flat_map(|trend| trend.changes.iter().map(move |change| (trend, change)));
    let step = starts.len().div_ceil(TICKS).max(1);
    Chart {
        title: short(id).to_owned(),
        description: format!("Median time of {} over {} runs.", short(id), starts.len()),
        x: Axis {
            label: "runs",
            log: false,
            format: |n| format!("run {}", n + 1.0),
        },
        y: Axis {
            label: "time of one operation",
            log: false,
            format: time,
        },
        ticks: starts
            .iter()
            .enumerate()
            .step_by(step)
            .map(|(n, start)| (n as f64, day(start)))
            .collect(),
        series: series.collect(),
        marks: marks
            .map(|(trend, change)| Mark {
                x: place(&change.since),
                words: format!(
                    "{}: {} since {} ({})",
                    trend.target,
                    words(change),
                    day(&change.since),
                    change.version
                ),
            })
            .collect(),
    }
}

fn point(x: f64, median: Estimate) -> Point {
    Point {
        x,
        y: median.value,
        interval: Some((median.low, median.high)),
    }
}

fn day(started: &str) -> String {
    started.split('T').next().unwrap_or(started).to_owned()
}
