//! Derivation: the same comes of the same, and where 6.43 says in so many words what comes of a key and some
//! data, that ([PKCS11-Base 3.2] 5.18.5 and 6.43).

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::{Ground, absent};
use super::key::{self, Secret};
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, equals, handle, kept, literal, mechanism, of_type, on,
    same_as, template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_DecapsulateKey, C_DeriveKey, C_EncapsulateKey, C_GetAttributeValue,
};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::generate;
use crate::sequence::{Bytes, Content, FieldValue, Number, ParameterValue, Reference, Structure};

pub(super) const BASE: &str = "base";
const OTHER: &str = "other";
const DERIVED: &str = "derived";
/// Purpose of drawn bytes.
const DATA: u64 = 5;
/// Bytes of a base key that is not drawn longer.
pub(super) const LENGTH: u64 = 16;

/// How what is derived follows from the base key and what else there is.
fn known(row: &Mechanism, base: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    Some(match row.value {
        CKM_CONCATENATE_BASE_AND_DATA | CKM_CONCATENATE_BASE_AND_KEY => [base, other].concat(),
        CKM_CONCATENATE_DATA_AND_BASE => [other, base].concat(),
        // As long as the shorter of the two.
        CKM_XOR_BASE_AND_DATA => base.iter().zip(other).map(|(one, two)| one ^ two).collect(),
        _ => return None,
    })
}

/// Mechanisms that derive from a secret key on a target, and of which something is known.
pub(super) fn rows(ground: &Ground) -> Vec<&'static Mechanism> {
    let rows = ground.mechanisms(Use::Derive, CKF_DERIVE).into_iter();
    let secret = |row: &&Mechanism| row.key_types.iter().any(|of| key::is_secret(*of));
    // 6.62.5: what the first makes is no key; those of TLS and the like want bases of their own.
    let fits = |row: &&Mechanism| {
        let master = ["_MASTER_KEY", "KEY_AND_MAC", "CKM_KIP", "CKM_NULL"];
        row.value != CKM_HKDF_DATA && !master.iter().any(|part| row.name.contains(part))
    };
    let known = |row: &&Mechanism| generate::deriving_parameter(row).is_some();
    rows.filter(secret).filter(fits).filter(known).collect()
}

