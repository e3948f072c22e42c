//! A machine of sessions, logins, objects and operations: what each call does in each state follows from the
//! text alone ([`state`]), and calls are drawn ([`action`]). A call that the state allows must succeed, one that
//! it does not must fail, and what is told of the state must be so. Where the text leaves open what became
//! of something, nothing is asked of it any more.

mod action;
mod state;

use std::sync::Arc;

use cryptoki_sys::{CKF_RW_SESSION, CKF_SERIAL_SESSION, CKU_USER};
use proptest::collection::vec;
use proptest::prelude::*;

use self::action::Action;
use self::state::{OWN, State};
use super::ground::Ground;
use super::question::Question;
use super::script::{Script, call, handle, literal, number, octets, on, pin, template};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_CloseSession, C_DestroyObject, C_FindObjects, C_FindObjectsFinal, C_FindObjectsInit, C_Login,
    C_OpenSession,
};
use crate::sequence::{ForEach, Reference, Step};

/// Most calls that are drawn.
const CALLS: usize = 24;

/// Calls in any order do what the state lets them do.
pub(super) fn calls(ground: &Arc<Ground>) -> Asked {
    let so = ground.knows_so_pin();
    let ask = move |actions: Vec<Action>| {
        let mut script = Script::default();
        purge(&mut script);
        let mut state = State::new(so);
        for action in actions {
            state.act(&mut script, action);
        }
        Question::new("states", script).at_the_beginning()
    };
    Ok(vec(action::action(), 1..=CALLS).prop_map(ask).boxed())
}

/// Destroys what earlier cases left on the token.
fn purge(script: &mut Script) {
    let flags = number(CKF_SERIAL_SESSION | CKF_RW_SESSION);
    script.add(
        call(C_OpenSession)
            .with("flags", flags)
            .keep("session", "purge")
            .presumed(),
    );
    let login = on("purge", C_Login).with("user_type", number(CKU_USER));
    script.add(login.bytes("pin", pin("pin")).presumed());
    let own = template(vec![octets(cryptoki_sys::CKA_APPLICATION, literal(OWN))]);
    script.add(
        on("purge", C_FindObjectsInit)
            .with("template", own)
            .presumed(),
    );
    script.add(
        on("purge", C_FindObjects)
            .room_for(64)
            .keep("object", "left")
            .presumed(),
    );
    script.add(on("purge", C_FindObjectsFinal).presumed());
    let mut destroy = Script::default();
    destroy.add(
        on("purge", C_DestroyObject)
            .with("object", handle("one"))
            .presumed(),
    );
    script.step(Step::ForEach(ForEach {
        list: Reference::to("left"),
        bind: "one".to_owned(),
        steps: destroy.finish().steps,
    }));
    script.add(on("purge", C_CloseSession).presumed());
}
