//! What counts as covered, and that the tables of excuses are about what there is.

use super::*;
use crate::plan::Suite;
use p11assay_reports::coverage::State;
use std::path::Path;

const SUITE: &str = r#"
suite: s
cites: { document: PKCS11-Base, version: "3.2" }
cases:
  - id: c
    title: t
    clause: "5.7.3 item 1"
    state: session
    setup:
      - C_GenerateKey: { session: $session, mechanism: CKM_AES_KEY_GEN, template: { CKA_TOKEN: false } }
    steps:
      - C_DigestInit: { session: $session, mechanism: CKM_SHA256 }
        tolerates: CKR_FUNCTION_FAILED
      - C_DigestInit: { session: $session, mechanism: CKM_SHA256 }
        returns: CKR_OPERATION_ACTIVE
  - id: several
    title: t
    clause: "5.12.2"
    state: session
    steps:
      - C_Digest: { session: $session, data: null }
        returns: [CKR_OPERATION_NOT_INITIALIZED, CKR_DEVICE_ERROR]
      - C_DigestUpdate: { session: $session, part: null }
        returns: { except: CKR_OK }
"#;

fn find<'c>(rows: &'c [Row], group: &str, item: &str) -> &'c Row {
    let found = rows
        .iter()
        .find(|row| row.group == group && row.item == item);
    found.unwrap_or_else(|| panic!("no row {group} {item}"))
}

#[test]
fn a_case_covers_what_it_judges() {
    let suite = Suite::parse(Path::new("s.yaml"), SUITE).expect("a suite");
    let cases: Vec<&Case> = suite.cases.iter().collect();
    let coverage = of(&cases, None);
    let cases_of = |rows, group, item| find(rows, group, item).cases;
    assert_eq!(cases_of(&coverage.functions, "5.12", "C_DigestInit"), 1);
    assert_eq!(cases_of(&coverage.functions, "5.18", "C_GenerateKey"), 0);
    assert_eq!(cases_of(&coverage.returns, "C_DigestInit", "CKR_OK"), 1);
    assert_eq!(
        cases_of(&coverage.returns, "C_DigestInit", "CKR_OPERATION_ACTIVE"),
        1
    );
    assert_eq!(
        cases_of(&coverage.returns, "C_DigestInit", "CKR_FUNCTION_FAILED"),
        0
    );
    assert_eq!(
        cases_of(&coverage.mechanisms, "CKM_SHA256", "C_DigestInit"),
        1
    );
    assert_eq!(
        cases_of(&coverage.mechanisms, "CKM_AES_KEY_GEN", "C_GenerateKey"),
        0
    );
    assert_eq!(cases_of(&coverage.attributes, "", "CKA_TOKEN"), 1);
    assert_eq!(cases_of(&coverage.clauses, "5.7.3", "1"), 1);
    assert_eq!(cases_of(&coverage.clauses, "5.12.2", "1"), 0);
    assert_eq!(cases_of(&coverage.clauses, "5.7.6", "1"), 0);
    assert!(coverage.returns.iter().all(|row| row.reached.is_none()));
}

#[test]
fn of_several_values_those_count_that_are_known_to_come() {
    let suite = Suite::parse(Path::new("s.yaml"), SUITE).expect("a suite");
    let cases: Vec<&Case> = suite.cases.iter().collect();
    let coverage = of(&cases, None);
    let cases_of = |function, value| find(&coverage.returns, function, value).cases;
    assert_eq!(cases_of("C_Digest", "CKR_OPERATION_NOT_INITIALIZED"), 1);
    assert_eq!(cases_of("C_Digest", "CKR_DEVICE_ERROR"), 0);
    assert_eq!(cases_of("C_DigestUpdate", "CKR_ARGUMENTS_BAD"), 1);
    assert_eq!(cases_of("C_DigestUpdate", "CKR_DEVICE_ERROR"), 0);
    assert_eq!(cases_of("C_DigestUpdate", "CKR_OK"), 0);
}

#[test]
fn every_excuse_is_for_something_that_could_be_covered() {
    let coverage = of(&[], None);
    for (what, function) in Excuses::read().subjects() {
        let returns = coverage.returns.iter().map(|row| (&row.item, &row.group));
        let mechanisms = coverage
            .mechanisms
            .iter()
            .map(|row| (&row.group, &row.item));
        let attributes = coverage.attributes.iter();
        let attributes = attributes.map(|row| (&row.item, &row.group));
        let about = |(w, f): (&String, &String)| w == what && (f == function || function == "*");
        let mut all = returns.chain(mechanisms).chain(attributes);
        assert!(all.any(about), "{what},{function}");
    }
}

#[test]
fn without_cases_everything_is_open_or_excused() {
    let coverage = of(&[], None);
    for (title, rows) in coverage.tables() {
        assert!(!rows.is_empty(), "{title}");
        let states = rows.iter().map(Row::state);
        assert!(
            states
                .into_iter()
                .all(|s| s == State::Open || s == State::Excused),
            "{title}"
        );
    }
}

/// The shipped cases, generated ones among them.
fn shipped() -> Vec<Suite> {
    let mut suites = crate::plan::shipped::suites(|_| true).expect("the shipped suites");
    suites.extend(crate::generate::suites(|_| true));
    suites
}

#[test]
fn nothing_is_open_and_what_is_covered_has_no_excuse() {
    let suites = shipped();
    let cases: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).collect();
    let coverage = of(&cases, None);
    for (title, rows) in coverage.tables() {
        let open = rows.iter().filter(|row| row.state() == State::Open);
        let open: Vec<_> = open.map(|row| (&row.group, &row.item)).collect();
        assert!(open.is_empty(), "{title}: {open:?}");
    }
    let own: Vec<_> = Excuses::read()
        .subjects()
        .filter(|(_, function)| *function != "*")
        .collect();
    let rows = coverage.returns.iter().chain(&coverage.mechanisms);
    let covered = rows.filter(|row| row.cases > 0);
    let needless: Vec<_> = covered
        .map(|row| (row.item.as_str(), row.group.as_str()))
        .filter(|(one, other)| own.contains(&(*one, *other)) || own.contains(&(*other, *one)))
        .collect();
    assert!(needless.is_empty(), "{needless:?}");
}

#[test]
fn every_pattern_of_the_sentences_names_a_case() {
    let suites = shipped();
    let ids = || {
        suites
            .iter()
            .flat_map(|suite| &suite.cases)
            .map(|case| case.id.as_str())
    };
    for ((section, number), patterns) in clauses::asked() {
        for pattern in patterns {
            let found = ids().any(|id| crate::plan::names(pattern, id));
            assert!(found, "{section},{number}: {pattern}");
        }
    }
}
