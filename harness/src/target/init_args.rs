//! What `C_Initialize` is called with, as written in a target file. Filled in it is the argument of
//! the sequence language.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::template::{Context, Template, TemplateError};
use crate::sequence::{InitArgs, Mutexes, Reserved};
use crate::yaml::unknown_name;

/// Arguments of `C_Initialize` as a target file has them.
///
/// `none` stands for a NULL pointer. Left out altogether it is a CK_C_INITIALIZE_ARGS that asks for
/// the operating system's locking and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitArgsForm {
    /// A NULL pointer.
    None,
    /// A CK_C_INITIALIZE_ARGS.
    Given(GivenForm),
}

/// The fields of CK_C_INITIALIZE_ARGS, and of NSS's larger variant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping of initialisation arguments"
)]
pub struct GivenForm {
    /// Members of `flags`; none sets it to 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<InitFlag>,
    /// The four mutex functions.
    #[serde(default, skip_serializing_if = "Mutexes::is_none")]
    pub mutexes: Mutexes,
    /// `pReserved`; NULL if left out, as the standard wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<ReservedForm>,
    /// The string that NSS wants in `LibraryParameters`, a field it has between `flags` and
    /// `pReserved`. Giving it makes the structure NSS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nss: Option<Template>,
}

/// A flag of CK_C_INITIALIZE_ARGS ([PKCS11-Base 3.2] 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum InitFlag {
    /// The module must not make threads of its own.
    #[serde(rename = "CKF_LIBRARY_CANT_CREATE_OS_THREADS")]
    LibraryCantCreateOsThreads,
    /// The module may lock with what the operating system has.
    #[serde(rename = "CKF_OS_LOCKING_OK")]
    OsLockingOk,
}

impl InitFlag {
    /// The bit in `flags`.
    #[must_use]
    pub fn bit(self) -> u64 {
        match self {
            Self::LibraryCantCreateOsThreads => cryptoki_sys::CKF_LIBRARY_CANT_CREATE_OS_THREADS,
            Self::OsLockingOk => cryptoki_sys::CKF_OS_LOCKING_OK,
        }
    }
}

/// What `pReserved` points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReservedForm {
    /// A NUL-terminated string, which some modules take their configuration from.
    String(Template),
    /// This very value, pointing nowhere; a module must not follow it.
    Pointer(u64),
}

impl Default for InitArgsForm {
    fn default() -> Self {
        Self::Given(GivenForm {
            flags: vec![InitFlag::OsLockingOk],
            ..GivenForm::default()
        })
    }
}

impl InitArgsForm {
    /// Arguments from one text, as on a command line: `none` for NULL, `nss:TEXT` for NSS's
    /// parameters, anything else for the string `pReserved` points to. If a target already gives
    /// NSS parameters, `given` keeps its layout and a bare text replaces them.
    #[must_use]
    pub fn from_flag(text: &str, given: &Self) -> Self {
        if text == "none" {
            return Self::None;
        }
        let mut form = match given {
            Self::None => match Self::default() {
                Self::Given(form) => form,
                Self::None => GivenForm::default(),
            },
            Self::Given(form) => form.clone(),
        };
        match text.strip_prefix("nss:") {
            Some(parameters) => form.nss = Some(Template::literal(parameters)),
            None if form.nss.is_some() => form.nss = Some(Template::literal(text)),
            None => form.reserved = Some(ReservedForm::String(Template::literal(text))),
        }
        Self::Given(form)
    }

    /// The arguments with every variable filled in; nothing for a NULL pointer.
    ///
    /// # Errors
    /// [`TemplateError`] if a variable stands for nothing.
    pub fn expand(&self, context: &Context<'_>) -> Result<Option<InitArgs>, TemplateError> {
        let Self::Given(form) = self else {
            return Ok(None);
        };
        let reserved = match &form.reserved {
            None => Reserved::Null,
            Some(ReservedForm::String(text)) => Reserved::Text(text.expand(context)?),
            Some(ReservedForm::Pointer(value)) => Reserved::Pointer(*value),
        };
        let nss = form
            .nss
            .as_ref()
            .map(|text| text.expand(context))
            .transpose()?;
        Ok(Some(InitArgs {
            flags: form.flags.iter().fold(0, |flags, flag| flags | flag.bit()),
            mutexes: form.mutexes,
            nss,
            reserved,
            rest_of_target: false,
        }))
    }
}

