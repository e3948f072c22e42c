//! Positive controls of the attacks, `security/*`: one that never succeeds could have a wrong ciphertext in it and would
//! look like resistance forever. Each succeeds on the token as it is, or with the fault that `suites/attacks.csv` has for
//! it.

use std::collections::{BTreeMap, BTreeSet};

use p11assay_reports::evidence::Verdict;

use crate::runs::run;
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
