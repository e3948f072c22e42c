//! Positive controls of the attacks, `security/*`: one that never succeeds could have a wrong ciphertext in it and would
//! look like resistance forever. Each succeeds on the token as it is, or with the fault that `suites/attacks.csv` has for
//! it. So, too, of the questions of `security/timing`: time tells of the fault that each is about.

use std::collections::{BTreeMap, BTreeSet};

use p11assay_reports::evidence::Verdict;

use crate::runs::{program, run};
use crate::table::text;

/// The attacks that succeed, and the others, of these on the token with a mutant.
fn outcome(mutant: &str, attacks: &[&str]) -> [BTreeSet<String>; 2] {
    let succeeds = [Verdict::PermittedButWeak, Verdict::SecurityViolation];
    let mut outcome: [BTreeSet<String>; 2] = Default::default();
    for (id, verdict) in run(mutant, attacks).cases {
        outcome[usize::from(!succeeds.contains(&verdict))].insert(id);
    }
    outcome
}

/// The attacks that the token resists, by the fault with which it does not.
fn controls() -> BTreeMap<String, Vec<String>> {
    let mut controls = BTreeMap::<String, Vec<String>>::new();
    for line in text("suites/attacks.csv").lines().skip(1) {
        let row = line.split_once(',');
        let (attack, mutant) = row.unwrap_or_else(|| panic!("suites/attacks.csv: {line}"));
        controls
            .entry(mutant.to_owned())
            .or_default()
            .push(attack.to_owned());
    }
    controls
}

/// What is wrong with the controls, if anything.
pub(crate) fn every_attack_can_succeed() -> Result<(), String> {
    let [_, resisted] = outcome("", &["security/*"]);
    let controls = controls();
    let named: BTreeSet<String> = controls.values().flatten().cloned().collect();
    if named != resisted || named.len() != controls.values().flatten().count() {
        let without: Vec<_> = resisted.difference(&named).collect();
        let needless: Vec<_> = named.difference(&resisted).collect();
        return Err(format!(
            "attacks without a control: {without:?}; not once in the table, or with no need for it: {needless:?}"
        ));
    }
    for (mutant, attacks) in &controls {
        let attacks: Vec<&str> = attacks.iter().map(String::as_str).collect();
        let [succeeded, _] = outcome(mutant, &attacks);
        if let Some(failed) = attacks.iter().find(|attack| !succeeded.contains(**attack)) {
            return Err(format!("{failed} does not succeed with {mutant}"));
        }
    }
    Ok(())
}

/// Mutants that only take longer, and the questions that tell: all that the token answers alike. The others, whether a padding
/// is right, return values tell.
pub(crate) const TIMED: [(&str, &[&str]); 3] = [
    (
        "pkcs1-header-takes-time",
        &[
            "security/timing/pkcs-kind",
            "security/timing/pkcs-kind-by-unwrap",
            "security/timing/pkcs-length-by-unwrap",
        ],
    ),
    (
        "oaep-first-byte-takes-time",
        &[
            "security/timing/oaep-first-byte",
            "security/timing/oaep-first-byte-by-unwrap",
        ],
    ),
    (
        "cbc-padding-takes-time",
        &[
            "security/timing/cbc-padding",
            "security/timing/cbc-padding-by-unwrap",
        ],
    ),
];

/// The fewest rounds that the command takes.
const ROUNDS: &str = "4";
/// On a machine that others use, noise may hide what time tells: a question is asked at most so often.
const ASKED: u8 = 4;

/// What time tells of a token with a mutant, or with none, by question.
fn timed(mutant: &str, questions: &[&str], seed: u8) -> BTreeMap<String, Verdict> {
    let (filter, seed) = (questions.join(" | "), seed.to_string());
    let fixed = ["security", "--only", "timing", "--rounds", ROUNDS];
    let chosen = ["--seed", &seed, "--filter", &filter];
    let run = program(mutant, &[&fixed[..], &chosen].concat());
    run.cases.into_iter().collect()
}

/// What is wrong with the questions that should tell a mutant from the token, if anything.
pub(crate) fn time_tells(mutant: &str, questions: &[&str]) -> Result<(), String> {
    let sound = timed("", questions, 1);
    let found = |verdict: &Verdict| *verdict == Verdict::PermittedButWeak;
    if sound.len() != questions.len() || sound.values().any(found) {
        return Err(format!("the token without a mutant: {sound:?}"));
    }
    let mut open = questions.to_vec();
    for seed in 1..=ASKED {
        let told = timed(mutant, &open, seed);
        open.retain(|id| !told.get(*id).is_some_and(found));
        if open.is_empty() {
            return Ok(());
        }
    }
    Err(format!("time does not tell: {open:?}"))
}
