//! Evidence of a case: its judgement and trace in the words of the evidence model, secrets out.

use std::collections::BTreeMap;

use p11assay_reports::evidence::{self, Verdict};

use super::Ran;
use super::wire::Job;
use crate::cryptoki::function::Domain;
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, ParameterKind, attribute};
use crate::oracle::{Judgement, Reading, TraceCall, counted};
use crate::plan::{Case, Unmet};
use crate::sequence::value::output_domain;
use crate::sequence::{Argument, Call, Sequence, Value, write};
use crate::target::Redactor;
use crate::triage::shape::{At, shape};
use crate::worker::CHILD;

/// Everything that goes into the record of an executed case.
pub struct Executed<'e> {
    /// The case.
    pub case: &'e Case,
    /// What was sent to the worker.
    pub job: &'e Job,
    /// What became of it.
    pub ran: &'e Ran,
    /// The verdict.
    pub judgement: Judgement,
    /// By which reading.
    pub reading: Reading,
    /// Whether the trace is kept although the case passed.
    pub every_trace: bool,
}

/// The record of a case that was executed.
#[must_use]
pub fn executed(executed: Executed<'_>, redactor: &Redactor) -> evidence::Case {
    let Executed {
        case,
        job,
        ran,
        judgement,
        reading,
        every_trace,
    } = executed;
    let mut record = bare(
        case,
        judgement.verdict,
        judgement.reason.map(|text| redactor.text(&text)),
    );
    record.why = judgement.why;
    record.findings = judgement.findings;
    for finding in &mut record.findings {
        finding.message = redactor.text(&finding.message);
        if let (Some(step), Some(function)) = (finding.step, &finding.function) {
            let lane = finding.lane;
            let at = At {
                step,
                lane,
                function,
            };
            finding.shape = shape(&job.sequence, &ran.trace.calls, at);
        }
    }
    record.reading = case.has_strict_reading.then(|| reading.name().to_owned());
    record.calls = (ran.trace.calls.len() + ran.trace.housekeeping.len()) as u64;
    record.call_ns = ran.trace.call_ns();
    record.duration_ns = ran.duration_ns;
    record.stdout = clipped(redactor.text(&ran.stdout));
    record.stderr = clipped(redactor.text(&ran.stderr));
    if judgement.verdict != Verdict::Pass || every_trace {
        record.trace = trace(&job.sequence, &ran.trace.calls, redactor);
    }
    record
}

/// The record of a case that is not executed on this target.
#[must_use]
pub fn unmet(case: &Case, unmet: &Unmet) -> evidence::Case {
    evidence::Case {
        why: unmet.why,
        ..bare(case, unmet.verdict, Some(unmet.reason.clone()))
    }
}

/// The record of a case that was not executed.
#[must_use]
pub fn bare(case: &Case, verdict: Verdict, reason: Option<String>) -> evidence::Case {
    evidence::Case {
        id: case.id.clone(),
        title: case.title.clone(),
        clause: case.clause.clone(),
        level: case.level,
        class: case.class,
        verdict,
        why: None,
        reason,
        reading: None,
        findings: Vec::new(),
        calls: 0,
        call_ns: 0,
        duration_ns: 0,
        trace: Vec::new(),
        stdout: String::new(),
        stderr: String::new(),
        reproducer: None,
        replay: None,
        tried: None,
        confirmed: None,
        waived: None,
        unexpected_pass: false,
    }
}

fn trace(sequence: &Sequence, calls: &[TraceCall], redactor: &Redactor) -> Vec<evidence::Call> {
    let begun = begins(calls);
    calls
        .iter()
        .zip(begun)
        .map(|(call, begun)| {
            let step = sequence
                .calls()
                .find(|step| step.number == call.step && step.function == call.function);
            evidence::Call {
                step: call.step,
                lane: counted(call.lane),
                function: call.function.name().to_owned(),
                arguments: step
                    .map(|step| arguments(step, redactor))
                    .unwrap_or_default(),
                returned: call
                    .returned
                    .map(|back| names::display(Kind::RETURN, back.rv)),
                outputs: outputs(call, redactor),
                ns: call.returned.map_or(0, |back| back.duration_ns),
                at_ns: begun.map(|begun| call.start_ns.saturating_sub(begun)),
            }
        })
        .collect()
}

/// For each call of a lane when the first one of its block began, as far as the clock was read.
fn begins(calls: &[TraceCall]) -> Vec<Option<u64>> {
    let is_timed =
        |call: &TraceCall| call.lane.is_some_and(|lane| lane != CHILD) && call.start_ns > 0;
    let blocks = calls.chunk_by(|one, other| is_timed(one) == is_timed(other));
    let begins = blocks.flat_map(|block| {
        let first = block.iter().map(|call| call.start_ns).min();
        let first = first.filter(|_| block.first().is_some_and(is_timed));
        std::iter::repeat_n(first, block.len())
    });
    begins.collect()
}

/// Most bytes of each output stream that a record keeps: a module that floods one must not make
/// the evidence unreadable.
const LONGEST_STREAM: usize = 256 * 1024;

/// What a module wrote, its beginning and end if it is very long.
pub(super) fn clipped(text: String) -> String {
    if text.len() <= LONGEST_STREAM {
        return text;
    }
    let half = LONGEST_STREAM / 2;
    let boundary = |from: usize| {
        (from..)
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(from)
    };
    let (head, tail) = (boundary(half), boundary(text.len() - half));
    let left_out = tail - head;
    format!(
        "{}[... {left_out} bytes left out ...]{}",
        &text[..head],
        &text[tail..]
    )
}

/// Longest text of an argument or output that a record keeps.
const LONGEST: usize = 4096;

fn clip(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
    }
}

fn arguments(call: &Call, redactor: &Redactor) -> BTreeMap<String, String> {
    let parameters = call.function.parameters().iter().zip(&call.arguments);
    parameters
        .filter(|(_, argument)| **argument != Argument::Default)
        .map(|(parameter, argument)| {
            let text = match write::argument(parameter.kind, argument) {
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => "NULL".to_owned(),
                other => other.to_string(),
            };
            (parameter.name.to_owned(), clip(redactor.text(&text)))
        })
        .collect()
}

fn outputs(call: &TraceCall, redactor: &Redactor) -> BTreeMap<String, String> {
    call.outputs
        .iter()
        .filter_map(|(index, value)| {
            let parameter = call.function.parameters().get(*index)?;
            let shown = show(call.function, parameter.kind, value);
            Some((parameter.name.to_owned(), clip(redactor.text(&shown))))
        })
        .collect()
}

fn show(function: Function, kind: ParameterKind, value: &Value) -> String {
    match (kind, value) {
        (ParameterKind::OutTemplate, value) => masked("", value).show(Domain::Plain),
        // What decryption gives back may be a key or a PIN.
        (ParameterKind::OutBytes, Value::Bytes(bytes)) if function.name().contains("Decrypt") => {
            format!("{} bytes", bytes.len())
        }
        _ => value.show(output_domain(kind, &[])),
    }
}

fn masked(name: &str, value: &Value) -> Value {
    let secret = names::constant(name).is_some_and(|c| attribute::is_secret(c.value));
    match value {
        Value::Bytes(bytes) if secret => {
            Value::Bytes(format!("*** ({} bytes)", bytes.len()).into_bytes())
        }
        Value::Record(fields) => {
            let inner = fields.iter();
            let inner = inner.map(|(name, value)| (name.clone(), masked(name, value)));
            Value::Record(inner.collect())
        }
        other => other.clone(),
    }
}
