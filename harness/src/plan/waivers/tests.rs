//! What files of waivers may say, and whom they cover.

use super::*;
use p11assay_reports::evidence::{Class, Clause, Level};

fn parse(text: &str) -> Result<Waivers, String> {
    let parsed = Waivers::parse(Path::new("w.yaml"), text);
    parsed
        .map(|(waivers, _)| waivers)
        .map_err(|error| error.to_string())
}

#[test]
fn one_reason_may_stand_for_several_cases() {
    let waivers = parse("- { cases: [s/one/a, s/one/b], reason: known }").expect("reads");
    let cases: Vec<&str> = waivers.list.iter().map(|w| w.case.as_str()).collect();
    assert_eq!(cases, ["s/one/a", "s/one/b"]);
    let twice = parse("- { case: s/one/a, cases: [s/one/a], reason: known }").unwrap_err();
    assert!(twice.contains("is waived twice"), "{twice}");
    let none = parse("- { reason: known }").unwrap_err();
    assert!(none.contains("a waiver needs a `case`"), "{none}");
}

fn suite() -> Suite {
    let text = r#"
suite: s/one
cites: { document: PKCS11-Base, version: "3.2" }
cases:
  - { id: a, title: A, clause: "5.4.3", steps: [ { C_GetInfo: {} } ] }
"#;
    Suite::parse(Path::new("s.yaml"), text).expect("a suite")
}

fn day(text: &str) -> Date {
    date(text).expect("a date")
}

fn versions() -> ModuleVersions {
    ModuleVersions {
        library: Some("1.0".parse().expect("a version")),
        firmware: Some("7.4".parse().expect("a version")),
    }
}

fn record(verdict: Verdict) -> evidence::Case {
    let clause = Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: "5.4.3".to_owned(),
    };
    let case = &suite().cases[0];
    assert_eq!(
        (&case.clause, case.level, case.class),
        (&clause, Level::Must, Class::A)
    );
    crate::run::record::bare(case, verdict, None)
}

fn marked(text: &str, verdict: Verdict) -> (Option<String>, bool) {
    let (waivers, _) = parse(text)
        .expect("waivers")
        .in_force(day("2026-06-01"), &versions());
    let mut record = record(verdict);
    waivers.mark(&mut record);
    (record.waived, record.unexpected_pass)
}

