//! What a worker's reply says: of its request as a whole, and of each case.

use p11assay_reports::evidence::End;

use super::{Ran, parse};
use crate::oracle::CaseTrace;
use crate::run::wire::{BatchReply, Job};
use crate::worker::{Outcome, Reply};

impl Ran {
    pub(super) fn of(job: &Job, mut trace: CaseTrace, reply: &Reply, duration_ns: u64) -> Self {
        let unfinished = !trace.ended;
        trace.ended_lane = reply.lane.filter(|_| unfinished);
        let (stdout, stderr) = output_of(reply, job.number);
        Self {
            number: job.number,
            trace,
            end: None,
            target: None,
            stdout,
            stderr,
            guard: reply
                .guard
                .filter(|_| unfinished)
                .map(|hit| hit.to_string()),
            spoiled: false,
            fault: None,
            duration_ns,
        }
    }
}

/// What a reply says of its request as a whole.
pub(super) enum Account {
    Answered,
    Cancelled,
    Ended(End),
    /// The module wrote over the memory in which the worker accounts for itself.
    Spoiled,
    Fault(String),
}

impl Account {
    /// The end with the frames of this program taken off its stack, as far as they called the
    /// module: they say nothing of it.
    pub(super) fn without_harness(self, module: Option<&std::path::Path>) -> Self {
        let Self::Ended(mut end) = self else {
            return self;
        };
        // Frames are in files, whatever link led there.
        let file = module.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        let name = file
            .as_deref()
            .and_then(std::path::Path::file_name)
            .and_then(|name| name.to_str());
        if let (Some(name), End::Signal { frames, .. } | End::Hang { frames, .. }) =
            (name, &mut end)
            && let Some(last) = frames.iter().rposition(|frame| frame.module == name)
        {
            frames.truncate(last + 1);
        }
        Self::Ended(end)
    }

    /// `count` is the number of cases that came to their end.
    pub(super) fn of(reply: &Reply, count: usize) -> Self {
        match &reply.outcome {
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Fault(text) => Self::Fault(text.clone()),
            _ if reply.journal.corrupted().is_some() => Self::Spoiled,
            Outcome::Garbled => Self::Spoiled,
            Outcome::Ended(end) => Self::Ended(end.clone()),
            Outcome::Response(bytes) => match parse::<BatchReply>(bytes) {
                Ok(_) if count > 0 => Self::Answered,
                _ => Self::Spoiled,
            },
        }
    }
}

fn output_of(reply: &Reply, case: u32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    reply
        .journal
        .output_of(case, reply.stdout.len(), reply.stderr.len())
        .map(|output| {
            (
                text(&reply.stdout[output.stdout]),
                text(&reply.stderr[output.stderr]),
            )
        })
        .unwrap_or_default()
}
