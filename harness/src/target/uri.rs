//! PKCS #11 URIs as RFC 7512 defines them: reading, writing, comparing and matching.
//!
//! Which slots there are to match, and what a PIN source means, is left to others. The parsers on
//! crates.io were looked at first: one borrows the text without decoding or matching it, the other
//! is bound to a module that it loads itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::{MASK, PinSource, Secret};
use crate::yaml::unknown_name;

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

/// Why a text is no PKCS #11 URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme, or none.
    #[error("a PKCS #11 URI begins with `pkcs11:`")]
    Scheme,
    /// An attribute without `=`.
    #[error("`{0}` is not an attribute: write name=value")]
    NoValue(String),
    /// An attribute name with other characters than RFC 7512 allows.
    #[error("`{0}` is not an attribute name: only letters, digits, `-` and `_` may be in one")]
    Name(String),
    /// A character that must be percent-encoded.
    #[error("`{character}` in the value of `{name}` must be percent-encoded, as `{encoded}`")]
    Character {
        /// The attribute.
        name: String,
        /// The character.
        character: char,
        /// How to write it.
        encoded: String,
    },
    /// `%` without two hexadecimal digits.
    #[error(
        "`%` in the value of `{0}` must be followed by two hexadecimal digits; `%` itself is `%25`"
    )]
    Percent(String),
    /// Bytes that are no text where text is wanted.
    #[error("the value of `{0}` is not UTF-8")]
    NotText(String),
    /// A second attribute of a name that may be given once.
    #[error("`{0}` is given twice: remove one")]
    Twice(String),
    /// A value longer than its PKCS #11 field, or of characters it cannot hold.
    #[error("the value of `{name}` cannot occur: its field holds {limit} bytes{}", if *.ascii { ", all ASCII" } else { "" })]
    Impossible {
        /// The attribute.
        name: String,
        /// Size of the field.
        limit: usize,
        /// Whether the field is limited to ASCII.
        ascii: bool,
    },
    /// A value that breaks the rule of its attribute.
    #[error("the value of `{name}` must be {wanted}")]
    Value {
        /// The attribute.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// An object type that RFC 7512 does not know.
    #[error("{0}")]
    Type(String),
    /// Both ways of giving a PIN.
    #[error("`pin-source` and `pin-value` exclude each other: remove one")]
    TwoPins,
    /// A PIN source that would run a program.
    #[error("a PIN from the output of a command is not supported: use pin-source=file:/path")]
    PinCommand,
    /// A PIN source that is a URI of a scheme that is not read.
    #[error("PIN source `{0}` is not supported: use file:/path or env:NAME")]
    PinScheme(String),
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

    fn take_path(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let bytes = decoded(name, value, PATH)?;
        let twice = || Err(UriError::Twice(name.to_owned()));
        if let Some((which, _, limit)) = TEXTS.iter().find(|(_, known, _)| *known == name) {
            let text = fitting(name, bytes, *limit, *which == Text::Serial)?;
            return self.texts.insert(*which, text).map_or(Ok(()), |_| twice());
        }
        match name {
            "id" => self.id.replace(bytes).map_or(Ok(()), |_| twice()),
            "type" => {
                let class = object_type(&text_of(name, bytes)?)?;
                self.object_type.replace(class).map_or(Ok(()), |_| twice())
            }
            "library-version" => {
                let version = version(&text_of(name, bytes)?)?;
                self.library_version
                    .replace(version)
                    .map_or(Ok(()), |_| twice())
            }
            "slot-id" => {
                let id = number(&text_of(name, bytes)?).ok_or(UriError::Value {
                    name: "slot-id",
                    wanted: "a decimal number",
                })?;
                self.slot_id.replace(id).map_or(Ok(()), |_| twice())
            }
            vendor => {
                let text = text_of(name, bytes)?;
                self.vendor
                    .insert(vendor.to_owned(), text)
                    .map_or(Ok(()), |_| twice())
            }
        }
    }

    fn take_query(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let text = text_of(name, decoded(name, value, QUERY)?)?;
        let twice = || Err(UriError::Twice(name.to_owned()));
        match name {
            "pin-source" | "pin-value" => {
                let pin = if name == "pin-value" {
                    PinSource::Literal(Secret::new(text))
                } else {
                    pin_source(&text)?
                };
                let literal = pin.literal_on_command_line();
                match self.pin.replace(pin) {
                    None => Ok(()),
                    Some(other) if other.literal_on_command_line() == literal => twice(),
                    Some(_) => Err(UriError::TwoPins),
                }
            }
            "module-name" => self.module_name.replace(text).map_or(Ok(()), |_| twice()),
            "module-path" if !text.starts_with('/') => Err(UriError::Value {
                name: "module-path",
                wanted: "an absolute path",
            }),
            "module-path" => self.module_path.replace(text).map_or(Ok(()), |_| twice()),
            vendor => {
                self.vendor_query
                    .entry(vendor.to_owned())
                    .or_default()
                    .push(text);
                Ok(())
            }
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    /// Reads a URI. White space around an attribute is ignored, so that a long one may be folded
    /// over several lines; inside a value it must be percent-encoded.
    fn from_str(text: &str) -> Result<Self, UriError> {
        let text = text.trim();
        let rest = text
            .split_at_checked("pkcs11:".len())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("pkcs11:"))
            .map(|(_, rest)| rest)
            .ok_or(UriError::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for part in parts(path, ';') {
            let (name, value) = named(part)?;
            uri.take_path(name, value)?;
        }
        for part in parts(query, '&') {
            let (name, value) = named(part)?;
            uri.take_query(name, value)?;
        }
        Ok(uri)
    }
}

fn parts(component: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let empty = component.trim().is_empty();
    component
        .split(delimiter)
        .map(str::trim)
        .filter(move |_| !empty)
}

fn named(part: &str) -> Result<(&str, &str), UriError> {
    let (name, value) = part
        .split_once('=')
        .ok_or_else(|| UriError::NoValue(part.to_owned()))?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || !name.bytes().all(legal) {
        return Err(UriError::Name(name.to_owned()));
    }
    Ok((name, value))
}

/// Decodes a value after checking that it holds only what its component may.
fn decoded(name: &str, value: &str, set: &'static AsciiSet) -> Result<Vec<u8>, UriError> {
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        let hex = |digit: Option<char>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
        if character == '%' {
            if !(hex(rest.next()) && hex(rest.next())) {
                return Err(UriError::Percent(name.to_owned()));
            }
            continue;
        }
        let mut buffer = [0; 4];
        let encoded =
            percent_encode(character.encode_utf8(&mut buffer).as_bytes(), set).to_string();
        if encoded.starts_with('%') {
            return Err(UriError::Character {
                name: name.to_owned(),
                character,
                encoded,
            });
        }
    }
    Ok(percent_decode_str(value).collect())
}

fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, UriError> {
    String::from_utf8(bytes).map_err(|_| UriError::NotText(name.to_owned()))
}

fn fitting(name: &str, bytes: Vec<u8>, limit: usize, ascii: bool) -> Result<String, UriError> {
    let text = text_of(name, bytes)?;
    if text.len() > limit || (ascii && !text.is_ascii()) {
        return Err(UriError::Impossible {
            name: name.to_owned(),
            limit,
            ascii,
        });
    }
    Ok(text)
}

fn object_type(text: &str) -> Result<ObjectType, UriError> {
    let known = TYPES.iter().find(|(_, name)| *name == text);
    known.map(|(class, _)| *class).ok_or_else(|| {
        UriError::Type(unknown_name(
            "object type",
            text,
            TYPES.iter().map(|(_, name)| *name),
        ))
    })
}

/// [RFC 7512] 2.3: two numbers of a byte each; a missing minor number is 0.
fn version(text: &str) -> Result<(u8, u8), UriError> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let byte = |text| number(text).and_then(|number| u8::try_from(number).ok());
    byte(major).zip(byte(minor)).ok_or(UriError::Value {
        name: "library-version",
        wanted: "`M` or `M.N`, both decimal and at most 255",
    })
}

/// Digits only: the parser of the standard library would also take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// [RFC 7512] 2.4 leaves the meaning of `pin-source` to whoever reads it, beyond URIs and commands.
fn pin_source(text: &str) -> Result<PinSource, UriError> {
    if text.starts_with('|') {
        return Err(UriError::PinCommand);
    }
    match text.split_once(':') {
        Some(("file", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            Ok(PinSource::File(path.into()))
        }
        Some(("env", name)) if !name.is_empty() => Ok(PinSource::Environment(name.to_owned())),
        Some((scheme, _)) => Err(UriError::PinScheme(scheme.to_owned())),
        None if text == "prompt" => Ok(PinSource::Prompt),
        None => Ok(PinSource::File(text.into())),
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

#[cfg(test)]
mod tests;
