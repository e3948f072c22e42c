//! What is printed: how much, in which form, and what never.

use crate::kit::{FINE, Folder, Steps};

const WRONG: Steps<'_> = (
    "wrong",
    "user",
    "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }",
);

#[test]
fn as_much_is_said_as_is_asked_for() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    for (flag, shown, hidden) in [
        (
            "--quiet",
            &["DEVIATION s/wrong"][..],
            &["PASS s/fine", "trace", "PKCS11-Base"][..],
        ),
        (
            "--verbose",
            &["PASS s/fine", "trace  step 1  C_GetInfo"],
            &[],
        ),
    ] {
        let output = folder.run(&["run", "suite.yaml", flag]);
        output.says(1, shown);
        assert!(output.out.ends_with('\n'));
        for word in hidden {
            assert!(!output.out.contains(word), "{word} in {output:#?}");
        }
    }
    let output = folder.run(&["run", "suite.yaml"]);
    output.says(
        1,
        &["step 1  C_GetInfo  returned CKR_OK, permitted: CKR_DEVICE_ERROR"],
    );
    assert!(!output.out.contains("PASS s/fine"));
    folder
        .run(&["run", "suite.yaml", "-q", "-v"])
        .says(2, &["--quiet"]);
}

#[test]
fn a_pipe_gets_neither_colours_nor_a_bar() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    for no_color in [None, Some("1")] {
        let mut command = folder.command(&["run", "suite.yaml", "--verbose"]);
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        let output = folder.finish(&mut command);
        assert!(
            !output.out.contains('\u{1b}') && !output.err.contains('\u{1b}'),
            "{output:?}"
        );
        assert_eq!(output.err, "");
    }
}

#[test]
fn a_replay_shows_every_call_whatever_the_verdict() {
    let folder = Folder::with_suite(&[FINE]);
    let output = folder.run(&["replay", "suite.yaml"]);
    output.says(0, &["C_GetInfo", "= CKR_OK", "PASS s/fine"]);
    let folder = Folder::with_suite(&[WRONG]);
    folder
        .run(&["replay", "suite.yaml"])
        .says(1, &["C_Login", "DEVIATION s/wrong"]);
}

#[test]
fn lists_completions_and_manual() {
    let folder = Folder::with_suite(&[FINE, WRONG]);
    let output = folder.run(&["list", "suite.yaml"]);
    output.says(0, &[]);
    assert_eq!(output.out, "s/fine\ns/wrong\n");
    folder
        .run(&["list", "suite.yaml", "-v"])
        .says(0, &["PKCS11-Base 3.2 section 5.4.3"]);
    folder
        .run(&["list", "suite.yaml", "--filter", "none"])
        .says(5, &[]);
    folder
        .run(&["list", "*closed-while-digesting"])
        .says(2, &["no case matches"]);
    folder
        .run(&["list", "undefined/*closed-while-digesting"])
        .says(0, &["undefined/threads/closed-while-digesting"]);
    folder
        .run(&["list", "--targets"])
        .says(0, &["builtin\n", "softhsm2\n"]);
    folder
        .run(&["schema", "target"])
        .says(0, &["\"additionalProperties\": false", "call-deadline"]);
    folder
        .run(&["completions", "bash"])
        .says(0, &["_p11assay()", "--fail-fast", "complete -F"]);
    folder
        .run(&["man"])
        .says(0, &[".TH p11assay 1", "Exit codes"]);
    folder.run(&["man", "pages"]).says(0, &[]);
    for (page, text) in [
        ("p11assay.1", "Exit codes"),
        ("p11assay-fuzz.1", "\\-\\-corpus"),
        ("p11assay-bench-compare.1", "\\-\\-gate"),
    ] {
        let page = std::fs::read_to_string(folder.path(&format!("pages/{page}")));
        assert!(page.expect("a page").contains(text), "{text}");
    }
    folder
        .run(&["man", "pages/p11assay.1"])
        .says(2, &["pages/p11assay.1: ", "File exists"]);
    folder.run(&["--version"]).says(0, &["p11assay "]);
    folder.run(&[]).says(2, &["Usage: p11assay"]);
}

const PIN: &str = "correct-horse-4711";

/// Every file below a folder.
fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
    }
}

