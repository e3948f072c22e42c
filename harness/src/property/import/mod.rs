//! Imported keys: what makes up a generated key, imported, makes a key that does the same ([PKCS11-Base 3.2] 5.7.1,
//! 5.18.1, 5.18.2). Secret keys are here, [`pairs`] beside them.

mod pairs;

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::{Ground, absent};
use super::key::{self, Secret};
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, flag, handle, kept, literal, mechanism, octets, on,
    template, ulong,
};
use super::table::Asked;
use super::{cipher, input, signature};
use crate::cryptoki::Function::{
    self, C_CreateObject, C_Decrypt, C_DecryptInit, C_Encrypt, C_EncryptInit, C_GetAttributeValue,
    C_Sign, C_SignInit, C_Verify, C_VerifyInit,
};
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::ParameterValue;

const GENERATED: &str = "generated";
const IMPORTED: &str = "imported";

/// A mechanism, whether it encrypts, and a type of keys that the token generates for it.
type Row = (&'static Mechanism, bool, u64);

fn rows(ground: &Ground) -> Vec<Row> {
    let ciphers = cipher::rows(ground).into_iter().map(|row| (row, true));
    let macs = signature::rows(ground).into_iter().map(|row| (row, false));
    let row = |(row, encrypts): (&'static Mechanism, bool)| {
        let mut types = row.key_types.iter().copied();
        let key_type = types.find(|of| key::is_secret(*of) && key::generates(ground, *of))?;
        Some((row, encrypts, key_type))
    };
    ciphers.chain(macs).filter_map(row).collect()
}

/// Coin of a draw: whether there is a pair.
const PAIR: u32 = 6;

/// A generated key and what makes it up imported do the same.
pub(super) fn as_generated(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_CreateObject, C_GetAttributeValue])?;
    let (rows, kinds) = (rows(ground), pairs::kinds(ground));
    if rows.is_empty() && kinds.is_empty() {
        return Err(absent(
            "the token generates no keys for a mechanism that it lists",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let mut script = Script::default();
        let secret = draw.pick(0, &rows);
        let pair = draw.pick(1, &kinds);
        let pair = pair.filter(|_| secret.is_none() || draw.coin(PAIR));
        let subject = match (pair, secret) {
            (Some(kind), _) => pairs::both(&mut script, &ground, kind, &draw),
            (None, Some(row)) => {
                both(&mut script, &ground, row, &draw);
                row.0.name
            }
            (None, None) => "",
        };
        Question::new(subject, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// What a token may say of a key by where it comes from ([PKCS11-Base 3.2] 5.1.1).
const BY_POLICY: &[CK_RV] = &[CKR_OPERATION_NOT_VALIDATED];

fn both(script: &mut Script, ground: &Ground, (row, encrypts, key_type): &Row, draw: &Draw) {
    let known = if *encrypts {
        input::to_encrypt(row)
    } else {
        input::to_sign(row)
    };
    let Some(input) = known else { return };
    let mut data = input.fit(draw.data());
    if data.is_empty() {
        data.push(1);
    }
    let Some(parameter) = input::parameter(row, draw, data.len()) else {
        return;
    };
    let usages = match encrypts {
        true => [CKA_ENCRYPT, CKA_DECRYPT],
        false => [CKA_SIGN, CKA_VERIFY],
    };
    let key = Secret::draw(ground, draw, *key_type).generated(ground);
    script.add(key.make(&usages, GENERATED));
    let value = on(SESSION, C_GetAttributeValue)
        .with("object", handle(GENERATED))
        .with("template", asked(&[CKA_VALUE]));
    script.add(value.keep(&attribute(CKA_VALUE), "value").presumed());
    let mut attributes = key::open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, *key_type),
        octets(CKA_VALUE, kept("value")),
    ]);
    attributes.extend(usages.map(|usage| flag(usage, true)));
    let import = on(SESSION, C_CreateObject).with("template", template(attributes));
    script.add(import.keep("object", IMPORTED).presumed());
    let (one, other) = match draw.coin(5) {
        true => (GENERATED, IMPORTED),
        false => (IMPORTED, GENERATED),
    };
    let begin = |function: Function, key: &str| begin(function, row, &parameter, key);
    if *encrypts {
        script.add(begin(C_EncryptInit, one).presumed());
        let call = on(SESSION, C_Encrypt).bytes("data", literal(&data));
        script.add(call.kept("ciphertext").presumed());
        script.add(begin(C_DecryptInit, other).unless(BY_POLICY));
        let back = on(SESSION, C_Decrypt).bytes("encrypted_data", kept("ciphertext"));
        script.add(back.gives(literal(&data)));
    } else {
        script.add(begin(C_SignInit, one).presumed());
        script.add(
            on(SESSION, C_Sign)
                .bytes("data", literal(&data))
                .kept("mac")
                .presumed(),
        );
        script.add(begin(C_SignInit, other).unless(BY_POLICY));
        script.add(
            on(SESSION, C_Sign)
                .bytes("data", literal(&data))
                .gives(kept("mac")),
        );
        script.add(begin(C_VerifyInit, other).presumed());
        let verify = on(SESSION, C_Verify).bytes("data", literal(&data));
        script.add(verify.bytes("signature", kept("mac")));
    }
}

fn begin(function: Function, row: &Mechanism, parameter: &ParameterValue, key: &str) -> Make {
    on(SESSION, function)
        .with("mechanism", mechanism(row, parameter.clone()))
        .with("key", handle(key))
}
