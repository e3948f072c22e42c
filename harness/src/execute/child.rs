//! Steps of a forked child. It makes them as a lane does, in its copy of the process, and hands back
//! what they gave; the process waits for its end.
#![allow(unsafe_code, reason = "forks, and runs the module in the child")]

use std::io::{PipeWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::lanes::Runner;
use super::run::Prepared;
use super::stop::{Stop, leave};
use crate::sequence::Value;
use crate::worker::{Ended, Fork, JournalWriter, Journaled, fork};

/// Exit status of a child that made all its steps.
const DONE: i32 = 0;
/// Exit status of a child that left its steps early, which its journal tells.
const LEFT: i32 = 1;

impl Prepared<'_> {
    /// Has a child run a block of one lane.
    ///
    /// # Safety
    /// As [`Prepared::run`].
    pub(super) unsafe fn in_child(
        &mut self,
        index: usize,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        // SAFETY: joined below, before the journal is used for anything else.
        let (mut runners, repeat) = match unsafe { self.runners(index, Journaled::Child, journal) }
        {
            Ok(runners) => runners,
            Err(stop) => return stop,
        };
        // SAFETY: passed on to the caller.
        let ended = unsafe { run_child(&mut runners) };
        let stop = self.join(index, repeat, runners, journal);
        match ended {
            Ok(Ended::Exited(DONE)) => stop,
            // Why is in the child's part of the journal.
            Ok(Ended::Exited(LEFT)) => Some(Stop::WrongReturn),
            Ok(ended) => leave(journal, Stop::ChildEnded, &ended.to_string()),
            Err(error) => leave(journal, Stop::OutOfMemory, &format!("no child: {error}")),
        }
    }
}

/// Runs the lane in a child and waits for its end; what it gave is in the lane's registers then.
///
/// # Safety
/// As [`Prepared::run`].
unsafe fn run_child(runners: &mut [Runner<'_>]) -> std::io::Result<Ended> {
    let [runner] = runners else {
        return Err(std::io::Error::other("a child has one list of steps"));
    };
    let (mut ours, theirs) = std::io::pipe()?;
    match fork()? {
        Fork::Child => {
            drop(ours);
            // SAFETY: passed on to the caller.
            unsafe { be_child(runner, theirs) }
        }
        Fork::Parent(child) => {
            drop(theirs);
            let mut given = Vec::new();
            let read = ours.read_to_end(&mut given);
            // A child that ended too early gave nothing.
            if let Ok(values) = serde_json::from_slice::<Vec<Option<Value>>>(&given) {
                for (register, value) in runner.gives.iter().zip(values) {
                    runner.executor.values[*register] = value;
                }
            }
            child.wait().and_then(|ended| read.map(|_| ended))
        }
    }
}

/// The child's life. What the module would do at the exit of a process is left out: the process that
/// it belongs to goes on.
///
/// # Safety
/// As [`Prepared::run`].
unsafe fn be_child(runner: &mut Runner<'_>, mut pipe: PipeWriter) -> ! {
    let run = AssertUnwindSafe(|| {
        runner.journal.used_by(std::process::id());
        // SAFETY: passed on to the caller.
        let stop = unsafe { runner.executor.run(&mut runner.journal) };
        let values = &runner.executor.values;
        let given: Vec<_> = runner.gives.iter().map(|at| values[*at].clone()).collect();
        let written = serde_json::to_vec(&given).map(|bytes| pipe.write_all(&bytes));
        match (stop, written) {
            (None, Ok(Ok(()))) => DONE,
            _ => LEFT,
        }
    });
    let status = catch_unwind(run).unwrap_or(101);
    // SAFETY: ends the process without running anybody's code.
    unsafe { libc::_exit(status) }
}
