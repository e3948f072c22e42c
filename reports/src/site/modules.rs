//! Runs by the module that they tested: several runs of one module (cases, fuzzing, attacks) are one column of
//! every table, two versions of it are two.

use std::collections::HashMap;

use super::SiteRun;
use super::kind::{Kind, Kinds};
use crate::evidence::{Case, Target};

/// A module and all that is known of it.
#[derive(Debug)]
pub(super) struct Module<'e> {
    /// What it is called: by its name alone, unless another has the same.
    pub(super) label: String,
    pub(super) target: Option<&'e Target>,
    pub(super) runs: Vec<&'e SiteRun<'e>>,
    /// Its cases, each id once, the record of the last run that has it.
    pub(super) cases: Vec<(&'e SiteRun<'e>, &'e Case)>,
    /// How they ended.
    pub(super) kinds: Kinds,
}

/// The modules in the order in which their runs were given.
pub(super) fn modules<'e>(runs: &'e [SiteRun<'e>]) -> Vec<Module<'e>> {
    let mut found: Vec<Module<'e>> = Vec::new();
    for run in runs {
        let target = run.evidence.target.as_ref();
        match found.iter_mut().find(|module| same(module.target, target)) {
            Some(module) => module.runs.push(run),
            None => found.push(Module {
                label: String::new(),
                target,
                runs: vec![run],
                cases: Vec::new(),
                kinds: Kinds::default(),
            }),
        }
    }
    let labels = labels(&found.iter().map(|module| module.target).collect::<Vec<_>>());
    for (module, label) in found.iter_mut().zip(labels) {
        module.label = label;
        module.cases = cases(&module.runs);
        module
            .cases
            .iter()
            .for_each(|(_, case)| module.kinds.add(Kind::of(case)));
    }
    found
}

fn same(one: Option<&Target>, two: Option<&Target>) -> bool {
    let identity = |target: &Target| {
        (
            target.name.clone(),
            target.sha256.clone(),
            version(target).to_owned(),
            target.cryptoki_version.clone(),
        )
    };
    one.map(identity) == two.map(identity)
}

/// The version that the library tells of itself.
pub(super) fn version(target: &Target) -> &str {
    target.info.get("libraryVersion").map_or("", String::as_str)
}

/// Names that are told apart: by version where names are the same, by hash or number where these are, too.
pub(crate) fn labels(targets: &[Option<&Target>]) -> Vec<String> {
    let name = |target: Option<&Target>| target.map_or("unknown", |t| &t.name).to_owned();
    let with_version = |target: Option<&Target>| {
        let version = target.map_or("", version);
        format!("{} {version}", name(target)).trim_end().to_owned()
    };
    let with_hash = |target: Option<&Target>| {
        let hash = target.and_then(|t| t.sha256.as_deref()).unwrap_or_default();
        let hash = hash.get(..8).unwrap_or(hash);
        format!("{} {hash}", with_version(target))
            .trim_end()
            .to_owned()
    };
    let mut labels: Vec<String> = targets.iter().map(|target| name(*target)).collect();
    for finer in [
        &with_version as &dyn Fn(Option<&Target>) -> String,
        &with_hash,
    ] {
        let before = labels.clone();
        for (place, label) in before.iter().enumerate() {
            if before.iter().filter(|other| *other == label).count() > 1 {
                labels[place] = finer(targets[place]);
            }
        }
    }
    let before = labels.clone();
    for (place, label) in before.iter().enumerate() {
        let earlier = before[..place]
            .iter()
            .filter(|other| *other == label)
            .count();
        if earlier > 0 {
            labels[place] = format!("{label} ({})", earlier + 1);
        }
    }
    labels
}

fn cases<'e>(runs: &[&'e SiteRun<'e>]) -> Vec<(&'e SiteRun<'e>, &'e Case)> {
    let all = runs
        .iter()
        .flat_map(|run| run.evidence.cases.iter().map(|case| (*run, case)));
    if runs.len() == 1 {
        return all.collect();
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut cases: Vec<(&SiteRun<'_>, &Case)> = Vec::new();
    for (run, case) in all {
        match places.get(case.id.as_str()) {
            Some(place) => cases[*place] = (run, case),
            None => {
                places.insert(&case.id, cases.len());
                cases.push((run, case));
            }
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, version: &str, hash: &str) -> Target {
        let mut target = Target {
            name: name.to_owned(),
            sha256: Some(hash.to_owned()),
            ..Target::default()
        };
        target
            .info
            .insert("libraryVersion".to_owned(), version.to_owned());
        target
    }

    #[test]
    fn names_are_as_long_as_they_must_be_to_differ() {
        let all = [
            target("a", "1", "11111111ff"),
            target("b", "1", "2"),
            target("b", "2", "3"),
            target("c", "1", "44444444ff"),
            target("c", "1", "55555555ff"),
            target("c", "1", "55555555ff"),
        ];
        let labels = labels(&all.iter().map(Some).collect::<Vec<_>>());
        assert_eq!(
            labels,
            [
                "a",
                "b 1",
                "b 2",
                "c 1 44444444",
                "c 1 55555555",
                "c 1 55555555 (2)"
            ]
        );
    }
}
