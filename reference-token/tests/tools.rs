//! The shared library under a program that knows nothing of us: `pkcs11-tool` of OpenSC. Without
//! the program the test says so and passes, except under `CI=true`, where it must be there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The shared library that Cargo built next to this test.
fn module() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("tests are built into a directory");
    let name = format!(
        "{}reference_token{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let beside = deps.join(&name);
    if beside.exists() {
        beside
    } else {
        deps.with_file_name(name)
    }
}

fn available() -> bool {
    let found = Command::new("pkcs11-tool")
        .arg("--version")
        .output()
        .is_ok();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found || !required, "pkcs11-tool is missing: install OpenSC");
    if !found {
        eprintln!("SKIPPED: pkcs11-tool is missing; install OpenSC to run this test");
    }
    found
}

fn run(directory: &Path, arguments: &[&str]) -> String {
    let settings = directory.join("token.conf");
    let store = directory.join("store");
    std::fs::write(
        &settings,
        format!("file = {:?}\n", store.display().to_string()),
    )
    .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new("pkcs11-tool")
        .arg("--module")
        .arg(module())
        .args(arguments)
        .env("REFERENCE_TOKEN_CONF", settings)
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "pkcs11-tool {arguments:?}: {said}");
    said
}

#[test]
fn pkcs11_tool_finds_generates_signs_and_passes_its_own_test() {
    if !available() {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    drop(std::fs::remove_dir_all(&directory)); // it need not be there
    std::fs::create_dir_all(&directory).unwrap();
    let run = |arguments: &[&str]| run(&directory, arguments);
    let login = ["--login", "--pin", "1234"];
    let with_login = |arguments: &[&'static str]| [&login[..], arguments].concat();
    assert!(run(&["-L"]).contains("p11assay reference"));
    assert!(run(&["-M"]).contains("RSA-PKCS-KEY-PAIR-GEN"));
    for kind in ["rsa:2048", "EC:prime256v1"] {
        let id = if kind.starts_with("rsa") { "01" } else { "02" };
        run(&[
            &login[..],
            &[
                "--keypairgen",
                "--key-type",
                kind,
                "--label",
                kind,
                "--id",
                id,
            ],
        ]
        .concat());
    }
    let listed = run(&with_login(&["-O"]));
    for expected in ["rsa:2048", "EC:prime256v1", "CKP_BASELINE_PROVIDER"] {
        assert!(listed.contains(expected), "{listed}");
    }
    std::fs::write(directory.join("message"), b"message").unwrap();
    let files = ["-i", "message", "-o", "signature"];
    for (mechanism, id) in [("SHA256-RSA-PKCS", "01"), ("ECDSA-SHA256", "02")] {
        let sign = ["--sign", "-m", mechanism, "--id", id];
        run(&[&login[..], &sign, &files].concat());
        let verify = ["--verify", "-m", mechanism, "--id", id, "-i", "message"];
        let valid = run(&[&login[..], &verify, &["--signature-file", "signature"]].concat());
        assert!(
            valid.contains("valid") && !valid.contains("nvalid"),
            "{valid}"
        );
    }
    assert!(run(&with_login(&["--test"])).contains("No errors"));
}
