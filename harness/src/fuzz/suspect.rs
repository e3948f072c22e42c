//! What a sequence showed that is wrong, and by what it is known again.

use cryptoki_sys::{CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK};
use p11assay_reports::evidence::{End, Frame};

use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::execute::Stop;
use crate::oracle::describe_end;
use crate::oracle::model::{Disagreement, WrongOutput};
use crate::run::Ran;
use crate::sequence::{Argument, Call, Number};

/// By what a library is known that is not initialised any more.
pub(super) const LOST_LIBRARY: &str = "library/not-initialized";

/// Something wrong, before it is confirmed and shrunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// Number of the step; absent where no step is to blame.
    pub step: Option<u32>,
    /// The function.
    pub function: Option<Function>,
    /// What was wrong.
    pub what: What,
    /// True if the library said between the cases, too, that it is not initialised.
    pub lost_library: bool,
}

/// What can be wrong with a sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The worker did not return.
    Ended(Box<End>),
    /// The worker ended while several lanes were in a call, and which of them ended it is not known.
    EndedByOneOf(Box<End>),
    /// A write outside the memory that was given.
    Guard(String),
    /// A size that nothing has.
    Absurd(String),
    /// The target contradicts the model.
    Disagrees(Disagreement),
    /// A call of a lane returned what the description of its function does not list.
    Unlisted(u64),
    /// A session was opened with the handle of another one, opened by this step, that was open still.
    Twice(u32),
}

impl Suspect {
    /// By which a target cannot be right.
    #[must_use]
    pub fn disagrees(found: Disagreement) -> Self {
        Self {
            step: Some(found.step),
            function: Some(found.function),
            what: What::Disagrees(found),
            lost_library: false,
        }
    }

    /// An output of a call that succeeded on both sides, and gave another one than the model.
    #[must_use]
    pub(super) fn gave(call: &Call, output: WrongOutput) -> Self {
        Self::disagrees(Disagreement {
            step: call.number,
            function: call.function,
            returned: CKR_OK,
            model: CKR_OK,
            output: Some(output),
        })
    }

    /// What is wrong with what the calls of a sequence did on the target, the model aside.
    #[must_use]
    pub fn of(calls: &[&Call], ran: &Ran) -> Option<Self> {
        let last = ran.trace.ended_call().or(ran.trace.calls.last());
        let at = |what| Suspect {
            step: last.map(|call| call.step),
            function: last.map(|call| call.function),
            what,
            lost_library: false,
        };
        if let Some(end) = &ran.end {
            let boxed = Box::new(end.clone());
            let (what, guilty) = match ran.trace.guilty_call(end) {
                None if ran.trace.ended_call().is_some() => (What::EndedByOneOf(boxed), None),
                guilty => (What::Ended(boxed), guilty.or(last)),
            };
            return Some(Suspect {
                step: guilty.map(|call| call.step),
                function: guilty.map(|call| call.function),
                what,
                lost_library: false,
            });
        }
        let wrote =
            |call: &&crate::oracle::TraceCall| !call.violations.is_empty() || call.malformed;
        if let Some(call) = ran.trace.calls.iter().find(wrote) {
            let place = call.violations.first().cloned().unwrap_or_default();
            return Some(Suspect {
                step: Some(call.step),
                function: Some(call.function),
                what: What::Guard(place),
                lost_library: false,
            });
        }
        if ran.spoiled {
            return Some(at(What::Guard("the worker's own memory".to_owned())));
        }
        let stops = &mut ran.trace.stops.iter();
        let after =
            stops.find_map(|stopped| stopped.after.filter(|_| stopped.stop == Stop::Absurd));
        let last = after.and_then(|place| ran.trace.calls.get(place)).or(last);
        let asked = last.and_then(|last| calls.iter().find(|call| call.number == last.step));
        let absurd = ran.trace.absurd.as_ref();
        let absurd = absurd.filter(|_| !asked.is_some_and(|call| asks_absurdly(call)));
        absurd.map(|size| Suspect {
            step: last.map(|call| call.step),
            function: last.map(|call| call.function),
            what: What::Absurd(size.clone()),
            lost_library: false,
        })
    }

    /// True if memory grew beyond what the worker may have.
    #[must_use]
    pub fn is_about_memory(&self) -> bool {
        matches!(&self.what, What::Ended(end) if matches!(**end, End::MemoryLimit { .. }))
    }

    /// True if all there is to it is a value that no list has, which is weak and not wrong.
    #[must_use]
    pub fn is_about_a_list(&self) -> bool {
        matches!(&self.what, What::Disagrees(found) if found.is_about_a_list())
    }

    /// True if a program that the token needs ended.
    #[must_use]
    pub fn is_about_a_program(&self) -> bool {
        matches!(&self.what, What::Ended(end) if matches!(**end, End::Program { .. }))
    }

    /// True if a call says that the library is not initialised, which it should be.
    #[must_use]
    pub fn denies_the_library(&self) -> bool {
        let What::Disagrees(found) = &self.what else {
            return false;
        };
        found.returned == CKR_CRYPTOKI_NOT_INITIALIZED && found.output.is_none()
    }

    /// True if that is so: then every function says so, whatever led to it.
    #[must_use]
    pub fn is_about_the_library(&self) -> bool {
        self.lost_library && self.denies_the_library()
    }

