//! Cryptoki versions, and how files write them: as text, since `2.40` as a number were `2.4`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

/// A Cryptoki version, `major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major number.
    pub major: u8,
    /// Minor number; 2.40 has 40, and 3.1 has 1 where some modules write 10.
    pub minor: u8,
}

impl Version {
    /// Cryptoki 2.40 and everything before it.
    pub const V2_40: Version = Version {
        major: 2,
        minor: 40,
    };
    /// Cryptoki 3.0.
    pub const V3_0: Version = Version { major: 3, minor: 0 };
    /// Cryptoki 3.1.
    pub const V3_1: Version = Version { major: 3, minor: 1 };
    /// Cryptoki 3.2.
    pub const V3_2: Version = Version { major: 3, minor: 2 };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(Version {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        };
        parse().ok_or_else(|| format!("`{text}` is no version; write it as `3.2` or `2.40`"))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is not a Cryptoki version: write one such as \"2.40\" or \"3.2\", in quotes"
            ))
        })
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+$" })
    }
}
