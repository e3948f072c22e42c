//! The model: what the reference token made of the same sequence, and where that leaves the target no
//! freedom.
//!
//! Modules may lack mechanisms, refuse templates and choose among return values, so that two right ones
//! part ways soon. What is compared is what cannot be both: a call that works on a state cannot be
//! told that the state is another. A resource whose state may have come to differ within the
//! freedom of the standard is *apart* from then on, and what touches it is not compared.

mod freedom;
mod operations;
mod told;

use std::collections::{BTreeSet, HashMap};

use cryptoki_sys::{
    CKF_ASYNC_SESSION, CKR_BUFFER_TOO_SMALL, CKR_OK, CKR_PENDING, CKR_PIN_INCORRECT,
    CKR_PIN_LOCKED, CKU_CONTEXT_SPECIFIC,
};

use super::trace::{CaseTrace, TraceCall};
use crate::cryptoki::Function;
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::sequence::determined::Determined;
use crate::sequence::shape;
use crate::sequence::{Argument, Call, Number};

use operations::Operations;
pub use told::{Answered, Disagreement, Told, WrongOutput, given_bytes};
use told::{answered, wrong_output};

/// The return values by which the target contradicts the model where that succeeds.
#[must_use]
pub fn claims(function: Function) -> Vec<u64> {
    freedom::claims(function)
}

/// The first disagreement of a sequence, if there is one. Fixtures are not compared, but must have
/// gone alike for anything to be.
#[must_use]
pub fn disagreement(
    calls: &[&Call],
    target: &CaseTrace,
    model: &CaseTrace,
) -> Option<Disagreement> {
    let (target, model) = (answers(target), answers(model));
    let calls: Vec<_> = calls.iter().map(|call| Subject::of(call)).collect();
    let answers = |call: &Call| {
        let (given, wanted) = (target.get(&call.number)?, model.get(&call.number)?);
        if given.function != call.function || wanted.function != call.function {
            return None;
        }
        Some((answered(given)?, answered(wanted)?))
    };
    let values = |call: &Call| {
        let (given, wanted) = (target.get(&call.number)?, model.get(&call.number)?);
        Some((given_bytes(given)?, given_bytes(wanted)?))
    };
    disagreement_of(calls.iter(), answers, values)
}

/// True if two answers of one function contradict each other in one state, whether or not target and model are
/// sure to be in one, or if the target's is a value that the standard does not list.
#[must_use]
pub fn may_disagree(function: Function, target: Answered, model: Answered) -> bool {
    freedom::contradicts(function, target.rv, model.rv)
        || freedom::is_unlisted(function, target.rv, model.rv)
        || wrong_output(target, model).is_some()
}

/// As [`disagreement`]: a contradiction if there is any, else the first value that the standard does not list. `answers` tells what target and model answered to a call, if both did, and `values` the bytes
/// that they gave where these follow from the sequence.
pub fn disagreement_of<'s, 'c: 's>(
    subjects: impl Iterator<Item = &'s Subject<'c>>,
    mut answers: impl FnMut(&Call) -> Option<(Answered, Answered)>,
    mut values: impl FnMut(&Call) -> Option<(Vec<u8>, Vec<u8>)>,
) -> Option<Disagreement> {
    let mut states = Apart::default();
    let mut determined = Determined::default();
    let mut unlisted = None;
    for subject in subjects {
        let call = subject.call;
        let Some((given, wanted)) = answers(call) else {
            break;
        };
        let (rv, model) = (given.rv, wanted.rv);
        let comparable = !call.fixture && !states.touches(subject);
        let both = comparable && rv == CKR_OK && model == CKR_OK;
        let value = determined.follow(call, both).and_then(|follows| {
            let (found, right) = values(call)?;
            (found != right).then(|| WrongOutput::of_bytes(follows, found, right))
        });
        if comparable {
            let session = handle(call, 0);
            let free =
                states
                    .operations
                    .leaves_free(call.function, session.as_deref(), (rv, model));
            let free = free || freedom::is_of_no_use(call, rv);
            let wrong = freedom::contradicts(call.function, rv, model) && !free;
            let output = wrong_output(given, wanted).or(value);
            let is_wrong = wrong || output.is_some();
            let found = Disagreement {
                step: call.number,
                function: call.function,
                returned: rv,
                model,
                output,
            };
            if is_wrong {
                return Some(found);
            }
            if freedom::is_unlisted(call.function, rv, model) {
                unlisted.get_or_insert(found);
            }
        }
        if !states.follow(subject, rv, model) {
            break;
        }
    }
    unlisted
}

