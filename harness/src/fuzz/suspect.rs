//! What a sequence showed that is wrong, and by what it is known again.

use p11assay_reports::evidence::{End, Frame};

use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::oracle::model::Disagreement;
use crate::run::Ran;

/// Something wrong, before it is confirmed and shrunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// Number of the step; absent where no step is to blame.
    pub step: Option<u32>,
    /// The function.
    pub function: Option<Function>,
    /// What was wrong.
    pub what: What,
}

/// What can be wrong with a sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The worker did not return.
    Ended(Box<End>),
    /// A write outside the memory that was given.
    Guard(String),
    /// A size that nothing has.
    Absurd(String),
    /// The target contradicts the model.
    Disagrees(Disagreement),
}

impl Suspect {
    /// What is wrong with what a sequence did on the target, the model aside.
    #[must_use]
    pub fn of(ran: &Ran) -> Option<Self> {
        let last = ran.trace.calls.last();
        let at = |what| Suspect {
            step: last.map(|call| call.step),
            function: last.map(|call| call.function),
            what,
        };
        if let Some(end) = &ran.end {
            return Some(at(What::Ended(Box::new(end.clone()))));
        }
        let wrote =
            |call: &&crate::oracle::TraceCall| !call.violations.is_empty() || call.malformed;
        if let Some(call) = ran.trace.calls.iter().find(wrote) {
            let place = call.violations.first().cloned().unwrap_or_default();
            return Some(Suspect {
                step: Some(call.step),
                function: Some(call.function),
                what: What::Guard(place),
            });
        }
        if ran.spoiled {
            return Some(at(What::Guard("the worker's own memory".to_owned())));
        }
        let absurd = ran.trace.absurd.as_ref();
        absurd.map(|size| at(What::Absurd(size.clone())))
    }

    /// By what it is known: two of one name are taken for one finding.
    #[must_use]
    pub fn name(&self) -> String {
        let rv = |value: u64| names::display(Kind::RETURN, value);
        let what = match &self.what {
            What::Ended(end) => match &**end {
                End::Signal { signal, frames, .. } => format!("{signal}{}", top(frames)),
                End::Exited { status } => format!("exit-{status}"),
                End::Hang { .. } => "hang".to_owned(),
                End::MemoryLimit { .. } => "memory-limit".to_owned(),
            },
            What::Guard(_) => "guard".to_owned(),
            What::Absurd(_) => "absurd-size".to_owned(),
            What::Disagrees(Disagreement {
                output: Some((name, ..)),
                ..
            }) => format!("wrong-{name}"),
            What::Disagrees(found) => format!("{}-not-{}", rv(found.returned), rv(found.model)),
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
            What::Ended(end) => format!("{function} {}", crate::oracle::describe_end(end)),
            What::Guard(place) => format!("{function} wrote outside its buffers: {place}"),
            What::Absurd(size) => format!("{function} names {size} as the size of an output"),
            What::Disagrees(Disagreement {
                output: Some((name, found, right)),
                ..
            }) => format!("{function} gives {name} as {found}, which is {right} in this state"),
            What::Disagrees(found) => format!(
                "{function} returns {} in a state in which the reference token returns {}",
                rv(found.returned),
                rv(found.model)
            ),
        }
    }
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
