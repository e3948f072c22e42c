//! Whatever a module does, the run goes on to its end, the guilty case has the right verdict with
//! its evidence, and the others are as if nothing had been.

use crate::kit::{Folder, case, suite};
use p11assay_reports::evidence::{Case, End, Verdict};

use Verdict::{Crash, Deviation, Hang, Pass};

/// A function, what it does when it is called by its case, and what is to be made of that: the
/// verdict, and words of the evidence of the case (findings, ends, outputs, notes).
type Row = (&'static str, &'static str, Verdict, &'static [&'static str]);

const TABLE: &[Row] = &[
    (
        "C_InitToken",
        "segv-read",
        Crash,
        &["SIGSEGV", "read at 0x10", "segv_read+"],
    ),
    (
        "C_InitPIN",
        "segv-write",
        Crash,
        &["SIGSEGV", "write at 0x20", "segv_write+"],
    ),
    (
        "C_SetPIN",
        "segv-readonly",
        Crash,
        &["SEGV_ACCERR", "segv_readonly+"],
    ),
    (
        "C_GetOperationState",
        "null-call",
        Crash,
        &["execute at 0x0", "null_call+"],
    ),
    (
        "C_SetOperationState",
        "data-call",
        Crash,
        &["execute at", "data_call+"],
    ),
    ("C_Login", "abort", Crash, &["SIGABRT", "do_abort+"]),
    ("C_Logout", "exit", Crash, &["called exit with status 3"]),
    (
        "C_CreateObject",
        "_exit",
        Crash,
        &["called exit with status 4"],
    ),
    (
        "C_CopyObject",
        "quick-exit",
        Crash,
        &["called exit with status 5"],
    ),
    (
        "C_DestroyObject",
        "hang",
        Hang,
        &["did not return within 1000 ms", "hang+"],
    ),
    ("C_GetObjectSize", "busy-loop", Hang, &["busy_loop+"]),
    (
        "C_GetAttributeValue",
        "blocked-hang",
        Hang,
        &["blocked_hang+"],
    ),
    ("C_SetAttributeValue", "stop", Hang, &["stop+"]),
    ("C_FindObjectsInit", "nap", Pass, &[]),
    (
        "C_FindObjects",
        "recursion",
        Crash,
        &["SIGSEGV", "recurse+"],
    ),
    (
        "C_FindObjectsFinal",
        "double-free",
        Crash,
        &["SIGABRT", "double_free+", "double free"],
    ),
    (
        "C_EncryptInit",
        "heap-corruption",
        Crash,
        &["SIGABRT", "heap_corruption+", "invalid"],
    ),
    ("C_Encrypt", "leak", Crash, &["the limit is 167772160"]),
    (
        "C_GenerateRandom",
        "over-write",
        Crash,
        &["write at", "past the end of a buffer of 21 bytes"],
    ),
    (
        "C_GetMechanismList",
        "over-read",
        Crash,
        &["read at", "past the end of a buffer"],
    ),
    (
        "C_GetSessionInfo",
        "under-write",
        Crash,
        &["wrote 1 byte before a buffer"],
    ),
    (
        "C_EncryptUpdate",
        "write-stdout",
        Pass,
        &["hostile words on stdout"],
    ),
    (
        "C_EncryptFinal",
        "write-stderr",
        Pass,
        &["hostile words on stderr"],
    ),
    (
        "C_DecryptInit",
        "print-and-crash",
        Crash,
        &["SIGSEGV", "hostile words on stdout"],
    ),
    (
        "C_Decrypt",
        "flood-stdout",
        Pass,
        &["ffffffff", "bytes left out"],
    ),
    ("C_DecryptUpdate", "ignore-segv", Crash, &["SIGSEGV"]),
    (
        "C_DecryptFinal",
        "replace-handler",
        Pass,
        &["the handler of SIGSEGV was replaced"],
    ),
    (
        "C_DigestInit",
        "block-signals",
        Pass,
        &["signals blocked: [SIGSEGV SIGTERM]"],
    ),
    ("C_Digest", "block-and-crash", Crash, &["SIGSEGV"]),
    (
        "C_DigestUpdate",
        "chdir",
        Pass,
        &["the working directory was changed"],
    ),
    (
        "C_DigestKey",
        "close-fds",
        Pass,
        &["descriptor 1 was closed"],
    ),
    ("C_DigestFinal", "close-stdio", Pass, &[]),
    (
        "C_SignInit",
        "leak-fd",
        Pass,
        &["was left open on /dev/zero"],
    ),
    ("C_Sign", "exhaust-fds", Crash, &["exhaust_descriptors+"]),
    ("C_SignUpdate", "fork", Pass, &[]),
    ("C_SignFinal", "kill-self", Crash, &["SIGKILL"]),
    (
        "C_SignRecoverInit",
        "fpe",
        Crash,
        &["SIGFPE", "divide_by_zero+"],
    ),
    ("C_SignRecover", "ill", Crash, &["illegal_instruction+"]),
    ("C_VerifyInit", "bus", Crash, &["SIGBUS", "bus_error+"]),
    ("C_Verify", "setenv", Pass, &["HOSTILE_ADDED was added"]),
    ("C_VerifyUpdate", "umask", Pass, &["the umask was changed"]),
    (
        "C_VerifyFinal",
        "setlocale",
        Pass,
        &["the locale was changed"],
    ),
    (
        "C_VerifyRecoverInit",
        "scribble",
        Crash,
        &["memory of its process that is not its own"],
    ),
    (
        "C_VerifyRecover",
        "unknown-code",
        Deviation,
        &["returned 0xdeadbeef"],
    ),
    (
        "C_GenerateKey",
        "error",
        Deviation,
        &["returned CKR_GENERAL_ERROR"],
    ),
];