/// The same is derived twice.
pub(super) fn repeats(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_DeriveKey])?;
    let rows = rows(ground);
    if rows.is_empty() {
        return Err(absent(
            "the token lists no mechanism that derives from secret keys",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let row = *draw.pick(0, &rows).unwrap_or(&rows[0]);
        let mut script = Script::default();
        twice(&mut script, &ground, row, &draw);
        Question::new(row.name, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// Both sides of an encapsulation have the same key.
pub(super) fn encapsulated(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_EncapsulateKey, C_DecapsulateKey])?;
    if !ground.has(CKM_ML_KEM, CKF_ENCAPSULATE | CKF_DECAPSULATE) {
        return Err(absent("the token does not list CKM_ML_KEM"));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let mut script = Script::default();
        let usages: [&[u64]; 2] = [&[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]];
        let names = ["forth", "back"];
        key::pair(&mut script, &ground, &draw, CKK_ML_KEM, usages, names);
        both_sides(&mut script, draw.coin(4));
        Question::new("CKM_ML_KEM", script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// FIPS 203 has secrets of 32 bytes; a template may say so.
fn both_sides(script: &mut Script, tells_length: bool) {
    let mut attributes = key::open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
    ]);
    attributes.extend(tells_length.then(|| ulong(CKA_VALUE_LEN, 32)));
    let begin = |function, name: &str, key| {
        on(SESSION, function)
            .with("mechanism", of_type(CKM_ML_KEM, ParameterValue::None))
            .with(name, handle(key))
            .with("template", template(attributes.clone()))
    };
    let forth = begin(C_EncapsulateKey, "public_key", "forth");
    let forth = forth.keep("ciphertext", "ciphertext").keep("key", DERIVED);
    script.add(forth.presumed());
    let value = read(DERIVED).keep(&attribute(CKA_VALUE), "first");
    script.add(value.presumed());
    let back = begin(C_DecapsulateKey, "private_key", "back");
    let back = back.bytes("ciphertext", kept("ciphertext"));
    script.add(back.keep("key", "again"));
    script.add(read("again").is(&attribute(CKA_VALUE), same_as("first")));
}

fn twice(script: &mut Script, ground: &Ground, row: &'static Mechanism, draw: &Draw) {
    let mut types = row.key_types.iter().copied();
    let Some(key_type) = types.find(|of| key::is_secret(*of)) else {
        return;
    };
    let base = Secret::draw(ground, draw, key_type).imported();
    script.add(base.make(&[CKA_DERIVE], BASE));
    let data = draw.bytes(DATA, 1 + draw.length % 40);
    let mut expected = None;
    let parameter = match row.value {
        CKM_CONCATENATE_BASE_AND_KEY => {
            let other = base.clone().of_value(data.clone());
            script.add(other.make(&[CKA_DERIVE], OTHER));
            ParameterValue::Ulong(Number::Reference(Reference::to(OTHER)))
        }
        _ if known(row, &base.value, &data).is_some() => string(&data),
        _ => match generate::deriving_parameter(row) {
            Some(parameter) => parameter,
            None => return,
        },
    };
    let mut length = Some(LENGTH);
    if let Some(value) = known(row, &base.value, &data) {
        // 6.43: without a length in the template the key is as long as what it is made of. Which bytes
        // are left of it where less is asked for is not said.
        length = draw.coin(4).then_some(value.len() as u64);
        expected = Some(value);
    } else if row.value == CKM_IKE_PRF_DERIVE {
        length = None;
    }
    let derive = |name: &str| derive(row, &parameter, length, name);
    script.add(derive(DERIVED).presumed());
    let first = read(DERIVED).keep(&attribute(CKA_VALUE), "first");
    let told = length.map(|length| super::script::length(super::script::is_number(length)));
    let told = expected.map(|value| equals(literal(&value))).or(told);
    script.add(match told {
        Some(relation) => first.is(&attribute(CKA_VALUE), relation),
        None => first.presumed(),
    });
    script.add(derive("again"));
    script.add(read("again").is(&attribute(CKA_VALUE), same_as("first")));
}

/// True if the mechanism takes any data beside the base key.
pub(super) fn takes_data(row: &Mechanism) -> bool {
    known(row, &[], &[]).is_some() && row.value != CKM_CONCATENATE_BASE_AND_KEY
}

/// CK_KEY_DERIVATION_STRING_DATA, whose length is not named as those of other structures are, and so is not filled in.
pub(super) fn string(data: &[u8]) -> ParameterValue {
    let bytes = FieldValue::Bytes(Bytes::of(Content::Literal(data.to_vec())));
    let length = FieldValue::Number(Number::Literal(data.len() as u64));
    ParameterValue::Structure(Structure {
        name: "CK_KEY_DERIVATION_STRING_DATA".to_owned(),
        fields: vec![("pData".to_owned(), bytes), ("ulLen".to_owned(), length)],
    })
}

/// The call that derives from the base key.
pub(super) fn derive(
    row: &Mechanism,
    parameter: &ParameterValue,
    length: Option<u64>,
    name: &str,
) -> Make {
    let mut attributes = key::open();
    attributes.push(ulong(CKA_CLASS, CKO_SECRET_KEY));
    // 6.43.3 to 6.43.6: without a length there must be no type either, unless it has a length of its own.
    if length.is_some() || row.value == CKM_IKE_PRF_DERIVE {
        attributes.push(ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET));
    }
    attributes.extend(length.map(|length| ulong(CKA_VALUE_LEN, length)));
    on(SESSION, C_DeriveKey)
        .with("mechanism", mechanism(row, parameter.clone()))
        .with("base_key", handle(BASE))
        .with("template", template(attributes))
        .keep("key", name)
}

/// The call that reads the value of a key.
pub(super) fn read(name: &str) -> Make {
    on(SESSION, C_GetAttributeValue)
        .with("object", handle(name))
        .with("template", asked(&[CKA_VALUE]))
}
