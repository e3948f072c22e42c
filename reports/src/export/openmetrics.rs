//! OpenMetrics 1.0 text: gauges with the target as a label, a family at a time, no time stamps (whoever scrapes
//! knows when).

use std::fmt::Write as _;
use std::io::{Result, Write};

use super::Runs;
use crate::bench;
use crate::evidence::{Target, Verdict};
use crate::stream::Evidence;
use crate::text::one_line;

/// Labels of a sample: names of ours, values of anybody's.
type Labels = Vec<(&'static str, String)>;

/// A family: its samples are together and none twice, as the format wants it.
struct Family {
    name: &'static str,
    kind: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Vec<(Labels, String)>,
}

pub(super) fn write(runs: &Runs<'_>, out: &mut dyn Write) -> Result<()> {
    let mut text = String::new();
    for family in families(runs) {
        family.write(&mut text);
    }
    text.push_str("# EOF\n");
    out.write_all(text.as_bytes())
}

fn families(runs: &Runs<'_>) -> [Family; 9] {
    let several = runs.cases.len() + runs.benches.len() > 1;
    let number = |place: usize| several.then(|| (place + 1).to_string());
    let cases = || {
        runs.cases
            .iter()
            .enumerate()
            .map(|(place, run)| (*run, named(run.target.as_ref(), number(place))))
    };
    let benches = || {
        let first = runs.cases.len();
        runs.benches
            .iter()
            .enumerate()
            .map(move |(place, run)| (*run, named(Some(&run.target), number(first + place))))
    };
    [
        family(
            "p11assay_run",
            "info",
            None,
            "What was tested, and by which p11assay.",
            cases().map(info).collect(),
        ),
        family(
            "p11assay_cases",
            "gauge",
            None,
            "Cases by how they ended.",
            cases().flat_map(verdicts).collect(),
        ),
        family(
            "p11assay_open_findings",
            "gauge",
            None,
            "Findings that no waiver accepts, by level.",
            cases().flat_map(open).collect(),
        ),
        family(
            "p11assay_exit_code",
            "gauge",
            None,
            "What the run came to, held to its gate.",
            cases().map(code).collect(),
        ),
        family(
            "p11assay_run_duration_seconds",
            "gauge",
            Some("seconds"),
            "Time of the run.",
            cases().map(duration).collect(),
        ),
        family(
            "p11assay_operation_seconds",
            "gauge",
            Some("seconds"),
            "Median time of an operation.",
            benches().flat_map(medians).collect(),
        ),
        family(
            "p11assay_operation_percentile_seconds",
            "gauge",
            Some("seconds"),
            "What a part of the operations takes at most.",
            benches().flat_map(percentiles).collect(),
        ),
        family(
            "p11assay_operations_per_second",
            "gauge",
            None,
            "Operations a second of wall clock.",
            benches().flat_map(throughput).collect(),
        ),
        family(
            "p11assay_benchmark_noise_ratio",
            "gauge",
            Some("ratio"),
            "How far nine of ten measurements of the same differ.",
            benches().filter_map(noise).collect(),
        ),
    ]
}

fn family(
    name: &'static str,
    kind: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Vec<(Labels, String)>,
) -> Family {
    Family {
        name,
        kind,
        unit,
        help,
        samples,
    }
}

impl Family {
    fn write(&self, text: &mut String) {
        if self.samples.is_empty() {
            return;
        }
        let (name, suffix) = (self.name, if self.kind == "info" { "_info" } else { "" });
        let _ = writeln!(text, "# TYPE {name} {}", self.kind);
        if let Some(unit) = self.unit {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {}", self.help);
        for (labels, value) in &self.samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
                .collect();
            let _ = writeln!(text, "{name}{suffix}{{{}}} {value}", labels.join(","));
        }
    }
}

/// A value of a label: one line, with `\` and `"` escaped.
fn escape(value: &str) -> String {
    one_line(value).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The target, and the number of the run if there are several.
fn named(target: Option<&Target>, run: Option<String>) -> Labels {
    let mut labels = vec![(
        "target",
        target.map_or_else(|| "unknown".to_owned(), |target| target.name.clone()),
    )];
    labels.extend(run.map(|run| ("run", run)));
    labels
}

fn with(labels: &Labels, more: &[(&'static str, String)]) -> Labels {
    [labels.as_slice(), more].concat()
}

fn info((run, labels): (&Evidence, Labels)) -> (Labels, String) {
    let target = run.target.as_ref();
    let version = target
        .and_then(|t| t.info.get("libraryVersion"))
        .cloned()
        .unwrap_or_default();
    let hash = target.and_then(|t| t.sha256.clone()).unwrap_or_default();
    let command = run.started.command.get(1).cloned().unwrap_or_default();
    let more = [
        ("version", version),
        ("sha256", hash),
        ("command", command),
        ("started", run.started.started.clone()),
        ("p11assay", run.started.version.clone()),
    ];
    (with(&labels, &more), "1".to_owned())
}

fn verdicts((run, labels): (&Evidence, Labels)) -> Vec<(Labels, String)> {
    let counts = run.counts();
    let mut all: Vec<(&str, usize)> = Verdict::ALL
        .into_iter()
        .map(|v| (v.name(), counts.of(v)))
        .collect();
    all.push(("not-executed", counts.not_executed));
    let sample = |(verdict, count): (&str, usize)| {
        (
            with(&labels, &[("verdict", verdict.to_owned())]),
            count.to_string(),
        )
    };
    all.into_iter().map(sample).collect()
}

fn open((run, labels): (&Evidence, Labels)) -> Vec<(Labels, String)> {
    let counts = run.counts();
    let levels = [
        crate::evidence::Level::Must,
        crate::evidence::Level::Should,
        crate::evidence::Level::Profile,
        crate::evidence::Level::Security,
    ];
    let sample = |level: crate::evidence::Level| {
        let count: usize = counts
            .open
            .get(&level)
            .map_or(0, |verdicts| verdicts.values().sum());
        (
            with(&labels, &[("level", level.name().to_lowercase())]),
            count.to_string(),
        )
    };
    levels.into_iter().map(sample).collect()
}

fn code((run, labels): (&Evidence, Labels)) -> (Labels, String) {
    (labels, run.exit_code().to_string())
}

fn duration((run, labels): (&Evidence, Labels)) -> (Labels, String) {
    (labels, seconds(run.duration_ns() as f64))
}

fn seconds(ns: f64) -> String {
    format!("{:e}", ns / 1e9)
}

fn benchmark(labels: &Labels, entry: &bench::Entry) -> Labels {
    with(labels, &[("benchmark", entry.id.clone())])
}

fn medians((run, labels): (&bench::Run, Labels)) -> Vec<(Labels, String)> {
    let sample = |(entry, measured): (&bench::Entry, &bench::Measured)| {
        Some((
            benchmark(&labels, entry),
            seconds(measured.latency.as_ref()?.median.value),
        ))
    };
    run.measured().filter_map(sample).collect()
}

fn percentiles((run, labels): (&bench::Run, Labels)) -> Vec<(Labels, String)> {
    let of = |(entry, measured): (&bench::Entry, &bench::Measured)| {
        let labels = benchmark(&labels, entry);
        let alone = measured.closed.iter().find(|closed| closed.threads == 1);
        let latency = alone
            .map(|closed| &closed.latency)
            .filter(|latency| latency.count > 0);
        let parts = |p: &bench::Percentiles| {
            [
                ("0.5", p.p50),
                ("0.9", p.p90),
                ("0.99", p.p99),
                ("0.999", p.p999),
            ]
        };
        let sample = move |(part, ns): (&str, u64)| {
            (
                with(&labels, &[("part", part.to_owned())]),
                seconds(ns as f64),
            )
        };
        latency
            .map(parts)
            .into_iter()
            .flatten()
            .map(sample)
            .collect::<Vec<_>>()
    };
    run.measured().flat_map(of).collect()
}

fn throughput((run, labels): (&bench::Run, Labels)) -> Vec<(Labels, String)> {
    let of = |(entry, measured): (&bench::Entry, &bench::Measured)| {
        let labels = benchmark(&labels, entry);
        let sample = |closed: &bench::Throughput| {
            (
                with(&labels, &[("threads", closed.threads.to_string())]),
                format!("{:.3}", closed.per_second),
            )
        };
        measured.closed.iter().map(sample).collect::<Vec<_>>()
    };
    run.measured().flat_map(of).collect()
}

fn noise((run, labels): (&bench::Run, Labels)) -> Option<(Labels, String)> {
    Some((labels, format!("{:.4}", run.noise?.p90)))
}
