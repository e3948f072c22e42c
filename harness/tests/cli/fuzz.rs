//! `p11assay fuzz`: what it finds it makes short and shows again; what is sound it lets pass.

use crate::kit::{Folder, Output};
use p11assay_reports::evidence::Verdict;

/// A target file for the hostile module with a PIN, misbehaving from the beginning.
pub(crate) fn hostile(folder: &Folder, behaviour: &str, deadline: &str) -> String {
    let name = folder.armed(behaviour, deadline);
    let text = folder.read("hostile.yaml") + "token: { pin: \"1234\" }\n";
    folder.write("hostile.yaml", text);
    name
}

pub(crate) fn fuzz(folder: &Folder, arguments: &[&str]) -> Output {
    // What ends a search is the number of its sequences, or its first finding.
    let fixed = ["fuzz", "--run-dir", "run", "--seed", "1", "--time", "1h"];
    folder.run(&[&fixed, arguments].concat())
}

#[test]
fn a_crash_is_found_made_short_and_shown_again() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    let output = fuzz(&folder, &["--target", &target, "--fail-fast"]);
    output.says(
        1,
        &[
            "fuzz/C_SeedRandom/SIGSEGV",
            "segv_read+",
            "3 of 3 fresh workers",
        ],
    );
    let evidence = folder.evidence();
    let found = evidence
        .cases
        .iter()
        .find(|case| case.verdict == Verdict::Crash);
    let found = found.expect("a crash");
    // A session, if it opened one, and the call that crashes.
    assert!(found.calls <= 3, "{found:#?}");
    let reproducer = found.reproducer.as_ref().expect("a reproducer");
    let replayed = folder.run(&["replay", &format!("run/{reproducer}"), "--target", &target]);
    replayed.says(1, &["SIGSEGV", "C_SeedRandom"]);
    spares_what_somebody_uses(&folder, &format!("run/{reproducer}"), &found.id);
    // It was kept as soon as it was found, before the run that reports it.
    let home = format!("run/findings/{}", found.id);
    assert_eq!(
        format!("run/{reproducer}"),
        format!("{home}/reproducer.yaml")
    );
    crashes_alone(&folder, &format!("{home}/reproducer.c"));
    // And with it all that is known: the module, the trace, where it crashed.
    let record: serde_json::Value =
        serde_json::from_str(&folder.read(&format!("{home}/finding.json"))).expect("a record");
    assert_eq!(record["target"]["sha256"].as_str().map(str::len), Some(64));
    let case = &record["case"];
    assert_eq!(
        case["confirmed"],
        serde_json::json!({ "tries": 3, "same": 3 })
    );
    assert!(
        case["trace"]
            .as_array()
            .is_some_and(|calls| !calls.is_empty())
    );
    let backtrace = folder.read(&format!("{home}/backtrace.txt"));
    for words in [
        "SIGSEGV (SEGV_MAPERR) on read at 0x10",
        "#0   libhostile.so+0x",
        "segv_read",
        "rip",
    ] {
        assert!(backtrace.contains(words), "{words} in {backtrace}");
    }
}

/// A sequence that a search made up is not for a token that nobody declared disposable, however it is run again: the
/// module would crash if it were.
fn spares_what_somebody_uses(folder: &Folder, reproducer: &str, id: &str) {
    let text = folder.read("hostile.yaml");
    let used = text.replace("disposable: true", "disposable: false");
    assert_ne!(text, used);
    folder.write("used.yaml", used);
    let target = ["--target", "./used.yaml"];
    folder
        .run(&[&["replay", reproducer], &target[..]].concat())
        .says(2, &["this reproducer destroys what is on a token"]);
    let why = "the target is not declared disposable (--disposable)";
    let left_out = |evidence: &str| {
        let evidence = p11assay_reports::stream::read(&folder.path(evidence)).expect("evidence");
        let case = crate::kit::case(&evidence, id);
        assert_eq!(case.verdict, Verdict::NotApplicable);
        assert_eq!((case.calls, case.reason.as_deref()), (0, Some(why)));
    };
    let run = ["run", reproducer, "--run-dir", "left-out"];
    folder.run(&[&run, &target[..]].concat()).says(0, &[]);
    left_out("left-out/evidence.jsonl");
    let check = ["triage", "run", "--check", "--run-dir", "unchecked"];
    folder
        .run(&[&check, &target[..]].concat())
        .says(0, &["open: 1", why]);
    left_out("unchecked/evidence.jsonl");
    // Whoever says that it may be destroyed has it run.
    let declared = ["replay", reproducer, "--disposable"];
    folder
        .run(&[&declared, &target[..]].concat())
        .says(1, &["SIGSEGV"]);
}

