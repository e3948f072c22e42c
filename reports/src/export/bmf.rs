//! Bencher Metric Format: an object of benchmarks, each with its measures. `latency` is nanoseconds and `throughput`
//! operations a second, as Bencher has these two.

use std::io::{Result, Write};

use serde_json::{Map, Value, json};

use super::Runs;

pub(super) fn write(runs: &Runs<'_>, out: &mut dyn Write) -> Result<()> {
    let mut document = Map::new();
    for (name, _, measured) in runs.measured() {
        let mut measures = Map::new();
        if let Some(latency) = &measured.latency {
            let median = latency.median;
            let metric = json!({ "value": median.value, "lower_value": median.low, "upper_value": median.high });
            measures.insert("latency".to_owned(), metric);
        }
        for closed in &measured.closed {
            if closed.threads == 1 {
                measures.insert(
                    "throughput".to_owned(),
                    json!({ "value": closed.per_second }),
                );
                measures.insert(
                    "p99-latency".to_owned(),
                    json!({ "value": closed.latency.p99 }),
                );
            } else {
                let name = format!("throughput-{}-threads", closed.threads);
                measures.insert(name, json!({ "value": closed.per_second }));
            }
        }
        document.insert(name, Value::Object(measures));
    }
    serde_json::to_writer_pretty(&mut *out, &Value::Object(document))?;
    writeln!(out)
}
