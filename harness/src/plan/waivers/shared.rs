//! A check that two or more modules fail is suspected before they are: docs/adjudication.md says of
//! each why it stands, or what was mended.

use std::collections::{BTreeMap, BTreeSet};

use super::Waivers;
use crate::generate;
use crate::plan::filter::names;
use crate::plan::{may_name, shipped};

const ADJUDICATION: &str = include_str!("../../../../docs/adjudication.md");
const STANDING: &str = "## Checks that stand";
const MENDED: &str = "## Checks that were mended";

/// The patterns in the first column of the tables below a heading.
fn patterns(heading: &str) -> Vec<&'static str> {
    let (_, below) = ADJUDICATION.split_once(heading).expect("the heading");
    let section = below.split("\n## ").next().unwrap_or(below);
    let firsts = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    firsts
        .flat_map(|first| first.split('`').step_by(2))
        .filter(|pattern| pattern.contains('/'))
        .collect()
}

/// Ids of all cases that one of the patterns may name, those of vectors too.
fn ids<'p>(patterns: impl Iterator<Item = &'p str> + Clone) -> BTreeSet<String> {
    let wanted = |name: &str| patterns.clone().any(|pattern| may_name(pattern, name));
    let written = shipped::suites(wanted).expect("reads");
    let all = written
        .into_iter()
        .chain(generate::suites(wanted))
        .chain(generate::vectors::suites(wanted));
    all.flat_map(|suite| suite.cases)
        .map(|case| case.id)
        .collect()
}

/// Those that a pattern names, found among the ones that begin as it does.
fn named<'i>(ids: &'i BTreeSet<String>, pattern: &str) -> Vec<&'i String> {
    let literal = pattern.split(['*', '?']).next().unwrap_or_default();
    let from = ids.range(literal.to_owned()..);
    from.take_while(|id| id.starts_with(literal))
        .filter(|id| names(pattern, id))
        .collect()
}

#[test]
fn each_case_that_two_modules_fail_is_adjudicated() {
    let waived: Vec<(&str, Waivers)> = shipped::WAIVERS
        .iter()
        .map(|(path, _)| (*path, shipped::waivers(path).expect("reads").0))
        .collect();
    let all = waived.iter().flat_map(|(_, waivers)| &waivers.list);
    let ids = ids(all.map(|waiver| waiver.case.as_str()));
    let mut failing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, waivers) in &waived {
        for waiver in &waivers.list {
            for id in named(&ids, &waiver.case) {
                failing.entry(id).or_default().insert(path);
            }
        }
    }
    let shared: Vec<_> = failing.iter().filter(|(_, by)| by.len() > 1).collect();
    assert!(
        shared.len() > 300,
        "only {}: are the waivers read?",
        shared.len()
    );
    let known = [patterns(STANDING), patterns(MENDED)].concat();
    let open: Vec<_> = shared
        .iter()
        .filter(|(id, _)| !known.iter().any(|pattern| names(pattern, id)))
        .collect();
    assert!(
        open.is_empty(),
        "read the clause again and write in docs/adjudication.md why the check stands, or mend it: {open:#?}"
    );
}

#[test]
fn whatever_is_said_to_stand_is_there() {
    let standing = patterns(STANDING);
    let ids = ids(standing.iter().copied());
    let gone: Vec<_> = standing
        .into_iter()
        .filter(|pattern| named(&ids, pattern).is_empty())
        .collect();
    assert_eq!(gone, [""; 0]);
}
