//! Bytes to sequences: total, so that a fuzzer's input is always something to run, and guided by
//! what the standard says of functions and mechanisms, so that most calls are meaningful.
//!
//! A sequence is made of *phrases* ([`phrase`]): a key and an operation with it, an object's life, a
//! search. Every choice may come out wrong on purpose, seldom, and within input classes A and B:
//! values are wrong, memory is honest. Arguments, mechanisms and templates have files of their own.

mod argument;
mod asynchronous;
mod lanes;
mod mechanism;
mod operation;
mod phrase;
mod pins;
mod prelude;
mod recipe;
mod served;
mod setting;
mod tape;
mod template;
mod token;
mod variants;
mod weight;

pub use self::mechanism::message_structure;
pub use self::pins::are_apart;
pub use self::setting::{Lanes, OWN_TOKEN, Pins, Prelude, Setting, USUALLY_WRONG};
pub use self::variants::{Phrase, Variants};
pub use self::weight::Weight;

use std::collections::BTreeSet;

use self::setting::{ENDS_SESSIONS, Swarm};
use self::tape::Tape;
use super::{
    ANY, Argument, Call, Capture, Content, Number, Reference, Sequence, Step, Value, calls,
};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::mechanism as table;
use crate::cryptoki::{Function, names};

/// Most phrases of a sequence.
const MOST_PHRASES: usize = 24;
/// Most calls of a sequence; a phrase that is begun is finished.
const MOST_CALLS: usize = 96;

/// A sequence read from bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The sequence, for disposable targets alone. Every return value is right by it.
    pub sequence: Sequence,
    /// What its names stand for until a call gives them a value, so that a call that fails does not
    /// end the sequence.
    pub given: Vec<(String, Value)>,
    /// True if the user is to be logged in when it begins, by a session that is not the sequence's own.
    pub shares_login: bool,
    /// True if the token is to be thrown away after it, for a new one.
    pub own_token: bool,
}

impl Decoded {
    /// True if it takes as long as thousands of calls: it generates keys out of large primes, or has a token of its own.
    #[must_use]
    pub fn is_dear(&self) -> bool {
        let is_dear = |argument: &Argument| match argument {
            Argument::Mechanism(given) => match given.mechanism {
                Number::Literal(value) => table::by_value(value).is_some_and(phrase::is_dear),
                _ => false,
            },
            _ => false,
        };
        let mut arguments = self.sequence.calls().flat_map(|call| &call.arguments);
        self.own_token || arguments.any(is_dear)
    }

    /// The sequence with a login of its own if it had none.
    #[must_use]
    pub fn by_itself(&self) -> Self {
        let mut alone = self.clone();
        let first = alone.sequence.steps.first();
        if let Some(Step::Call(open)) = first.filter(|_| self.shares_login) {
            let session = open.gives.first().map(|capture| capture.name.clone());
            let login = prelude::login(LOGIN, &session.unwrap_or_default());
            alone.sequence.steps.insert(1, login);
            alone.shares_login = false;
        }
        alone
    }
}

/// Number of the login of a sequence that finds a token with PINs.
const LOGIN: u32 = 2;

/// Reads bytes as a sequence.
#[must_use]
pub fn decode(bytes: &[u8], setting: &Setting<'_>) -> Decoded {
    let mut tape = Tape::new(bytes);
    let prelude = setting.prelude_of(&mut tape);
    let mut writer = Writer::new(setting, prelude, Swarm::read(&mut tape));
    writer.prelude();
    if let Some(lanes) = setting.lanes {
        lanes::sequence(&mut writer, &mut tape, lanes);
        return writer.finish();
    }
    for _ in 0..MOST_PHRASES {
        if tape.is_over() || writer.calls >= MOST_CALLS {
            break;
        }
        phrase::phrase(&mut writer, &mut tape);
    }
    writer.finish()
}

/// An object that the sequence makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    name: String,
    class: u64,
    key_type: u64,
}

/// The sequence so far, and what its calls have given names to.
struct Writer<'s> {
    setting: &'s Setting<'s>,
    prelude: Prelude<'s>,
    swarm: Swarm,
    steps: Vec<Step>,
    calls: usize,
    sessions: Vec<String>,
    /// The session that most calls are about.
    current: String,
    objects: Vec<Object>,
    /// Outputs of bytes.
    outputs: Vec<String>,
    given: Vec<(String, Value)>,
    /// Sessions and objects that are gone, where nothing is wrong on purpose.
    ended: BTreeSet<String>,
    /// The lane that is being written.
    lane: Option<lanes::Place>,
}

impl<'s> Writer<'s> {
    fn new(setting: &'s Setting<'s>, prelude: Prelude<'s>, swarm: Swarm) -> Self {
        Self {
            setting,
            prelude,
            swarm,
            steps: Vec::new(),
            calls: 0,
            sessions: Vec::new(),
            current: "s0".to_owned(),
            objects: Vec::new(),
            outputs: Vec::new(),
            given: Vec::new(),
            ended: BTreeSet::new(),
            lane: None,
        }
    }

    /// Adds a call with the arguments named, defaults for the others, and names for what it gives.
    fn call(&mut self, function: Function, arguments: &[(&str, Argument)]) -> &mut Call {
        let parameters = function.parameters().iter();
        let arguments = parameters.map(|parameter| {
            let given = arguments.iter().find(|(name, _)| *name == parameter.name);
            given.map_or(Argument::Default, |(_, argument)| argument.clone())
        });
        self.call_with(function, arguments.collect())
    }

