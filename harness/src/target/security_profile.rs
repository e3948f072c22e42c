//! Security profiles: published rules that are stricter than the standard, to which a target is held if
//! its owner says so. They are no profiles of OASIS, and no token claims them by an object.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use crate::yaml::unknown_name;

/// One of [`SecurityProfile::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityProfile {
    /// Keys have one role, which never changes.
    SecureTemplates,
    /// A key has one purpose, and is protected by keys that are no weaker.
    Sp80057,
    /// Public keys of others are validated.
    Sp80056a,
    /// RSA keys with large exponents and random primes.
    Fips1865,
}

impl SecurityProfile {
    /// Every profile, its name, and where it is published.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (
            Self::SecureTemplates,
            "secure-templates",
            "Bortolozzo, Centenaro, Focardi, Steel: Attacking and Fixing PKCS#11 Security Tokens (CCS 2010), \
             the patch by secure templates",
        ),
        (
            Self::Sp80057,
            "sp800-57",
            "NIST SP 800-57 Part 1 Rev. 5, sections 5.2 (key usage) and 5.6 (strength)",
        ),
        (
            Self::Sp80056a,
            "sp800-56a",
            "NIST SP 800-56A Rev. 3, section 5.6.2.3 (public-key validation)",
        ),
        (
            Self::Fips1865,
            "fips186-5",
            "FIPS 186-5, section 5.1 and appendix A.1 (RSA keys)",
        ),
    ];

    /// Its name in suites, target files and arguments.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(profile, ..)| *profile == self);
        found.map_or("", |(_, name, _)| name)
    }
}

impl FromStr for SecurityProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name, _)| *name == text);
        found.map(|(profile, ..)| *profile).ok_or_else(|| {
            let names = Self::ALL.iter().map(|(_, name, _)| *name);
            unknown_name("security profile", text, names)
        })
    }
}

impl fmt::Display for SecurityProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for SecurityProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SecurityProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for SecurityProfile {
    fn schema_name() -> Cow<'static, str> {
        "SecurityProfile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::ALL.iter().map(|(_, name, _)| *name).collect();
        json_schema!({ "enum": names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_a_name_of_its_own() {
        for (profile, name, source) in SecurityProfile::ALL {
            assert_eq!(name.parse(), Ok(profile));
            assert_eq!(profile.to_string(), name);
            assert!(!source.is_empty());
        }
        let error = "sp800-58".parse::<SecurityProfile>().expect_err("none");
        assert!(error.contains("did you mean `sp800-5"), "{error}");
    }
}
