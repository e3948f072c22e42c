//! A parameter that a mechanism works with, and one that it cannot.

use cryptoki_sys::*;

use crate::cryptoki::mechanism::{Mechanism, ParameterShape};
use crate::sequence::{
    Bytes, Content, FieldValue, Number, ParameterValue, Reference, Structure, recipe,
};

/// A parameter that goes with the message of the cases; None for shapes that nothing is known of here.
pub(crate) fn valid(row: &Mechanism) -> Option<ParameterValue> {
    if row.optional_parameter {
        return Some(ParameterValue::None);
    }
    match row.parameter {
        ParameterShape::None => Some(ParameterValue::None),
        ParameterShape::Bytes(count) => Some(bytes(count)),
        // 6.27: the bits of the hash.
        ParameterShape::Ulong if row.name.starts_with("CKM_SHA512_T") => {
            Some(ParameterValue::Ulong(Number::Literal(256)))
        }
        // CK_MAC_GENERAL_PARAMS: bytes of the MAC; CK_RC2_PARAMS: effective bits.
        ParameterShape::Ulong => Some(ParameterValue::Ulong(Number::Literal(8))),
        ParameterShape::Object => None,
        ParameterShape::Structure(name) => structure(row, name),
    }
}

fn bytes(count: usize) -> ParameterValue {
    ParameterValue::Bytes(Bytes::of(Content::Repeat { byte: 0x24, count }))
}

/// A parameter with which a mechanism wraps, if it is another than that for data: 6.13.3 and 6.13.5.
pub(crate) fn wrapping(row: &Mechanism) -> Option<ParameterValue> {
    let name = match row.value {
        CKM_AES_GCM => "CK_GCM_WRAP_PARAMS",
        CKM_AES_CCM => "CK_CCM_WRAP_PARAMS",
        _ => return None,
    };
    structure(row, name)
}

/// Name under which cases keep the other key of CKM_CONCATENATE_BASE_AND_KEY.
pub(super) const OTHER: &str = "other";

/// A parameter with which a mechanism derives from the keys of the cases.
pub(crate) fn deriving(row: &Mechanism) -> Option<ParameterValue> {
    let bytes = |bytes| Some(ParameterValue::Bytes(Bytes::of(Content::Literal(bytes))));
    match (row.value, row.parameter) {
        (CKM_DH_PKCS_DERIVE, _) => bytes(recipe::dh_public()),
        (CKM_CONCATENATE_BASE_AND_KEY, _) => Some(ParameterValue::Ulong(Number::Reference(
            Reference::to(OTHER),
        ))),
        (_, ParameterShape::Structure(name)) => {
            let fields = super::derivation::fields(row, name)?;
            let name = name.to_owned();
            Some(ParameterValue::Structure(Structure { name, fields }))
        }
        _ => valid(row),
    }
}

/// A parameter with which a mechanism encapsulates: 6.3.20 and 6.4.11 leave the other party out.
pub(super) fn encapsulating(row: &Mechanism) -> Option<ParameterValue> {
    match row.value {
        CKM_DH_PKCS_DERIVE => Some(ParameterValue::None),
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => {
            Some(ParameterValue::Structure(Structure {
                name: "CK_ECDH1_DERIVE_PARAMS".to_owned(),
                fields: vec![(
                    "kdf".to_owned(),
                    FieldValue::Number(Number::Literal(CKD_NULL)),
                )],
            }))
        }
        _ => valid(row),
    }
}

/// A parameter for a mechanism that takes none.
pub(super) fn unneeded() -> ParameterValue {
    bytes(16)
}

/// The hash that a mechanism combines with PSS, and its mask generation; SHA-256 where it hashes
/// nothing itself.
const HASHES: [(&str, CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE); 9] = [
    ("CKM_SHA1_", CKM_SHA_1, CKG_MGF1_SHA1),
    ("CKM_SHA224_", CKM_SHA224, CKG_MGF1_SHA224),
    ("CKM_SHA384_", CKM_SHA384, CKG_MGF1_SHA384),
    ("CKM_SHA512_", CKM_SHA512, CKG_MGF1_SHA512),
    ("CKM_SHA3_224_", CKM_SHA3_224, CKG_MGF1_SHA3_224),
    ("CKM_SHA3_256_", CKM_SHA3_256, CKG_MGF1_SHA3_256),
    ("CKM_SHA3_384_", CKM_SHA3_384, CKG_MGF1_SHA3_384),
    ("CKM_SHA3_512_", CKM_SHA3_512, CKG_MGF1_SHA3_512),
    ("", CKM_SHA256, CKG_MGF1_SHA256),
];

