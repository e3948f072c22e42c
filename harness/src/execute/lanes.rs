//! Blocks of lanes: several lists of steps on a thread each. Lanes share nothing that the executor
//! writes: each has its own guarded memory, a copy of the values, and a part of the journal.
#![allow(
    unsafe_code,
    reason = "moves guarded memory to another thread and back"
)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::order::Place;
use super::plan::PreparedStep;
use super::run::Prepared;
use super::shelf::Shelf;
use super::stop::{Stop, leave};
use crate::memory::Arena;
use crate::sequence::MAX_LANES;
use crate::worker::{CrashStack, JournalWriter, Journaled, LANES, thread, watch_exits};

const _: () = assert!(MAX_LANES <= LANES, "the journal has a part for every lane");

/// Stack of a lane's thread, bytes: what the main thread has by default.
const STACK: usize = 8 << 20;
/// How often a lane looks whether all have come before it lets others run.
const SPINS: u32 = 2000;

/// A block, laid out.
#[derive(Default)]
pub(super) struct Block {
    pub(super) repeat: u32,
    /// The lanes in the order in which their calls begin.
    pub(super) order: Box<[u16]>,
    pub(super) lanes: Vec<Lane>,
}

/// A lane, laid out.
pub(super) struct Lane {
    pub(super) steps: Vec<PreparedStep>,
    /// The supply of this lane's buffers alone.
    pub(super) arena: Arena,
    pub(super) shelf: Shelf,
    /// Registers of what it gives.
    pub(super) gives: Vec<usize>,
}

/// A lane with all that a thread needs to run it.
pub(super) struct Runner<'t> {
    pub(super) executor: Prepared<'t>,
    pub(super) gives: Vec<usize>,
    pub(super) journal: JournalWriter,
    stop: Option<Stop>,
}

// SAFETY: what is counted by reference without atomics is a lane's arena, which all of its buffers
// refer to and nothing else does: they are all in here and change threads together. Buffers are memory
// of the process. The function list is shared and only read.
unsafe impl Send for Runner<'_> {}

impl Runner<'_> {
    /// Runs the lane on the calling thread once all have come.
    ///
    /// # Safety
    /// As [`Prepared::run`].
    unsafe fn run(&mut self, gate: &Gate, repeat: u32) {
        // Without one a crash is told by its signal all the same, if the stack has not overflowed.
        let _stack = CrashStack::install().ok();
        self.journal.used_by(thread().unsigned_abs());
        if gate.pass() {
            // SAFETY: passed on to the caller.
            let mut rounds = (0..repeat).map(|_| unsafe { self.executor.run(&mut self.journal) });
            self.stop = rounds.find_map(|stop| stop);
        }
        if let Some(place) = &self.executor.place {
            place.leave();
        }
        self.journal.used_by(0);
    }
}

impl<'t> Prepared<'t> {
    /// Runs a block; gives the reason if one of its lanes was left early.
    ///
    /// # Safety
    /// As [`Prepared::run`].
    pub(super) unsafe fn together(
        &mut self,
        index: usize,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        // SAFETY: joined below, before the journal is used for anything else.
        let (mut runners, repeat) = match unsafe { self.runners(index, Journaled::Lanes, journal) }
        {
            Ok(runners) => runners,
            Err(stop) => return stop,
        };
        watch_exits();
        // SAFETY: passed on to the caller.
        let ran = unsafe { run_all(&mut runners, repeat) };
        let stop = self.join(index, repeat, runners, journal);
        match ran {
            Ok(()) => stop,
            Err(error) => {
                let text = format!("no thread for a lane: {error}");
                leave(journal, Stop::OutOfMemory, &text)
            }
        }
    }

