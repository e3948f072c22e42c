//! JUnit documents: what a verdict becomes, whatever strings a module writes, however large the
//! run is.

mod common;

use common::xml::{self, Element};
use common::{case, deviation, every_kind, run};
use p11assay_reports::evidence::{Case, Finding, Note, Verdict};
use p11assay_reports::gate::{Allowance, Gate, Scope};
use p11assay_reports::junit::{DEFAULT_LIMIT, documents, write};
use p11assay_reports::stream::Evidence;
use p11assay_reports::text::{many_lines, one_line};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const LATE: &[&str] = &["functions/C_SignInit/late", "other/late"];

/// The only document of a small run, checked.
fn document(evidence: &Evidence) -> Element {
    let documents = documents(evidence, DEFAULT_LIMIT).unwrap();
    assert_eq!(documents.len(), 1);
    let root = xml::parse(&documents[0]);
    xml::check(&root);
    root
}

/// Cases by id.
fn cases(root: &Element) -> BTreeMap<String, &Element> {
    let suites = root.children.iter();
    let cases = suites.flat_map(|suite| suite.all("testcase"));
    cases
        .map(|case| (case.attribute("name").to_owned(), case))
        .collect()
}

#[test]
fn the_whole_document_is_as_shown() {
    let documents = documents(&run(every_kind(), LATE), DEFAULT_LIMIT).unwrap();
    let text = String::from_utf8(documents[0].clone()).unwrap();
    insta::assert_snapshot!(text.replace("><", ">\n<"));
}

#[test]
fn each_verdict_becomes_what_the_readme_says() {
    let root = document(&run(every_kind(), LATE));
    let cases = cases(&root);
    let table = [
        ("functions/C_SignInit/plain", None),
        (
            "functions/C_SignInit/second-init-while-active",
            Some(("failure", "deviation")),
        ),
        (
            "functions/C_SignInit/ecdsa",
            Some(("skipped", "not-applicable")),
        ),
        ("security/keys/short-rsa", None),
        (
            "functions/C_Login/pin-locked",
            Some(("error", "environment")),
        ),
        (
            "security/keys/sensitive-value",
            Some(("failure", "security-violation")),
        ),
        (
            "functions/C_WaitForSlotEvent/dont-block",
            Some(("error", "hang")),
        ),
        ("functions/C_Digest/lying-length", Some(("error", "crash"))),
        ("functions/C_Sign/fault", Some(("error", "harness-fault"))),
        ("functions/C_SignInit/waived", Some(("skipped", "waived"))),
        (
            "functions/C_SignInit/mended",
            Some(("failure", "unexpected-pass")),
        ),
        (
            "functions/C_SignInit/late",
            Some(("skipped", "not-executed")),
        ),
        ("other/late", Some(("skipped", "not-executed"))),
    ];
    assert_eq!(cases.len(), table.len());
    for (id, expected) in table {
        let results = ["failure", "error", "skipped"];
        let result = results.iter().find_map(|name| cases[id].child(name));
        let found = result.map(|r| (r.name.as_str(), r.attribute("type")));
        assert_eq!(found, expected, "{id}");
    }
}

#[test]
fn what_the_gate_lets_pass_leaves_a_build_green() {
    let mut evidence = run(every_kind(), &[]);
    evidence.started.gate = Gate {
        scope: Scope::Security,
        allow: [Allowance::UnexpectedPass].into(),
    };
    let root = document(&evidence);
    let cases = cases(&root);
    let skipped = |id: &str| cases[id].child("skipped").map(|s| s.attribute("type"));
    let let_pass = "functions/C_SignInit/second-init-while-active";
    assert_eq!(skipped(let_pass), Some("let-pass"));
    let allowed = cases["functions/C_SignInit/mended"];
    assert!(allowed.child("failure").is_none());
    let stopped = cases["security/keys/sensitive-value"];
    assert!(stopped.child("failure").is_some());
}

