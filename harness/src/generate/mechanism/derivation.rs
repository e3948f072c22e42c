//! Parameter structures with which mechanisms derive keys.

use cryptoki_sys::*;

use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::{Bytes, Content, FieldValue, Number, Structure, recipe};

type Fields = Vec<(String, FieldValue)>;

fn number(field: &str, value: u64) -> (String, FieldValue) {
    (field.to_owned(), FieldValue::Number(Number::Literal(value)))
}

fn content(field: &str, content: Content) -> (String, FieldValue) {
    (field.to_owned(), FieldValue::Bytes(Bytes::of(content)))
}

fn filled(field: &str, count: usize) -> (String, FieldValue) {
    content(field, Content::Repeat { byte: 0x24, count })
}

fn nested(field: &str, structures: Vec<Structure>) -> (String, FieldValue) {
    (field.to_owned(), FieldValue::Structures(structures))
}

fn structure(name: &str, fields: Fields) -> Structure {
    Structure {
        name: name.to_owned(),
        fields,
    }
}

/// The random data of both sides of SSL and TLS.
fn randoms() -> (String, FieldValue) {
    let fields = vec![filled("pClientRandom", 32), filled("pServerRandom", 32)];
    nested("RandomInfo", vec![structure("CK_SSL3_RANDOM_DATA", fields)])
}

/// Where the version that the base key names is written to (6.39.4); NULL where it names none.
fn version(row: &Mechanism) -> Option<(String, FieldValue)> {
    let place = vec![number("major", 0), number("minor", 0)];
    (!row.name.ends_with("_DH")).then(|| nested("pVersion", vec![structure("CK_VERSION", place)]))
}

/// 6.42.2: what the function is fed with: its counter, then bytes.
fn fed(row: &Mechanism) -> [(String, FieldValue); 2] {
    let mut counter = vec![number("type_", CK_SP800_108_ITERATION_VARIABLE)];
    if row.value == CKM_SP800_108_COUNTER_KDF {
        // A CK_SP800_108_COUNTER_FORMAT: big endian, 32 bits.
        let format = [0_u64, 32].map(u64::to_ne_bytes).concat();
        counter.push(content("pValue", Content::Literal(format)));
    }
    let bytes = vec![
        number("type_", CK_SP800_108_BYTE_ARRAY),
        filled("pValue", 16),
    ];
    let fed = [counter, bytes].map(|fields| structure("CK_PRF_DATA_PARAM", fields));
    [
        number("ulNumberOfDataParams", 2),
        nested("pDataParams", fed.into()),
    ]
}

/// Fields of a structure with which a key is derived; None for those that nothing is known of here.
pub(super) fn fields(row: &Mechanism, name: &str) -> Option<Fields> {
    Some(match name {
        "CK_ECDH1_DERIVE_PARAMS" => {
            let [point, ..] = recipe::public_points();
            vec![
                number("kdf", CKD_NULL),
                content("pPublicData", Content::Literal(point)),
            ]
        }
        "CK_KEY_DERIVATION_STRING_DATA" => vec![filled("pData", 32), number("ulLen", 32)],
        "CK_AES_CBC_ENCRYPT_DATA_PARAMS"
        | "CK_ARIA_CBC_ENCRYPT_DATA_PARAMS"
        | "CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS"
        | "CK_SEED_CBC_ENCRYPT_DATA_PARAMS" => {
            vec![filled("iv", 16), filled("pData", 32), number("length", 32)]
        }
        "CK_DES_CBC_ENCRYPT_DATA_PARAMS" => {
            vec![filled("iv", 8), filled("pData", 32), number("length", 32)]
        }
        "CK_HKDF_PARAMS" => vec![
            number("bExtract", CK_TRUE.into()),
            number("bExpand", CK_TRUE.into()),
            number("prfHashMechanism", CKM_SHA256),
            number("ulSaltType", CKF_HKDF_SALT_NULL),
            filled("pInfo", 10),
        ],
        "CK_SP800_108_KDF_PARAMS" | "CK_SP800_108_FEEDBACK_KDF_PARAMS" => {
            let [count, fed] = fed(row);
            vec![number("prfType", CKM_SHA256_HMAC), count, fed]
        }
        "CK_SSL3_MASTER_KEY_DERIVE_PARAMS" => [randoms()].into_iter().chain(version(row)).collect(),
        "CK_TLS12_MASTER_KEY_DERIVE_PARAMS" => [number("prfHashMechanism", CKM_SHA256), randoms()]
            .into_iter()
            .chain(version(row))
            .collect(),
        "CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS" => [
            number("prfHashMechanism", CKM_SHA256),
            filled("pSessionHash", 32),
        ]
        .into_iter()
        .chain(version(row))
        .collect(),
        "CK_TLS_KDF_PARAMS" => vec![
            number("prfMechanism", CKM_SHA256),
            content("pLabel", Content::Text("a label".to_owned())),
            randoms(),
        ],
        "CK_IKE_PRF_DERIVE_PARAMS" => vec![
            number("prfMechanism", CKM_SHA256_HMAC),
            filled("pNi", 16),
            filled("pNr", 16),
        ],
        "CK_IKE2_PRF_PLUS_DERIVE_PARAMS" => vec![
            number("prfMechanism", CKM_SHA256_HMAC),
            filled("pSeedData", 32),
        ],
        "CK_IKE1_EXTENDED_DERIVE_PARAMS" => vec![
            number("prfMechanism", CKM_SHA256_HMAC),
            filled("pExtraData", 16),
        ],
        _ => return None,
    })
}
