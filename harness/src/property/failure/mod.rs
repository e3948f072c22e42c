//! Calls that fail: they change nothing. "If a Cryptoki function does not execute successfully, [...] the token is
//! in the same state as it was in prior to the function call" ([PKCS11-Base 3.2] 5); no object is made (5.7.1, 5.7.2,
//! 5.18.1 to 5.18.9), and no operation begins (5.1.6). Sessions and objects are as they were, and so are the
//! operations of other sessions: what a failure may end are those of its own (5.12.3 and its like).
//!
//! This module has what is there before and looked at after; the calls are those of [`wrong`].

mod wrong;

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use self::wrong::{Needs, WRONG, Wrong, secret};
use super::draw::{Draw, draw};
use super::ground::Ground;
use super::purge::purge;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, call, equals, flag, handle, is_number, length,
    literal, number, octets, on, same_as, template,
};
use super::session::{Bench, Operation};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_CreateObject, C_DestroyObject, C_FindObjects, C_FindObjectsFinal, C_FindObjectsInit,
    C_GetAttributeValue, C_GetSessionInfo, C_GetTokenInfo, C_OpenSession,
};
use crate::sequence::Relation;

/// The object that calls are about.
const OBJECT: &str = "object";
/// An object of the token, which they are not about.
const KEPT: &str = "kept";
/// CKA_ID of what a case leaves on the token.
const OWN: &[u8] = b"p11assay failure";
/// A session with an operation that goes on, and a read-only one.
const OTHER: &str = "other";
const READER: &str = "reader";

/// Coins of a draw: whether there is an object of the token, and whether there are other sessions.
const ON_TOKEN: [u32; 2] = [3, 5];
const BESIDE: [u32; 2] = [6, 7];

/// After these nobody knows what became of anything: 5 and 5.1.1 say so of the first, others are of sessions and
/// tokens that are gone or in an error state (5.1.2, 5.1.3, 5.1.6), or of calls that go on (5.21).
const UNKNOWN_STATE: [u64; 6] = [
    CKR_GENERAL_ERROR,
    CKR_FIPS_SELF_TEST_FAILED,
    CKR_SESSION_CLOSED,
    CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,
    CKR_PENDING,
];

/// What is there beside the session of the case and its object.
struct Scene {
    label: Vec<u8>,
    /// The value of the keys.
    value: Vec<u8>,
    has_token_object: bool,
    /// An operation in a session of its own, and a read-only session.
    beside: Option<Operation>,
}

/// A call that fails leaves everything as it was.
pub(super) fn changes_nothing(ground: &Arc<Ground>) -> Asked {
    let knows_so_pin = ground.knows_so_pin();
    let can_be_made = |wrong: &&Wrong| {
        let made = (wrong.call)(b"").function();
        ground.can(made) && (wrong.needs != Needs::SoPin || knows_so_pin)
    };
    let known: Vec<&Wrong> = WRONG.iter().filter(can_be_made).collect();
    let bench = Bench::of(ground);
    let ground = ground.clone();
    // What comes first is made small first: calls that have nothing to do with it go.
    let all = (vec(any::<Index>(), 1..=4), draw(), draw());
    let ask = move |(wrong, draw, of_operation): (Vec<Index>, Draw, Draw)| {
        let is_alone = draw.seldom(BESIDE);
        let operation = || bench.operation(&ground, &of_operation, OTHER);
        let scene = Scene {
            label: draw.name().into_bytes(),
            value: draw.bytes(2, 16),
            has_token_object: draw.seldom(ON_TOKEN),
            beside: if is_alone { None } else { operation() },
        };
        let has_reader = scene.beside.is_some();
        let wrong = wrong.iter().map(|one: &Index| *one.get(&known));
        let fits = |wrong: &&Wrong| has_reader || wrong.needs != Needs::Reader;
        let wrong: Vec<&Wrong> = wrong.filter(fits).collect();
        let subject = wrong.first().map_or("nothing", |wrong| wrong.name);
        Question::new(subject, scene.played(&wrong))
    };
    Ok(all.prop_map(ask).boxed())
}

impl Scene {
    fn played(mut self, wrong: &[&Wrong]) -> Script {
        let mut script = Script::default();
        self.before(&mut script);
        for one in wrong {
            let call = (one.call)(&self.label).presumed_to_fail();
            script.add(call.unless(&UNKNOWN_STATE));
            if let Some(would_go_on) = one.would_go_on {
                script.add(would_go_on().fails());
            }
            if let Some(operation) = &mut self.beside {
                operation.part(&mut script);
            }
            self.after(&mut script);
        }
        if let Some(operation) = self.beside.take() {
            operation.end(&mut script);
        }
        if self.has_token_object {
            let destroy = on(SESSION, C_DestroyObject).with("object", handle(KEPT));
            script.add(destroy.presumed());
        }
        script
    }

