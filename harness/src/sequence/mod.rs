//! The call-sequence language: what is to be called, with which arguments, and what is expected.
//!
//! A [`Sequence`] is the one representation that suites, property tests, fuzzing and replay share.
//! This room owns the types and their YAML form ([`read`], [`write`]); preparing and making the
//! calls is left to `execute`, judging them to `oracle`.

#[cfg(test)]
mod arbitrary;
pub mod argument;
pub mod content;
pub mod decode;
pub mod determined;
pub mod expectation;
pub(crate) mod lexicon;
mod numbers;
#[cfg(test)]
mod properties;
pub mod read;
pub(crate) mod recipe;
pub mod reference;
pub mod shape;
pub mod value;
pub mod visit;
pub mod write;

use cryptoki_sys::{CK_FALSE, CKA_TOKEN, CKF_ASYNC_SESSION};
use serde::{Deserialize, Serialize};

pub use argument::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Content, FieldValue, InitArgs,
    MechanismArgument, Mutexes, Number, ParameterValue, Reserved, Structure, Template,
};
pub use expectation::{Expectation, Relation};
pub use reference::{Reference, Selector};
pub use value::Value;

use crate::cryptoki::Function;

/// A list of calls that one worker makes one after the other, or in lanes at the same time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// What to do, in order.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    /// One call of a function.
    Call(Box<Call>),
    /// The same steps for every element of a captured list.
    ForEach(ForEach),
    /// Several lists of steps at the same time.
    Together(Together),
    /// Steps that a forked child of the process makes; the process waits for its end.
    InChild(Vec<Step>),
    /// The library is unloaded and loaded again.
    Reload,
    /// The token is put into its slot, or taken out of it.
    Token {
        /// Whether it is in there from here on.
        present: bool,
    },
    /// Nothing for so many milliseconds: time for what goes on in the library or in another lane.
    Pause(u32),
}

impl Step {
    /// True of what the worker does around the library: the calls before it and those after it are laid out
    /// apart.
    #[must_use]
    pub fn is_between_parts(&self) -> bool {
        matches!(self, Step::Reload | Step::Token { .. })
    }
}

/// A loop over a captured list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForEach {
    /// The list.
    pub list: Reference,
    /// The name under which the steps see the element.
    pub bind: String,
    /// What to do with it.
    pub steps: Vec<Step>,
}

/// Most elements of a list that a loop visits; a module that returns more is cut off there.
pub const MAX_ITERATIONS: usize = 4096;

/// Lists of steps that run at the same time, each on a thread of its own. All begin when all are
/// there, and the block has ended when all have.
///
/// A lane sees what was given before the block and in itself; what lanes give is there after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// How often every lane makes its steps, without waiting for the others in between.
    pub repeat: u32,
    /// The lanes, counted from 0, in the order in which their calls begin: a call is not begun before those that stand
    /// before it. Calls beyond it begin when they come. Of one round alone.
    pub order: Vec<u16>,
    /// The lanes.
    pub lanes: Vec<Vec<Step>>,
}

impl Together {
    /// Lanes that make their steps once, in whatever order chance gives them.
    #[must_use]
    pub fn of(lanes: Vec<Vec<Step>>) -> Self {
        Self {
            repeat: 1,
            order: Vec::new(),
            lanes,
        }
    }

    /// True if lanes may make their steps over and over without meeting in a session: one that closed a session could
    /// mistake another lane's for it the next time.
    #[must_use]
    pub fn may_be_repeated(&self) -> bool {
        let mut made = self.lanes.iter().flat_map(|lane| calls(lane));
        made.all(|call| call.function != Function::C_CloseSession)
    }
}

/// Most lanes of a block.
pub const MAX_LANES: usize = 8;
/// How often the lanes of a block may make their steps.
pub const MAX_REPEAT: u32 = 1000;
/// Longest pause, milliseconds.
pub const MAX_PAUSE: u32 = 1000;

/// One call with everything that is expected of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Number of the step in its case, from 1, in the order of the text.
    pub number: u32,
    /// The function.
    #[serde(with = "function_by_name")]
    pub function: Function,
    /// One argument for each parameter of the function, in C order.
    pub arguments: Vec<Argument>,
    /// Return values that are right; `CKR_OK` alone if empty.
    pub returns: Vec<u64>,
    /// Return values that are wrong, every other being right; takes the place of `returns`.
    pub except: Vec<u64>,
    /// Return values that the standard permits as well, though one of `returns` would tell the
    /// application more: permitted but weak.
    pub tolerates: Vec<u64>,
    /// Return values that end the case as not applicable: the target lacks what the case needs.
    pub not_applicable: Vec<u64>,
    /// Outputs to keep: output (`session`, `template.CKA_MODULUS`) and name.
    pub gives: Vec<Capture>,
    /// The name under which the return value is kept, as a number.
    pub answer: Option<String>,
    /// What the outputs must be.
    pub expect: Vec<Expectation>,
    /// What the outputs must be in the strict reading of a profile test case.
    pub expect_strict: Vec<Expectation>,
    /// What the outputs must be for the case to apply at all.
    pub requires: Vec<Expectation>,
    /// Why the case does not apply if they are not.
    pub otherwise: Option<String>,
    /// True if the steps after this one are made even if the return value is wrong.
    pub keep_going: bool,
    /// True if a module whose function list lacks the function is at fault; otherwise the case does
    /// not apply to it.
    pub must_exist: bool,
    /// True if the step prepares the case and is not what the case judges.
    pub fixture: bool,
}

