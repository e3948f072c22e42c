//! Breakpoints at the starts of functions: what is reached is told once, with its case, and whatever else a
//! module does ends as it does without them.

use crate::kit::{end, response, run, send, signal, spawn};
use object::{Object, ObjectSymbol};
use p11assay::worker::reach::{self, OUTSIDE};
use p11assay::worker::{Outcome, Reply};
use p11assay_reports::evidence::End;
use std::collections::BTreeMap;
use std::fs;

crate::tests![
    functions_are_told_once_with_their_case,
    a_crash_is_the_same,
    a_trap_of_the_modules_own_is_a_crash,
    threads_may_race_for_a_breakpoint,
    children_run_into_breakpoints_of_their_own,
    the_last_descriptor_is_not_needed,
    code_stays_write_protected,
    a_module_with_a_handler_is_left_alone,
    a_blocked_trap_ends_the_worker,
    a_dependency_is_followed_by_its_name,
    what_cannot_be_followed_is_said,
];

/// Functions of the hostile module by number: names.
fn names() -> BTreeMap<u32, String> {
    let path = hostile_module::path();
    let data = fs::read(&path).expect("the module");
    let file = object::File::parse(&*data).expect("an ELF file");
    let symbols: BTreeMap<u64, &str> = file
        .symbols()
        .filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?)))
        .collect();
    let named = reach::offsets(&path).into_iter().zip(0..);
    named
        .filter_map(|(offset, number)| Some((number, (*symbols.get(&offset)?).to_owned())))
        .collect()
}

/// A fresh worker that follows functions from before C_Initialize, case 1, on.
fn follow(hostile: &str, lines: &[&str]) -> Reply {
    let all = [&["cover", "C_Initialize"], lines].concat();
    send(&mut spawn(hostile), &all)
}

/// In which case each function was reached.
fn cases(reply: &Reply) -> BTreeMap<String, u32> {
    let names = names();
    let named = reply.reached.iter().map(|reached| {
        let name = names.get(&reached.function).cloned();
        (name.unwrap_or_default(), reached.case)
    });
    let cases: BTreeMap<String, u32> = named.collect();
    assert_eq!(cases.len(), reply.reached.len(), "each once");
    cases
}

fn functions_are_told_once_with_their_case() {
    let mut worker = spawn("");
    let lines = ["cover", "C_Initialize", "C_GetInfo", "C_GetInfo"];
    let reply = send(&mut worker, &lines);
    let said = response(&reply);
    let module = format!("libhostile.so {}\n", names().len());
    assert!(said.starts_with(&module), "{said}");
    assert!(said.ends_with("C_GetInfo=0x0\nC_GetInfo=0x0\n"), "{said}");
    let reached = cases(&reply);
    assert_eq!(reached.get("C_Initialize"), Some(&1));
    assert_eq!(reached.get("C_GetInfo"), Some(&2));
    assert_eq!(reached.get("misbehave"), Some(&1));
    assert_eq!(reached.get("segv_read"), None);
    assert!(!reply.gave_up);
    let again = send(&mut worker, &["C_GetInfo", "C_OpenSession"]);
    let reached = cases(&again);
    assert_eq!(reached.get("C_OpenSession"), Some(&1));
    assert_eq!(reached.get("C_GetInfo"), None);
}

/// Where the innermost frames are.
fn places(frames: &[p11assay_reports::evidence::Frame]) -> Vec<(String, Option<String>)> {
    let inner = frames.iter().take(4);
    inner
        .map(|frame| (frame.module.clone(), frame.symbol.clone()))
        .collect()
}

fn a_crash_is_the_same() {
    for behaviour in ["segv-read", "abort", "exit", "null-call"] {
        let hostile = format!("C_GetInfo:{behaviour}");
        let (plain, followed) = (
            run(&hostile, &["C_GetInfo"]),
            follow(&hostile, &["C_GetInfo"]),
        );
        let (plain, with) = (end(&plain), end(&followed));
        match (plain, with) {
            (End::Signal { .. }, End::Signal { .. }) => {
                let ((one, frames), (other, others)) = (signal(plain), signal(with));
                assert_eq!(one, other);
                assert_eq!(places(frames), places(others));
            }
            _ => assert_eq!(plain, with),
        }
    }
    // Which instruction meets the end of the stack depends on where the kernel had it begin: few do, and nearly always one.
    let overflow = |reply: &Reply| places(signal(end(reply)).1);
    let hostile = "C_GetInfo:recursion";
    let (mut plain, mut with) = (Vec::new(), Vec::new());
    let met = (0..20).any(|_| {
        plain.push(overflow(&run(hostile, &["C_GetInfo"])));
        with.push(overflow(&follow(hostile, &["C_GetInfo"])));
        plain.iter().any(|one| with.contains(one))
    });
    assert!(met, "{plain:?} {with:?}");
    // What was reached before the end is not lost with it.
    let reached = cases(&follow("C_GetInfo:segv-read", &["C_GetInfo"]));
    assert_eq!(reached.get("segv_read"), Some(&2));
}

