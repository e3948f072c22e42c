//! The form of records in the file. The token's own record is TOML. An object is its attributes one
//! after the other: type, form and length in little-endian order, then the value as it crosses the
//! C boundary, so that a file belongs to machines of one kind. Decoding takes any bytes, and gives
//! nothing for those that are no object.

use cryptoki_sys::*;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::attributes::{Attributes, Given, Template, Value};

/// What the values of attributes depend on.
pub(super) const PLATFORM: &[u8] = match (size_of::<CK_ULONG>(), cfg!(target_endian = "big")) {
    (8, false) => b"64 bits, little-endian",
    (8, true) => b"64 bits, big-endian",
    (_, false) => b"32 bits, little-endian",
    (_, true) => b"32 bits, big-endian",
};

/// How deep templates nest in an attribute; deeper ones are not read from applications either.
const DEPTH: usize = 4;

const BYTES: u8 = 0;
const TEMPLATE: u8 = 1;

/// What a store keeps of the token itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRecord {
    pub(crate) initialized: bool,
    pub(crate) label: String,
    /// Numbers below this one the monotonic counter has given out, or may have.
    pub(crate) counter: u64,
    pub(crate) so_pin: Option<PinRecord>,
    pub(crate) user_pin: Option<PinRecord>,
}

/// What a store keeps of a PIN: the master key under a key that the PIN gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinRecord {
    #[serde(with = "hexadecimal")]
    pub(crate) salt: Vec<u8>,
    pub(crate) rounds: u32,
    #[serde(with = "hexadecimal")]
    pub(crate) wrapped: Vec<u8>,
    pub(crate) failures: u32,
    pub(crate) to_be_changed: bool,
}

/// The bytes of an object.
pub(super) fn encode(object: &Attributes) -> Zeroizing<Vec<u8>> {
    // Its length is known beforehand, so that growing leaves no copies of key values behind.
    let length = object.iter().map(|(_, value)| encoded_length(value)).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for (attribute, value) in object.iter() {
        encode_one(&mut bytes, attribute, value);
    }
    bytes
}

const TYPE: usize = size_of::<CK_ATTRIBUTE_TYPE>();
const HEAD: usize = TYPE + 1 + 4;

fn encoded_length(value: &Value) -> usize {
    HEAD + match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Template(nested) => nested.iter().map(|(_, value)| encoded_length(value)).sum(),
    }
}

fn encode_one(bytes: &mut Vec<u8>, attribute: CK_ATTRIBUTE_TYPE, value: &Value) {
    let form = match value {
        Value::Bytes(_) => BYTES,
        Value::Template(_) => TEMPLATE,
    };
    bytes.extend_from_slice(&attribute.to_le_bytes());
    bytes.push(form);
    // Templates are far below 4 GiB, as `ffi` reads them.
    let length = (encoded_length(value) - HEAD) as u32;
    bytes.extend_from_slice(&length.to_le_bytes());
    match value {
        Value::Bytes(value) => bytes.extend_from_slice(value),
        Value::Template(nested) => nested
            .iter()
            .for_each(|(name, value)| encode_one(bytes, *name, value)),
    }
}

/// The object that `encode` made these bytes from; None for other bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<Attributes> {
    let given = Given::new(decode_list(bytes, DEPTH)?);
    let attributes: Attributes = given.iter().cloned().collect();
    attributes.ulong(CKA_CLASS)?;
    attributes.bool(CKA_TOKEN).then_some(attributes)
}

fn decode_list(mut bytes: &[u8], depth: usize) -> Option<Template> {
    let depth = depth.checked_sub(1)?;
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let (attribute, rest) = bytes.split_first_chunk::<TYPE>()?;
        let (form, rest) = rest.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        let value = match *form {
            BYTES => Value::Bytes(value.to_vec()),
            TEMPLATE => Value::Template(decode_list(value, depth)?),
            _ => return None,
        };
        let attribute = CK_ATTRIBUTE_TYPE::from_le_bytes(*attribute);
        list.push((attribute, value));
        bytes = rest;
    }
    Some(list)
}

/// Bytes as a string of hexadecimal digits.
mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(
            &bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        )
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u8>, D::Error> {
        let digits = String::deserialize(from)?;
        if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
            return Err(D::Error::custom("expected pairs of hexadecimal digits"));
        }
        digits
            .as_bytes()
            .chunks_exact(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).map_err(D::Error::custom)?;
                u8::from_str_radix(pair, 16).map_err(D::Error::custom)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Attributes {
        let inner = vec![(CKA_EXTRACTABLE, Value::bool(true))];
        [
            (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
            (CKA_TOKEN, Value::bool(true)),
            (CKA_LABEL, Value::Bytes(Vec::new())),
            (CKA_WRAP_TEMPLATE, Value::Template(inner)),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decode(&encode(&object())), Some(object()));
    }

    #[test]
    fn no_part_of_an_object_is_an_object() {
        let bytes = encode(&object());
        for length in 0..bytes.len() {
            let whole = decode(&bytes[..length]);
            assert_ne!(whole, Some(object()), "{length} bytes");
        }
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic() {
        let bytes = encode(&object());
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[place] = value;
                decode(&damaged);
            }
        }
    }
}
