//! The YAML form of a target, checked as far as it can be without looking at the system.
//!
//! Choosing the module among candidates, and what flags change, is left to `resolve`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::claim::Profile;
use super::humane::{Period, Size};
use super::init_args::InitArgsForm;
use super::removal::RemovalForm;
use super::security_profile::SecurityProfile;
use super::step::Step;
use super::template::Template;
use super::token::TokenChoice;
use crate::cryptoki::Version;
use crate::yaml::{Diagnostic, Document, Spanned, from_node};

/// How long a call may take unless the target says otherwise.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A target as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a target")]
pub struct Description {
    /// Name of the target in reports.
    pub target: Name,
    /// The module: a path, `builtin`, `p11-kit:NAME`, or a list of them of which the first that
    /// exists is taken.
    pub module: ModuleChoice,
    /// Package to install if the module or a program is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What C_Initialize is called with.
    #[serde(default)]
    pub init_args: InitArgsForm,
    /// Environment of the worker that loads the module, and of the provisioning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Template>,
    /// Whether the token may be initialised, locked and emptied.
    #[serde(default)]
    pub disposable: bool,
    /// Whether the steps of `provision` make another token each time, so that one whose PINs are locked or lost does no harm.
    #[serde(default)]
    pub renewable: bool,
    /// How the token comes into being, in order, in a fresh folder `${scratch}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provision: Vec<Spanned<Step>>,
    /// How the token is taken out of its slot and put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalForm>,
    /// Which token, and its PINs.
    #[serde(default)]
    pub token: TokenChoice,
    /// Whether to log in as the user; by default if there is a PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<bool>,
    /// Profiles to hold the module to even if its token does not claim them by a profile object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Profile>,
    /// Security profiles to hold the module to: what they forbid is a violation, permitted by the
    /// standard or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_profiles: Vec<SecurityProfile>,
    /// What the module can do, where it does not say so itself.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// What a worker may take.
    #[serde(default)]
    pub limits: LimitsForm,
    /// File of known deviations, relative to this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<String>,
}

/// What the module can do, where it does not say so itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    default,
    expecting = "a mapping of capabilities"
)]
pub struct Capabilities {
    /// Cryptoki version to hold the module to, instead of the one it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
}

/// What a worker may take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    default,
    expecting = "a mapping of limits"
)]
pub struct LimitsForm {
    /// Longest that one call may take, 10s by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_deadline: Option<Period>,
    /// Most memory a worker may have, unlimited by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}

/// Name of a target: file names, report columns and waiver keys are made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
pub struct Name(pub(super) String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.bytes().all(legal)
            && name
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_alphanumeric())
        {
            return Ok(Self(name));
        }
        Err(D::Error::custom(format!(
            "`{name}` cannot name a target: use letters, digits, `.`, `_` and `-`, a letter or digit first"
        )))
    }
}

/// Candidates for the module, at least one; the first that exists is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleChoice(pub Vec<Template>);

impl Serialize for ModuleChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ModuleChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModuleVisitor)
    }
}

struct ModuleVisitor;

impl<'de> Visitor<'de> for ModuleVisitor {
    type Value = ModuleChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a module (a path, `builtin` or `p11-kit:NAME`) or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ModuleChoice, E> {
        text.parse()
            .map(|template| ModuleChoice(vec![template]))
            .map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ModuleChoice, A::Error> {
        let mut candidates = Vec::new();
        while let Some(candidate) = items.next_element()? {
            candidates.push(candidate);
        }
        if candidates.is_empty() {
            return Err(A::Error::custom("no module is given: write at least one"));
        }
        Ok(ModuleChoice(candidates))
    }
}

impl JsonSchema for ModuleChoice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Module".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Template>();
        json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl Description {
    /// Reads a target file's text; `path` names it in messages.
    ///
    /// # Errors
    /// A [`Diagnostic`] with the place of what is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::parse(path, text)?)
    }

    /// Reads a target file.
    ///
    /// # Errors
    /// As [`Description::parse`], and if the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::read(path)?)
    }

    fn from_document(document: &Document) -> Result<Self, Diagnostic> {
        let description: Self = from_node(document)?;
        let calls = |step: &&Spanned<Step>| matches!(step.value, Step::Sequence(_));
        match description.provision.iter().find(calls) {
            // A call sequence that provisions initialises the token: destructive.
            Some(step) if !description.disposable => Err(document
                .source()
                .diagnostic(
                    step.mark.unwrap_or_default(),
                    "a call sequence may only provision a disposable token",
                )
                .help("add `disposable: true` if everything on this token may be destroyed")),
            _ => Ok(description),
        }
    }
}

/// JSON Schema of a target file, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Description).to_value()
}