#[test]
fn what_makes_no_honest_waiver_is_refused() {
    for (text, message) in [
        ("- { case: s/one/a }", "reason"),
        (
            "- { case: s/one/a, reason: ' ' }",
            "a waiver needs a reason",
        ),
        ("- { case: a, reason: r, reasons: s }", "reasons"),
        (
            "- { case: a, reason: r, expires: soon }",
            "`soon` is no date",
        ),
        (
            "- { case: a, reason: r, expires: '2026-02-30' }",
            "is no date",
        ),
        (
            "- { case: a, reason: r }\n- { case: a, reason: s }",
            "waived twice",
        ),
        (
            "- { case: a, reason: r, verdict: pass }",
            "only a finding can be waived",
        ),
        ("- { case: a, reason: r, verdict: wrong }", "wrong"),
        (
            "- { case: a, reason: r, module-version: '2' }",
            "a range as `>=2.5, <2.7`",
        ),
        ("case: a", "list"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a_waiver_of_nothing_is_refused() {
    for (text, found) in [
        ("- { case: s/one/a, reason: r }", true),
        ("- { case: s, reason: r }", true),
        ("- { case: 's/*', clause: 5.4.3, reason: r }", true),
        ("- { case: 's/*', clause: 5.4.4, reason: r }", false),
        ("- { case: s/two, reason: r }", false),
        ("- { case: worker/idle, reason: r }", true),
    ] {
        let (waivers, document) = Waivers::parse(Path::new("w.yaml"), text).expect(text);
        let checked = waivers.check(&document, &[suite()], &["worker/idle"], |_| true);
        assert_eq!(checked.is_ok(), found, "{text}");
    }
}

#[test]
fn findings_are_accepted_and_passes_unexpected() {
    let text = "- { case: s/one, reason: known, owner: me, expires: 2026-06-01 }";
    let words = Some("known (owner: me, until 2026-06-01)".to_owned());
    assert_eq!(marked(text, Verdict::Deviation), (words.clone(), false));
    assert_eq!(marked(text, Verdict::Pass), (words, true));
    for unjudged in [
        Verdict::NotApplicable,
        Verdict::Environment,
        Verdict::HarnessFault,
    ] {
        assert_eq!(marked(text, unjudged), (None, false));
    }
}

#[test]
fn a_pass_of_what_fails_sometimes_is_as_expected_as_its_failure() {
    let text = "- { case: s/one, reason: a race, sometimes: true }";
    let words = Some("a race".to_owned());
    assert_eq!(marked(text, Verdict::Deviation), (words, false));
    assert_eq!(marked(text, Verdict::Pass), (None, false));
}

#[test]
fn a_waiver_of_one_verdict_accepts_no_other() {
    let text = "- { case: s/one, reason: known, verdict: deviation }";
    let known = Some("known".to_owned());
    assert_eq!(marked(text, Verdict::Deviation), (known.clone(), false));
    assert_eq!(marked(text, Verdict::Pass), (known, true));
    for graver in [Verdict::SecurityViolation, Verdict::Hang, Verdict::Crash] {
        assert_eq!(marked(text, graver), (None, false));
    }
    let both = "- { case: s/one, reason: a, verdict: deviation }\n\
                    - { case: s/one, reason: b, verdict: crash }";
    assert_eq!(marked(both, Verdict::Crash).0.as_deref(), Some("b"));
}

#[test]
fn that_a_case_is_not_judged_is_accepted_by_its_name_alone() {
    let text = "- { case: s/one, reason: its TPM, verdict: environment }";
    let words = Some("its TPM".to_owned());
    assert_eq!(marked(text, Verdict::Environment), (words.clone(), false));
    assert_eq!(marked(text, Verdict::Deviation), (None, false));
    assert_eq!(marked(text, Verdict::Pass), (words, true));
}

#[test]
fn what_expired_or_is_about_another_version_does_not_hold() {
    for (more, expired, remark) in [
        (
            "expires: 2026-05-31",
            true,
            "the waiver of `s` expired on 2026-05-31",
        ),
        (
            "module-version: '2.0'",
            false,
            "is for version 2.0 of the module; this is 1.0",
        ),
        (
            "firmware-version: '<7.4', expires: 2026-05-31",
            false,
            "is for firmware version <7.4 of the module; this is 7.4",
        ),
    ] {
        let text = format!("- {{ case: s, reason: known, {more} }}");
        assert_eq!(marked(&text, Verdict::Deviation), (None, false));
        let waivers = parse(&text).expect("waivers");
        let (_, idle) = waivers.in_force(day("2026-06-01"), &versions());
        assert!(idle[0].remark.contains(remark), "{idle:?}");
        assert_eq!(idle[0].expired, expired);
    }
    for more in ["module-version: '1.0'", "firmware-version: '>=7.0, <8.0'"] {
        let text = format!("- {{ case: s, reason: known, {more} }}");
        let known = Some("known".to_owned());
        assert_eq!(marked(&text, Verdict::Crash), (known, false));
    }
}

#[test]
fn an_idle_waiver_tells_whether_it_is_about_a_case_of_the_plan() {
    let plan = Plan::select(&[suite()], &[], None).expect("a plan");
    let idle = |case: &str| {
        let text = format!("- {{ case: {case}, reason: r, expires: 2020-01-01 }}");
        let (_, mut idle) = parse(&text)
            .expect("waivers")
            .in_force(day("2026-06-01"), &versions());
        idle.remove(0)
    };
    assert!(idle("s/one/a").is_about(&plan, &[]));
    assert!(!idle("s/two").is_about(&plan, &["worker/idle"]));
    assert!(idle("worker").is_about(&plan, &["worker/idle"]));
}
