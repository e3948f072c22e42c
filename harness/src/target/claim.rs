//! Profiles that a target is held to although its token does not claim them by an object.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use crate::cryptoki::names::{self, Kind};
use crate::yaml::unknown_name;

/// A `CK_PROFILE_ID`. Written as the standard does, `CKP_BASELINE_PROVIDER`, or as its suite is
/// named, `baseline-provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile(pub u64);

/// The profiles that there are: neither the invalid id nor the first of the vendors' own.
fn known() -> impl Iterator<Item = &'static names::Constant> {
    let all = names::of_kind(Kind::PROFILE).iter();
    all.filter(|profile| !["CKP_INVALID_ID", "CKP_VENDOR_DEFINED"].contains(&profile.name))
}

fn short(name: &str) -> String {
    let name = name.trim_start_matches("CKP_");
    name.to_ascii_lowercase().replace('_', "-")
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = known().find(|profile| profile.name == text || short(profile.name) == text);
        found.map(|profile| Self(profile.value)).ok_or_else(|| {
            let names: Vec<String> = known().map(|profile| short(profile.name)).collect();
            unknown_name("profile", text, names.iter().map(String::as_str))
        })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names::display(Kind::PROFILE, self.0))
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&short(&self.to_string()))
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Profile {
    fn schema_name() -> Cow<'static, str> {
        "Profile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let both = |profile: &names::Constant| [short(profile.name), profile.name.to_owned()];
        json_schema!({ "enum": known().flat_map(both).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_profile_are_read() {
        let baseline = Ok(Profile(cryptoki_sys::CKP_BASELINE_PROVIDER));
        assert_eq!("baseline-provider".parse(), baseline);
        assert_eq!("CKP_BASELINE_PROVIDER".parse(), baseline);
        let error = "baseline-provide"
            .parse::<Profile>()
            .expect_err("no profile");
        assert!(
            error.contains("did you mean `baseline-provider`?"),
            "{error}"
        );
        assert!("invalid-id".parse::<Profile>().is_err());
    }
}
