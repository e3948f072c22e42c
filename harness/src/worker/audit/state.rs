//! Capturing the process-wide state a module may tamper with, comparing two states, and putting
//! back what can be put back.
#![allow(
    unsafe_code,
    reason = "asks the kernel and the C library for state that has no safe interface"
)]

use super::{Disposition, StateChange, VariableChange};
use crate::worker::end::signal_name;
use crate::worker::process::Resource;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsString, c_int};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Signals there are; real-time ones included.
const SIGNALS: c_int = 64;
/// Resource limits there are, numbered from 0.
const LIMITS: usize = 16;
/// Descriptors looked at where `/proc` cannot be read.
const FEW_DESCRIPTORS: c_int = 256;

const LIMIT_NAMES: [&str; LIMITS] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];

#[derive(Clone, Copy)]
struct Action(libc::sigaction);

impl Action {
    fn of(signal: c_int) -> Option<Self> {
        // SAFETY: an all-zero structure is valid; only reads the disposition.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let result = libc::sigaction(signal, std::ptr::null(), &mut action);
            (result == 0).then_some(Self(action))
        }
    }

    fn disposition(self) -> Disposition {
        match self.0.sa_sigaction {
            libc::SIG_DFL => Disposition::Default,
            libc::SIG_IGN => Disposition::Ignored,
            _ => Disposition::Handled,
        }
    }

    fn same(self, other: Self) -> bool {
        // Set by the C library itself as soon as an action goes through it.
        const SA_RESTORER: c_int = 0x0400_0000;
        let flags = (self.0.sa_flags ^ other.0.sa_flags) & !SA_RESTORER;
        self.0.sa_sigaction == other.0.sa_sigaction && flags == 0
    }
}

/// The process-wide state a module may tamper with, at one moment. Takes some tens of
/// microseconds to capture.
#[derive(Clone)]
pub struct ProcessState {
    actions: Vec<Option<Action>>,
    mask: libc::sigset_t,
    stack: (usize, usize, c_int),
    directory: PathBuf,
    umask: u32,
    descriptors: BTreeMap<c_int, (u64, u64)>,
    environment: BTreeMap<OsString, u64>,
    locale: String,
    limits: [(u64, u64); LIMITS],
}

impl fmt::Debug for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessState")
            .field("directory", &self.directory)
            .field("descriptors", &self.descriptors)
            .finish_non_exhaustive()
    }
}

impl ProcessState {
    /// The state now. Signal mask and alternate stack are the calling thread's.
    #[must_use]
    pub fn capture() -> Self {
        Self {
            actions: (1..=SIGNALS).map(Action::of).collect(),
            mask: mask(),
            stack: alternate_stack(),
            directory: std::env::current_dir().unwrap_or_default(),
            umask: umask(),
            descriptors: descriptors(),
            environment: std::env::vars_os()
                .map(|(name, value)| (name, fingerprint(&value)))
                .collect(),
            locale: locale(),
            limits: limits(),
        }
    }

    /// What changed from this state to `later`.
    #[must_use]
    pub fn diff(&self, later: &Self) -> Vec<StateChange> {
        let mut changes = Vec::new();
        self.diff_signals(later, &mut changes);
        if self.directory != later.directory {
            changes.push(StateChange::Directory {
                from: self.directory.clone(),
                to: later.directory.clone(),
            });
        }
        if self.umask != later.umask {
            changes.push(StateChange::Umask {
                from: self.umask,
                to: later.umask,
            });
        }
        self.diff_descriptors(later, &mut changes);
        self.diff_environment(later, &mut changes);
        if self.locale != later.locale {
            changes.push(StateChange::Locale {
                from: self.locale.clone(),
                to: later.locale.clone(),
            });
        }
        let limits = LIMIT_NAMES.iter().zip(self.limits.iter().zip(later.limits));
        let limits = limits.filter(|(_, (from, to))| **from != *to);
        changes.extend(limits.map(|(name, (from, to))| StateChange::Limit {
            resource: (*name).to_owned(),
            from: from.0,
            to: to.0,
        }));
        changes
    }

    fn diff_signals(&self, later: &Self, changes: &mut Vec<StateChange>) {
        for (signal, actions) in (1..).zip(self.actions.iter().zip(&later.actions)) {
            if let (Some(from), Some(to)) = actions
                && !from.same(*to)
            {
                changes.push(StateChange::Signal {
                    signal: signal_name(signal),
                    from: from.disposition(),
                    to: to.disposition(),
                });
            }
        }
        let only_in = |set: &libc::sigset_t, other: &libc::sigset_t| -> Vec<String> {
            let only = |signal: &c_int| is_member(set, *signal) && !is_member(other, *signal);
            (1..=SIGNALS).filter(only).map(signal_name).collect()
        };
        let blocked = only_in(&later.mask, &self.mask);
        let unblocked = only_in(&self.mask, &later.mask);
        if !blocked.is_empty() || !unblocked.is_empty() {
            changes.push(StateChange::SignalMask { blocked, unblocked });
        }
        if self.stack != later.stack {
            changes.push(StateChange::AlternateStack);
        }
    }

