//! What a person sees.

mod common;

use common::{case, deviation, every_kind, run};
use p11assay_reports::evidence::Verdict;
use p11assay_reports::terminal::{Style, Verbosity, case_line, summary};
use proptest::prelude::*;

fn plain(verbosity: Verbosity) -> Style {
    Style {
        color: false,
        verbosity,
    }
}

fn shown(verbosity: Verbosity) -> String {
    let cases = every_kind();
    let blocks = cases.iter().filter_map(|c| case_line(c, plain(verbosity)));
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_deviation_says_where_what_and_how_to_see_it_again() {
    let block = case_line(&deviation(), plain(Verbosity::Normal)).unwrap();
    let expected = " DEVIATION functions/C_SignInit/second-init-while-active   \
                    PKCS11-Base 3.2 section 5.13.1 (MUST)\n           \
                    step 2  C_SignInit  returned CKR_OK, permitted: CKR_OPERATION_ACTIVE\n           \
                    replay  p11assay replay \
                    runs/2026-11-23T10-15-02/second-init-while-active.yaml --target softhsm2";
    assert_eq!(block, expected);
}

#[test]
fn each_verbosity_is_as_shown() {
    insta::assert_snapshot!("quiet", shown(Verbosity::Quiet));
    insta::assert_snapshot!("normal", shown(Verbosity::Normal));
    insta::assert_snapshot!("verbose", shown(Verbosity::Verbose));
}

#[test]
fn the_summary_is_as_shown() {
    let style = plain(Verbosity::Normal);
    insta::assert_snapshot!("failed", summary(&run(every_kind(), &[]), style));
    let stopped = run(vec![case("a/1", Verdict::Pass)], &["a/2"]);
    insta::assert_snapshot!("stopped", summary(&stopped, style));
    let passed = run(vec![case("a/1", Verdict::Pass)], &[]);
    insta::assert_snapshot!("passed", summary(&passed, style));
    insta::assert_snapshot!("nothing", summary(&run(Vec::new(), &[]), style));
}

#[test]
fn a_long_list_of_findings_is_cut_with_its_number() {
    let many = (0..60).map(|n| case(&format!("a/{n}"), Verdict::Crash));
    let text = summary(&run(many.collect(), &[]), plain(Verbosity::Normal));
    assert_eq!(text.matches("CRASH").count(), 40);
    assert!(text.contains("and 20 more"));
}

#[test]
fn colour_changes_no_word() {
    let style = Style {
        color: true,
        verbosity: Verbosity::Verbose,
    };
    for case in every_kind() {
        let colored = case_line(&case, style).unwrap();
        assert!(colored.contains("\u{1b}["));
        let without = strip(&colored);
        assert_eq!(
            without,
            case_line(&case, plain(Verbosity::Verbose)).unwrap()
        );
    }
}

/// The text without sequences of the form ESC `[` digits `m`.
fn strip(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sequence, rest) = part.split_once('m').expect("a colour sequence");
        assert!(sequence.bytes().all(|b| b.is_ascii_digit() || b == b';'));
        out.push_str(rest);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_module_acts_on_the_terminal(text in prop::collection::vec(any::<char>(), 0..20)) {
        let mut text: String = text.into_iter().collect();
        text.push_str("\u{1b}]0;x\u{7}\u{9b}2J\r\n\u{202e}");
        let mut hostile = deviation();
        hostile.id.clone_from(&text);
        hostile.clause.section.clone_from(&text);
        hostile.reason = Some(text.clone());
        hostile.replay = Some(text.clone());
        hostile.findings[0].message.clone_from(&text);
        hostile.findings[0].permitted.push(text.clone());
        hostile.trace[0].returned = Some(text.clone());
        hostile.trace[0].arguments.insert(text.clone(), text.clone());
        let style = plain(Verbosity::Verbose);
        let mut shown = case_line(&hostile, style).unwrap();
        let mut evidence = run(vec![hostile], &["a/2"]);
        evidence.interrupted.as_mut().unwrap().by.clone_from(&text);
        evidence.warnings.push(text);
        shown.push_str(&summary(&evidence, style));
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        prop_assert_eq!(shown.find(acts), None);
    }
}
