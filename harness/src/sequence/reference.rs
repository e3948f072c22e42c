//! References to what earlier calls gave: `$session`, `${slots[0]}`, `$slots.length`,
//! `$attributes.CKA_MODULUS`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A name and the way from its value to the part that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Name of a capture, or `target` for what the target description gives.
    pub name: String,
    /// The way into its value.
    pub path: Vec<Selector>,
}

/// One step of the way into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// A field of a structure, or an attribute of a template.
    Field(String),
    /// An element of a list, from 0.
    Index(usize),
    /// The number of elements or bytes.
    Length,
    /// So many more than that, or fewer.
    Beside(i8),
}

impl Selector {
    /// True if it is a number of elements or bytes, or one beside it.
    pub(crate) fn is_length(&self) -> bool {
        matches!(self, Selector::Length | Selector::Beside(_))
    }

    /// What is selected of something of this length.
    pub(crate) fn of_length(&self, length: u64) -> Option<u64> {
        match self {
            Selector::Length => Some(length),
            // More than any length is as absurd as the length, which is told of then.
            Selector::Beside(more) if *more > 0 => {
                Some(length.saturating_add_signed((*more).into()))
            }
            Selector::Beside(less) => length.checked_add_signed((*less).into()),
            Selector::Field(_) | Selector::Index(_) => None,
        }
    }
}

impl Reference {
    /// A reference to a whole value.
    #[must_use]
    pub fn to(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: Vec::new(),
        }
    }

    /// The same with a field selected.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.path.push(Selector::Field(name.into()));
        self
    }
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no reference; write `$name`, `$name.field`, `${{name[0]}}`, `$name.length` or `$name.length-1`"
)]
pub struct NoReference(String);

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// `length`, `length+1` or `length-1`.
fn parse_length(text: &str) -> Option<Selector> {
    let beside = text.strip_prefix("length")?;
    if beside.is_empty() {
        return Some(Selector::Length);
    }
    let is_signed = beside.starts_with(['+', '-']);
    let more = beside.parse().ok().filter(|more| is_signed && *more != 0)?;
    Some(Selector::Beside(more))
}

/// A length beside which nothing is, or which is too far off, is no field.
fn is_like_a_length(name: &str) -> bool {
    let beside = name.strip_prefix("length-");
    beside.is_some_and(|beside| beside.bytes().all(|byte| byte.is_ascii_digit()))
}

fn parse_segment(segment: &str) -> Option<(&str, Option<usize>)> {
    match segment.split_once('[') {
        None => Some((segment, None)),
        Some((name, index)) => {
            let digits = index.strip_suffix(']')?;
            // Rust's numbers may have a plus sign; an index may not.
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            Some((name, Some(digits.parse().ok().filter(|_| plain)?)))
        }
    }
}

/// Parses a path without the dollar: `slots[0]`, `template.CKA_ID`.
impl FromStr for Reference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || NoReference(text.to_owned());
        let bare = match text.strip_prefix("${") {
            Some(inner) => inner.strip_suffix('}').ok_or_else(error)?,
            None => text.strip_prefix('$').unwrap_or(text),
        };
        let mut segments = bare
            .split('.')
            .map(|segment| parse_segment(segment).ok_or_else(error));
        let (name, index) = segments.next().ok_or_else(error)??;
        if !is_name(name) {
            return Err(error());
        }
        let mut path: Vec<Selector> = index.map(Selector::Index).into_iter().collect();
        for segment in segments {
            let (name, index) = segment?;
            path.push(match parse_length(name) {
                Some(length) => length,
                None if is_name(name) && !is_like_a_length(name) => {
                    Selector::Field(name.to_owned())
                }
                None => return Err(error()),
            });
            path.extend(index.map(Selector::Index));
        }
        Ok(Self {
            name: name.to_owned(),
            path,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for selector in &self.path {
            match selector {
                Selector::Index(_) => write!(f, "{selector}")?,
                _ => write!(f, ".{selector}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Field(name) => f.write_str(name),
            Selector::Index(index) => write!(f, "[{index}]"),
            Selector::Length => f.write_str("length"),
            Selector::Beside(more) => write!(f, "length{more:+}"),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_mean_the_same() {
        for (text, shown) in [
            ("$session", "session"),
            ("${session}", "session"),
            ("${slots[0]}", "slots[0]"),
            ("$slots.length", "slots.length"),
            ("template.CKA_MODULUS", "template.CKA_MODULUS"),
            ("$target.so-pin", "target.so-pin"),
            ("$a.list[3].length", "a.list[3].length"),
            ("$out-0.length-1", "out-0.length-1"),
            ("$out.length+12", "out.length+12"),
        ] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.to_string(), shown);
            assert_eq!(shown.parse(), Ok(reference));
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "$",
            "${a",
            "{a}",
            "$1a",
            "$a[",
            "$a[x]",
            "$a[+1]",
            "$a..b",
            "$a b",
            "",
            "$a.length+",
            "$a.length+0",
            "$a.length+b",
            "$a.length 1",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
