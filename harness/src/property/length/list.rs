//! Ways of functions that tell of the token and of the session: lists, and the state of an operation.

use super::super::digest;
use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::script::{SESSION, Script, call, literal, on};
use super::Probe;
use crate::cryptoki::Function::*;

/// A list may come in another order.
fn list(subject: &str, call: super::Make) -> Option<Probe> {
    Some(Probe {
        repeats: false,
        ..Probe::new(subject, call)
    })
}

pub(super) fn slots(_: &mut Script, _: &Ground, _: &Draw) -> Option<Probe> {
    list("slots", call(C_GetSlotList))
}

pub(super) fn mechanisms(_: &mut Script, _: &Ground, _: &Draw) -> Option<Probe> {
    list("mechanisms", call(C_GetMechanismList))
}

/// 5.4.5: may be called at any time.
pub(super) fn interfaces(_: &mut Script, _: &Ground, _: &Draw) -> Option<Probe> {
    list("interfaces", call(C_GetInterfaceList))
}

/// What a state looks like is the token's own, and how long it is; asking for it changes nothing of the operation.
pub(super) fn operation_state(_: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = digest::rows(ground);
    let row = draw.pick(0, &rows)?;
    let update = on(SESSION, C_DigestUpdate).bytes("part", literal(&draw.data()));
    Some(Probe {
        begin: vec![digest::begin(row), update],
        end: vec![on(SESSION, C_DigestFinal)],
        repeats: false,
        steady: false,
        ..Probe::new(row.0.name, on(SESSION, C_GetOperationState))
    })
}