fn a_trap_of_the_modules_own_is_a_crash() {
    let reply = follow("C_GetInfo:ill", &["C_GetInfo"]);
    let (signal, frames) = signal(end(&reply));
    assert!(["SIGILL", "SIGTRAP"].contains(&signal.signal));
    assert!(
        frames[0]
            .symbol
            .as_ref()
            .is_some_and(|name| name.starts_with("illegal_instruction+"))
    );
}

fn threads_may_race_for_a_breakpoint() {
    for _ in 0..20 {
        let reply = follow("C_GetInfo:race", &["C_GetInfo"]);
        assert!(response(&reply).ends_with("C_GetInfo=0x0\n"));
        let reached = cases(&reply);
        let raced = reached.keys().filter(|name| name.starts_with("raced_"));
        assert_eq!(raced.count(), 16);
    }
}

fn children_run_into_breakpoints_of_their_own() {
    for (behaviour, function) in [
        ("fork-first", "first_in_child"),
        ("vfork-first", "first_in_vfork"),
    ] {
        let hostile = format!("C_GetInfo:{behaviour}");
        let reply = follow(&hostile, &["C_GetInfo", "C_GetInfo"]);
        assert!(response(&reply).ends_with("C_GetInfo=0x0\nC_GetInfo=0x0\n"));
        assert_eq!(cases(&reply).get(function), Some(&2), "{behaviour}");
    }
}

fn the_last_descriptor_is_not_needed() {
    let reply = follow("C_GetInfo:exhaust-fds", &["C_GetInfo"]);
    let (_, frames) = signal(end(&reply));
    assert!(
        frames[0]
            .symbol
            .as_ref()
            .is_some_and(|name| name.starts_with("segv_read+"))
    );
    assert_eq!(cases(&reply).get("segv_read"), Some(&2));
}

fn code_stays_write_protected() {
    let mut worker = spawn("");
    let reply = send(&mut worker, &["cover", "C_Initialize", "C_GetInfo"]);
    assert!(cases(&reply).contains_key("C_GetInfo"));
    let maps = fs::read_to_string(format!("/proc/{}/maps", worker.pid())).expect("its map");
    let mut module = maps.lines().filter(|line| line.ends_with("/libhostile.so"));
    assert!(module.clone().any(|line| line.contains(" r-xp ")));
    assert!(!module.any(|line| line.contains("wx")), "{maps}");
}

fn a_module_with_a_handler_is_left_alone() {
    let lines = ["C_OpenSession", "C_GetInfo", "C_GenerateRandom"];
    let reply = follow("C_OpenSession:handle-traps", &lines);
    let said = response(&reply);
    let all = "C_OpenSession=0x0\nC_GetInfo=0x0\nC_GenerateRandom=0x0\n";
    assert!(said.ends_with(all), "{said}");
    assert!(reply.gave_up);
    let reached = cases(&reply);
    assert!(reached.contains_key("after_handler"));
    assert!(!reached.contains_key("C_GetInfo"));
    // Here a function is entered before that is seen, and the handler makes nonsense of it: goes on in the midst of an
    // instruction, or comes back to the breakpoint, which was not executed, forever.
    let reply = follow("C_GetInfo:handle-traps", &["C_GetInfo"]);
    let end = end(&reply);
    match cfg!(target_arch = "aarch64") {
        true => assert!(matches!(end, End::Hang { .. }), "{end:?}"),
        false => assert!(matches!(end, End::Signal { .. }), "{end:?}"),
    }
    assert!(reply.gave_up);
}

/// The station above takes such an end for what it is, and goes on without breakpoints.
fn a_blocked_trap_ends_the_worker() {
    let reply = follow("C_GetInfo:block-traps", &["C_GetInfo"]);
    let (signal, frames) = signal(end(&reply));
    assert_eq!((signal.signal, frames), ("SIGTRAP", &[][..]));
}

fn a_dependency_is_followed_by_its_name() {
    let reply = send(&mut spawn(""), &["cover libgcc_s.so.1", "C_Initialize"]);
    let said = response(&reply);
    let number = said
        .lines()
        .nth(1)
        .and_then(|line| line.strip_prefix("libgcc_s.so.1 "));
    let number: u32 = number.and_then(|number| number.parse().ok()).expect(said);
    assert!(number > 50, "{said}");
    assert_eq!(cases(&reply).get("C_Initialize"), Some(&1));
}

fn what_cannot_be_followed_is_said() {
    let refused = |line| {
        let reply = send(&mut spawn(""), &[line, "C_Initialize"]);
        assert!(matches!(&reply.outcome, Outcome::Response(_)));
        assert!(reply.reached.iter().all(|reached| reached.case == OUTSIDE));
        response(&reply).to_owned()
    };
    let said = refused("cover libnone.so.1");
    assert!(
        said.starts_with("no library libnone.so.1 is loaded"),
        "{said}"
    );
    let said = refused("cover libc.so.6");
    assert!(said.starts_with("libc.so.6 is the program's own"), "{said}");
}
