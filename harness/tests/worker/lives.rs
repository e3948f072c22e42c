//! The life of a worker: starting, answering again and again, failing to start, stopping.

use crate::kit::{assert_stack, end, options, response, send, send_to, signal, spawn};
use p11assay::worker::{Outcome, SpawnError, Worker};
use p11assay_reports::evidence::End;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

crate::tests![
    one_worker_answers_many_requests,
    a_panic_of_the_handler_is_a_fault_of_the_harness,
    a_message_too_large_is_a_fault_of_the_harness,
    an_ended_worker_repeats_its_end,
    death_between_requests_is_told,
    a_missing_program_is_an_error,
    a_program_that_is_no_worker_is_an_error,
    a_worker_that_does_not_get_ready_is_an_error,
    an_orderly_stop,
    a_stop_does_not_wait_for_a_hanging_destructor,
    a_crash_while_unloading_is_told,
    a_worker_dies_with_its_parent,
    dropping_ends_the_process_and_what_it_forked,
    environment_and_folder_are_as_asked,
    several_workers_at_once,
    lists_with_gaps_are_seen_as_such,
    the_variant_with_interfaces_loads,
];

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Gone, or at least dead: where process 1 does not reap, an orphan stays as a zombie.
fn is_dead(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Whether a process dies within a second.
fn dies(pid: u32) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_dead(pid)
    })
}

fn one_worker_answers_many_requests() {
    let mut worker = spawn("");
    assert_eq!(
        response(&send(&mut worker, &["C_Initialize"])),
        "C_Initialize=0x0\n"
    );
    for _ in 0..100 {
        let reply = send(&mut worker, &["C_GetInfo"]);
        assert_eq!(response(&reply), "C_GetInfo=0x0\n");
        assert_eq!((reply.in_flight, reply.guard), (None, None));
    }
}

fn a_panic_of_the_handler_is_a_fault_of_the_harness() {
    let mut worker = spawn("");
    let reply = send(&mut worker, &["panic told you so"]);
    let Outcome::Fault(text) = &reply.outcome else {
        panic!("no fault but {reply:?}");
    };
    assert!(text.contains("told you so"));
    assert_eq!(
        response(&send(&mut worker, &["C_Initialize"])),
        "C_Initialize=0x0\n"
    );
}

fn a_message_too_large_is_a_fault_of_the_harness() {
    let mut options = options("");
    (options.request_capacity, options.response_capacity) = (64 * 1024, 64 * 1024);
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = worker.request(&vec![b' '; 64 * 1024 + 1]);
    assert!(matches!(&reply.outcome, Outcome::Fault(text) if text.contains("request of 65537")));
    let reply = send(&mut worker, &["large 65537"]);
    assert!(matches!(&reply.outcome, Outcome::Fault(text) if text.contains("response of 65537")));
    assert_eq!(response(&send(&mut worker, &["large 3"])), "xxx");
}

fn an_ended_worker_repeats_its_end() {
    let mut worker = spawn("C_Initialize:exit");
    let first = send(&mut worker, &["C_Initialize"]);
    let second = send(&mut worker, &["C_Initialize"]);
    assert_eq!(first.outcome, second.outcome);
    assert_eq!(end(&second), &End::Exited { status: 3 });
    assert!(second.journal.is_empty() && second.in_flight.is_none());
    assert!(!worker.is_alive());
}

fn death_between_requests_is_told() {
    let mut worker = spawn("C_GetInfo:thread-crash");
    let reply = send(&mut worker, &["C_GetInfo"]);
    assert_eq!(response(&reply), "C_GetInfo=0x190\n");
    let begin = Instant::now();
    while worker.is_alive() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it lives");
        std::thread::sleep(Duration::from_millis(5));
    }
    let reply = send(&mut worker, &["C_GetInfo"]);
    assert!(matches!(end(&reply), End::Signal { signal, .. } if signal == "SIGSEGV"));
    assert_eq!(reply.in_flight, None);
}

fn a_missing_program_is_an_error() {
    let mut options = options("");
    options.program = "/no/such/program".into();
    let error = Worker::spawn(&options).expect_err("nothing to start");
    assert!(matches!(error, SpawnError::Start { .. }), "{error}");
}

fn a_program_that_is_no_worker_is_an_error() {
    let mut options = options("");
    options.program = "/bin/sh".into();
    options.arguments = vec!["-c".into(), "echo some words >&2; exit 9".into()];
    let error = Worker::spawn(&options).expect_err("no worker");
    let SpawnError::Ended { end, stderr } = error else {
        panic!("another error: {error}");
    };
    assert_eq!(
        (*end, stderr.as_str()),
        (End::Exited { status: 9 }, "some words\n")
    );
}

