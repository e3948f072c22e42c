//! The parent's end of a worker: sending requests, waiting for the answer or the end, and
//! collecting what was journaled and written meanwhile.
//!
//! Starting and reaping is left to `process`, naming an end to `end`.

mod reply;
mod watch;

use watch::Watch;

pub use reply::{Outcome, Reply};

use super::end;
use super::layout::{Layout, MAGIC, VERSION, order, stage, state};
use super::mapping::{Mapping, memfd, ring, wait};
use super::options::{SpawnError, WorkerOptions};
use super::output::Output;
use super::process::{self, Descriptors, Process};
use super::snapshot::Snapshot;
use super::statm::Statm;
use super::{GuardHit, LANES, Timing};
use p11assay_reports::evidence::End;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// How often deadlines and memory are looked at.
const TICK: Duration = Duration::from_millis(20);
/// How long a killed process may take to die before it is left to the watcher.
const DEATH: Duration = Duration::from_secs(5);

/// A child process that executes requests. Killed and reaped when dropped.
#[derive(Debug)]
pub struct Worker {
    process: Arc<Process>,
    options: WorkerOptions,
    stdout: Output,
    stderr: Output,
    request: u32,
    ended: Option<End>,
    /// Entries of the log of reached functions that were read.
    reached: usize,
    /// The lane that did not come back, if it hung in one.
    hung: Option<u16>,
}

/// Why waiting came to its end.
enum Waited {
    Answered,
    Cancelled,
    Ended(End),
    Spoiled,
}

impl Worker {
    /// Starts a worker and waits until it is ready for requests.
    ///
    /// # Errors
    /// If it cannot be started, or ends or hangs before it is ready.
    pub fn spawn(options: &WorkerOptions) -> Result<Self, SpawnError> {
        if options.canceller.is_cancelled() {
            return Err(SpawnError::Cancelled);
        }
        let layout = Layout::new(
            options.request_capacity,
            options.response_capacity,
            options.journal_capacity,
        );
        let share = SpawnError::SharedMemory;
        let memory = memfd(c"p11assay-worker", layout.total(), false).map_err(share)?;
        let mapping = Mapping::new(memory.as_fd(), layout).map_err(share)?;
        write_control(&mapping, options);
        let (stdout, worker_stdout) = Output::new(options.output_capacity).map_err(share)?;
        let (stderr, worker_stderr) = Output::new(options.output_capacity).map_err(share)?;
        let process = Process::new(mapping);
        let descriptors = Descriptors {
            memory,
            stdout: worker_stdout,
            stderr: worker_stderr,
        };
        options.canceller.watch(&process);
        process::start(&process, options, descriptors)?;
        let mut worker = Self {
            process,
            options: options.clone(),
            stdout,
            stderr,
            request: 0,
            reached: 0,
            ended: None,
            hung: None,
        };
        worker.wait_for_start()?;
        Ok(worker)
    }

    fn wait_for_start(&mut self) -> Result<(), SpawnError> {
        let deadline = self.options.start_deadline;
        let waited = self.wait_for(deadline, deadline);
        let stderr = |worker: &Self| String::from_utf8_lossy(&worker.stderr.take()).into_owned();
        match waited {
            Waited::Answered => Ok(()),
            Waited::Cancelled => Err(SpawnError::Cancelled),
            Waited::Spoiled => Err(SpawnError::NotReady {
                deadline,
                stderr: stderr(self),
            }),
            Waited::Ended(End::Hang { .. }) => Err(SpawnError::NotReady {
                deadline,
                stderr: stderr(self),
            }),
            Waited::Ended(end) => Err(SpawnError::Ended {
                end: Box::new(end),
                stderr: stderr(self),
            }),
        }
    }

