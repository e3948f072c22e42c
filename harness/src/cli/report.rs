//! `p11assay report`, and what every command does that ends with reports: the files, the summary, the
//! exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use p11assay_reports::check::Check;
use p11assay_reports::export::{Export, Runs};
use p11assay_reports::render::{
    Format, RenderError, ensure_writable, render, render_check, render_export,
};
use p11assay_reports::stream::{self, Evidence};
use p11assay_reports::terminal::{Style, summary};
use p11assay_reports::{bench, exit};

use super::args::{OutputArgs, Report, ReportArgs};
use super::bench::{RECORD, exit_code};
use super::progress::color;
use super::waivers::evidence_of;
use super::{Failure, site};

/// Renders the evidence of runs again.
pub(super) fn report(args: &Report) -> Result<i32, Failure> {
    let page = args.html.as_deref().map(site::page).transpose()?;
    args.shown.reports.ensure_writable()?;
    for (_, path) in args.exports() {
        ensure_writable(path).map_err(Failure::usage)?;
    }
    let mut read = Read::default();
    for run in &args.runs {
        read.add(run)?;
    }
    if args.shown.reports.wanted().next().is_some() && read.runs.len() != 1 {
        let message = format!(
            "a report for other programs is of one run of cases, and {} were given: name one, or join the parts \
             of one with `p11assay merge`",
            read.runs.len()
        );
        return Err(Failure::usage(message));
    }
    for (_, evidence) in &mut read.runs {
        evidence.started.gate = args.shown.gate.gate(Some(&evidence.started.gate));
        args.shown.reports.write_cases(evidence)?;
    }
    let runs = Runs {
        cases: read.runs.iter().map(|(_, evidence)| evidence).collect(),
        benches: read.benches.iter().collect(),
    };
    for (export, path) in args.exports() {
        write_export(&runs, export, path)?;
    }
    if let Some(page) = page {
        site::write(&read, args.history.as_deref(), &page)?;
    }
    Ok(read.finish(&args.shown.output))
}

fn write_export(runs: &Runs<'_>, export: Export, path: &Path) -> Result<(), Failure> {
    render_export(runs, export, path).map_err(Failure::harness)
}

impl Report {
    /// Exports of all runs together.
    fn exports(&self) -> impl Iterator<Item = (Export, &PathBuf)> {
        let times = [
            (Export::Bmf, &self.bmf),
            (Export::BenchmarkAction, &self.benchmark_action),
        ];
        let times = times
            .into_iter()
            .filter_map(|(export, path)| Some((export, path.as_ref()?)));
        self.shown.reports.exports().chain(times)
    }
}

/// Runs that were read, in the order in which they were named.
#[derive(Default)]
pub(super) struct Read {
    /// Runs of cases with their folders.
    pub(super) runs: Vec<(PathBuf, Evidence)>,
    /// Runs of benchmarks.
    pub(super) benches: Vec<bench::Run>,
}

impl Read {
    /// Takes what there is in a folder, or the file.
    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let of_benchmarks = match path.is_dir() {
            true => path.join(RECORD).is_file(),
            false => path
                .extension()
                .is_some_and(|extension| extension == "json"),
        };
        if of_benchmarks {
            self.benches
                .push(bench::read(path).map_err(Failure::usage)?);
        }
        let file = evidence_of(path);
        if !of_benchmarks || (path.is_dir() && file.is_file()) {
            let evidence = stream::read(&file).map_err(Failure::usage)?;
            let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
            self.runs.push((folder, evidence));
        }
        Ok(())
    }

    /// Shows the summary of each; gives the gravest of their exit codes.
    fn finish(&self, output: &OutputArgs) -> i32 {
        let cases = self
            .runs
            .iter()
            .map(|(_, evidence)| finish(evidence, output));
        let mut codes: Vec<i32> = cases.collect();
        for run in &self.benches {
            let _ = writeln!(std::io::stdout(), "{}", bench::table(run));
            codes.push(exit_code(run));
        }
        exit::gravest(codes)
    }
}

impl ReportArgs {
    fn wanted(&self) -> impl Iterator<Item = (Format, &PathBuf)> {
        let all = [
            (Format::Junit, &self.junit),
            (Format::Json, &self.json),
            (Format::Sarif, &self.sarif),
            (Format::Ctrf, &self.ctrf),
        ];
        all.into_iter()
            .filter_map(|(format, path)| Some((format, path.as_ref()?)))
    }

    /// Exports of what runs came to.
    fn exports(&self) -> impl Iterator<Item = (Export, &PathBuf)> {
        let all = [
            (Export::Markdown, &self.markdown),
            (Export::OpenMetrics, &self.openmetrics),
        ];
        all.into_iter()
            .filter_map(|(export, path)| Some((export, path.as_ref()?)))
    }

    /// Refuses paths that could not be written to, before anything is executed.
    pub(super) fn ensure_writable(&self) -> Result<(), Failure> {
        let paths = self.wanted().map(|(_, path)| path);
        let mut paths = paths.chain(self.exports().map(|(_, path)| path));
        paths.try_for_each(|path| ensure_writable(path).map_err(Failure::usage))
    }

    /// Writes the reports.
    pub(super) fn write(&self, evidence: &Evidence) -> Result<(), Failure> {
        self.write_cases(evidence)?;
        self.write_exports(evidence)
    }

    /// Writes the reports of a check: those of the run of the reproducers, with what became of each finding.
    pub(super) fn write_check(&self, check: &Check<'_>) -> Result<(), Failure> {
        self.write_each(|format, path| render_check(check, format, path))?;
        self.write_exports(check.again())
    }

    fn write_exports(&self, evidence: &Evidence) -> Result<(), Failure> {
        let runs = Runs {
            cases: vec![evidence],
            benches: Vec::new(),
        };
        self.exports()
            .try_for_each(|(export, path)| write_export(&runs, export, path))
    }

    /// Writes the reports that name each case.
    fn write_cases(&self, evidence: &Evidence) -> Result<(), Failure> {
        self.write_each(|format, path| render(evidence, format, path))
    }

    fn write_each(
        &self,
        render: impl Fn(Format, &Path) -> Result<Vec<PathBuf>, RenderError>,
    ) -> Result<(), Failure> {
        self.wanted().try_for_each(|(format, path)| {
            let written = render(format, path);
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
