//! Signatures and MACs: what was signed is verified, in whatever parts ([PKCS11-Base 3.2] 5.13 and 5.15), and
//! what was altered is not.

use std::sync::Arc;

use cryptoki_sys::{CKA_SIGN, CKA_VERIFY, CKF_MESSAGE_VERIFY, CKF_SIGN, CKF_VERIFY};
use proptest::prelude::*;

use super::draw::{Draw, draw, parts};
use super::ground::{Ground, absent};
use super::input::{self, Input};
use super::key::{self, Secret};
use super::question::Question;
use super::script::{Make, SESSION, Script, equals, handle, kept, literal, mechanism, on};
use super::table::Asked;
use crate::cryptoki::Function::{
    self, C_MessageVerifyFinal, C_MessageVerifyInit, C_Sign, C_SignFinal, C_SignInit, C_SignUpdate,
    C_Verify, C_VerifyFinal, C_VerifyInit, C_VerifyMessage, C_VerifySignature,
    C_VerifySignatureFinal, C_VerifySignatureInit, C_VerifySignatureUpdate, C_VerifyUpdate,
};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Content, ParameterValue};

const FUNCTIONS: [Function; 8] = [
    C_SignInit,
    C_Sign,
    C_SignUpdate,
    C_SignFinal,
    C_VerifyInit,
    C_Verify,
    C_VerifyUpdate,
    C_VerifyFinal,
];

/// Names of the key that signs, of the one that verifies, and of the signature.
pub(super) const FORTH: &str = "forth";
pub(super) const BACK: &str = "back";
pub(super) const SIGNATURE: &str = "signature";

/// Mechanisms that sign and verify on a target, and of which something is known.
pub(super) fn rows(ground: &Ground) -> Vec<&'static Mechanism> {
    let rows = ground
        .mechanisms(Use::Sign, CKF_SIGN | CKF_VERIFY)
        .into_iter();
    let known = |row: &&Mechanism| input::to_sign(row).is_some() && !key_types(row).is_empty();
    rows.filter(known).collect()
}

/// Types of keys of a mechanism that can be made.
pub(super) fn key_types(row: &Mechanism) -> Vec<u64> {
    let types = row.key_types.iter().copied();
    types
        .filter(|of| key::is_secret(*of) || key::is_pair(*of))
        .collect()
}

/// A mechanism with all that a signature needs, as drawn.
pub(super) struct Signing {
    pub(super) row: &'static Mechanism,
    pub(super) data: Vec<u8>,
    parameter: ParameterValue,
}

impl Signing {
    /// A signature with this mechanism; its keys are made by the script. None if nothing is known of them.
    pub(super) fn begin(
        script: &mut Script,
        ground: &Ground,
        row: &'static Mechanism,
        draw: &Draw,
    ) -> Option<Signing> {
        let data = input::to_sign(row).unwrap_or(Input::Any).fit(draw.data());
        let parameter = input::parameter(row, draw, data.len())?;
        let key_type = *draw.pick(1, &key_types(row))?;
        if key::is_secret(key_type) {
            let key = Secret::draw(ground, draw, key_type);
            script.add(key.make(&[CKA_SIGN, CKA_VERIFY], FORTH));
        } else {
            let usages: [&[u64]; 2] = [&[CKA_VERIFY], &[CKA_SIGN]];
            key::pair(script, ground, draw, key_type, usages, [BACK, FORTH]);
        }
        Some(Signing::of(row, data, parameter))
    }

    /// A signature of this data, whose keys are there.
    pub(super) fn of(row: &'static Mechanism, data: Vec<u8>, parameter: ParameterValue) -> Self {
        Self {
            row,
            data,
            parameter,
        }
    }

    /// True if the same key makes the signature and verifies it, and always the same one.
    pub(super) fn is_mac(&self) -> bool {
        input::repeats(self.row)
    }

    fn init(&self, function: Function, key: &str) -> Make {
        on(SESSION, function)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("key", handle(key))
    }

    pub(super) fn signing(&self) -> Make {
        self.init(C_SignInit, FORTH)
    }

    /// The call that begins to sign or verify in another way.
    pub(super) fn begin_with(&self, function: Function) -> Make {
        let signs = function.name().contains("Sign");
        let key = if signs || self.is_mac() { FORTH } else { BACK };
        self.init(function, key)
    }

    pub(super) fn verifying(&self) -> Make {
        self.init(C_VerifyInit, if self.is_mac() { FORTH } else { BACK })
    }

    /// The calls that sign the whole. Sizes of keys and hashes may not go together, and no bytes may
    /// well be NULL.
    pub(super) fn whole(&self, script: &mut Script) {
        script.add(self.signing().presumed());
        let call = on(SESSION, C_Sign)
            .bytes("data", literal(&self.data))
            .kept(SIGNATURE);
        let sure = self.is_mac() && !self.data.is_empty();
        script.add(if sure { call } else { call.presumed() });
    }
}

fn asked_of(ground: &Arc<Ground>, ask: fn(&mut Script, &Ground, &Signing, &Draw)) -> Asked {
    ground.needs(&FUNCTIONS)?;
    let rows = rows(ground);
    if rows.is_empty() {
        return Err(absent(
            "the token lists no mechanism that signs and verifies",
        ));
    }
    let ground = ground.clone();
    let question = move |draw: Draw| {
        let row = draw.pick(0, &rows).unwrap_or(&rows[0]);
        let mut script = Script::default();
        if let Some(signing) = Signing::begin(&mut script, &ground, row, &draw) {
            ask(&mut script, &ground, &signing, &draw);
        }
        Question::new(row.name, script)
    };
    Ok(draw().prop_map(question).boxed())
}

