//! Keys that two sides share: of a value that is drawn, known, or made by one of them and read, and imported by
//! C_CreateObject ([PKCS11-Base 3.2] 5.7.1).

use cryptoki_sys::*;

use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::key::{self, PAIRS, Secret};
use super::super::script::{
    SESSION, Script, asked, attribute, flag, handle, kept, literal, octets, of_type, on, template,
    ulong,
};
use super::subject::Parties;
use super::values::{Drawn, PRIVATE, known_pair, numbers, own_length};
use crate::cryptoki::Function::{
    C_CreateObject, C_GenerateKey, C_GenerateKeyPair, C_GetAttributeValue,
};
use crate::cryptoki::names::{self, Kind};
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
                read(script, name, &[CKA_VALUE]);
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
                    Some(_) => kept(&number_of(name, CKA_VALUE)),
                    None => literal(&key.value),
                };
                attributes.extend([
                    ulong(CKA_CLASS, CKO_SECRET_KEY),
                    ulong(CKA_KEY_TYPE, key.key_type),
                    octets(CKA_VALUE, value),
                ]);
                create(script, attributes, name);
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
        let [mut public, mut private] = self.usages.map(|usages| {
            let usages = usages.iter().map(|usage| flag(*usage, true));
            let mut all = vec![flag(CKA_TOKEN, false)];
            all.extend(usages);
            all
        });
        public.extend(domain.iter().cloned());
        if !is_kept {
            let open = [(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true)];
            private.extend(open.map(|(name, value)| flag(name, value)));
        }
        let [first, second] = self.names;
        let call = on(SESSION, C_GenerateKeyPair)
            .with("mechanism", of_type(*mechanism, ParameterValue::None))
            .with("public_key_template", template(public))
            .with("private_key_template", template(private));
        let call = call.keep("public_key", first).keep("private_key", second);
        script.add(call.presumed());
        let [of_public, of_private] = numbers(self.key_type);
        read(script, first, of_public);
        if !is_kept {
            read(script, second, of_private);
        }
    }

    fn import(&self, script: &mut Script) {
        let classes = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY];
        for half in 0..2 {
            let name = self.names[half];
            let mut attributes = match half {
                0 => vec![flag(CKA_TOKEN, false)],
                _ => key::open(),
            };
            attributes.extend([
                ulong(CKA_CLASS, classes[half]),
                ulong(CKA_KEY_TYPE, self.key_type),
            ]);
            attributes.extend(self.usages[half].iter().map(|usage| flag(*usage, true)));
            match &self.origin {
                Origin::Known(known) => attributes.extend(known[half].iter().cloned()),
                Origin::Generated {
                    domain, is_kept, ..
                } => {
                    if half == 1 && *is_kept {
                        continue;
                    }
                    // The size and the exponent of RSA keys are told for their generation alone.
                    let domain = domain.iter().filter(|_| self.key_type != CKK_RSA);
                    attributes.extend(domain.cloned());
                    let numbers = numbers(self.key_type)[half].iter();
                    attributes.extend(
                        numbers.map(|number| octets(*number, kept(&number_of(name, *number)))),
                    );
                }
            }
            create(script, attributes, name);
        }
    }
}

fn create(script: &mut Script, attributes: Vec<Attribute>, name: &str) {
    let call = on(SESSION, C_CreateObject).with("template", template(attributes));
    script.add(call.keep("object", name).presumed());
}

/// Under which name a number of a key is kept.
fn number_of(name: &str, number: CK_ATTRIBUTE_TYPE) -> String {
    format!("{name}-{}", names::display(Kind::ATTRIBUTE, number))
}

fn read(script: &mut Script, name: &str, numbers: &[CK_ATTRIBUTE_TYPE]) {
    let call = on(SESSION, C_GetAttributeValue)
        .with("object", handle(name))
        .with("template", asked(numbers));
    let keep = |call: super::super::script::Make, number: &u64| {
        call.keep(&attribute(*number), &number_of(name, *number))
    };
    script.add(numbers.iter().fold(call, keep).presumed());
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
