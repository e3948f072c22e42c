//! Random output: no two are the same, and none looks as if it were made by rule ([PKCS11-Base 3.2] 5.19.2).

use std::sync::Arc;

use cryptoki_sys::{
    CKA_ENCRYPT, CKA_VALUE, CKK_AES, CKR_FUNCTION_NOT_SUPPORTED, CKR_RANDOM_NO_RNG,
};
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::Ground;
use super::key::Secret;
use super::question::Question;
use super::script::{SESSION, Script, asked, attribute, handle, kept, on};
use super::table::Asked;
use crate::cryptoki::Function::{C_GenerateRandom, C_GetAttributeValue};
use crate::sequence::Relation;
use crate::sequence::expectation::Expected;

/// How often a case asks.
const TIMES: usize = 4;
/// Fewest bytes of which it is said that they differ.
const FEWEST: usize = 16;

/// What C_GenerateRandom gives, and the values of keys that are generated.
pub(super) fn outputs(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_GenerateRandom])?;
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let mut script = Script::default();
        let key = Secret::draw(&ground, &draw, CKK_AES).generated(&ground);
        if draw.seldom([0, 1]) && key.is_generated() {
            keys(&mut script, &key);
            return Question::new("C_GenerateKey", script);
        }
        bytes(&mut script, draw.length.max(FEWEST) as u64);
        Question::new("C_GenerateRandom", script).without_login()
    };
    Ok(draw().prop_map(ask).boxed())
}

fn names() -> Vec<String> {
    (0..TIMES)
        .map(|number| format!("random-{number}"))
        .collect()
}

fn differs(name: &str) -> Relation {
    Relation::Differs(Expected::Bytes(kept(name)))
}

fn bytes(script: &mut Script, count: u64) {
    let names = names();
    for (place, name) in names.iter().enumerate() {
        let mut call = on(SESSION, C_GenerateRandom)
            .room_for(count)
            .kept(name)
            .is("random_data", Relation::Random)
            .unless(&[CKR_RANDOM_NO_RNG, CKR_FUNCTION_NOT_SUPPORTED]);
        for earlier in &names[..place] {
            call = call.was(earlier, differs(name));
        }
        script.add(call);
    }
}

fn keys(script: &mut Script, key: &Secret) {
    let names = names();
    for (place, name) in names.iter().enumerate() {
        script.add(key.make(&[CKA_ENCRYPT], "key"));
        let mut call = on(SESSION, C_GetAttributeValue)
            .with("object", handle("key"))
            .with("template", asked(&[CKA_VALUE]))
            .keep(&attribute(CKA_VALUE), name)
            .is(&attribute(CKA_VALUE), Relation::Random)
            .presumed();
        for earlier in &names[..place] {
            call = call.was(earlier, differs(name));
        }
        script.add(call);
    }
}
