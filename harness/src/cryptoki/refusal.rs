//! By which return values a module says that it does not do what a case needs, from
//! `suites/spec/refusals.csv`. A case does not apply to a module that says so; whatever else a call
//! returns is judged. That something failed, in the words of [PKCS11-Base 3.2] 5.1.1 to 5.1.3, never says
//! that it is not there.

use std::sync::LazyLock;

use cryptoki_sys::CK_RV;

use super::names;

/// What a return value says of a case that ends by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The module does not have what is needed.
    Absent,
    /// It has it, and its policy refuses it.
    Refused,
    /// Either may be the case.
    Unclear,
    /// Something went wrong: no way to refuse.
    Failure,
}

/// What is asked of a module when it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// To make an object from a template.
    Create,
    /// To make it in this session.
    Session,
    /// To make a key with these attributes, by a mechanism that it lists.
    Attributes,
    /// To make one of this size, on this curve or from these numbers, by a mechanism that it lists.
    Size,
    /// To be told how long that key is, or not to be told.
    Length,
    /// To generate by some mechanism.
    Generate,
    /// To begin with a mechanism that it lists.
    Start,
    /// To wrap a key.
    Wrap,
    /// To unwrap one.
    Unwrap,
    /// To change or copy an object.
    Change,
    /// To take a new PIN.
    Pin,
    /// What a function is for, with what it is for.
    Work,
    /// Anything, where the case is about something else: the value is not how to say it.
    Aside,
}

impl Occasion {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "create" => Self::Create,
            "session" => Self::Session,
            "attributes" => Self::Attributes,
            "size" => Self::Size,
            "length" => Self::Length,
            "generate" => Self::Generate,
            "start" => Self::Start,
            "wrap" => Self::Wrap,
            "unwrap" => Self::Unwrap,
            "change" => Self::Change,
            "pin" => Self::Pin,
            "work" => Self::Work,
            "aside" => Self::Aside,
            _ => return None,
        })
    }
}

struct Row {
    value: CK_RV,
    reason: Reason,
    when: Vec<Occasion>,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = include_str!("../../../suites/spec/refusals.csv")
        .lines()
        .skip(1);
    let parse = |row| parse(row).unwrap_or_else(|| panic!("suites/spec/refusals.csv: {row}"));
    rows.map(parse).collect()
});

/// The last column, for people, may have commas.
fn parse(row: &str) -> Option<Row> {
    let mut fields = row.splitn(4, ',');
    let mut field = || fields.next();
    Some(Row {
        value: names::constant(field()?)?.value,
        reason: match field()? {
            "absent" => Reason::Absent,
            "refused" => Reason::Refused,
            "unclear" => Reason::Unclear,
            "failure" => Reason::Failure,
            _ => return None,
        },
        when: field()?
            .split_whitespace()
            .map(Occasion::from_word)
            .collect::<Option<_>>()?,
    })
}

/// The return values that refuse on these occasions.
#[must_use]
pub fn refusals(occasions: &[Occasion]) -> Vec<CK_RV> {
    let fits = |row: &&Row| row.when.iter().any(|when| occasions.contains(when));
    TABLE.iter().filter(fits).map(|row| row.value).collect()
}

/// What a return value says of a case that ends by it.
#[must_use]
pub fn reason(value: CK_RV) -> Reason {
    let row = TABLE.iter().find(|row| row.value == value);
    row.map_or(Reason::Unclear, |row| row.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::*;

    #[test]
    fn a_value_has_one_row_and_a_failure_refuses_nothing() {
        for (place, row) in TABLE.iter().enumerate() {
            let again = TABLE[..place].iter().any(|other| other.value == row.value);
            assert!(!again, "{:#x} has two rows", row.value);
            let failure = row.reason == Reason::Failure;
            assert!(!failure || row.when.is_empty(), "{:#x}", row.value);
        }
        for value in [CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR] {
            assert_eq!(reason(value), Reason::Failure);
        }
    }

    #[test]
    fn a_value_refuses_on_its_occasions_alone() {
        assert!(refusals(&[Occasion::Create]).contains(&CKR_TEMPLATE_INCONSISTENT));
        assert!(!refusals(&[Occasion::Create]).contains(&CKR_MECHANISM_INVALID));
        assert!(refusals(&[Occasion::Generate]).contains(&CKR_MECHANISM_INVALID));
    }
}