    fn diff_descriptors(&self, later: &Self, changes: &mut Vec<StateChange>) {
        for (&fd, file) in &self.descriptors {
            match later.descriptors.get(&fd) {
                None => changes.push(StateChange::DescriptorClosed { fd }),
                Some(now) if now != file => changes.push(StateChange::DescriptorReplaced { fd }),
                Some(_) => {}
            }
        }
        let new = later.descriptors.keys();
        let new = new.filter(|fd| !self.descriptors.contains_key(fd));
        changes.extend(new.map(|&fd| {
            StateChange::DescriptorOpened {
                fd,
                target: std::fs::read_link(format!("/proc/self/fd/{fd}"))
                    .map_or_else(|_| "?".to_owned(), |path| path.display().to_string()),
            }
        }));
    }

    fn diff_environment(&self, later: &Self, changes: &mut Vec<StateChange>) {
        let changed = |name: &OsString, change| StateChange::Environment {
            name: name.to_string_lossy().into_owned(),
            change,
        };
        for (name, value) in &self.environment {
            match later.environment.get(name) {
                None => changes.push(changed(name, VariableChange::Removed)),
                Some(now) if now != value => {
                    changes.push(changed(name, VariableChange::Changed));
                }
                Some(_) => {}
            }
        }
        let new = later.environment.keys();
        let new = new.filter(|name| !self.environment.contains_key(*name));
        changes.extend(new.map(|name| changed(name, VariableChange::Added)));
    }

    /// Puts back what of `changes` can be put back: signal handling, working directory, umask.
    /// The others stay; a new worker gets rid of them.
    pub fn restore(&self, changes: &[StateChange]) {
        let mut signals = false;
        for change in changes {
            match change {
                StateChange::Signal { .. }
                | StateChange::SignalMask { .. }
                | StateChange::AlternateStack => signals = true,
                StateChange::Directory { from, .. } => restore_directory(from),
                // SAFETY: sets a number.
                StateChange::Umask { from, .. } => unsafe {
                    libc::umask(*from as libc::mode_t);
                },
                _ => {}
            }
        }
        if signals {
            self.restore_signals();
        }
    }

    fn restore_signals(&self) {
        let (start, size, flags) = self.stack;
        let stack = libc::stack_t {
            ss_sp: std::ptr::with_exposed_provenance_mut(start),
            ss_flags: flags & libc::SS_DISABLE,
            ss_size: size,
        };
        // SAFETY: all values were captured from this thread and process, where the handlers and
        // the stack of a worker stay valid for good.
        unsafe {
            for (signal, action) in (1..).zip(&self.actions) {
                if let Some(action) = action {
                    libc::sigaction(signal, &action.0, std::ptr::null_mut());
                }
            }
            libc::sigaltstack(&stack, std::ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, std::ptr::null_mut());
        }
    }
}

fn restore_directory(path: &Path) {
    // A directory that is gone shows in the next comparison again.
    let _ = std::env::set_current_dir(path);
}

fn fingerprint(value: &OsString) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.as_bytes().hash(&mut hasher);
    hasher.finish()
}

fn mask() -> libc::sigset_t {
    // SAFETY: an all-zero set is valid to be filled; a NULL set only reads.
    unsafe {
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
        mask
    }
}

fn is_member(set: &libc::sigset_t, signal: c_int) -> bool {
    // SAFETY: a valid set; a signal the C library keeps for itself gives an error.
    unsafe { libc::sigismember(set, signal) == 1 }
}

fn alternate_stack() -> (usize, usize, c_int) {
    // SAFETY: a NULL new stack only reads the current one into a valid structure.
    let stack = unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        libc::sigaltstack(std::ptr::null(), &mut stack);
        stack
    };
    (
        stack.ss_sp.expose_provenance(),
        stack.ss_size,
        stack.ss_flags,
    )
}

/// There is no way to only read it, so for a moment it is the most private one.
fn umask() -> u32 {
    // SAFETY: sets a number and sets it back.
    unsafe {
        let mask = libc::umask(0o077);
        libc::umask(mask);
        mask
    }
}

fn descriptors() -> BTreeMap<c_int, (u64, u64)> {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect::<Vec<c_int>>()
    });
    // The listing's own descriptor is closed by now and drops out.
    listed
        .unwrap_or_else(|_| (0..FEW_DESCRIPTORS).collect())
        .into_iter()
        .filter_map(|fd| Some((fd, identity(fd)?)))
        .collect()
}

fn identity(fd: c_int) -> Option<(u64, u64)> {
    // SAFETY: an all-zero structure is valid to be filled.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd, &mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

fn locale() -> String {
    // SAFETY: a NULL name only asks; the answer is copied before anything could change it.
    let name = unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        (!name.is_null()).then(|| CString::from(CStr::from_ptr(name)))
    };
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn limits() -> [(u64, u64); LIMITS] {
    std::array::from_fn(|resource| {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a valid place for the answer.
        unsafe { libc::getrlimit(resource as Resource, &mut limit) };
        (limit.rlim_cur, limit.rlim_max)
    })
}
