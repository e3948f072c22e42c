//! Keys that two sides share: of a value that is drawn, known, or made by one of them and read, and imported by
//! C_CreateObject ([PKCS11-Base 3.2] 5.7.1).

use cryptoki_sys::*;

use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::key::{self, PAIRS, Secret};
use super::super::pair;
use super::super::script::{
    SESSION, Script, flag, kept, literal, octets, of_type, on, template, ulong,
};
use super::subject::Parties;
use super::values::{Drawn, PRIVATE, known_pair, own_length};
use crate::cryptoki::Function::C_GenerateKey;
use crate::sequence::{Attribute, ParameterValue};

/// Coins of a draw: where the keys come from.
const ORIGIN: [u32; 2] = [0, 1];
const KEPT: u32 = 3;

/// A key or a pair under the names that scripts know them by.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    /// None is needed.
    None,
    /// A secret key of a value that is drawn.
    Secret {
        key: Secret,
        usages: &'static [CK_ATTRIBUTE_TYPE],
        name: &'static str,
        /// What the side that begins generates it with, if it does: the value is then read.
        generator: Option<CK_MECHANISM_TYPE>,
    },
    /// A pair.
    Pair(Pair),
}

/// The halves of a pair: the public one, and the private one.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    key_type: CK_KEY_TYPE,
    usages: [&'static [CK_ATTRIBUTE_TYPE]; 2],
    names: [&'static str; 2],
    origin: Origin,
}

/// Where a pair comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// Its numbers are known.
    Known([Vec<Attribute>; 2]),
    /// The side that begins generates it, and its numbers are read. Private ones are where they are to be imported.
    Generated {
        mechanism: CK_MECHANISM_TYPE,
        domain: Vec<Attribute>,
        is_kept: bool,
    },
}

impl Keys {
    /// A secret key of this type that both can make.
    pub(super) fn secret(
        parties: &Parties<'_>,
        draw: &Draw,
        key_type: CK_KEY_TYPE,
        usages: &'static [CK_ATTRIBUTE_TYPE],
        name: &'static str,
    ) -> Keys {
        let key = Secret::draw(parties.target, draw, key_type).imported();
        let key = match own_length(key_type).filter(|_| draw.coin(KEPT)) {
            Some(length) => {
                let value = key::value(draw, PRIVATE, key_type, length);
                key.of_value(value)
            }
            None => key,
        };
        let generator = key::generator(parties.first(), key_type);
        Keys::Secret {
            key,
            usages,
            name,
            generator: generator
                .filter(|_| draw.seldom(ORIGIN))
                .map(|(mechanism, _)| mechanism),
        }
    }

