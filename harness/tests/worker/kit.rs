//! What the tests share: starting a worker of this very program, sending it lines, reading ends.

use p11assay::worker::{Outcome, Record, Reply, StateChange, Worker, WorkerOptions};
use p11assay_reports::evidence::{End, Frame};
use std::path::Path;
use std::time::Duration;

use crate::target;

/// Deadline of calls that are to hang. Others have as long as a busy machine may take.
pub(crate) const DEADLINE: Duration = Duration::from_millis(250);

/// Options for a worker whose module is asked to misbehave this way.
pub(crate) fn options(hostile: &str) -> WorkerOptions {
    let program = std::env::current_exe().expect("path of this program");
    let mut options = WorkerOptions::new(program, vec!["worker".into()]);
    options.environment.insert("HOSTILE".into(), hostile.into());
    options.call_deadline = Duration::from_secs(20);
    options.memory_limit = Some(256 << 20);
    options
}

/// A worker whose module is asked to hang this way.
pub(crate) fn hanging(hostile: &str) -> Worker {
    let mut options = options(hostile);
    options.call_deadline = DEADLINE;
    Worker::spawn(&options).expect("a worker")
}

pub(crate) fn spawn(hostile: &str) -> Worker {
    Worker::spawn(&options(hostile)).expect("a worker")
}

/// Sends these lines to a worker.
pub(crate) fn send(worker: &mut Worker, lines: &[&str]) -> Reply {
    send_to(worker, &hostile_module::path(), lines)
}

/// Sends these lines to a worker that is to load the module at `path`.
pub(crate) fn send_to(worker: &mut Worker, path: &Path, lines: &[&str]) -> Reply {
    let request = format!("{}\n{}", path.display(), lines.join("\n"));
    worker.request(request.as_bytes())
}

/// A fresh worker, the lines after `C_Initialize`, its reply.
pub(crate) fn run(hostile: &str, lines: &[&str]) -> Reply {
    let mut all = vec!["C_Initialize"];
    all.extend(lines);
    send(&mut spawn(hostile), &all)
}

/// The response as text.
pub(crate) fn response(reply: &Reply) -> &str {
    match &reply.outcome {
        Outcome::Response(bytes) => std::str::from_utf8(bytes).expect("a response is text"),
        other => panic!("no response but {other:?}"),
    }
}

pub(crate) fn end(reply: &Reply) -> &End {
    match &reply.outcome {
        Outcome::Ended(end) => end,
        other => panic!("no end but {other:?}"),
    }
}

/// Parts of a signal end that tests look at.
#[derive(Debug, PartialEq)]
pub(crate) struct Signal<'a> {
    pub(crate) signal: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) address: Option<u64>,
    pub(crate) access: Option<&'a str>,
}

pub(crate) fn signal(end: &End) -> (Signal<'_>, &[Frame]) {
    match end {
        End::Signal {
            signal,
            code,
            address,
            access,
            registers,
            frames,
        } => {
            let known = !registers.is_empty();
            assert_eq!(
                known,
                !frames.is_empty(),
                "registers and frames go together"
            );
            let signal = Signal {
                signal,
                code: code.as_deref(),
                address: *address,
                access: access.as_deref(),
            };
            (signal, frames)
        }
        other => panic!("no signal but {other:?}"),
    }
}

/// Asserts that the stack leads, in this order, through functions of these names.
pub(crate) fn assert_stack(frames: &[Frame], functions: &[&str]) {
    let mut symbols = frames.iter().filter_map(|frame| frame.symbol.as_deref());
    for function in functions {
        let start = format!("{function}+");
        assert!(
            symbols.any(|symbol| symbol.starts_with(&start)),
            "no {function} (of {functions:?}) in {frames:#?}"
        );
    }
}

/// Asserts that the worker ended in this function, as case 1 of its batch.
pub(crate) fn assert_in_flight(reply: &Reply, function: &str) {
    let in_flight = reply.in_flight.expect("a call in flight");
    assert_eq!(in_flight.function, target::number(function));
    assert_eq!((in_flight.case, in_flight.step), (Some(1), 1));
    assert!(in_flight.start_ns > 0);
}

/// The texts of notes with this tag.
pub(crate) fn notes(reply: &Reply, of: u16) -> Vec<String> {
    let texts = reply.journal.records().filter_map(|record| match record {
        Record::Note { tag, bytes } if tag == of => Some(String::from_utf8_lossy(bytes).into()),
        _ => None,
    });
    texts.collect()
}

/// The changes of state in the last audit of a reply.
pub(crate) fn changes(reply: &Reply) -> Vec<StateChange> {
    let notes = notes(reply, target::STATE);
    serde_json::from_str(notes.last().expect("an audit")).expect("changes")
}

/// Calls that returned, by function number.
pub(crate) fn returned(reply: &Reply) -> Vec<u16> {
    let calls = reply.journal.records().filter_map(|record| match record {
        Record::Call(call) => call.returned.map(|_| call.function),
        _ => None,
    });
    calls.collect()
}
