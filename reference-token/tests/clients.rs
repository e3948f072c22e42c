//! The shared library under programs that know nothing of us: a script of `tests/clients` each,
//! which says what it checks. What a script says is shown if it fails. Where a program is missing
//! the test says so and passes, except under `CI=true`, where all must be there.

#[path = "support/module.rs"]
mod module;

use std::path::Path;
use std::process::Command;

/// What a script ends with where a program that it needs is missing.
const MISSING: i32 = 77;

/// Seconds after which a script hangs. Each takes some seconds, on a busy machine a few times that.
const LIMIT: &str = "120";

#[test]
fn pkcs11_tool() {
    run("pkcs11-tool.sh");
}

#[test]
fn gnutls() {
    run("gnutls.sh");
}

#[test]
fn openssh() {
    run("openssh.sh");
}

#[test]
fn openssl() {
    run("openssl.sh");
}

#[test]
fn nss() {
    run("nss.sh");
}

#[test]
fn java() {
    run("java.sh");
}

fn run(script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    let output = Command::new("timeout")
        .args(["--kill-after=10", LIMIT, "bash"])
        .arg(path)
        .env("REFERENCE_TOKEN_MODULE", module::path())
        .output()
        .expect("timeout and bash are everywhere");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    if output.status.code() == Some(MISSING) && !required {
        eprintln!("SKIPPED: {script}: {said}");
        return;
    }
    assert!(
        output.status.success(),
        "{script}: {}\n{said}",
        output.status
    );
}
