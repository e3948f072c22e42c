//! The page of a report: where it goes, and what of it the harness alone knows (coverage, changes for good).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use p11assay_reports::coverage::Coverage;
use p11assay_reports::evidence::Tally;
use p11assay_reports::render::{ensure_writable, render_site};
use p11assay_reports::site::{Change, Moment, Site, SiteRun, Trend};
use p11assay_reports::stream::Evidence;

use super::Failure;
use super::report::Read;
use super::select::of_ids;
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

/// What the cases of each run cover of the standard, and what it reached: of runs of cases that come with the
/// program.
fn reached(runs: &[(PathBuf, Evidence)]) -> Result<Vec<Coverage>, Failure> {
    let ids = |evidence: &Evidence| -> HashSet<String> {
        let planned = evidence.plan.iter().flat_map(|plan| &plan.cases);
        planned.cloned().collect()
    };
    let runs: Vec<_> = runs
        .iter()
        .map(|(_, evidence)| (evidence, ids(evidence)))
        .filter(|(evidence, _)| evidence.tally != Tally::default())
        .collect();
    let all = runs.iter().flat_map(|(_, ids)| ids);
    let plan = of_ids(&all.map(String::as_str).collect())?;
    let mut found = Vec::new();
    for (evidence, ids) in runs {
        let cases = plan.cases.iter().map(|planned| &planned.case);
        let cases: Vec<_> = cases.filter(|case| ids.contains(&case.id)).collect();
        if !cases.is_empty() {
            found.push(coverage::of(&cases, Some(evidence)));
        }
    }
    Ok(found)
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
