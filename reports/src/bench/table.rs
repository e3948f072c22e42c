//! Runs of benchmarks and comparisons as tables for a terminal.

use comfy_table::{CellAlignment, Row, Table, presets};

use super::{
    Change, Compared, Comparison, Entry, Measured, Outcome, Run, bytes, per_second, percent, time,
};
use crate::text::one_line;

/// A run: the figures of each benchmark, what does not apply and what failed, and the machine.
#[must_use]
pub fn table(run: &Run) -> String {
    let threads: Vec<u32> = run
        .settings
        .threads
        .iter()
        .copied()
        .filter(|n| *n > 1)
        .collect();
    let scaled = run
        .measured()
        .any(|(_, measured)| !measured.closed.is_empty());
    let open = run.measured().any(|(_, measured)| measured.open.is_some());
    let mut heads = vec!["benchmark", "median", "±", "rate"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    if scaled {
        heads.extend(["p99".to_owned(), "p99.9".to_owned()]);
        heads.extend(threads.iter().map(|n| format!("{n} threads")));
    }
    if open {
        heads.push("open p99".to_owned());
    }
    heads.extend(["own".to_owned(), "A/A".to_owned()]);
    let mut table = plain(heads);
    for (entry, measured) in run.measured() {
        let latency = measured.latency.as_ref();
        let mut row = vec![
            short(&entry.id).to_owned(),
            latency.map_or(dash(), |latency| time(latency.median.value)),
            latency.map_or(dash(), |latency| {
                percent((latency.median.high - latency.median.low) / 2.0 / latency.median.value)
            }),
            rate(entry, measured),
        ];
        if scaled {
            let one = measured.closed.iter().find(|load| load.threads == 1);
            row.push(one.map_or(dash(), |load| time(load.latency.p99 as f64)));
            row.push(one.map_or(dash(), |load| time(load.latency.p999 as f64)));
            row.extend(threads.iter().map(|n| {
                let load = measured.closed.iter().find(|load| load.threads == *n);
                let scaling = load.and_then(|load| load.scaling);
                scaling.map_or(dash(), |scaling| format!("{scaling:.2}x"))
            }));
        }
        if open {
            let open = measured.open.as_ref();
            row.push(open.map_or(dash(), |open| time(open.latency.p99 as f64)));
        }
        row.push(time(measured.overhead_ns));
        row.push(latency.map_or(dash(), |latency| percent(latency.spread)));
        table.add_row(row);
    }
    let mut out = match run.measured().next() {
        Some(_) => table.trim_fmt() + "\n",
        None => String::new(),
    };
    out += &below(run);
    out
}

/// What stands below the figures.
fn below(run: &Run) -> String {
    let mut lines = Vec::new();
    for (entry, measured) in run.measured() {
        let findings = measured.findings.iter();
        lines.extend(
            findings.map(|finding| format!("  FINDING {}  {}", entry.id, one_line(finding))),
        );
    }
    for entry in &run.entries {
        if let Outcome::Failed { verdict, message } = &entry.outcome {
            let verdict = verdict.to_uppercase();
            lines.push(format!("  {verdict} {}  {}", entry.id, one_line(message)));
        }
    }
    let [measured, not_applicable, failed] = run.counts();
    lines.push(format!(
        "\n{measured} measured, {not_applicable} not applicable, {failed} failed; each {} times {} samples",
        run.settings.rounds, run.settings.samples
    ));
    let machine = &run.machine;
    let mut facts = format!("on {}, {} cores", one_line(&machine.cpu), machine.cores);
    if machine.virtual_machine {
        facts += " of a virtual machine";
    }
    if let Some(governor) = &machine.governor {
        facts += &format!(", governor {}", one_line(governor));
    }
    let after = machine
        .load_after
        .map_or(String::new(), |load| format!(" to {load:.1}"));
    facts += &format!(", load {:.1}{after}", machine.load_before);
    lines.push(facts);
    if let Some(noise) = run.noise {
        lines.push(format!(
            "measured against itself: half of all differ by {} at most, nine of ten by {}",
            percent(noise.median),
            percent(noise.p90)
        ));
    }
    lines.extend(
        run.remarks
            .iter()
            .map(|remark| format!("note: {}", one_line(remark))),
    );
    lines.join("\n")
}

/// A comparison.
#[must_use]
pub fn comparison(comparison: &Comparison) -> String {
    let heads = [
        "benchmark",
        "before",
        "after",
        "ratio",
        "95%",
        "p",
        "A/A",
        "",
    ];
    let mut table = plain(heads.map(str::to_owned).to_vec());
    for entry in &comparison.entries {
        table.add_row(compared(entry));
    }
    let mut out = String::new();
    if !comparison.entries.is_empty() {
        out += &(table.trim_fmt() + "\n");
    }
    let count = |change| {
        comparison
            .entries
            .iter()
            .filter(|entry| entry.change == change)
            .count()
    };
    out += &format!(
        "\nbefore: {}\nafter:  {}\n{}",
        one_line(&comparison.before),
        one_line(&comparison.after),
        comparison.test
    );
    out += &format!(
        "\n{} compared: {} slower, {} faster, {} without a difference that can be told",
        comparison.entries.len(),
        count(Change::Slower) + count(Change::Regressed),
        count(Change::Faster),
        count(Change::None),
    );
    if let Some(threshold) = comparison.threshold {
        out += &format!(
            "\ngate {}: {} regressed beyond it, {} too noisy to judge",
            percent(threshold),
            count(Change::Regressed),
            count(Change::Noisy)
        );
        match comparison.undecided().count() {
            0 => {}
            some => {
                out += &format!(
                    ": {some} measured beyond it, which may be chance; measure longer or on a quieter machine"
                );
            }
        }
    }
    for left in &comparison.left_out {
        out += &format!("\nnot compared: {}", one_line(left));
    }
    out
}

fn compared(entry: &Compared) -> Vec<String> {
    let p = entry.gate_p_value.unwrap_or(entry.p_value);
    let word = match entry.change {
        Change::None => "",
        Change::Faster => "faster",
        Change::Slower => "slower",
        Change::Regressed => "REGRESSED",
        Change::Noisy => "too noisy",
    };
    vec![
        short(&entry.id).to_owned(),
        time(entry.before),
        time(entry.after),
        format!("{:.3}", entry.ratio.value),
        format!("{:.3}..{:.3}", entry.ratio.low, entry.ratio.high),
        if p < 0.001 {
            "<0.001".to_owned()
        } else {
            format!("{p:.3}")
        },
        percent(entry.spread),
        word.to_owned(),
    ]
}

/// A table without lines, numbers to the right.
fn plain(heads: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(Row::from(heads));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn short(id: &str) -> &str {
    id.strip_prefix("bench/").unwrap_or(id)
}

fn dash() -> String {
    "-".to_owned()
}

/// How much is done in a second.
fn rate(entry: &Entry, measured: &Measured) -> String {
    let Some(latency) = &measured.latency else {
        return dash();
    };
    let operations = 1e9 / latency.median.value;
    match entry.bytes {
        Some(count) => bytes(operations * count as f64),
        None => per_second(operations),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Estimate, FORMAT, Latency, Machine, Noise, Settings};
    use super::*;
    use std::collections::BTreeMap;

    fn run(outcome: Outcome) -> Run {
        Run {
            format: FORMAT,
            version: "0".to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            target: crate::evidence::Target::default(),
            machine: Machine {
                cpu: "a processor".to_owned(),
                cores: 2,
                load_before: 0.25,
                ..Machine::default()
            },
            settings: Settings {
                rounds: 2,
                samples: 30,
                measurement_ns: 1,
                warm_up_ns: 1,
                threads: vec![1, 2],
                rate: None,
            },
            entries: vec![Entry {
                id: "bench/digest/CKM_SHA256/1KiB".to_owned(),
                title: String::new(),
                parameters: BTreeMap::new(),
                functions: Vec::new(),
                bytes: Some(1024),
                outcome,
            }],
            noise: Some(Noise {
                median: 0.01,
                p90: 0.04,
                max: 0.1,
            }),
            remarks: vec!["a busy machine".to_owned()],
            complete: true,
        }
    }

    #[test]
    fn a_run_is_a_table_with_what_it_rests_on() {
        let median = Estimate {
            value: 1000.0,
            low: 990.0,
            high: 1030.0,
        };
        let latency = Latency {
            median,
            spread: 0.021,
            ..Latency::default()
        };
        let measured = Measured {
            latency: Some(latency),
            overhead_ns: 3.4,
            ..Measured::default()
        };
        let text = table(&run(Outcome::Measured(Box::new(measured))));
        for part in [
            "digest/CKM_SHA256/1KiB",
            "1.00 µs",
            "2.0%",
            "977 MiB/s",
            "3.40 ns",
            "2.1%",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.contains("nine of ten by 4.0%"), "{text}");
        assert!(text.ends_with("note: a busy machine"), "{text}");
    }

    #[test]
    fn what_failed_is_told_on_one_line() {
        let failed = Outcome::Failed {
            verdict: "crash".to_owned(),
            message: "ended\nthe process".to_owned(),
        };
        let text = table(&run(failed));
        let line = "  CRASH bench/digest/CKM_SHA256/1KiB  ended\\nthe process";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("0 measured, 0 not applicable, 1 failed"),
            "{text}"
        );
    }
}
