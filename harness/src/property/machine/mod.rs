//! A machine of sessions, logins, objects (data and keys) and operations (digests and signatures): what each call does
//! in each state follows from the text alone ([`state`]), and calls are drawn ([`action`]). A call that the state allows
//! must succeed, one that it does not must fail, and what is told of the state must be so. Where the text leaves open
//! what became of something, nothing is asked of it any more.

mod action;
mod state;

use std::sync::Arc;

use cryptoki_sys::{
    CKA_APPLICATION, CKA_ID, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKF_SIGN, CKM_SHA256_HMAC,
    CKU_USER,
};
use proptest::collection::vec;
use proptest::prelude::*;

use self::action::Action;
use self::state::{OWN, State};
use super::ground::Ground;
use super::purge;
use super::question::Question;
use super::script::{Script, call, literal, number, octets, on, pin};
use super::table::Asked;
use crate::cryptoki::Function::{C_CloseSession, C_Login, C_OpenSession};

/// Most calls that are drawn.
const CALLS: usize = 24;

/// Calls in any order do what the state lets them do.
pub(super) fn calls(ground: &Arc<Ground>) -> Asked {
    let so = ground.knows_so_pin();
    let signs = ground.has(CKM_SHA256_HMAC, CKF_SIGN);
    let ask = move |actions: Vec<Action>| {
        let mut script = Script::default();
        purge(&mut script);
        let mut state = State::new(so, signs);
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
    for of_whom in [CKA_APPLICATION, CKA_ID] {
        purge::purge(script, "purge", vec![octets(of_whom, literal(OWN))]);
    }
    script.add(on("purge", C_CloseSession).presumed());
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::cryptoki::Function::{C_DigestFinal, C_Sign, C_SignFinal};

    fn drawn(signs: bool) -> Vec<crate::sequence::Sequence> {
        let mut runner = TestRunner::deterministic();
        let actions = vec(action::action(), 1..=CALLS);
        let sequence = |_| {
            let mut script = Script::default();
            let mut state = State::new(false, signs);
            let tree = actions.new_tree(&mut runner).expect("any is drawn");
            for action in tree.current() {
                state.act(&mut script, action);
            }
            script.finish()
        };
        (0..400).map(sequence).collect()
    }

    /// Operations come to their end in some cases, instead of being refused in all of them.
    #[test]
    fn operations_come_to_something() {
        let sequences = drawn(true);
        for function in [C_DigestFinal, C_Sign, C_SignFinal] {
            let calls = sequences.iter().flat_map(|sequence| sequence.calls());
            let ended = calls.filter(|call| call.function == function && !call.expect.is_empty());
            assert!(ended.count() > 0, "{function}");
        }
    }

    #[test]
    fn a_token_without_the_mechanism_signs_nothing() {
        let sequences = drawn(false);
        let mut calls = sequences.iter().flat_map(|sequence| sequence.calls());
        assert!(calls.all(|call| !call.function.name().starts_with("C_Sign")));
    }
}
