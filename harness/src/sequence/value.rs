//! Values that calls give back, as captures keep them and expectations see them, and their way
//! through the journal: the executor encodes memory to bytes, [`decode`] turns the bytes to values.

use serde::{Deserialize, Serialize};

use super::lexicon;
use super::reference::{Reference, Selector};
use crate::cryptoki::function::{Domain, ParameterKind, Record, Version};
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::structure::{self, FieldType, Layout};
use crate::cryptoki::{AttributeType, attribute};

/// What a call gave back for one of its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A number, handle, flag set or boolean.
    Number(u64),
    /// A version.
    Version(u8, u8),
    /// Bytes or text.
    Bytes(#[serde(with = "super::argument::hex_bytes")] Vec<u8>),
    /// Only a length was given back: the answer to a size query.
    Size(u64),
    /// `CK_UNAVAILABLE_INFORMATION` stands where a length should.
    Absent,
    /// A list.
    List(Vec<Value>),
    /// A structure or template: names and values in order.
    Record(Vec<(String, Value)>),
}

impl Value {
    /// The part of the value that a reference's path selects.
    #[must_use]
    pub fn select(&self, path: &[Selector]) -> Option<Value> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self.clone());
        };
        match (self, first) {
            (value, length) if length.is_length() => {
                Value::Number(length.of_length(value.length()?)?)
            }
            (Value::List(items), Selector::Index(index)) => items.get(*index)?.clone(),
            (Value::Record(fields), Selector::Field(name)) => {
                fields.iter().find(|(field, _)| field == name)?.1.clone()
            }
            _ => return None,
        }
        .select(rest)
    }

    /// The number of elements or bytes that it has, or tells.
    fn length(&self) -> Option<u64> {
        match self {
            Value::List(items) => Some(items.len() as u64),
            Value::Bytes(bytes) => Some(bytes.len() as u64),
            Value::Size(size) => Some(*size),
            Value::Record(fields) => Some(fields.len() as u64),
            Value::Number(_) | Value::Version(..) | Value::Absent => None,
        }
    }

    /// The number that a reference's path selects, found without copying what is on the way.
    #[must_use]
    pub fn number_at(&self, path: &[Selector]) -> Option<u64> {
        let Some((first, rest)) = path.split_first() else {
            return self.as_number();
        };
        match (self, first) {
            (_, length) if length.is_length() => self.select(path)?.as_number(),
            (Value::List(items), Selector::Index(index)) => items.get(*index)?.number_at(rest),
            (Value::Record(fields), Selector::Field(name)) => {
                let (_, value) = fields.iter().find(|(field, _)| field == name)?;
                value.number_at(rest)
            }
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<u64> {
        match self {
            Value::Number(number) | Value::Size(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes that stand for the value when it is given to a call as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Number(number) => Some(number.to_ne_bytes().to_vec()),
            _ => None,
        }
    }

    /// The value as people read it; `domain` gives numbers their names.
    #[must_use]
    pub fn show(&self, domain: Domain) -> String {
        match self {
            Value::Number(number) => lexicon::show(domain, *number),
            Value::Version(major, minor) => format!("{major}.{minor}"),
            Value::Bytes(bytes) => show_bytes(bytes),
            Value::Size(size) => format!("(length {size})"),
            Value::Absent => "CK_UNAVAILABLE_INFORMATION".to_owned(),
            Value::List(items) => {
                let shown: Vec<String> = items.iter().map(|item| item.show(domain)).collect();
                format!("[{}]", shown.join(", "))
            }
            Value::Record(fields) => {
                let shown: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", value.show(field_domain(name))))
                    .collect();
                format!("{{{}}}", shown.join(", "))
            }
        }
    }
}

/// Longest byte string shown in full.
const SHOWN_BYTES: usize = 512;

fn show_bytes(bytes: &[u8]) -> String {
    let printable = bytes.len() > 1 && bytes.iter().all(|b| (0x20..0x7f).contains(b));
    if printable {
        return format!("\"{}\"", String::from_utf8_lossy(bytes));
    }
    if bytes.len() > SHOWN_BYTES {
        let start = lexicon::to_hex(&bytes[..SHOWN_BYTES]);
        return format!("{start}... ({} bytes)", bytes.len());
    }
    lexicon::to_hex(bytes)
}

fn field_domain(name: &str) -> Domain {
    match names::constant(name) {
        Some(constant) if constant.kind == Kind::ATTRIBUTE => {
            match attribute::attribute_type(constant.value) {
                AttributeType::Ulong(domain) | AttributeType::Ulongs(domain) => domain,
                _ => Domain::Plain,
            }
        }
        _ => Domain::Plain,
    }
}

/// The field that a path into an output is about: the innermost of attributes within an array of attributes,
/// else the first.
pub(crate) fn field_of(kind: ParameterKind, path: &[Selector]) -> Option<&str> {
    let mut fields = path.iter().filter_map(|selector| match selector {
        Selector::Field(name) => Some(name.as_str()),
        _ => None,
    });
    match kind {
        ParameterKind::OutTemplate => fields.next_back(),
        _ => fields.next(),
    }
}

/// What the numbers in an output stand for, so that they are written and shown by name.
#[must_use]
pub fn output_domain(kind: ParameterKind, path: &[Selector]) -> Domain {
    let field = field_of(kind, path);
    if path.last().is_some_and(Selector::is_length) {
        return Domain::Plain;
    }
    match (kind, field) {
        (ParameterKind::OutUlong(domain) | ParameterKind::OutUlongs(domain), _) => domain,
        (ParameterKind::OutHandles, _) => Domain::Object,
        (ParameterKind::Out(record), Some(field)) => record_domain(record, field),
        (ParameterKind::OutTemplate, Some(field)) => field_domain(field),
        (ParameterKind::OutInterfaces | ParameterKind::OutTable, Some("flags")) => {
            Domain::Flags(Kind::INTERFACE_FLAGS)
        }
        _ => Domain::Plain,
    }
}

fn record_domain(record: Record, field: &str) -> Domain {
    match (record, field) {
        (Record::SlotInfo, "flags") => Domain::Flags(Kind::SLOT_FLAGS),
        (Record::TokenInfo, "flags") => Domain::Flags(Kind::TOKEN_FLAGS),
        (Record::MechanismInfo, "flags") => Domain::Flags(Kind::MECHANISM_FLAGS),
        (Record::SessionInfo, "flags") => Domain::Flags(Kind::SESSION_FLAGS),
        (Record::SessionInfo, "state") => Domain::Constant(Kind::STATE),
        (Record::SessionInfo, "slotID") => Domain::Slot,
        _ => Domain::Plain,
    }
}

/// A journal output that does not have the shape its parameter asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal's record of an output is malformed; the module may have written over it")]
pub struct Malformed;

/// Reads the parts of an encoded output one after the other.
struct Parts<'b>(&'b [u8]);

impl<'b> Parts<'b> {
    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_ne_bytes(bytes.try_into().map_err(|_| Malformed)?))
    }

    fn sized(&mut self) -> Result<&'b [u8], Malformed> {
        let count = self.number()?;
        self.bytes(usize::try_from(count).map_err(|_| Malformed)?)
    }
}

