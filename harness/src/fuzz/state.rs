//! The abstract state that a call finds: what its session is and has under way, as far as the calls before it and
//! what they returned tell. It is a sketch for telling sequences apart, and decides no verdict.

use cryptoki_sys::{CKF_RW_SESSION, CKR_BUFFER_TOO_SMALL, CKR_OK, CKU_SO};

use crate::cryptoki::Function;
use crate::cryptoki::function::ParameterKind;
use crate::cryptoki::operation::{OPERATIONS, SEARCH};
use crate::sequence::shape;
use crate::sequence::{Argument, Call, Number};

use Function as F;

/// What a call does to the states of sessions if it succeeds, worked out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The name of the session that it is on, hashed; 0 if it is on none.
    session: u32,
    effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// Gives a session of this name, for reading and writing or not.
    Opens(u32, bool),
    Closes,
    ClosesAll,
    /// Of the security officer, or another.
    LogsIn(bool),
    LogsOut,
    /// An operation, by its place among all; a search is the last.
    Begins(u8),
    GoesOn(u8),
    /// An operation, by an answer that is no question for a size.
    Ends(u8),
    EndsAll,
}

impl Step {
    /// Of a call.
    pub(super) fn of(call: &Call) -> Self {
        let session = shape::sessions(call).next().map_or(0, hash);
        Self {
            session,
            effect: effect(call),
        }
    }
}

fn effect(call: &Call) -> Effect {
    let plain = |place: usize| match call.arguments.get(place) {
        Some(Argument::Number(Number::Literal(value))) => Some(*value),
        _ => None,
    };
    match call.function {
        F::C_OpenSession => match call.gives.first() {
            Some(given) => {
                let writes = plain(1).is_some_and(|flags| flags & CKF_RW_SESSION != 0);
                Effect::Opens(hash(&given.name), writes)
            }
            None => Effect::None,
        },
        F::C_CloseSession => Effect::Closes,
        F::C_CloseAllSessions | F::C_Finalize | F::C_InitToken => Effect::ClosesAll,
        F::C_Login | F::C_LoginUser => Effect::LogsIn(plain(1) == Some(CKU_SO)),
        F::C_Logout => Effect::LogsOut,
        F::C_SessionCancel | F::C_SetOperationState => Effect::EndsAll,
        function => {
            let all = OPERATIONS.iter().chain([&SEARCH]);
            let mut effects = (0..).zip(all).filter_map(|(place, operation)| {
                let begins = operation.init == function;
                let ends = operation.ends_with(function) && !shape::is_question(call);
                // Without a mechanism the operation ends ([PKCS11-Base 3.2] 5.8.1 and others).
                if ends || begins && takes_no_mechanism(call) {
                    Some(Effect::Ends(place))
                } else if begins {
                    Some(Effect::Begins(place))
                } else {
                    operation
                        .goes_on_with(function)
                        .then_some(Effect::GoesOn(place))
                }
            });
            effects.next().unwrap_or(Effect::None)
        }
    }
}

fn takes_no_mechanism(call: &Call) -> bool {
    let mut given = call.function.parameters().iter().zip(&call.arguments);
    given.any(|(parameter, argument)| {
        parameter.kind == ParameterKind::Mechanism
            && matches!(argument, Argument::Null | Argument::Default)
    })
}

/// A short hash of a name, which is not 0.
fn hash(name: &str) -> u32 {
    const PRIME: u32 = 0x0100_0193;
    let fold = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME);
    name.bytes().fold(0x811c_9dc5, fold).max(1)
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    writes: bool,
    /// Two bits for each operation: `BEGUN`, `IN_PARTS`, or none.
    operations: u32,
}

const BEGUN: u32 = 1;
const IN_PARTS: u32 = 2;

/// Who is logged in, as far as the sequence saw to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Login {
    /// As it was at the beginning.
    #[default]
    AsBefore,
    User,
    Officer,
    Nobody,
}

/// The states of a sequence, so far.
#[derive(Debug, Default)]
pub(super) struct States {
    sessions: Vec<(u32, Session)>,
    login: Login,
}

