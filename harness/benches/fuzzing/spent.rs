//! Processor time: of this thread, of this process, and of the workers that it started. On a machine that does other
//! things beside, it says more than the clock.

use std::time::Duration;

/// What this thread spent so far.
pub(crate) fn thread() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What this process and its workers spent so far.
pub(crate) fn with_workers() -> Duration {
    let theirs: Duration = workers().into_iter().map(of).sum();
    read(libc::CLOCK_PROCESS_CPUTIME_ID) + theirs
}

/// The processes that this one started, but for the loop in C.
fn workers() -> Vec<libc::pid_t> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_worker = |pid: &libc::pid_t| {
        let file = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        // Behind the name, which may have anything: state and parent.
        let parent = file("stat").ok().and_then(|stat| {
            let (_, rest) = stat.rsplit_once(") ")?;
            rest.split(' ').nth(1).map(|parent| parent == own)
        });
        let arguments = file("cmdline").unwrap_or_default();
        parent == Some(true) && arguments.split('\0').nth(1) == Some("worker")
    };
    pids.filter(is_worker).collect()
}

fn of(process: libc::pid_t) -> Duration {
    let mut clock = 0;
    // SAFETY: a place for the answer.
    match unsafe { libc::clock_getcpuclockid(process, &mut clock) } {
        0 => read(clock),
        _ => Duration::ZERO,
    }
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a place for the answer. A clock that is gone leaves it alone.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
