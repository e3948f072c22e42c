//! The shared library under programs that know nothing of us: a script of `tests/clients` each,
//! which says what it checks. What a script says is shown if it fails. Where a program is missing
//! the test says so and passes, except under `CI=true`, where all must be there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a script ends with where a program that it needs is missing.
const MISSING: i32 = 77;

#[test]
fn pkcs11_tool() {
    run("pkcs11-tool.sh");
}

fn run(script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    let output = Command::new("bash")
        .arg(path)
        .env("REFERENCE_TOKEN_MODULE", module())
        .output()
        .expect("bash starts");
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
