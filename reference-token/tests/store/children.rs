//! This program again as a child: it works on a file, tells its parent what it did, and can be
//! killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cryptoki_sys::*;

use super::support::Token;
use super::{initialize, scratch};

/// The environment variable that tells a child which file to work on.
const FILE_OF_CHILD: &str = "REFERENCE_TOKEN_TEST_FILE";

/// The file that the parent has named.
pub(super) fn file_of_child() -> PathBuf {
    // Behind the name of the test, which may stand at the beginning of the line.
    println!();
    PathBuf::from(std::env::var_os(FILE_OF_CHILD).expect("the parent names a file"))
}

/// This program again, running one of the tests that are made for it.
pub(super) fn command(test: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FILE_OF_CHILD, file);
    command
}

/// A running child, and the lines that it tells.
pub(super) fn child(test: &str, file: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = command(test, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output.lines().filter_map(|line| told(&line.ok()?)))
}

/// A line for the parent, which reads it even if this process dies right afterwards.
pub(super) fn tell(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "@{line}")
        .and_then(|()| output.flush())
        .unwrap();
}

/// What a line tells, if it is not something that the test program says by itself.
pub(super) fn told(line: &str) -> Option<String> {
    Some(line.strip_prefix('@')?.to_owned())
}

#[test]
#[ignore = "a child that holds the file: run by the test below"]
fn child_that_holds_the_file() {
    let file = file_of_child();
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    tell("ready");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn one_process_at_a_time_has_the_file() {
    let file = scratch("shared");
    let token = Token::attach();
    let (mut child, mut lines) = child("children::child_that_holds_the_file", &file);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    assert_eq!(initialize(&token, &file), CKR_FUNCTION_FAILED);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(initialize(&token, &file), CKR_OK);
}
