//! Steps that look for a function: its absence is a finding with `must-exist`, and a reason not to
//! run the case without; `returns: { except: ... }` takes every answer but those named.

use std::path::Path;

use p11assay::execute::Stop;
use p11assay::oracle::{CaseTrace, Judgement, Reading, Stopped, Subject, judge};
use p11assay::plan::{Capabilities, Case, Plan, Suite, Unmet};
use p11assay_reports::evidence::{Verdict, Why};

fn case(step: &str) -> Case {
    let text = format!(
        "suite: s\ncites: {{ document: D, version: \"3.2\" }}\ncases:\n\
         - id: c\n  title: t\n  clause: \"1\"\n  steps:\n  - C_LoginUser: {{ session: dangling }}\n{step}"
    );
    let suite = Suite::parse(Path::new("s.yaml"), &text).unwrap_or_else(|error| panic!("{error}"));
    suite.cases[0].clone()
}

fn judged_without_the_function(case: &Case) -> Judgement {
    let trace = CaseTrace {
        stops: vec![Stopped {
            stop: Stop::MissingFunction,
            text: "C_LoginUser".to_owned(),
            after: None,
        }],
        ..CaseTrace::default()
    };
    judge(&Subject {
        level: case.level,
        attack: None,
        steps: &case.sequence.steps,
        given: &[],
        trace: &trace,
        end: None,
        reading: Reading::Relaxed,
    })
}

fn gated_without_the_function(case: &Case) -> Option<Unmet> {
    let suite = Suite {
        name: "s".to_owned(),
        file: "s.yaml".to_owned(),
        cases: vec![case.clone()],
    };
    let mut plan = Plan::select(&[suite], &[], None).expect("one case");
    plan.gate(&Capabilities::default());
    plan.cases[0].unmet.clone()
}

#[test]
fn an_absent_function_is_a_finding_where_it_must_exist() {
    let case = case("    must-exist: true\n");
    assert_eq!(gated_without_the_function(&case), None);
    let judgement = judged_without_the_function(&case);
    assert_eq!(judgement.verdict, Verdict::Deviation);
    let finding = &judgement.findings[0];
    assert_eq!(finding.function.as_deref(), Some("C_LoginUser"));
    assert_eq!(
        finding.message,
        "the module's function list has no C_LoginUser"
    );
}

#[test]
fn one_step_that_looks_for_a_function_speaks_for_the_whole_case() {
    let case = case("    must-exist: true\n  - C_LoginUser: { session: dangling }\n");
    assert_eq!(gated_without_the_function(&case), None);
}

#[test]
fn an_absent_function_is_a_reason_not_to_run_otherwise() {
    let case = case("");
    let unmet = gated_without_the_function(&case).expect("a reason");
    assert_eq!(
        (unmet.verdict, unmet.why),
        (Verdict::NotApplicable, Some(Why::Absent))
    );
    let judgement = judged_without_the_function(&case);
    let (verdict, why) = (judgement.verdict, judgement.why);
    assert_eq!((verdict, why), (Verdict::NotApplicable, Some(Why::Absent)));
}

#[test]
fn every_answer_but_the_excepted_is_right() {
    let case = case("    returns: { except: CKR_FUNCTION_NOT_SUPPORTED }\n");
    let call = case.sequence.calls().next().expect("one call");
    assert!(call.is_right(cryptoki_sys::CKR_SESSION_HANDLE_INVALID));
    assert!(call.is_right(cryptoki_sys::CKR_OK));
    assert!(!call.is_right(cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED));
}
