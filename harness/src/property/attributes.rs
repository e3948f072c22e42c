//! Attributes: what was given or set is read, a copy has what its original has, and neither changes with the
//! other ([PKCS11-Base 3.2] 5.7.1, 5.7.2, 5.7.5 and 5.7.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::Ground;
use super::key::open;
use super::question::Question;
use super::script::{
    SESSION, Script, asked, attribute, equals, flag, handle, is_number, literal, octets, on,
    template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_CopyObject, C_CreateObject, C_DestroyObject, C_GetAttributeValue, C_SetAttributeValue,
};
use crate::sequence::{Attribute, Relation};

/// The value of an attribute, as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    Bytes(Vec<u8>),
    Number(u64),
    Flag(bool),
}

impl Known {
    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        let bytes = match self {
            Known::Bytes(bytes) => bytes.len(),
            Known::Number(_) => size_of::<CK_ULONG>(),
            Known::Flag(_) => size_of::<CK_BBOOL>(),
        };
        bytes as u64
    }

    /// That something is this value.
    pub(super) fn is(&self) -> Relation {
        match self {
            Known::Bytes(bytes) => equals(literal(bytes)),
            Known::Number(number) => is_number(*number),
            Known::Flag(value) => is_number(u64::from(*value)),
        }
    }
}

/// What is known of an object.
pub(super) type Values = BTreeMap<CK_ATTRIBUTE_TYPE, Known>;

/// Purposes of drawn bytes: one for each attribute that is given, set or copied.
const GIVEN: u64 = 20;
const SET: u64 = 40;
const COPIED: u64 = 60;

/// Attributes of bytes that may be changed, of data objects and of keys.
const OF_DATA: [CK_ATTRIBUTE_TYPE; 3] = [CKA_LABEL, CKA_APPLICATION, CKA_VALUE];
const OF_KEYS: [CK_ATTRIBUTE_TYPE; 2] = [CKA_LABEL, CKA_ID];
/// Usages of a key.
const FLAGS: [CK_ATTRIBUTE_TYPE; 4] = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP];

/// A value for an attribute: text where text is meant.
fn drawn(draw: &Draw, purpose: u64, attribute: CK_ATTRIBUTE_TYPE) -> Known {
    let purpose = purpose + attribute % 16;
    let count = 1 + usize::from(draw.bytes(purpose + 100, 1)[0] % 40);
    let mut bytes = draw.bytes(purpose, count);
    if attribute != CKA_ID && attribute != CKA_VALUE {
        bytes.iter_mut().for_each(|byte| *byte = b'a' + *byte % 26);
    }
    Known::Bytes(bytes)
}

fn given(values: &Values) -> Vec<Attribute> {
    let one = |(name, value): (&u64, &Known)| match value {
        Known::Bytes(bytes) => octets(*name, literal(bytes)),
        Known::Number(number) => ulong(*name, *number),
        Known::Flag(value) => flag(*name, *value),
    };
    values.iter().map(one).collect()
}

/// Makes a data object or a key, kept as `object`.
pub(super) fn create(script: &mut Script, draw: &Draw, is_key: bool) -> Values {
    let mut values = Values::new();
    if is_key {
        let key = [(CKA_CLASS, CKO_SECRET_KEY), (CKA_KEY_TYPE, CKK_AES)];
        values.extend(key.map(|(name, number)| (name, Known::Number(number))));
        values.insert(CKA_VALUE, Known::Bytes(draw.bytes(GIVEN, 16)));
        values.extend(OF_KEYS.map(|name| (name, drawn(draw, GIVEN, name))));
        let coins = FLAGS.into_iter().zip(0..);
        values.extend(coins.map(|(name, coin)| (name, Known::Flag(draw.coin(coin)))));
    } else {
        values.insert(CKA_CLASS, Known::Number(CKO_DATA));
        values.extend(OF_DATA.map(|name| (name, drawn(draw, GIVEN, name))));
    }
    let mut attributes = given(&values);
    attributes.extend(match is_key {
        true => open(),
        false => vec![flag(CKA_TOKEN, false)],
    });
    let create = on(SESSION, C_CreateObject).with("template", template(attributes));
    script.add(create.keep("object", "object").presumed());
    values
}

/// Reads everything that is known of an object.
fn read(script: &mut Script, object: &str, values: &Values) {
    let names: Vec<u64> = values.keys().copied().collect();
    let call = on(SESSION, C_GetAttributeValue)
        .with("object", handle(object))
        .with("template", asked(&names));
    script.add(values.iter().fold(call, |call, (name, value)| {
        call.is(&attribute(*name), value.is())
    }));
}

/// New values for some attributes, by the draw.
fn changes(draw: &Draw, purpose: u64, is_key: bool) -> Values {
    // What else of a data object may be changed is left to the token.
    let names: &[u64] = match (is_key, draw.coin(4)) {
        (true, _) => &OF_KEYS,
        (false, true) => &OF_DATA,
        (false, false) => &OF_DATA[..1],
    };
    let picked = draw.pick(usize::from(purpose == SET), names);
    let picked = picked.into_iter().chain(draw.coin(6).then_some(&names[0]));
    picked
        .map(|name| (*name, drawn(draw, purpose, *name)))
        .collect()
}

fn asked_of(ask: fn(&mut Script, &Draw, bool)) -> Asked {
    let question = move |draw: Draw| {
        let is_key = draw.coin(7);
        let mut script = Script::default();
        ask(&mut script, &draw, is_key);
        Question::new(if is_key { "CKO_SECRET_KEY" } else { "CKO_DATA" }, script)
    };
    Ok(draw().prop_map(question).boxed())
}

/// What was given is read, and what was set.
pub(super) fn set(_: &Arc<Ground>) -> Asked {
    asked_of(|script, draw, is_key| {
        let mut values = create(script, draw, is_key);
        read(script, "object", &values);
        let new = changes(draw, SET, is_key);
        let set = on(SESSION, C_SetAttributeValue)
            .with("object", handle("object"))
            .with("template", template(given(&new)));
        script.add(set.presumed());
        values.extend(new);
        read(script, "object", &values);
    })
}

/// A copy has what its original has, but for what the template says, and is an object of its own.
pub(super) fn copy(_: &Arc<Ground>) -> Asked {
    asked_of(|script, draw, is_key| {
        let values = create(script, draw, is_key);
        let new = changes(draw, COPIED, is_key);
        let copy = on(SESSION, C_CopyObject)
            .with("object", handle("object"))
            .with("template", template(given(&new)))
            .keep("new_object", "copy");
        script.add(copy.presumed());
        let mut copied = values.clone();
        copied.extend(new);
        read(script, "copy", &copied);
        read(script, "object", &values);
        let set = changes(draw, SET, is_key);
        let call = on(SESSION, C_SetAttributeValue)
            .with("object", handle("copy"))
            .with("template", template(given(&set)));
        script.add(call.presumed());
        copied.extend(set);
        read(script, "object", &values);
        read(script, "copy", &copied);
        let (goes, stays, left) = match draw.coin(5) {
            true => ("object", "copy", &copied),
            false => ("copy", "object", &values),
        };
        script.add(
            on(SESSION, C_DestroyObject)
                .with("object", handle(goes))
                .presumed(),
        );
        read(script, stays, left);
    })
}
