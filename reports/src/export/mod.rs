//! Exports for dashboards and pull requests: what several runs came to, in the formats of others. Each format is
//! known to one module; the reports of single cases (JUnit, SARIF, CTRF, JSON) are not among them.

mod bmf;
mod markdown;
mod openmetrics;
mod smaller;

use std::io::{Result, Write};

use crate::bench;
use crate::site::labels;
use crate::stream::Evidence;

/// A format for what several runs came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Export {
    /// Counts, findings and times, as a job summary or a comment.
    Markdown,
    /// Counts and times for a time series database.
    OpenMetrics,
    /// Times for Bencher, in its Metric Format.
    Bmf,
    /// Times for github-action-benchmark, as `customSmallerIsBetter`.
    BenchmarkAction,
}

/// Runs of cases and of benchmarks.
#[derive(Debug, Clone, Default)]
pub struct Runs<'e> {
    /// Runs of cases.
    pub cases: Vec<&'e Evidence>,
    /// Runs of benchmarks.
    pub benches: Vec<&'e bench::Run>,
}

impl Runs<'_> {
    /// Writes them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, export: Export, out: &mut dyn Write) -> Result<()> {
        match export {
            Export::Markdown => markdown::write(self, out),
            Export::OpenMetrics => openmetrics::write(self, out),
            Export::Bmf => bmf::write(self, out),
            Export::BenchmarkAction => smaller::write(self, out),
        }
    }

    /// What was measured with the name of each benchmark: that of the target is put before it if there are several.
    fn measured(&self) -> Vec<(String, &bench::Entry, &bench::Measured)> {
        let targets: Vec<_> = self.benches.iter().map(|run| Some(&run.target)).collect();
        let mut all = Vec::new();
        for (run, label) in self.benches.iter().zip(labels(&targets)) {
            for (entry, measured) in run.measured() {
                let id = entry.id.strip_prefix("bench/").unwrap_or(&entry.id);
                let name = match self.benches.len() {
                    1 => id.to_owned(),
                    _ => format!("{label}: {id}"),
                };
                all.push((crate::text::one_line(&name).into_owned(), entry, measured));
            }
        }
        all
    }
}
