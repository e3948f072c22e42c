//! The finding for a worker that did not return, and the words for how it ended.

use p11assay_reports::evidence::{End, Finding, Verdict};

use super::counted;
use crate::oracle::trace::{CaseTrace, TraceCall};
use crate::worker::CHILD;

/// The finding for a worker that did not return. Several lanes may have been in a call: the one that
/// ended the worker is blamed and the others are told, or none is if it is not known which of them it was.
pub(super) fn ended(trace: &CaseTrace, end: &End) -> Finding {
    let call = trace.guilty_call(end);
    let function = call.or(trace.housekeeping.last().filter(is_open));
    let verdict = match end {
        End::Hang { .. } => Verdict::Hang,
        _ => Verdict::Crash,
    };
    let open = trace.calls.iter().filter(is_open);
    let others = open.filter(|other| call.is_none_or(|call| !std::ptr::eq(*other, call)));
    let others: Vec<String> = others
        .filter_map(|other| {
            Some(format!(
                "lane {} in {}",
                counted(other.lane)?,
                other.function
            ))
        })
        .collect();
    let mut message = describe_end(end);
    if !others.is_empty() {
        message += &format!("; meanwhile {}", others.join(", "));
    }
    Finding {
        verdict,
        step: call.map(|call| call.step),
        lane: call.and_then(|call| counted(call.lane)),
        function: function.map(|call| call.function.name().to_owned()),
        oracle: "end".to_owned(),
        message,
        shape: Vec::new(),
        permitted: vec![match end {
            End::Program { .. } => "a program that goes on".to_owned(),
            _ => "a return value".to_owned(),
        }],
        clause: None,
        end: Some(end.clone()),
    }
}

fn is_open(call: &&TraceCall) -> bool {
    call.returned.is_none()
}

/// The finding for a child of the worker that did not come to the end of its steps. `last` is the last
/// call before.
pub(super) fn ended_child(last: Option<&TraceCall>, text: &str) -> Finding {
    let open = last.filter(|call| call.lane == Some(CHILD) && is_open(call));
    Finding {
        verdict: Verdict::Crash,
        step: open.map(|call| call.step),
        lane: counted(Some(CHILD)),
        function: open.map(|call| call.function.name().to_owned()),
        oracle: "end".to_owned(),
        message: format!("the child process {text}"),
        shape: Vec::new(),
        permitted: vec!["a return value".to_owned()],
        clause: None,
        end: None,
    }
}

/// The finding for a library that could not be loaded a second time.
pub(super) fn not_reloaded(verdict: Verdict, text: &str) -> Finding {
    Finding {
        verdict,
        step: None,
        lane: None,
        function: None,
        oracle: "reload".to_owned(),
        message: text.to_owned(),
        shape: Vec::new(),
        permitted: vec!["a library that can be loaded again".to_owned()],
        clause: None,
        end: None,
    }
}

/// How a worker ended, as the end of a sentence that begins with the module or a function.
#[must_use]
pub fn describe_end(end: &End) -> String {
    match end {
        End::Signal {
            signal,
            address,
            access,
            frames,
            ..
        } => {
            let mut text = format!("ended the process by {signal}");
            if let Some(address) = address {
                let access = access
                    .as_ref()
                    .map_or(String::new(), |access| format!("{access} "));
                text += &format!(", {access}at {address:#x}");
            }
            if let Some(frame) = frames.first() {
                text += &format!(", in {}+{:#x}", frame.module, frame.offset);
            }
            text
        }
        End::Exited { status } => format!("called exit with status {status}"),
        End::Hang { deadline_ms, .. } => format!("did not return within {deadline_ms} ms"),
        End::MemoryLimit { limit, resident } => {
            format!("grew to {resident} bytes of memory; the limit is {limit}")
        }
        End::FileLimit { limit } => {
            format!("wrote a file of more than {limit} bytes, which is the limit")
        }
        End::Program { program, end } => {
            let how = match &**end {
                End::Signal { signal, .. } => format!("ended by {signal}"),
                End::Exited { status } => format!("end with status {status}"),
                other => describe_end(other),
            };
            format!("had `{program}`, which the token needs, {how}")
        }
    }
}

/// How a background program of the token ended, as a sentence.
#[must_use]
pub fn end_of_program(program: &str, end: &End) -> String {
    let how = match end {
        End::Signal { signal, .. } => format!("was ended by {signal}"),
        End::Exited { status } => format!("ended with status {status}"),
        other => describe_end(other),
    };
    format!("`{program}`, which the token needs, {how}")
}

/// What was not seen did not pass: rounds without end may leave no room for their records, and nothing else may.
pub(super) fn unseen(trace: &CaseTrace, step: u32) -> (Verdict, Option<String>) {
    match trace.truncated {
        true => {
            let reason = format!("the journal had no room any more for step {step}");
            (Verdict::Environment, Some(reason))
        }
        false => {
            let reason = format!("the trace has no record of step {step}");
            (Verdict::HarnessFault, Some(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_no_room_in_the_journal_is_no_fault_of_the_harness() {
        let verdict = |truncated| {
            let trace = CaseTrace {
                truncated,
                ..CaseTrace::default()
            };
            unseen(&trace, 7).0
        };
        assert_eq!(verdict(true), Verdict::Environment);
        assert_eq!(verdict(false), Verdict::HarnessFault);
    }
}
