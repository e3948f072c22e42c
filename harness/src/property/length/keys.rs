//! Ways of functions that give a key in another form ([PKCS11-Base 3.2] 5.18).

use cryptoki_sys::*;

use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::key::{self, Secret};
use super::super::script::{SESSION, Script, handle, literal, mechanism, on, template, ulong};
use super::super::{input, wrapping};
use super::Probe;
use crate::cryptoki::Function::{C_EncapsulateKey, C_WrapKeyAuthenticated};
use crate::cryptoki::mechanism::Use;
use crate::generate::{self, Sealed};
use crate::sequence::ParameterValue;

pub(super) fn wrap(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = wrapping::rows(ground);
    let row = draw.pick(0, &rows)?;
    let wrapped = wrapping::begin(script, ground, row, draw);
    Some(Probe {
        repeats: input::repeats(row.0),
        ..Probe::new(row.0.name, wrapped.wrap())
    })
}

pub(super) fn wrap_authenticated(
    script: &mut Script,
    ground: &Ground,
    draw: &Draw,
) -> Option<Probe> {
    let rows = ground.mechanisms(Use::Encrypt, CKF_WRAP).into_iter();
    let rows: Vec<_> = rows
        .filter_map(|row| Some((row, Sealed::of(row)?)))
        .collect();
    let (row, sealed) = draw.pick(0, &rows)?;
    let key = Secret::draw(ground, draw, CKK_AES).imported();
    script.add(key.make(&[CKA_WRAP, CKA_ENCRYPT], "forth"));
    script.add(key.make(&[CKA_ENCRYPT], "inner"));
    let parameter = sealed.with(literal(&[0; 16]), key.value.len() as u64);
    let call = on(SESSION, C_WrapKeyAuthenticated)
        .with(
            "mechanism",
            mechanism(row, ParameterValue::Structure(parameter)),
        )
        .with("wrapping_key", handle("forth"))
        .with("key", handle("inner"))
        .bytes("associated_data", generate::additional());
    Some(Probe::new(row.name, call))
}

/// Each call makes another key, and gives something else.
pub(super) fn encapsulate(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Probe> {
    let rows = ground.mechanisms(Use::Encapsulate, CKF_ENCAPSULATE);
    let row = *rows.iter().find(|row| row.value == CKM_ML_KEM)?;
    let usages: [&[u64]; 2] = [&[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]];
    key::pair(script, ground, draw, CKK_ML_KEM, usages, ["forth", "back"]);
    let mut attributes = key::open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
    ]);
    let call = on(SESSION, C_EncapsulateKey)
        .with("mechanism", mechanism(row, ParameterValue::None))
        .with("public_key", handle("forth"))
        .with("template", template(attributes));
    Some(Probe {
        repeats: false,
        ..Probe::new(row.name, call)
    })
}
