//! What is wrong with calls of several lanes whatever the order in which they came. Nothing that depends on the order
//! is: no answer of one lane is held against what another did.

use std::collections::HashMap;

use cryptoki_sys::CKR_OK;

use super::shrink::kept;
use super::suspect::{Suspect, What};
use crate::cryptoki::{Function, ParameterKind, function::Domain, returns};
use crate::oracle::{CaseTrace, TraceCall};
use crate::sequence::{Sequence, Step, Value, shape};
use crate::worker::CHILD;

/// How far readings of the clock may be apart on two cores, nanoseconds.
const SLACK: u64 = 10_000;

/// How many rounds of lanes are made where they come one after the other.
const ROUNDS: u32 = 3;

/// Functions that put an end to sessions.
const ENDS: [Function; 4] = [
    Function::C_CloseSession,
    Function::C_CloseAllSessions,
    Function::C_InitToken,
    Function::C_Finalize,
];

/// The lanes in the order in which their steps began. A step that first asks for sizes began with the question.
pub(super) fn order(trace: &CaseTrace) -> Vec<u16> {
    let mut begun: Vec<(u64, u16)> = Vec::new();
    let mut before = None;
    for call in trace.calls.iter().filter(|call| is_of_a_lane(call)) {
        let asked = before.replace((call.lane, call.step, call.question));
        if asked != Some((call.lane, call.step, true)) {
            begun.extend(call.lane.map(|lane| (call.start_ns, lane)));
        }
    }
    begun.sort_by_key(|(start, _)| *start);
    begun.into_iter().map(|(_, lane)| lane).collect()
}

/// A sequence with the steps of its lanes, some rounds of them, one after the other: lane by lane, the last lane first, or drawn.
pub(super) fn in_an_order(sequence: &Sequence, seed: u64) -> Sequence {
    let mut rng = fastrand::Rng::with_seed(seed);
    let steps = sequence.steps.iter().flat_map(|step| match step {
        Step::Together(block) => {
            let rounds = block.repeat.min(ROUNDS) as usize;
            let lanes = block.lanes.iter();
            let lanes: Vec<_> = lanes
                .map(|lane| vec![lane.as_slice(); rounds].concat())
                .collect();
            let mut lanes: Vec<_> = lanes.iter().map(|lane| lane.iter()).collect();
            let mut merged = Vec::new();
            while lanes.iter().any(|lane| lane.len() > 0) {
                let left: Vec<usize> = (0..lanes.len())
                    .filter(|lane| lanes[*lane].len() > 0)
                    .collect();
                let next = match seed {
                    0 => left[0],
                    1 => left[left.len() - 1],
                    _ => left[rng.usize(..left.len())],
                };
                merged.extend(lanes[next].next().cloned());
            }
            merged
        }
        other => vec![other.clone()],
    });
    Sequence {
        steps: steps.collect(),
    }
}

/// The sequence without what ends sessions, after which a handle may be given out again: what it gives can be compared
/// without a look at what came first.
pub(super) fn without_ends(sequence: &Sequence) -> Sequence {
    let ends = |step: &Step| matches!(step, Step::Call(call) if ENDS.contains(&call.function));
    Sequence {
        steps: kept(&sequence.steps, &mut |step| !ends(step)),
    }
}

fn is_of_a_lane(call: &TraceCall) -> bool {
    call.lane.is_some_and(|lane| lane != CHILD)
}

/// A return value that the function's section does not list ([PKCS11-Base 3.2] 5.1): on its own no more than a gap
/// that 5.1 speaks of, and of interest here if only lanes bring it about. What a session answers that several of them use
/// is nothing to go by: of two threads in one session nothing is said (5.1.2).
pub(super) fn unlisted(sequence: &Sequence, trace: &CaseTrace) -> Option<Suspect> {
    if shape::shares_sessions(&sequence.steps) {
        return None;
    }
    let mut calls = trace.calls.iter().filter(|call| is_of_a_lane(call));
    calls.find_map(|call| {
        let rv = call.returned?.rv;
        (!returns::is_permitted(call.function, rv)).then_some(Suspect {
            step: Some(call.step),
            function: Some(call.function),
            what: What::Unlisted(rv),
            lost_library: false,
        })
    })
}

