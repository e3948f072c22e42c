//! Tokens brought into being with programs that every system has.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use p11assay_reports::evidence::End;

use super::builtin;
use crate::sequence::Reserved;
use crate::target::{
    Credentials, NoSequences, Prepared, ProvisionError, Provisioned, RunSequence, SuiteFile,
    Target, provision,
};

fn provisioned(target: &Target) -> Result<Provisioned, ProvisionError> {
    provision(
        target,
        &target.credentials().unwrap(),
        false,
        &mut NoSequences,
    )
}

fn made(more: &str) -> Provisioned {
    provisioned(&builtin(more)).unwrap_or_else(|error| panic!("{error}"))
}

fn failure(more: &str) -> ProvisionError {
    provisioned(&builtin(more)).expect_err(more)
}

#[test]
fn files_folders_and_variables_are_made() {
    let place = made(
        "
init-args: { reserved: { string: \"conf=${scratch}/conf\" } }
environment: { CONF: \"${scratch}/a/conf\", PLAIN: x }
provision:
  - mkdir: \"${scratch}/deep/er\"
  - write: { path: \"${scratch}/a/conf\", text: \"pin ${pin}\\n\" }
  - write: { path: relative, text: \"\" }
removal: { remove: [rm, \"${scratch}/card\"], insert: [cp, /dev/null, \"${scratch}/card\"] }
token: { pin: \"1234\" }
",
    );
    let Prepared {
        scratch,
        environment,
        init_args,
        removal,
    } = place.prepared().clone();
    assert!(scratch.join("deep/er").is_dir() && scratch.join("relative").is_file());
    assert_eq!(
        std::fs::read_to_string(scratch.join("a/conf")).unwrap(),
        "pin 1234\n"
    );
    assert_eq!(environment["CONF"], format!("{}/a/conf", scratch.display()));
    assert_eq!(environment["PLAIN"], "x");
    let reserved = Reserved::Text(format!("conf={}/conf", scratch.display()));
    assert_eq!(init_args.map(|args| args.reserved), Some(reserved));
    let removal = removal.unwrap();
    for present in [true, false] {
        removal.make(present).unwrap();
        assert_eq!(scratch.join("card").exists(), present);
    }
    let failed = removal.make(false).unwrap_err();
    assert!(
        failed.starts_with("rm ended with exit status: 1"),
        "{failed}"
    );
    for (path, mode) in [("", 0o700), ("deep/er", 0o700), ("a/conf", 0o600)] {
        let permissions = std::fs::metadata(scratch.join(path)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{path}");
    }
    drop(place);
    assert!(!scratch.exists());
}

#[test]
fn a_folder_can_be_kept() {
    let target = builtin("provision: [ { mkdir: a } ]");
    let kept = provision(&target, &Credentials::default(), true, &mut NoSequences).unwrap();
    let scratch = kept.prepared().scratch.clone();
    drop(kept);
    assert!(scratch.join("a").is_dir());
    std::fs::remove_dir_all(&scratch).unwrap();

    let mut later = provisioned(&target).unwrap();
    let scratch = later.keep().to_owned();
    drop(later);
    assert!(scratch.join("a").is_dir());
    std::fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn programs_run_in_the_folder_with_the_environment_and_input() {
    let place = made(
        "
environment: { FROM_TARGET: one }
provision:
  - run: [\"true\"]
  - write: { path: in, text: content }
  - run: [cp, in, out]
  - run: [tee, typed]
    stdin: \"${pin}\\n\"
  - run: [test, -f, \"${scratch}/out\"]
token: { pin: \"1234\" }
",
    );
    let scratch = &place.prepared().scratch;
    assert_eq!(
        std::fs::read_to_string(scratch.join("out")).unwrap(),
        "content"
    );
    assert_eq!(
        std::fs::read_to_string(scratch.join("typed")).unwrap(),
        "1234\n"
    );
}

#[test]
fn a_step_gets_its_own_variables_too() {
    let place = made(
        "
environment: { ONE: one, TWO: two }
provision:
  - run: [cp, /proc/self/environ, seen]
    environment: { TWO: \"three in ${scratch}\" }
",
    );
    let scratch = &place.prepared().scratch;
    let seen = std::fs::read_to_string(scratch.join("seen")).unwrap();
    let seen: Vec<&str> = seen.split('\0').collect();
    assert!(seen.contains(&"ONE=one"), "{seen:?}");
    assert!(
        seen.contains(&format!("TWO=three in {}", scratch.display()).as_str()),
        "{seen:?}"
    );
    assert_eq!(place.prepared().environment["TWO"], "two");
}

#[test]
fn a_failing_step_says_what_and_how() {
    let error = failure(
        "
provision:
  - mkdir: a
  - run: [cat, /nonexistent/file, \"${pin}\", two words]
token: { pin: secret-pin }
",
    );
    let text = error.to_string();
    assert!(
        matches!(error, ProvisionError::Step { step: 2, .. }),
        "{text}"
    );
    for part in [
        "step 2 of provisioning target `t` failed",
        "`cat /nonexistent/file *** 'two words'` ended with exit status: 1",
        "stderr: cat: /nonexistent/file",
        "by hand",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("secret-pin"), "{text}");
}

#[test]
fn what_is_not_installed_names_its_package() {
    let cases = [
        (
            "provision: [ { run: [p11assay-no-such-program] } ]",
            "put its folder into PATH",
        ),
        (
            "package: of-target\nprovision: [ { run: [p11assay-no-such-program] } ]",
            "install the package `of-target`",
        ),
        (
            "package: of-target\nprovision: [ { run: [p11assay-no-such-program], package: of-step } ]",
            "install the package `of-step`",
        ),
    ];
    for (more, hint) in cases {
        let error = failure(more);
        assert!(
            matches!(error, ProvisionError::Environment { .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("`p11assay-no-such-program` is not installed"),
            "{text}"
        );
        assert!(text.contains(hint), "{text}");
    }
}

#[test]
fn what_is_not_set_is_the_environments_fault() {
    let cases = [
        (
            "environment: { A: \"${env:P11ASSAY_NOT_SET}\" }",
            "set this environment variable",
        ),
        ("provision: [ { mkdir: \"${pin}\" } ]", "--pin"),
        (
            "provision: [ { mkdir: /proc/nonexistent } ]",
            "cannot make `/proc/nonexistent`",
        ),
        (
            "provision: [ { write: { path: /proc/nonexistent/a, text: a } } ]",
            "cannot write `/proc/nonexistent/a`",
        ),
    ];
    for (more, part) in cases {
        let error = failure(more);
        assert!(
            matches!(error, ProvisionError::Environment { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_program_that_takes_too_long_is_killed() {
    let begin = Instant::now();
    let error = failure("provision: [ { run: [sleep, \"600\"], timeout: 50ms } ]").to_string();
    assert!(
        error.contains("`sleep 600` took longer than 50ms"),
        "{error}"
    );
    assert!(begin.elapsed() < Duration::from_secs(60));
}

/// Whether a process still runs: gone and zombie both count as ended.
fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .trim_start()
        .chars()
        .next();
    state.is_some_and(|state| state != 'Z')
}

/// Finds the process with this argument, for a daemon that does not tell its id.
fn process_with(argument: &str) -> Option<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
        .find(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0)
                .any(|part| part == argument.as_bytes())
        })
}

#[test]
fn background_programs_end_with_the_token() {
    let place = made(
        "
provision:
  - write: { path: watched, text: \"\" }
  - run: [tail, -f, \"${scratch}/watched\"]
    background: true
    ready: watched
  - run: [test, -f, watched]
",
    );
    assert_eq!(place.sentinel().gone(), None);
    let argument = place
        .prepared()
        .scratch
        .join("watched")
        .display()
        .to_string();
    let pid = process_with(&argument).expect("tail should be running");
    drop(place);
    assert!(!runs(&pid));
}

#[test]
fn a_background_program_must_become_ready() {
    let error = failure(
        "provision: [ { run: [sleep, \"600\"], background: true, ready: never, timeout: 50ms } ]",
    );
    assert!(error.to_string().contains("within 50ms"), "{error}");
    let error =
        failure("provision: [ { run: [cat, /nonexistent], background: true, ready: never } ]");
    assert!(
        error
            .to_string()
            .contains("`cat /nonexistent` ended with exit status: 1"),
        "{error}"
    );
}

#[test]
fn a_background_program_that_ends_too_early_is_told() {
    let place = made(
        "provision: [ { run: [sh, -c, \"sleep 0.3; echo no more >&2; exit 3\"], background: true } ]",
    );
    let sentinel = place.sentinel();
    assert!(!sentinel.is_idle());
    let deadline = Instant::now() + Duration::from_secs(60);
    let gone = loop {
        match sentinel.gone() {
            None if Instant::now() < deadline => std::thread::yield_now(),
            gone => break gone,
        }
    };
    let gone = gone.expect("it ended");
    assert_eq!(gone.program, "sh");
    assert_eq!(gone.end, End::Exited { status: 3 });
    assert_eq!(gone.stderr, "no more\n");
    assert_eq!(sentinel.gone(), Some(gone), "for good");
    drop(place);
    assert_eq!(sentinel.gone(), None, "nothing is to run any more");
    // A program that only starts another one has ended by then.
    let place =
        made("provision: [ { run: [\"true\"], background: true }, { run: [sleep, \"1\"] } ]");
    assert_eq!(place.sentinel().gone(), None);
}

/// What a daemon leaves behind is not taken for the next one's.
#[test]
fn a_socket_of_before_says_of_no_program_that_it_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let daemon = |script: &str| {
        let begun = Instant::now();
        let place = made(&format!(
            "provision: [ {{ run: [sh, -c, \"{script}\"], background: true, ready: \"{}\" }} ]",
            path.display()
        ));
        drop(place);
        begun.elapsed()
    };
    let kept = daemon("exec sleep 600");
    assert!(kept >= Duration::from_secs(3), "it may keep the socket");
    // As good as made anew: a file with a new link has another time of change.
    let link = format!("ln {0} {0}-too", path.display());
    let anew = daemon(&format!("sleep 0.2; {link}; exec sleep 600"));
    assert!(
        anew >= Duration::from_millis(200) && anew < kept,
        "{anew:?}"
    );
}

/// Notes what it is asked to run, and refuses one file.
#[derive(Default)]
struct Noting(Vec<(SuiteFile, PathBuf, bool)>);

impl RunSequence for Noting {
    fn run_sequence(
        &mut self,
        file: &SuiteFile,
        prepared: &Prepared,
        credentials: &Credentials,
    ) -> Result<(), String> {
        self.0.push((
            file.clone(),
            prepared.scratch.clone(),
            credentials.pin.is_some(),
        ));
        match file {
            SuiteFile::File(path) if path.ends_with("bad.yaml") => {
                Err("C_Login with bad-pin-9 failed".into())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn call_sequences_are_handed_on() {
    let target = builtin(
        "
disposable: true
provision: [ { sequence: ../init.yaml }, { sequence: /bad.yaml } ]
token: { pin: bad-pin-9 }
",
    );
    let mut noting = Noting::default();
    let credentials = target.credentials().unwrap();
    let error = provision(&target, &credentials, false, &mut noting)
        .unwrap_err()
        .to_string();
    assert_eq!(noting.0.len(), 2);
    assert_eq!(
        noting.0[0].0,
        SuiteFile::File("/nonexistent/../init.yaml".into())
    );
    assert!(noting.0[0].2 && noting.0[0].1.starts_with(std::env::temp_dir()));
    assert!(
        error.contains("step 2") && error.contains("C_Login with *** failed"),
        "{error}"
    );
    assert!(!Path::new(&noting.0[0].1).exists());

    let error = provisioned(&target).unwrap_err().to_string();
    assert!(
        error.contains("call sequences cannot be executed here"),
        "{error}"
    );
}
