//! Which attributes the objects of each class and type have, and what the footnotes and the text of
//! the standard's tables say of them, from `suites/spec/object-attributes.csv`.

use std::sync::LazyLock;

use cryptoki_sys as ck;

use super::attribute::{AttributeType, attribute_type};
use super::function::Version;
use super::names::{self, Kind};

/// One attribute of the objects of a class or type.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The objects that have it.
    of: Objects,
    /// `CK_ATTRIBUTE_TYPE`.
    pub attribute: u64,
    /// True if its data type is a big integer.
    number: bool,
    /// Bit n stands for footnote n of [PKCS11-Base 3.2] section 4.2.
    notes: u16,
    /// The value of an object whose template does not give it.
    pub default: Preset,
    /// What no common footnote says.
    rules: &'static str,
    /// Section of the table.
    pub section: &'static str,
    /// The version of the standard that first has the attribute.
    pub since: Version,
}

/// Objects that a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objects {
    Any,
    Storage,
    Key,
    Class(u64),
    /// A class, and a type of its objects.
    Type(u64, u64),
}

/// The value that an object has for an attribute that its template does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The table names none.
    None,
    /// No bytes.
    Empty,
    /// A truth value or number.
    Value(u64),
}

impl Row {
    /// True if the common footnote of this number goes with the attribute.
    #[must_use]
    pub fn note(&self, number: u8) -> bool {
        self.notes & (1 << number) != 0
    }

    /// True if objects of more than one class have it.
    #[must_use]
    pub fn is_common(&self) -> bool {
        matches!(self.of, Objects::Any | Objects::Storage | Objects::Key)
    }

    /// True if all objects of a class have it, or of more than one.
    #[must_use]
    pub fn is_of_class(&self) -> bool {
        !matches!(self.of, Objects::Type(..))
    }

    /// True if the column `rules` has this word or phrase.
    #[must_use]
    pub fn rule(&self, name: &str) -> bool {
        self.rules.split("; ").any(|rule| rule == name)
    }
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = include_str!("../../../suites/spec/object-attributes.csv")
        .lines()
        .skip(1);
    let parse =
        |row| parse(row).unwrap_or_else(|| panic!("suites/spec/object-attributes.csv: {row}"));
    rows.map(parse).collect()
});

fn parse(row: &'static str) -> Option<Row> {
    let fields: Vec<&'static str> = row.split(',').collect();
    let [
        object,
        subtype,
        attribute,
        data_type,
        notes,
        default,
        rules,
        section,
    ] = fields[..]
    else {
        return None;
    };
    let value = |name| names::constant(name).map(|constant| constant.value);
    let attribute = names::constant(attribute)?;
    let mut notes = notes
        .split_whitespace()
        .map(|note| note.parse::<u16>().ok());
    Some(Row {
        of: match (object, subtype) {
            ("any", "") => Objects::Any,
            ("storage", "") => Objects::Storage,
            ("key", "") => Objects::Key,
            (class, "") => Objects::Class(value(class)?),
            (class, subtype) => Objects::Type(value(class)?, value(subtype)?),
        },
        attribute: attribute.value,
        number: data_type == "Big integer",
        notes: notes.try_fold(0, |all, note| Some(all | 1 << note?))?,
        default: preset(attribute.value, default)?,
        rules,
        section,
        since: attribute.since,
    })
}

fn preset(attribute: u64, text: &str) -> Option<Preset> {
    Some(match text {
        "" | "computed" => Preset::None,
        "empty" => Preset::Empty,
        "CK_FALSE" => Preset::Value(ck::CK_FALSE.into()),
        "CK_TRUE" => Preset::Value(ck::CK_TRUE.into()),
        "CK_UNAVAILABLE_INFORMATION" => Preset::Value(ck::CK_UNAVAILABLE_INFORMATION),
        // An attribute that may be missing has no value to be seen.
        _ if text.ends_with(" if absent") => Preset::None,
        _ if matches!(attribute_type(attribute), AttributeType::Ulong(_)) => {
            let named = names::constant(text).map(|constant| constant.value);
            Preset::Value(named.or_else(|| text.parse().ok())?)
        }
        _ => return None,
    })
}

