//! Agreement: both sides derive the same key, each from its own private key and the public key of the other, and it
//! is the one that another implementation comes to, where private keys can be brought in ([PKCS11-Base 3.2] 6.3.17,
//! 6.4.10). What that other implementation is, says `curve`.

pub(super) mod curve;

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::draw::{Draw, draw};
use super::ground::{Ground, absent};
use super::key;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, equals, flag, handle, is_number, kept, length,
    literal, octets, of_type, on, same_as, template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_CreateObject, C_DeriveKey, C_GenerateKeyPair, C_GetAttributeValue,
};
use crate::cryptoki::names::{self, Kind};
use crate::sequence::{
    Attribute, Bytes, Content, FieldValue, Number, ParameterValue, Structure, recipe,
};
use curve::{CURVES, Curve};

/// The two sides: names of their private keys, and of what is read of their public ones.
const SIDES: [(&str, &str, &str); 2] = [
    ("one", "one-public", "one-point"),
    ("other", "other-public", "other-point"),
];
/// Purposes of drawn bytes: the private values, and what both sides know.
const PRIVATE: [u64; 2] = [2, 3];
const SHARED: u64 = 4;
/// Choices of a draw: the group with its mechanism, and how long the key is to be.
const WHICH: usize = 0;
const LENGTH: usize = 2;
/// Coins of a draw.
const SHORTER: u32 = 3;
const IMPORTED: u32 = 4;
const HASHED: [u32; 2] = [5, 6];
/// Bytes of a key that is agreed on in a group of integers, whose numbers may lack zeros in front.
const OF_INTEGERS: u64 = 32;

/// What is agreed in.
#[derive(Debug, Clone, Copy)]
enum Group {
    Curve(&'static Curve, CK_MECHANISM_TYPE),
    /// Integers modulo a prime.
    Integers,
}

/// The groups in which a target agrees.
fn groups(ground: &Ground) -> Vec<Group> {
    let derives = |mechanism: &u64| ground.has(*mechanism, CKF_DERIVE);
    let mechanisms = [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE];
    let mut found = Vec::new();
    for mechanism in mechanisms.into_iter().filter(derives) {
        // 6.3.18 is about curves of which some have a cofactor.
        let fits = |curve: &&Curve| mechanism == CKM_ECDH1_DERIVE || curve.key_type == CKK_EC;
        let curves = CURVES.iter().filter(fits);
        found.extend(curves.map(|curve| Group::Curve(curve, mechanism)));
    }
    found.extend(derives(&CKM_DH_PKCS_DERIVE).then_some(Group::Integers));
    found
}

/// Both sides have the same key.
pub(super) fn same(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_DeriveKey, C_GetAttributeValue])?;
    let groups = groups(ground);
    if groups.is_empty() {
        return Err(absent("the token lists no mechanism for agreement"));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let group = draw.pick(WHICH, &groups).unwrap_or(&groups[0]);
        let mut script = Script::default();
        let subject = match group {
            Group::Curve(curve, mechanism) => {
                on_curve(&mut script, &ground, curve, *mechanism, &draw);
                *mechanism
            }
            Group::Integers => {
                of_integers(&mut script);
                CKM_DH_PKCS_DERIVE
            }
        };
        Question::new(names::display(Kind::MECHANISM, subject), script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// How a key is made of the secret that is shared.
struct Making {
    mechanism: CK_MECHANISM_TYPE,
    /// What both sides know, if the secret goes through a hash.
    shared: Option<Vec<u8>>,
    bytes: u64,
}

impl Making {
    fn draw(curve: &Curve, mechanism: CK_MECHANISM_TYPE, draw: &Draw) -> Self {
        let shared = draw
            .seldom(HASHED)
            .then(|| draw.bytes(SHARED, draw.length % 20));
        let most = match shared {
            // One round of the function.
            Some(_) => Sha256::output_size() as u64,
            None => curve.width as u64,
        };
        let shorter: Vec<u64> = (1..most).rev().collect();
        let shorter = draw.pick(LENGTH, &shorter).filter(|_| draw.coin(SHORTER));
        Self {
            mechanism,
            shared,
            bytes: shorter.copied().unwrap_or(most),
        }
    }

    /// CK_ECDH1_DERIVE_PARAMS with the public value of the other side.
    fn parameter(&self, public: Content) -> ParameterValue {
        let kdf = self.shared.as_ref().map_or(CKD_NULL, |_| CKD_SHA256_KDF);
        let mut fields = vec![("kdf".to_owned(), FieldValue::Number(Number::Literal(kdf)))];
        let mut field = |name: &str, content| {
            fields.push((name.to_owned(), FieldValue::Bytes(Bytes::of(content))));
        };
        if let Some(shared) = self.shared.as_ref().filter(|shared| !shared.is_empty()) {
            field("pSharedData", literal(shared));
        }
        field("pPublicData", public);
        ParameterValue::Structure(Structure {
            name: "CK_ECDH1_DERIVE_PARAMS".to_owned(),
            fields,
        })
    }

    fn derive(&self, side: usize, public: Content, name: &str) -> Make {
        derive(
            side,
            self.mechanism,
            self.parameter(public),
            self.bytes,
            name,
        )
    }

    /// The key that comes of a secret: its end, or what ANSI X9.63 makes of it in one round.
    fn of(&self, secret: &[u8]) -> Vec<u8> {
        let bytes = self.bytes as usize;
        match &self.shared {
            None => secret[secret.len().saturating_sub(bytes)..].to_vec(),
            Some(shared) => {
                let round = Sha256::new()
                    .chain_update(secret)
                    .chain_update([0, 0, 0, 1])
                    .chain_update(shared);
                round.finalize()[..bytes].to_vec()
            }
        }
    }
}

fn on_curve(
    script: &mut Script,
    ground: &Ground,
    curve: &'static Curve,
    mechanism: CK_MECHANISM_TYPE,
    draw: &Draw,
) {
    let making = Making::draw(curve, mechanism, draw);
    let values = PRIVATE.map(|purpose| curve.private(draw.bytes(purpose, curve.width)));
    let known = curve
        .agree(&values)
        .filter(|_| draw.coin(IMPORTED) && ground.can(C_CreateObject));
    let publics = match &known {
        Some(known) => {
            for ((name, ..), value) in SIDES.iter().zip(&values) {
                script.add(import(curve, value).keep("object", name).presumed());
            }
            known.publics.clone().map(|public| literal(&public))
        }
        None => {
            for (private, public, point) in SIDES {
                script.add(
                    generate(curve)
                        .keep("public_key", public)
                        .keep("private_key", private)
                        .presumed(),
                );
                script.add(
                    curve
                        .read(public)
                        .keep(&attribute(CKA_EC_POINT), point)
                        .presumed(),
                );
            }
            SIDES.map(|(.., point)| curve.bare(point))
        }
    };
    let [one, other] = publics;
    script.add(making.derive(0, other, "derived").presumed());
    let first = read("derived").keep(&attribute(CKA_VALUE), "first");
    script.add(match &known {
        Some(known) => first.is(
            &attribute(CKA_VALUE),
            equals(literal(&making.of(&known.secret))),
        ),
        None => first.is(&attribute(CKA_VALUE), length(is_number(making.bytes))),
    });
    script.add(making.derive(1, one, "again"));
    script.add(read("again").is(&attribute(CKA_VALUE), same_as("first")));
}

/// 6.4.10: PKCS #3, in a group that all know.
fn of_integers(script: &mut Script) {
    let mut group = recipe::generation(CKK_DH);
    group.push(flag(CKA_TOKEN, false));
    for (private, public, value) in SIDES {
        let pair = on(SESSION, C_GenerateKeyPair)
            .with(
                "mechanism",
                of_type(CKM_DH_PKCS_KEY_PAIR_GEN, ParameterValue::None),
            )
            .with("public_key_template", template(group.clone()))
            .with("private_key_template", template(private_half()));
        let pair = pair.keep("public_key", public).keep("private_key", private);
        script.add(pair.presumed());
        script.add(read(public).keep(&attribute(CKA_VALUE), value).presumed());
    }
    let by = |side: usize, name: &str| {
        let (.., value) = SIDES[1 - side];
        let parameter = ParameterValue::Bytes(Bytes::of(kept(value)));
        derive(side, CKM_DH_PKCS_DERIVE, parameter, OF_INTEGERS, name)
    };
    script.add(by(0, "derived").presumed());
    let first = read("derived").keep(&attribute(CKA_VALUE), "first");
    script.add(first.is(&attribute(CKA_VALUE), length(is_number(OF_INTEGERS))));
    script.add(by(1, "again"));
    script.add(read("again").is(&attribute(CKA_VALUE), same_as("first")));
}

fn derive(
    side: usize,
    mechanism: CK_MECHANISM_TYPE,
    parameter: ParameterValue,
    bytes: u64,
    name: &str,
) -> Make {
    let mut attributes = key::open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ulong(CKA_VALUE_LEN, bytes),
    ]);
    let (private, ..) = SIDES[side];
    on(SESSION, C_DeriveKey)
        .with("mechanism", of_type(mechanism, parameter))
        .with("base_key", handle(private))
        .with("template", template(attributes))
        .keep("key", name)
}

