//! What the end of a process means: from wait status and crash record to an
//! [`End`] of the evidence model.
//!
//! This module owns the names of signals and codes; stacks are unwound by `frames`.

use super::arch::{self, access};
use super::frames;
use super::mapping::Mapping;
use super::snapshot::Snapshot;
use crate::memory::GuardHit;
use p11assay_reports::evidence::End;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What the crash handler recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Crash {
    pub(super) signal: c_int,
    pub(super) guard: Option<GuardHit>,
    pub(super) thread: c_int,
    pub(super) snapshot: Snapshot,
    code: c_int,
    access: u32,
    address: u64,
}

impl Crash {
    pub(super) fn read(mapping: &Mapping) -> Self {
        let crash = mapping.crash();
        let address = crash.address.load(Relaxed);
        let hit = GuardHit {
            address,
            label: crash.guard_label.load(Relaxed),
            start: crash.guard_start.load(Relaxed),
            length: crash.guard_length.load(Relaxed),
            released: crash.guard_released.load(Relaxed) != 0,
        };
        let mut read = Self {
            signal: crash.signal.load(Relaxed).cast_signed(),
            guard: None,
            thread: crash.thread.load(Relaxed).cast_signed(),
            snapshot: Snapshot::of_crash(mapping),
            code: crash.code.load(Relaxed).cast_signed(),
            access: crash.access.load(Relaxed),
            address,
        };
        let near = crash.guard.load(Relaxed) == 1 && read.faulted().is_some();
        read.guard = near.then_some(hit);
        read
    }

    /// The faulting address, if there is one: a signal somebody sent has none, and neither has a
    /// general protection fault (an address that is no address at all).
    fn faulted(&self) -> Option<u64> {
        const SI_KERNEL: c_int = 0x80;
        let has_one = [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGFPE,
            libc::SIGTRAP,
        ];
        let from_fault = self.code > 0 && self.code != SI_KERNEL;
        (from_fault && has_one.contains(&self.signal)).then_some(self.address)
    }

    fn access_name(&self) -> Option<String> {
        let memory = self.signal == libc::SIGSEGV || self.signal == libc::SIGBUS;
        let name = match self.access {
            access::READ => "read",
            access::WRITE => "write",
            access::EXECUTE => "execute",
            _ => return None,
        };
        (memory && self.faulted().is_some()).then(|| name.to_owned())
    }
}

/// The end of a process with this wait status, about which `crash` may know more.
pub(super) fn of(status: ExitStatus, crash: Option<Crash>) -> End {
    let Some(signal) = status.signal() else {
        return End::Exited {
            status: status.code().unwrap_or(0),
        };
    };
    match crash {
        Some(crash) if crash.signal == signal => of_crash(&crash),
        _ => bare(signal),
    }
}

/// The end of a process that is no worker.
pub(crate) fn end_of(status: ExitStatus) -> End {
    of(status, None)
}

/// The end of a process that crashed this way.
pub(super) fn of_crash(crash: &Crash) -> End {
    let registers = arch::NAMES.iter().zip(crash.snapshot.registers);
    End::Signal {
        signal: signal_name(crash.signal),
        code: Some(code_name(crash.signal, crash.code)),
        address: crash.faulted(),
        access: crash.access_name(),
        registers: registers
            .map(|(name, value)| ((*name).to_owned(), value))
            .collect(),
        frames: frames::unwind(&crash.snapshot),
    }
}

/// The end of a process that hung here.
pub(super) fn of_hang(deadline: Duration, snapshot: Option<&Snapshot>) -> End {
    End::Hang {
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        frames: snapshot.map(frames::unwind).unwrap_or_default(),
    }
}

/// The end of a process that we killed.
pub(super) fn killed() -> End {
    bare(libc::SIGKILL)
}

fn bare(signal: c_int) -> End {
    End::Signal {
        signal: signal_name(signal),
        code: None,
        address: None,
        access: None,
        registers: BTreeMap::new(),
        frames: Vec::new(),
    }
}

const SIGNALS: [(c_int, &str); 31] = [
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGSTKFLT, "SIGSTKFLT"),
    (libc::SIGCHLD, "SIGCHLD"),
    (libc::SIGCONT, "SIGCONT"),
    (libc::SIGSTOP, "SIGSTOP"),
    (libc::SIGTSTP, "SIGTSTP"),
    (libc::SIGTTIN, "SIGTTIN"),
    (libc::SIGTTOU, "SIGTTOU"),
    (libc::SIGURG, "SIGURG"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGWINCH, "SIGWINCH"),
    (libc::SIGIO, "SIGIO"),
    (libc::SIGPWR, "SIGPWR"),
    (libc::SIGSYS, "SIGSYS"),
];

/// Name of a signal; real-time signals by number.
pub(super) fn signal_name(signal: c_int) -> String {
    let known = SIGNALS.iter().find(|(number, _)| *number == signal);
    known.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// Codes that mean the same for every signal; the numbers are the kernel's.
const CODES: [(c_int, &str); 5] = [
    (0, "SI_USER"),
    (0x80, "SI_KERNEL"),
    (-1, "SI_QUEUE"),
    (-2, "SI_TIMER"),
    (-6, "SI_TKILL"),
];

/// Codes of a signal, from 1 on.
const CODES_OF: [(c_int, &[&str]); 5] = [
    (
        libc::SIGSEGV,
        &["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"],
    ),
    (
        libc::SIGBUS,
        &[
            "BUS_ADRALN",
            "BUS_ADRERR",
            "BUS_OBJERR",
            "BUS_MCEERR_AR",
            "BUS_MCEERR_AO",
        ],
    ),
    (
        libc::SIGILL,
        &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
        ],
    ),
    (
        libc::SIGFPE,
        &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ],
    ),
    (libc::SIGTRAP, &["TRAP_BRKPT", "TRAP_TRACE"]),
];

fn code_name(signal: c_int, code: c_int) -> String {
    let general = CODES.iter().find(|(number, _)| *number == code);
    let own = CODES_OF.iter().find(|(of, _)| *of == signal);
    let own = own.and_then(|(_, names)| names.get(usize::try_from(code).ok()?.checked_sub(1)?));
    match (general, own) {
        (Some((_, name)), _) | (None, Some(name)) => (*name).to_owned(),
        (None, None) => code.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_their_signal() {
        assert_eq!(code_name(libc::SIGSEGV, 1), "SEGV_MAPERR");
        assert_eq!(code_name(libc::SIGFPE, 1), "FPE_INTDIV");
        assert_eq!(code_name(libc::SIGABRT, -6), "SI_TKILL");
        assert_eq!(code_name(libc::SIGSEGV, 99), "99");
    }

    #[test]
    fn every_signal_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = (1..32).map(signal_name).collect();
        assert_eq!(names.len(), 31);
        assert!(!names.iter().any(|name| name.starts_with("signal ")));
        assert_eq!(signal_name(40), "signal 40");
    }

    #[test]
    fn an_exit_status_is_not_a_signal() {
        let end = of(ExitStatus::from_raw(3 << 8), None);
        assert_eq!(end, End::Exited { status: 3 });
    }
}
