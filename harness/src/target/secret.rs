//! PINs: where they come from, and keeping them out of everything that is shown or written.
//!
//! What a PIN is used for is left to the rooms that log in.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// What is shown in place of a secret.
pub const MASK: &str = "***";

/// Most bytes read from a PIN file; no token takes a PIN near this long.
const MAX_PIN_FILE: u64 = 4096;

/// A PIN. Wiped from memory when dropped, and shown as `***` by every formatter and serialiser.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text into keeping.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Where a PIN is to be had.
///
/// Written as one text: `env:NAME`, `file:PATH` (its first line), `prompt`, or the PIN itself. A PIN
/// that looks like one of the others is written `literal:PIN`. Serialised, a PIN itself becomes `***`:
/// what is written out is for people, and does not bring the PIN back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinSource {
    /// An environment variable.
    Environment(String),
    /// The first line of a file.
    File(PathBuf),
    /// Asked for on the terminal.
    Prompt,
    /// Written out where it was given.
    Literal(Secret),
}

/// A PIN that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is unset or not UTF-8.
    #[error(
        "the {what} is to come from environment variable `{name}`, which is not set to a text: set it"
    )]
    Environment {
        /// Which PIN.
        what: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("the {what} is to come from file `{path}`, which cannot be read: {error}")]
    File {
        /// Which PIN.
        what: String,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No terminal to ask on.
    #[error(
        "cannot ask for the {what}: {error}; without a terminal, give it as env:NAME or file:PATH"
    )]
    Prompt {
        /// Which PIN.
        what: String,
        /// Why.
        error: std::io::Error,
    },
}

/// A notation of a PIN source that means nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names nothing: write env:NAME, file:PATH, prompt, literal:PIN, or the PIN itself")]
pub struct BadPinSource(String);

impl PinSource {
    /// Whether the PIN itself was written; on a command line every user can then see it in the
    /// list of processes, which deserves a warning.
    #[must_use]
    pub fn literal_on_command_line(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Fetches the PIN; `what` names it in questions and errors ("user PIN").
    ///
    /// # Errors
    /// [`SecretError`] if it cannot be had from where it should come from.
    pub fn fetch(&self, what: &str) -> Result<Secret, SecretError> {
        let what = || what.to_owned();
        match self {
            Self::Literal(secret) => Ok(secret.clone()),
            Self::Environment(name) => {
                std::env::var(name)
                    .map(Secret::new)
                    .map_err(|_| SecretError::Environment {
                        what: what(),
                        name: name.clone(),
                    })
            }
            Self::File(path) => first_line(path).map_err(|error| SecretError::File {
                what: what(),
                path: path.clone(),
                error,
            }),
            Self::Prompt => rpassword::prompt_password(format!("{}: ", what()))
                .map(Secret::new)
                .map_err(|error| SecretError::Prompt {
                    what: what(),
                    error,
                }),
        }
    }
}

fn first_line(path: &std::path::Path) -> Result<Secret, std::io::Error> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?
        .take(MAX_PIN_FILE)
        .read_to_string(&mut text)?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

impl FromStr for PinSource {
    type Err = BadPinSource;

    fn from_str(text: &str) -> Result<Self, BadPinSource> {
        let split = text.split_once(':');
        match split {
            Some(("env" | "file", "")) => Err(BadPinSource(text.to_owned())),
            Some(("env", name)) => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) => Ok(Self::File(PathBuf::from(path))),
            Some(("literal", pin)) => Ok(Self::Literal(Secret::new(pin))),
            _ if text == "prompt" => Ok(Self::Prompt),
            _ => Ok(Self::Literal(Secret::new(text))),
        }
    }
}

impl fmt::Display for PinSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Prompt => f.write_str("prompt"),
            Self::Literal(secret) => secret.fmt(f),
        }
    }
}

impl Serialize for PinSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PinSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PinSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PinSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A PIN: `env:NAME`, `file:PATH` (first line), `prompt`, `literal:PIN`, or the PIN itself in quotes."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2!");
        let source = PinSource::Literal(secret.clone());
        let shown = format!(
            "{secret} {secret:?} {source} {source:?} {} {}",
            serde_json::to_string(&secret).unwrap(),
            serde_json::to_string(&source).unwrap()
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(shown.matches(MASK).count(), 6);
    }

    #[test]
    fn a_source_is_read_from_its_notation() {
        let literal = |text: &str| Ok(PinSource::Literal(Secret::new(text)));
        let cases = [
            ("1234", literal("1234")),
            ("", literal("")),
            ("env:PIN", Ok(PinSource::Environment("PIN".into()))),
            ("file:/run/pin", Ok(PinSource::File("/run/pin".into()))),
            ("prompt", Ok(PinSource::Prompt)),
            ("literal:prompt", literal("prompt")),
            ("a:b", literal("a:b")),
            ("env:", Err(BadPinSource("env:".into()))),
            ("file:", Err(BadPinSource("file:".into()))),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse(), expected, "{text}");
        }
        assert!(PinSource::Literal(Secret::new("1")).literal_on_command_line());
        assert!(!PinSource::Prompt.literal_on_command_line());
    }

    #[test]
    fn a_pin_is_fetched_from_its_source() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "12 34\r\nsecond\n").unwrap();
        let fetched = PinSource::File(file.path().to_owned())
            .fetch("user PIN")
            .unwrap();
        assert_eq!(fetched.expose(), "12 34");

        // Cargo sets this one for every test.
        let fetched = PinSource::Environment("CARGO_PKG_NAME".into())
            .fetch("user PIN")
            .unwrap();
        assert_eq!(fetched.expose(), "p11assay");

        let absent = PinSource::Environment("P11ASSAY_NOT_SET".into()).fetch("SO PIN");
        let message = absent.unwrap_err().to_string();
        assert!(
            message.contains("SO PIN") && message.contains("P11ASSAY_NOT_SET"),
            "{message}"
        );
        let absent = PinSource::File("/nonexistent/pin".into())
            .fetch("SO PIN")
            .unwrap_err();
        assert!(absent.to_string().contains("/nonexistent/pin"), "{absent}");
    }
}
