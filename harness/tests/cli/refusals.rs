//! Bad input: each is refused with its reason and its exit code, and nothing is executed.

use crate::kit::{FINE, Folder, ordinary_library, suite};

#[track_caller]
fn refused(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) {
    let arguments = [&["run", "suite.yaml", "--run-dir", "run"], arguments].concat();
    folder.run(&arguments).says(code, words);
    assert!(
        !folder.path("run/evidence.jsonl").exists(),
        "something was executed: {arguments:?}"
    );
}

#[test]
fn what_is_no_usable_module() {
    let folder = Folder::with_suite(&[FINE]);
    folder.write("text.so", "not a library");
    // The head of an ELF library for a processor that runs no tests.
    let mut foreign = b"\x7fELF\x02\x01\x01".to_vec();
    foreign.resize(16, 0);
    foreign.extend([3, 0, 0xf3, 0, 1, 0, 0, 0]);
    foreign.resize(64, 0);
    folder.write("foreign.so", foreign);
    let libm = ordinary_library().display().to_string();
    for (module, word) in [
        ("./text.so", "the file is no ELF file"),
        ("./foreign.so", "the file is for RISC-V, this program for"),
        ("./missing.so", "is not a file"),
        (".", "is not a file"),
        (&libm, "neither C_GetFunctionList nor C_GetInterface"),
    ] {
        refused(&folder, &["--module", module], 3, &[word]);
    }
}

#[test]
fn modules_that_fail_before_any_case() {
    let in_initialize = [
        (
            "error",
            "C_Initialize returned CKR_GENERAL_ERROR: check the module's configuration",
        ),
        (
            "segv-read",
            "C_Initialize ended the process by SIGSEGV, read at 0x10, in libhostile.so",
        ),
        ("exit", "C_Initialize called exit with status 3"),
        ("hang", "C_Initialize did not return within 300 ms"),
    ];
    let loading = [
        ("segv-read", "ended the process by SIGSEGV"),
        (
            "exit",
            "called exit with status 3 while it was being loaded",
        ),
        (
            "hang",
            "did not return within 300 ms while it was being loaded",
        ),
    ];
    let list = [
        ("error", "C_GetFunctionList returned CKR_GENERAL_ERROR"),
        ("null-list", "gave a list at 0x0"),
        (
            "null-entries",
            "the module's function list has no C_GetInfo",
        ),
        ("hang", "did not return within 300 ms"),
    ];
    let table = [
        ("C_Initialize", &in_initialize[..]),
        ("constructor", &loading),
        ("C_GetFunctionList", &list),
        (
            "C_GetTokenInfo",
            &[("abort", "C_GetTokenInfo ended the process by SIGABRT")],
        ),
        (
            "C_CloseAllSessions",
            &[("_exit", "C_CloseAllSessions called exit with status 4")],
        ),
    ];
    for (function, behaviours) in table {
        for (behaviour, word) in behaviours {
            let folder = Folder::with_suite(&[FINE]);
            let target = folder.armed(&format!("{function}:{behaviour}"), "300ms");
            refused(
                &folder,
                &["--target", &target],
                3,
                &[word, "target `hostile` cannot be tested"],
            );
        }
    }
}

#[test]
fn a_short_table_is_told_apart_from_what_follows_it() {
    let folder = Folder::with_suite(&[FINE, ("late", "initialized", "{ C_WaitForSlotEvent: {} }")]);
    let target = folder.armed("C_GetFunctionList:short-table", "1s");
    let output = folder.run(&["run", "suite.yaml", "-v", "--target", &target]);
    output.says(
        0,
        &["N/A s/late", "function list has no C_WaitForSlotEvent"],
    );
}

#[test]
fn tokens_and_pins_that_do_not_fit() {
    let folder = Folder::with_suite(&[FINE]);
    for (arguments, words) in [
        (
            &["--token-label", "nonesuch"][..],
            &["no token fits label `nonesuch`"][..],
        ),
        (&["--slot", "77"], &["no token fits"]),
        (
            // By flags alone there is no provisioning, which would log in, too.
            &["--module", "builtin", "--pin", "file:./wrong"],
            &["CKR_PIN_INCORRECT", "it was tried once"],
        ),
        (&["--pin", "env:NO_SUCH_VARIABLE"], &["NO_SUCH_VARIABLE"]),
        (&["--pin", "file:./nothing"], &["./nothing"]),
    ] {
        folder.write("wrong", "987654321");
        refused(&folder, arguments, 3, words);
    }
}