/// Marker in front of an encoded array: the pointer was NULL, so only the length came back.
pub(crate) const QUERY: u64 = 0;
/// Marker in front of an encoded array: elements follow.
pub(crate) const DATA: u64 = 1;

/// Marker in front of the value of an attribute: an array of attributes follows.
pub(crate) const NESTED: u64 = 2;

/// Decodes an output from the journal.
///
/// # Errors
/// [`Malformed`] if the bytes do not have the shape that the kind asks for.
pub fn decode(kind: ParameterKind, bytes: &[u8]) -> Result<Value, Malformed> {
    let mut parts = Parts(bytes);
    match kind {
        ParameterKind::OutUlong(_) => Ok(Value::Number(parts.number()?)),
        ParameterKind::OutBytes | ParameterKind::OutFixed => {
            decode_array(&mut parts, |data| Ok(Value::Bytes(data.to_vec())))
        }
        ParameterKind::OutUlongs(_) | ParameterKind::OutHandles => {
            decode_array(&mut parts, |data| Ok(Value::List(decode_ulongs(data))))
        }
        ParameterKind::OutInterfaces => decode_array(&mut parts, |data| {
            let mut parts = Parts(data);
            let mut list = Vec::new();
            while !parts.0.is_empty() {
                list.push(decode_interface(&mut parts)?);
            }
            Ok(Value::List(list))
        }),
        ParameterKind::OutTable => decode_interface(&mut parts),
        ParameterKind::Out(record) => {
            let layout = structure::layout(record.structure()).ok_or(Malformed)?;
            decode_structure(layout, bytes)
        }
        ParameterKind::OutTemplate => decode_template(&mut parts, 1),
        ParameterKind::MessageParameter => decode_named(&mut parts),
        _ => Err(Malformed),
    }
}

