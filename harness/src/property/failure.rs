//! Calls that fail: they change nothing. No object is made ([PKCS11-Base 3.2] 5.7.1, 5.7.2, 5.18.1 to 5.18.5),
//! no operation begins (5.1.6), and sessions and objects are as they were.

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::Ground;
use super::key::open;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, equals, flag, handle, is_number, length, literal,
    number, octets, of_type, on, same_as, template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    self, C_CopyObject, C_CreateObject, C_Decrypt, C_DecryptInit, C_DeriveKey, C_DestroyObject,
    C_Digest, C_DigestInit, C_Encrypt, C_EncryptInit, C_FindObjects, C_FindObjectsFinal,
    C_FindObjectsInit, C_GenerateKey, C_GenerateKeyPair, C_GetAttributeValue, C_GetSessionInfo,
    C_SetAttributeValue, C_Sign, C_SignInit, C_UnwrapKey, C_Verify, C_VerifyInit, C_WrapKey,
};
use crate::sequence::{Argument, Attribute, Number, ParameterValue, recipe};

/// A mechanism that the standard does not have, and that no vendor may have either.
const UNKNOWN: u64 = 0x3fff_fff1;
/// The name of the object whose state is looked at.
const OBJECT: &str = "object";

/// A call that no token can do as it is asked, and what an operation that it had begun would go on with.
struct Wrong {
    name: &'static str,
    call: fn(&[u8]) -> Make,
    would_go_on: Option<fn() -> Make>,
}

fn unknown(function: Function) -> Make {
    on(SESSION, function).with("mechanism", of_type(UNKNOWN, ParameterValue::None))
}

fn with_key(call: Make) -> Make {
    call.with("key", handle(OBJECT))
}

fn of_nothing(function: Function) -> Make {
    on(SESSION, function).with("object", Argument::Number(Number::Dangling))
}

/// An attribute twice, with different values: 4.1.1, item 5.
fn contradicting(label: &[u8]) -> Vec<Attribute> {
    vec![
        ulong(CKA_CLASS, CKO_DATA),
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        octets(CKA_LABEL, literal(label)),
        flag(CKA_TOKEN, false),
    ]
}

fn secret(label: &[u8]) -> Vec<Attribute> {
    let mut attributes = open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_AES),
        octets(CKA_LABEL, literal(label)),
    ]);
    attributes
}

#[rustfmt::skip]
static WRONG: &[Wrong] = &[
    Wrong { name: "create-contradicting", would_go_on: None,
        call: |label| on(SESSION, C_CreateObject).with("template", template(contradicting(label))) },
    Wrong { name: "create-without-value", would_go_on: None,
        call: |label| on(SESSION, C_CreateObject).with("template", template(secret(label))) },
    Wrong { name: "create-of-odd-length", would_go_on: None,
        call: |label| {
            let value = octets(CKA_VALUE, literal(&[7; 17]));
            on(SESSION, C_CreateObject).with("template", template([secret(label), vec![value]].concat()))
        } },
    Wrong { name: "copy-to-another-class", would_go_on: None,
        call: |label| on(SESSION, C_CopyObject).with("object", handle(OBJECT))
            .with("template", template(vec![ulong(CKA_CLASS, CKO_DATA), octets(CKA_LABEL, literal(label))])) },
    Wrong { name: "copy-of-nothing", would_go_on: None,
        call: |label| of_nothing(C_CopyObject).with("template", template(vec![octets(CKA_LABEL, literal(label))])) },
    Wrong { name: "generate-by-nothing", would_go_on: None,
        call: |label| unknown(C_GenerateKey).with("template", template(secret(label))) },
    Wrong { name: "pair-of-another-class", would_go_on: None,
        call: |label| {
            let name = || octets(CKA_LABEL, literal(label));
            let mut public = recipe::generation(CKK_EC);
            public.extend([name(), flag(CKA_TOKEN, false)]);
            let private = vec![ulong(CKA_CLASS, CKO_DATA), name(), flag(CKA_TOKEN, false)];
            on(SESSION, C_GenerateKeyPair)
                .with("mechanism", of_type(CKM_EC_KEY_PAIR_GEN, ParameterValue::None))
                .with("public_key_template", template(public))
                .with("private_key_template", template(private))
        } },
    Wrong { name: "unwrap-by-nothing", would_go_on: None,
        call: |label| unknown(C_UnwrapKey).with("unwrapping_key", handle(OBJECT))
            .bytes("wrapped_key", literal(&[1; 16])).with("template", template(secret(label))) },
    Wrong { name: "derive-by-nothing", would_go_on: None,
        call: |label| unknown(C_DeriveKey).with("base_key", handle(OBJECT)).with("template", template(secret(label))) },
    Wrong { name: "wrap-by-nothing", would_go_on: None,
        call: |_| with_key(unknown(C_WrapKey)).with("wrapping_key", handle(OBJECT)).room_for(64) },
    Wrong { name: "set-class", would_go_on: None,
        call: |_| on(SESSION, C_SetAttributeValue).with("object", handle(OBJECT))
            .with("template", template(vec![ulong(CKA_CLASS, CKO_DATA)])) },
    Wrong { name: "set-of-nothing", would_go_on: None,
        call: |label| of_nothing(C_SetAttributeValue).with("template", template(vec![octets(CKA_LABEL, literal(label))])) },
    Wrong { name: "destroy-nothing", would_go_on: None, call: |_| of_nothing(C_DestroyObject) },
    Wrong { name: "digest-by-nothing", call: |_| unknown(C_DigestInit),
        would_go_on: Some(|| on(SESSION, C_Digest).bytes("data", literal(b"data")).room_for(64)) },
    Wrong { name: "encrypt-by-nothing", call: |_| with_key(unknown(C_EncryptInit)),
        would_go_on: Some(|| on(SESSION, C_Encrypt).bytes("data", literal(&[7; 16])).room_for(64)) },
    Wrong { name: "decrypt-by-nothing", call: |_| with_key(unknown(C_DecryptInit)),
        would_go_on: Some(|| on(SESSION, C_Decrypt).bytes("encrypted_data", literal(&[7; 16])).room_for(64)) },
    Wrong { name: "sign-by-nothing", call: |_| with_key(unknown(C_SignInit)),
        would_go_on: Some(|| on(SESSION, C_Sign).bytes("data", literal(b"data")).room_for(64)) },
    Wrong { name: "verify-by-nothing", call: |_| with_key(unknown(C_VerifyInit)),
        would_go_on: Some(|| on(SESSION, C_Verify).bytes("data", literal(b"data")).bytes("signature", literal(&[7; 32]))) },
    Wrong { name: "session-of-nothing", would_go_on: None,
        call: |_| super::script::call(C_GetSessionInfo).with("session", number(0)) },
];