impl Serialize for InitArgsForm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Given(form) => form.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for InitArgsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = InitArgsForm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`none` or a mapping of initialisation arguments")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<InitArgsForm, E> {
        if text == "none" {
            return Ok(InitArgsForm::None);
        }
        let message = unknown_name("initialisation arguments", text, ["none"]);
        Err(E::custom(format!(
            "{message}; write `none`, or `{{ reserved: {{ string: ... }} }}`"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InitArgsForm, A::Error> {
        GivenForm::deserialize(MapAccessDeserializer::new(map)).map(InitArgsForm::Given)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<InitArgsForm, E> {
        Err(E::custom(
            "initialisation arguments are missing: write `none` for NULL",
        ))
    }
}

impl JsonSchema for InitArgsForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InitArgs".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let given = generator.subschema_for::<GivenForm>();
        schemars::json_schema!({
            "description": "What C_Initialize is called with; `none` is NULL.",
            "anyOf": [{ "const": "none" }, given]
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<InitArgsForm, yaml::Diagnostic> {
        yaml::from_str(Path::new("t.yaml"), text)
    }

    fn given(flags: u64) -> Option<InitArgs> {
        Some(InitArgs {
            flags,
            ..InitArgs::default()
        })
    }

    #[test]
    fn every_form_is_read_and_filled_in() {
        let context = Context {
            scratch: Some(Path::new("/s")),
            ..Context::default()
        };
        let cases = [
            ("none", None),
            ("{}", given(0)),
            (
                "{ flags: [CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS] }",
                given(3),
            ),
            (
                "{ mutexes: callbacks, reserved: { string: \"kryoptic_conf=${scratch}/c\" } }",
                Some(InitArgs {
                    mutexes: Mutexes::Callbacks,
                    reserved: Reserved::Text("kryoptic_conf=/s/c".into()),
                    ..InitArgs::default()
                }),
            ),
            (
                "{ nss: \"configdir='${scratch}'\", reserved: { pointer: 1 } }",
                Some(InitArgs {
                    reserved: Reserved::Pointer(1),
                    nss: Some("configdir='/s'".into()),
                    ..InitArgs::default()
                }),
            ),
        ];
        for (text, expected) in cases {
            let form = read(text).unwrap();
            assert_eq!(form.expand(&context), Ok(expected), "{text}");
            let again = read(&yaml::to_string(&form).unwrap()).unwrap();
            assert_eq!(again, form, "{text}");
        }
        assert_eq!(InitArgsForm::default().expand(&context), Ok(given(2)));
    }

    #[test]
    fn mistakes_are_shown_where_they_are() {
        let cases = [
            (
                "non",
                1,
                "unknown initialisation arguments `non`; did you mean `none`?",
            ),
            (
                "{ flags: [CKF_OS_LOCKING] }",
                11,
                "unknown name `CKF_OS_LOCKING`; did you mean `CKF_OS_LOCKING_OK`?",
            ),
            (
                "{ reserve: { pointer: 1 } }",
                3,
                "unknown key `reserve`; did you mean `reserved`?",
            ),
            ("{ reserved: text }", 13, "unknown name `text`"),
            (
                "{ nss: \"${scrach}\" }",
                8,
                "unknown variable `scrach`; did you mean `scratch`?",
            ),
            ("~", 1, "initialisation arguments are missing"),
        ];
        for (text, column, message) in cases {
            let error = read(text).unwrap_err();
            assert!(error.message().starts_with(message), "{error}");
            assert_eq!(
                error.mark().map(|mark| mark.column),
                Some(column),
                "{error}"
            );
        }
    }

    #[test]
    fn a_flag_replaces_the_string_a_target_uses() {
        let reserved = |form: &InitArgsForm| match form {
            InitArgsForm::Given(form) => form.reserved.clone(),
            InitArgsForm::None => None,
        };
        let nss = |form: &InitArgsForm| match form {
            InitArgsForm::Given(form) => form.nss.clone(),
            InitArgsForm::None => None,
        };
        let plain = InitArgsForm::default();
        let with_nss = read("{ nss: a }").unwrap();
        assert_eq!(InitArgsForm::from_flag("none", &plain), InitArgsForm::None);
        let text = Template::literal("x");
        let found = InitArgsForm::from_flag("x", &plain);
        assert_eq!(reserved(&found), Some(ReservedForm::String(text.clone())));
        assert_eq!(
            nss(&InitArgsForm::from_flag("nss:x", &plain)),
            Some(text.clone())
        );
        let found = InitArgsForm::from_flag("x", &with_nss);
        assert_eq!((nss(&found), reserved(&found)), (Some(text), None));
    }
}