/// True if the call asks for an asynchronous session.
fn is_asynchronous(call: &Call) -> bool {
    let asks = |argument: &Argument| match argument {
        Argument::Number(Number::Literal(flags)) => flags & CKF_ASYNC_SESSION != 0,
        _ => false,
    };
    call.function == Function::C_OpenSession && call.arguments.get(1).is_some_and(asks)
}

/// The answer of every step: that of its last call, which is no question.
fn answers(trace: &CaseTrace) -> HashMap<u32, &TraceCall> {
    let calls = trace.calls.iter();
    calls.map(|call| (call.step, call)).collect()
}

/// Wrong PINs that a token may not take any more.
const FEW_WRONG_PINS: u32 = 3;

/// What a sequence knows the target by: its `slot` is one.
const TARGET: &str = "target";

/// A call with the names that it refers to.
#[derive(Debug)]
pub struct Subject<'c> {
    call: &'c Call,
    references: Vec<String>,
}

impl<'c> Subject<'c> {
    /// Of a call.
    #[must_use]
    pub fn of(call: &'c Call) -> Self {
        let references = shape::references(call);
        Self { call, references }
    }

    /// True if it refers to one of these.
    fn refers_to(&self, names: &BTreeSet<String>) -> bool {
        self.references.iter().any(|name| names.contains(name))
    }
}

/// Names of resources whose states may differ between target and model.
#[derive(Default)]
struct Apart {
    names: BTreeSet<String>,
    /// Handles that may have the number of another one by now.
    doubtful: BTreeSet<String>,
    /// Objects that say themselves whether a login is needed to see them.
    privacy_known: BTreeSet<String>,
    sessions: Handles,
    objects: Handles,
    operations: Operations,
    /// How many PINs were wrong.
    wrong_pins: u32,
}

/// Handles of one kind. The number of one that is gone may be given out again, by one side and not by the
/// other: nothing forbids it.
#[derive(Default)]
struct Handles {
    all: BTreeSet<String>,
    /// Those that may be gone since the last one was given out.
    gone: BTreeSet<String>,
}

impl Handles {
    /// Every handle given out so far may be gone.
    fn may_all_be_gone(&mut self) {
        self.gone.extend(self.all.iter().cloned());
    }

    /// A new one; gives those that may have the same number.
    fn give_out(&mut self, name: &str) -> BTreeSet<String> {
        self.all.insert(name.to_owned());
        std::mem::take(&mut self.gone)
    }
}

impl Apart {
    /// True if the call uses what is apart, or a handle that may be somebody else's.
    fn touches(&self, subject: &Subject<'_>) -> bool {
        subject.refers_to(&self.names) || self.may_be_on_another(subject)
    }

    /// True if the call uses a handle by its bare number, or one whose number may be another's: what it
    /// does, it may do to a session or object that goes by another name.
    fn may_be_on_another(&self, subject: &Subject<'_>) -> bool {
        subject.refers_to(&self.doubtful) || self.has_bare_handle(subject.call)
    }

