//! The process of a worker: fork and exec, the thread that watches it, signals to it.
//!
//! The watching thread is also the one that forks: the kernel ties "die with your parent" to the
//! forking thread, and this one lives as long as the worker. What an end means is left to `end`.
#![allow(
    unsafe_code,
    reason = "runs code between fork and exec, and sends signals by process descriptor"
)]

use super::mapping::{Mapping, ring};
use super::options::{SpawnError, WorkerOptions};
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock, mpsc};

/// Last argument of a worker: where its shared memory is.
pub(super) const MEMORY_ARGUMENT: &str = "--shared-memory-fd=";

/// A running worker, known to its owner, its watcher and its canceller.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) mapping: Mapping,
    started: OnceLock<Started>,
    status: OnceLock<ExitStatus>,
}

#[derive(Debug)]
struct Started {
    pid: libc::pid_t,
    pidfd: OwnedFd,
}

impl Process {
    pub(super) fn new(mapping: Mapping) -> Arc<Self> {
        Arc::new(Self {
            mapping,
            started: OnceLock::new(),
            status: OnceLock::new(),
        })
    }

    /// The process id; 0 before the start.
    pub(super) fn pid(&self) -> libc::pid_t {
        self.started.get().map_or(0, |started| started.pid)
    }

    /// How it ended, once it is dead and reaped.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.status.get().copied()
    }

    /// Sends a signal, if it still runs.
    pub(super) fn signal(&self, signal: c_int) {
        let Some(started) = self.started.get() else {
            return;
        };
        // SAFETY: the descriptor names our child even if its number is reused; no pointers.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                started.pidfd.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            );
        }
    }

    /// Sends a signal to one of its threads, if it still runs.
    pub(super) fn signal_thread(&self, thread: libc::pid_t, signal: c_int) {
        if self.status().is_none() {
            // SAFETY: no pointers; the process is not reaped while its status is unknown.
            unsafe { libc::syscall(libc::SYS_tgkill, self.pid(), thread, signal) };
        }
    }

    /// Wakes its owner to look what is new.
    pub(super) fn ring(&self) {
        ring(&self.mapping.control().doorbell);
    }
}

/// The descriptors a worker is given.
pub(super) struct Descriptors {
    pub(super) memory: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Starts the worker and the thread that watches it.
pub(super) fn start(
    process: &Arc<Process>,
    options: &WorkerOptions,
    descriptors: Descriptors,
) -> Result<(), SpawnError> {
    let program = options.program.clone();
    let command = command(options, &descriptors);
    let (sender, receiver) = mpsc::sync_channel(1);
    let watched = Arc::clone(process);
    std::thread::Builder::new()
        .name("worker-watcher".to_owned())
        .spawn(move || watch(command, descriptors, &watched, &sender))
        .map_err(SpawnError::Watcher)?;
    let result = receiver
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the watching thread failed")));
    result.map_err(|source| SpawnError::Start { program, source })
}

fn command(options: &WorkerOptions, descriptors: &Descriptors) -> Command {
    let memory = descriptors.memory.as_raw_fd();
    let file = options.file_limit;
    // SAFETY: no precondition.
    let parent = unsafe { libc::getpid() };
    let mut command = Command::new(&options.program);
    command
        .args(&options.arguments)
        .arg(format!("{MEMORY_ARGUMENT}{memory}"))
        .stdin(Stdio::null());
    if options.clear_environment {
        command.env_clear();
    }
    command.envs(&options.environment);
    if let Some(directory) = &options.working_directory {
        command.current_dir(directory);
    }
    // SAFETY: `before_exec` only makes system calls, which are allowed between fork and exec.
    unsafe { command.pre_exec(move || before_exec(memory, parent, file)) };
    command
}

/// Runs in the child before exec. A session of its own keeps the module from prompting on the
/// terminal and lets the watcher kill whatever the module forked.
fn before_exec(memory: RawFd, parent: libc::pid_t, file: u64) -> io::Result<()> {
    // SAFETY: plain system calls without pointers.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(1);
        }
        // Everything but standard streams and our memory is closed by exec.
        let flags = libc::CLOSE_RANGE_CLOEXEC;
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags);
        if libc::fcntl(memory, libc::F_SETFD, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // A core limit of exactly 1 also keeps the kernel from starting a crash collector.
    limit(libc::RLIMIT_CORE, 1)?;
    // Our memory is a file of a size that it has already.
    limit(libc::RLIMIT_FSIZE, file)
}

#[cfg(target_env = "gnu")]
pub(super) type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub(super) type Resource = c_int;

fn limits(resource: Resource) -> io::Result<libc::rlimit> {
    let mut limits = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limits` is a valid structure to write to.
    match unsafe { libc::getrlimit(resource, &mut limits) } {
        0 => Ok(limits),
        _ => Err(io::Error::last_os_error()),
    }
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let mut limits = limits(resource)?;
    limits.rlim_cur = value.min(limits.rlim_cur);
    // SAFETY: `limits` is a valid structure to read from.
    match unsafe { libc::setrlimit(resource, &limits) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The limit that a worker has which is to have this one: the system may permit less.
pub(super) fn file_limit(wanted: u64) -> u64 {
    limits(libc::RLIMIT_FSIZE).map_or(wanted, |limits| wanted.min(limits.rlim_cur))
}

/// Life of the watching thread: start the worker, sleep until it dies, end its descendants, reap.
fn watch(
    mut command: Command,
    descriptors: Descriptors,
    process: &Process,
    sender: &mpsc::SyncSender<io::Result<()>>,
) {
    command
        .stdout(descriptors.stdout)
        .stderr(descriptors.stderr);
    let spawned = command.spawn();
    drop(command);
    drop(descriptors.memory);
    let started = spawned.and_then(|mut child| match open_pidfd(&child) {
        Ok(pidfd) => Ok((child, pidfd)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    });
    let (mut child, pidfd) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = sender.send(Err(error));
            return;
        }
    };
    let pid = child.id() as libc::pid_t;
    let raw = pidfd.as_raw_fd();
    let _ = process.started.set(Started { pid, pidfd });
    let _ = sender.send(Ok(()));
    sleep_until_dead(raw);
    // SAFETY: not reaped yet, so its group's number cannot have been reused.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
    if let Ok(status) = child.wait() {
        let _ = process.status.set(status);
    } else {
        let _ = process.status.set(ExitStatus::from_raw(libc::SIGKILL));
    }
    process.ring();
}

fn open_pidfd(child: &Child) -> io::Result<OwnedFd> {
    // SAFETY: plain system call; the child is ours and not reaped.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; close-on-exec is its default.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

fn sleep_until_dead(pidfd: RawFd) {
    let mut poll = libc::pollfd {
        fd: pidfd,
        events: libc::POLLIN,
        revents: 0,
    };
    while poll.revents & libc::POLLIN == 0 {
        // SAFETY: one valid structure; the descriptor is owned by the process's record.
        let ready = unsafe { libc::poll(&mut poll, 1, -1) };
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if ready < 0 && !interrupted {
            break;
        }
    }
}
