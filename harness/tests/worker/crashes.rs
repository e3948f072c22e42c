//! Signals and exits: what the parent learns of each.

use crate::kit::{Signal, assert_in_flight, assert_stack, end, notes, response, run, signal};
use crate::target::GUARD;
use p11assay::worker::Reply;
use p11assay_reports::evidence::{End, Frame};

crate::tests![
    reading_a_bad_address,
    writing_a_bad_address,
    writing_constant_memory,
    calling_a_null_pointer,
    calling_data,
    dividing_by_zero,
    an_illegal_instruction,
    a_bus_error,
    an_abort,
    a_double_free,
    a_corrupted_heap,
    a_stack_overflow,
    a_kill_from_outside,
    a_crash_with_the_signal_ignored,
    a_crash_with_the_signal_blocked,
    a_crash_without_free_descriptors,
    a_crash_in_another_thread,
    exits_of_every_kind,
    frames_carry_module_offset_and_build_id,
    an_over_write_hits_the_guard,
    an_over_read_hits_the_guard,
    an_under_write_is_found_by_the_canary,
    a_short_table_hits_its_end,
    scribbling_over_shared_memory,
];

fn crash(behaviour: &str) -> Reply {
    let reply = run(&format!("C_GetInfo:{behaviour}"), &["C_GetInfo"]);
    assert_in_flight(&reply, "C_GetInfo");
    assert_eq!(reply.journal.corrupted(), None);
    reply
}

/// Asserts signal, code, address and access of a crash in `C_GetInfo`, and its innermost frames.
fn assert_crash(behaviour: &str, expected: Signal<'_>, inner: &[&str]) {
    let reply = crash(behaviour);
    let (signal, frames) = signal(end(&reply));
    assert_eq!(signal, expected);
    let outer = ["misbehave", "C_GetInfo", "main"];
    assert_stack(frames, &[inner, &outer].concat());
}

fn fault<'a>(code: &'a str, address: u64, access: &'a str) -> Signal<'a> {
    Signal {
        signal: "SIGSEGV",
        code: Some(code),
        address: Some(address),
        access: Some(access),
    }
}

fn reading_a_bad_address() {
    let expected = fault("SEGV_MAPERR", 0x10, "read");
    assert_crash("segv-read", expected, &["segv_read"]);
}

fn writing_a_bad_address() {
    let expected = fault("SEGV_MAPERR", 0x20, "write");
    assert_crash("segv-write", expected, &["segv_write"]);
}

fn writing_constant_memory() {
    let reply = crash("segv-readonly");
    let (signal, frames) = signal(end(&reply));
    assert_eq!(
        (signal.code, signal.access),
        (Some("SEGV_ACCERR"), Some("write"))
    );
    assert_stack(frames, &["segv_readonly", "C_GetInfo"]);
}

fn calling_a_null_pointer() {
    let reply = crash("null-call");
    let (signal, frames) = signal(end(&reply));
    assert_eq!(signal, fault("SEGV_MAPERR", 0, "execute"));
    assert_eq!((frames[0].module.as_str(), frames[0].offset), ("?", 0));
    assert_stack(&frames[1..2], &["null_call"]);
    assert_stack(frames, &["null_call", "misbehave", "C_GetInfo", "main"]);
}

fn calling_data() {
    let reply = crash("data-call");
    let (signal, frames) = signal(end(&reply));
    assert_eq!(
        (signal.code, signal.access),
        (Some("SEGV_ACCERR"), Some("execute"))
    );
    assert_stack(frames, &["data_call", "misbehave", "C_GetInfo", "main"]);
}

fn dividing_by_zero() {
    let reply = crash("fpe");
    let (signal, frames) = signal(end(&reply));
    assert_eq!(signal.signal, "SIGFPE");
    if cfg!(target_arch = "x86_64") {
        assert_eq!(signal.code, Some("FPE_INTDIV"));
    }
    assert_stack(frames, &["divide_by_zero", "C_GetInfo"]);
}

fn an_illegal_instruction() {
    let reply = crash("ill");
    let (signal, frames) = signal(end(&reply));
    assert!(["SIGILL", "SIGTRAP"].contains(&signal.signal));
    assert_stack(frames, &["illegal_instruction", "C_GetInfo"]);
}

fn a_bus_error() {
    let reply = crash("bus");
    let (signal, frames) = signal(end(&reply));
    assert_eq!((signal.signal, signal.code), ("SIGBUS", Some("BUS_ADRERR")));
    assert!(signal.address.is_some());
    assert_stack(frames, &["bus_error", "C_GetInfo"]);
}

fn abort_of(behaviour: &str, function: &str) {
    let reply = crash(behaviour);
    let (signal, frames) = signal(end(&reply));
    assert_eq!((signal.signal, signal.address), ("SIGABRT", None));
    assert_stack(frames, &[function, "misbehave", "C_GetInfo", "main"]);
}

