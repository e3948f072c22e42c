//! The form of records on disk: TOML, with every attribute value as the hexadecimal digits of the
//! bytes that cross the C boundary, so a directory belongs to machines of one kind.

use cryptoki_sys::*;
use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, Value};

/// What a store keeps of the token itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRecord {
    pub(crate) initialized: bool,
    pub(crate) label: String,
    pub(crate) so_pin: Option<PinRecord>,
    pub(crate) user_pin: Option<PinRecord>,
}

/// What a store keeps of a PIN.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinRecord {
    #[serde(with = "hexadecimal")]
    pub(crate) salt: Vec<u8>,
    pub(crate) rounds: u32,
    #[serde(with = "hexadecimal")]
    pub(crate) verifier: Vec<u8>,
    pub(crate) failures: u32,
}

/// An object: its place among the others and its attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectRecord {
    pub(super) serial: u64,
    pub(super) attributes: Vec<AttributeRecord>,
}

/// An attribute with its value in one of three forms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributeRecord {
    attribute: CK_ATTRIBUTE_TYPE,
    #[serde(flatten)]
    value: ValueRecord,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ValueRecord {
    #[serde(with = "hexadecimal")]
    Bytes(Vec<u8>),
    Template(Vec<AttributeRecord>),
}

impl AttributeRecord {
    fn new(attribute: CK_ATTRIBUTE_TYPE, value: &Value) -> AttributeRecord {
        let value = match value {
            Value::Bytes(bytes) => ValueRecord::Bytes(bytes.clone()),
            Value::Template(nested) => ValueRecord::Template(
                nested
                    .iter()
                    .map(|(name, value)| AttributeRecord::new(*name, value))
                    .collect(),
            ),
        };
        AttributeRecord { attribute, value }
    }

    fn read(self) -> (CK_ATTRIBUTE_TYPE, Value) {
        let value = match self.value {
            ValueRecord::Bytes(bytes) => Value::Bytes(bytes),
            ValueRecord::Template(nested) => {
                Value::Template(nested.into_iter().map(AttributeRecord::read).collect())
            }
        };
        (self.attribute, value)
    }
}

impl ObjectRecord {
    pub(super) fn new(serial: u64, object: &Attributes) -> ObjectRecord {
        let attributes = object
            .iter()
            .map(|(name, value)| AttributeRecord::new(name, value));
        ObjectRecord {
            serial,
            attributes: attributes.collect(),
        }
    }

    pub(super) fn into_attributes(self) -> Attributes {
        self.attributes
            .into_iter()
            .map(AttributeRecord::read)
            .collect()
    }
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