    /// Adds a call with an argument for each parameter, and names for what it gives.
    fn call_with(&mut self, function: Function, arguments: Vec<Argument>) -> &mut Call {
        let mut call = self.bare(function);
        call.arguments = arguments;
        for parameter in function.parameters() {
            if let Some(name) = self.name_output(parameter.kind) {
                call.gives.push(Capture {
                    output: Reference::to(parameter.name),
                    name,
                });
            }
        }
        self.push(call)
    }

    /// A call with default arguments, of which every return value is right: what is judged is what
    /// the standard never permits.
    fn bare(&mut self, function: Function) -> Call {
        self.calls += 1;
        let number = u32::try_from(self.calls).unwrap_or(u32::MAX);
        Call {
            except: vec![ANY],
            ..Call::new(number, function)
        }
    }

    fn push(&mut self, call: Call) -> &mut Call {
        self.steps.push(Step::Call(Box::new(call)));
        match self.steps.last_mut() {
            Some(Step::Call(call)) => call,
            _ => unreachable!("just pushed"),
        }
    }

    /// A name for an output that later calls may want.
    fn name_output(&mut self, kind: ParameterKind) -> Option<String> {
        let lane = self.lane.map_or("", |lane| lane.prefix);
        let (name, value) = match kind {
            ParameterKind::OutUlong(Domain::Session) => {
                let name = format!("{lane}s{}", self.sessions.len());
                self.sessions.push(name.clone());
                (name, Value::Number(0))
            }
            ParameterKind::OutUlong(Domain::Object) => {
                let name = format!("{lane}o{}", self.objects.len());
                self.objects.push(Object {
                    name: name.clone(),
                    class: names_of_nothing(),
                    key_type: names_of_nothing(),
                });
                (name, Value::Number(0))
            }
            ParameterKind::OutBytes => {
                let name = format!("{lane}b{}", self.outputs.len());
                self.outputs.push(name.clone());
                (name, Value::Bytes(Vec::new()))
            }
            _ => return None,
        };
        self.given.push((name.clone(), value));
        Some(name)
    }

    /// The sessions that may be used.
    fn live_sessions(&self) -> impl Iterator<Item = &String> {
        let names = self.sessions.iter();
        names.filter(|name| !self.ended.contains(*name))
    }

    /// The objects that may be used.
    fn live_objects(&self) -> impl Iterator<Item = &Object> {
        let objects = self.objects.iter();
        objects.filter(|object| !self.ended.contains(&object.name))
    }

    /// Takes note of what a call puts an end to.
    fn follow_ends(&mut self, function: Function, arguments: &[Argument]) {
        let named = |parameter: &str| {
            let mut given = function.parameters().iter().zip(arguments);
            match given.find(|(of, _)| of.name == parameter) {
                Some((_, Argument::Number(Number::Reference(reference)))) => {
                    Some(reference.name.clone())
                }
                _ => None,
            }
        };
        match function {
            Function::C_DestroyObject => self.ended.extend(named("object")),
            Function::C_CloseSession => self.ended.extend(named("session")),
            Function::C_CloseAllSessions | Function::C_Finalize | Function::C_InitToken => {
                self.ended.extend(self.sessions.iter().cloned());
            }
            Function::C_Logout => {}
            _ => return,
        }
        if function != Function::C_DestroyObject {
            // Objects go with their session, and those that are private with the login.
            let objects = self.objects.iter().map(|object| object.name.clone());
            self.ended.extend(objects);
        }
    }

    /// Says what the last `count` objects are that got a name.
    fn describe(&mut self, count: usize, kinds: &[(u64, u64)]) {
        let first = self.objects.len().saturating_sub(count);
        for (object, (class, key_type)) in self.objects[first..].iter_mut().zip(kinds) {
            (object.class, object.key_type) = (*class, *key_type);
        }
    }

    fn finish(self) -> Decoded {
        let ends_sessions = |step: &Step| {
            let mut made = calls(std::slice::from_ref(step));
            made.any(|call| ENDS_SESSIONS.contains(&call.function)) || lanes::loses_sessions(step)
        };
        let decoded = Decoded {
            shares_login: !matches!(self.prelude, Prelude::Token(_)),
            own_token: self.prelude == Prelude::OwnToken,
            sequence: Sequence { steps: self.steps },
            given: self.given,
        };
        match decoded.own_token || decoded.sequence.steps.iter().any(ends_sessions) {
            true => decoded.by_itself(),
            false => decoded,
        }
    }
}

/// A class or key type that no object has.
fn names_of_nothing() -> u64 {
    cryptoki_sys::CK_UNAVAILABLE_INFORMATION
}

fn number(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}

fn reference(name: &str) -> Argument {
    Argument::named(name)
}

fn text(text: &str) -> Argument {
    Argument::Bytes(super::Bytes::of(Content::Text(text.to_owned())))
}

/// The value of a constant that the tables are known to have.
fn constant(name: &str) -> u64 {
    names::constant(name).map_or(u64::MAX, |constant| constant.value)
}

#[cfg(test)]
mod tests;
