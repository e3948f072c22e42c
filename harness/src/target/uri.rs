//! PKCS #11 URIs as RFC 7512 defines them: reading, writing, comparing and matching.
//!
//! Which slots there are to match, and what a PIN source means, is left to others. The parsers on
//! crates.io were looked at first: one borrows the text without decoding or matching it, the other
//! is bound to a module that it loads itself.

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::{MASK, PinSource, Secret};

pub use error::UriError;

/// A path attribute that is compared as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Text {
    /// `label` of CK_TOKEN_INFO.
    Token,
    /// `manufacturerID` of CK_TOKEN_INFO.
    Manufacturer,
    /// `serialNumber` of CK_TOKEN_INFO.
    Serial,
    /// `model` of CK_TOKEN_INFO.
    Model,
    /// `manufacturerID` of CK_INFO.
    LibraryManufacturer,
    /// `libraryDescription` of CK_INFO.
    LibraryDescription,
    /// CKA_LABEL of an object.
    Object,
    /// `slotDescription` of CK_SLOT_INFO.
    SlotDescription,
    /// `manufacturerID` of CK_SLOT_INFO.
    SlotManufacturer,
}

/// Name of each text attribute, and the bytes its PKCS #11 field holds.
/// A value that cannot be in the field must be refused ([RFC 7512] 2.3).
const TEXTS: &[(Text, &str, usize)] = &[
    (Text::Token, "token", 32),
    (Text::Manufacturer, "manufacturer", 32),
    (Text::Serial, "serial", 16),
    (Text::Model, "model", 16),
    (Text::LibraryManufacturer, "library-manufacturer", 32),
    (Text::LibraryDescription, "library-description", 32),
    (Text::Object, "object", usize::MAX),
    (Text::SlotDescription, "slot-description", 64),
    (Text::SlotManufacturer, "slot-manufacturer", 32),
];

/// Class of the object a URI names ([RFC 7512] table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectType {
    /// CKO_CERTIFICATE.
    Certificate,
    /// CKO_DATA.
    Data,
    /// CKO_PRIVATE_KEY.
    Private,
    /// CKO_PUBLIC_KEY.
    Public,
    /// CKO_SECRET_KEY.
    SecretKey,
}

const TYPES: &[(ObjectType, &str)] = &[
    (ObjectType::Certificate, "cert"),
    (ObjectType::Data, "data"),
    (ObjectType::Private, "private"),
    (ObjectType::Public, "public"),
    (ObjectType::SecretKey, "secret-key"),
];

/// Unreserved characters of RFC 3986 and what both components may hold unencoded.
const BOTH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b'=');
const PATH: &AsciiSet = &BOTH.remove(b'&');
const QUERY: &AsciiSet = &BOTH.remove(b'/').remove(b'?').remove(b'|');

/// A parsed URI. Two are equal by the comparison rules of [RFC 7512] 2.6: the order of attributes
/// and the choice of what to percent-encode make no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uri {
    texts: BTreeMap<Text, String>,
    /// Version of the library, major and minor.
    pub library_version: Option<(u8, u8)>,
    /// CKA_CLASS of an object.
    pub object_type: Option<ObjectType>,
    /// CKA_ID of an object: any bytes.
    pub id: Option<Vec<u8>>,
    /// The slot's CK_SLOT_ID.
    pub slot_id: Option<u64>,
    /// Path attributes that RFC 7512 does not know; with any of them a URI matches nothing.
    pub vendor: BTreeMap<String, String>,
    /// Where the user's PIN is to be had: `pin-source` or `pin-value`.
    pub pin: Option<PinSource>,
    /// Name of the module without `lib` and `.so`.
    pub module_name: Option<String>,
    /// Absolute path of the module, or of a folder of modules.
    pub module_path: Option<String>,
    /// Query attributes that RFC 7512 does not know; they may repeat and are ignored.
    pub vendor_query: BTreeMap<String, Vec<String>>,
}

/// What a slot, its token and its library say of themselves; padding is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotIdentity {
    /// CK_SLOT_ID.
    pub slot_id: u64,
    /// `slotDescription` of CK_SLOT_INFO.
    pub slot_description: String,
    /// `manufacturerID` of CK_SLOT_INFO.
    pub slot_manufacturer: String,
    /// The token in the slot, if one is present.
    pub token: Option<TokenIdentity>,
    /// `libraryDescription` of CK_INFO.
    pub library_description: String,
    /// `manufacturerID` of CK_INFO.
    pub library_manufacturer: String,
    /// `libraryVersion` of CK_INFO, major and minor.
    pub library_version: (u8, u8),
}

/// What a token says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenIdentity {
    /// `label` of CK_TOKEN_INFO.
    pub label: String,
    /// `manufacturerID` of CK_TOKEN_INFO.
    pub manufacturer: String,
    /// `model` of CK_TOKEN_INFO.
    pub model: String,
    /// `serialNumber` of CK_TOKEN_INFO.
    pub serial: String,
}

impl Uri {
    /// The value of a text attribute.
    #[must_use]
    pub fn text(&self, which: Text) -> Option<&str> {
        self.texts.get(&which).map(String::as_str)
    }

    /// Sets a text attribute, for building a URI.
    pub fn set_text(&mut self, which: Text, value: impl Into<String>) {
        self.texts.insert(which, value.into());
    }