    /// A pair of this type. None if nothing is known of such pairs.
    pub(super) fn pair(
        parties: &Parties<'_>,
        draw: &Draw,
        key_type: CK_KEY_TYPE,
        usages: [&'static [CK_ATTRIBUTE_TYPE]; 2],
        names: [&'static str; 2],
    ) -> Option<Keys> {
        let known = known_pair(key_type, draw).map(Origin::Known);
        let is_generated = match key_type {
            // Numbers of RSA take long to find.
            CKK_RSA => draw.seldom(ORIGIN),
            _ => draw.coin(ORIGIN[0]),
        };
        let generated = generated(parties, draw, key_type);
        let origin = match is_generated {
            true => generated.or(known)?,
            false => known.or(generated)?,
        };
        Some(Keys::Pair(Pair {
            key_type,
            usages,
            names,
            origin,
        }))
    }

    /// True if the private half is not seen by the other side.
    pub(super) fn are_kept(&self) -> bool {
        matches!(
            self,
            Keys::Pair(Pair {
                origin: Origin::Generated { is_kept: true, .. },
                ..
            })
        )
    }

    /// The same with a private half that the other side has, too.
    pub(super) fn shared(mut self) -> Keys {
        if let Keys::Pair(Pair {
            origin: Origin::Generated { is_kept, .. },
            ..
        }) = &mut self
        {
            *is_kept = false;
        }
        self
    }

    /// The calls of the side that begins.
    pub(super) fn make(&self, script: &mut Script) {
        match self {
            Keys::None => {}
            Keys::Secret {
                key,
                usages,
                name,
                generator: Some(mechanism),
            } => {
                let mut attributes = key::open();
                attributes.extend(usages.iter().map(|usage| flag(*usage, true)));
                if key::tells_length(key.key_type) {
                    attributes.push(ulong(CKA_VALUE_LEN, key.value.len() as u64));
                }
                let call = on(SESSION, C_GenerateKey)
                    .with("mechanism", of_type(*mechanism, ParameterValue::None))
                    .with("template", template(attributes));
                script.add(call.keep("key", name).presumed());
                pair::read(script, name, &[CKA_VALUE]);
            }
            Keys::Pair(pair) => pair.make(script),
            Keys::Secret { .. } => self.import(script),
        }
    }

    /// The calls of a side that has the keys from the other, or from elsewhere.
    pub(super) fn import(&self, script: &mut Script) {
        match self {
            Keys::None => {}
            Keys::Secret {
                key,
                usages,
                name,
                generator,
            } => {
                let mut attributes = key::open();
                attributes.extend(usages.iter().map(|usage| flag(*usage, true)));
                let value = match generator {
                    Some(_) => kept(&pair::number_of(name, CKA_VALUE)),
                    None => literal(&key.value),
                };
                attributes.extend([
                    ulong(CKA_CLASS, CKO_SECRET_KEY),
                    ulong(CKA_KEY_TYPE, key.key_type),
                    octets(CKA_VALUE, value),
                ]);
                pair::create(script, attributes, name);
            }
            Keys::Pair(pair) => pair.import(script),
        }
    }
}

impl Pair {
    fn make(&self, script: &mut Script) {
        let Origin::Generated {
            mechanism,
            domain,
            is_kept,
        } = &self.origin
        else {
            return self.import(script);
        };
        let call = pair::generate(*mechanism, domain, self.usages, self.names, !is_kept);
        script.add(call);
        let [first, second] = self.names;
        let [of_public, of_private] = pair::numbers(self.key_type);
        pair::read(script, first, of_public);
        if !is_kept {
            pair::read(script, second, of_private);
        }
    }

    fn import(&self, script: &mut Script) {
        for (half, (name, usages)) in self.names.into_iter().zip(self.usages).enumerate() {
            match &self.origin {
                Origin::Known(known) => {
                    let mut attributes = pair::described(self.key_type, half, usages);
                    attributes.extend(known[half].iter().cloned());
                    pair::create(script, attributes, name);
                }
                Origin::Generated { is_kept: true, .. } if half == 1 => {}
                Origin::Generated { domain, .. } => {
                    pair::import(script, self.key_type, half, domain, usages, [name, name]);
                }
            }
        }
    }
}

fn generated(parties: &Parties<'_>, draw: &Draw, key_type: CK_KEY_TYPE) -> Option<Origin> {
    let (_, mechanism) = PAIRS.iter().find(|(of, _)| *of == key_type)?;
    let first: &Ground = parties.first();
    first
        .has(*mechanism, CKF_GENERATE_KEY_PAIR)
        .then(|| Origin::Generated {
            mechanism: *mechanism,
            domain: key::domain(first, draw, key_type, *mechanism),
            is_kept: draw.coin(KEPT),
        })
}

/// The private half of a pair on a curve, under this name.
pub(super) fn of_agreement(drawn: &Drawn, name: &'static str) -> Keys {
    Keys::Pair(Pair {
        key_type: drawn.curve.key_type,
        usages: [&[], &[CKA_DERIVE]],
        names: ["public", name],
        origin: Origin::Known(drawn.halves.clone()),
    })
}