impl States {
    /// Forgets everything: a new sequence begins.
    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.login = Login::default();
    }

    /// The state that the call finds, as one number: its session's, and who is logged in.
    pub(super) fn at(&self, step: Step) -> u64 {
        let login = self.login as u64;
        let session = self.sessions.iter().find(|(name, _)| *name == step.session);
        match (step.session, session) {
            (0, _) => login,
            // Never opened, or closed.
            (_, None) => 1 << 2 | login,
            (_, Some((_, session))) => {
                let operations = u64::from(session.operations) << 5;
                operations | u64::from(session.writes) << 4 | 1 << 3 | 1 << 2 | login
            }
        }
    }

    /// Takes note of what the call returned.
    pub(super) fn follow(&mut self, step: Step, rv: Option<u64>) {
        let done = rv == Some(CKR_OK);
        match step.effect {
            Effect::None => {}
            Effect::GoesOn(place) if done => self.set(step, place, IN_PARTS),
            // An error ends an operation, a short buffer does not ([PKCS11-Base 3.2] 5.2).
            Effect::GoesOn(place) | Effect::Ends(place) => {
                if rv != Some(CKR_BUFFER_TOO_SMALL) {
                    self.set(step, place, 0);
                }
            }
            _ if !done => {}
            Effect::Begins(place) => self.set(step, place, BEGUN),
            Effect::Opens(name, writes) => {
                let session = Session {
                    writes,
                    operations: 0,
                };
                self.sessions.retain(|(known, _)| *known != name);
                self.sessions.push((name, session));
            }
            Effect::Closes => self.sessions.retain(|(name, _)| *name != step.session),
            Effect::ClosesAll => {
                self.sessions.clear();
                self.login = Login::Nobody;
            }
            Effect::LogsIn(true) => self.login = Login::Officer,
            Effect::LogsIn(false) => self.login = Login::User,
            Effect::LogsOut => self.login = Login::Nobody,
            Effect::EndsAll => {
                if let Some(session) = self.session(step) {
                    session.operations = 0;
                }
            }
        }
    }

    fn session(&mut self, step: Step) -> Option<&mut Session> {
        let mut sessions = self.sessions.iter_mut();
        let found = sessions.find(|(name, _)| *name == step.session);
        found.map(|(_, session)| session)
    }

    /// Two bits of an operation.
    fn set(&mut self, step: Step, place: u8, bits: u32) {
        if let Some(session) = self.session(step) {
            let shift = 2 * u32::from(place);
            session.operations = session.operations & !(3 << shift) | bits << shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::{CKF_SERIAL_SESSION, CKR_DATA_LEN_RANGE};

    use super::*;
    use crate::sequence::{Buffer, Capture, Reference};

    fn call(function: Function, session: &str) -> Call {
        let mut call = Call::new(1, function);
        if !session.is_empty() {
            call.arguments[0] = Argument::named(session);
        }
        call
    }

    fn open(name: &str, flags: u64) -> Call {
        let mut call = call(F::C_OpenSession, "");
        call.arguments[1] = Argument::Number(Number::Literal(flags));
        call.gives.push(Capture {
            output: Reference::to("session"),
            name: name.to_owned(),
        });
        call
    }

    fn begin(session: &str) -> Call {
        let mut call = call(F::C_DigestInit, session);
        call.arguments[1] = Argument::mechanism(1, crate::sequence::ParameterValue::None);
        call
    }

    /// The state that C_GetInfo's neighbour on this session finds after calls that returned so.
    fn state(calls: &[(Call, u64)], session: &str) -> u64 {
        let mut states = States::default();
        for (call, rv) in calls {
            states.follow(Step::of(call), Some(*rv));
        }
        states.at(Step::of(&call(F::C_GetSessionInfo, session)))
    }

    #[test]
    fn sessions_logins_and_operations_tell_states_apart() {
        let rw = (open("s", CKF_SERIAL_SESSION | CKF_RW_SESSION), CKR_OK);
        let begun = (begin("s"), CKR_OK);
        let update = (call(F::C_DigestUpdate, "s"), CKR_OK);
        let login = (call(F::C_Login, "s"), CKR_OK);
        let states = [
            state(&[], "s"),
            state(&[(open("s", CKF_SERIAL_SESSION), CKR_OK)], "s"),
            state(std::slice::from_ref(&rw), "s"),
            state(&[rw.clone(), begun.clone()], "s"),
            state(&[rw.clone(), begun.clone(), update.clone()], "s"),
            state(&[rw.clone(), login], "s"),
        ];
        let different: std::collections::BTreeSet<u64> = states.into_iter().collect();
        assert_eq!(different.len(), states.len(), "{states:?}");
        // Of another session nothing was heard.
        assert_eq!(state(&[rw, begun, update], "t"), states[0]);
    }

    #[test]
    fn an_error_ends_an_operation_and_a_question_does_not() {
        let rw = (open("s", CKF_SERIAL_SESSION | CKF_RW_SESSION), CKR_OK);
        let (idle, begun) = (
            state(std::slice::from_ref(&rw), "s"),
            state(&[rw.clone(), (begin("s"), CKR_OK)], "s"),
        );
        let after = |call: Call, rv| state(&[rw.clone(), (begin("s"), CKR_OK), (call, rv)], "s");
        let digest = call(F::C_Digest, "s");
        assert_eq!(after(digest.clone(), CKR_OK), idle);
        assert_eq!(after(digest.clone(), CKR_DATA_LEN_RANGE), idle);
        assert_eq!(after(digest.clone(), CKR_BUFFER_TOO_SMALL), begun);
        let mut question = digest;
        question.arguments[2] = Argument::Buffer(Buffer::of(crate::sequence::BufferSize::Null));
        assert_eq!(after(question, CKR_OK), begun);
        assert_eq!(after(call(F::C_DigestInit, "s"), CKR_OK), idle);
        assert_eq!(after(call(F::C_SessionCancel, "s"), CKR_OK), idle);
        let closed = after(call(F::C_CloseSession, "s"), CKR_OK);
        assert_eq!(closed, state(&[], "s"));
    }
}