fn a_worker_that_does_not_get_ready_is_an_error() {
    let mut options = options("");
    options.program = "/bin/sh".into();
    options.arguments = vec!["-c".into(), "sleep 60".into()];
    options.start_deadline = Duration::from_millis(100);
    let error = Worker::spawn(&options).expect_err("no worker");
    assert!(matches!(error, SpawnError::NotReady { .. }), "{error}");
}

fn an_orderly_stop() {
    let mut worker = spawn("");
    send(&mut worker, &["C_Initialize"]);
    let pid = worker.pid();
    assert!(is_running(pid));
    assert_eq!(worker.stop(), None);
    assert!(!is_running(pid));
}

fn a_stop_does_not_wait_for_a_hanging_destructor() {
    let mut options = options("destructor:hang");
    options.start_deadline = Duration::from_secs(2);
    let mut worker = Worker::spawn(&options).expect("a worker");
    send(&mut worker, &["C_Initialize"]);
    let (pid, begin) = (worker.pid(), Instant::now());
    let end = worker.stop().expect("no orderly end");
    assert!(matches!(end, End::Hang { frames, .. } if !frames.is_empty()));
    assert!(!is_running(pid));
    assert!(begin.elapsed() < Duration::from_secs(5));
}

fn a_crash_while_unloading_is_told() {
    let mut worker = spawn("destructor:segv-read");
    send(&mut worker, &["C_Initialize"]);
    let end = worker.stop().expect("no orderly end");
    assert_stack(signal(&end).1, &["segv_read", "destructor"]);
}

/// A parent that is killed takes its worker along. This program is the parent too: started with
/// `parent` it starts a worker, tells its process id and waits to be killed.
fn a_worker_dies_with_its_parent() {
    let program = std::env::current_exe().expect("path of this program");
    let mut parent = Command::new(program)
        .arg("parent")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a parent");
    let mut line = String::new();
    let stdout = parent.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let pid = line.trim().parse().expect("a process id");
    assert!(!is_dead(pid));
    parent.kill().expect("it runs");
    parent.wait().expect("it ends");
    assert!(dies(pid), "process {pid} is still alive");
}

pub(crate) fn parent() -> ! {
    let worker = spawn("");
    println!("{}", worker.pid());
    loop {
        std::thread::park();
    }
}

fn dropping_ends_the_process_and_what_it_forked() {
    let mut options = options("");
    options.program = "/bin/sh".into();
    let script = "sleep 300 & echo $! >&2; exit 9";
    options.arguments = vec!["-c".into(), script.into()];
    let Err(SpawnError::Ended { stderr, .. }) = Worker::spawn(&options) else {
        panic!("the program is no worker");
    };
    let pid = stderr.trim().parse().expect("a process id");
    assert!(dies(pid), "process {pid} is still alive");
    let worker = spawn("");
    let pid = worker.pid();
    drop(worker);
    assert!(!is_running(pid));
}

fn environment_and_folder_are_as_asked() {
    let mut options = options("");
    options.program = "/bin/sh".into();
    options.arguments = vec!["-c".into(), "pwd >&2; /usr/bin/env >&2; exit 9".into()];
    options.clear_environment = true;
    options.environment.insert("ONE".into(), "1".into());
    options.working_directory = Some("/usr".into());
    let Err(SpawnError::Ended { stderr, .. }) = Worker::spawn(&options) else {
        panic!("the program is no worker");
    };
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines[0], "/usr");
    assert!(lines.contains(&"ONE=1") && !lines.iter().any(|line| line.starts_with("PATH=")));
}

fn several_workers_at_once() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let mut worker = spawn("C_GetInfo:segv-read");
                let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
                assert!(matches!(end(&reply), End::Signal { .. }));
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a thread");
    }
}

fn lists_with_gaps_are_seen_as_such() {
    let lists = [
        ("null-list", "C_GetInfo=no list\nC_Finalize=no list\n"),
        ("null-entries", "C_GetInfo=missing\nC_Finalize=0x190\n"),
    ];
    for (behaviour, expected) in lists {
        let mut worker = spawn(&format!("C_GetFunctionList:{behaviour}"));
        let reply = send(&mut worker, &["C_GetInfo", "C_Finalize"]);
        assert_eq!(response(&reply), expected);
    }
}

fn the_variant_with_interfaces_loads() {
    let path = hostile_module::path_with_interfaces();
    let mut worker = spawn("C_GetInfo:error");
    let reply = send_to(&mut worker, &path, &["C_Initialize", "C_GetInfo"]);
    assert_eq!(response(&reply), "C_Initialize=0x0\nC_GetInfo=0x5\n");
}