    /// True if what was seen is what this is about, on which call it was first noticed aside where that says little: which
    /// took the last of the memory, or found a program gone; nor if it is not known which call of several it was.
    #[must_use]
    pub fn is_shown_by(&self, seen: &Self) -> bool {
        match (&self.what, &seen.what) {
            _ if self.name() == seen.name() => true,
            _ if seen.is_about_the_library() => self.denies_the_library(),
            (What::Ended(one), What::Ended(other)) => match (&**one, &**other) {
                (End::MemoryLimit { .. }, End::MemoryLimit { .. })
                | (End::FileLimit { .. }, End::FileLimit { .. }) => true,
                (End::Program { .. }, End::Program { .. }) => one == other,
                _ => false,
            },
            (What::EndedByOneOf(one), What::Ended(other)) => name_of(one) == name_of(other),
            _ => false,
        }
    }

    /// True if its name tells the place in the module, or in a list: what the call's arguments look like tells no more then.
    #[must_use]
    pub(super) fn tells_its_place(&self) -> bool {
        match &self.what {
            What::Ended(end) | What::EndedByOneOf(end) => {
                matches!(&**end, End::Signal { frames, .. } if !top(frames).is_empty())
            }
            _ => self.is_about_a_list(),
        }
    }

    /// By what it is known: two of one name are taken for one finding.
    #[must_use]
    pub fn name(&self) -> String {
        let rv = |value: u64| names::display(Kind::RETURN, value);
        if self.is_about_the_library() {
            return LOST_LIBRARY.to_owned();
        }
        let what = match &self.what {
            What::Ended(end) | What::EndedByOneOf(end) => name_of(end),
            What::Guard(_) => "guard".to_owned(),
            What::Absurd(_) => "absurd-size".to_owned(),
            What::Disagrees(Disagreement {
                output: Some(wrong),
                ..
            }) => {
                // Outputs that are wrong are so for reasons of their own with each mechanism.
                let named = wrong
                    .mechanism
                    .map(|value| names::display(Kind::MECHANISM, value));
                let named = named.map_or_else(String::new, |name| format!("-{name}"));
                format!("wrong-{}{named}", wrong.name)
            }
            What::Disagrees(found) if found.is_about_a_list() => {
                format!("{}-unlisted", rv(found.returned))
            }
            What::Disagrees(found) => format!("{}-not-{}", rv(found.returned), rv(found.model)),
            What::Unlisted(value) => format!("{}-in-a-lane", rv(*value)),
            What::Twice(_) => "one-handle-twice".to_owned(),
        };
        format!("{}/{what}", self.place())
    }

    /// The function's name, or where else it was.
    #[must_use]
    pub fn place(&self) -> &'static str {
        self.function.map_or("worker", Function::name)
    }

    /// One line for people.
    #[must_use]
    pub fn title(&self) -> String {
        let rv = |value: u64| names::display(Kind::RETURN, value);
        let function = self.place();
        match &self.what {
            What::Ended(end) => format!("{function} {}", describe_end(end)),
            What::EndedByOneOf(end) => format!("one of several lanes {}", describe_end(end)),
            What::Guard(place) => format!("{function} wrote outside its buffers: {place}"),
            What::Absurd(size) => format!("{function} names {size} as the size of an output"),
            What::Disagrees(Disagreement {
                output:
                    Some(WrongOutput {
                        name, found, right, ..
                    }),
                ..
            }) => format!("{function} gives {name} as {found}, which is {right} here"),
            What::Disagrees(found) if found.is_about_a_list() => format!(
                "{function} returns {}, which its section does not list, where the reference token returns {}",
                rv(found.returned),
                rv(found.model)
            ),
            What::Disagrees(found) => format!(
                "{function} returns {} in a state in which the reference token returns {}",
                rv(found.returned),
                rv(found.model)
            ),
            What::Unlisted(value) => format!(
                "{function} returns {} beside other lanes, which its section does not list",
                rv(*value)
            ),
            What::Twice(other) => {
                format!("{function} gives the handle of the session that step {other} opened")
            }
        }
    }
}

/// By what an end is known.
fn name_of(end: &End) -> String {
    match end {
        End::Signal { signal, frames, .. } => format!("{signal}{}", top(frames)),
        End::Exited { status } => format!("exit-{status}"),
        End::Hang { .. } => "hang".to_owned(),
        End::MemoryLimit { .. } => "memory-limit".to_owned(),
        End::FileLimit { .. } => "file-limit".to_owned(),
        End::Program { program, end } => {
            let file = program.rsplit('/').next().unwrap_or(program);
            let fits = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
            let file: String = file
                .chars()
                .map(|c| if fits(&c) { c } else { '-' })
                .collect();
            format!("{file}-{}", name_of(end))
        }
    }
}

/// True if an input is said to have an absurd length: that of the output follows from it.
fn asks_absurdly(call: &Call) -> bool {
    const ABSURD: u64 = 1 << 20;
    call.arguments.iter().any(|argument| match argument {
        Argument::Bytes(bytes) => match bytes.claim {
            Some(Number::Literal(claim)) => claim >= ABSURD,
            _ => false,
        },
        _ => false,
    })
}

/// The innermost frame in the module, which tells one fault from another in the same function.
fn top(frames: &[Frame]) -> String {
    let frame = frames.iter().find(|frame| frame.module.contains(".so"));
    let own =
        |frame: &&Frame| !frame.module.starts_with("libc.") && !frame.module.starts_with("ld-");
    let frame = frame
        .filter(own)
        .or(frames.iter().filter(own).find(|f| f.module != "?"));
    frame.map_or_else(String::new, |frame| format!("-{:x}", frame.offset))
}

#[cfg(test)]
mod tests;