/// The C program of a finding crashes without the harness, too, and does not where the module behaves.
fn crashes_alone(folder: &Folder, source: &str) {
    use std::os::unix::process::ExitStatusExt;
    let program = folder.path("program");
    let mut compiler = std::process::Command::new("cc");
    compiler
        .arg("-o")
        .arg(&program)
        .arg(folder.path(source))
        .arg("-ldl");
    assert!(compiler.status().expect("a C compiler").success());
    let run = |hostile: Option<&str>| {
        let mut command = std::process::Command::new(&program);
        command.env_remove("HOSTILE").env_remove("HOSTILE_WHEN");
        command.envs(hostile.map(|hostile| ("HOSTILE", hostile)));
        let output = command.env("P11_PIN", "1234").output().expect("it runs");
        (
            output.status.signal(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    // What the target sets is written in.
    let (signal, said) = run(None);
    assert_eq!(signal, Some(11), "{said}");
    assert!(said.ends_with("C_SeedRandom"), "{said}");
    assert!(said.matches("C_").count() <= 10, "{said}");
    let (signal, said) = run(Some(""));
    assert_eq!(signal, None, "{said}");
    assert!(said.ends_with("the end\n"), "{said}");
}

#[test]
fn every_way_to_end_is_found() {
    for (behaviour, id) in [
        ("C_SeedRandom:exit", "fuzz/C_SeedRandom/exit-"),
        ("C_GenerateRandom:over-write", "fuzz/C_GenerateRandom/"),
        ("C_GetSessionInfo:hang", "fuzz/C_GetSessionInfo/hang"),
    ] {
        let folder = Folder::new();
        let target = hostile(&folder, behaviour, "300ms");
        fuzz(&folder, &["--target", &target, "--fail-fast"]).says(1, &[id]);
    }
}

#[test]
fn a_search_that_finds_nothing_says_what_it_did_and_can_be_made_again() {
    let folder = Folder::new();
    let count = |output: Output| {
        output.says(0, &["1 passed"]);
        let evidence = folder.evidence();
        std::fs::remove_dir_all(folder.path("run")).expect("the run's folder");
        evidence.cases[0].title.clone()
    };
    let arguments = ["--sequences", "40", "--corpus", "corpus"];
    let first = count(fuzz(&folder, &arguments));
    assert!(first.starts_with("40 sequences and "), "{first}");
    let kept = std::fs::read_dir(folder.path("corpus"))
        .expect("a corpus")
        .count();
    assert!(kept > 10, "{kept}");
    std::fs::remove_dir_all(folder.path("corpus")).expect("the corpus");
    let second = count(fuzz(&folder, &arguments));
    assert_eq!(first, second, "the same seed on the same target");
    std::fs::remove_dir_all(folder.path("corpus")).expect("the corpus");
    let told = [&arguments[..], &["--variants", "1024"]].concat();
    assert!(first.contains(" up to 1024 of each"), "{first}");
    assert_eq!(first, count(fuzz(&folder, &told)), "as many, told");
}

/// What does not take two threads is shown without them, though nothing tells which of them called `_exit`.
#[test]
fn sequences_with_lanes_find_an_end_and_leave_out_the_lanes_that_it_does_not_take() {
    let ends = [
        ("segv-read", "SIGSEGV"),
        ("exit", "exit-3"),
        ("_exit", "exit-4"),
    ];
    for (behaviour, found) in ends {
        let folder = Folder::new();
        let target = hostile(&folder, &format!("C_SeedRandom:{behaviour}"), "2s");
        let lanes = ["--target", &target, "--threads", "3", "--fail-fast"];
        let output = fuzz(&folder, &lanes);
        output.says(1, &[&format!("fuzz/C_SeedRandom/{found}")]);
        let reproducer = folder.evidence().cases[0].reproducer.clone();
        let kept = folder.read(&format!("run/{}", reproducer.expect("a reproducer")));
        assert!(!kept.contains("together"), "{kept}");
    }
}

#[test]
fn threads_need_a_library_that_was_told_of_them() {
    let folder = Folder::new();
    let threads = ["--threads", "4", "--sequences", "40"];
    fuzz(&folder, &[&threads[..], &["--corpus", "corpus"]].concat()).says(0, &["1 passed"]);
    let search = folder.evidence().cases.pop().expect("the search");
    assert!(search.title.contains("4 threads"), "{}", search.title);
    std::fs::remove_dir_all(folder.path("run")).expect("the run's folder");
    let alone = [&["--target", "builtin-removable"], &threads[..]].concat();
    fuzz(&folder, &alone).says(2, &["CKF_OS_LOCKING_OK"]);
    fuzz(&folder, &["--threads", "9"]).says(2, &["--threads"]);
    let minimise = [
        "corpus",
        "minimise",
        "corpus",
        "--threads",
        "4",
        "--into",
        "small",
    ];
    folder.run(&minimise).says(0, &["inputs lead everywhere"]);
    let alone = ["--target", "builtin-removable", "--into", "alone"];
    folder
        .run(&[&minimise[..5], &alone].concat())
        .says(2, &["CKF_OS_LOCKING_OK"]);
}

#[test]
fn jobs_share_out_the_sequences_and_the_findings() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    let jobs = ["--jobs", "2", "--sequences", "600", "--variants", "8"];
    fuzz(&folder, &[&["--target", &target][..], &jobs].concat())
        .says(1, &["fuzz/C_SeedRandom/SIGSEGV", "1 crash"]);
    let search = folder.evidence().cases.pop().expect("the search");
    assert!(
        search.title.starts_with("600 sequences"),
        "{}",
        search.title
    );
}

#[test]
fn a_token_that_must_not_be_destroyed_is_left_alone() {
    let folder = Folder::new();
    let name = folder.hostile("C_SeedRandom:segv-read", "1s");
    let text = folder
        .read("hostile.yaml")
        .replace("disposable: true", "disposable: false");
    folder.write("hostile.yaml", &text);
    fuzz(&folder, &["--target", &name]).says(2, &["disposable"]);
    let text = text.replace("disposable: false", "disposable: true");
    folder.write("hostile.yaml", text);
    fuzz(&folder, &["--target", &name]).says(2, &["PIN", "--pin"]);
}

#[test]
fn a_corpus_is_made_as_small_as_it_can_be() {
    let folder = Folder::new();
    fuzz(
        &folder,
        &[
            "--sequences",
            "200",
            "--variants",
            "16",
            "--corpus",
            "corpus",
        ],
    )
    .says(0, &[]);
    let count = |name: &str| {
        std::fs::read_dir(folder.path(name))
            .expect("a folder")
            .count()
    };
    let all = count("corpus");
    // What is there twice is there once.
    let minimise = ["corpus", "minimise", "corpus", "corpus", "--into", "small"];
    let output = folder.run(&minimise);
    output.says(0, &["inputs lead everywhere", "0 show something wrong"]);
    assert!(
        (1..=all).contains(&count("small")),
        "{} of {all}",
        count("small")
    );
    // Minimising what is minimal already leaves it alone.
    let again = ["corpus", "minimise", "small", "--into", "smaller"];
    folder.run(&again).says(0, &[]);
    assert_eq!(count("small"), count("smaller"));
    folder.run(&minimise).says(2, &["has inputs already"]);
}

/// Inputs that are the same each time.
fn inputs(folder: &Folder, name: &str, count: u32) {
    std::fs::create_dir(folder.path(name)).expect("a folder");
    let mut state = 1_u64;
    for number in 0..count {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        folder.write(&format!("{name}/{number:03}"), bytes);
    }
}

/// What a search over the same inputs came to: what it did, what it found, which functions it reached.
fn search(
    folder: &Folder,
    target: &str,
    coverage: &[&str],
) -> (String, Vec<String>, Option<String>) {
    inputs(folder, "corpus", 96);
    let fixed = [
        "--target",
        target,
        "--corpus",
        "corpus",
        "--sequences",
        "96",
        "--variants",
        "8",
    ];
    let output = fuzz(folder, &[&fixed, coverage].concat());
    assert!(matches!(output.code, Some(0 | 1)), "{output:#?}");
    let mut cases = folder.evidence().cases;
    let search = cases.pop().expect("the search").title;
    for made in ["run", "corpus"] {
        std::fs::remove_dir_all(folder.path(made)).expect("a folder");
    }
    let (did, reached) = match search.split_once("; ") {
        Some((did, reached)) => (did.to_owned(), Some(reached.to_owned())),
        None => (search, None),
    };
    (
        did,
        cases.into_iter().map(|case| case.id).collect(),
        reached,
    )
}

/// Asserts that breakpoints change nothing but what is known of functions, of which at least so many are reached.
fn assert_the_same_with_breakpoints(folder: &Folder, target: &str, least: u32) {
    let (did, found, reached) = search(folder, target, &[]);
    assert_eq!(reached, None);
    let with = search(folder, target, &["--coverage", "breakpoints"]);
    assert_eq!((did, found), (with.0, with.1));
    let reached = with.2.expect("functions");
    let number = reached
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    assert!(number >= Some(least), "{reached}");
    assert!(
        reached.contains(" functions of lib") && reached.ends_with(" reached"),
        "{reached}"
    );
}

#[test]
fn breakpoints_change_nothing_of_what_is_found() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    assert_the_same_with_breakpoints(&folder, &target, 20);
    match std::path::Path::new("/usr/lib/softhsm/libsofthsm2.so").is_file() {
        true => assert_the_same_with_breakpoints(&folder, "softhsm2", 700),
        false => eprintln!("SKIPPED: softhsm2 is not installed"),
    }
}

#[test]
fn a_module_that_does_not_bear_breakpoints_is_searched_without() {
    for (behaviour, reason) in [
        ("C_SeedRandom:block-traps", "runs with SIGTRAP blocked"),
        ("C_SeedRandom:handle-traps", "handles SIGTRAP itself"),
    ] {
        let folder = Folder::new();
        let target = hostile(&folder, behaviour, "2s");
        let (did, found, reached) = search(&folder, &target, &["--coverage", "breakpoints"]);
        let reached = reached.expect("functions");
        assert!(reached.contains(reason), "{reached}");
        assert_eq!((did, found), {
            let (did, found, _) = search(&folder, &target, &[]);
            (did, found)
        });
    }
}

/// A module that was built to tell its edges guides a search by them, and the search is the same otherwise.
#[test]
fn what_instrumented_code_tells_is_followed() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_SeedRandom:segv-read", "2s");
    let sancov = ["--coverage", "sancov"];
    let plain = [&sancov[..], &["--target", &target]].concat();
    fuzz(&folder, &plain).says(3, &["was not built with -fsanitize-coverage"]);
    let more = [&plain[..], &["--coverage-of", "libnone.so"]].concat();
    fuzz(&folder, &more).says(2, &["leave --coverage-of out"]);
    let (did, found, _) = search(&folder, &target, &[]);
    for (path, told) in [
        (
            hostile_module::path_with_guards(),
            " of 4096 edges of libhostile-guards.so reached",
        ),
        (
            hostile_module::path_with_counters(),
            " of 4096 edges of libhostile-counters.so reached",
        ),
        (
            hostile_module::path_with_blocks(),
            " blocks of libhostile-blocks.so reached",
        ),
    ] {
        let text = folder.read("hostile.yaml");
        let module = text.lines().find(|line| line.starts_with("module:"));
        let other = format!("module: {}", path.display());
        folder.write(
            "hostile.yaml",
            text.replace(module.expect("a module"), &other),
        );
        let with = search(&folder, &target, &sancov);
        assert_eq!((&did, found.len()), (&with.0, with.1.len()));
        let reached = with.2.expect("edges");
        let number = reached
            .strip_suffix(told)
            .and_then(|number| number.parse().ok());
        assert!(number >= Some(100), "{reached}");
    }
}

#[test]
fn functions_are_followed_in_modules_only() {
    let folder = Folder::new();
    let coverage = ["--coverage", "breakpoints"];
    fuzz(&folder, &coverage).says(2, &["the built-in token is part of the program"]);
    let target = hostile(&folder, "", "2s");
    let other = ["--coverage-of", "libnone.so", "--target", &target];
    fuzz(&folder, &[&coverage[..], &other].concat()).says(3, &["no library libnone.so is loaded"]);
    inputs(&folder, "corpus", 40);
    let minimise = [
        "corpus", "minimise", "corpus", "--into", "small", "--target", &target,
    ];
    folder
        .run(&[&minimise[..], &coverage].concat())
        .says(0, &["inputs lead everywhere", "functions of libhostile.so"]);
}
