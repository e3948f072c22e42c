//! What a token is made from: defaults, a TOML file named by the environment variable
//! REFERENCE_TOKEN_CONF, or the string in `pReserved`. The README documents all of them.

use std::path::{Path, PathBuf};

use cryptoki_sys::*;
use serde::Deserialize;

use crate::rv::{Result, ensure, refusal};

/// The environment variable that names a configuration file.
const VARIABLE: &str = "REFERENCE_TOKEN_CONF";

/// Settings of the token. Every key is optional.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Configuration {
    /// The file where token objects live; in memory, for the life of the process, without it.
    pub(crate) file: Option<PathBuf>,
    /// Label of a new token, at most 32 bytes.
    pub(crate) label: String,
    /// PIN of the normal user of a new token.
    pub(crate) user_pin: String,
    /// PIN of the security officer of a new token.
    pub(crate) so_pin: String,
    /// Wrong PINs in a row until a PIN locks; 0 for never.
    pub(crate) pin_tries: u32,
    /// Rounds of hashing for a PIN whose verifier is written to disk.
    pub(crate) pin_rounds: u32,
    /// Whether a new token is initialised, or as from the factory.
    pub(crate) initialized: bool,
    /// Whether PINs of a new token, and those that the SO sets, must be changed by their owner.
    pub(crate) change_initial_pins: bool,
    /// Whether the token shows its clock: a clock object, CKF_CLOCK_ON_TOKEN and the time.
    pub(crate) clock: bool,
    /// Whether the pairs of section 5.17 may run in one session: CKF_DUAL_CRYPTO_OPERATIONS.
    pub(crate) dual_operations: bool,
    /// Whether the token has asynchronous sessions: CKF_ASYNC_SESSION_SUPPORTED.
    pub(crate) asynchronous_sessions: bool,
    /// Whether C_CreateObject takes secret and private keys; otherwise they come in wrapped.
    pub(crate) key_import: bool,
    /// The token is in its slot as long as this file is there; always, without it.
    pub(crate) removable: Option<PathBuf>,
}

impl Default for Configuration {
    fn default() -> Self {
        Configuration {
            file: None,
            label: "p11assay reference".to_owned(),
            user_pin: "1234".to_owned(),
            so_pin: "12345678".to_owned(),
            pin_tries: 10,
            pin_rounds: 100_000,
            initialized: true,
            change_initial_pins: false,
            clock: false,
            dual_operations: true,
            asynchronous_sessions: true,
            key_import: true,
            removable: None,
        }
    }
}

impl Configuration {
    /// The configuration for one C_Initialize, from its `pReserved` string if there was one.
    /// CKR_ARGUMENTS_BAD for a string of another form, CKR_FUNCTION_FAILED for a bad file.
    pub(crate) fn load(reserved: Option<&str>) -> Result<Configuration> {
        match reserved {
            Some(text) => Configuration::from_reserved(text),
            None => match std::env::var_os(VARIABLE) {
                Some(path) => Configuration::from_file(Path::new(&path)),
                None => Ok(Configuration::default()),
            },
        }
    }

    fn from_reserved(text: &str) -> Result<Configuration> {
        let (key, path) = text.split_once('=').ok_or(refusal(CKR_ARGUMENTS_BAD))?;
        ensure(!path.is_empty(), CKR_ARGUMENTS_BAD)?;
        match key {
            "file" => Ok(Configuration {
                file: Some(path.into()),
                ..Configuration::default()
            }),
            "configuration" => Configuration::from_file(Path::new(path)),
            _ => Err(refusal(CKR_ARGUMENTS_BAD)),
        }
    }

    fn from_file(path: &Path) -> Result<Configuration> {
        let complain = |problem: String| {
            // The return code cannot say what is wrong with the file; standard error can.
            eprintln!("reference-token: {}: {problem}", path.display());
            refusal(CKR_FUNCTION_FAILED)
        };
        let text = std::fs::read_to_string(path).map_err(|error| complain(error.to_string()))?;
        let settings: Configuration =
            toml::from_str(&text).map_err(|error| complain(error.to_string()))?;
        settings
            .check()
            .map_err(|problem| complain(problem.to_owned()))?;
        Ok(settings)
    }

    fn check(&self) -> core::result::Result<(), &'static str> {
        let usable = |pin: &str| super::pin::LENGTHS.contains(&(pin.len() as CK_ULONG));
        if !usable(&self.user_pin) || !usable(&self.so_pin) {
            return Err("PINs must be 4 to 255 bytes long");
        }
        if !(1..=super::pin::MOST_ROUNDS).contains(&self.pin_rounds) {
            return Err("PINs must be hashed in 1 to 1000000 rounds");
        }
        if self.label.len() > 32 {
            return Err("the label must be at most 32 bytes long");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_strings_name_a_token_or_a_configuration_and_nothing_else() {
        let file = Configuration::load(Some("file=a/b")).unwrap().file;
        assert_eq!(file, Some(PathBuf::from("a/b")));
        for bad in ["", "file", "file=", "other=a"] {
            let refusal = Configuration::load(Some(bad)).unwrap_err();
            assert_eq!(refusal.code(), CKR_ARGUMENTS_BAD, "{bad:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_not_ignored() {
        assert!(toml::from_str::<Configuration>("user-pim = \"1234\"").is_err());
        let settings: Configuration = toml::from_str("user-pin = \"98765\"").unwrap();
        assert_eq!(settings.user_pin, "98765");
    }

    #[test]
    fn pins_and_labels_that_the_token_could_not_hold_are_refused() {
        let short = Configuration {
            user_pin: "123".into(),
            ..Configuration::default()
        };
        assert!(short.check().is_err());
        for rounds in [0, 1_000_001] {
            let absurd = Configuration {
                pin_rounds: rounds,
                ..Configuration::default()
            };
            assert!(absurd.check().is_err(), "{rounds}");
        }
        let long = Configuration {
            label: "x".repeat(33),
            ..Configuration::default()
        };
        assert!(long.check().is_err());
    }
}