/// State and step of the case that calls a function.
fn step(function: &str) -> (&'static str, String) {
    match function {
        "C_GenerateRandom" => {
            let step = "{ C_GenerateRandom: { session: $session, random_data: { buffer: 21 } } }";
            ("session", step.to_owned())
        }
        "C_GetMechanismList" => (
            "initialized",
            "{ C_GetMechanismList: { mechanism_list: { buffer: 4 } } }".to_owned(),
        ),
        "C_GetSessionInfo" => (
            "session",
            "{ C_GetSessionInfo: { session: $session } }".to_owned(),
        ),
        _ => (
            "initialized",
            format!("{{ {function}: {{}}, returns: CKR_FUNCTION_NOT_SUPPORTED }}"),
        ),
    }
}

/// The table's cases, each followed by an innocent one, after one that arms the module.
fn everything(folder: &Folder) -> String {
    let arm = "{ C_CancelFunction: {}, returns: CKR_FUNCTION_NOT_SUPPORTED }";
    let innocent = "{ C_GetInfo: {} }, { C_OpenSession: { flags: CKF_SERIAL_SESSION } }";
    let guilty: Vec<_> = TABLE.iter().map(|(function, ..)| step(function)).collect();
    let after: Vec<String> = TABLE.iter().map(|(f, ..)| format!("after-{f}")).collect();
    let mut cases = vec![("arm", "initialized", arm)];
    for (index, (function, ..)) in TABLE.iter().enumerate() {
        cases.push((function, guilty[index].0, &guilty[index].1));
        cases.push((&after[index], "initialized", innocent));
    }
    folder.write("suite.yaml", suite("s", &cases));
    let behaviours: Vec<String> = TABLE.iter().map(|(f, b, ..)| format!("{f}:{b}")).collect();
    folder.hostile(
        &format!("C_CancelFunction:arm,{}", behaviours.join(",")),
        "1s",
    )
}

/// All that a record says of what happened, in words.
fn words(case: &Case) -> String {
    let mut text = format!("{}\n{}\n", case.stdout, case.stderr);
    for finding in &case.findings {
        text += &format!("{}\n", finding.message);
        if let Some(End::Signal { code, .. }) = &finding.end {
            text += code.as_deref().unwrap_or_default();
        }
        if let Some(End::Signal { frames, .. } | End::Hang { frames, .. }) = &finding.end {
            frames
                .iter()
                .for_each(|frame| text += frame.symbol.as_deref().unwrap_or_default());
        }
    }
    text
}