    /// True if a handle, or a slot, is a number that the module may have given out as well as not, or the handle of
    /// something of another kind, which may have the same number; or if a handle stands where none is asked for.
    fn has_bare_handle(&self, call: &Call) -> bool {
        let mut parameters = call.function.parameters().iter().zip(&call.arguments);
        parameters.any(|(parameter, argument)| {
            let kind = match parameter.kind {
                ParameterKind::Ulong(Domain::Session) => Some(&self.sessions),
                ParameterKind::Ulong(Domain::Object) => Some(&self.objects),
                _ => None,
            };
            // 0 is never a handle; a slot may well have it as its number.
            let slot = parameter.kind == ParameterKind::Ulong(Domain::Slot);
            match argument {
                Argument::Number(Number::Literal(number)) => slot || kind.is_some() && *number != 0,
                // A handle may have the number of a slot as well, and a name that nothing has is 0.
                Argument::Number(Number::Reference(reference)) if slot => reference.name != TARGET,
                // Where no handle is asked for, its number means something else with each side: of flags, other bits.
                Argument::Number(Number::Reference(reference)) => {
                    let handles = [&self.sessions, &self.objects];
                    let mut handles = handles.iter();
                    handles.any(|handles| handles.all.contains(&reference.name))
                        && kind.is_none_or(|kind| !kind.all.contains(&reference.name))
                }
                _ => false,
            }
        })
    }

    /// Takes note of what the call did on either side; false if nothing can be compared any more.
    fn follow(&mut self, subject: &Subject<'_>, rv: u64, model: u64) -> bool {
        let call = subject.call;
        let (done, would) = (rv == CKR_OK, model == CKR_OK);
        // What goes on beside the calls is done sooner on one side, and makes objects with handles of its own.
        if [rv, model].contains(&CKR_PENDING) {
            return false;
        }
        let unsure = self.touches(subject);
        let alike = done == would && !unsure;
        if (done || would) && self.may_be_on_another(subject) {
            return false;
        }
        // With a session more on one side, the login ends with the last one (5.6.2) sooner on the other.
        let counts = [Function::C_OpenSession, Function::C_CloseSession];
        if counts.contains(&call.function) && done != would {
            return false;
        }
        if !self.knows_pins(call, rv, model) {
            return false;
        }
        // What cannot be destroyed stays, and what a token has by default comes (5.5.7).
        if call.function == Function::C_InitToken && done {
            self.names.extend(self.objects.all.iter().cloned());
        }
        if call.function == Function::C_Logout && done {
            let hidden = self.objects.all.difference(&self.privacy_known);
            self.names.extend(hidden.cloned().collect::<Vec<_>>());
        }
        if done || would {
            self.names.extend(self.operations.unsure_after(call));
            self.operations.follow(call);
            self.handles_end(call);
            // What is on the token may get its handles without being asked for, or when it is found.
            if matches!(
                call.function,
                Function::C_Initialize
                    | Function::C_Login
                    | Function::C_LoginUser
                    | Function::C_FindObjects
            ) {
                let reused = std::mem::take(&mut self.objects.gone);
                self.doubtful.extend(reused);
            }
        }
        if is_global(call.function) {
            return alike;
        }
        for capture in &call.gives {
            if done || would {
                let reused = match given_handle(call, &capture.output.name) {
                    Some(Domain::Session) => self.sessions.give_out(&capture.name),
                    Some(Domain::Object) => self.objects.give_out(&capture.name),
                    _ => BTreeSet::new(),
                };
                self.doubtful.extend(reused);
            }
            if says_privacy(call) {
                self.privacy_known.insert(capture.name.clone());
            }
            // Whether a session is asynchronous is told by its flags, and a token need not have such (5.6.1).
            if !alike || is_asynchronous(call) {
                self.names.insert(capture.name.clone());
            }
        }
        // An error ends an operation, a short buffer does not, and some stand in between.
        let short = |value| value == CKR_BUFFER_TOO_SMALL;
        let sure = alike && (rv == model || call.function.name().contains("Attribute"));
        let unsaid = || {
            let session = handle(call, 0);
            self.operations
                .is_unsaid_after_an_error(call.function, session.as_deref())
        };
        let sure = sure && (done || !unsaid());
        if !sure || short(rv) != short(model) {
            self.set_apart(call);
        }
        true
    }

