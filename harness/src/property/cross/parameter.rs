//! Parameters of which both sides must make the same: more of what the standard permits than one that always works, since
//! a target that does not take it is not compared.

use cryptoki_sys::*;

use super::super::draw::Draw;
use super::super::input;
use super::super::script::literal;
use crate::cryptoki::mechanism::{Mechanism, ParameterShape};
use crate::generate;
use crate::sequence::{Bytes, FieldValue, Number, ParameterValue, Structure};

/// Purposes of drawn bytes.
const VECTOR: u64 = 3;
const ADDITIONAL: u64 = 4;
/// Choices of a draw: one thing of a parameter, and another.
const ONE: usize = 4;
const OTHER: usize = 5;
/// Coins of a draw: whether there is a parameter where there need be none.
const GIVEN: u32 = 6;

/// Bytes that go with OAEP, a hash of 48 bytes and a modulus of 1024 bits: RFC 8017 section 7.1.1.
pub(super) const MOST_WITH_OAEP: usize = 30;

/// Hashes with their mask generation, and how long they are.
const HASHES: [(CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE, u64); 4] = [
    (CKM_SHA_1, CKG_MGF1_SHA1, 20),
    (CKM_SHA256, CKG_MGF1_SHA256, 32),
    (CKM_SHA224, CKG_MGF1_SHA224, 28),
    (CKM_SHA384, CKG_MGF1_SHA384, 48),
];

/// A parameter for an input of so many bytes; None if nothing is known of what the mechanism takes.
pub(super) fn of(row: &Mechanism, draw: &Draw, length: usize) -> Option<ParameterValue> {
    let ParameterShape::Structure(name) = row.parameter else {
        return input::parameter(row, draw, length);
    };
    if row.optional_parameter && !draw.coin(GIVEN) {
        return Some(ParameterValue::None);
    }
    let fields = fields(row, draw, name, length);
    match fields {
        Some(fields) => Some(ParameterValue::Structure(Structure {
            name: name.to_owned(),
            fields,
        })),
        None => input::parameter(row, draw, length),
    }
}

type Fields = Vec<(String, FieldValue)>;

fn number(name: &str, value: u64) -> (String, FieldValue) {
    (name.to_owned(), FieldValue::Number(Number::Literal(value)))
}

fn octets(name: &str, bytes: &[u8]) -> (String, FieldValue) {
    (
        name.to_owned(),
        FieldValue::Bytes(Bytes::of(literal(bytes))),
    )
}

fn fields(row: &Mechanism, draw: &Draw, name: &str, length: usize) -> Option<Fields> {
    let pick = |which, from: &[u64]| draw.pick(which, from).copied().unwrap_or(from[0]);
    let more = draw.bytes(ADDITIONAL, input::additional(draw));
    let context = &more[..more.len().min(100)];
    Some(match name {
        "CK_RSA_PKCS_OAEP_PARAMS" => oaep(draw, &more),
        "CK_RSA_PKCS_PSS_PARAMS" => return pss(row, draw),
        "CK_AES_CTR_PARAMS" | "CK_CAMELLIA_CTR_PARAMS" => counter(draw),
        "CK_GCM_PARAMS" if row.value != CKM_AES_GMAC => {
            let vector = draw.bytes(VECTOR, pick(OTHER, &[12, 8, 16, 60, 1]) as usize);
            vec![
                octets("pIv", &vector),
                number("ulIvBits", 8 * vector.len() as u64),
                octets("pAAD", &more),
                number("ulTagBits", 8 * pick(ONE, &[16, 12, 13, 14, 15, 8, 4])),
            ]
        }
        "CK_CCM_PARAMS" => vec![
            number("ulDataLen", length as u64),
            octets(
                "pNonce",
                &draw.bytes(VECTOR, pick(OTHER, &[12, 7, 8, 9, 10, 11, 13]) as usize),
            ),
            octets("pAAD", &more),
            number("ulMACLen", pick(ONE, &[16, 4, 6, 8, 10, 12, 14])),
        ],
        "CK_SIGN_ADDITIONAL_CONTEXT" => vec![
            number(
                "hedgeVariant",
                pick(ONE, &[CKH_HEDGE_PREFERRED, CKH_DETERMINISTIC_REQUIRED]),
            ),
            octets("pContext", context),
        ],
        "CK_EDDSA_PARAMS" => vec![
            number("phFlag", u64::from(draw.coin(GIVEN - 1))),
            octets("pContextData", context),
        ],
        _ => return None,
    })
}

/// 6.1.8: the hash, that of the mask, which may be another one, and a label.
fn oaep(draw: &Draw, label: &[u8]) -> Fields {
    let (hash, ..) = *draw.pick(OTHER, &HASHES).unwrap_or(&HASHES[0]);
    let (_, mask, _) = *draw.pick(ONE, &HASHES).unwrap_or(&HASHES[0]);
    let mut fields = vec![
        number("hashAlg", hash),
        number("mgf", mask),
        number("source", CKZ_DATA_SPECIFIED),
    ];
    if !label.is_empty() {
        fields.push(octets("pSourceData", label));
    }
    fields
}

/// 6.1.10: the hash of the mechanism, or of the data that is one, and a salt of some length.
fn pss(row: &Mechanism, draw: &Draw) -> Option<Fields> {
    let ParameterValue::Structure(usual) = generate::usual_parameter(row)? else {
        return None;
    };
    let salt = draw.pick(OTHER, &[16, 32, 20, 0, 10]).copied();
    let fields = usual.fields.into_iter().filter(|(name, _)| name != "sLen");
    Some(fields.chain([number("sLen", salt.unwrap_or(16))]).collect())
}

/// 6.11.1: a counter of so many bits, which goes beyond the first 32 of them, but not beyond all.
fn counter(draw: &Draw) -> Fields {
    let bits = *draw
        .pick(OTHER, &[128_usize, 64, 32, 96, 40])
        .unwrap_or(&128);
    let mut block = draw.bytes(VECTOR, 16);
    if bits > 32 {
        block[12..15].fill(0xff);
        block[15] |= 0xfe;
    }
    block[16 - bits / 8] &= 0x7f;
    vec![number("ulCounterBits", bits as u64), octets("cb", &block)]
}
