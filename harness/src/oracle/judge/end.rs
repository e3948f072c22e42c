//! The finding for a worker that did not return, and the words for how it ended.

use p11assay_reports::evidence::{End, Finding, Verdict};

use crate::oracle::trace::{CaseTrace, TraceCall};

/// The finding for a worker that did not return.
pub(super) fn ended(trace: &CaseTrace, end: &End) -> Finding {
    let in_flight = |calls: &[TraceCall]| {
        calls
            .last()
            .filter(|call| call.returned.is_none())
            .map(|call| (call.step, call.function))
    };
    let (step, function) = match in_flight(&trace.calls) {
        Some((step, function)) => (Some(step), Some(function)),
        None => (
            None,
            in_flight(&trace.housekeeping).map(|(_, function)| function),
        ),
    };
    let verdict = match end {
        End::Hang { .. } => Verdict::Hang,
        _ => Verdict::Crash,
    };
    Finding {
        verdict,
        step,
        function: function.map(|function| function.name().to_owned()),
        oracle: "end".to_owned(),
        message: describe_end(end),
        permitted: vec!["a return value".to_owned()],
        clause: None,
        end: Some(end.clone()),
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
    }
}
