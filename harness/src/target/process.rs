//! Programs that a provisioning runs: to their end, or in the background until the token is done with.
//!
//! Output goes to files, not pipes: a program that leaves a child behind cannot block the harness.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::sentinel::Gone;
use crate::worker;

/// Most bytes of a program's output that are shown, from its end.
const SHOWN_OUTPUT: u64 = 16 * 1024;

/// How often a program or its readiness is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How long a background program may take to end when asked to.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a socket that was there before its program began may take to be made anew.
const STALE: Duration = Duration::from_secs(3);

/// A program about to be run.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    /// Program and arguments; not empty.
    pub(super) command: Vec<String>,
    /// Variables on top of the harness's own.
    pub(super) environment: BTreeMap<String, String>,
    /// What it reads.
    pub(super) stdin: Option<String>,
    /// Where it runs.
    pub(super) folder: PathBuf,
    /// How long it, or its readiness, may take.
    pub(super) timeout: Duration,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// Whether it ended well.
    pub(super) success: bool,
    /// How it ended, in words.
    pub(super) status: ExitStatus,
    /// The end of what it printed.
    pub(super) stdout: String,
    /// The end of what it complained about.
    pub(super) stderr: String,
}

/// A program that did not get to its end, or got there too early.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// There is no such program.
    #[error("program `{0}` is not installed")]
    Missing(String),
    /// It could not be started or waited for.
    #[error("could not be run: {0}")]
    Io(#[from] std::io::Error),
    /// It took too long and was killed.
    #[error("took longer than {} and was killed; raise its `timeout` if that is normal", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// A background program was not ready in time.
    #[error("did not make `{path}` within {}; raise its `timeout`, or correct `ready`", humantime::format_duration(*.waited))]
    NotReady {
        /// What was waited for.
        path: PathBuf,
        /// How long.
        waited: Duration,
    },
    /// A background program ended before it was ready.
    #[error("ended before it was ready")]
    Ended(Box<Finished>),
}

impl fmt::Display for Invocation {
    /// The command line, quoted where a shell would need it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.command.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(&byte);
            if !part.is_empty() && part.bytes().all(safe) {
                write!(f, "{gap}{part}")?;
            } else {
                write!(f, "{gap}'{}'", part.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

/// A program and everything it started, in a process group of its own.
#[derive(Debug)]
struct Group {
    child: Child,
    stdout: File,
    stderr: File,
    ended: bool,
}

/// By what a socket is known from one made anew at the same place. Any other file says nothing of who made it.
fn socket(path: &Path) -> Option<(u64, i64, i64)> {
    let of = std::fs::metadata(path).ok()?;
    let identity = (of.ino(), of.ctime(), of.ctime_nsec());
    of.file_type().is_socket().then_some(identity)
}

impl Invocation {
    /// Runs the program to its end.
    pub(super) fn run(&self) -> Result<Finished, ProcessError> {
        let mut group = self.spawn()?;
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = group.wait()? {
                return Ok(group.finished(status));
            }
            if Instant::now() >= deadline {
                group.signal(Signal::KILL);
                return Err(ProcessError::Timeout(self.timeout));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Starts the program, and waits until `ready` exists if that is given. A socket that is there already is mostly that of
    /// a daemon that is gone: it is waited for to be made anew, though not for long, as some program may keep it.
    pub(super) fn start(&self, ready: Option<&Path>) -> Result<Daemon, ProcessError> {
        let before = ready.and_then(socket);
        let mut daemon = Daemon {
            group: self.spawn()?,
            program: self.command.first().cloned().unwrap_or_default(),
            is_watched: false,
        };
        let begun = Instant::now();
        let deadline = begun + self.timeout;
        let stale = |path: &Path| {
            before.is_some() && before == socket(path) && begun.elapsed() < STALE.min(self.timeout)
        };
        let is_ready = |path: &Path| path.exists() && !stale(path);
        while let Some(path) = ready.filter(|path| !is_ready(path)) {
            if let Some(status) = daemon.group.wait()? {
                return Err(ProcessError::Ended(Box::new(daemon.group.finished(status))));
            }
            if Instant::now() >= deadline {
                return Err(ProcessError::NotReady {
                    path: path.to_owned(),
                    waited: self.timeout,
                });
            }
            std::thread::sleep(POLL);
        }
        Ok(daemon)
    }

    fn spawn(&self) -> Result<Group, ProcessError> {
        let (program, arguments) = self.command.split_first().ok_or_else(|| {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, "no program is named")
        })?;
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let child = Command::new(program)
            .args(arguments)
            .envs(&self.environment)
            .current_dir(&self.folder)
            .stdin(self.input()?)
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?)
            .process_group(0)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => ProcessError::Missing(program.clone()),
                _ => ProcessError::Io(error),
            })?;
        Ok(Group {
            child,
            stdout,
            stderr,
            ended: false,
        })
    }

    /// Input as an unnamed file, which never blocks and leaves nothing behind.
    fn input(&self) -> std::io::Result<Stdio> {
        let Some(text) = &self.stdin else {
            return Ok(Stdio::null());
        };
        let mut file = tempfile::tempfile()?;
        file.write_all(text.as_bytes())?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file.into())
    }
}

impl Group {
    fn wait(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.ended |= status.is_some();
        Ok(status)
    }

    fn finished(&self, status: ExitStatus) -> Finished {
        Finished {
            success: status.success(),
            status,
            stdout: tail(&self.stdout),
            stderr: tail(&self.stderr),
        }
    }

    /// Signals the program and whatever it started; one that is gone needs no signal.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    /// Leaves no zombie. A program that ended by itself may have left a daemon, which is its right.
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// A program in the background; dropping it ends the program and everything in its group.
#[derive(Debug)]
pub(super) struct Daemon {
    group: Group,
    program: String,
    is_watched: bool,
}

impl Daemon {
    /// Whether it still runs.
    fn alive(&mut self) -> bool {
        matches!(self.group.wait(), Ok(None))
    }

    /// From here on it is to run; one that has ended by now may have left another in its place.
    pub(super) fn watch(&mut self) {
        self.is_watched = self.alive();
    }

    /// How it ended, if it was to run.
    pub(super) fn gone(&mut self) -> Option<Gone> {
        let status = self.group.wait().ok().flatten();
        let status = status.filter(|_| self.is_watched)?;
        Some(Gone {
            program: self.program.clone(),
            end: worker::end_of(status),
            stderr: self.group.finished(status).stderr,
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.group.signal(Signal::TERM);
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline && self.alive() {
            std::thread::sleep(POLL);
        }
        self.group.signal(Signal::KILL);
    }
}

/// The end of a program's output; reading it is a courtesy that may fail.
fn tail(file: &File) -> String {
    let mut file = file;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::new();
    let start = SeekFrom::Start(length.saturating_sub(SHOWN_OUTPUT));
    if file.seek(start).is_ok() {
        let _ = file.take(SHOWN_OUTPUT).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