fn decode_array(
    parts: &mut Parts<'_>,
    data: impl FnOnce(&[u8]) -> Result<Value, Malformed>,
) -> Result<Value, Malformed> {
    let marker = parts.number()?;
    let length = parts.number()?;
    match marker {
        _ if length == cryptoki_sys::CK_UNAVAILABLE_INFORMATION => Ok(Value::Absent),
        QUERY => Ok(Value::Size(length)),
        DATA => data(parts.0),
        _ => Err(Malformed),
    }
}

fn decode_ulongs(data: &[u8]) -> Vec<Value> {
    data.chunks_exact(8)
        .map(|chunk| Value::Number(u64::from_ne_bytes(chunk.try_into().unwrap_or_default())))
        .collect()
}

fn decode_interface(parts: &mut Parts<'_>) -> Result<Value, Malformed> {
    let name = parts.sized()?.to_vec();
    let version = parts.bytes(2)?;
    let flags = parts.number()?;
    Ok(Value::Record(vec![
        ("name".to_owned(), Value::Bytes(name)),
        ("version".to_owned(), Value::Version(version[0], version[1])),
        ("flags".to_owned(), Value::Number(flags)),
    ]))
}

fn decode_named(parts: &mut Parts<'_>) -> Result<Value, Malformed> {
    let mut fields = Vec::new();
    while !parts.0.is_empty() {
        let name = String::from_utf8_lossy(parts.sized()?).into_owned();
        fields.push((name, Value::Bytes(parts.sized()?.to_vec())));
    }
    Ok(Value::Record(fields))
}

/// Decodes the bytes of a C structure whose fields are numbers, characters and versions.
fn decode_structure(layout: &Layout, bytes: &[u8]) -> Result<Value, Malformed> {
    let at = |offset: usize, count: usize| bytes.get(offset..offset + count).ok_or(Malformed);
    let mut fields = Vec::with_capacity(layout.fields.len());
    for field in &layout.fields {
        let value = match field.field_type {
            FieldType::Bool | FieldType::Byte => Value::Number(u64::from(at(field.offset, 1)?[0])),
            FieldType::Bytes(count) => Value::Bytes(at(field.offset, count)?.to_vec()),
            FieldType::Nested("CK_VERSION") => {
                let version = at(field.offset, 2)?;
                Value::Version(version[0], version[1])
            }
            FieldType::Nested(name) => {
                let nested = structure::layout(name).ok_or(Malformed)?;
                decode_structure(nested, at(field.offset, nested.size)?)?
            }
            _ => Parts(at(field.offset, 8)?).number().map(Value::Number)?,
        };
        fields.push((field.name.to_owned(), value));
    }
    Ok(Value::Record(fields))
}