    /// The lanes of a block, each ready to run, and how often; or why the sequence was left.
    ///
    /// # Safety
    /// The journal is not used before [`join`](Self::join).
    pub(super) unsafe fn runners(
        &mut self,
        index: usize,
        how: Journaled,
        journal: &mut JournalWriter,
    ) -> Result<(Vec<Runner<'t>>, u32), Option<Stop>> {
        let block = self.blocks.get_mut(index).map(std::mem::take);
        let Some(Block {
            repeat,
            order,
            lanes,
        }) = block
        else {
            let text = "a lane or child has none of its own";
            return Err(leave(journal, Stop::Unresolved, text));
        };
        // SAFETY: passed on to the caller.
        let Some(writers) = (unsafe { journal.lanes(lanes.len(), how) }) else {
            self.blocks[index] = Block {
                repeat,
                order,
                lanes,
            };
            let text = "the journal has no room for lanes";
            return Err(leave(journal, Stop::OutOfMemory, text));
        };
        let lanes = lanes.into_iter().zip(writers);
        let mut runners: Vec<_> = lanes
            .map(|(lane, writer)| self.runner(lane, writer))
            .collect();
        for (runner, place) in runners.iter_mut().zip(Place::all(&order)) {
            runner.executor.place = Some(place);
        }
        self.blocks[index].order = order;
        Ok((runners, repeat))
    }

    /// Ends a block: keeps what its lanes gave; gives the reason if one was left early.
    pub(super) fn join(
        &mut self,
        index: usize,
        repeat: u32,
        runners: Vec<Runner<'t>>,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        let mut stop = None;
        let mut writers = Vec::with_capacity(runners.len());
        let mut lanes = Vec::with_capacity(runners.len());
        for runner in runners {
            stop = stop.or(runner.stop);
            let (lane, writer) = self.take_back(runner);
            lanes.push(lane);
            writers.push(writer);
        }
        journal.join(writers);
        let order = std::mem::take(&mut self.blocks[index].order);
        self.blocks[index] = Block {
            repeat,
            order,
            lanes,
        };
        stop
    }

    fn runner(&self, lane: Lane, journal: JournalWriter) -> Runner<'t> {
        Runner {
            executor: Prepared::at_rest(
                lane.steps,
                (Arc::clone(&self.registers), self.values.clone()),
                (lane.arena, lane.shelf),
                (self.table, self.options),
            ),
            gives: lane.gives,
            journal,
            stop: None,
        }
    }

    /// Keeps what a lane gave.
    fn take_back(&mut self, runner: Runner<'t>) -> (Lane, JournalWriter) {
        let executor = runner.executor;
        for register in &runner.gives {
            self.values[*register].clone_from(&executor.values[*register]);
        }
        self.lifecycle = executor.lifecycle.or(self.lifecycle);
        self.missed |= executor.missed;
        let lane = Lane {
            steps: executor.steps,
            arena: executor.arena,
            shelf: executor.shelf,
            gives: runner.gives,
        };
        (lane, runner.journal)
    }
}

/// Runs every lane on a thread of its own until all have ended. If there is no thread for one of
/// them, none runs.
///
/// # Safety
/// As [`Prepared::run`].
unsafe fn run_all(runners: &mut [Runner<'_>], repeat: u32) -> io::Result<()> {
    let gate = Gate::default();
    let count = runners.len();
    std::thread::scope(|scope| {
        for runner in runners {
            let gate = &gate;
            let builder = std::thread::Builder::new().stack_size(STACK);
            // SAFETY: passed on to the caller.
            let spawned = builder.spawn_scoped(scope, move || unsafe { runner.run(gate, repeat) });
            if let Err(error) = spawned {
                gate.state.store(CLOSED, Ordering::Release);
                return Err(error);
            }
        }
        gate.open(count);
        Ok(())
    })
}

/// Where lanes wait for each other.
#[derive(Debug, Default)]
struct Gate {
    come: AtomicUsize,
    state: AtomicU32,
}

/// The gate is open.
const OPEN: u32 = 1;
/// The gate will not open.
const CLOSED: u32 = 2;

impl Gate {
    /// Waits until the gate opens; false if it will not. All see it at the same time: nobody sleeps.
    fn pass(&self) -> bool {
        self.come.fetch_add(1, Ordering::Release);
        patiently(|| self.state.load(Ordering::Acquire) != 0);
        self.state.load(Ordering::Acquire) == OPEN
    }

    /// Opens the gate once so many have come.
    fn open(&self, count: usize) {
        patiently(|| self.come.load(Ordering::Acquire) == count);
        self.state.store(OPEN, Ordering::Release);
    }
}

/// Looks again and again whether something is so.
pub(super) fn patiently(is_so: impl Fn() -> bool) {
    let mut spins = 0;
    while !is_so() {
        spins += 1;
        if spins % SPINS == 0 {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}
