//! The page of a report: where it goes, and what of it the harness alone knows (coverage, changes for good).

use std::path::{Path, PathBuf};

use p11assay_reports::coverage::Coverage;
use p11assay_reports::evidence::Tally;
use p11assay_reports::render::{ensure_writable, render_site};
use p11assay_reports::site::{Change, Moment, Site, SiteRun, Trend};
use p11assay_reports::stream::Evidence;

use super::Failure;
use super::report::Read;
use super::select::select;
use crate::bench::history;
use crate::coverage;

/// The file that a page goes to: a name without an extension is of a folder, which is made if need be.
pub(super) fn page(path: &Path) -> Result<PathBuf, Failure> {
    let file = if path.is_dir() || path.extension().is_none() && !path.exists() {
        std::fs::create_dir_all(path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        path.join("index.html")
    } else {
        path.to_owned()
    };
    ensure_writable(&file).map_err(Failure::usage)?;
    Ok(file)
}

/// Writes the page of these runs and of a history.
pub(super) fn write(read: &Read, history: Option<&Path>, page: &Path) -> Result<(), Failure> {
    let site = Site {
        runs: read
            .runs
            .iter()
            .map(|(folder, evidence)| SiteRun {
                folder: folder.display().to_string(),
                evidence,
            })
            .collect(),
        benches: read.benches.iter().collect(),
        trends: history.map(trends).transpose()?.unwrap_or_default(),
        coverage: reached(&read.runs)?,
    };
    render_site(&site, page).map_err(Failure::harness)
}

/// What runs reached of the standard, each that tells what it called.
fn reached(runs: &[(PathBuf, Evidence)]) -> Result<Vec<Coverage>, Failure> {
    let telling: Vec<&Evidence> = runs
        .iter()
        .map(|(_, evidence)| evidence)
        .filter(|evidence| evidence.tally != Tally::default())
        .collect();
    if telling.is_empty() {
        return Ok(Vec::new());
    }
    let plan = select(&[], None, None)?.plan;
    let cases: Vec<_> = plan.cases.iter().map(|planned| &planned.case).collect();
    let of = |evidence: &Evidence| coverage::of(&cases, Some(evidence));
    Ok(telling.into_iter().map(of).collect())
}

/// The series of a history, with what has changed for good.
fn trends(path: &Path) -> Result<Vec<Trend>, Failure> {
    let lines = history::read(path).map_err(Failure::usage)?;
    let series = history::series(&lines);
    Ok(series.iter().map(trend).collect())
}

fn trend(series: &history::Series<'_>) -> Trend {
    let moments = series.points.iter().map(|(line, median)| Moment {
        started: line.started.clone(),
        median: *median,
    });
    let changes = series.changes().into_iter().map(|change| Change {
        since: change.since,
        version: change.version,
        before: change.before,
        after: change.after,
    });
    Trend {
        target: series.target.to_owned(),
        id: series.id.to_owned(),
        cpu: series.cpu.to_owned(),
        moments: moments.collect(),
        changes: changes.collect(),
    }
}
