//! What a request left behind, read from shared memory without believing it.

use super::super::end;
use super::super::journal::{InFlight, Journal, extent, salt};
use super::super::layout::{checksum, state};
use super::super::reach::Reached;
use super::{GuardHit, Worker};
use p11assay_reports::evidence::End;
use std::sync::atomic::Ordering::Relaxed;

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The handler's response.
    Response(Vec<u8>),
    /// The worker ended; it answers no further requests.
    Ended(End),
    /// [`Canceller::cancel`](crate::worker::Canceller::cancel) was called; the worker was killed.
    Cancelled,
    /// The harness itself failed: the handler panicked, or a message is too large for its area.
    /// The text says which. The worker is still good for another request.
    Fault(String),
    /// The response does not verify: something in the worker wrote over the shared memory. The
    /// worker was killed.
    Garbled,
}

/// Everything a request left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What became of it.
    pub outcome: Outcome,
    /// The calls that were made.
    pub journal: Journal,
    /// What was written to standard output. [`Journal::output_of`] says which case wrote what.
    pub stdout: Vec<u8>,
    /// What was written to standard error.
    pub stderr: Vec<u8>,
    /// The call that did not return, if the worker ended in one. Of several in lanes, that of the
    /// lane that ended it, or the first if that is not known.
    pub in_flight: Option<InFlight>,
    /// The lane that ended the worker by a crash, a hang or a call of `exit`, if that is known.
    pub lane: Option<u16>,
    /// Functions reached since the last request, if they are followed ([`cover`](crate::worker::reach::cover)).
    pub reached: Vec<Reached>,
    /// Whether the worker gave up following functions, since the module handles breakpoints itself. If it
    /// ended, that may be due to them.
    pub gave_up: bool,
    /// The guarded buffer next to the faulting address, if the worker crashed at one.
    pub guard: Option<GuardHit>,
}

impl Worker {
    pub(super) fn answer(&mut self) -> Outcome {
        let mapping = &self.process.mapping;
        let control = mapping.control();
        let length = usize::try_from(control.response_length.load(Relaxed)).unwrap_or(usize::MAX);
        let layout = mapping.layout();
        if length <= layout.response {
            let bytes = mapping.copy_out(layout.response_offset(), length);
            if checksum(&bytes) == control.response_check.load(Relaxed) {
                return match control.state.load(Relaxed) {
                    state::FAULT => Outcome::Fault(String::from_utf8_lossy(&bytes).into_owned()),
                    _ => Outcome::Response(bytes),
                };
            }
        }
        self.spoiled()
    }

    pub(super) fn spoiled(&mut self) -> Outcome {
        self.kill();
        self.ended = Some(end::killed());
        Outcome::Garbled
    }

    pub(super) fn reply(&mut self, outcome: Outcome, sent: bool) -> Reply {
        let journal = if sent {
            self.journal()
        } else {
            Journal::default()
        };
        let ended = matches!(outcome, Outcome::Ended(_) | Outcome::Cancelled);
        let lane = match &outcome {
            Outcome::Ended(end) => self.ended_lane(end),
            _ => None,
        };
        let open = journal.in_flight();
        let theirs = open.iter().find(|call| call.lane == lane);
        let (reached, read) = self.process.mapping.reach().since(self.reached);
        self.reached = read;
        Reply {
            reached,
            gave_up: self.process.mapping.reach().was_given_up(),
            in_flight: theirs.or(open.first()).copied().filter(|_| ended),
            lane,
            guard: self.crash().filter(|_| ended).and_then(|crash| crash.guard),
            outcome,
            journal,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
        }
    }

    fn journal(&self) -> Journal {
        let mapping = &self.process.mapping;
        let (layout, salt) = (mapping.layout(), salt(self.request));
        let begin = layout.journal_offset();
        let read = |at| mapping.words(begin + at);
        let chain = extent(layout.journal, salt, read);
        let bytes = mapping.copy_out(begin, chain.end);
        let written = mapping.control().progress.main.written.load(Relaxed);
        Journal::new(bytes, salt, chain.start, written)
    }
}
