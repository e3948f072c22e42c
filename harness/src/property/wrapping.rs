//! Wrapping: the key that is unwrapped is the one that was wrapped ([PKCS11-Base 3.2] 5.18.3 and 5.18.4).

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::{Ground, absent};
use super::key::{self, Secret};
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, flag, handle, is_number, kept, literal, mechanism,
    of_type, on, same_as, template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_Encrypt, C_EncryptInit, C_GetAttributeValue, C_UnwrapKey, C_WrapKey,
};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::generate;
use crate::sequence::{Attribute, ParameterValue};

/// Names of the wrapping keys, of the key that is wrapped, and of the one that comes of it.
pub(super) const FORTH: &str = "forth";
pub(super) const BACK: &str = "back";
pub(super) const INNER: &str = "inner";
pub(super) const UNWRAPPED: &str = "unwrapped";

/// A mechanism that wraps, with a parameter for it.
pub(super) type Row = (&'static Mechanism, ParameterValue, u64);

/// The mechanisms that wrap and unwrap on a target.
pub(super) fn rows(ground: &Ground) -> Vec<Row> {
    let rows = ground
        .mechanisms(Use::Wrap, CKF_WRAP | CKF_UNWRAP)
        .into_iter();
    let row = |row: &'static Mechanism| {
        let parameter =
            generate::wrapping_parameter(row).or_else(|| generate::usual_parameter(row))?;
        let mut types = row.key_types.iter().copied();
        let key_type = types.find(|of| key::is_secret(*of) || key::is_pair(*of))?;
        Some((row, parameter, key_type))
    };
    rows.filter(|row| row.name != "CKM_NULL")
        .filter_map(row)
        .collect()
}

/// What is unwrapped is what was wrapped.
pub(super) fn round_trip(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_WrapKey, C_UnwrapKey])?;
    let rows = rows(ground);
    if rows.is_empty() {
        return Err(absent(
            "the token lists no mechanism that wraps and unwraps",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let row = draw.pick(0, &rows).unwrap_or(&rows[0]);
        let mut script = Script::default();
        there_and_back(&mut script, &ground, row, &draw);
        Question::new(row.0.name, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// A cipher without a parameter for keys of a type.
pub(super) fn cipher_of(key_type: CK_KEY_TYPE) -> Option<CK_MECHANISM_TYPE> {
    const CIPHERS: [(CK_KEY_TYPE, CK_MECHANISM_TYPE); 2] =
        [(CKK_AES, CKM_AES_ECB), (CKK_DES3, CKM_DES3_ECB)];
    let found = CIPHERS.iter().find(|(of, _)| *of == key_type);
    found.map(|(_, cipher)| *cipher)
}

/// The same told by what the keys do: a token need not unwrap keys that show their value (5.18.4).
fn there_and_back_by_use(script: &mut Script, wrapping: &Wrapping, cipher: CK_MECHANISM_TYPE) {
    script.add(wrapping.wrap().keep("wrapped_key", "wrapped").presumed());
    let attributes = vec![
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, wrapping.inner.key_type),
        flag(CKA_TOKEN, false),
        flag(CKA_ENCRYPT, true),
    ];
    script.add(wrapping.unwrap(attributes));
    let encrypt = |script: &mut Script, key: &str| {
        let begin = on(SESSION, C_EncryptInit).with("key", handle(key));
        let begin = begin.with("mechanism", of_type(cipher, ParameterValue::None));
        script.add(begin.presumed());
        on(SESSION, C_Encrypt).bytes("data", literal(&[7; 16]))
    };
    let once = encrypt(script, INNER).kept("ciphertext").presumed();
    script.add(once);
    let again = encrypt(script, UNWRAPPED).gives(kept("ciphertext"));
    script.add(again);
}

/// A mechanism with all that wrapping needs, as drawn.
pub(super) struct Wrapping {
    row: &'static Mechanism,
    parameter: ParameterValue,
    back: &'static str,
    inner: Secret,
}

impl Wrapping {
    /// The call that wraps.
    pub(super) fn wrap(&self) -> Make {
        on(SESSION, C_WrapKey)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("wrapping_key", handle(FORTH))
            .with("key", handle(INNER))
    }

    /// The call that unwraps what was kept as `wrapped`, with this template.
    fn unwrap(&self, attributes: Vec<Attribute>) -> Make {
        let refused = refusals(&[Occasion::Start, Occasion::Attributes, Occasion::Unwrap]);
        on(SESSION, C_UnwrapKey)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("unwrapping_key", handle(self.back))
            .bytes("wrapped_key", kept("wrapped"))
            .with("template", template(attributes))
            .keep("key", UNWRAPPED)
            .unless(&refused)
    }
}

/// Makes the wrapping keys, and the key that is to be wrapped.
pub(super) fn begin(script: &mut Script, ground: &Ground, row: &Row, draw: &Draw) -> Wrapping {
    let (row, parameter, key_type) = row;
    let back = if key::is_secret(*key_type) {
        let key = Secret::draw(ground, draw, *key_type);
        script.add(key.make(&[CKA_WRAP, CKA_UNWRAP], FORTH));
        FORTH
    } else {
        let usages: [&[u64]; 2] = [&[CKA_WRAP], &[CKA_UNWRAP]];
        key::pair(script, ground, draw, *key_type, usages, [FORTH, BACK]);
        BACK
    };
    // Of a key with one length alone the length is known where the mechanism does not tell it.
    let inner_type = match (generate::tells_length(row), draw.coin(5)) {
        (false, _) => CKK_DES3,
        (true, false) => CKK_AES,
        (true, true) => CKK_GENERIC_SECRET,
    };
    let inner = Secret::draw(ground, draw, inner_type);
    script.add(inner.make(&[CKA_ENCRYPT, CKA_DECRYPT], INNER));
    Wrapping {
        row,
        parameter: parameter.clone(),
        back,
        inner,
    }
}

fn there_and_back(script: &mut Script, ground: &Ground, row: &Row, draw: &Draw) {
    let wrapping = begin(script, ground, row, draw);
    let inner_type = wrapping.inner.key_type;
    let cipher = cipher_of(inner_type).filter(|cipher| ground.has(*cipher, CKF_ENCRYPT));
    if let Some(cipher) = cipher.filter(|_| draw.coin(6)) {
        return there_and_back_by_use(script, &wrapping, cipher);
    }
    let value = on(SESSION, C_GetAttributeValue)
        .with("object", handle(INNER))
        .with("template", asked(&[CKA_VALUE]));
    script.add(value.keep(&attribute(CKA_VALUE), "value").presumed());
    let wrap = wrapping.wrap();
    script.add(wrap.keep("wrapped_key", "wrapped").presumed());
    let mut attributes = key::open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, inner_type),
    ]);
    script.add(wrapping.unwrap(attributes));
    let read = on(SESSION, C_GetAttributeValue)
        .with("object", handle(UNWRAPPED))
        .with("template", asked(&[CKA_VALUE, CKA_KEY_TYPE]));
    script.add(
        read.is(&attribute(CKA_VALUE), same_as("value"))
            .is(&attribute(CKA_KEY_TYPE), is_number(inner_type)),
    );
}