    /// Process id of the worker.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid().unsigned_abs()
    }

    /// Whether it can answer further requests.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.ended.is_none() && self.process.status().is_none()
    }

    /// Changes how long one call may take, from the next request on.
    pub fn set_call_deadline(&mut self, deadline: Duration) {
        self.options.call_deadline = deadline;
    }

    /// Sends a request and waits for its response, or for the end of the worker. A worker that
    /// has ended gives its end again, with an empty journal.
    pub fn request(&mut self, request: &[u8]) -> Reply {
        let mapping = &self.process.mapping;
        let layout = mapping.layout();
        if request.len() > layout.request {
            let text = format!(
                "a request of {} bytes does not fit the worker's {}: send fewer cases at once",
                request.len(),
                layout.request
            );
            return self.reply(Outcome::Fault(text), false);
        }
        if let Some(end) = &self.ended {
            let outcome = Outcome::Ended(end.clone());
            return self.reply(outcome, false);
        }
        if self.options.canceller.is_cancelled() {
            self.kill();
            return self.reply(Outcome::Cancelled, false);
        }
        self.request = self.request.wrapping_add(1).max(1);
        let control = mapping.control();
        mapping.copy_in(layout.request_offset(), request);
        control.progress.main.written.store(0, Relaxed);
        control.request_length.store(request.len() as u64, Relaxed);
        control.order.store(order::REQUEST, Relaxed);
        control.state.store(state::BUSY, Release);
        ring(&control.command);
        let waited = self.wait_for(self.options.call_deadline, self.options.idle_deadline);
        let outcome = match waited {
            Waited::Answered => self.answer(),
            Waited::Cancelled => Outcome::Cancelled,
            Waited::Ended(end) => Outcome::Ended(end),
            Waited::Spoiled => self.spoiled(),
        };
        self.reply(outcome, true)
    }

    /// Tells the worker to exit the normal way and waits for it; kills it if it does not. Gives
    /// how it ended if that was not orderly: a module may well crash or hang while it is unloaded.
    #[must_use]
    pub fn stop(self) -> Option<End> {
        if self.ended.is_some() {
            return None;
        }
        let control = self.process.mapping.control();
        control.order.store(order::STOP, Release);
        ring(&control.command);
        let deadline = self.options.start_deadline;
        self.wait_for_death(deadline);
        match self.process.status() {
            Some(status) if status.success() => None,
            Some(status) => Some(self.end_of(status)),
            None => Some(self.end_hang(deadline)),
        }
    }

    /// Waits until the worker answers or ends. Lets a call in flight take `call`, and anything
    /// else `idle`: both are measured here, by what the worker shows of its progress.
    fn wait_for(&mut self, call: Duration, idle: Duration) -> Waited {
        let mut watch = Watch::new(&self.process.mapping.control().progress);
        let mut statm = Statm::open(self.process.pid());
        loop {
            let control = self.process.mapping.control();
            let bell = control.doorbell.load(Acquire);
            if self.answered() {
                // What it kept may have come since the last look.
                let over = self.over_limit(statm.as_mut());
                return over.unwrap_or(Waited::Answered);
            }
            if self.options.canceller.is_cancelled() {
                self.kill();
                return Waited::Cancelled;
            }
            if let Some(status) = self.process.status() {
                return self.ended(self.end_of(status));
            }
            // Nothing else in the control page can be believed then: waiting is of no use.
            if control.magic.load(Relaxed) != MAGIC {
                return Waited::Spoiled;
            }
            let slowest = watch.look(&control.progress, call, idle);
            if slowest.left.is_none() {
                self.hung = slowest.lane;
                let end = self.end_hang(slowest.deadline);
                return self.ended(end);
            }
            if let Some(over) = self.over_limit(statm.as_mut()) {
                return over;
            }
            let left = slowest.left.unwrap_or_default() + Duration::from_millis(1);
            let doorbell = &self.process.mapping.control().doorbell;
            wait(doorbell, bell, Some(TICK.min(left)));
        }
    }

    /// The end of a worker with this wait status.
    fn end_of(&self, status: ExitStatus) -> End {
        match status.signal() {
            // What the kernel sends to whoever writes beyond the limit.
            Some(libc::SIGXFSZ) => End::FileLimit {
                limit: process::file_limit(self.options.file_limit),
            },
            _ => end::of(status, self.crash()),
        }
    }

    /// Ends a worker that has more memory than it may.
    fn over_limit(&mut self, statm: Option<&mut Statm>) -> Option<Waited> {
        let resident = statm.and_then(Statm::resident)?;
        let limit = self
            .options
            .memory_limit
            .filter(|limit| resident > *limit)?;
        self.kill();
        Some(self.ended(End::MemoryLimit { limit, resident }))
    }

    fn ended(&mut self, end: End) -> Waited {
        self.ended = Some(end.clone());
        Waited::Ended(end)
    }

    fn answered(&self) -> bool {
        let control = self.process.mapping.control();
        let state = control.state.load(Acquire);
        let done = state == state::READY || state == state::FAULT;
        done && control.answered.load(Relaxed) == self.request
    }

    /// Takes the stack of a worker that shows no progress, then kills it. If it turns out to be
    /// in its crash handler, it crashed rather than hung.
    fn end_hang(&self, deadline: Duration) -> End {
        let pid = self.process.pid();
        let thread = self.hung.map_or(pid, |lane| self.thread_of(lane));
        let snapshot = Snapshot::of_thread(thread);
        let reach = self.process.mapping.reach();
        if let Some(snapshot) = &snapshot
            && reach.has_breakpoints()
            && snapshot.stays_at_breakpoint(thread)
        {
            reach.give_up();
        }
        if snapshot.is_none() {
            // Tracing is not permitted here: let the worker's own crash handler look.
            self.process.signal_thread(thread, libc::SIGABRT);
            self.wait_for_death(Duration::from_millis(300));
        }
        if thread != pid {
            self.process.signal(libc::SIGKILL);
            Snapshot::let_go(thread);
        }
        self.kill();
        let crash = self.crash();
        let own = crash.filter(|crash| snapshot.is_some() || crash.signal != libc::SIGABRT);
        if let Some(crash) = own {
            return end::of_crash(&crash);
        }
        let snapshot = snapshot.or_else(|| self.crash().map(|crash| crash.snapshot));
        end::of_hang(deadline, snapshot.as_ref())
    }

    /// The thread of a lane.
    fn thread_of(&self, lane: u16) -> libc::pid_t {
        let lanes = &self.process.mapping.control().progress.lanes;
        let lane = lanes.get(usize::from(lane));
        lane.map_or(0, |lane| lane.thread.load(Relaxed).cast_signed())
    }

    /// The lane in which the worker came to this end, if that is known.
    fn ended_lane(&self, end: &End) -> Option<u16> {
        let thread = match end {
            // A lane may have been about to crash while another had called `exit`, and the other way round.
            End::Signal { signal, .. } => {
                let crash = self.crash()?;
                (end::signal_name(crash.signal) == *signal).then_some(crash.thread)?
            }
            End::Exited { .. } => {
                let left = &self.process.mapping.crash().left;
                left.load(Relaxed).cast_signed()
            }
            _ => return self.hung,
        };
        let mut lanes = (0..LANES as u16).filter(|_| thread != 0);
        lanes.find(|lane| self.thread_of(*lane) == thread)
    }

    fn crash(&self) -> Option<end::Crash> {
        let crash = self.process.mapping.crash();
        let complete = crash.stage.load(Acquire) >= stage::REGISTERS;
        let crash = complete.then(|| end::Crash::read(&self.process.mapping))?;
        // A record of no signal there is was written over.
        (1..=64).contains(&crash.signal).then_some(crash)
    }

    /// True if the worker ended within this time.
    fn wait_for_death(&self, limit: Duration) -> bool {
        let begin = Instant::now();
        loop {
            let doorbell = &self.process.mapping.control().doorbell;
            let bell = doorbell.load(Acquire);
            let elapsed = begin.elapsed();
            let is_dead = self.process.status().is_some();
            if is_dead || elapsed >= limit {
                return is_dead;
            }
            wait(doorbell, bell, Some(TICK.min(limit - elapsed)));
        }
    }

    fn kill(&self) {
        if self.process.status().is_none() {
            self.process.signal(libc::SIGKILL);
            if !self.wait_for_death(DEATH) {
                let pid = self.process.pid();
                eprintln!("warning: process {pid} was killed, and is still there");
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn write_control(mapping: &Mapping, options: &WorkerOptions) {
    let control = mapping.control();
    let layout = mapping.layout();
    control
        .request_capacity
        .store(layout.request as u64, Relaxed);
    control
        .response_capacity
        .store(layout.response as u64, Relaxed);
    control
        .journal_capacity
        .store(layout.journal as u64, Relaxed);
    control
        .timing
        .store(u32::from(options.timing == Timing::On), Relaxed);
    control.state.store(state::STARTING, Relaxed);
    control.version.store(VERSION, Relaxed);
    control.magic.store(MAGIC, Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs are spread over threads, a worker each.
    #[test]
    fn a_worker_may_be_owned_by_any_thread() {
        fn owned_elsewhere<T: Send>(spawn: impl FnOnce() -> T + Send) -> T {
            std::thread::scope(|scope| scope.spawn(spawn).join().expect("no panic"))
        }
        let options = WorkerOptions::new("/no/such/program", Vec::new());
        let result = owned_elsewhere(|| Worker::spawn(&options));
        assert!(matches!(result, Err(SpawnError::Start { .. })));
    }
}