    /// False once a token may have come to another state by wrong PINs: how many it takes, and what it does then, is left to it
    /// ([PKCS11-Base 3.2] 3.2, CKF_USER_PIN_COUNT_LOW and its like), and so is whether a login outlives a PIN that was refused.
    fn knows_pins(&mut self, call: &Call, rv: u64, model: u64) -> bool {
        let says = |value| rv == value || model == value;
        let refused = rv != CKR_OK && model != CKR_OK;
        let context = Argument::Number(Number::Literal(CKU_CONTEXT_SPECIFIC));
        let may_end_login = match call.function {
            Function::C_SetPIN => refused,
            Function::C_Login | Function::C_LoginUser => {
                refused && call.arguments.get(1) == Some(&context)
            }
            _ => false,
        };
        self.wrong_pins += u32::from(says(CKR_PIN_INCORRECT));
        !may_end_login && !says(CKR_PIN_LOCKED) && self.wrong_pins < FEW_WRONG_PINS
    }

    /// Which handles the call may have put an end to.
    fn handles_end(&mut self, call: &Call) {
        match call.function {
            Function::C_CloseAllSessions | Function::C_Finalize | Function::C_InitToken => {
                self.sessions.may_all_be_gone();
                self.objects.may_all_be_gone();
            }
            Function::C_CloseSession => {
                self.sessions.gone.extend(handle(call, 0));
                self.objects.may_all_be_gone();
            }
            Function::C_Logout => self.objects.may_all_be_gone(),
            Function::C_DestroyObject => self.objects.gone.extend(handle(call, 1)),
            _ => {}
        }
    }

    /// The session and the objects that the call works on.
    fn set_apart(&mut self, call: &Call) {
        for (parameter, argument) in call.function.parameters().iter().zip(&call.arguments) {
            let handle = matches!(
                parameter.kind,
                ParameterKind::Ulong(Domain::Session | Domain::Object)
            );
            if let (true, Argument::Number(Number::Reference(reference))) = (handle, argument) {
                // What reads an object leaves it as it is; a session may have an operation or none.
                let session = parameter.kind == ParameterKind::Ulong(Domain::Session);
                let changes = [Function::C_SetAttributeValue, Function::C_DestroyObject];
                if session || changes.contains(&call.function) {
                    self.names.insert(reference.name.clone());
                }
            }
        }
    }
}

/// Functions whose effect is on everything.
fn is_global(function: Function) -> bool {
    matches!(
        function,
        Function::C_Initialize
            | Function::C_Finalize
            | Function::C_InitToken
            | Function::C_InitPIN
            | Function::C_SetPIN
            | Function::C_Login
            | Function::C_LoginUser
            | Function::C_Logout
            | Function::C_CloseAllSessions
    )
}

/// The kind of handle that an output is.
fn given_handle(call: &Call, output: &str) -> Option<Domain> {
    let mut parameters = call.function.parameters().iter();
    match parameters.find(|parameter| parameter.name == output)?.kind {
        ParameterKind::OutUlong(domain) => Some(domain),
        _ => None,
    }
}

/// The name of the handle that is an argument.
fn handle(call: &Call, place: usize) -> Option<String> {
    match call.arguments.get(place)? {
        Argument::Number(Number::Reference(reference)) => Some(reference.name.clone()),
        _ => None,
    }
}

/// True if the template of the object says whether it is private. The default is the token's own
/// ([PKCS11-Base 3.2] 4.4).
fn says_privacy(call: &Call) -> bool {
    call.arguments.iter().any(|argument| match argument {
        Argument::Template(template) => shape::says_privacy(&template.attributes),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
