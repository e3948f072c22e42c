//! C programs of findings: what their exit codes say on the module that has the finding, on one that has not, and where
//! they could not come to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::{FINE, Folder};

/// The exit codes of programs.
const NOT_SEEN: Option<i32> = Some(0);
const SEEN: Option<i32> = Some(1);
const UNKNOWN: Option<i32> = Some(2);
const CHANGED: Option<i32> = Some(3);

/// What a program came to.
#[derive(Debug)]
struct Came {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Compiles the program of a finding.
fn compiled(folder: &Folder, source: &str) -> PathBuf {
    let program = folder.path("program");
    let mut compiler = Command::new("cc");
    compiler.arg("-o").arg(&program);
    compiler.arg(folder.path(source)).arg("-ldl");
    assert!(compiler.status().expect("a C compiler").success());
    program
}

/// Runs it with these variables, and none else that matters.
fn came(program: &Path, variables: &[(&str, &str)], module: Option<&Path>) -> Came {
    let mut command = Command::new(program);
    for name in ["SOFTHSM2_CONF", "OPENSSL_CONF", "HOSTILE", "HOSTILE_WHEN"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).args(module);
    let output = command.output().expect("it runs");
    Came {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Came {
    #[track_caller]
    fn to(&self, code: Option<i32>, words: &str) {
        assert_eq!(self.code, code, "{self:#?}");
        let said = self.out.contains(words) || self.err.contains(words);
        assert!(said, "`{words}` in {self:#?}");
    }
}

#[test]
fn any_case_becomes_a_program_but_for_those_of_the_built_in_token() {
    let folder = Folder::with_suite(&[FINE]);
    let target = folder.hostile("", "1s");
    let written = folder.run(&["program", "suite.yaml", "--target", &target]);
    written.says(0, &["int main", "call(\"C_GetInfo\", 2,", "libhostile"]);
    folder
        .run(&["program", "suite.yaml"])
        .says(2, &["built-in", "--module"]);
}

/// A finding on a return value, on the module that has it, that has it no more, and that has another.
#[test]
fn the_program_of_a_disagreement_says_whether_it_is_seen() {
    let steps = "{ C_GetInfo: {} }, \
                 { C_GenerateRandom: { session: $session, random_data: { buffer: 8 } }, \
                 returns: [CKR_OK, CKR_RANDOM_NO_RNG] }";
    let folder = Folder::with_suite(&[("wrong", "session", steps)]);
    let target = folder.armed("C_GenerateRandom:error", "2s");
    folder
        .run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"])
        .says(1, &["1 deviation"]);
    let source = "run/findings/s/wrong/reproducer.c";
    let text = folder.read(source);
    for words in [
        "Found: step 2  C_GenerateRandom  returned CKR_",
        "1  seen: C_GenerateRandom returned CKR_",
        "expected is CKR_OK (0x0) or CKR_RANDOM_NO_RNG (0x121)",
        "2  nothing is known",
        "3  changed",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let program = compiled(&folder, source);
    // The target's variables are written in; those of who runs it win.
    came(&program, &[], None).to(SEEN, "seen: C_GenerateRandom returned 0x");
    came(&program, &[("HOSTILE", "")], None).to(NOT_SEEN, "the end\n");
    let other = [("HOSTILE", "C_GenerateRandom:unknown-code")];
    came(&program, &other, None).to(CHANGED, "changed: C_GenerateRandom returned 0xdeadbeef");
    // What comes before the finding is no part of it.
    let before = [("HOSTILE", "C_GetInfo:error")];
    came(&program, &before, None).to(UNKNOWN, "C_GetInfo returned 0x");
    let before = [("HOSTILE", "C_OpenSession:error")];
    came(&program, &before, None).to(UNKNOWN, "C_OpenSession returned 0x");
    let nothing = folder.path("nothing.so");
    came(&program, &[], Some(&nothing)).to(UNKNOWN, "nothing is known");
    // The command writes the same of the folder.
    let again = ["program", "run/findings/s/wrong", "--target", &target];
    assert_eq!(folder.run(&again).out, text);
}

/// What a module that ends the process or does not return shows is seen, too.
#[test]
fn the_program_of_an_exit_or_a_hang_says_that_it_is_seen() {
    for (behaviour, words) in [
        ("exit", "seen: C_GenerateRandom called exit"),
        ("_exit", "seen: C_GenerateRandom called exit"),
        ("hang", "seen: the call did not return in time"),
    ] {
        let steps = "{ C_GenerateRandom: { session: $session, random_data: { buffer: 8 } } }";
        let folder = Folder::with_suite(&[("end", "session", steps)]);
        let target = folder.armed(&format!("C_GenerateRandom:{behaviour}"), "300ms");
        folder.run(&["run", "suite.yaml", "--target", &target, "--run-dir", "run"]);
        let program = compiled(&folder, "run/findings/s/end/reproducer.c");
        came(&program, &[], None).to(SEEN, words);
        came(&program, &[("HOSTILE", "")], None).to(NOT_SEEN, "the end\n");
    }
}

/// The token of a run is gone with it: the program finds one that was made by hand, and without one it says so.
#[test]
fn the_program_of_a_finding_in_softhsm2_finds_a_token_made_by_hand() {
    let module = Path::new("/usr/lib/softhsm/libsofthsm2.so");
    if !module.is_file() {
        eprintln!("SKIPPED: softhsm2 is not installed");
        return;
    }
    let steps = "{ C_GenerateRandom: { session: $session, random_data: { buffer: 8 } }, \
                 returns: CKR_DEVICE_ERROR }";
    let folder = Folder::with_suite(&[("wrong", "user", steps)]);
    let run = [
        "run",
        "suite.yaml",
        "--target",
        "softhsm2",
        "--run-dir",
        "run",
    ];
    folder.run(&run).says(1, &["1 deviation"]);
    let source = "run/findings/s/wrong/reproducer.c";
    let text = folder.read(source);
    for words in [
        "SOFTHSM2_CONF=${scratch}/softhsm2.conf",
        "mkdir -p ${scratch}/tokens",
        "softhsm2-util --init-token --free --label p11assay --so-pin ${so-pin} --pin ${pin}",
        "1  seen: C_GenerateRandom returned CKR_OK (0x0); expected is CKR_DEVICE_ERROR (0x30)",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let program = compiled(&folder, source);
    let pin = ("P11_PIN", "98765");
    came(&program, &[pin], None).to(UNKNOWN, "P11_SCRATCH");
    let conf = configured(&folder);
    let own = ("SOFTHSM2_CONF", conf.as_str());
    came(&program, &[pin, own], None).to(UNKNOWN, "no slot has a token that is initialised");
    let (_, by_hand) = by_hand(&folder);
    let pin = ("P11_PIN", by_hand);
    came(&program, &[pin, own], None).to(SEEN, "seen: C_GenerateRandom returned 0x0");
    came(&program, &[own, ("P11_PIN", "00000")], None).to(UNKNOWN, "C_Login returned 0xa0");
    came(&program, &[own], None).to(UNKNOWN, "P11_PIN");
    let label = ("P11_LABEL", "another");
    came(&program, &[pin, own, label], None).to(UNKNOWN, "labelled another");
    // The folder that stands for that of the run does as well.
    let folder_of = folder.path(".").display().to_string();
    let scratch = ("P11_SCRATCH", folder_of.as_str());
    let usual = ("OPENSSL_CONF", "/dev/null");
    came(&program, &[pin, scratch, usual], None).to(SEEN, "seen: C_GenerateRandom");
}

/// SoftHSM2's configuration for a folder without tokens.
fn configured(folder: &Folder) -> String {
    let tokens = folder.path("tokens");
    std::fs::create_dir_all(&tokens).expect("a folder");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    folder.write("softhsm2.conf", text).display().to_string()
}

/// A token as somebody makes one by hand: the configuration, and the PIN.
fn by_hand(folder: &Folder) -> (String, &'static str) {
    let (conf, pin) = (configured(folder), "98765");
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "by hand"])
        .args(["--so-pin", "12345678", "--pin", pin])
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .expect("softhsm2-util");
    assert!(made.status.success(), "{made:?}");
    (conf, pin)
}

/// SoftHSM2 computes a size below zero of what it was given none of.
#[test]
fn the_program_of_a_size_that_nothing_has_says_that_it_is_seen() {
    if !Path::new("/usr/lib/softhsm/libsofthsm2.so").is_file() {
        eprintln!("SKIPPED: softhsm2 is not installed");
        return;
    }
    let steps = "{ C_GenerateKey: { session: $session, mechanism: CKM_DES3_KEY_GEN }, gives: { key: $key } }, \
                 { C_DecryptInit: { session: $session, key: $key, \
                 mechanism: { type: CKM_DES3_CBC_PAD, parameter: f061774d797139f7 } } }, \
                 { C_DecryptUpdate: { session: $session, encrypted_part: '', part: { buffer: exact } }, returns: any }";
    let folder = Folder::with_suite(&[("size", "rw-user", steps)]);
    let run = [
        "run",
        "suite.yaml",
        "--target",
        "softhsm2",
        "--run-dir",
        "run",
    ];
    folder.run(&run).says(1, &["as the size of an output"]);
    let program = compiled(&folder, "run/findings/s/size/reproducer.c");
    let (conf, pin) = by_hand(&folder);
    let own = [("SOFTHSM2_CONF", conf.as_str()), ("P11_PIN", pin)];
    came(&program, &own, None).to(SEEN, "seen: 0xfffffffffffffff8 is named as the size");
}

/// A finding in the built-in token has a program for it as a library.
#[test]
fn the_program_of_a_finding_in_the_built_in_token_is_for_its_library() {
    let steps = "{ C_GetSessionInfo: { session: $session }, returns: CKR_DEVICE_ERROR }";
    let folder = Folder::with_suite(&[("wrong", "session", steps)]);
    folder
        .run(&["run", "suite.yaml", "--run-dir", "run"])
        .says(1, &["1 deviation"]);
    let program = compiled(&folder, "run/findings/s/wrong/reproducer.c");
    came(&program, &[], None).to(UNKNOWN, "name the module as the first argument");
    let command = Path::new(env!("CARGO_BIN_EXE_p11assay"));
    let library = command.with_file_name("deps").join("libreference_token.so");
    assert!(library.is_file(), "{}", library.display());
    came(&program, &[], Some(&library)).to(SEEN, "seen: C_GetSessionInfo returned 0x0");
}