fn an_abort() {
    abort_of("abort", "do_abort");
}

fn a_double_free() {
    abort_of("double-free", "double_free");
}

fn a_corrupted_heap() {
    abort_of("heap-corruption", "heap_corruption");
}

fn a_stack_overflow() {
    let reply = crash("recursion");
    let (signal, frames) = signal(end(&reply));
    assert_eq!((signal.signal, signal.access), ("SIGSEGV", Some("write")));
    assert_stack(frames, &["recurse"; 20]);
}

fn bare(signal: &str) -> Signal<'_> {
    Signal {
        signal,
        code: None,
        address: None,
        access: None,
    }
}

fn a_kill_from_outside() {
    let reply = crash("kill-self");
    assert_eq!(signal(end(&reply)).0, bare("SIGKILL"));
}

fn a_crash_with_the_signal_ignored() {
    let reply = crash("ignore-segv");
    assert_eq!(signal(end(&reply)).0, bare("SIGSEGV"));
}

fn a_crash_with_the_signal_blocked() {
    let reply = crash("block-and-crash");
    assert_eq!(signal(end(&reply)).0, bare("SIGSEGV"));
}

fn a_crash_without_free_descriptors() {
    let reply = crash("exhaust-fds");
    let (_, frames) = signal(end(&reply));
    assert_stack(frames, &["segv_read", "exhaust_descriptors", "C_GetInfo"]);
}

fn a_crash_in_another_thread() {
    let reply = run("C_GetInfo:thread-crash", &["C_GetInfo", "sleep 2000"]);
    let (signal, frames) = signal(end(&reply));
    assert_eq!(signal, fault("SEGV_MAPERR", 0x20, "write"));
    assert_stack(frames, &["segv_write", "crash_later"]);
    assert_eq!(reply.in_flight, None);
}

fn exits_of_every_kind() {
    for (behaviour, status) in [("exit", 3), ("_exit", 4), ("quick-exit", 5)] {
        assert_eq!(end(&crash(behaviour)), &End::Exited { status });
    }
}

fn frames_carry_module_offset_and_build_id() {
    let reply = crash("segv-read");
    let (_, frames) = signal(end(&reply));
    let Frame {
        module,
        offset,
        build_id,
        symbol,
    } = &frames[0];
    assert_eq!(module, "libhostile.so");
    let size = std::fs::metadata(hostile_module::path())
        .expect("the module")
        .len();
    assert!((1..size).contains(offset));
    assert_eq!(build_id.as_ref().map(String::len), Some(40));
    assert!(
        symbol
            .as_ref()
            .is_some_and(|name| name.starts_with("segv_read+0x"))
    );
    let again = crash("segv-read");
    assert_eq!(
        signal(end(&again)).1[0],
        frames[0],
        "the same place each time"
    );
}

fn guard_of(behaviour: &str, access: &str) {
    let hostile = format!("C_GenerateRandom:{behaviour}");
    let reply = run(&hostile, &["C_GenerateRandom"]);
    let (signal, _) = signal(end(&reply));
    assert_eq!(
        (signal.code, signal.access),
        (Some("SEGV_ACCERR"), Some(access))
    );
    let guard = reply.guard.expect("a guarded buffer");
    assert_eq!((guard.label, guard.offset()), (101, 21));
    let text = "1 byte past the end of a buffer of 21 bytes";
    assert_eq!(guard.to_string(), text);
}

fn an_over_write_hits_the_guard() {
    guard_of("over-write", "write");
}

fn an_over_read_hits_the_guard() {
    guard_of("over-read", "read");
}

fn an_under_write_is_found_by_the_canary() {
    let calls = ["C_OpenSession", "C_GenerateRandom", "C_GenerateRandom"];
    let reply = run("C_GenerateRandom:under-write", &calls);
    assert!(response(&reply).ends_with("C_GenerateRandom=0x0\n"));
    let text = "wrote 1 byte before a buffer of 21 bytes";
    assert_eq!(notes(&reply, GUARD), [text, text]);
}

fn a_short_table_hits_its_end() {
    let hostile = "C_GetFunctionList:short-table";
    let reply = run(hostile, &["C_WaitForSlotEvent"]);
    let (signal, _) = signal(end(&reply));
    assert_eq!((signal.signal, signal.access), ("SIGSEGV", Some("read")));
    assert_in_flight(&reply, "C_WaitForSlotEvent");
}

/// A module that overwrites everything it finds can only spoil its own worker's account.
fn scribbling_over_shared_memory() {
    let reply = run("C_GetInfo:scribble", &["C_GetInfo"]);
    let garbled = reply.outcome == p11assay::worker::Outcome::Garbled;
    let spoiled = garbled || reply.journal.corrupted().is_some();
    assert!(spoiled, "{reply:?}");
    assert_eq!(
        response(&run("", &["C_GetInfo"])),
        "C_Initialize=0x0\nC_GetInfo=0x0\n"
    );
}