    /// Whether the URI names this slot, token and library ([RFC 7512] 2.5).
    ///
    /// What is absent from the URI matches everything; an attribute nobody knows matches nothing.
    /// Attributes of objects have no say here.
    #[must_use]
    pub fn matches(&self, slot: &SlotIdentity) -> bool {
        let token = slot.token.as_ref();
        let texts = self.texts.iter().all(|(which, wanted)| {
            let found = match which {
                Text::Object => return true,
                Text::Token => token.map(|token| &token.label),
                Text::Manufacturer => token.map(|token| &token.manufacturer),
                Text::Serial => token.map(|token| &token.serial),
                Text::Model => token.map(|token| &token.model),
                Text::LibraryManufacturer => Some(&slot.library_manufacturer),
                Text::LibraryDescription => Some(&slot.library_description),
                Text::SlotDescription => Some(&slot.slot_description),
                Text::SlotManufacturer => Some(&slot.slot_manufacturer),
            };
            found.is_some_and(|found| unpadded(found) == unpadded(wanted))
        });
        texts
            && self.vendor.is_empty()
            && self.slot_id.is_none_or(|id| id == slot.slot_id)
            && self
                .library_version
                .is_none_or(|version| version == slot.library_version)
    }

    /// Whether the URI names an object with this CKA_LABEL, class and CKA_ID.
    #[must_use]
    pub fn matches_object(&self, label: &str, class: Option<ObjectType>, id: &[u8]) -> bool {
        self.vendor.is_empty()
            && self.text(Text::Object).is_none_or(|wanted| wanted == label)
            && self.object_type.is_none_or(|wanted| Some(wanted) == class)
            && self.id.as_deref().is_none_or(|wanted| wanted == id)
    }

    /// Whether the path says anything at all about library, slot, token or object.
    #[must_use]
    pub fn names_slot(&self) -> bool {
        let query_only = Self {
            pin: self.pin.clone(),
            module_name: self.module_name.clone(),
            module_path: self.module_path.clone(),
            vendor_query: self.vendor_query.clone(),
            ..Self::default()
        };
        *self != query_only
    }

    /// Whether `module-name` and `module-path`, as far as given, name this module ([RFC 7512] 2.4).
    #[must_use]
    pub fn names_module(&self, path: &Path) -> bool {
        let by_path = self.module_path.as_deref().is_none_or(|wanted| {
            path == Path::new(wanted) || path.parent() == Some(Path::new(wanted))
        });
        let by_name = self.module_name.as_deref().is_none_or(|wanted| {
            let file = path
                .file_name()
                .map(|name| name.to_string_lossy().to_lowercase());
            let file = file.unwrap_or_default();
            let stem = file.split(".so").next().unwrap_or_default();
            let wanted = wanted.to_lowercase();
            stem == wanted || stem.strip_prefix("lib") == Some(&wanted)
        });
        by_path && by_name
    }

    /// The URI with its PIN written out; `Display` masks it.
    #[must_use]
    pub fn expose(&self) -> String {
        self.written(|secret| encode_query(secret.expose()))
    }

    fn written(&self, pin: impl Fn(&Secret) -> String) -> String {
        let mut path: Vec<String> = TEXTS
            .iter()
            .filter_map(|(which, name, _)| Some(attribute(name, self.text(*which)?, PATH)))
            .collect();
        path.extend(
            self.library_version
                .map(|(major, minor)| format!("library-version={major}.{minor}")),
        );
        path.extend(self.object_type.map(|class| format!("type={class}")));
        // [RFC 7512] 2.3: every byte of an identifier is better percent-encoded.
        path.extend(self.id.as_ref().map(|id| {
            id.iter()
                .fold("id=".to_owned(), |text, byte| format!("{text}%{byte:02X}"))
        }));
        path.extend(self.slot_id.map(|id| format!("slot-id={id}")));
        path.extend(
            self.vendor
                .iter()
                .map(|(name, value)| attribute(name, value, PATH)),
        );

        let mut query = Vec::new();
        query.extend(self.pin.as_ref().map(|source| match source {
            PinSource::Literal(secret) => format!("pin-value={}", pin(secret)),
            // Two slashes begin an authority ([RFC 3986] 3.2): an empty one lets a path keep its own.
            PinSource::File(path) if path.as_os_str().as_encoded_bytes().starts_with(b"//") => {
                attribute("pin-source", &format!("file://{}", path.display()), QUERY)
            }
            other => attribute("pin-source", &other.to_string(), QUERY),
        }));
        query.extend(
            self.module_name
                .as_ref()
                .map(|name| attribute("module-name", name, QUERY)),
        );
        query.extend(
            self.module_path
                .as_ref()
                .map(|path| attribute("module-path", path, QUERY)),
        );
        for (name, values) in &self.vendor_query {
            query.extend(values.iter().map(|value| attribute(name, value, QUERY)));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        format!("pkcs11:{}{mark}{}", path.join(";"), query.join("&"))
    }
}

fn unpadded(text: &str) -> &str {
    text.trim_end_matches(' ')
}

fn attribute(name: &str, value: &str, set: &'static AsciiSet) -> String {
    format!("{name}={}", percent_encode(value.as_bytes(), set))
}

/// A text as it would stand in the query of a URI.
pub(super) fn encode_query(text: &str) -> String {
    percent_encode(text.as_bytes(), QUERY).to_string()
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TYPES
            .iter()
            .find(|(class, _)| class == self)
            .map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(|_| MASK.to_owned()))
    }
}

impl Serialize for Uri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Uri {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Uri".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^pkcs11:",
            "description": "A PKCS #11 URI (RFC 7512)."
        })
    }
}