#[test]
fn a_pin_is_shown_nowhere() {
    let literal = format!("--pin={PIN}");
    for (words, warns) in [
        (&[literal.as_str()][..], true),
        (&["--pin", PIN], true),
        (&["-p", PIN], true),
        (&["--pin", "env:THE_PIN"], false),
        (&["--pin", "file:pin"], false),
    ] {
        let says_it = "{ C_GetInfo: {}, returns: CKR_DEVICE_ERROR }, { C_SetPIN: { session: $session, \
                       old_pin: $target.pin, new_pin: $target.pin } }";
        let folder = Folder::with_suite(&[("wrong", "user", says_it)]);
        let secret = folder.write("pin", format!("{PIN}\n"));
        folder.write(
            "t.yaml",
            "target: t\nmodule: builtin\ntoken: { label: 'p11assay reference' }\n",
        );
        let common = [
            "run",
            "suite.yaml",
            "-v",
            "--target",
            "./t.yaml",
            "--run-dir",
            "run",
        ];
        let reports = ["--junit", "j.xml", "--json", "j.json"];
        let mut command = folder.command(&[&common[..], &reports, words].concat());
        let output = folder.finish(command.env("THE_PIN", PIN));
        // The built-in token has another one: the message must not show it either.
        assert_eq!(output.code, Some(3), "{output:#?}");
        assert_eq!(
            output.err.contains("process list"),
            warns,
            "{words:?}: {output:#?}"
        );
        assert!(
            !output.out.contains(PIN) && !output.err.contains(PIN),
            "{output:#?}"
        );
        std::fs::remove_file(secret).expect("the secret");
        let mut found = Vec::new();
        files(&folder.path("."), &mut found);
        for path in found {
            let text = std::fs::read(&path).expect("a file");
            let shown = text
                .windows(PIN.len())
                .any(|window| window == PIN.as_bytes());
            assert!(!shown, "{} shows the PIN", path.display());
        }
    }
}

#[test]
fn evidence_reports_and_reproducers_do_not_show_a_pin_that_is_right() {
    let pin = "12345678";
    let steps = "{ C_SetPIN: { session: $session, old_pin: $target.so-pin, new_pin: { text: '12345678' } }, \
                 returns: CKR_DEVICE_ERROR }";
    let folder = Folder::with_suite(&[("wrong", "so", steps)]);
    std::fs::rename(folder.path("suite.yaml"), folder.path("suite.yml")).expect("renamed");
    let arguments = [
        "run",
        "suite.yml",
        "-v",
        "--run-dir",
        "run",
        "--junit",
        "j.xml",
    ];
    let output = folder.run(&[&arguments[..], &["--json", "j.json"]].concat());
    output.says(1, &["C_SetPIN"]);
    assert!(
        !output.out.contains(pin) && !output.err.contains(pin),
        "{output:#?}"
    );
    let mut found = Vec::new();
    std::fs::remove_file(folder.path("suite.yml")).expect("the suite");
    files(&folder.path("."), &mut found);
    assert!(found.len() >= 4, "{found:?}");
    for path in found {
        let text = String::from_utf8(std::fs::read(&path).expect("a file")).expect("text");
        assert!(!text.contains(pin), "{}: {text}", path.display());
    }
}

/// A refusal gives nothing away, whatever its value; only what succeeds or is shown is a violation.
#[test]
fn a_security_case_is_violated_by_what_succeeds() {
    let folder = Folder::new();
    folder.write(
        "security.yaml",
        "suite: s\ncites: { document: PKCS11-Base, version: '3.2' }\nlevel: security\ncases:\n\
         - id: refused\n  title: t\n  clause: '5.6.2'\n  steps:\n\
         \x20 - C_CloseSession: { session: dangling }\n    returns: CKR_SESSION_CLOSED\n\
         - id: succeeded\n  title: t\n  clause: '5.4.3'\n  steps:\n\
         \x20 - C_GetInfo: {}\n    returns: CKR_DEVICE_ERROR\n\
         - id: shown\n  title: t\n  clause: '5.4.3'\n  steps:\n\
         \x20 - C_GetInfo: {}\n    expect: { info.flags: 1 }\n",
    );
    folder.run(&["run", "security.yaml"]).says(
        1,
        &[
            "DEVIATION s/refused",
            "SECURITY s/succeeded",
            "SECURITY s/shown",
        ],
    );
}
