//! How long searches and properties take to find the mutants that take several calls to show: the table in
//! `docs/findings.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use p11assay_reports::evidence::Verdict;

use crate::runs::program;
use crate::{BROKEN, BY_CHANCE, IN_LANES, SEARCHED};

/// What the table stands between.
const BEGIN: &str = "<!-- times of seeded faults -->\n";
const END: &str = "<!-- end of times -->";
/// What every run has: the time that a fault may take, and what makes it the same run each time.
const FIXED: [&str; 5] = ["--time", "5m", "--seed", "1", "--fail-fast"];
/// Ways of `fuzz`: over all classes with both cores.
const FUZZ: [&str; 5] = ["fuzz", "--classes", "A,B,C", "--jobs", "2"];
/// Mutants that suites find, as searches do, and that no other list here has.
const MORE: [&str; 8] = [
    "leak-per-session",
    "digest-final-twice",
    "find-final-keeps-search",
    "find-of-nothing-hangs",
    "init-token-keeps-user-pin",
    "init-token-with-any-pin",
    "init-token-with-session-open",
    "set-pin-in-ro-session",
];

/// The mutants of the table.
pub(crate) fn mutants() -> BTreeSet<&'static str> {
    let searched = SEARCHED.iter().chain(&MORE).copied();
    let in_lanes = IN_LANES.iter().chain([&BY_CHANCE]);
    let in_lanes = in_lanes.map(|(mutant, _)| *mutant);
    let asked = BROKEN.iter().map(|(mutant, _)| *mutant);
    searched.chain(in_lanes).chain(asked).collect()
}

/// Measures all of them, and writes the table.
pub(crate) fn write() {
    let searched = SEARCHED.iter().chain(&MORE);
    let mut ways: Vec<(&str, Vec<&str>)> =
        searched.map(|mutant| (*mutant, FUZZ.to_vec())).collect();
    ways.extend(IN_LANES.iter().chain([&BY_CHANCE]).map(|(mutant, lanes)| {
        let fixed = ["fuzz", "--timeout", "2s"];
        (*mutant, [&fixed[..], lanes].concat())
    }));
    let mut asked: Vec<&str> = BROKEN.iter().map(|(mutant, _)| *mutant).collect();
    asked.sort_unstable();
    asked.dedup();
    let property = ["property", "--cases", "100000"];
    ways.extend(asked.into_iter().map(|mutant| (mutant, property.to_vec())));
    let mut rows: Vec<String> = ways.iter().map(|(mutant, way)| row(mutant, way)).collect();
    rows.sort();
    rows.dedup();
    let table = format!(
        "| fault | command | seconds | found as |\n|---|---|---:|---|\n{}",
        rows.concat()
    );
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/findings.md");
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let (before, rest) = text.split_once(BEGIN).expect("the page has a place for it");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    let text = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    std::fs::write(path, text).expect("the page is written");
}

fn row(mutant: &str, way: &[&str]) -> String {
    let begun = Instant::now();
    let run = program(mutant, &[way, &FIXED].concat());
    let took = begun.elapsed().as_secs_f64();
    let fine = [Verdict::Pass, Verdict::NotApplicable];
    let found = run
        .cases
        .iter()
        .find(|(_, verdict)| !fine.contains(verdict));
    let command = way
        .iter()
        .filter(|word| !["--cases", "100000", "--timeout", "2s"].contains(word));
    let command = command.copied().collect::<Vec<_>>().join(" ");
    let (took, found) = match found {
        Some((id, _)) => (format!("{took:.1}"), format!("`{id}`")),
        None => (String::from("-"), String::from("not found")),
    };
    let row = format!("| {mutant} | `{command}` | {took} | {found} |\n");
    print!("{row}");
    row
}
