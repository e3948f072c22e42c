//! Sessions: what goes on in one is nothing to the others ([PKCS11-Base 3.2] 5.6.1, 5.6.2). Operations of several
//! sessions take turns, and each comes to what it comes to alone.

mod handles;

pub(super) use handles::handles_apart;

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::draw::{Draw, draw, parts};
use super::ground::{Ground, absent};
use super::key::Secret;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, call, handle, is_number, kept, literal, mechanism,
    number, on,
};
use super::table::Asked;
use super::{digest, input, signature};
use crate::cryptoki::Function::{
    self, C_CloseSession, C_Digest, C_DigestFinal, C_DigestInit, C_DigestUpdate,
    C_GetAttributeValue, C_OpenSession, C_Sign, C_SignFinal, C_SignInit, C_SignUpdate,
};
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::ParameterValue;

/// The sessions of a case, beside that which it finds.
const SESSIONS: [&str; 3] = ["first", "second", "third"];

/// An operation: a digest, or a MAC with a key of its own.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    row: &'static Mechanism,
    parameter: ParameterValue,
    key: Option<Secret>,
    data: Vec<u8>,
    /// Its parts that are still to come.
    left: Vec<Vec<u8>>,
    session: &'static str,
}

/// The functions of an operation: initialise, all at once, a part, the end.
const DIGEST: [Function; 4] = [C_DigestInit, C_Digest, C_DigestUpdate, C_DigestFinal];
const SIGN: [Function; 4] = [C_SignInit, C_Sign, C_SignUpdate, C_SignFinal];

impl Operation {
    fn functions(&self) -> [Function; 4] {
        if self.key.is_some() { SIGN } else { DIGEST }
    }

    fn key_name(&self) -> String {
        format!("key-{}", self.session)
    }

    fn result(&self) -> String {
        format!("alone-{}", self.session)
    }

    pub(super) fn begin(&self, session: &str) -> Make {
        let [init, ..] = self.functions();
        let begin =
            on(session, init).with("mechanism", mechanism(self.row, self.parameter.clone()));
        match self.key {
            Some(_) => begin.with("key", handle(&self.key_name())),
            None => begin,
        }
    }

    /// What it comes to in the session that the case finds, where nothing else goes on.
    pub(super) fn alone(&self, script: &mut Script) {
        if let Some(key) = &self.key {
            script.add(key.make_in(self.session, &[CKA_SIGN], &self.key_name()));
        }
        let [_, whole, ..] = self.functions();
        script.add(self.begin(SESSION).presumed());
        let whole = on(SESSION, whole).bytes("data", literal(&self.data));
        script.add(whole.kept(&self.result()).presumed());
    }

    pub(super) fn part(&mut self, script: &mut Script) {
        let [.., update, _] = self.functions();
        if !self.left.is_empty() {
            let part = self.left.remove(0);
            script.add(on(self.session, update).bytes("part", literal(&part)));
        }
    }

    pub(super) fn end(mut self, script: &mut Script) {
        while !self.left.is_empty() {
            self.part(script);
        }
        let [.., last] = self.functions();
        script.add(on(self.session, last).gives(kept(&self.result())));
    }
}

/// The mechanisms of operations that come to the same each time, in parts too.
pub(super) struct Bench {
    digests: Vec<digest::Row>,
    macs: Vec<&'static Mechanism>,
}

impl Bench {
    /// Those that a target lists.
    pub(super) fn of(ground: &Ground) -> Bench {
        let digests = match ground.needs(&DIGEST) {
            Ok(()) => digest::rows(ground),
            Err(_) => Vec::new(),
        };
        let macs = match ground.needs(&SIGN) {
            Ok(()) => signature::rows(ground),
            Err(_) => Vec::new(),
        };
        let repeats = |row: &&Mechanism| input::repeats(row) && input::in_parts(row);
        Bench {
            digests,
            macs: macs.into_iter().filter(repeats).collect(),
        }
    }

    /// An operation for a session; None if the target has none.
    pub(super) fn operation(
        &self,
        ground: &Ground,
        draw: &Draw,
        session: &'static str,
    ) -> Option<Operation> {
        let mut data = draw.data();
        data.push(1);
        let left = parts(&data, &draw.cuts);
        let mac = draw.pick(0, &self.macs).filter(|_| draw.coin(4));
        let mac = mac.and_then(|row| {
            let parameter = input::parameter(row, draw, data.len())?;
            let key = Secret::draw(ground, draw, *row.key_types.first()?);
            Some((*row, parameter, Some(key)))
        });
        let digest = draw.pick(1, &self.digests);
        let digest = digest.map(|(row, parameter)| (*row, parameter.clone(), None));
        let (row, parameter, key) = mac.or(digest)?;
        Some(Operation {
            row,
            parameter,
            key,
            data,
            left,
            session,
        })
    }
}

/// The operations of several sessions do not get into each other's way.
pub(super) fn apart(ground: &Arc<Ground>) -> Asked {
    ground.needs(&DIGEST)?;
    let bench = Bench::of(ground);
    if bench.digests.is_empty() {
        return Err(absent("the token lists no mechanism that digests"));
    }
    let ground = ground.clone();
    let turns = vec((any::<Index>(), 0..6u8), 0..=16);
    let all = (vec(draw(), SESSIONS.len()), turns);
    let ask = move |(draws, turns): (Vec<Draw>, Vec<(Index, u8)>)| {
        let operations = draws
            .iter()
            .zip(SESSIONS)
            .filter_map(|(draw, session)| bench.operation(&ground, draw, session));
        let mut script = Script::default();
        let subject = take_turns(&mut script, operations.collect(), &turns);
        Question::new(subject, script)
    };
    Ok(all.prop_map(ask).boxed())
}

fn take_turns(script: &mut Script, operations: Vec<Operation>, turns: &[(Index, u8)]) -> String {
    for session in SESSIONS {
        let flags = number(CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let open = call(C_OpenSession)
            .with("flags", flags)
            .keep("session", session);
        script.add(open.presumed());
    }
    operations
        .iter()
        .for_each(|operation| operation.alone(script));
    let mut names: Vec<&str> = operations
        .iter()
        .map(|operation| operation.row.name)
        .collect();
    names.dedup();
    let subject = names.join("-");
    let mut going = operations;
    going
        .iter()
        .for_each(|operation| script.add(operation.begin(operation.session)));
    for (which, what) in turns {
        if going.is_empty() {
            break;
        }
        let place = which.index(going.len());
        match what {
            0 => going.remove(place).end(script),
            // A session that is closed takes what it has with it, and nothing else.
            1 if going.len() > 1 => close(script, &going.remove(place), &going),
            _ => going[place].part(script),
        }
    }
    going
        .into_iter()
        .for_each(|operation| operation.end(script));
    subject
}

/// Closes the session of an operation in the middle of it: its key is gone, those of others are not.
fn close(script: &mut Script, operation: &Operation, others: &[Operation]) {
    script.add(on(operation.session, C_CloseSession));
    let read = |name: &str| {
        on(SESSION, C_GetAttributeValue)
            .with("object", handle(name))
            .with("template", asked(&[CKA_CLASS]))
    };
    if operation.key.is_some() {
        script.add(read(&operation.key_name()).fails());
    }
    for other in others.iter().filter(|other| other.key.is_some()) {
        let call = read(&other.key_name());
        script.add(call.is(&attribute(CKA_CLASS), is_number(CKO_SECRET_KEY)));
    }
}
