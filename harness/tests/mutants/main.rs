//! Every seeded fault of the reference token that the suites should catch is caught, by the case that
//! `suites/mutants.csv` names, and the token without one passes all those cases. Needs the feature
//! `mutants`, under which the built-in token of the program has the faults:
//!
//! ```text
//! cargo test -p p11assay --features mutants --test mutants
//! UPDATE_MUTANTS=1 cargo test --release -p p11assay --features mutants --test mutants
//! ```
//!
//! The second command writes the table anew, from a run of all suites with each fault. `TIME_MUTANTS=1` writes the table of
//! how long searches and properties take to find those that take several calls, `docs/findings.md`.

mod attacks;
mod gate;
mod runs;
mod table;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Arguments, Failed, Trial};
use p11assay_reports::evidence::Verdict;

use runs::run;
use table::{Outcome, Row, manifest};

fn main() -> std::process::ExitCode {
    if std::env::var_os("UPDATE_MUTANTS").is_some() {
        table::write(&runs::survey(&table::read()));
        return std::process::ExitCode::SUCCESS;
    }
    if std::env::var_os("TIME_MUTANTS").is_some() {
        times::write();
        return std::process::ExitCode::SUCCESS;
    }
    let rows = table::read();
    let mut trials = vec![
        Trial::test("the_table_has_every_mutant_once", {
            let rows = rows.clone();
            move || every_mutant_once(&rows)
        }),
        Trial::test("the_token_without_a_mutant_passes", {
            let rows = rows.clone();
            move || sound(&rows)
        }),
    ];
    trials.push(Trial::test(
        "a_search_finds_nothing_in_the_token_without_a_mutant",
        || searched("", Some(0)),
    ));
    trials.push(Trial::test(
        "the_gate_tells_a_token_from_a_slower_one",
        || gate::tells_a_slower_token().map_err(Failed::from),
    ));
    trials.extend(SEARCHED.iter().map(|mutant| {
        Trial::test(format!("a_search_finds_{mutant}"), || {
            searched(mutant, Some(1))
        })
    }));
    trials.extend(LANES.iter().map(|lanes| {
        let name = lanes.concat();
        Trial::test(format!("lanes_find_nothing_without_a_mutant{name}"), || {
            searched_in_lanes("", lanes, 0)
        })
    }));
    trials.extend(IN_LANES.iter().map(|(mutant, lanes)| {
        Trial::test(format!("lanes_find_{mutant}"), || {
            searched_in_lanes(mutant, lanes, 1)
        })
    }));
    trials.push(Trial::test("a_leak_is_the_modules_finding", leak));
    trials.push(Trial::test(
        "the_token_without_a_mutant_has_every_property",
        || asked("", &[], Some(0)),
    ));
    trials.extend(BROKEN.iter().map(|(mutant, property)| {
        Trial::test(format!("{property}_is_broken_by_{mutant}"), || {
            asked(mutant, &[property], Some(1))
        })
    }));
    trials.push(Trial::test("every_property_is_broken_by_a_mutant", || {
        every_property_is_broken()
    }));
    trials.push(Trial::test(
        "every_mutant_that_only_sequences_show_is_timed",
        {
            let rows = rows.clone();
            move || what_sequences_show_is_timed(&rows)
        },
    ));
    trials.push(Trial::test("every_attack_can_succeed", || {
        attacks::every_attack_can_succeed().map_err(Failed::from)
    }));
    trials.extend(attacks::TIMED.iter().map(|(mutant, questions)| {
        Trial::test(format!("time_tells_{mutant}"), || {
            attacks::time_tells(mutant, questions).map_err(Failed::from)
        })
    }));
    trials.extend(rows.into_iter().map(|row| {
        let name = row.mutant.clone();
        Trial::test(name, move || caught(&row))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn every_mutant_once(rows: &[Row]) -> Result<(), Failed> {
    let mut times = BTreeMap::<&str, i32>::new();
    for row in rows {
        *times.entry(&row.mutant).or_default() += 1;
    }
    let known = manifest();
    let known: BTreeMap<&str, i32> = known.iter().map(|name| (name.as_str(), 1)).collect();
    let different = |(name, count): &(&&str, &i32)| known.get(**name) != Some(*count);
    let odd: Vec<_> = times.iter().filter(different).collect();
    let missing: Vec<_> = known
        .keys()
        .filter(|name| !times.contains_key(**name))
        .collect();
    match odd.is_empty() && missing.is_empty() {
        true => Ok(()),
        false => Err(format!("not once in the table: {odd:?}, not at all: {missing:?}").into()),
    }
}

/// A property that no mutant breaks might not be able to fail.
fn every_property_is_broken() -> Result<(), Failed> {
    let broken = |name: &str| BROKEN.iter().any(|(_, property)| *property == name);
    let all = p11assay::property::all().iter();
    let unbroken: Vec<_> = all
        .map(|one| one.name)
        .filter(|name| !broken(name))
        .collect();
    match unbroken.is_empty() {
        true => Ok(()),
        false => Err(format!("no mutant breaks {unbroken:?}").into()),
    }
}

/// How long the mutants take that no single case shows is measured, and of nothing that is no mutant.
fn what_sequences_show_is_timed(rows: &[Row]) -> Result<(), Failed> {
    let timed = times::mutants();
    let shown = rows.iter().filter(|row| row.outcome == Outcome::Sequences);
    let untimed: Vec<_> = shown
        .map(|row| row.mutant.as_str())
        .filter(|mutant| !timed.contains(mutant))
        .collect();
    let known = manifest();
    let unknown: Vec<_> = timed
        .iter()
        .filter(|mutant| known.iter().all(|known| known != *mutant))
        .collect();
    match untimed.is_empty() && unknown.is_empty() {
        true => Ok(()),
        false => Err(format!("not timed: {untimed:?}, no mutants: {unknown:?}").into()),
    }
}

/// The cases that catch mutants pass on the token without one, or do not apply to it.
fn sound(rows: &[Row]) -> Result<(), Failed> {
    let cases: BTreeSet<&str> = rows.iter().filter_map(Row::case).collect();
    let run = run("", &cases.into_iter().collect::<Vec<_>>());
    let fails = |verdict| ![Verdict::Pass, Verdict::NotApplicable].contains(&verdict);
    let failing: Vec<_> = run.cases.iter().filter(|case| fails(case.1)).collect();
    match failing.is_empty() && run.code == Some(0) {
        true => Ok(()),
        false => Err(format!("exit code {:?}: {failing:?}", run.code).into()),
    }
}

/// Mutants that `p11assay fuzz` finds from an empty corpus: by the reference token beside them, and one, which only a lie
/// shows, by its crash.
const SEARCHED: [&str; 16] = [
    "absurd-count-aborts",
    "close-session-does-nothing",
    "digest-loses-a-byte-at-block-border",
    "find-final-without-init",
    "handles-of-other-objects",
    "init-pin-by-user",
    "init-while-active",
    "message-final-without-init",
    "pin-compared-by-prefix",
    "refused-initialize-finalizes",
    "session-info-forgets-rw",
    "set-pin-changes-nothing",
    "size-query-ends-operation",
    "state-ignores-login",
    "verify-accepts-anything",
    "wrong-pin-logs-in",
];

/// Sequences with lanes: each with its own sessions, and with those of the others.
const LANES: [&[&str]; 2] = [&["--threads", "3"], &["--threads", "2", "--share-sessions"]];

/// Mutants that sequences with lanes find, whatever the order in which their calls come.
const IN_LANES: [(&str, &[&str]); 3] = [
    ("race-on-open-session", LANES[0]),
    ("race-on-digest", LANES[0]),
    ("logout-deadlocks-in-use", LANES[0]),
];

/// One that they find if chance has two calls meet: too seldom on a busy machine for a test.
const BY_CHANCE: (&str, &[&str]) = ("close-under-use-crashes", LANES[1]);

/// Mutants, and the properties that `p11assay property` finds them by.
#[rustfmt::skip]
const BROKEN: [(&str, &str); 51] = [
    ("digest-loses-a-byte-at-block-border", "digest-parts"),
    ("one-byte-too-many", "digest-parts"),
    ("digested-key-cut", "digest-key"),
    ("cbc-vector-kept-between-parts", "encrypt-decrypt"),
    ("ctr-counter-kept-between-parts", "encrypt-decrypt"),
    ("verify-ignores-later-parts", "sign-verify"),
    ("verify-accepts-anything", "altered-not-verified"),
    ("verify-accepts-truncated-mac", "altered-not-verified"),
    ("message-verify-accepts-anything", "altered-not-verified"),
    ("message-part-uses-up-block", "message-encryption"),
    ("message-ends-process", "message-encryption"),
    ("message-signs-last-part", "message-signature"),
    ("unwrapped-key-filled-up", "wrap-unwrap"),
    ("derived-key-lacks-data", "derive"),
    ("agreed-key-cut-at-the-end", "agree"),
    ("ctr-counts-in-32-bits", "cross-use"),
    ("gcm-long-vector-cut", "cross-use"),
    ("kwp-filled-with-ones", "cross-use"),
    ("ecdsa-digest-cut-in-front", "cross-use"),
    ("ecdsa-digest-not-cut", "cross-use"),
    ("too-small-ends-encryption", "output-length"),
    ("digest-ends-when-too-small", "output-length"),
    ("sign-ends-when-too-small", "output-length"),
    ("size-query-one-short", "output-length"),
    ("size-query-ends-operation", "output-length"),
    ("length-not-told-when-too-small", "output-length"),
    ("short-buffer-overrun", "output-length"),
    ("one-short-suffices", "output-length"),
    ("attribute-buffer-overrun", "output-length"),
    ("wrong-attribute-hides-the-rest", "output-length"),
    ("length-stays-the-room", "output-length"),
    ("imported-key-cut", "import-as-generated"),
    ("set-changes-first-alone", "attributes-set"),
    ("copy-ignores-template", "attributes-copied"),
    ("set-applies-part-before-failing", "failure-changes-nothing"),
    ("destroyed-object-lingers", "handles-apart"),
    ("decapsulated-key-differs", "encapsulate-decapsulate"),
    ("random-is-constant", "random"),
    ("generated-value-predictable", "random"),
    ("find-matches-by-prefix", "search"),
    ("find-forgets-the-rest", "search"),
    ("find-count-is-the-room", "search"),
    ("session-objects-outlive-session", "sessions-apart"),
    ("close-session-does-nothing", "states"),
    ("last-close-keeps-login", "states"),
    ("state-ignores-login", "states"),
    ("session-info-forgets-rw", "states"),
    ("second-login-succeeds", "states"),
    ("ro-session-creates-token-object", "states"),
    ("token-objects-die-with-session", "states"),
    ("destroyed-object-lingers", "states"),
];

/// The exit code of questions to the token with a mutant, or with none.
fn asked(mutant: &str, properties: &[&str], wanted: Option<i32>) -> Result<(), Failed> {
    let cases = if mutant.is_empty() { "64" } else { "512" };
    let run = runs::property(mutant, properties, cases);
    match run.code == wanted {
        true => Ok(()),
        false => Err(format!("exit code {:?}: {:?}", run.code, run.cases).into()),
    }
}

/// The exit code of a search in the token with a mutant, or with none. So many sequences are enough
/// for each of them with this seed.
fn searched(mutant: &str, wanted: Option<i32>) -> Result<(), Failed> {
    let sequences = if mutant.is_empty() { "300" } else { "3000" };
    let run = runs::search(mutant, sequences);
    // Whatever call notices it, what is left of the sequence is what lost the library.
    let named = mutant != "refused-initialize-finalizes"
        || run
            .cases
            .iter()
            .any(|(id, _)| id == "fuzz/library/not-initialized");
    match run.code == wanted && named {
        true => Ok(()),
        false => Err(format!("exit code {:?}: {:?}", run.code, run.cases).into()),
    }
}

/// Memory that is taken little by little: the shortest sequence that takes too much still does, in the search and in the
/// run that follows it.
fn leak() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let target = folder.path().join("target.yaml");
    std::fs::write(
        &target,
        "target: builtin\nmodule: builtin\ndisposable: true\nlimits: { memory: 384MiB }\n\
         token: { label: p11assay reference, pin: '1234', so-pin: '12345678' }\n",
    )?;
    let target = target.to_string_lossy().into_owned();
    let run = runs::search_on(&target, "leak-per-session", "3000");
    let leaks = |(id, verdict): &&(String, Verdict)| {
        id.ends_with("/memory-limit") && *verdict == Verdict::Crash
    };
    match run.code == Some(1) && run.cases.iter().any(|case| leaks(&case)) {
        true => Ok(()),
        false => Err(format!("exit code {:?}: {:?}", run.code, run.cases).into()),
    }
}

/// The exit code of a search by sequences with lanes.
fn searched_in_lanes(mutant: &str, lanes: &[&str], wanted: i32) -> Result<(), Failed> {
    let sequences = if mutant.is_empty() { "400" } else { "4000" };
    let run = runs::search_in_lanes(mutant, lanes, sequences);
    match run.code == Some(wanted) {
        true => Ok(()),
        false => Err(format!("exit code {:?}: {:?}", run.code, run.cases).into()),
    }
}

fn caught(row: &Row) -> Result<(), Failed> {
    let got = match &row.outcome {
        Outcome::Case(_) => {
            let run = run(&row.mutant, &row.case().into_iter().collect::<Vec<_>>());
            let found = run
                .cases
                .iter()
                .find(|(id, _)| Some(id.as_str()) == row.case());
            found.map(|(_, verdict)| Outcome::Case(*verdict))
        }
        Outcome::Refused => {
            let refused = run(&row.mutant, &["operations/library/no-function-status"]).code;
            (refused == Some(3)).then_some(Outcome::Refused)
        }
        Outcome::Sequences | Outcome::Nothing => (!row.by.is_empty()).then_some(row.outcome),
    };
    match got == Some(row.outcome) {
        true => Ok(()),
        false => Err(format!("{row:?}: got {got:?}").into()),
    }
}