    /// How many objects have the label of the case.
    fn count(&self) -> u64 {
        1 + u64::from(self.has_token_object)
    }

    fn objects(&self) -> impl Iterator<Item = &'static str> + use<> {
        let kept = self.has_token_object.then_some(KEPT);
        [OBJECT].into_iter().chain(kept)
    }

    /// The sessions in which nothing goes on.
    fn sessions(&self) -> impl Iterator<Item = &'static str> + use<> {
        let reader = self.beside.is_some().then_some(READER);
        [SESSION].into_iter().chain(reader)
    }

    fn all_sessions(&self) -> impl Iterator<Item = &'static str> + use<> {
        let other = self.beside.is_some().then_some(OTHER);
        self.sessions().chain(other)
    }

    fn before(&self, script: &mut Script) {
        // What a call left on the token that should have failed goes, too.
        if self.has_token_object || self.beside.is_some() {
            purge(script, SESSION, vec![octets(CKA_ID, literal(OWN))]);
        }
        for name in self.objects() {
            let mut key = secret(&self.label);
            key.push(octets(CKA_VALUE, literal(&self.value)));
            key.extend(
                [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP].map(|usage| flag(usage, true)),
            );
            if name == KEPT {
                key.retain(|given| given.attribute != CKA_TOKEN);
                key.extend([flag(CKA_TOKEN, true), octets(CKA_ID, literal(OWN))]);
            }
            let create = on(SESSION, C_CreateObject).with("template", template(key));
            script.add(create.keep("object", name).presumed());
        }
        if let Some(operation) = &self.beside {
            let serial = CKF_SERIAL_SESSION;
            for (session, flags) in [(OTHER, serial | CKF_RW_SESSION), (READER, serial)] {
                let open = call(C_OpenSession).with("flags", number(flags));
                script.add(open.keep("session", session).presumed());
            }
            operation.alone(script);
            script.add(operation.begin(OTHER));
        }
        for session in self.all_sessions() {
            let info = on(session, C_GetSessionInfo).keep("info", session_info(session));
            script.add(info.presumed());
        }
        script.add(call(C_GetTokenInfo).keep("info", "token").presumed());
        let why = "the token does not show the objects that it made";
        let presumed = |call: Make, output: &str, right| call.requires(output, right, why);
        for session in self.sessions() {
            self.look(script, session, |call| call.presumed(), presumed);
        }
    }

    fn after(&self, script: &mut Script) {
        for session in self.all_sessions() {
            let before = session_info(session);
            script.add(
                on(session, C_GetSessionInfo)
                    .is("info.state", same_as(&format!("{before}.state")))
                    .is("info.flags", same_as(&format!("{before}.flags"))),
            );
        }
        // Those of this application, which does nothing else: 3.2.
        let counts = ["ulSessionCount", "ulRwSessionCount"];
        let info = counts.iter().fold(call(C_GetTokenInfo), |info, count| {
            info.is(&format!("info.{count}"), same_as(&format!("token.{count}")))
        });
        script.add(info);
        for session in self.sessions() {
            self.look(
                script,
                session,
                |call| call,
                |call, output, right| call.is(output, right),
            );
        }
    }

    /// Counts the objects of the case, and reads them. A token may keep the values of its own objects to itself.
    fn look(
        &self,
        script: &mut Script,
        session: &str,
        done: fn(Make) -> Make,
        told: impl Fn(Make, &str, Relation) -> Make,
    ) {
        let searched = template(vec![octets(CKA_LABEL, literal(&self.label))]);
        script.add(on(session, C_FindObjectsInit).with("template", searched));
        let found = on(session, C_FindObjects).room_for(8);
        script.add(told(found, "object", length(is_number(self.count()))));
        script.add(on(session, C_FindObjectsFinal));
        for name in self.objects() {
            let shown = [CKA_CLASS, CKA_LABEL, CKA_VALUE];
            let shown = if name == KEPT { &shown[..2] } else { &shown };
            let read = on(session, C_GetAttributeValue)
                .with("object", handle(name))
                .with("template", asked(shown));
            script.add(shown.iter().fold(done(read), |read, shown| {
                let right = match *shown {
                    CKA_CLASS => is_number(CKO_SECRET_KEY),
                    CKA_LABEL => equals(literal(&self.label)),
                    _ => equals(literal(&self.value)),
                };
                told(read, &attribute(*shown), right)
            }));
        }
    }
}

/// Under which name what a session is like is kept.
fn session_info(session: &str) -> &'static str {
    match session {
        OTHER => "other-info",
        READER => "reader-info",
        _ => "info",
    }
}
