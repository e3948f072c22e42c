//! A run in which every verdict and mark occurs, shared by the tests of the renderings.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod bench;
pub(crate) mod browser;
pub(crate) mod xml;

use p11assay_reports::evidence::{
    Call, Case, Class, Clause, End, Event, Finding, Frame, Interrupted, Level, Plan, RunFinished,
    RunStarted, Target, Verdict, Why,
};
use p11assay_reports::stream::{Evidence, Fold};
use std::collections::BTreeMap;

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

pub(crate) fn started() -> RunStarted {
    RunStarted {
        format: 1,
        version: "0.1.0".into(),
        started: "2026-11-23T10:15:02Z".into(),
        seed: 42,
        command: vec!["p11assay".into(), "run".into()],
        host: map(&[("os", "linux"), ("hostname", "ci-7")]),
        resumed: false,
        gate: p11assay_reports::gate::Gate::default(),
    }
}

pub(crate) fn target() -> Target {
    Target {
        name: "softhsm2".into(),
        module: "/usr/lib/softhsm/libsofthsm2.so".into(),
        sha256: Some("ab".repeat(32)),
        cryptoki_version: "3.2".into(),
        info: map(&[
            ("libraryVersion", "2.6"),
            ("manufacturerID", "SoftHSM & <co>"),
        ]),
        token: map(&[("label", "p11assay")]),
        mechanisms: 70,
        disposable: true,
        ..Target::default()
    }
}

pub(crate) fn case(id: &str, verdict: Verdict) -> Case {
    Case {
        id: id.into(),
        title: String::new(),
        clause: Clause {
            document: "PKCS11-Base".into(),
            version: "3.2".into(),
            section: "5.13.1".into(),
        },
        level: Level::Must,
        class: Class::A,
        verdict,
        why: None,
        reason: None,
        reading: None,
        findings: Vec::new(),
        calls: 3,
        call_ns: 1_500_000,
        duration_ns: 12_345_678,
        trace: Vec::new(),
        stdout: String::new(),
        stderr: String::new(),
        reproducer: None,
        replay: None,
        tried: None,
        confirmed: None,
        waived: None,
        unexpected_pass: false,
    }
}

fn finding(verdict: Verdict, message: &str) -> Finding {
    Finding {
        verdict,
        step: Some(2),
        lane: None,
        function: Some("C_SignInit".into()),
        oracle: "return-code".into(),
        message: message.into(),
        shape: Vec::new(),
        permitted: vec!["CKR_OPERATION_ACTIVE".into()],
        clause: None,
        end: None,
    }
}

pub(crate) fn deviation() -> Case {
    let mut deviation = case(
        "functions/C_SignInit/second-init-while-active",
        Verdict::Deviation,
    );
    deviation.title = "A second initialisation is refused".into();
    deviation.findings = vec![finding(Verdict::Deviation, "returned CKR_OK")];
    deviation.trace = (1..=2)
        .map(|step| Call {
            step,
            lane: None,
            function: "C_SignInit".into(),
            arguments: map(&[("hKey", "3"), ("hSession", "1")]),
            returned: Some("CKR_OK".into()),
            outputs: BTreeMap::new(),
            ns: 1_250 * u64::from(step),
            at_ns: None,
        })
        .collect();
    deviation.stderr = "\u{1b}[31mALERT\u{1b}[0m a ]]> b\r\n".into();
    deviation.replay = Some(
        "p11assay replay runs/2026-11-23T10-15-02/second-init-while-active.yaml --target softhsm2"
            .into(),
    );
    deviation
}

fn crash() -> Case {
    let mut crash = case("functions/C_Digest/lying-length", Verdict::Crash);
    crash.class = Class::C;
    let mut found = finding(Verdict::Crash, "did not return");
    found.function = Some("C_Digest".into());
    found.permitted.clear();
    found.end = Some(End::Signal {
        signal: "SIGSEGV".into(),
        code: Some("SEGV_MAPERR".into()),
        address: Some(0x10),
        access: Some("read".into()),
        registers: BTreeMap::new(),
        frames: vec![Frame {
            module: "libsofthsm2.so".into(),
            offset: 0x4f2a,
            build_id: None,
            symbol: Some("C_Digest".into()),
        }],
    });
    crash.findings = vec![found];
    crash
}

/// Every verdict once, a waived finding and an unexpected pass.
pub(crate) fn every_kind() -> Vec<Case> {
    let mut not_applicable = case("functions/C_SignInit/ecdsa", Verdict::NotApplicable);
    not_applicable.reason = Some("the slot lacks CKM_ECDSA".into());
    not_applicable.why = Some(Why::Absent);
    let mut weak = case("security/keys/short-rsa", Verdict::PermittedButWeak);
    weak.level = Level::Security;
    weak.findings = vec![finding(
        Verdict::PermittedButWeak,
        "made an RSA key of 1024 bits",
    )];
    let mut environment = case("functions/C_Login/pin-locked", Verdict::Environment);
    environment.reason = Some("the PIN of the token is locked".into());
    let mut violation = case("security/keys/sensitive-value", Verdict::SecurityViolation);
    violation.level = Level::Security;
    violation.findings = vec![finding(
        Verdict::SecurityViolation,
        "gave CKA_VALUE of a sensitive key",
    )];
    let mut hang = case("functions/C_WaitForSlotEvent/dont-block", Verdict::Hang);
    let mut hung = finding(Verdict::Hang, "did not return");
    hung.end = Some(End::Hang {
        deadline_ms: 5000,
        frames: Vec::new(),
    });
    hang.findings = vec![hung];
    let mut fault = case("functions/C_Sign/fault", Verdict::HarnessFault);
    fault.reason = Some("the journal could not be mapped".into());
    let mut waived = case("functions/C_SignInit/waived", Verdict::Deviation);
    waived.findings = vec![finding(Verdict::Deviation, "returned CKR_OK")];
    waived.waived = Some("known, fixed in 2.7".into());
    let mut unexpected = case("functions/C_SignInit/mended", Verdict::Pass);
    unexpected.waived = Some("known, fixed in 2.7".into());
    unexpected.unexpected_pass = true;
    vec![
        case("functions/C_SignInit/plain", Verdict::Pass),
        deviation(),
        not_applicable,
        weak,
        environment,
        violation,
        hang,
        crash(),
        fault,
        waived,
        unexpected,
    ]
}

/// A whole run of these cases, with `more` ids planned and not executed.
pub(crate) fn run(cases: Vec<Case>, more: &[&str]) -> Evidence {
    let ids = cases.iter().map(|case| case.id.clone());
    let plan = Plan {
        suites: vec!["functions.yaml".into()],
        cases: ids.chain(more.iter().map(|id| (*id).to_owned())).collect(),
        reading: "relaxed".into(),
        shard: None,
    };
    let mut fold = Fold::default();
    fold.push(Event::RunStarted(started()));
    fold.push(Event::Target(Box::new(target())));
    fold.push(Event::Plan(plan));
    for case in cases {
        fold.push(Event::Case(Box::new(case)));
    }
    if more.is_empty() {
        fold.push(Event::RunFinished(finished()));
    } else {
        fold.push(Event::Interrupted(Interrupted {
            by: "SIGINT".into(),
            remaining: more.len(),
        }));
    }
    fold.finish(false, 0).expect("the run began")
}

pub(crate) fn finished() -> RunFinished {
    RunFinished {
        finished: "2026-11-23T10:15:14Z".into(),
        duration_ns: 12_000_000_000,
        counts: BTreeMap::new(),
        exit_code: 1,
    }
}