fn decode_template(parts: &mut Parts<'_>, depth: u32) -> Result<Value, Malformed> {
    let mut fields = Vec::new();
    while !parts.0.is_empty() {
        let attribute = parts.number()?;
        let marker = parts.number()?;
        let length = parts.number()?;
        let data = parts.sized()?;
        parts.bytes(data.len().next_multiple_of(8) - data.len())?;
        let value = match marker {
            _ if length == cryptoki_sys::CK_UNAVAILABLE_INFORMATION => Value::Absent,
            QUERY => Value::Size(length),
            // What is nested holds no arrays again: the executor journals none.
            NESTED if depth > 0 => decode_template(&mut Parts(data), depth - 1)?,
            _ => attribute_value(attribute, data),
        };
        fields.push((names::display(Kind::ATTRIBUTE, attribute), value));
    }
    Ok(Value::Record(fields))
}

/// The value of an attribute by its type; bytes where the length does not fit the type.
#[must_use]
pub fn attribute_value(attribute: u64, data: &[u8]) -> Value {
    match (attribute::attribute_type(attribute), data.len()) {
        (AttributeType::Bool, 1) => Value::Number(u64::from(data[0])),
        (AttributeType::Ulong(_), 8) => {
            Value::Number(u64::from_ne_bytes(data.try_into().unwrap_or_default()))
        }
        (AttributeType::Ulongs(_), length) if length % 8 == 0 => Value::List(decode_ulongs(data)),
        (AttributeType::Version, 2) => Value::Version(data[0], data[1]),
        _ => Value::Bytes(data.to_vec()),
    }
}

/// Finds a reference among named values.
pub fn resolve<'v>(
    reference: &Reference,
    find: impl FnOnce(&str) -> Option<&'v Value>,
) -> Option<Value> {
    find(&reference.name)?.select(&reference.path)
}

/// A `CK_VERSION` value as a version.
#[must_use]
pub fn as_version(value: &Value) -> Option<Version> {
    match value {
        Value::Version(major, minor) => Some(Version {
            major: *major,
            minor: *minor,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(marker: u64, length: u64, data: &[u8]) -> Vec<u8> {
        let mut bytes = marker.to_ne_bytes().to_vec();
        bytes.extend(length.to_ne_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_size_query_gives_a_size_and_a_call_gives_bytes() {
        let query = decode(ParameterKind::OutBytes, &array(QUERY, 256, &[]));
        assert_eq!(query, Ok(Value::Size(256)));
        let data = decode(ParameterKind::OutBytes, &array(DATA, 2, &[1, 2]));
        assert_eq!(data, Ok(Value::Bytes(vec![1, 2])));
    }

    #[test]
    fn a_list_is_selected_from() {
        let mut bytes = 7u64.to_ne_bytes().to_vec();
        bytes.extend(9u64.to_ne_bytes());
        let list = decode(ParameterKind::OutHandles, &array(DATA, 2, &bytes)).expect("well formed");
        let select =
            |text: &str| list.select(&text.parse::<Reference>().expect("a reference").path);
        assert_eq!(select("list[1]"), Some(Value::Number(9)));
        assert_eq!(select("list.length"), Some(Value::Number(2)));
        assert_eq!(select("list.length-1"), Some(Value::Number(1)));
        assert_eq!(select("list.length+1"), Some(Value::Number(3)));
        assert_eq!(select("list.length-3"), None);
        assert_eq!(select("list[2]"), None);
    }

    #[test]
    fn garbage_is_malformed_and_never_a_panic() {
        for kind in [
            ParameterKind::OutTemplate,
            ParameterKind::OutInterfaces,
            ParameterKind::OutTable,
            ParameterKind::Out(Record::TokenInfo),
            ParameterKind::OutUlong(Domain::Plain),
        ] {
            assert!(decode(kind, &[1, 255, 255, 255]).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn names_are_shown_for_numbers() {
        let value = Value::Record(vec![("CKA_CLASS".to_owned(), Value::Number(3))]);
        assert_eq!(value.show(Domain::Plain), "{CKA_CLASS: CKO_PRIVATE_KEY}");
    }
}