/// The rows of the objects of this class and, for keys, certificates, domain parameters and hardware
/// features, of this type: one for each attribute, the most particular.
#[must_use]
pub fn rows(class: u64, subtype: Option<u64>) -> Vec<&'static Row> {
    // HMAC keys and CKK_HKDF have no table; their sections use them like generic secrets.
    let tabled = |subtype: &u64| {
        TABLE
            .iter()
            .any(|row| row.of == Objects::Type(class, *subtype))
    };
    let subtype = match subtype {
        Some(subtype) if class == ck::CKO_SECRET_KEY && !tabled(&subtype) => {
            Some(ck::CKK_GENERIC_SECRET)
        }
        subtype => subtype,
    };
    let mut found: Vec<&'static Row> = Vec::new();
    for row in TABLE.iter().filter(|row| row.of.are(class, subtype)) {
        match found.iter_mut().find(|one| one.attribute == row.attribute) {
            Some(general) => *general = row,
            None => found.push(row),
        }
    }
    found
}

impl Objects {
    fn are(self, class: u64, subtype: Option<u64>) -> bool {
        let keys = [
            ck::CKO_PUBLIC_KEY,
            ck::CKO_PRIVATE_KEY,
            ck::CKO_SECRET_KEY,
            ck::CKO_OTP_KEY,
        ];
        match self {
            Self::Any => true,
            Self::Storage => ![ck::CKO_HW_FEATURE, ck::CKO_MECHANISM].contains(&class),
            Self::Key => keys.contains(&class),
            // 6.53.5.1: keys of one-time passwords inherit what secret keys have in common.
            Self::Class(ck::CKO_SECRET_KEY) if class == ck::CKO_OTP_KEY => true,
            Self::Class(of) => of == class,
            Self::Type(of, its) => of == class && Some(its) == subtype,
        }
    }
}

/// True if this attribute is a big integer ([PKCS11-Base 3.2] section 4) in every object that has it: never without a byte.
#[must_use]
pub fn is_big_integer(attribute: u64) -> bool {
    let mut rows = TABLE
        .iter()
        .filter(|row| row.attribute == attribute)
        .peekable();
    rows.peek().is_some() && rows.all(|row| row.number)
}

/// The version of the standard that first has this constant.
#[must_use]
pub fn since(kind: Kind, value: u64) -> Version {
    let all = names::of_kind(kind).iter();
    let found = all.filter(|constant| constant.value == value);
    found.map(|c| c.since).min().unwrap_or(Version::V2_40)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(class: u64, subtype: u64, attribute: u64) -> &'static Row {
        let rows = rows(class, Some(subtype));
        let of = |row: &&&Row| row.attribute == attribute;
        rows.iter().find(of).copied().expect("a row")
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines = include_str!("../../../suites/spec/object-attributes.csv").lines();
        assert_eq!(TABLE.len(), lines.count() - 1);
    }

    #[test]
    fn an_attribute_has_one_row_and_it_is_the_most_particular() {
        let modulus = row(ck::CKO_PRIVATE_KEY, ck::CKK_RSA, ck::CKA_MODULUS);
        assert!([1, 4, 6].iter().all(|note| modulus.note(*note)) && !modulus.note(7));
        let private = row(ck::CKO_TRUST, 0, ck::CKA_PRIVATE);
        assert_eq!(private.section, "4.7.2");
        let all = rows(ck::CKO_TRUST, None);
        let of = |attribute| all.iter().filter(move |row| row.attribute == attribute);
        assert_eq!(of(ck::CKA_PRIVATE).count(), 1);
    }

    #[test]
    fn defaults_and_rules_are_those_of_the_table() {
        let label = row(ck::CKO_DATA, 0, ck::CKA_LABEL);
        assert_eq!(label.default, Preset::Empty);
        let token = row(ck::CKO_DATA, 0, ck::CKA_TOKEN);
        assert_eq!(token.default, Preset::Value(0));
        assert!(token.rule("copy") && !token.rule("token"));
        let value = row(ck::CKO_SECRET_KEY, ck::CKK_SHA256_HMAC, ck::CKA_VALUE);
        assert_eq!(value.section, "6.8.2");
    }
}