/// As the only value of [`Call::except`]: any return value is right.
pub const ANY: u64 = u64::MAX;

/// The word for [`ANY`] in suites.
pub const ANY_WORD: &str = "any";

/// An output kept under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// Which output.
    pub output: Reference,
    /// Its name from here on.
    pub name: String,
}

impl Call {
    /// A call with default arguments, `CKR_OK` expected.
    #[must_use]
    pub fn new(number: u32, function: Function) -> Self {
        Self {
            number,
            function,
            arguments: vec![Argument::Default; function.parameters().len()],
            returns: Vec::new(),
            except: Vec::new(),
            tolerates: Vec::new(),
            not_applicable: Vec::new(),
            gives: Vec::new(),
            answer: None,
            expect: Vec::new(),
            expect_strict: Vec::new(),
            requires: Vec::new(),
            otherwise: None,
            keep_going: false,
            must_exist: false,
            fixture: false,
        }
    }

    /// True if `rv` is a return value the step asks for.
    #[must_use]
    pub fn is_right(&self, rv: u64) -> bool {
        if !self.except.is_empty() {
            !self.except.contains(&rv)
        } else if self.returns.is_empty() {
            rv == cryptoki_sys::CKR_OK
        } else {
            self.returns.contains(&rv)
        }
    }
}

impl Sequence {
    /// Every call in the order of the text, loops entered once.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        calls(&self.steps)
    }

    /// True if the process is not what it was afterwards: it had a child, which shares files and sockets
    /// with it, or another copy of the library.
    #[must_use]
    pub fn spends_its_process(&self) -> bool {
        let spends = |step: &Step| matches!(step, Step::InChild(_)) || step.is_between_parts();
        self.steps.iter().any(spends)
    }

    /// True if a template of the sequence asks for an object on the token, which may be there when the
    /// sequence is over.
    #[must_use]
    pub fn makes_token_objects(&self) -> bool {
        self.calls().any(makes_token_objects)
    }

    /// True if steps run at the same time, so that chance decides in which order.
    #[must_use]
    pub fn has_lanes(&self) -> bool {
        let is_block = |step: &Step| matches!(step, Step::Together(_));
        self.steps.iter().any(is_block)
    }
}

/// True if a call may make objects that outlive its session.
pub fn makes_token_objects(call: &Call) -> bool {
    let on_token = |attribute: &Attribute| {
        attribute.attribute == CKA_TOKEN && attribute.value != AttributeValue::Bool(CK_FALSE)
    };
    call.arguments.iter().any(|argument| match argument {
        Argument::Template(template) => template.attributes.iter().any(on_token),
        _ => false,
    })
}

/// True if the module may use the memory of a call after it has returned: that of an asynchronous
/// operation is the module's until it is complete ([PKCS11-Base 3.2] 5.6.1, 5.21).
pub fn may_be_asynchronous(call: &Call) -> bool {
    match call.function {
        Function::C_OpenSession => match call.arguments.get(1) {
            Some(Argument::Number(Number::Literal(flags))) => flags & CKF_ASYNC_SESSION != 0,
            Some(Argument::Number(_)) => true,
            _ => false,
        },
        Function::C_AsyncComplete | Function::C_AsyncGetID | Function::C_AsyncJoin => true,
        _ => false,
    }
}

/// Every call of the steps in the order of the text, loops entered once.
pub fn calls(steps: &[Step]) -> impl Iterator<Item = &Call> {
    let mut found = Vec::new();
    collect(steps, &mut found);
    found.into_iter()
}

fn collect<'s>(steps: &'s [Step], found: &mut Vec<&'s Call>) {
    for step in steps {
        match step {
            Step::Call(call) => found.push(call),
            Step::ForEach(each) => collect(&each.steps, found),
            Step::Together(block) => block.lanes.iter().for_each(|lane| collect(lane, found)),
            Step::InChild(steps) => collect(steps, found),
            Step::Pause(_) | Step::Reload | Step::Token { .. } => {}
        }
    }
}

/// As [`calls`], to change them.
pub fn calls_mut(steps: &mut [Step]) -> Vec<&mut Call> {
    let mut found = Vec::new();
    for step in steps {
        match step {
            Step::Call(call) => found.push(&mut **call),
            Step::ForEach(each) => found.extend(calls_mut(&mut each.steps)),
            Step::Together(block) => {
                found.extend(block.lanes.iter_mut().flat_map(|lane| calls_mut(lane)));
            }
            Step::InChild(steps) => found.extend(calls_mut(steps)),
            Step::Pause(_) | Step::Reload | Step::Token { .. } => {}
        }
    }
    found
}

mod function_by_name {
    use super::Function;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(f: &Function, out: S) -> Result<S::Ok, S::Error> {
        match out.is_human_readable() {
            true => out.serialize_str(f.name()),
            false => out.serialize_u16(*f as u16),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Function, D::Error> {
        if !input.is_human_readable() {
            let index = u16::deserialize(input)?;
            return Function::from_index(index)
                .ok_or_else(|| D::Error::custom(format!("no function {index}")));
        }
        let name = String::deserialize(input)?;
        Function::from_name(&name).ok_or_else(|| D::Error::custom(format!("no function `{name}`")))
    }
}
