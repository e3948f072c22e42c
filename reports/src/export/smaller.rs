//! The JSON that github-action-benchmark reads as `customSmallerIsBetter`: a list of times.

use std::io::{Result, Write};

use serde_json::{Value, json};

use super::Runs;
use crate::bench::{per_second, time};

pub(super) fn write(runs: &Runs<'_>, out: &mut dyn Write) -> Result<()> {
    let entry =
        |(name, entry, measured): (String, &crate::bench::Entry, &crate::bench::Measured)| {
            let latency = measured.latency.as_ref()?;
            let median = latency.median;
            let mut extra = vec![format!(
                "95% confidence: {} to {}",
                time(median.low),
                time(median.high)
            )];
            extra.extend(measured.closed.iter().map(|closed| {
                let threads = crate::describe::number(closed.threads as usize, "thread", "threads");
                format!(
                    "{threads}: {}, p99 {}",
                    per_second(closed.per_second),
                    time(closed.latency.p99 as f64)
                )
            }));
            extra.push(format!("calls: {}", entry.functions.join(", ")));
            let half = (median.high - median.low) / 2.0;
            Some(json!({
                "name": name,
                "unit": "ns/op",
                "value": median.value,
                "range": format!("± {half:.1}"),
                "extra": extra.join("\n"),
            }))
        };
    let entries: Vec<Value> = runs.measured().into_iter().filter_map(entry).collect();
    serde_json::to_writer_pretty(&mut *out, &entries)?;
    writeln!(out)
}