/// A session with the handle of another one that is open: a handle "identifies a session" ([PKCS11-Base 3.2] 3.3, 5.6.1).
/// Whatever may have closed the other one, between the beginning of the first call and the end of the second, is given
/// the benefit of the doubt.
pub(super) fn one_handle_twice(trace: &CaseTrace) -> Option<Suspect> {
    let ends = Ends::of(trace);
    // Rounds open thousands of sessions: what is looked at of those with one handle in one gap are the first ones.
    let mut before: HashMap<(u64, usize), Opened<'_>> = HashMap::new();
    trace.calls.iter().find_map(|second| {
        let handle = given(second)?;
        let opened = before.entry((handle, ends.gap(second)?)).or_default();
        let first = opened.contradicts(second);
        opened.add(second);
        first.map(|first| Suspect {
            step: Some(second.step),
            function: Some(second.function),
            what: What::Twice(first.step),
            lost_library: false,
        })
    })
}

/// Calls that opened sessions with one handle, none of which may have ended from the first to the last.
#[derive(Default)]
struct Opened<'t> {
    all: Firsts<'t>,
    in_lanes: Firsts<'t>,
}

impl<'t> Opened<'t> {
    /// The first one of another step, one of the two being of a lane.
    fn contradicts(&self, second: &TraceCall) -> Option<&'t TraceCall> {
        let firsts = match is_of_a_lane(second) {
            true => &self.all,
            false => &self.in_lanes,
        };
        firsts.of_another_step(second)
    }

    fn add(&mut self, call: &'t TraceCall) {
        self.all.add(call);
        if is_of_a_lane(call) {
            self.in_lanes.add(call);
        }
    }
}

/// The first of some calls, and the first that is of another step than that one.
#[derive(Default)]
struct Firsts<'t>(Vec<&'t TraceCall>);

impl<'t> Firsts<'t> {
    fn add(&mut self, call: &'t TraceCall) {
        if self.0.len() < 2 && self.0.iter().all(|first| first.step != call.step) {
            self.0.push(call);
        }
    }

    fn of_another_step(&self, call: &TraceCall) -> Option<&'t TraceCall> {
        let mut firsts = self.0.iter().copied();
        firsts.find(|first| first.step != call.step)
    }
}

/// The calls that may have ended sessions: when each began, in this order, and the latest end of all up to it.
struct Ends(Vec<(u64, u64)>);

impl Ends {
    fn of(trace: &CaseTrace) -> Self {
        let calls = trace.calls.iter();
        let calls = calls.filter(|call| ENDS.contains(&call.function));
        let mut ends: Vec<(u64, u64)> = calls.map(|call| (call.start_ns, end(call))).collect();
        ends.sort_unstable();
        let mut latest = 0;
        for (_, until) in &mut ends {
            latest = latest.max(*until);
            *until = latest;
        }
        Self(ends)
    }

    /// How many of them had begun when this call was over, if none of them may have ended anything during it. Nor may
    /// any from the beginning of one call to the end of another for which it is as many: those were over before either
    /// began, and all others began when both were over.
    fn gap(&self, call: &TraceCall) -> Option<usize> {
        let from = call.start_ns.saturating_sub(SLACK);
        let until = end(call).saturating_add(SLACK);
        let begun = self.0.partition_point(|(start, _)| *start <= until);
        let last = self.0[..begun].last();
        let are_over = last.is_none_or(|(_, latest)| *latest < from);
        are_over.then_some(begun)
    }
}

/// The handle of a session that a call opened.
fn given(call: &TraceCall) -> Option<u64> {
    let opened = call.function == Function::C_OpenSession && call.returned?.rv == CKR_OK;
    let is_session = |place: usize| {
        let parameter = call.function.parameters().get(place);
        parameter.is_some_and(|of| of.kind == ParameterKind::OutUlong(Domain::Session))
    };
    let mut outputs = call.outputs.iter().filter(|(place, _)| is_session(*place));
    match outputs.next() {
        Some((_, Value::Number(handle))) if opened => Some(*handle),
        _ => None,
    }
}

/// When a call was over.
fn end(call: &TraceCall) -> u64 {
    let duration = call.returned.map(|back| back.duration_ns);
    duration.map_or(u64::MAX, |duration| call.start_ns.saturating_add(duration))
}

#[cfg(test)]
mod tests;
