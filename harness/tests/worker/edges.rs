//! Modules that were built with SanitizerCoverage: what their code tells is told on, each edge once, with its case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::kit::{end, response, send_to, signal, spawn};
use p11assay::worker::Reply;

crate::tests![
    edges_are_told_once_with_their_case,
    a_crash_loses_nothing,
    numbers_are_the_same_in_every_worker,
    a_module_that_tells_nothing_is_refused,
];

/// The variants of the hostile module, and what is said of each.
fn variants() -> [(PathBuf, &'static str); 3] {
    [
        (
            hostile_module::path_with_blocks(),
            "libhostile-blocks.so 262144\n",
        ),
        (
            hostile_module::path_with_guards(),
            "libhostile-guards.so 4096\n",
        ),
        (
            hostile_module::path_with_counters(),
            "libhostile-counters.so 4096\n",
        ),
    ]
}

fn follow(hostile: &str, path: &Path, lines: &[&str]) -> Reply {
    let all = [&["edges", "C_Initialize"], lines].concat();
    send_to(&mut spawn(hostile), path, &all)
}

/// The edges reached in a case.
fn edges(reply: &Reply, case: u32) -> BTreeSet<u32> {
    let reached = reply.reached.iter().filter(|reached| reached.case == case);
    reached.map(|reached| reached.function).collect()
}

fn edges_are_told_once_with_their_case() {
    for (path, known) in variants() {
        let mut worker = spawn("");
        let lines = ["edges", "C_Initialize", "C_GetInfo", "C_GetInfo"];
        let reply = send_to(&mut worker, &path, &lines);
        let said = response(&reply);
        assert!(said.starts_with(known), "{said}");
        assert!(said.ends_with("C_GetInfo=0x0\nC_GetInfo=0x0\n"), "{said}");
        let (first, second, third) = (edges(&reply, 1), edges(&reply, 2), edges(&reply, 3));
        assert!(
            first.len() > 1 && second.len() > 1,
            "{known}{first:?} {second:?}"
        );
        assert!(first.is_disjoint(&second), "{known}{first:?} {second:?}");
        assert_eq!(third, BTreeSet::new(), "{known}");
        let again = send_to(
            &mut worker,
            &path,
            &["C_GetInfo", "C_OpenSession", "C_GetInfo"],
        );
        assert!(!edges(&again, 1).is_empty(), "{known}{again:?}");
        assert_eq!(again.reached.len(), edges(&again, 1).len(), "{known}");
        assert!(!reply.gave_up);
    }
}

fn a_crash_loses_nothing() {
    for (path, known) in variants() {
        let plain = follow("", &path, &["C_GetInfo"]);
        let crashed = follow("C_GetInfo:segv-read", &path, &["C_GetInfo"]);
        let (signal, frames) = signal(end(&crashed));
        assert_eq!(
            (signal.signal, signal.address),
            ("SIGSEGV", Some(0x10)),
            "{known}"
        );
        let inner = frames[0].symbol.as_deref().unwrap_or_default();
        assert!(inner.starts_with("segv_read+"), "{inner}");
        let own = edges(&crashed, 2);
        assert!(!own.is_subset(&edges(&plain, 2)), "{known}{own:?}");
    }
}

/// What was known before is known again by its number, whatever worker it is in.
fn numbers_are_the_same_in_every_worker() {
    for (path, known) in variants() {
        let one = follow("", &path, &["C_GetInfo"]);
        let other = follow("", &path, &["C_GetInfo"]);
        assert_eq!(edges(&one, 1), edges(&other, 1), "{known}");
        assert_eq!(edges(&one, 2), edges(&other, 2), "{known}");
    }
}

fn a_module_that_tells_nothing_is_refused() {
    let reply = follow("", &hostile_module::path(), &["C_GetInfo"]);
    let said = response(&reply);
    assert!(
        said.contains("was not built with -fsanitize-coverage"),
        "{said}"
    );
    assert!(reply.reached.is_empty());
}
