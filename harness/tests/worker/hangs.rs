//! Deadlines, memory limits and cancelling.

use crate::kit::{
    DEADLINE, assert_in_flight, assert_stack, end, hanging, options, response, run, send, spawn,
};
use p11assay::worker::{Outcome, SpawnError, Worker};
use p11assay_reports::evidence::End;
use std::time::{Duration, Instant};

crate::tests![
    sleeping_forever,
    running_in_circles,
    hanging_with_all_signals_blocked,
    stopping_itself,
    slow_calls_within_the_deadline,
    a_hang_of_the_harness_has_its_own_deadline,
    a_deadline_may_be_changed,
    taking_memory_without_end,
    taking_memory_and_answering_at_once,
    filling_the_disk,
    cancelling_from_another_thread,
    a_cancelled_worker_stays_cancelled,
    a_hang_where_tracing_is_forbidden,
];

fn assert_hang(behaviour: &str, functions: &[&str]) {
    let begin = Instant::now();
    let mut worker = hanging(&format!("C_GetInfo:{behaviour}"));
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    let End::Hang {
        deadline_ms,
        frames,
    } = end(&reply)
    else {
        panic!("no hang but {reply:?}");
    };
    assert_eq!(u128::from(*deadline_ms), DEADLINE.as_millis());
    assert!(begin.elapsed() >= DEADLINE);
    assert_in_flight(&reply, "C_GetInfo");
    assert_stack(frames, functions);
}

fn sleeping_forever() {
    assert_hang("hang", &["hang", "misbehave", "C_GetInfo", "main"]);
}

fn running_in_circles() {
    assert_hang(
        "busy-loop",
        &["busy_loop", "misbehave", "C_GetInfo", "main"],
    );
}

fn hanging_with_all_signals_blocked() {
    assert_hang(
        "blocked-hang",
        &["hang", "blocked_hang", "C_GetInfo", "main"],
    );
}

fn stopping_itself() {
    assert_hang("stop", &["stop", "misbehave", "C_GetInfo", "main"]);
}

fn slow_calls_within_the_deadline() {
    let reply = run("C_GetInfo:nap", &["C_GetInfo"; 5]);
    assert!(response(&reply).ends_with("C_GetInfo=0x0\n"));
}

fn a_hang_of_the_harness_has_its_own_deadline() {
    let mut options = options("");
    options.idle_deadline = Duration::from_millis(150);
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["sleep 5000"]);
    assert!(matches!(
        end(&reply),
        End::Hang {
            deadline_ms: 150,
            ..
        }
    ));
    assert_eq!(reply.in_flight, None);
}

fn a_deadline_may_be_changed() {
    let mut worker = spawn("C_GetInfo:hang");
    send(&mut worker, &["C_Initialize"]);
    worker.set_call_deadline(Duration::from_millis(30));
    let reply = send(&mut worker, &["C_GetInfo"]);
    assert!(matches!(
        end(&reply),
        End::Hang {
            deadline_ms: 30,
            ..
        }
    ));
}

fn taking_memory_without_end() {
    let mut options = options("C_GetInfo:leak");
    options.memory_limit = Some(64 << 20);
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    let &End::MemoryLimit { limit, resident } = end(&reply) else {
        panic!("no memory limit but {reply:?}");
    };
    assert_eq!(limit, 64 << 20);
    assert!(resident > limit);
    assert_in_flight(&reply, "C_GetInfo");
}

/// It answers before anybody looks at its memory: the limit holds all the same.
fn taking_memory_and_answering_at_once() {
    let mut options = options("C_GetInfo:keep");
    options.memory_limit = Some(64 << 20);
    for _ in 0..5 {
        let mut worker = Worker::spawn(&options).expect("a worker");
        let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
        let &End::MemoryLimit { resident, .. } = end(&reply) else {
            panic!("no memory limit but {reply:?}");
        };
        assert!(resident > 64 << 20);
        assert!(!worker.is_alive());
    }
}

/// A file beyond the limit is an end of its own, and no signal that somebody sent; what is within it is written.
fn filling_the_disk() {
    let mut options = options("C_GetInfo:fill");
    options.file_limit = 1 << 20;
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    assert_eq!(end(&reply), &End::FileLimit { limit: 1 << 20 });
    assert_in_flight(&reply, "C_GetInfo");
    options.file_limit = 1 << 30;
    let mut worker = Worker::spawn(&options).expect("a worker");
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    assert!(matches!(reply.outcome, Outcome::Response(_)), "{reply:?}");
    assert!(worker.is_alive());
}

fn cancelling_from_another_thread() {
    let mut options = options("C_GetInfo:hang");
    options.call_deadline = Duration::from_secs(60);
    let mut worker = Worker::spawn(&options).expect("a worker");
    let canceller = options.canceller;
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        canceller.cancel();
    });
    let begin = Instant::now();
    let reply = send(&mut worker, &["C_Initialize", "C_GetInfo"]);
    other.join().expect("the other thread");
    assert_eq!(reply.outcome, Outcome::Cancelled);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_in_flight(&reply, "C_GetInfo");
    assert!(!worker.is_alive());
}

fn a_cancelled_worker_stays_cancelled() {
    let options = options("");
    let mut worker = Worker::spawn(&options).expect("a worker");
    options.canceller.cancel();
    for _ in 0..2 {
        let reply = send(&mut worker, &["C_Initialize"]);
        assert_eq!(reply.outcome, Outcome::Cancelled);
    }
    let error = Worker::spawn(&options).expect_err("cancelled");
    assert!(matches!(error, SpawnError::Cancelled), "{error}");
}

/// Where the system forbids tracing, the worker's own crash handler takes the stack.
fn a_hang_where_tracing_is_forbidden() {
    let thread = std::thread::spawn(|| {
        forbid_tracing();
        assert_hang(
            "busy-loop",
            &["busy_loop", "misbehave", "C_GetInfo", "main"],
        );
        // Nothing can look into this one, but it is a hang all the same.
        assert_hang("blocked-hang", &[]);
    });
    assert!(thread.join().is_ok());
}

/// Makes `ptrace` fail in this thread and in what it starts from here on.
#[allow(unsafe_code, reason = "installs a filter of system calls")]
fn forbid_tracing() {
    let code = |class: u32| u16::try_from(class).expect("small");
    let step = |class, jf, k| libc::sock_filter {
        code: code(class),
        jt: 0,
        jf,
        k,
    };
    let number = u32::try_from(libc::SYS_ptrace).expect("small");
    let denied = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, number),
        step(libc::BPF_RET | libc::BPF_K, 0, denied),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: 4,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: a valid program of four steps, which the kernel copies.
    let results = unsafe {
        let (one, none) = (1 as libc::c_ulong, 0 as libc::c_ulong);
        let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
        [
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, none, none, none),
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
        ]
    };
    assert_eq!(results, [0, 0]);
}