fn structure(row: &Mechanism, name: &'static str) -> Option<ParameterValue> {
    let number =
        |field: &str, value| (field.to_owned(), FieldValue::Number(Number::Literal(value)));
    let filled = |field: &str, count| {
        let content = Content::Repeat { byte: 0x24, count };
        (field.to_owned(), FieldValue::Bytes(Bytes::of(content)))
    };
    let (_, hash, mgf) = HASHES
        .iter()
        .find(|(front, ..)| row.name.starts_with(front))?;
    let fields = match name {
        "CK_RSA_PKCS_PSS_PARAMS" => vec![
            number("hashAlg", *hash),
            number("mgf", *mgf),
            number("sLen", 16),
        ],
        "CK_RSA_PKCS_OAEP_PARAMS" => return Some(ParameterValue::Structure(oaep())),
        // 6.2.1: the seed is an input or an output.
        "CK_DSA_PARAMETER_GEN_PARAM" => vec![
            number("hash", CKM_SHA256),
            filled("pSeed", 32),
            number("ulIndex", 1),
        ],
        "CK_GCM_PARAMS" => vec![
            filled("pIv", 12),
            number("ulIvBits", 96),
            filled("pAAD", 20),
            number("ulTagBits", 128),
        ],
        "CK_CCM_PARAMS" => vec![
            number("ulDataLen", 32),
            filled("pNonce", 12),
            filled("pAAD", 20),
            number("ulMACLen", 16),
        ],
        "CK_CHACHA20_PARAMS" => vec![
            filled("pBlockCounter", 4),
            number("blockCounterBits", 32),
            filled("pNonce", 12),
            number("ulNonceBits", 96),
        ],
        // 6.61: 96 bits are for ChaCha20 alone.
        "CK_SALSA20_CHACHA20_POLY1305_PARAMS" => {
            let bytes = if row.value == CKM_CHACHA20_POLY1305 {
                12
            } else {
                8
            };
            vec![
                filled("pNonce", bytes),
                number("ulNonceLen", 8 * bytes as u64),
                filled("pAAD", 20),
            ]
        }
        "CK_SALSA20_PARAMS" => vec![
            filled("pBlockCounter", 8),
            filled("pNonce", 8),
            number("ulNonceBits", 64),
        ],
        "CK_HASH_SIGN_ADDITIONAL_CONTEXT" => vec![
            number("hedgeVariant", CKH_HEDGE_PREFERRED),
            number("hash", CKM_SHA256),
        ],
        "CK_TLS_MAC_PARAMS" => vec![
            number("prfHashMechanism", CKM_SHA256),
            number("ulMacLength", 12),
            number("ulServerOrClient", 1),
        ],
        "CK_GCM_WRAP_PARAMS" => vec![
            filled("pIv", 12),
            number("ivGenerator", CKG_NO_GENERATE),
            filled("pAAD", 20),
            number("ulTagBits", 128),
        ],
        "CK_CCM_WRAP_PARAMS" => vec![
            filled("pNonce", 12),
            number("nonceGenerator", CKG_NO_GENERATE),
            filled("pAAD", 20),
            number("ulMACLen", 16),
        ],
        "CK_RSA_AES_KEY_WRAP_PARAMS" => {
            let oaep = oaep();
            vec![
                number("ulAESKeyBits", 128),
                ("pOAEPParams".to_owned(), FieldValue::Structures(vec![oaep])),
            ]
        }
        "CK_ECDH_AES_KEY_WRAP_PARAMS" => {
            vec![number("ulAESKeyBits", 128), number("kdf", CKD_SHA256_KDF)]
        }
        "CK_AES_CTR_PARAMS" | "CK_CAMELLIA_CTR_PARAMS" => {
            vec![number("ulCounterBits", 32), filled("cb", 16)]
        }
        "CK_VERSION" => vec![number("major", 3), number("minor", 1)],
        "CK_PBE_PARAMS" => vec![
            filled("pInitVector", 8),
            filled("pPassword", 8),
            filled("pSalt", 8),
            number("ulIteration", 1000),
        ],
        "CK_PKCS5_PBKD2_PARAMS2" => vec![
            number("saltSource", CKZ_SALT_SPECIFIED),
            filled("pSaltSourceData", 16),
            number("iterations", 1000),
            number("prf", CKP_PKCS5_PBKD2_HMAC_SHA256),
            filled("pPassword", 8),
        ],
        _ => return None,
    };
    Some(ParameterValue::Structure(Structure {
        name: name.to_owned(),
        fields,
    }))
}

fn oaep() -> Structure {
    let fields = [
        ("hashAlg", CKM_SHA_1),
        ("mgf", CKG_MGF1_SHA1),
        ("source", CKZ_DATA_SPECIFIED),
    ];
    let number =
        |(name, value): (&str, u64)| (name.to_owned(), FieldValue::Number(Number::Literal(value)));
    Structure {
        name: "CK_RSA_PKCS_OAEP_PARAMS".to_owned(),
        fields: fields.map(number).into(),
    }
}

/// True if the mechanism must have a parameter.
pub(super) fn is_needed(row: &Mechanism) -> bool {
    !row.optional_parameter && row.parameter != ParameterShape::None
}