fn read(name: &str) -> Make {
    on(SESSION, C_GetAttributeValue)
        .with("object", handle(name))
        .with("template", asked(&[CKA_VALUE]))
}

fn private_half() -> Vec<Attribute> {
    vec![flag(CKA_TOKEN, false), flag(CKA_DERIVE, true)]
}

fn generate(curve: &Curve) -> Make {
    let public = vec![flag(CKA_TOKEN, false), curve.parameters()];
    on(SESSION, C_GenerateKeyPair)
        .with("mechanism", of_type(curve.generator, ParameterValue::None))
        .with("public_key_template", template(public))
        .with("private_key_template", template(private_half()))
}

fn import(curve: &Curve, value: &[u8]) -> Make {
    let mut attributes = private_half();
    attributes.extend([
        ulong(CKA_CLASS, CKO_PRIVATE_KEY),
        ulong(CKA_KEY_TYPE, curve.key_type),
        curve.parameters(),
        octets(CKA_VALUE, literal(value)),
    ]);
    on(SESSION, C_CreateObject).with("template", template(attributes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_end_of_the_secret_or_a_round_of_the_function() {
        let making = |shared: Option<&[u8]>, bytes| Making {
            mechanism: CKM_ECDH1_DERIVE,
            shared: shared.map(<[u8]>::to_vec),
            bytes,
        };
        assert_eq!(making(None, 2).of(&[1, 2, 3]), [2, 3]);
        assert_eq!(making(None, 3).of(&[1, 2, 3]), [1, 2, 3]);
        let round = Sha256::digest([1, 2, 3, 0, 0, 0, 1, 9]);
        assert_eq!(making(Some(&[9]), 32).of(&[1, 2, 3]), round[..]);
        assert_eq!(making(Some(&[9]), 5).of(&[1, 2, 3]), round[..5]);
    }
}