/// A call that fails leaves everything as it was.
pub(super) fn changes_nothing(_: &Arc<Ground>) -> Asked {
    let all = (draw(), vec(0..WRONG.len(), 1..=4));
    let ask = |(draw, wrong): (Draw, Vec<usize>)| {
        let wrong: Vec<&Wrong> = wrong.into_iter().map(|number| &WRONG[number]).collect();
        let label = draw.name().into_bytes();
        let mut script = Script::default();
        before(&mut script, &draw, &label);
        for one in &wrong {
            script.add((one.call)(&label).presumed_to_fail());
            if let Some(would_go_on) = one.would_go_on {
                script.add(would_go_on().fails());
            }
            after(&mut script, &draw, &label);
        }
        Question::new(wrong[0].name, script)
    };
    Ok(all.prop_map(ask).boxed())
}

fn before(script: &mut Script, draw: &Draw, label: &[u8]) {
    let mut key = secret(label);
    key.push(octets(CKA_VALUE, literal(&draw.bytes(2, 16))));
    let create = on(SESSION, C_CreateObject).with("template", template(key));
    script.add(create.keep("object", OBJECT).presumed());
    let info = on(SESSION, C_GetSessionInfo).keep("info", "info");
    script.add(info.presumed());
    count(script, label, |call| {
        let why = "the token does not find the object that it made";
        call.requires("object", length(is_number(1)), why)
    });
}

fn after(script: &mut Script, draw: &Draw, label: &[u8]) {
    script.add(
        on(SESSION, C_GetSessionInfo)
            .is("info.state", same_as("info.state"))
            .is("info.flags", same_as("info.flags")),
    );
    count(script, label, |call| {
        call.is("object", length(is_number(1)))
    });
    script.add(
        on(SESSION, C_GetAttributeValue)
            .with("object", handle(OBJECT))
            .with("template", asked(&[CKA_CLASS, CKA_LABEL, CKA_VALUE]))
            .is(&attribute(CKA_CLASS), is_number(CKO_SECRET_KEY))
            .is(&attribute(CKA_LABEL), equals(literal(label)))
            .is(&attribute(CKA_VALUE), equals(literal(&draw.bytes(2, 16)))),
    );
}

/// Counts the objects of the case.
fn count(script: &mut Script, label: &[u8], told: impl FnOnce(Make) -> Make) {
    let searched = template(vec![octets(CKA_LABEL, literal(label))]);
    script.add(on(SESSION, C_FindObjectsInit).with("template", searched));
    script.add(told(on(SESSION, C_FindObjects).room_for(8)));
    script.add(on(SESSION, C_FindObjectsFinal));
}
