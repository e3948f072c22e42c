//! What a mechanism works on: which inputs it takes, and a parameter that goes with one. Of a mechanism
//! about which nothing is known here no property is asked.

use cryptoki_sys::*;

use super::draw::Draw;
use super::script::literal;
use crate::cryptoki::mechanism::{Mechanism, ParameterShape, Rule};
use crate::generate;
use crate::sequence::{Bytes, FieldValue, Number, ParameterValue, Structure};

/// Purposes of drawn bytes.
const VECTOR: u64 = 3;
const ADDITIONAL: u64 = 4;
/// Choices of a draw: additional data, and the length of a tag.
const MORE: usize = 4;

/// Which inputs a mechanism takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Any.
    Any,
    /// Whole blocks of so many bytes, one at least.
    Blocks(usize),
    /// So many bytes or more.
    AtLeast(usize),
    /// So many bytes or less, one at least.
    AtMost(usize),
    /// So many bytes.
    Exactly(usize),
    /// A number below a modulus of so many bytes.
    Below(usize),
}

impl Input {
    /// The drawn data, cut or filled up to what is taken.
    pub(super) fn fit(self, mut data: Vec<u8>) -> Vec<u8> {
        let length = data.len();
        let wanted = match self {
            Input::Any => length,
            Input::Blocks(size) => length.next_multiple_of(size).max(size),
            Input::AtLeast(least) => length.max(least),
            Input::AtMost(most) => length.clamp(1, most),
            Input::Exactly(count) | Input::Below(count) => count,
        };
        data.resize(wanted, 0x5a);
        if let (Input::Below(_), Some(first)) = (self, data.first_mut()) {
            *first = 0;
        }
        data
    }
}

/// Bytes of the modulus of the RSA keys; those that are generated are no smaller.
const MODULUS: usize = 128;

/// Inputs of mechanisms that encrypt.
pub(super) fn to_encrypt(row: &Mechanism) -> Option<Input> {
    Some(match row.value {
        CKM_RSA_PKCS => Input::AtMost(MODULUS - 11),
        // SHA-1, twice, and two bytes more: RFC 8017 section 7.1.1.
        CKM_RSA_PKCS_OAEP => Input::AtMost(MODULUS - 42),
        CKM_AES_CTS | CKM_AES_XTS => Input::AtLeast(16),
        CKM_AES_KEY_WRAP => Input::Blocks(16),
        CKM_AES_KEY_WRAP_KWP => Input::AtLeast(1),
        CKM_AES_GCM
        | CKM_AES_CCM
        | CKM_AES_CTR
        | CKM_CHACHA20
        | CKM_SALSA20
        | CKM_CHACHA20_POLY1305
        | CKM_SALSA20_POLY1305 => Input::Any,
        _ if row.name.ends_with("_CBC_PAD") => Input::Any,
        _ if row.name.ends_with("_ECB") || row.name.ends_with("_CBC") => Input::Blocks(block(row)?),
        _ if row.name.contains("_OFB") || row.name.contains("_CFB") => Input::Any,
        _ => return None,
    })
}

/// Inputs of mechanisms that sign.
pub(super) fn to_sign(row: &Mechanism) -> Option<Input> {
    // Their keys are spent, or they sign no data.
    const SPENT: [&str; 6] = [
        "CKM_HSS",
        "CKM_XMSS",
        "CKM_HOTP",
        "CKM_ACTI",
        "CKM_SECURID",
        "CKM_CMS",
    ];
    let spent = SPENT.iter().any(|front| row.name.starts_with(front));
    let foreign = ["CKM_KIP", "CKM_GOST", "CKM_NULL", "CKM_TLS", "CKM_XEDDSA"];
    if spent || foreign.iter().any(|front| row.name.starts_with(front)) {
        return None;
    }
    Some(match row.value {
        CKM_RSA_PKCS => Input::AtMost(MODULUS - 11),
        CKM_RSA_X_509 => Input::Below(MODULUS),
        CKM_RSA_9796 => Input::AtMost(MODULUS / 2),
        CKM_RSA_X9_31 => return None,
        // As long as a digest of the hash that the parameter names.
        CKM_RSA_PKCS_PSS | CKM_ECDSA | CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA => Input::Exactly(32),
        // As long as its subprime: 6.2.7.
        CKM_DSA => Input::Exactly(28),
        _ => Input::Any,
    })
}

fn block(row: &Mechanism) -> Option<usize> {
    const EIGHT: [CK_KEY_TYPE; 4] = [CKK_DES, CKK_DES2, CKK_DES3, CKK_BLOWFISH];
    const SIXTEEN: [CK_KEY_TYPE; 5] = [CKK_AES, CKK_CAMELLIA, CKK_ARIA, CKK_SEED, CKK_TWOFISH];
    let first = row.key_types.first()?;
    let of = |list: &[u64], size| list.contains(first).then_some(size);
    of(&EIGHT, 8).or_else(|| of(&SIXTEEN, 16))
}

/// True if the mechanism gives the same for the same, so that outputs can be compared.
pub(super) fn repeats(row: &Mechanism) -> bool {
    let random = row
        .key_types
        .iter()
        .any(|key_type| super::key::is_pair(*key_type));
    !random
}

