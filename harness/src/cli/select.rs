//! From names, a profile and a filter on the command line to the cases they choose.

use std::path::Path;

use super::Failure;
use crate::generate;
use crate::plan::{Filter, Plan, Suite, shipped};

/// What was chosen, and the suites it was chosen from.
pub(super) struct Selection {
    pub(super) suites: Vec<Suite>,
    pub(super) plan: Plan,
}

/// Chooses cases: suites by file or pattern, only those of a profile, only those a filter matches.
pub(super) fn select(
    named: &[String],
    profile: Option<&str>,
    filter: Option<&str>,
) -> Result<Selection, Failure> {
    let filter = filter
        .map(Filter::parse)
        .transpose()
        .map_err(Failure::usage)?;
    let (suites, mut wanted) = suites(named)?;
    wanted.extend(profile.map(|name| format!("profiles/{name}")));
    let plan = Plan::select(&suites, &wanted, filter.as_ref()).map_err(Failure::usage)?;
    Ok(Selection { suites, plan })
}

/// Every suite that comes with the program, written or generated.
pub(super) fn all() -> Result<Vec<Suite>, Failure> {
    // As with reading: what a short run waits for is done side by side.
    std::thread::scope(|scope| {
        let generated = scope.spawn(generate::suites);
        let mut suites = shipped::suites().map_err(Failure::usage)?;
        let generated = generated.join();
        suites.extend(generated.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok(suites)
    })
}

/// Reads suites: files as they are, anything else as patterns over the shipped cases.
fn suites(named: &[String]) -> Result<(Vec<Suite>, Vec<String>), Failure> {
    let is_file = |name: &&String| {
        let path = Path::new(name.as_str());
        path.extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
            || path.is_file()
    };
    let mut suites = Vec::new();
    for file in named.iter().filter(is_file) {
        suites.push(Suite::read(Path::new(file)).map_err(Failure::usage)?);
    }
    let mut wanted: Vec<String> = named
        .iter()
        .filter(|name| !is_file(name))
        .cloned()
        .collect();
    if suites.is_empty() || !wanted.is_empty() {
        // A file's cases are all wanted, beside those that patterns choose from the shipped ones.
        let own: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
        if !wanted.is_empty() {
            wanted.extend(own);
        }
        suites.extend(all()?);
    }
    Ok((suites, wanted))
}
