//! Attribute values and the rules about them.
//! `table` holds the facts of chapters 4 and 6 as data; `create` and `change` apply them to
//! templates; this file owns the value types. Objects and sessions belong to `token`.

mod change;
mod create;
mod table;

use std::collections::BTreeMap;

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_TRUE, CK_ULONG};

pub(crate) use change::{copied, modified};
pub(crate) use create::{Origin, Recipe, complete};
pub(crate) use table::{Hidden, hidden, is_known};

/// The value of one attribute, in the byte form in which it crosses the C boundary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Everything but templates; CK_ULONG and CK_BBOOL in native representation.
    Bytes(Vec<u8>),
    /// An array attribute (CKF_ARRAY_ATTRIBUTE): a nested template.
    Template(Template),
}

/// A list of attributes as an application supplies it: ordered, possibly with repetitions.
pub(crate) type Template = Vec<(CK_ATTRIBUTE_TYPE, Value)>;

impl Value {
    /// The value as bytes; a nested template has none.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Template(_) => &[],
        }
    }

    /// A CK_BBOOL.
    pub(crate) fn bool(value: bool) -> Value {
        Value::Bytes(vec![if value { CK_TRUE } else { CK_FALSE }])
    }

    /// A CK_ULONG.
    pub(crate) fn ulong(value: CK_ULONG) -> Value {
        Value::Bytes(value.to_ne_bytes().to_vec())
    }

    /// The value read as a CK_BBOOL.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.bytes() {
            [byte] => match *byte as CK_BBOOL {
                CK_FALSE => Some(false),
                CK_TRUE => Some(true),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value read as a CK_ULONG.
    pub(crate) fn as_ulong(&self) -> Option<CK_ULONG> {
        Some(CK_ULONG::from_ne_bytes(self.bytes().try_into().ok()?))
    }
}

/// The attributes of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(BTreeMap<CK_ATTRIBUTE_TYPE, Value>);

impl Attributes {
    pub(crate) fn get(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        self.0.get(&attribute)
    }

    pub(crate) fn has(&self, attribute: CK_ATTRIBUTE_TYPE) -> bool {
        self.0.contains_key(&attribute)
    }

    /// The bytes of an attribute; empty when the object does not have it.
    pub(crate) fn bytes(&self, attribute: CK_ATTRIBUTE_TYPE) -> &[u8] {
        self.get(attribute).map_or(&[], Value::bytes)
    }

    /// A CK_BBOOL attribute; CK_FALSE when the object does not have it.
    pub(crate) fn bool(&self, attribute: CK_ATTRIBUTE_TYPE) -> bool {
        self.get(attribute).and_then(Value::as_bool) == Some(true)
    }

    /// A CK_ULONG attribute.
    pub(crate) fn ulong(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<CK_ULONG> {
        self.get(attribute).and_then(Value::as_ulong)
    }

    pub(crate) fn set(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: Value) {
        self.0.insert(attribute, value);
    }

    pub(crate) fn set_bytes(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) {
        self.set(attribute, Value::Bytes(value.into()));
    }

    pub(crate) fn remove(&mut self, attribute: CK_ATTRIBUTE_TYPE) {
        self.0.remove(&attribute);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, &Value)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// Whether the object carries every attribute of `template` with exactly these bytes.
    pub(crate) fn matches(&self, template: &Template) -> bool {
        template
            .iter()
            .all(|(attribute, value)| self.get(*attribute) == Some(value))
    }
}

impl FromIterator<(CK_ATTRIBUTE_TYPE, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (CK_ATTRIBUTE_TYPE, Value)>>(items: I) -> Self {
        Attributes(items.into_iter().collect())
    }
}
