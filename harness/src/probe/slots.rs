//! Slots and tokens: reading what the module says of them, and choosing the one under test.

use serde::Serialize;

use super::ProbeError;
use super::ask::{General, shown};
use crate::cryptoki::Function;
use crate::oracle::TraceCall;
use crate::sequence::Value;
use crate::target::Selector;
use crate::target::uri::{SlotIdentity, TokenIdentity};

/// A slot and its token.
#[derive(Debug, Clone, Serialize)]
pub struct Slot {
    /// `CK_SLOT_ID`.
    pub id: u64,
    /// `CK_SLOT_INFO`, field name to printable value.
    pub info: Vec<(String, String)>,
    /// `CK_TOKEN_INFO`, if a token is present.
    pub token: Option<Vec<(String, String)>>,
    /// `CKF_` flags of the token, 0 without one.
    pub token_flags: u64,
}

/// Reads the slots from the answers to the general questions.
pub(super) fn read(general: &General) -> Result<Vec<Slot>, ProbeError> {
    let mut slots: Vec<Slot> = Vec::new();
    for id in general.slots()? {
        slots.push(Slot {
            id,
            info: Vec::new(),
            token: None,
            token_flags: 0,
        });
    }
    // The loop asked for slot and token in the order of the list.
    let answers = |function: Function| {
        general
            .calls()
            .filter(move |call| call.function == function)
    };
    for (slot, answer) in slots.iter_mut().zip(answers(Function::C_GetSlotInfo)) {
        slot.info = record(answer).map(shown).unwrap_or_default();
    }
    for (slot, answer) in slots.iter_mut().zip(answers(Function::C_GetTokenInfo)) {
        if let Some(fields) = record(answer) {
            slot.token_flags = number(fields, "flags");
            slot.token = Some(shown(fields));
        }
    }
    Ok(slots)
}

fn record(call: &TraceCall) -> Option<&[(String, Value)]> {
    call.outputs.iter().find_map(|(_, value)| match value {
        Value::Record(fields) => Some(fields.as_slice()),
        _ => None,
    })
}

fn number(fields: &[(String, Value)], name: &str) -> u64 {
    fields
        .iter()
        .find(|(field, _)| field == name)
        .and_then(|(_, value)| value.as_number())
        .unwrap_or(0)
}

/// Chooses the slot that fits the criteria: one with a token, unless a slot is named outright.
pub(super) fn choose(
    slots: &[Slot],
    selector: &Selector,
    info: &[(String, Value)],
) -> Result<usize, ProbeError> {
    let named = selector.slot.is_some() || selector.slot_index.is_some();
    let fitting = slots.iter().enumerate().find(|(index, slot)| {
        (named || slot.token.is_some()) && selector.matches(*index, &identity(slot, info))
    });
    fitting
        .map(|(index, _)| index)
        .ok_or_else(|| ProbeError::NoToken {
            wanted: selector.to_string(),
            found: found(slots),
        })
}

fn found(slots: &[Slot]) -> String {
    if slots.is_empty() {
        return "the module has no slot; is its token configured?".to_owned();
    }
    let one = |slot: &Slot| match &slot.token {
        Some(token) => format!(
            "slot {} has token `{}`",
            slot.id,
            field(token, "label").trim_end()
        ),
        None => format!("slot {} has no token", slot.id),
    };
    slots.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn field(fields: &[(String, String)], name: &str) -> String {
    fields
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.clone())
        .unwrap_or_default()
}

fn identity(slot: &Slot, info: &[(String, Value)]) -> SlotIdentity {
    let info_text = shown(info);
    let version = info.iter().find(|(name, _)| name == "libraryVersion");
    SlotIdentity {
        slot_id: slot.id,
        slot_description: field(&slot.info, "slotDescription"),
        slot_manufacturer: field(&slot.info, "manufacturerID"),
        token: slot.token.as_ref().map(|token| TokenIdentity {
            label: field(token, "label"),
            manufacturer: field(token, "manufacturerID"),
            model: field(token, "model"),
            serial: field(token, "serialNumber"),
        }),
        library_description: field(&info_text, "libraryDescription"),
        library_manufacturer: field(&info_text, "manufacturerID"),
        library_version: match version {
            Some((_, Value::Version(major, minor))) => (*major, *minor),
            _ => (0, 0),
        },
    }
}
