//! Texts of a target file with `${...}` in them, checked when they are read and filled in when a
//! token is provisioned.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::secret::Secret;
use crate::yaml::unknown_name;

/// A text in which `${scratch}`, `${target-dir}`, `${env:NAME}`, `${pin}` and `${so-pin}` stand for
/// something that is known later. A `${` that is meant as such is written `$${`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, PartialEq, Eq)]
enum Variable {
    Scratch,
    TargetDir,
    Pin,
    SoPin,
    Environment(String),
}

const NAMES: &[(&str, Variable)] = &[
    ("scratch", Variable::Scratch),
    ("target-dir", Variable::TargetDir),
    ("pin", Variable::Pin),
    ("so-pin", Variable::SoPin),
];

/// What the variables stand for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'c> {
    /// The folder made for this provisioning.
    pub scratch: Option<&'c Path>,
    /// The folder the target file lies in, if it is a file.
    pub target_dir: Option<&'c Path>,
    /// The user's PIN.
    pub pin: Option<&'c Secret>,
    /// The security officer's PIN.
    pub so_pin: Option<&'c Secret>,
}

/// A template that cannot be read or filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` without `}}`: close it, or write `$${{` if it is meant as such")]
    Open,
    /// A name that stands for nothing.
    #[error("{0} (known are: scratch, target-dir, pin, so-pin, env:NAME)")]
    Unknown(String),
    /// A variable that stands for nothing here.
    #[error("`${{{name}}}` is not known here: {reason}")]
    Unset {
        /// The variable.
        name: String,
        /// Why, and what to do.
        reason: &'static str,
    },
}

impl Template {
    /// A template without variables.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self {
            source: text.replace("${", "$${"),
            parts: vec![Part::Text(text.to_owned())],
        }
    }

    /// The text with every variable filled in.
    ///
    /// # Errors
    /// [`TemplateError::Unset`] if a variable stands for nothing in this context.
    pub fn expand(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Variable(variable) => variable.value(context),
        });
        parts.collect()
    }
}

impl Variable {
    fn value(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        let (value, name, reason) = match self {
            Self::Scratch => (
                context.scratch.map(|path| path.display().to_string()),
                "scratch",
                "there is a scratch folder only while a token is provisioned and used",
            ),
            Self::TargetDir => (
                context.target_dir.map(|path| path.display().to_string()),
                "target-dir",
                "this target is not a file; copy it to one",
            ),
            Self::Pin => (
                context.pin.map(|pin| pin.expose().to_owned()),
                "pin",
                "give the user PIN in the target's `token` or with --pin",
            ),
            Self::SoPin => (
                context.so_pin.map(|pin| pin.expose().to_owned()),
                "so-pin",
                "give the SO PIN in the target's `token` or with --so-pin",
            ),
            Self::Environment(name) => {
                let reason = "set this environment variable";
                return std::env::var(name).map_err(|_| TemplateError::Unset {
                    name: format!("env:{name}"),
                    reason,
                });
            }
        };
        value.ok_or_else(|| TemplateError::Unset {
            name: name.to_owned(),
            reason,
        })
    }

    fn named(name: &str) -> Result<Self, TemplateError> {
        if let Some(variable) = name
            .strip_prefix("env:")
            .filter(|variable| !variable.is_empty())
        {
            return Ok(Self::Environment(variable.to_owned()));
        }
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, variable)| variable.clone())
            .ok_or_else(|| {
                let known = NAMES.iter().map(|(known, _)| *known);
                TemplateError::Unknown(unknown_name("variable", name, known))
            })
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(at) = rest.find("${") {
            let (before, after) = (&rest[..at], &rest[at + 2..]);
            if let Some(plain) = before.strip_suffix('$') {
                text.push_str(plain);
                text.push_str("${");
                rest = after;
                continue;
            }
            let (name, behind) = after.split_once('}').ok_or(TemplateError::Open)?;
            text.push_str(before);
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::Variable(Variable::named(name)?));
            rest = behind;
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A text in which ${scratch}, ${target-dir}, ${env:NAME}, ${pin} and ${so-pin} are filled in."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in() {
        let (pin, so_pin) = (Secret::new("1234"), Secret::new("5678"));
        let context = Context {
            scratch: Some(Path::new("/s")),
            target_dir: Some(Path::new("/t")),
            pin: Some(&pin),
            so_pin: Some(&so_pin),
        };
        let cases = [
            ("", ""),
            ("plain $HOME {x} $", "plain $HOME {x} $"),
            ("${scratch}", "/s"),
            (
                "a ${scratch}/b ${target-dir}${pin}:${so-pin}",
                "a /s/b /t1234:5678",
            ),
            ("${env:CARGO_PKG_NAME}!", "p11assay!"),
            ("$${scratch} ${scratch}", "${scratch} /s"),
        ];
        for (text, expected) in cases {
            let template: Template = text.parse().unwrap();
            assert_eq!(template.expand(&context).as_deref(), Ok(expected), "{text}");
            assert_eq!(template.to_string(), text);
        }
        let literal = Template::literal("a ${b}");
        assert_eq!(literal.expand(&context).as_deref(), Ok("a ${b}"));
        assert_eq!(
            literal
                .to_string()
                .parse::<Template>()
                .unwrap()
                .expand(&context)
                .as_deref(),
            Ok("a ${b}")
        );
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        let cases = [
            (
                "${scrach}",
                "unknown variable `scrach`; did you mean `scratch`?",
            ),
            ("${}", "unknown variable ``"),
            ("${env:}", "unknown variable `env:`"),
            ("${scratch", "`${` without `}`"),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Template>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn what_is_not_known_yet_says_what_to_do() {
        for name in [
            "scratch",
            "target-dir",
            "pin",
            "so-pin",
            "env:P11ASSAY_NOT_SET",
        ] {
            let template: Template = format!("${{{name}}}").parse().unwrap();
            let error = template
                .expand(&Context::default())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!("`${{{name}}}` is not known here: ")),
                "{error}"
            );
        }
    }
}
