//! The data type of each attribute, from `suites/spec/attributes.csv`: how its value is written in
//! YAML, laid out in memory, and shown.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::function::Domain;
use super::names::{self, Kind};

/// The data type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// `CK_BBOOL`.
    Bool,
    /// `CK_ULONG`, with what it stands for.
    Ulong(Domain),
    /// An array of `CK_ULONG` (`CKA_ALLOWED_MECHANISMS`).
    Ulongs(Domain),
    /// A byte array or big integer.
    Bytes,
    /// Characters without terminator.
    Text,
    /// `CK_DATE`.
    Date,
    /// `CK_VERSION`.
    Version,
    /// An array of `CK_ATTRIBUTE`.
    Template,
}

static TYPES: LazyLock<HashMap<u64, AttributeType>> = LazyLock::new(|| {
    include_str!("../../../suites/spec/attributes.csv")
        .lines()
        .skip(1)
        .map(|line| parse_line(line).expect("suites/spec/attributes.csv: attribute,type"))
        .collect()
});

fn parse_line(line: &'static str) -> Option<(u64, AttributeType)> {
    let (name, text) = line.split_once(',')?;
    let domain = |kind: Option<&'static str>| {
        kind.map_or(Domain::Plain, |kind| Domain::Constant(Kind(kind)))
    };
    let (base, kind) = match text.split_once(':') {
        Some((base, kind)) => (base, Some(kind)),
        None => (text, None),
    };
    let attribute_type = match base {
        "bool" => AttributeType::Bool,
        "ulong" => AttributeType::Ulong(domain(kind)),
        "ulongs" => AttributeType::Ulongs(domain(kind)),
        "bytes" => AttributeType::Bytes,
        "text" => AttributeType::Text,
        "date" => AttributeType::Date,
        "version" => AttributeType::Version,
        "template" => AttributeType::Template,
        _ => return None,
    };
    Some((names::constant(name)?.value, attribute_type))
}

/// The data type of an attribute; bytes for one the standard does not know.
#[must_use]
pub fn attribute_type(attribute: u64) -> AttributeType {
    TYPES
        .get(&attribute)
        .copied()
        .unwrap_or(AttributeType::Bytes)
}

/// True for an attribute whose value is a secret that no report may show.
///
/// The components of private keys and the values of secret keys; `CKA_VALUE` of other objects is
/// treated alike, since the attribute does not tell.
#[must_use]
pub fn is_secret(attribute: u64) -> bool {
    use cryptoki_sys as ck;
    [
        ck::CKA_VALUE,
        ck::CKA_PRIVATE_EXPONENT,
        ck::CKA_PRIME_1,
        ck::CKA_PRIME_2,
        ck::CKA_EXPONENT_1,
        ck::CKA_EXPONENT_2,
        ck::CKA_COEFFICIENT,
        ck::CKA_SEED,
    ]
    .contains(&attribute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_of_the_header_has_a_type() {
        for constant in names::of_kind(Kind::ATTRIBUTE) {
            let alias = [
                "CKA_VENDOR_DEFINED",
                "CKA_SUB_PRIME_BITS",
                "CKA_ECDSA_PARAMS",
            ];
            assert!(
                TYPES.contains_key(&constant.value) || alias.contains(&constant.name),
                "{}",
                constant.name
            );
        }
    }

    #[test]
    fn types_are_those_of_the_standard() {
        use cryptoki_sys as ck;
        assert_eq!(attribute_type(ck::CKA_TOKEN), AttributeType::Bool);
        assert_eq!(
            attribute_type(ck::CKA_CLASS),
            AttributeType::Ulong(Domain::Constant(Kind::OBJECT_CLASS))
        );
        assert_eq!(
            attribute_type(ck::CKA_WRAP_TEMPLATE),
            AttributeType::Template
        );
        assert_eq!(attribute_type(0x8000_1234), AttributeType::Bytes);
    }
}