pub(super) fn verify(data: Content, signature: Content) -> Make {
    on(SESSION, C_Verify)
        .bytes("data", data)
        .bytes("signature", signature)
}

/// What was signed is verified.
pub(super) fn round_trip(ground: &Arc<Ground>) -> Asked {
    asked_of(ground, |script, ground, signing, draw| {
        let data = &signing.data;
        signing.whole(script);
        script.add(signing.verifying().presumed());
        script.add(verify(literal(data), kept(SIGNATURE)));
        if input::in_parts(signing.row) && !data.is_empty() {
            of_parts(script, signing, draw);
        }
        if ground.can(C_VerifySignatureInit) {
            given_first(script, signing, draw);
        }
    })
}

fn of_parts(script: &mut Script, signing: &Signing, draw: &Draw) {
    let data = &signing.data;
    script.add(signing.signing());
    for part in parts(data, &draw.cuts) {
        script.add(on(SESSION, C_SignUpdate).bytes("part", literal(&part)));
    }
    let last = on(SESSION, C_SignFinal).kept("of-parts");
    script.add(match signing.is_mac() {
        true => last.was(SIGNATURE, equals(kept("of-parts"))),
        false => last,
    });
    script.add(signing.verifying());
    script.add(verify(literal(data), kept("of-parts")));
    script.add(signing.verifying());
    for part in parts(data, &draw.other_cuts) {
        script.add(on(SESSION, C_VerifyUpdate).bytes("part", literal(&part)));
    }
    script.add(on(SESSION, C_VerifyFinal).bytes("signature", kept(SIGNATURE)));
}

/// 5.15.7: a signature that is given before the data. A token may list a mechanism for C_VerifyInit alone.
fn given_first(script: &mut Script, signing: &Signing, draw: &Draw) {
    let key = if signing.is_mac() { FORTH } else { BACK };
    let begin = signing
        .init(C_VerifySignatureInit, key)
        .bytes("signature", kept(SIGNATURE));
    script.add(begin.clone().presumed());
    let whole = on(SESSION, C_VerifySignature).bytes("data", literal(&signing.data));
    script.add(if signing.data.is_empty() {
        whole.presumed()
    } else {
        whole
    });
    if !input::in_parts(signing.row) || signing.data.is_empty() {
        return;
    }
    script.add(begin);
    for part in parts(&signing.data, &draw.cuts) {
        script.add(on(SESSION, C_VerifySignatureUpdate).bytes("part", literal(&part)));
    }
    script.add(on(SESSION, C_VerifySignatureFinal));
}

/// Bits at the beginning that every signature has: of MACs that are cut to four bytes, too.
const SHORTEST: usize = 32;

/// What was altered, the data or the signature, is not verified.
pub(super) fn altered(ground: &Arc<Ground>) -> Asked {
    asked_of(ground, |script, ground, signing, draw| {
        let data = literal(&signing.data);
        signing.whole(script);
        script.add(signing.verifying().presumed());
        script.add(verify(data.clone(), kept(SIGNATURE)).presumed());
        script.add(signing.verifying().presumed());
        let flipped = |of, bit| Content::Flip {
            of: Box::new(of),
            bit,
        };
        let bits = 8 * signing.data.len();
        let place = draw.cuts.first().copied();
        let call = match place.filter(|_| draw.coin(5) && bits > 0) {
            Some(place) => verify(flipped(data, place.index(bits)), kept(SIGNATURE)),
            None if draw.coin(6) => {
                let cut = Content::Take {
                    of: Box::new(kept(SIGNATURE)),
                    count: 1 + draw.length % 3,
                };
                verify(data, cut)
            }
            None => {
                let bit = draw
                    .other_cuts
                    .first()
                    .map_or(7, |place| place.index(SHORTEST));
                verify(data, flipped(kept(SIGNATURE), bit))
            }
        };
        script.add(call.fails());
        // In parts, too: the last bit of the data is in the last of them.
        if input::in_parts(signing.row) && bits > 8 {
            script.add(signing.verifying().presumed());
            let altered = flipped(literal(&signing.data), bits - 1);
            let cut = signing.data.len() / 2;
            let first = Content::Take {
                of: Box::new(altered.clone()),
                count: cut,
            };
            let rest = Content::Skip {
                of: Box::new(altered),
                count: cut,
            };
            for part in [first, rest] {
                script.add(on(SESSION, C_VerifyUpdate).bytes("part", part).presumed());
            }
            script.add(
                on(SESSION, C_VerifyFinal)
                    .bytes("signature", kept(SIGNATURE))
                    .fails(),
            );
        }
        if ground.has(signing.row.value, CKF_MESSAGE_VERIFY) && ground.can(C_MessageVerifyInit) {
            script.add(signing.begin_with(C_MessageVerifyInit).presumed());
            let verify = on(SESSION, C_VerifyMessage).bytes("data", literal(&signing.data));
            let bent = flipped(kept(SIGNATURE), draw.length % SHORTEST);
            script.add(verify.bytes("signature", bent).fails());
            script.add(on(SESSION, C_MessageVerifyFinal).whatever_it_returns());
        }
    })
}
