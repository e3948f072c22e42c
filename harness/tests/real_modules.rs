//! The main job on real modules: every shipped target that comes up from Debian packages runs to
//! its end, and whatever does not pass is explained.
//!
//! A module that is not installed is skipped, loudly; with `CI=true` that is a failure.

use std::path::Path;
use std::process::Command;

use p11assay_reports::evidence::{Case, Verdict};
use p11assay_reports::stream;

struct Real {
    target: &'static str,
    /// Any of these files shows that the module is installed.
    files: &'static [&'static str],
    packages: &'static str,
    /// Cases that must pass, so that a run in which nothing applies is no success.
    passes: &'static [&'static str],
}

const REAL: &[Real] = &[
    Real {
        target: "softhsm2",
        files: &["/usr/lib/softhsm/libsofthsm2.so"],
        packages: "softhsm2",
        passes: &[
            "profiles/baseline-provider/bl-m-1-as-2-40",
            "profiles/authentication-token/auth-m-1-as-2-40",
        ],
    },
    Real {
        target: "nss-softokn",
        files: &[
            "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
            "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
        ],
        packages: "libnss3 libnss3-tools",
        passes: &[
            "profiles/baseline-provider/bl-m-1-as-3-0",
            "profiles/extended-provider/ext-m-1-as-3-0",
            "profiles/authentication-token/auth-m-1-as-3-0",
            "profiles/public-certificates-token/cert-m-1-as-3-0",
        ],
    },
];

/// The shipped suites on one target; gives the exit code and the evidence.
fn run(target: &str) -> (i32, stream::Evidence) {
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(["run", "--target", target, "--run-dir"])
        .arg(&run_dir)
        .output()
        .expect("the binary runs");
    let code = output.status.code().expect("an exit code");
    let evidence = stream::read(&run_dir.join("evidence.jsonl")).unwrap_or_else(|error| {
        panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    (code, evidence)
}

fn verdict(evidence: &stream::Evidence, id: &str) -> Option<Verdict> {
    evidence
        .cases
        .iter()
        .find(|case| case.id == id)
        .map(|case| case.verdict)
}

#[test]
fn every_installed_module_runs_to_its_end() {
    for real in REAL {
        if !real.files.iter().any(|file| Path::new(file).exists()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "{}: install {}",
                real.target,
                real.packages
            );
            eprintln!("SKIPPED {}: install {}", real.target, real.packages);
            continue;
        }
        let (code, evidence) = run(real.target);
        assert!(
            evidence.finished.is_some(),
            "{}: the run has an end",
            real.target
        );
        assert!(
            evidence.remaining().is_empty(),
            "{}: every case has a verdict",
            real.target
        );
        for case in &evidence.cases {
            let explained = case.reason.is_some() || !case.findings.is_empty();
            assert!(
                case.verdict == Verdict::Pass || explained,
                "{}: {}",
                real.target,
                case.id
            );
            assert!(
                !case.clause.section.is_empty(),
                "{}: {}",
                real.target,
                case.id
            );
        }
        for id in real.passes {
            assert_eq!(
                verdict(&evidence, id),
                Some(Verdict::Pass),
                "{} {id}",
                real.target
            );
        }
        // The waivers of the target are what is known of the module: anything else is news, and so
        // is a deviation that is gone.
        let news = |case: &&Case| case.is_open_finding() || case.unexpected_pass;
        let news = evidence.cases.iter().filter(news);
        let news: Vec<&str> = news.map(|case| case.id.as_str()).collect();
        assert_eq!(news, [""; 0], "{}", real.target);
        assert_eq!(code, 0, "{}", real.target);
    }
}

#[test]
fn the_built_in_token_passes_the_four_mandatory_test_cases() {
    let (code, evidence) = run("builtin");
    for id in [
        "profiles/baseline-provider/bl-m-1-32",
        "profiles/extended-provider/ext-m-1-32",
        "profiles/authentication-token/auth-m-1-32",
        "profiles/public-certificates-token/cert-m-1-32",
    ] {
        assert_eq!(verdict(&evidence, id), Some(Verdict::Pass), "{id}");
    }
    assert_eq!(code, 0);
}