#[test]
fn an_expired_waiver_is_a_failure_of_its_own() {
    let mut evidence = run(vec![case("a/1", Verdict::Pass)], &[]);
    let remark = Note {
        kind: Note::EXPIRED_WAIVER.to_owned(),
        text: "the waiver of `a/1` expired".to_owned(),
    };
    // As a resumed run has it.
    evidence.notes = vec![remark.clone(), remark];
    let root = document(&evidence);
    let failure = cases(&root)["waivers/expired-1"].child("failure");
    let message = failure.map(|failure| failure.attribute("message"));
    assert_eq!(message, Some("the waiver of `a/1` expired"));
    assert_eq!(cases(&root).len(), 2);
    evidence.started.gate.allow = [Allowance::ExpiredWaiver].into();
    assert_eq!(cases(&document(&evidence)).len(), 1);
}

#[test]
fn a_failure_tells_all_that_is_needed_to_see_it_again() {
    let case = deviation();
    let root = document(&run(vec![case.clone()], &[]));
    let failure = root.children[0]
        .all("testcase")
        .next()
        .unwrap()
        .child("failure")
        .unwrap();
    let wanted = [
        "PKCS11-Base 3.2 section 5.13.1 (MUST)",
        "returned CKR_OK, permitted: CKR_OPERATION_ACTIVE",
        "C_SignInit(hKey: 3, hSession: 1) = CKR_OK",
        case.replay.as_deref().unwrap(),
    ];
    for words in wanted {
        assert!(failure.text.contains(words), "{words} in {}", failure.text);
    }
    assert!(failure.attribute("message").contains("returned CKR_OK"));
}

#[test]
fn reasons_and_marks_are_shown() {
    let root = document(&run(every_kind(), LATE));
    let cases = cases(&root);
    let message = |id: &str, element: &str| cases[id].child(element).unwrap().attribute("message");
    assert_eq!(
        message("functions/C_SignInit/ecdsa", "skipped"),
        "absent: the slot lacks CKM_ECDSA"
    );
    assert!(message("functions/C_SignInit/waived", "skipped").contains("fixed in 2.7"));
    assert_eq!(
        message("other/late", "skipped"),
        "not executed: run interrupted (SIGINT)"
    );
    assert!(message("functions/C_Login/pin-locked", "error").starts_with("not judged"));
    let output = |id: &str| &cases[id].child("system-out").unwrap().text;
    assert!(output("functions/C_SignInit/mended").starts_with("UNEXPECTED PASS"));
    assert!(output("security/keys/short-rsa").starts_with("PERMITTED BUT WEAK"));
}

#[test]
fn the_target_is_named_at_every_suite() {
    let root = document(&run(every_kind(), LATE));
    assert!(root.children.len() > 3);
    for suite in &root.children {
        let properties = suite.child("properties").unwrap().all("property");
        let list: BTreeMap<_, _> = properties
            .map(|p| (p.attribute("name"), p.attribute("value")))
            .collect();
        assert_eq!(list["target.name"], "softhsm2");
        assert_eq!(list["target.sha256"], "ab".repeat(32));
        assert_eq!(list["target.info.manufacturerID"], "SoftHSM & <co>");
        assert_eq!(list["run.seed"], "42");
        assert_eq!(list["run.reading"], "relaxed");
        assert_eq!(list["p11assay.version"], "0.1.0");
    }
}

#[test]
fn names_that_sanitising_makes_equal_are_told_apart() {
    let ids = ["a/\u{1}", "a/\\u{1}", "b/c/x", "b.c/x"];
    let all = ids.map(|id| case(id, Verdict::Pass)).to_vec();
    let root = document(&run(all, &[]));
    let cases = root.children.iter().flat_map(|suite| suite.all("testcase"));
    let names: BTreeSet<_> = cases
        .map(|c| (c.attribute("classname"), c.attribute("name")))
        .collect();
    assert_eq!(names.len(), ids.len(), "{names:?}");
}

#[test]
fn a_long_output_keeps_both_ends_and_says_so() {
    let mut long = deviation();
    long.stdout = format!("begin{}end", "x".repeat(1_000_000));
    let documents = documents(&run(vec![long], &[]), DEFAULT_LIMIT).unwrap();
    assert!(documents[0].len() < 100_000);
    let root = xml::parse(&documents[0]);
    let case = root.children[0].all("testcase").next().unwrap();
    let text = &case.child("system-out").unwrap().text;
    assert!(text.starts_with("begin") && text.ends_with("end"));
    assert!(text.contains("bytes left out"));
}

