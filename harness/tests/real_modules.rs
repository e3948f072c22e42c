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

/// SoftHSM 2 lists DES, which OpenSSL 3 has in its legacy provider.
#[test]
fn an_algorithm_that_the_host_keeps_from_a_module_is_no_finding() {
    let module = Path::new("/usr/lib/softhsm/libsofthsm2.so");
    if !module.exists() {
        assert!(std::env::var_os("CI").is_none(), "install softhsm2");
        eprintln!("SKIPPED: install softhsm2");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    write(
        "des.yaml",
        r#"
suite: des
cites: { document: PKCS11-Base, version: "3.2" }
cases:
  - id: ecb
    title: t
    clause: "5.8.1"
    state: user
    needs: { pin: true, mechanism: { type: CKM_DES_ECB, for: encrypt } }
    steps:
      - C_GenerateKey: { session: $session, mechanism: CKM_DES_KEY_GEN, template: { CKA_TOKEN: false } }
        gives: { key: $key }
      - C_EncryptInit: { session: $session, mechanism: CKM_DES_ECB, key: $key }
  - id: key
    title: t
    clause: "5.18.1"
    state: user
    needs: { pin: true, mechanism: CKM_DES_KEY_GEN }
    steps:
      - C_GenerateKey: { session: $session, mechanism: CKM_DES_KEY_GEN, template: { CKA_TOKEN: false } }
"#,
    );
    write("openssl.cnf", "");
    write(
        "softhsm2.yaml",
        &format!(
            r#"
target: softhsm2
module: {}
environment: {{ SOFTHSM2_CONF: "${{scratch}}/c", OPENSSL_CONF: "${{target-dir}}/openssl.cnf" }}
provision:
  - mkdir: "${{scratch}}/tokens"
  - write: {{ path: "${{scratch}}/c", text: "directories.tokendir = ${{scratch}}/tokens\n" }}
  - run: [softhsm2-util, --init-token, --free, --label, t, --so-pin, "12345678", --pin, "1234"]
token: {{ label: t, pin: "1234" }}
"#,
            module.display()
        ),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args([
            "run",
            "des.yaml",
            "--target",
            "./softhsm2.yaml",
            "--run-dir",
            "run",
        ])
        .current_dir(folder.path())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let evidence = stream::read(&folder.path().join("run/evidence.jsonl")).expect("evidence");
    assert_eq!(verdict(&evidence, "des/ecb"), Some(Verdict::Environment));
    assert_eq!(verdict(&evidence, "des/key"), Some(Verdict::Pass));
    let reason = evidence.cases[0].reason.as_deref().expect("a reason");
    assert!(reason.contains("legacy provider"), "{reason}");
    let canaries = evidence.notes.iter().filter(|note| note.kind == "canary");
    assert_eq!(canaries.count(), 1);
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
