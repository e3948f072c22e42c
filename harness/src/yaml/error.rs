//! What goes wrong while a tree becomes a value, in the words of someone who writes YAML.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::document::Mark;
use super::suggest::closest;

/// How many possible names a help line lists before it only counts the rest.
const LISTED: usize = 16;

/// A deserialisation error: message, help, and once it is known the place.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    message: String,
    help: Option<String>,
    mark: Option<Mark>,
}

impl Error {
    fn new(message: String, help: Option<String>) -> Self {
        Self(Box::new(Parts {
            message,
            help,
            mark: None,
        }))
    }

    /// Adds a place unless an inner node has already claimed the error.
    #[must_use]
    pub fn or_at(mut self, mark: Mark) -> Self {
        self.0.mark.get_or_insert(mark);
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, if that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The innermost node that was being read.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.0.mark
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), None)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let message = format!(
            "expected {}, found {}",
            yaml_words(&expected),
            described(&unexpected)
        );
        let scalar = matches!(
            unexpected,
            Unexpected::Unsigned(_)
                | Unexpected::Signed(_)
                | Unexpected::Float(_)
                | Unexpected::Bool(_)
                | Unexpected::Unit
        );
        let help = (scalar && expected.contains("string"))
            .then(|| "put it in quotes if it is meant as text".to_owned());
        Self::new(message, help)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let message = format!(
            "expected {}, found {}",
            yaml_words(&expected),
            described(&unexpected)
        );
        Self::new(message, None)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::new(
            format!("expected {}, found {length} entries", yaml_words(&expected)),
            None,
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        unknown("name", variant, expected, "possible here")
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        unknown("key", field, expected, "keys here")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(
            format!("key `{field}` is missing"),
            Some(format!("add `{field}:` to what begins here")),
        )
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(
            format!("key `{field}` is given twice, once by another name"),
            Some("remove one of the two".to_owned()),
        )
    }
}

fn unknown(what: &str, got: &str, expected: &'static [&'static str], list: &str) -> Error {
    let message = match closest(got, expected.iter().copied()) {
        Some(name) => format!("unknown {what} `{got}`; did you mean `{name}`?"),
        None => format!("unknown {what} `{got}`"),
    };
    let mut names: Vec<String> = expected
        .iter()
        .take(LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    if expected.len() > LISTED {
        names.push(format!("and {} more", expected.len() - LISTED));
    }
    let help = if names.is_empty() {
        "nothing may be given here".to_owned()
    } else {
        format!("{list}: {}", names.join(", "))
    };
    Error::new(message, Some(help))
}

/// Rust's words for a shape, exchanged for YAML's.
fn yaml_words(expected: &str) -> String {
    const EXACT: &[(&str, &str)] = &[
        ("a string", "text"),
        ("a sequence", "a list"),
        ("a map", "a mapping"),
        ("a boolean", "true or false"),
        ("unit", "nothing"),
        ("variant identifier", "a name"),
        ("field identifier", "a key that is text"),
    ];
    const BEGINNINGS: &[(&str, &str)] = &[
        ("struct variant ", "a mapping"),
        ("struct ", "a mapping"),
        ("tuple variant ", "a list"),
        ("tuple struct ", "a list"),
        ("enum ", "a name or a mapping with one key"),
    ];
    if let Some((_, words)) = EXACT.iter().find(|(rust, _)| *rust == expected) {
        return (*words).to_owned();
    }
    match BEGINNINGS
        .iter()
        .find(|(rust, _)| expected.starts_with(rust))
    {
        Some((rust, words)) => format!("{words} ({})", &expected[rust.len()..]),
        None => expected.to_owned(),
    }
}

fn described(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text {}", shortened(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::UnitVariant => "a bare name".to_owned(),
        Unexpected::NewtypeVariant | Unexpected::TupleVariant | Unexpected::StructVariant => {
            "a name with content".to_owned()
        }
        other => other.to_string(),
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.chars().count() <= SHOWN {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start:?}...")
}
