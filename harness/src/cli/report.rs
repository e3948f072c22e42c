//! `p11assay report`, and what every command does that ends with reports: the files, the summary, the
//! exit code.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use p11assay_reports::render::{Format, ensure_writable, render};
use p11assay_reports::stream::{self, Evidence};
use p11assay_reports::terminal::{Style, summary};

use super::Failure;
use super::args::{OutputArgs, Report, ReportArgs};
use super::progress::color;
use super::waivers::evidence_of;

/// Renders the evidence of a run again.
pub(super) fn report(args: &Report) -> Result<i32, Failure> {
    args.shown.reports.ensure_writable()?;
    let mut evidence = stream::read(&evidence_of(&args.run)).map_err(Failure::usage)?;
    evidence.started.gate = args.shown.gate.gate(Some(&evidence.started.gate));
    args.shown.reports.write(&evidence)?;
    Ok(finish(&evidence, &args.shown.output))
}

impl ReportArgs {
    fn wanted(&self) -> impl Iterator<Item = (Format, &PathBuf)> {
        let all = [
            (Format::Junit, &self.junit),
            (Format::Json, &self.json),
            (Format::Sarif, &self.sarif),
        ];
        all.into_iter()
            .filter_map(|(format, path)| Some((format, path.as_ref()?)))
    }

    /// Refuses paths that could not be written to, before anything is executed.
    pub(super) fn ensure_writable(&self) -> Result<(), Failure> {
        self.wanted()
            .try_for_each(|(_, path)| ensure_writable(path).map_err(Failure::usage))
    }

    /// Writes the reports.
    pub(super) fn write(&self, evidence: &Evidence) -> Result<(), Failure> {
        self.wanted().try_for_each(|(format, path)| {
            let written = render(evidence, format, path);
            written.map(drop).map_err(|error| {
                let advice = "the evidence is kept: `p11assay report` renders it again";
                Failure::harness(format!("{error}; {advice}"))
            })
        })
    }
}

/// Shows the summary; gives the exit code.
pub(super) fn finish(evidence: &Evidence, output: &OutputArgs) -> i32 {
    let style = Style {
        color: color(),
        verbosity: output.verbosity(),
    };
    let _ = writeln!(std::io::stdout(), "{}", summary(evidence, style));
    evidence.exit_code()
}

/// A folder for a run whose name sorts by time, `runs/2026-11-23T10-15-02.120`: with milliseconds to
/// be unique.
pub(super) fn fresh_folder() -> PathBuf {
    let now = time::OffsetDateTime::from(SystemTime::now());
    PathBuf::from("runs").join(format!(
        "{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.millisecond()
    ))
}
