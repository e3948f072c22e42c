//! Curves: time over the size of messages, throughput over threads, and the distribution of times.

use maud::{Markup, html};

use super::{families, ids, of, short};
use crate::bench::{Entry, Measured, Percentiles, Run, per_second, time};
use crate::chart::{Axis, Chart, Point, Series};
use crate::html::Text;

/// A percentile of a distribution.
type Percentile = fn(&Percentiles) -> u64;

/// Percentiles that are drawn, at equal distances.
const PERCENTILES: [(&str, Percentile); 5] = [
    ("p50", |p| p.p50),
    ("p90", |p| p.p90),
    ("p99", |p| p.p99),
    ("p99.9", |p| p.p999),
    ("max", |p| p.max),
];

const TIME: Axis = Axis {
    label: "time of one operation",
    log: true,
    format: time,
};

/// Time over message size, a chart for each operation that was measured with several.
pub(super) fn over_size(benches: &[&Run], labels: &[String]) -> Markup {
    let mut kinds: Vec<String> = Vec::new();
    for (entry, _) in benches.iter().flat_map(|run| run.measured()) {
        let kind = kind(entry);
        if entry.bytes.is_some() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let charts: Vec<Chart> = kinds
        .into_iter()
        .map(|kind| {
            let series = series(benches, labels, |run| sizes(run, &kind));
            Chart {
                description: format!(
                    "Median time of {kind} over the size of the message, both axes logarithmic."
                ),
                title: kind,
                x: Axis {
                    label: "size of the message",
                    log: true,
                    format: size,
                },
                y: TIME,
                ticks: ticks(&series),
                series,
                marks: Vec::new(),
            }
        })
        .filter(|chart| chart.series.iter().any(|series| series.points.len() > 1))
        .collect();
    html! {
        @if !charts.is_empty() {
            h3 id="sizes" { "Over message size" }
            div.charts { @for (n, chart) in charts.iter().enumerate() { (chart.figure(&format!("size-{n}"))) } }
        }
    }
}

/// What a benchmark of several sizes is, without the size: `digest/CKM_SHA256 in parts`.
fn kind(entry: &Entry) -> String {
    let id = short(&entry.id);
    match id.rsplit_once('/') {
        Some((kind, last)) => match last.split_once('-') {
            Some((_, how)) => format!("{kind} {}", how.replace('-', " ")),
            None => kind.to_owned(),
        },
        None => id.to_owned(),
    }
}

fn sizes(run: &Run, wanted: &str) -> Vec<Point> {
    let point = |(entry, measured): (&Entry, &Measured)| {
        let median = measured.latency.as_ref()?.median;
        let x = entry.bytes? as f64;
        (kind(entry) == wanted).then_some(Point {
            x,
            y: median.value,
            interval: Some((median.low, median.high)),
        })
    };
    let mut points: Vec<Point> = run.measured().filter_map(point).collect();
    points.sort_by(|one, two| one.x.total_cmp(&two.x));
    points
}

fn ticks(series: &[Series]) -> Vec<(f64, String)> {
    let mut all: Vec<f64> = series
        .iter()
        .flat_map(|s| s.points.iter().map(|p| p.x))
        .collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all.into_iter().map(|x| (x, size(x))).collect()
}

/// `16 B`, `64 KiB`.
fn size(bytes: f64) -> String {
    crate::bench::bytes(bytes)
        .replace(".00", "")
        .replace(".0", "")
        .replace("/s", "")
}

/// Throughput over threads, a chart for each benchmark that was measured with several, folded by family.
pub(super) fn over_threads(benches: &[&Run], labels: &[String]) -> Markup {
    let chart = |id: &str| {
        let points = |run: &Run| {
            let closed = of(run, id).map_or(&[][..], |measured| &measured.closed);
            closed
                .iter()
                .map(|t| Point {
                    x: f64::from(t.threads),
                    y: t.per_second,
                    interval: None,
                })
                .collect()
        };
        let series = series(benches, labels, points);
        let mut threads: Vec<f64> = series
            .iter()
            .flat_map(|s| s.points.iter().map(|p| p.x))
            .collect();
        threads.sort_by(f64::total_cmp);
        threads.dedup();
        Chart {
            title: short(id).to_owned(),
            description: format!(
                "Operations a second of {} over threads that share the module.",
                short(id)
            ),
            x: Axis {
                label: "threads",
                log: false,
                format: |n| format!("{n}"),
            },
            y: Axis {
                label: "operations a second",
                log: false,
                format: per_second,
            },
            ticks: threads.into_iter().map(|n| (n, format!("{n}"))).collect(),
            series,
            marks: Vec::new(),
        }
    };
    let ids = ids(benches, |measured| measured.closed.len() > 1);
    folded("threads", "Over threads", &ids, chart)
}

/// The distribution of times with one caller, or at a fixed rate where that was measured.
pub(super) fn percentiles(benches: &[&Run], labels: &[String]) -> Markup {
    let chart = |id: &str| {
        let points = |run: &Run| {
            let latency = of(run, id).and_then(distribution);
            let points = latency.map(|latency| {
                let point = |(n, (_, get)): (usize, &(&str, Percentile))| Point {
                    x: n as f64,
                    y: get(latency) as f64,
                    interval: None,
                };
                PERCENTILES.iter().enumerate().map(point).collect()
            });
            points.unwrap_or_default()
        };
        let name = short(id);
        Chart {
            title: name.to_owned(),
            description: format!(
                "Times of {name}: the median, and what 90, 99 and 99.9 of a hundred take at most."
            ),
            x: Axis {
                label: "percentile",
                log: false,
                format: |n| format!("{n}"),
            },
            y: TIME,
            ticks: PERCENTILES
                .iter()
                .enumerate()
                .map(|(n, (word, _))| (n as f64, (*word).to_owned()))
                .collect(),
            series: series(benches, labels, points),
            marks: Vec::new(),
        }
    };
    let ids = ids(benches, |measured| distribution(measured).is_some());
    folded("percentiles", "Percentiles", &ids, chart)
}

fn distribution(measured: &Measured) -> Option<&Percentiles> {
    let open = measured.open.as_ref().map(|open| &open.latency);
    let closed = || {
        Some(
            &measured
                .closed
                .iter()
                .find(|closed| closed.threads == 1)?
                .latency,
        )
    };
    open.or_else(closed).filter(|latency| latency.count > 0)
}

fn folded(id: &str, title: &str, ids: &[&str], chart: impl Fn(&str) -> Chart) -> Markup {
    html! {
        @if !ids.is_empty() {
            h3 id=(id) { (title) }
            @for (name, ids) in families(ids) {
                details.family {
                    summary { (Text(name)) span.soft { " " (ids.len()) } }
                    div.charts {
                        @for (n, one) in ids.iter().enumerate() { (chart(one).figure(&format!("{id}-{name}-{n}"))) }
                    }
                }
            }
        }
    }
}

/// A series for each run that has points.
fn series(benches: &[&Run], labels: &[String], points: impl Fn(&Run) -> Vec<Point>) -> Vec<Series> {
    let all = benches.iter().zip(labels).enumerate();
    all.map(|(number, (run, label))| Series {
        name: label.clone(),
        number,
        points: points(run),
    })
    .filter(|series| !series.points.is_empty())
    .collect()
}