/// True if input may come in parts.
pub(super) fn in_parts(row: &Mechanism) -> bool {
    !row.rule(Rule::Single)
}

/// How parts of an input may be cut: the tables of chapter 6 have inputs of whole blocks without a
/// final part, and do not say whether every part must be of whole blocks, too.
pub(super) fn needs_blocks(input: Input) -> bool {
    matches!(input, Input::Blocks(_) | Input::AtLeast(_))
}

/// A parameter for an input of so many bytes; None if nothing is known of what the mechanism takes.
pub(super) fn parameter(row: &Mechanism, draw: &Draw, length: usize) -> Option<ParameterValue> {
    if row.optional_parameter {
        return Some(ParameterValue::None);
    }
    match row.parameter {
        ParameterShape::Bytes(count) => Some(bytes(draw, count)),
        ParameterShape::Structure(name) => structure(row, draw, name, length),
        _ => generate::usual_parameter(row),
    }
}

fn bytes(draw: &Draw, count: usize) -> ParameterValue {
    ParameterValue::Bytes(Bytes::of(literal(&draw.bytes(VECTOR, count))))
}

fn structure(
    row: &Mechanism,
    draw: &Draw,
    name: &'static str,
    length: usize,
) -> Option<ParameterValue> {
    let field = |field: &str, value| (field.to_owned(), value);
    let number = |name: &str, value| field(name, FieldValue::Number(Number::Literal(value)));
    let octets =
        |name: &str, bytes: Vec<u8>| field(name, FieldValue::Bytes(Bytes::of(literal(&bytes))));
    let vector = |count| draw.bytes(VECTOR, count);
    let more = draw.bytes(ADDITIONAL, additional(draw));
    let fields = match name {
        "CK_GCM_PARAMS" if row.value != CKM_AES_GMAC => vec![
            octets("pIv", vector(12)),
            number("ulIvBits", 96),
            octets("pAAD", more),
            number("ulTagBits", 8 * tag(draw)),
        ],
        "CK_CCM_PARAMS" => vec![
            number("ulDataLen", length as u64),
            octets("pNonce", vector(12)),
            octets("pAAD", more),
            number("ulMACLen", tag(draw)),
        ],
        // Counters begin where they are not at their end before the data is.
        "CK_AES_CTR_PARAMS" | "CK_CAMELLIA_CTR_PARAMS" => {
            let mut counter = vector(16);
            counter[12] &= 0x7f;
            vec![number("ulCounterBits", 32), octets("cb", counter)]
        }
        "CK_CHACHA20_PARAMS" => vec![
            octets("pBlockCounter", vec![draw.bytes(VECTOR, 1)[0], 0, 0, 0]),
            number("blockCounterBits", 32),
            octets("pNonce", vector(12)),
            number("ulNonceBits", 96),
        ],
        "CK_SALSA20_CHACHA20_POLY1305_PARAMS" => {
            let count = if row.value == CKM_CHACHA20_POLY1305 {
                12
            } else {
                8
            };
            vec![
                octets("pNonce", vector(count)),
                number("ulNonceLen", 8 * count as u64),
                octets("pAAD", more),
            ]
        }
        _ => return generate::usual_parameter(row),
    };
    let name = name.to_owned();
    Some(ParameterValue::Structure(Structure { name, fields }))
}

/// How much additional data there is.
pub(super) fn additional(draw: &Draw) -> usize {
    const LENGTHS: [usize; 6] = [0, 1, 16, 20, 33, 200];
    draw.pick(MORE, &LENGTHS).copied().unwrap_or_default()
}

/// How many bytes a tag has: mostly all of them.
fn tag(draw: &Draw) -> u64 {
    const BYTES: [u64; 3] = [16, 12, 14];
    let picked = draw.pick(MORE, &BYTES).copied();
    picked.filter(|_| draw.seldom([3, 4])).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cryptoki::mechanism;

    #[test]
    fn data_is_made_to_fit() {
        for (input, before, after) in [
            (Input::Any, 0, 0),
            (Input::Blocks(16), 0, 16),
            (Input::Blocks(16), 17, 32),
            (Input::AtLeast(16), 3, 16),
            (Input::AtMost(117), 300, 117),
            (Input::AtMost(117), 0, 1),
            (Input::Exactly(32), 3, 32),
        ] {
            assert_eq!(input.fit(vec![1; before]).len(), after, "{input:?}");
        }
        assert_eq!(Input::Below(128).fit(vec![255; 200])[0], 0);
    }

    #[test]
    fn most_mechanisms_that_encrypt_or_sign_are_known() {
        use mechanism::Use;
        let count = |of: Use, known: &dyn Fn(&Mechanism) -> Option<Input>| {
            let rows = mechanism::all().iter().filter(|row| row.uses.contains(&of));
            rows.filter(|row| known(row).is_some()).count()
        };
        assert!(count(Use::Encrypt, &to_encrypt) > 35);
        assert!(count(Use::Sign, &to_sign) > 100);
    }
}
