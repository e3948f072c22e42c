//! What a program makes of return values: what is to come back from each call, and what it says of the finding if
//! something else does.

use p11assay_reports::evidence::{self, End, Finding};

use crate::cryptoki::names::{self, Kind};
use crate::sequence::{ANY, Call};

/// Which finding a program is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Guilty {
    /// A return value.
    Returns {
        /// Of this function.
        function: String,
        /// What it returned, by name.
        seen: String,
        /// What was permitted, in words.
        permitted: String,
    },
    /// The call did not return.
    Ends {
        /// Which.
        function: String,
    },
    /// The call names a size that no output has.
    Size {
        /// Which call.
        function: String,
    },
    /// Something that a program does not look at: outputs, memory.
    Else,
}

/// What a program knows of the run that found its case.
pub(super) struct Witness<'w> {
    /// The record of the case.
    record: &'w evidence::Case,
    /// Its gravest finding.
    finding: &'w Finding,
}

impl<'w> Witness<'w> {
    /// The witness of a case that found something.
    pub(super) fn of(record: &'w evidence::Case) -> Option<Self> {
        let same = |finding: &&Finding| finding.verdict == record.verdict;
        let gravest = record.findings.iter().find(same);
        let finding = gravest.or(record.findings.first())?;
        Some(Self { record, finding })
    }

    /// What is wrong.
    pub(super) fn guilty(&self, calls: &[&Call]) -> Guilty {
        let function = self.finding.function.clone().unwrap_or_default();
        match (&self.finding.end, self.finding.oracle.as_str()) {
            (Some(End::MemoryLimit { .. } | End::FileLimit { .. } | End::Program { .. }), _) => {
                Guilty::Else
            }
            (Some(_), _) => Guilty::Ends { function },
            (None, "return-code") => {
                let call = calls
                    .iter()
                    .find(|call| Some(call.number) == self.finding.step);
                match (call, self.returned(self.finding.step)) {
                    (Some(call), Some(seen)) => Guilty::Returns {
                        function,
                        seen: shown(seen),
                        permitted: permitted(call),
                    },
                    _ => Guilty::Else,
                }
            }
            (None, "length") if self.finding.message.starts_with("names ") => {
                Guilty::Size { function }
            }
            _ => Guilty::Else,
        }
    }

    /// The seconds that a call had which did not return in them.
    pub(super) fn deadline(&self, call: &Call) -> Option<u64> {
        let End::Hang { deadline_ms, .. } = self.finding.end.as_ref()? else {
            return None;
        };
        (Some(call.number) == self.finding.step).then(|| deadline_ms.div_ceil(1000).max(1))
    }

    /// What a step returned in the run.
    fn returned(&self, step: Option<u32>) -> Option<u64> {
        let mut calls = self.record.trace.iter();
        // That of a question for sizes comes before.
        let call = calls.rfind(|call| Some(call.step) == step && call.lane.is_none())?;
        value(call.returned.as_deref()?)
    }
}

/// What else decides what is said of a return value.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// False of a call that is made for each of a list.
    pub(super) once: bool,
    /// True of an attack: what is refused is right.
    pub(super) attack: bool,
}

/// The lines of C that look at the return value of a call.
pub(super) fn lines(call: &Call, witness: Option<&Witness<'_>>, how: How) -> Vec<String> {
    let function = call.function.name();
    // What brings the case to its state is no part of it.
    if call.number == 0 {
        return vec![format!("set_up(\"{function}\", rv, rv == CKR_OK);")];
    }
    let right = right(call);
    let Some(witness) = witness else {
        return without(call, &right, how);
    };
    let seen = witness.returned(Some(call.number));
    match witness.finding.step {
        Some(step) if call.number < step => match seen {
            Some(seen) if how.once => vec![format!(
                "set_up(\"{function}\", rv, rv == {seen:#x}UL /* {} */);",
                names::display(Kind::RETURN, seen)
            )],
            _ => Vec::new(),
        },
        Some(step) if call.number == step && witness.finding.oracle == "return-code" => {
            let Some(seen) = seen else {
                return Vec::new();
            };
            vec![format!(
                "judge(\"{function}\", rv, rv == {seen:#x}UL /* {} */, {right});",
                names::display(Kind::RETURN, seen)
            )]
        }
        _ => Vec::new(),
    }
}

/// The lines for a case of which nothing is known but what it expects.
fn without(call: &Call, right: &str, how: How) -> Vec<String> {
    let function = call.function.name();
    let mut lines = Vec::new();
    if !call.not_applicable.is_empty() {
        let any = any_of(&call.not_applicable);
        lines.push(format!("set_up(\"{function}\", rv, !({any}));"));
    }
    if call.fixture {
        lines.push(format!("set_up(\"{function}\", rv, {right});"));
    } else if right != "1" && !how.attack {
        lines.push(format!("judge(\"{function}\", rv, !({right}), 1);"));
    }
    lines
}

/// Whether a return value is right, as an expression.
fn right(call: &Call) -> String {
    let tolerated = call.tolerates.iter();
    match (call.except.as_slice(), call.returns.as_slice()) {
        ([ANY], _) => "1".to_owned(),
        ([], []) => any_of(&[&[0][..], &call.tolerates].concat()),
        ([], returns) => any_of(&returns.iter().chain(tolerated).copied().collect::<Vec<_>>()),
        (except, _) => {
            let wrong = |value: &&u64| !call.tolerates.contains(*value);
            let wrong: Vec<u64> = except.iter().filter(wrong).copied().collect();
            match wrong.is_empty() {
                true => "1".to_owned(),
                false => format!("!({})", any_of(&wrong)),
            }
        }
    }
}

fn any_of(values: &[u64]) -> String {
    let one = |value: &u64| {
        format!(
            "rv == {value:#x}UL /* {} */",
            names::display(Kind::RETURN, *value)
        )
    };
    let all: Vec<String> = values.iter().map(one).collect();
    all.join(" || ")
}

/// What is right, in words.
fn permitted(call: &Call) -> String {
    let list = |values: &[u64]| {
        let names: Vec<String> = values.iter().map(|value| shown(*value)).collect();
        names.join(" or ")
    };
    match (call.except.as_slice(), call.returns.as_slice()) {
        ([ANY], _) => "any value".to_owned(),
        ([], []) => shown(0),
        ([], returns) => list(returns),
        (except, _) => format!("any value but {}", list(except)),
    }
}

/// `CKR_OK (0x0)`.
fn shown(value: u64) -> String {
    format!("{} ({value:#x})", names::display(Kind::RETURN, value))
}

/// The return value of this name, or in figures.
fn value(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("0x");
    match digits {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => names::constant(name).map(|constant| constant.value),
    }
}
