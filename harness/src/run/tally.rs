//! Counting the calls of a run: functions by return value, mechanisms and attributes by function. Traces
//! of passed cases are not kept, so that this is counted as they go by.

use std::collections::HashMap;

use p11assay_reports::evidence::{Tally, TallyTable};

use super::Ran;
use super::wire::Job;
use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::sequence::{Argument, Call, Number};

/// Numbers of calls, by numbers instead of names: a run makes tens of thousands.
#[derive(Debug, Default)]
pub(super) struct Counter {
    calls: HashMap<(Function, u64), u64>,
    mechanisms: HashMap<(u64, Function), u64>,
    attributes: HashMap<(u64, Function), u64>,
    answers: HashMap<(Function, u64), u64>,
}

impl Counter {
    /// Counts the calls of an executed case and those around it.
    pub(super) fn count(&mut self, job: &Job, ran: &Ran) {
        let trace = &ran.trace;
        for call in trace.calls.iter().chain(&trace.housekeeping) {
            if let Some(back) = call.returned {
                *self.calls.entry((call.function, back.rv)).or_default() += 1;
            }
        }
        let steps: HashMap<(u32, Function), &Call> = job
            .sequence
            .calls()
            .map(|step| ((step.number, step.function), step))
            .collect();
        for call in trace.calls.iter().filter(|call| !call.question) {
            let step = steps.get(&(call.step, call.function));
            let (Some(step), Some(back)) = (step, call.returned) else {
                continue;
            };
            if back.rv == cryptoki_sys::CKR_OK {
                self.arguments(step);
            }
            if !step.fixture && step.is_right(back.rv) {
                *self.answers.entry((call.function, back.rv)).or_default() += 1;
            }
        }
    }

    fn arguments(&mut self, step: &Call) {
        let function = step.function;
        if let Some(mechanism) = mechanism(step) {
            *self.mechanisms.entry((mechanism, function)).or_default() += 1;
        }
        for attribute in attributes(step) {
            *self.attributes.entry((attribute, function)).or_default() += 1;
        }
    }

    /// Adds what another counted.
    pub(super) fn add(&mut self, other: Counter) {
        for (key, count) in other.calls {
            *self.calls.entry(key).or_default() += count;
        }
        for (key, count) in other.mechanisms {
            *self.mechanisms.entry(key).or_default() += count;
        }
        for (key, count) in other.attributes {
            *self.attributes.entry(key).or_default() += count;
        }
        for (key, count) in other.answers {
            *self.answers.entry(key).or_default() += count;
        }
    }

    /// The numbers under the names of the standard.
    pub(super) fn into_tally(self) -> Tally {
        let returned = |counts: HashMap<(Function, u64), u64>| {
            table(counts.into_iter().map(|((function, rv), count)| {
                let value = names::display(Kind::RETURN, rv);
                (function.to_string(), value, count)
            }))
        };
        let named = |kind, counts: HashMap<(u64, Function), u64>| {
            table(counts.into_iter().map(|((value, function), count)| {
                (names::display(kind, value), function.to_string(), count)
            }))
        };
        Tally {
            calls: returned(self.calls),
            answers: returned(self.answers),
            mechanisms: named(Kind::MECHANISM, self.mechanisms),
            attributes: named(Kind::ATTRIBUTE, self.attributes),
        }
    }
}

fn table(rows: impl Iterator<Item = (String, String, u64)>) -> TallyTable {
    let mut table = TallyTable::new();
    for (row, cell, count) in rows {
        *table.entry(row).or_default().entry(cell).or_default() += count;
    }
    table
}

/// The mechanism that a call names.
pub(crate) fn mechanism(call: &Call) -> Option<u64> {
    call.arguments.iter().find_map(|argument| match argument {
        Argument::Mechanism(mechanism) => match mechanism.mechanism {
            Number::Literal(value) => Some(value),
            _ => None,
        },
        _ => None,
    })
}

/// The attributes of a call's templates.
pub(crate) fn attributes(call: &Call) -> impl Iterator<Item = u64> {
    let templates = call.arguments.iter().filter_map(|argument| match argument {
        Argument::Template(template) => Some(template),
        _ => None,
    });
    templates
        .flat_map(|template| &template.attributes)
        .map(|attribute| attribute.attribute)
}
