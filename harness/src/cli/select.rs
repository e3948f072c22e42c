//! From names, a profile and a filter on the command line to the cases they choose.

use std::collections::HashSet;
use std::path::Path;

use super::Failure;
use crate::generate::{self, vectors};
use crate::plan::{Filter, Plan, Suite, may_name, shipped};

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
    let profile = profile.map(|name| format!("profiles/{name}"));
    let (suites, wanted) = suites(named, profile)?;
    let plan = Plan::select(&suites, &wanted, filter.as_ref()).map_err(Failure::usage)?;
    Ok(Selection { suites, plan })
}

/// Every suite that comes with the program, written or generated, but for those that only run by name.
pub(super) fn all() -> Result<Vec<Suite>, Failure> {
    own(|name| shipped::by_name(name).is_none())
}

/// The cases of these ids that come with the program, but for test vectors.
pub(super) fn of_ids(ids: &HashSet<&str>) -> Result<Plan, Failure> {
    let ends = |id: &'_ str| -> Vec<usize> { id.match_indices('/').map(|(end, _)| end).collect() };
    let begin: HashSet<&str> = ids
        .iter()
        .flat_map(|id| ends(id).into_iter().map(|end| &id[..end]))
        .collect();
    let suites = own(|name| begin.contains(name))?;
    let mut plan = Plan::select(&suites, &[], None).map_err(Failure::usage)?;
    plan.cases
        .retain(|planned| ids.contains(planned.case.id.as_str()));
    Ok(plan)
}

/// The suites of test vectors that patterns mean.
pub(super) fn named_vectors(patterns: &[String]) -> Vec<Suite> {
    let meant = patterns
        .iter()
        .filter(|pattern| vectors::are_meant(pattern));
    let meant: Vec<&String> = meant.collect();
    match meant.is_empty() {
        true => Vec::new(),
        false => vectors::suites(|name| meant.iter().any(|glob| may_name(glob, name))),
    }
}

/// The suites of wanted names that come with the program.
fn own(wanted: impl Fn(&str) -> bool + Sync) -> Result<Vec<Suite>, Failure> {
    // As with reading: what a short run waits for is done side by side.
    std::thread::scope(|scope| {
        let generated = scope.spawn(|| generate::suites(&wanted));
        let mut suites = shipped::suites(&wanted).map_err(Failure::usage)?;
        let generated = generated.join();
        suites.extend(generated.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        suites.sort_by_key(|suite| shipped::runs_last(&suite.name));
        Ok(suites)
    })
}

/// Reads suites: files as they are, anything else as patterns over the cases that come with the
/// program. Answers with the suites and the patterns that choose from them; none choose all.
fn suites(named: &[String], profile: Option<String>) -> Result<(Vec<Suite>, Vec<String>), Failure> {
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
    let patterns = named.iter().filter(|name| !is_file(name)).cloned();
    let mut wanted: Vec<String> = patterns.chain(profile).collect();
    if wanted.is_empty() && suites.is_empty() {
        return Ok((all()?, wanted));
    }
    if !wanted.is_empty() {
        let files: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
        suites.extend(own(|name| {
            let folder = shipped::by_name(name);
            let mut globs = wanted
                .iter()
                .filter(|glob| folder.is_none() || shipped::by_name(glob) == folder);
            globs.any(|glob| may_name(glob, name))
        })?);
        suites.extend(named_vectors(&wanted));
        // A file's cases are all wanted, beside those that patterns choose from the others.
        wanted.extend(files);
    }
    Ok((suites, wanted))
}
