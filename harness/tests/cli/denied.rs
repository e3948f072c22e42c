//! Places where nothing may be written: said before anything is executed.
//!
//! Nobody denies root anything, so as root the program runs as another user.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::kit::{FINE, Folder, Output};

/// Who is nobody on most systems.
const NOBODY: &str = "65534";

fn set_mode(path: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("our own file");
}

/// The program run in the folder as somebody who can be denied; nothing if that cannot be had.
fn run(folder: &Folder, arguments: &[&str]) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return Some(folder.run(arguments));
    }
    // The build's folder may be closed to others: a copy of the program is not.
    let program = folder.path("p11assay");
    // By a process of its own: what another thread forks meanwhile would have it open for writing.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_p11assay"))
        .arg(&program)
        .status();
    assert!(copied.is_ok_and(|status| status.success()), "a copy");
    set_mode(&program, 0o755);
    let ids = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"];
    let found = Command::new("setpriv").args(ids).arg("true").output();
    if !found.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "setpriv is needed");
        eprintln!("SKIPPED: root is denied nothing, and setpriv cannot make us somebody else");
        return None;
    }
    let mut command = Command::new("setpriv");
    command.args(ids).arg(program).args(arguments);
    command.current_dir(folder.path("")).env("TMPDIR", "/tmp");
    Some(folder.finish(&mut command))
}

/// A folder that everybody may read and enter, with one inside that nobody may write to.
fn closed() -> Folder {
    let folder = Folder::with_suite(&[FINE]);
    set_mode(&folder.path(""), 0o777);
    std::fs::create_dir(folder.path("closed")).expect("a folder");
    set_mode(&folder.path("closed"), 0o555);
    folder
}

#[test]
fn a_report_that_may_not_be_written_is_refused_before_anything_runs() {
    for option in ["--junit", "--json"] {
        let folder = closed();
        let arguments = [
            "run",
            "suite.yaml",
            "--module",
            "builtin",
            "--run-dir",
            "run",
        ];
        let more = [option, "closed/report"];
        let Some(output) = run(&folder, &[&arguments[..], &more].concat()) else {
            return;
        };
        output.says(
            2,
            &[
                "cannot write the report",
                "closed/report",
                "Permission denied",
            ],
        );
        assert!(!folder.path("run").exists(), "nothing was executed");
    }
}

#[test]
fn a_run_folder_that_may_not_be_made_is_refused() {
    let folder = closed();
    let arguments = [
        "run",
        "suite.yaml",
        "--module",
        "builtin",
        "--run-dir",
        "closed/run",
    ];
    if let Some(output) = run(&folder, &arguments) {
        output.says(2, &["closed/run", "Permission denied"]);
    }
}
