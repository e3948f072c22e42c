//! Durations and sizes as people write them: `10s`, `2GiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration above zero: `250ms`, `10s`, `1m 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// A number of bytes above zero: `512KiB`, `2GiB`; `2GB` is a decimal gigabyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HumaneError {
    /// Not a duration.
    #[error(
        "`{0}` is not a duration: write a number above zero and a unit, such as 250ms, 10s or 2m"
    )]
    Period(String),
    /// Not a size.
    #[error("`{0}` is not a size: write a number above zero and a unit, such as 512MiB or 2GiB")]
    Size(String),
}

impl FromStr for Period {
    type Err = HumaneError;

    fn from_str(text: &str) -> Result<Self, HumaneError> {
        humantime::parse_duration(text)
            .ok()
            .filter(|duration| !duration.is_zero())
            .map(Self)
            .ok_or_else(|| HumaneError::Period(text.to_owned()))
    }
}

impl FromStr for Size {
    type Err = HumaneError;

    fn from_str(text: &str) -> Result<Self, HumaneError> {
        let unit = text
            .trim_end()
            .ends_with(|last: char| last.is_ascii_alphabetic());
        text.parse::<bytesize::ByteSize>()
            .ok()
            .map(|size| size.as_u64())
            .filter(|bytes| unit && *bytes > 0)
            .map(Self)
            .ok_or_else(|| HumaneError::Size(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl fmt::Display for Size {
    /// Exact, in the largest binary unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: &[(u32, &str)] = &[(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        let unit = UNITS
            .iter()
            .find(|(shift, _)| self.0.trailing_zeros() >= *shift);
        match unit.filter(|_| self.0 > 0) {
            Some((shift, name)) => write!(f, "{}{name}", self.0 >> shift),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// Text in YAML, with a schema that says what text.
macro_rules! written_as_text {
    ($type:ident, $pattern:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string", "pattern": $pattern, "description": $description
                })
            }
        }
    };
}

written_as_text!(Period, "^[0-9]", "A duration such as 250ms, 10s or 2m.");
written_as_text!(
    Size,
    "^[0-9.]+ *[A-Za-z]+$",
    "A size such as 512MiB or 2GiB."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_written() {
        let periods = [
            ("250ms", 250, "250ms"),
            ("10s", 10_000, "10s"),
            ("1m 30s", 90_000, "1m 30s"),
        ];
        for (text, millis, written) in periods {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.0, Duration::from_millis(millis));
            assert_eq!(period.to_string(), written);
        }
        let sizes = [
            ("2GiB", 2 << 30, "2GiB"),
            ("2 GB", 2_000_000_000, "1953125KiB"),
            ("1.5MiB", 3 << 19, "1536KiB"),
            ("7B", 7, "7B"),
        ];
        for (text, bytes, written) in sizes {
            let size: Size = text.parse().unwrap();
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(size.to_string(), written);
        }
    }

    #[test]
    fn numbers_without_a_unit_or_a_meaning_are_refused() {
        for text in ["", "10", "0s", "-1s", "ten seconds", "10 parsecs"] {
            assert_eq!(
                text.parse::<Period>(),
                Err(HumaneError::Period(text.into()))
            );
        }
        for text in ["", "10", "0B", "-1GiB", "much", "1XiB"] {
            assert_eq!(
                text.parse::<Size>(),
                Err(HumaneError::Size(text.into())),
                "{text}"
            );
        }
    }
}