#[test]
fn times_have_three_decimals_however_long_the_run() {
    let mut all = Vec::new();
    for (n, ns) in [0, 999_999, 1_001_000_000, 86_400_123_456_789, u64::MAX]
        .into_iter()
        .enumerate()
    {
        let mut one = case(&format!("a/{n}"), Verdict::Pass);
        one.duration_ns = ns;
        all.push(one);
    }
    let root = document(&run(all, &[]));
    let times = root.children[0]
        .all("testcase")
        .map(|c| c.attribute("time"));
    let expected = ["0.000", "0.000", "1.001", "86400.123", "18446744073.709"];
    assert_eq!(times.collect::<Vec<_>>(), expected);
}

#[test]
fn a_run_without_cases_is_an_empty_document() {
    assert!(document(&run(Vec::new(), &[])).children.is_empty());
}

#[test]
fn parts_of_an_earlier_larger_report_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.xml");
    let many = (0..1000)
        .map(|n| case(&format!("a/{n}"), Verdict::Pass))
        .collect();
    let large = write(&run(many, &[]), &path, 20_000).unwrap();
    assert!(large.len() > 2);
    let first = std::fs::metadata(&large[0]).unwrap().len();
    assert!(
        first > 15_000,
        "split before it was needed, at {first} bytes"
    );
    assert_eq!(large[1], folder.path().join("out-2.xml"));
    let foreign = folder.path().join(format!("out-{}.xml", large.len() + 1));
    std::fs::write(&foreign, "<other/>").unwrap();
    let small = write(&run(every_kind(), &[]), &path, DEFAULT_LIMIT).unwrap();
    assert_eq!(small, std::slice::from_ref(&path));
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    left.sort();
    let mut expected = vec![path, foreign];
    expected.sort();
    assert_eq!(left, expected);
}

