//! `p11assay coverage`: what the cases cover of the standard, and what a run reached.

use std::io::Write as _;

use p11assay_reports::render::{ensure_writable, render_coverage};
use p11assay_reports::{exit, stream};

use super::Failure;
use super::args::Coverage;
use super::select::select;
use super::waivers::evidence_of;
use crate::coverage;

/// Shows the sums, and writes the tables.
pub(super) fn coverage(args: &Coverage) -> Result<i32, Failure> {
    let files = [(true, &args.html), (false, &args.json)];
    let files = || {
        files
            .iter()
            .filter_map(|(html, path)| Some((*html, path.as_ref()?)))
    };
    for (_, path) in files() {
        ensure_writable(path).map_err(Failure::usage)?;
    }
    let run = args.run.as_deref().map(evidence_of);
    let run = run
        .map(|path| stream::read(&path).map_err(Failure::usage))
        .transpose()?;
    let plan = select(&args.suites, None, args.filter.as_deref())?.plan;
    let cases: Vec<_> = plan.cases.iter().map(|planned| &planned.case).collect();
    let coverage = coverage::of(&cases, run.as_ref());
    for (html, path) in files() {
        render_coverage(&coverage, html, path).map_err(Failure::harness)?;
    }
    let _ = writeln!(std::io::stdout(), "{}", coverage.text(args.open));
    Ok(if cases.is_empty() {
        exit::NOTHING_SELECTED
    } else {
        exit::PASSED
    })
}
