//! The versions of a module that a waiver is about: `2.6` for just that one, or conditions that must
//! all hold, `">=2.5, <2.7"`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::cryptoki::Version;

/// What a module says of its version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModuleVersions {
    /// `libraryVersion` of `CK_INFO`.
    pub library: Option<Version>,
    /// `firmwareVersion` of `CK_TOKEN_INFO`.
    pub firmware: Option<Version>,
}

/// Which of them a waiver asks about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Facet {
    Library,
    Firmware,
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Range {
    text: String,
    conditions: Vec<(Comparison, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Comparison {
    AtLeast,
    AtMost,
    Above,
    Below,
    Is,
}

/// How conditions begin; a sign of two characters before its first alone.
const SIGNS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
    ("=", Comparison::Is),
    ("", Comparison::Is),
];

impl ModuleVersions {
    /// What the waiver is for instead, if the version is outside the range or not known.
    pub(super) fn outside(&self, facet: Facet, range: &Range) -> Option<String> {
        let (what, version) = match facet {
            Facet::Library => ("version", self.library),
            Facet::Firmware => ("firmware version", self.firmware),
        };
        if version.is_some_and(|version| range.contains(version)) {
            return None;
        }
        let is = version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
        Some(format!("{what} {range} of the module; this is {is}"))
    }
}

impl Range {
    fn parse(text: &str) -> Result<Self, String> {
        let condition = |part: &str| {
            let part = part.trim();
            let (sign, comparison) = SIGNS
                .into_iter()
                .find(|(sign, _)| part.starts_with(sign))
                .unwrap_or(("", Comparison::Is));
            let version = part[sign.len()..].trim().parse()?;
            Ok::<_, String>((comparison, version))
        };
        let conditions: Result<_, String> = text.split(',').map(condition).collect();
        let conditions =
            conditions.map_err(|error| format!("{error}, or a range as `>=2.5, <2.7`"))?;
        Ok(Self {
            text: text.to_owned(),
            conditions,
        })
    }

    fn contains(&self, version: Version) -> bool {
        self.conditions.iter().all(|(comparison, bound)| {
            let order = version.cmp(bound);
            match comparison {
                Comparison::AtLeast => order.is_ge(),
                Comparison::AtMost => order.is_le(),
                Comparison::Above => order.is_gt(),
                Comparison::Below => order.is_lt(),
                Comparison::Is => order.is_eq(),
            }
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_versions_that_meet_all_its_conditions() {
        for (range, version, inside) in [
            ("2.6", "2.6", true),
            ("=2.6", "2.60", false),
            (">=2.5, <2.7", "2.6", true),
            (">=2.5,<2.7", "2.7", false),
            (">2.6", "2.6", false),
            (">2.6", "2.10", true),
            ("<=2.6", "2.6", true),
            ("<2.6", "1.99", true),
        ] {
            let parsed = Range::parse(range).expect(range);
            let version = version.parse().expect("a version");
            assert_eq!(parsed.contains(version), inside, "{version} in {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "2", ">=", "2.6,", "2.5 - 2.7", "~2.6", "2.300"] {
            let error = Range::parse(text).expect_err(text);
            assert!(error.contains("a range as"), "{text}: {error}");
        }
    }

    #[test]
    fn a_version_that_is_not_known_is_in_no_range() {
        let range = Range::parse(">=0.0").expect("a range");
        let known = ModuleVersions {
            library: Some(Version { major: 2, minor: 6 }),
            firmware: None,
        };
        assert_eq!(known.outside(Facet::Library, &range), None);
        assert_eq!(
            known.outside(Facet::Firmware, &range).as_deref(),
            Some("firmware version >=0.0 of the module; this is unknown")
        );
    }
}
