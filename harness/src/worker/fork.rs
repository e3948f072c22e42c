//! Forking a worker on purpose: the child shares the memory in which the journal is, and dies with its
//! parent.
#![allow(unsafe_code, reason = "forks and waits for the child")]

use super::end::signal_name;
use super::handler;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Which of the two processes this is.
pub(crate) enum Fork {
    Child,
    Parent(Child),
}

/// A child to be waited for.
pub(crate) struct Child(libc::pid_t);

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signal(i32),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited with status {status}"),
            Self::Signal(signal) => write!(f, "was ended by {}", signal_name(*signal)),
        }
    }
}

/// Forks this process.
pub(crate) fn fork() -> io::Result<Fork> {
    let mapping = handler::mapping();
    // A child that the module forks meanwhile would share it, too, but has no use for it.
    mapping.map_or(Ok(()), |mapping| mapping.give_to_forks())?;
    // SAFETY: no precondition; the child is a copy of the calling thread.
    let pid = unsafe { libc::fork() };
    let error = io::Error::last_os_error();
    mapping.map_or(Ok(()), |mapping| mapping.keep_from_forks())?;
    match pid {
        0 => {
            // SAFETY: a plain system call.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            Ok(Fork::Child)
        }
        pid if pid > 0 => Ok(Fork::Parent(Child(pid))),
        _ => Err(error),
    }
}

impl Child {
    /// Waits for its end. There is no deadline here: whoever watches the worker watches its calls, too.
    pub(crate) fn wait(self) -> io::Result<Ended> {
        let mut status = 0;
        loop {
            // SAFETY: a place for the status; the child is ours and not reaped.
            let waited = unsafe { libc::waitpid(self.0, &mut status, 0) };
            let error = io::Error::last_os_error();
            if waited == self.0 {
                break;
            }
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        let status = ExitStatus::from_raw(status);
        Ok(match status.signal() {
            Some(signal) => Ended::Signal(signal),
            None => Ended::Exited(status.code().unwrap_or(0)),
        })
    }
}
