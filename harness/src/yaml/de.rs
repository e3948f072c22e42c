//! A serde deserializer over marked nodes.
//!
//! Every error that passes outwards is given the mark of the innermost node being read: a key that
//! a struct does not know is blamed on the key, a value that does not fit on the value.

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::document::{Kind, Node};
use super::error::Error;
use super::spanned;

/// Reads one [`Node`].
#[derive(Debug, Clone, Copy)]
pub struct NodeDeserializer<'de> {
    node: &'de Node,
}

impl<'de> NodeDeserializer<'de> {
    /// A deserializer of this node.
    #[must_use]
    pub fn new(node: &'de Node) -> Self {
        Self { node }
    }

    /// What is there, for a message about what should be.
    fn unexpected(self) -> Unexpected<'de> {
        match &self.node.kind {
            Kind::Null => Unexpected::Unit,
            Kind::Bool(value) => Unexpected::Bool(*value),
            Kind::Unsigned(value) => Unexpected::Unsigned(*value),
            Kind::Signed(value) => Unexpected::Signed(*value),
            Kind::Float(value) => Unexpected::Float(*value),
            Kind::Text(text) => Unexpected::Str(text),
            Kind::Sequence(_) => Unexpected::Seq,
            Kind::Mapping(_) => Unexpected::Map,
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = NodeDeserializer<'de>;

    fn into_deserializer(self) -> Self::Deserializer {
        NodeDeserializer::new(self)
    }
}

/// Runs a seed on a node; an error nobody inside has claimed is the node's.
fn seeded<'de, S: DeserializeSeed<'de>>(seed: S, node: &'de Node) -> Result<S::Value, Error> {
    seed.deserialize(NodeDeserializer::new(node))
        .map_err(|error| error.or_at(node.mark))
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Unsigned(value) => visitor.visit_u64(*value),
            Kind::Signed(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::Sequence(items) => visit_items(items, visitor),
            Kind::Mapping(entries) => visitor.visit_map(Entries {
                rest: entries.iter(),
                value: None,
            }),
        };
        result.map_err(|error| error.or_at(self.node.mark))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error| error.or_at(self.node.mark))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == spanned::NAME {
            return visitor.visit_seq(MarkedParts {
                node: self.node,
                next: 0,
            });
        }
        visitor
            .visit_newtype_struct(self)
            .map_err(|error| error.or_at(self.node.mark))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (key, content) = match &self.node.kind {
            Kind::Text(_) => (self.node, None),
            Kind::Mapping(entries) if entries.len() == 1 => (&entries[0].0, Some(&entries[0].1)),
            _ => {
                let names: Vec<_> = variants.iter().map(|name| format!("`{name}`")).collect();
                let expected = match names.len() {
                    0..=8 => format!(
                        "one of {} or a mapping with one of them as its only key",
                        names.join(", ")
                    ),
                    _ => format!("a name or a mapping with one key ({name})"),
                };
                return Err(Error::invalid_type(self.unexpected(), &expected.as_str())
                    .or_at(self.node.mark));
            }
        };
        visitor
            .visit_enum(Choice { key, content })
            .map_err(|error| error.or_at(self.node.mark))
    }

    /// Keys and variant names; a number here must not be taken for a field's index.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            _ => Err(Error::invalid_type(self.unexpected(), &"a string")),
        }
        .map_err(|error| error.or_at(self.node.mark))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct
    }
}

/// Visits a list, and refuses entries that the visitor left over.
fn visit_items<'de, V: Visitor<'de>>(items: &'de [Node], visitor: V) -> Result<V::Value, Error> {
    let mut access = Items { rest: items.iter() };
    let value = visitor.visit_seq(&mut access)?;
    match access.rest.next() {
        None => Ok(value),
        Some(extra) => {
            let taken = items.len() - access.rest.len() - 1;
            let message = format!("a list of {taken} was expected, this entry is one too many");
            Err(Error::custom(message).or_at(extra.mark))
        }
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Node>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.rest.next().map(|node| seeded(seed, node)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, (Node, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seeded(seed, key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.value.take() {
            Some(value) => seeded(seed, value),
            None => Err(Error::custom("a value was asked for before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// An enum written as a bare name, or as a mapping whose only key is the name.
struct Choice<'de> {
    key: &'de Node,
    content: Option<&'de Node>,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seeded(seed, self.key)?, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<&'de Node, Error> {
        self.content.ok_or_else(|| {
            let name = match &self.key.kind {
                Kind::Text(text) => text.as_str(),
                _ => "this",
            };
            Error::custom(format!("`{name}` needs content: write `{name}: ...`"))
                .or_at(self.key.mark)
        })
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None
            | Some(Node {
                kind: Kind::Null, ..
            }) => Ok(()),
            Some(extra) => Err(Error::custom("this name takes no content").or_at(extra.mark)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seeded(seed, self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        NodeDeserializer::new(self.content()?).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        NodeDeserializer::new(self.content()?).deserialize_any(visitor)
    }
}

/// What [`spanned::Spanned`] is read from: line, column, width, then the node itself.
struct MarkedParts<'de> {
    node: &'de Node,
    next: usize,
}

impl<'de> SeqAccess<'de> for MarkedParts<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let mark = self.node.mark;
        let numbers = [mark.line, mark.column, mark.width];
        self.next += 1;
        match numbers.get(self.next - 1) {
            Some(&number) => seed.deserialize(U32Deserializer::new(number)).map(Some),
            None if self.next == numbers.len() + 1 => seeded(seed, self.node).map(Some),
            None => Ok(None),
        }
    }
}