/// Strings made of what is known to break XML, terminals and parsers, and of anything else.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        (0_u32..0xa0).prop_map(|n| char::from_u32(n).unwrap().to_string()),
        prop::sample::select(vec![
            "]]>",
            "]]",
            ">",
            "<![CDATA[",
            "&",
            "<",
            "\"",
            "'",
            "&#0;",
            "\r\n",
            "\r",
            "\u{fffe}",
            "\u{ffff}",
            "\u{1fffe}",
            "\u{2028}",
            "\u{202e}",
            "\u{feff}",
            "/",
            ".",
            "-->",
            "<?x",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn nasty_case() -> impl Strategy<Value = Case> {
    let verdict = prop::sample::select(Verdict::ALL.to_vec());
    (
        verdict,
        prop::collection::vec(nasty(), 14),
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(verdict, texts, waived, ns)| {
            let mut next = texts.into_iter();
            let mut text = || next.next().unwrap_or_default();
            let mut case = case(&text(), verdict);
            case.title = text();
            case.clause.document = text();
            case.clause.section = text();
            case.reason = Some(text());
            case.findings = vec![Finding {
                verdict,
                step: None,
                lane: None,
                function: Some(text()),
                oracle: text(),
                message: text(),
                shape: Vec::new(),
                permitted: vec![text(), text()],
                clause: None,
                end: None,
            }];
            case.stdout = text();
            case.stderr = text();
            case.replay = Some(text());
            case.waived = waived.then(&mut text);
            case.reading = Some(text());
            case.duration_ns = ns;
            case
        })
}

/// What a reader has to get back of the case.
fn assert_kept(case: &Case, suite: &Element, element: &Element) {
    let path = case
        .id
        .rsplit_once('/')
        .map_or("p11assay", |(path, _)| path);
    assert_eq!(suite.attribute("name"), one_line(path));
    assert_eq!(element.attribute("name"), one_line(&case.id));
    let text_of = |name: &str| element.child(name).map_or("", |e| e.text.as_str());
    assert_eq!(text_of("system-err"), many_lines(&case.stderr));
    assert!(text_of("system-out").ends_with(&*many_lines(&case.stdout)));
    let failed = element.child("failure").or(element.child("error"));
    if let Some(result) = failed {
        assert!(result.text.contains(&*one_line(&case.findings[0].message)));
        assert!(
            result
                .text
                .contains(&*one_line(case.replay.as_deref().unwrap()))
        );
        let message = result.attribute("message");
        assert!(message.contains(&*one_line(&case.findings[0].message)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_string_in_any_field_comes_back_sanitised(case in nasty_case(), info in nasty()) {
        let mut evidence = run(vec![case.clone()], &[]);
        let target = evidence.target.as_mut().unwrap();
        target.info.insert("libraryDescription".into(), info.clone());
        evidence.started.host.insert("hostname".into(), info.clone());
        let root = document(&evidence);
        let suite = &root.children[0];
        assert_kept(&case, suite, suite.all("testcase").next().unwrap());
        assert_eq!(suite.attribute("hostname"), one_line(&info));
        let mut properties = suite.child("properties").unwrap().children.iter();
        let found = properties.any(|p| {
            p.attribute("name") == "target.info.libraryDescription"
                && p.attribute("value") == one_line(&info)
        });
        prop_assert!(found);
    }

    #[test]
    fn no_part_exceeds_the_limit_and_no_case_is_lost(
        cases in prop::collection::vec(nasty_case(), 1..40),
        limit in 16_384_usize..40_000,
    ) {
        let ids = |n: usize| format!("suite-{}/case-{n}", n % 3);
        let cases: Vec<Case> = cases
            .into_iter()
            .enumerate()
            .map(|(n, case)| Case { id: ids(n), ..case })
            .collect();
        let documents = documents(&run(cases.clone(), &[]), limit).unwrap();
        let mut seen = BTreeSet::new();
        for document in documents {
            prop_assert!(document.len() <= limit, "{} > {limit}", document.len());
            let root = xml::parse(&document);
            xml::check(&root);
            for id in self::cases(&root).into_keys() {
                prop_assert!(seen.insert(id));
            }
        }
        prop_assert_eq!(seen, (0..cases.len()).map(ids).collect::<BTreeSet<_>>());
    }
}

#[test]
fn characters_that_grow_when_they_are_escaped_are_weighed_so() {
    for growing in ["\"", "'", "&", "<", ">", "]]>"] {
        let cases = (0..100).map(|n| {
            let mut one = deviation();
            one.id = format!("a/{n}");
            one.findings[0].message = growing.repeat(300);
            one
        });
        for document in documents(&run(cases.collect(), &[]), 30_000).unwrap() {
            assert!(document.len() <= 30_000, "{growing}: {}", document.len());
        }
    }
}

/// Runs `xmllint`. Without it the test says so and, in continuous integration, fails.
fn xmllint(arguments: &[&str], file: &Path) {
    let outcome = Command::new("xmllint").args(arguments).arg(file).output();
    match outcome {
        Ok(output) => assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => {
            let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!in_ci, "xmllint is needed in CI: {error}");
            eprintln!("NOT CHECKED: xmllint cannot be run ({error}); install libxml2-utils");
        }
    }
}

/// The schema is that of Jenkins' xUnit plugin; see `data/README.md`.
#[test]
fn the_documents_fit_the_schema_of_jenkins() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit-10.xsd");
    let arguments = ["--noout", "--schema", schema];
    let folder = tempfile::tempdir().unwrap();
    let mut odd = deviation();
    odd.stdout = (0..0x3000)
        .chain(0xfff0..0x1_0100)
        .filter_map(char::from_u32)
        .collect();
    odd.stderr = "]]>]]>&amp;".into();
    odd.findings[0].message = "<&\"']]>\u{0}\u{ffff}".into();
    let runs = [
        run(every_kind(), LATE),
        run(vec![odd], &[]),
        run(Vec::new(), &[]),
    ];
    for (n, evidence) in runs.iter().enumerate() {
        let path = folder.path().join(format!("{n}.xml"));
        write(evidence, &path, DEFAULT_LIMIT).unwrap();
        xmllint(&arguments, &path);
    }
}
