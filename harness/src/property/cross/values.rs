//! Values of keys that are known before there is a token: drawn ones, and those of the recipes.

use cryptoki_sys::*;

use super::super::agreement::curve::{CURVES, Curve};
use super::super::draw::Draw;
use super::super::key;
use super::super::pair::numbers;
use super::super::script::{literal, octets};
use super::known;
use crate::cryptoki::names::{self, Kind};
use crate::sequence::Attribute;

/// Purposes of drawn bytes: a private value, and that of the other side of an agreement.
pub(super) const PRIVATE: u64 = 12;
const OTHER: u64 = 13;
/// Choices of a draw: the curve.
const CURVE: usize = 3;
/// Coins of a draw: whether values are drawn, and which of two known ones there are.
const DRAWN: u32 = 1;
const LARGE: u32 = 3;

/// Bytes of the keys of an HMAC that some modules have no others of: as many as its hash gives.
pub(super) fn own_length(key_type: CK_KEY_TYPE) -> Option<usize> {
    let name = names::display(Kind("key_types"), key_type);
    let hash = name.strip_suffix("_HMAC")?;
    match hash.rsplit_once(|c: char| !c.is_ascii_digit())?.1 {
        "1" => Some(20),
        bits => bits.parse().ok().map(|bits: usize| bits / 8),
    }
}

/// The numbers of a pair of this type, if some are known or can be drawn.
pub(super) fn known_pair(key_type: CK_KEY_TYPE, draw: &Draw) -> Option<[Vec<Attribute>; 2]> {
    if key_type == CKK_EC && draw.coin(DRAWN) {
        return drawn(draw).map(|drawn| drawn.halves);
    }
    if key_type == CKK_RSA && draw.coin(LARGE) {
        return Some(known::rsa());
    }
    let classes = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY];
    let [public, private] = classes.map(|class| {
        let recipe = key::recipe(class, key_type)?;
        let mut attributes = recipe.attributes();
        // Others say what it is, and what it is for.
        attributes.retain(|given| {
            let number = [numbers(key_type)[0], numbers(key_type)[1]].concat();
            number.contains(&given.attribute) || DOMAIN.contains(&given.attribute)
        });
        Some(attributes)
    });
    Some([public?, private?])
}

/// Domain parameters.
const DOMAIN: [CK_ATTRIBUTE_TYPE; 5] = [
    CKA_EC_PARAMS,
    CKA_PARAMETER_SET,
    CKA_PRIME,
    CKA_SUBPRIME,
    CKA_BASE,
];

/// A pair on a curve that is drawn, and another to agree with.
pub(super) struct Drawn {
    /// The numbers of the halves.
    pub(super) halves: [Vec<Attribute>; 2],
    /// The curve that they are on.
    pub(super) curve: &'static Curve,
    /// The public point of the other side.
    pub(super) other: Vec<u8>,
}

/// A pair on a curve of RFC 5480.
fn drawn(draw: &Draw) -> Option<Drawn> {
    let of_signatures: Vec<_> = CURVES
        .iter()
        .filter(|curve| curve.key_type == CKK_EC)
        .collect();
    drawn_on(draw.pick(CURVE, &of_signatures)?, draw)
}

/// A pair on this curve.
pub(super) fn drawn_on(curve: &'static Curve, draw: &Draw) -> Option<Drawn> {
    let values = [PRIVATE, OTHER].map(|purpose| curve.private(draw.bytes(purpose, curve.width)));
    let [point, other] = curve.agree(&values)?.publics;
    let [value, _] = values;
    Some(Drawn {
        halves: [
            vec![
                curve.parameters(),
                octets(CKA_EC_POINT, literal(&curve.whole(&point))),
            ],
            vec![curve.parameters(), octets(CKA_VALUE, literal(&value))],
        ],
        curve,
        other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_an_hmac_are_as_long_as_its_hash() {
        for (key_type, length) in [
            (CKK_SHA_1_HMAC, Some(20)),
            (CKK_SHA224_HMAC, Some(28)),
            (CKK_SHA3_384_HMAC, Some(48)),
            (CKK_BLAKE2B_512_HMAC, Some(64)),
            (CKK_GENERIC_SECRET, None),
        ] {
            assert_eq!(own_length(key_type), length);
        }
    }
}