#[test]
fn arguments_that_mean_nothing() {
    let folder = Folder::with_suite(&[FINE]);
    for (arguments, code, words) in [
        (
            &["--target", "softhms2"][..],
            2,
            &["did you mean `softhsm2`?"][..],
        ),
        (&["--timeout", "soon"], 2, &["--timeout soon", "10s"]),
        (&["--timeout", "0s"], 2, &["--timeout 0s"]),
        (&["--uri", "pkcs12:token=a"], 2, &["begins with `pkcs11:`"]),
        (
            &["--uri", "pkcs11:token=a%zz"],
            2,
            &["two hexadecimal digits"],
        ),
        (
            &["--filter", "(s"],
            2,
            &["a closing parenthesis is missing"],
        ),
        (
            &["--filter", "nothing/*"],
            5,
            &["nothing was selected", "p11assay list"],
        ),
        (&["nothing-such"], 2, &["no case matches `nothing-such`"]),
        (
            &["--profile", "nope"],
            2,
            &["no case matches `profiles/nope`"],
        ),
        (
            &["--junit", "/no/such/folder/x.xml"],
            2,
            &["/no/such/folder does not exist"],
        ),
        (
            &["--json", "/no/such/folder/x.json"],
            2,
            &["/no/such/folder does not exist"],
        ),
        (&["suite.yaml"], 2, &["the id `s/fine` is given twice"]),
        (
            &["missing.yaml"],
            2,
            &["missing.yaml", "cannot read this file"],
        ),
        (&["--jobs", "0"], 2, &["--jobs"]),
        (&["--frobnicate"], 2, &["--frobnicate"]),
    ] {
        refused(&folder, arguments, code, words);
    }
    folder
        .run(&["run", "suite.yaml", "--run-dir", "/proc/nope"])
        .says(2, &["--run-dir"]);
    folder
        .run(&["replay", "missing.yaml"])
        .says(2, &["missing.yaml"]);
    folder
        .run(&["run", "--resume", "missing"])
        .says(2, &["missing/evidence.jsonl"]);
}

#[test]
fn a_run_folder_is_never_written_over() {
    let folder = Folder::with_suite(&[FINE]);
    let arguments = ["run", "suite.yaml", "--run-dir", "run"];
    folder.run(&arguments).says(0, &["1 passed"]);
    folder.run(&arguments).says(2, &["exists already"]);
}

#[test]
fn suites_with_mistakes_are_shown_the_place() {
    let steps = |steps| suite("s", &[("c", "session", steps)]);
    let circle = "{ C_Digest: { session: $session, data: $b }, gives: { digest: $a } }, \
                  { C_Digest: { session: $session, data: $a }, gives: { digest: $b } }";
    let beside = "{ together: [[{ C_Digest: { session: $session }, gives: { digest: $a } }], \
                  [{ C_DigestUpdate: { session: $session, part: $a } }]] }";
    let twice = "{ together: [[{ C_Digest: { session: $session }, gives: { digest: $a } }], \
                 [{ C_Digest: { session: $session }, gives: { digest: $a } }]] }";
    for (text, words) in [
        (
            suite("s", &[FINE, FINE]),
            &["a second case `s/fine`", "the first is at line 4"][..],
        ),
        (
            suite("s", &[FINE]).replace("title:", "tilte:"),
            &["tilte", "title"],
        ),
        (steps("{ C_GetInof: {} }"), &["C_GetInof", "C_GetInfo"]),
        (steps(circle), &["a circle"]),
        (steps(beside), &["`$a` is given at line 8 in another lane"]),
        (steps(twice), &["a second lane gives `$a`"]),
        (steps("{ C_Digest: { session: $sesion } }"), &["sesion"]),
        ("suite: s\nsuite: t\n".to_owned(), &["suite"]),
        ("- a list".to_owned(), &["a suite"]),
        (String::new(), &["a suite"]),
        ("suite: [".to_owned(), &["suite.yaml"]),
    ] {
        let folder = Folder::new();
        folder.write("suite.yaml", &text);
        refused(&folder, &[], 2, words);
        refused(&folder, &[], 2, &["suite.yaml"]);
    }
}

#[test]
fn a_file_too_large_to_be_a_suite_is_not_read() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.path("suite.yaml")).expect("a file");
    file.set_len(100 << 20).expect("a sparse file");
    let begin = std::time::Instant::now();
    refused(&folder, &[], 2, &["too large"]);
    assert!(begin.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn a_locked_pin_is_told_apart_from_a_wrong_one() {
    let wrong = "{ C_Login: { session: $session, user_type: CKU_USER, pin: { text: '0000' } }, \
                 returns: [CKR_PIN_INCORRECT, CKR_PIN_LOCKED] }";
    let folder = Folder::with_suite(&[FINE]);
    folder.write(
        "lock.yaml",
        suite("lock", &[("lock", "session", &[wrong; 12].join(", "))]),
    );
    let target = "target: locked\nmodule: builtin\ndisposable: true\n\
                  provision: [ { sequence: lock.yaml } ]\ntoken: { pin: '1234' }\n";
    folder.write("locked.yaml", target);
    let words = ["C_Login returned CKR_PIN_LOCKED: the PIN is locked"];
    refused(&folder, &["--target", "./locked.yaml"], 3, &words);
}
