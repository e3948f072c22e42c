//! From text to URI, refusing whatever RFC 7512 or the fields of PKCS #11 do not allow.

use std::str::FromStr;

use percent_encoding::{AsciiSet, percent_decode_str, percent_encode};

use super::super::secret::{PinSource, Secret};
use super::{ObjectType, PATH, QUERY, TEXTS, TYPES, Text, Uri, UriError};
use crate::yaml::unknown_name;

impl Uri {
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
