//! Attribute values and the rules about them.
//! `table` holds the facts of chapters 4 and 6 as data; `create`, `change` and `check` apply them to
//! templates, `reveal` to questions; this file owns the value types. Objects and sessions belong to `token`.

mod change;
mod check;
mod create;
mod memo;
mod reveal;
mod table;

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_TRUE, CK_ULONG};
use memo::Memo;
use zeroize::Zeroize;

use crate::rv::Result;

pub(crate) use change::{copied, modified};
pub(crate) use create::{Origin, Recipe, complete};
pub(crate) use reveal::{Reveal, reveal};
pub(crate) use table::{is_known, otp_digits};

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

impl Zeroize for Value {
    fn zeroize(&mut self) {
        match self {
            Value::Bytes(bytes) => bytes.zeroize(),
            Value::Template(nested) => nested.iter_mut().for_each(|(_, value)| value.zeroize()),
        }
    }
}

/// A template that came from an application, with key values in it perhaps: it leaves nothing of
/// them behind.
#[derive(Debug)]
pub(crate) struct Given(Template);

impl Given {
    pub(crate) fn new(template: Template) -> Given {
        Given(template)
    }
}

impl Deref for Given {
    type Target = Template;

    fn deref(&self) -> &Template {
        &self.0
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

/// The attributes of one object, sorted by type: few enough that a search among neighbours in
/// memory is quicker than a tree. Values are overwritten when they go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Value)>, Memo);

impl Attributes {
    fn place(&self, attribute: CK_ATTRIBUTE_TYPE) -> core::result::Result<usize, usize> {
        self.0.binary_search_by_key(&attribute, |(name, _)| *name)
    }

    pub(crate) fn get(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        let place = self.place(attribute).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, attribute: CK_ATTRIBUTE_TYPE) -> bool {
        self.place(attribute).is_ok()
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
        self.1 = Memo::default();
        match self.place(attribute) {
            Ok(place) => {
                if let Some((_, before)) = self.0.get_mut(place) {
                    before.zeroize();
                    *before = value;
                }
            }
            Err(place) => self.0.insert(place, (attribute, value)),
        }
    }

    pub(crate) fn set_bytes(&mut self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) {
        self.set(attribute, Value::Bytes(value.into()));
    }

    pub(crate) fn remove(&mut self, attribute: CK_ATTRIBUTE_TYPE) {
        self.1 = Memo::default();
        if let Ok(place) = self.place(attribute) {
            self.0.remove(place).1.zeroize();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, &Value)> {
        self.0.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// What `parse` makes of the object, made once as long as the object stays as it is.
    pub(crate) fn parsed<T: Any + Send + Sync>(
        &self,
        parse: impl FnOnce(&Attributes) -> Result<T>,
    ) -> Result<Arc<T>> {
        self.1.or_make(|| parse(self))
    }

    /// Whether the object carries every attribute of `template` with exactly these bytes.
    pub(crate) fn matches(&self, template: &Template) -> bool {
        template.iter().all(|(attribute, value)| {
            let begins = || self.bytes(*attribute).starts_with(value.bytes());
            self.get(*attribute) == Some(value) || mutant!("find-matches-by-prefix") && begins()
        })
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl FromIterator<(CK_ATTRIBUTE_TYPE, Value)> for Attributes {
    /// Of an attribute that is there twice, the last value stays.
    fn from_iter<I: IntoIterator<Item = (CK_ATTRIBUTE_TYPE, Value)>>(items: I) -> Self {
        let mut attributes = Attributes::default();
        for (attribute, value) in items {
            attributes.set(attribute, value);
        }
        attributes
    }
}
