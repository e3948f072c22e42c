//! Digests: of parts as of the whole, and of keys as of their values ([PKCS11-Base 3.2] 5.12).

use std::sync::Arc;

use cryptoki_sys::{CKA_DERIVE, CKA_VALUE, CKF_DIGEST, CKK_AES, CKK_GENERIC_SECRET};
use proptest::prelude::*;

use super::draw::{Draw, draw, parts};
use super::ground::{Ground, absent};
use super::key::Secret;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, handle, kept, literal, mechanism, on,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    self, C_Digest, C_DigestFinal, C_DigestInit, C_DigestKey, C_DigestUpdate, C_GetAttributeValue,
};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::generate;
use crate::sequence::{Content, ParameterValue};

const FUNCTIONS: [Function; 4] = [C_DigestInit, C_Digest, C_DigestUpdate, C_DigestFinal];

/// A mechanism that digests, with its parameter.
pub(super) type Row = (&'static Mechanism, ParameterValue);

/// The mechanisms that digest on a target, with their parameters.
pub(super) fn rows(ground: &Ground) -> Vec<Row> {
    let rows = ground.mechanisms(Use::Digest, CKF_DIGEST).into_iter();
    let rows = rows.filter(|row| !row.name.starts_with("CKM_NULL"));
    rows.filter_map(|row| Some((row, generate::usual_parameter(row)?)))
        .collect()
}

fn asked_of(
    ground: &Arc<Ground>,
    functions: &[Function],
    question: fn(&Ground, &Row, &Draw) -> Question,
) -> Asked {
    ground.needs(functions)?;
    let rows = rows(ground);
    if rows.is_empty() {
        return Err(absent("the token lists no mechanism that digests"));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let row = draw.pick(0, &rows).unwrap_or(&rows[0]);
        question(&ground, row, &draw)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// Parts are digested as the whole is.
pub(super) fn in_parts(ground: &Arc<Ground>) -> Asked {
    asked_of(ground, &FUNCTIONS, |_, row, draw| {
        let data = draw.data();
        let mut script = Script::default();
        script.add(begin(row).presumed());
        script.add(whole(literal(&data), data.is_empty()).kept("whole"));
        for cuts in [&draw.cuts, &draw.other_cuts] {
            script.add(begin(row));
            for part in parts(&data, cuts) {
                script.add(on(SESSION, C_DigestUpdate).bytes("part", literal(&part)));
            }
            script.add(on(SESSION, C_DigestFinal).gives(kept("whole")));
        }
        Question::new(row.0.name, script)
    })
}

/// A key is digested as its value is.
pub(super) fn of_key(ground: &Arc<Ground>) -> Asked {
    let functions = [&FUNCTIONS[..], &[C_DigestKey]].concat();
    asked_of(ground, &functions, |ground, row, draw| {
        let key_type = match draw.coin(5) {
            true => CKK_AES,
            false => CKK_GENERIC_SECRET,
        };
        let key = Secret::draw(ground, draw, key_type);
        let data = draw.data();
        let mut parts = parts(&data, &draw.cuts);
        let mut script = Script::default();
        script.add(key.make(&[CKA_DERIVE], "key"));
        let value = on(SESSION, C_GetAttributeValue)
            .with("object", handle("key"))
            .with("template", asked(&[CKA_VALUE]));
        script.add(value.keep(&attribute(CKA_VALUE), "value").presumed());
        script.add(begin(row).presumed());
        let after = parts.split_off(parts.len() / 2);
        let ends = [literal(&parts.concat()), literal(&after.concat())];
        let [before, behind] = ends;
        let joined = Content::Concat(vec![before, kept("value"), behind]);
        script.add(whole(joined, false).kept("whole"));
        script.add(begin(row));
        let update = |part: &Vec<u8>| on(SESSION, C_DigestUpdate).bytes("part", literal(part));
        parts.iter().for_each(|part| script.add(update(part)));
        // 5.12.4 and 5.1.6: a token may digest no keys, or not this one.
        script.add(
            on(SESSION, C_DigestKey)
                .with("key", handle("key"))
                .presumed(),
        );
        after.iter().for_each(|part| script.add(update(part)));
        script.add(on(SESSION, C_DigestFinal).gives(kept("whole")));
        Question::new(row.0.name, script)
    })
}

pub(super) fn begin((row, parameter): &Row) -> Make {
    on(SESSION, C_DigestInit).with("mechanism", mechanism(row, parameter.clone()))
}

/// The digest of a whole. Whether there is one of nothing is left open: no bytes may well be NULL.
fn whole(data: Content, is_empty: bool) -> Make {
    let call = on(SESSION, C_Digest).bytes("data", data);
    if is_empty { call.presumed() } else { call }
}
