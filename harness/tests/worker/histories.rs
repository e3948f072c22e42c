//! Journals and output: nothing that happened before an end is lost.

use crate::kit::{end, hanging, options, response, returned, run, send, spawn};
use crate::target::{BUFFER, number};
use p11assay::worker::{LOAD, Outcome, Record, Timing, Worker};
use p11assay_reports::evidence::End;

crate::tests![
    calls_before_a_crash_are_kept,
    outputs_are_kept,
    closing_all_descriptors_loses_nothing,
    output_is_captured_and_attributed,
    last_words_survive_a_crash,
    a_flood_of_output_is_cut,
    output_starts_afresh_with_each_request,
    a_fork_does_not_write_history,
    a_full_journal_is_told,
    unknown_codes_pass_through,
    timing_can_be_turned_off,
    loading_is_journaled,
];

fn calls_before_a_crash_are_kept() {
    let calls = ["C_OpenSession", "C_GenerateRandom", "C_GetInfo"];
    let reply = run("C_GetInfo:segv-read", &calls);
    let expected = ["C_Initialize", "C_OpenSession", "C_GenerateRandom"].map(number);
    assert_eq!(returned(&reply)[1..], expected);
    assert_eq!(reply.in_flight.expect("in flight").case, Some(3));
}

fn outputs_are_kept() {
    let calls = ["C_OpenSession", "C_GenerateRandom", "C_GetInfo"];
    let reply = run("C_GetInfo:kill-self", &calls);
    let outputs: Vec<_> = reply
        .journal
        .records()
        .filter_map(|record| match record {
            Record::Output { tag: BUFFER, bytes } => Some(bytes),
            _ => None,
        })
        .collect();
    assert_eq!(outputs.len(), 3);
    assert_eq!(outputs[1], 1_u64.to_le_bytes());
    assert_eq!(outputs[2].len(), 21);
}

fn closing_all_descriptors_loses_nothing() {
    let calls = ["C_GetInfo", "C_OpenSession", "C_Finalize"];
    let reply = run("C_GetInfo:close-fds,C_Finalize:segv-read", &calls);
    assert_eq!(returned(&reply).len(), 4);
    assert_eq!(
        reply.in_flight.expect("in flight").function,
        number("C_Finalize")
    );
    assert!(matches!(end(&reply), End::Signal { frames, .. } if !frames.is_empty()));
}

fn output_is_captured_and_attributed() {
    let hostile = "C_GetInfo:write-stdout,C_OpenSession:write-stderr";
    let calls = ["C_GetInfo", "C_OpenSession", "C_GetInfo"];
    let reply = run(hostile, &calls);
    let words = b"hostile words on stdout";
    assert_eq!(reply.stdout, words.repeat(2));
    assert_eq!(reply.stderr, b"hostile words on stderr\n");
    let output = |case| {
        let journal = &reply.journal;
        let place = journal.output_of(case, reply.stdout.len(), reply.stderr.len());
        let place = place.expect("the case");
        (&reply.stdout[place.stdout], &reply.stderr[place.stderr])
    };
    assert_eq!(output(0), (&b""[..], &b""[..]));
    assert_eq!(output(1), (&words[..], &b""[..]));
    assert_eq!(output(2), (&b""[..], &b"hostile words on stderr\n"[..]));
    assert_eq!(output(3), (&words[..], &b""[..]));
}

fn last_words_survive_a_crash() {
    let reply = run("C_GetInfo:print-and-crash", &["C_GetInfo"]);
    assert_eq!(reply.stdout, b"hostile words on stdout");
    assert!(matches!(end(&reply), End::Signal { .. }));
}

fn a_flood_of_output_is_cut() {
    let mut options = options("C_GetInfo:flood-stdout");
    options.output_capacity = 1 << 20;
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    assert!(response(&reply).ends_with("C_GetInfo=0x0\n"));
    assert_eq!(reply.stdout.len(), 1 << 20);
}

fn output_starts_afresh_with_each_request() {
    let mut worker = spawn("C_GetInfo:write-stdout");
    for _ in 0..3 {
        let reply = send(&mut worker, &["C_GetInfo"]);
        assert_eq!(reply.stdout, b"hostile words on stdout");
    }
}

fn a_fork_does_not_write_history() {
    let calls = ["C_GetInfo", "C_OpenSession", "C_OpenSession", "sleep 100"];
    let reply = run("C_GetInfo:fork", &calls);
    let lines = response(&reply).lines().count();
    assert_eq!((lines, reply.journal.corrupted()), (4, None));
    assert_eq!(returned(&reply).len(), 5);
}

fn a_full_journal_is_told() {
    let mut options = options("");
    options.journal_capacity = 64 * 1024;
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["C_Initialize", "notes 2000", "C_GetInfo"]);
    assert!(reply.journal.is_truncated());
    assert_eq!(reply.journal.corrupted(), None);
    assert!(reply.journal.len() > 60 * 1024);
    assert!(response(&reply).ends_with("C_GetInfo=0x0\n"));
    let next = send(&mut worker, &["C_GetInfo"]);
    assert!(!next.journal.is_truncated());
}

fn unknown_codes_pass_through() {
    let reply = run("C_GetInfo:unknown-code", &["C_GetInfo"]);
    assert!(response(&reply).ends_with("C_GetInfo=0xdeadbeef\n"));
}

fn timing_can_be_turned_off() {
    for (timing, timed) in [(Timing::On, true), (Timing::Off, false)] {
        let mut options = options("C_GetInfo:nap");
        options.timing = timing;
        let mut worker = Worker::spawn(&options).expect("a worker");
        let reply = send(&mut worker, &["C_GetInfo"]);
        let duration = reply.journal.records().find_map(|record| match record {
            Record::Call(call) if call.function != LOAD => call.returned,
            _ => None,
        });
        let duration = duration.expect("a call").duration_ns;
        assert_eq!(duration >= 100_000_000, timed);
    }
}

fn loading_is_journaled() {
    for (behaviour, ended) in [
        ("exit", true),
        ("hang", true),
        ("segv-read", true),
        ("", false),
    ] {
        let constructor = format!("constructor:{behaviour}");
        let mut worker = match behaviour {
            "hang" => hanging(&constructor),
            _ => spawn(&constructor),
        };
        let reply = send(&mut worker, &["C_Initialize"]);
        assert_eq!(matches!(reply.outcome, Outcome::Ended(_)), ended);
        let in_flight = reply.in_flight.map(|call| (call.case, call.function));
        assert_eq!(in_flight, ended.then_some((None, LOAD)));
    }
}