#[test]
fn one_run_survives_every_behaviour() {
    let folder = Folder::new();
    let target = everything(&folder);
    let arguments = ["run", "suite.yaml", "--target", &target, "--run-dir", "run"];
    let output = folder.run(&[&arguments[..], &["--junit", "j.xml"]].concat());
    assert_eq!(output.code, Some(1), "{}", output.err);
    let evidence = folder.evidence();
    assert!(evidence.finished.is_some() && evidence.remaining().is_empty());
    for (function, behaviour, verdict, wanted) in TABLE {
        let guilty = case(&evidence, &format!("s/{function}"));
        assert_eq!(
            guilty.verdict, *verdict,
            "{function}:{behaviour} {guilty:#?}"
        );
        let notes = evidence
            .notes
            .iter()
            .filter(|note| note.text.starts_with(&guilty.id));
        let notes: String = notes.map(|note| note.text.as_str()).collect();
        let all = words(guilty) + &notes;
        for word in *wanted {
            assert!(
                all.contains(word),
                "{function}:{behaviour}: `{word}` in {guilty:#?} {notes}"
            );
        }
        if verdict.is_finding() {
            let path = guilty.reproducer.as_ref().expect("a reproducer");
            assert!(folder.path("run").join(path).is_file());
            assert_eq!(
                guilty.confirmed.map(|again| again.same),
                Some(1),
                "{guilty:#?}"
            );
        }
        let innocent = case(&evidence, &format!("s/after-{function}"));
        assert_eq!(
            innocent.verdict, Pass,
            "after {function}:{behaviour}: {innocent:#?}"
        );
        assert_eq!(
            (innocent.stdout.as_str(), innocent.stderr.as_str()),
            ("", ""),
            "{behaviour}"
        );
    }
    let strays: Vec<_> = evidence
        .cases
        .iter()
        .filter(|case| !case.id.starts_with("s/"))
        .collect();
    assert!(strays.is_empty(), "{strays:#?}");
    replays(&folder, &evidence.cases);
}

/// The replay of a finding shows the same verdict.
fn replays(folder: &Folder, cases: &[Case]) {
    let kinds = [
        ("C_InitToken", "CRASH"),
        ("C_DestroyObject", "HANG"),
        ("C_GenerateKey", "DEVIATION"),
    ];
    for (function, label) in kinds {
        let row = TABLE.iter().find(|row| row.0 == function).expect("a row");
        folder.armed(&format!("{function}:{}", row.1), "1s");
        let case = cases
            .iter()
            .find(|case| case.id == format!("s/{function}"))
            .expect("a record");
        let command = case.replay.as_deref().expect("a command");
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        folder
            .run(&arguments)
            .says(1, &[&format!("{label} s/{function}"), row.3[0]]);
    }
}

/// Whether a library is lost or only says so, the cases behind are as if nothing had been: those for which it is to be
/// initialised, and those for which it is not.
#[test]
fn a_library_that_says_that_it_is_not_initialised_is_made_sure_of() {
    let guilty = [
        (
            "C_GetSessionInfo:deny-initialized",
            "session",
            "{ C_GetSessionInfo: { session: $session }, returns: CKR_CRYPTOKI_NOT_INITIALIZED }",
        ),
        (
            "C_Initialize:lose-itself",
            "initialized",
            "{ C_Initialize: {}, returns: CKR_CANT_LOCK }, \
             { C_GetInfo: {}, returns: CKR_CRYPTOKI_NOT_INITIALIZED }",
        ),
        (
            "C_Initialize:lose-itself",
            "initialized",
            "{ C_Initialize: {}, returns: CKR_CANT_LOCK }",
        ),
    ];
    for (behaviour, state, steps) in guilty {
        let folder = Folder::new();
        let target = folder.armed(behaviour, "20s");
        let loaded = "{ C_Initialize: {} }, { C_Finalize: {} }";
        let cases = [
            ("guilty", state, steps),
            ("initialized", "initialized", "{ C_GetInfo: {} }"),
            ("again", state, steps),
            ("loaded", "loaded", loaded),
            (
                "last",
                "session",
                "{ C_CloseSession: { session: $session } }",
            ),
        ];
        folder.write("s.yaml", suite("s", &cases));
        let run = folder.run(&["run", "s.yaml", "--target", &target, "--run-dir", "run"]);
        run.says(0, &["5 cases: 5 passed"]);
    }
}
