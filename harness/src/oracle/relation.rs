//! Whether a value is what an expectation says.

use super::exponent;
use super::random;
use super::roca;
use crate::cryptoki::function::Domain;
use crate::sequence::content::{self, Find, Unresolved};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Number, Value, write};

/// Tests a value; gives what was permitted if it is not so.
///
/// # Errors
/// [`Unresolved`] if the relation refers to what no call gave.
pub fn broken(
    value: &Value,
    relation: &Relation,
    domain: Domain,
    find: &Find<'_>,
) -> Result<Option<String>, Unresolved> {
    let holds = match relation {
        Relation::All(relations) => {
            for inner in relations {
                if let Some(text) = broken(value, inner, domain, find)? {
                    return Ok(Some(text));
                }
            }
            return Ok(None);
        }
        Relation::Length(inner) => {
            let length = match value {
                Value::List(items) => items.len() as u64,
                Value::Bytes(bytes) => bytes.len() as u64,
                Value::Size(size) => *size,
                _ => return Ok(Some("a value with a length".to_owned())),
            };
            let inner = broken(&Value::Number(length), inner, Domain::Plain, find)?;
            return Ok(inner.map(|text| format!("length {text}")));
        }
        Relation::Equals(expected) => equals(value, expected, find)?,
        Relation::Differs(expected) => !equals(value, expected, find)?,
        Relation::OneOf(list) => any(value, list, find)?,
        Relation::AtLeast(number) => compare(value, number, find, |found, limit| found >= limit)?,
        Relation::AtMost(number) => compare(value, number, find, |found, limit| found <= limit)?,
        Relation::Contains(list) => contains_all(value, list, find)?,
        Relation::Excludes(list) => contains_none(value, list, find)?,
        Relation::Has(bits) => value.as_number().is_some_and(|found| found & bits == *bits),
        Relation::Lacks(bits) => value.as_number().is_some_and(|found| found & bits == 0),
        Relation::Unique => is_unique(value),
        Relation::Padded => is_padded(value),
        Relation::Random => matches!(value, Value::Bytes(bytes) if random::is_plausible(bytes)),
        Relation::Text(text) => is_text(value, text),
        Relation::Unavailable => {
            matches!(value, Value::Absent)
                || value.as_number() == Some(cryptoki_sys::CK_UNAVAILABLE_INFORMATION)
        }
        Relation::Roca => matches!(value, Value::Bytes(bytes) if roca::has_fingerprint(bytes)),
        Relation::WeakExponent => matches!(value, Value::Bytes(bytes) if exponent::is_weak(bytes)),
    };
    Ok((!holds).then(|| describe(relation, domain, find)))
}

fn equals(value: &Value, expected: &Expected, find: &Find<'_>) -> Result<bool, Unresolved> {
    Ok(match expected {
        Expected::Number(Number::Reference(reference)) => {
            let other = content::value(reference, find)?;
            *value == other
                || (value.as_number().is_some() && value.as_number() == other.as_number())
        }
        Expected::Number(number) => value.as_number() == Some(content::number(number, find)?),
        Expected::Bytes(of) => match value {
            Value::Bytes(bytes) => *bytes == content::bytes(of, find)?,
            _ => false,
        },
        Expected::Version(major, minor) => *value == Value::Version(*major, *minor),
    })
}

fn any(value: &Value, list: &[Expected], find: &Find<'_>) -> Result<bool, Unresolved> {
    for expected in list {
        if equals(value, expected, find)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(
    value: &Value,
    limit: &Number,
    find: &Find<'_>,
    holds: impl Fn(u64, u64) -> bool,
) -> Result<bool, Unresolved> {
    let limit = content::number(limit, find)?;
    Ok(value.as_number().is_some_and(|found| holds(found, limit)))
}

fn contains_all(value: &Value, list: &[Expected], find: &Find<'_>) -> Result<bool, Unresolved> {
    let Value::List(items) = value else {
        return Ok(false);
    };
    for expected in list {
        let mut found = false;
        for item in items {
            found |= equals(item, expected, find)?;
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn contains_none(value: &Value, list: &[Expected], find: &Find<'_>) -> Result<bool, Unresolved> {
    let Value::List(items) = value else {
        return Ok(false);
    };
    for item in items {
        if any(item, list, find)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_unique(value: &Value) -> bool {
    let Value::List(items) = value else {
        return false;
    };
    items
        .iter()
        .enumerate()
        .all(|(index, item)| !items[..index].contains(item))
}

/// Blank-padded text has no NUL ([PKCS11-Base 3.2] 3).
fn is_padded(value: &Value) -> bool {
    matches!(value, Value::Bytes(bytes) if !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok())
}

fn is_text(value: &Value, text: &str) -> bool {
    let Value::Bytes(bytes) = value else {
        return false;
    };
    String::from_utf8_lossy(bytes).trim_end_matches(' ') == text.trim_end_matches(' ')
}

/// What would have been right, for people.
fn describe(relation: &Relation, domain: Domain, find: &Find<'_>) -> String {
    let one = |expected: &Expected| match expected {
        Expected::Number(Number::Reference(reference)) => content::value(reference, find)
            .map_or_else(|_| format!("${reference}"), |value| value.show(domain)),
        Expected::Number(number) => {
            content::number(number, find).map_or_else(|_| "?".to_owned(), |n| show(domain, n))
        }
        Expected::Bytes(of) => content::bytes(of, find)
            .map_or_else(|_| "?".to_owned(), |bytes| Value::Bytes(bytes).show(domain)),
        Expected::Version(major, minor) => format!("{major}.{minor}"),
    };
    let many = |list: &[Expected]| list.iter().map(one).collect::<Vec<_>>().join(", ");
    let number = |n: &Number| one(&Expected::Number(n.clone()));
    match relation {
        Relation::Equals(expected) => one(expected),
        Relation::Differs(expected) => format!("anything but {}", one(expected)),
        Relation::OneOf(list) => format!("one of {}", many(list)),
        Relation::AtLeast(limit) => format!("at least {}", number(limit)),
        Relation::AtMost(limit) => format!("at most {}", number(limit)),
        Relation::Contains(list) => format!("a list with {}", many(list)),
        Relation::Excludes(list) => format!("a list without {}", many(list)),
        Relation::Has(bits) => format!("{} set", show(domain, *bits)),
        Relation::Lacks(bits) => format!("{} not set", show(domain, *bits)),
        Relation::Unique => "a list without repetition".to_owned(),
        Relation::Padded => "text padded with blanks, without NUL".to_owned(),
        Relation::Random => "bytes that look random".to_owned(),
        Relation::Text(text) => format!("\"{text}\""),
        Relation::Roca => "a modulus with the fingerprint of ROCA".to_owned(),
        Relation::WeakExponent => "a public exponent that FIPS 186-5 does not allow".to_owned(),
        Relation::Unavailable => "CK_UNAVAILABLE_INFORMATION".to_owned(),
        Relation::Length(_) | Relation::All(_) => write::relation(relation, domain).to_string(),
    }
}

fn show(domain: Domain, number: u64) -> String {
    Value::Number(number).show(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cryptoki::names::Kind;
    use crate::sequence::Content;

    fn test(value: &Value, relation: &Relation) -> Option<String> {
        let find = |name: &str| (name == "known").then_some(Value::Number(7));
        broken(value, relation, Domain::Plain, &find).expect("resolves")
    }

    #[test]
    fn relations_hold_or_say_what_was_permitted() {
        let list = Value::List(vec![Value::Number(1), Value::Number(1)]);
        let literal = |n| Expected::Number(Number::Literal(n));
        let text = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        for (value, relation, permitted) in [
            (Value::Number(3), Relation::Equals(literal(3)), None),
            (Value::Number(3), Relation::Equals(literal(4)), Some("4")),
            (list.clone(), Relation::Contains(vec![literal(1)]), None),
            (
                list.clone(),
                Relation::Contains(vec![literal(2)]),
                Some("a list with 2"),
            ),
            (
                list.clone(),
                Relation::Unique,
                Some("a list without repetition"),
            ),
            (
                list,
                Relation::Length(Box::new(Relation::AtMost(Number::Literal(1)))),
                Some("length at most 1"),
            ),
            (text(b"ab  "), Relation::Padded, None),
            (
                text(b"ab\0 "),
                Relation::Padded,
                Some("text padded with blanks, without NUL"),
            ),
            (text(b"ab  "), Relation::Text("ab".to_owned()), None),
            (
                text(b"ab"),
                Relation::Differs(Expected::Bytes(Content::Text("ab".to_owned()))),
                Some("anything but \"ab\""),
            ),
            (Value::Absent, Relation::Unavailable, None),
        ] {
            assert_eq!(
                test(&value, &relation).as_deref(),
                permitted,
                "{relation:?}"
            );
        }
    }

    #[test]
    fn flags_are_named() {
        let found = broken(
            &Value::Number(1),
            &Relation::Has(4),
            Domain::Flags(Kind::TOKEN_FLAGS),
            &|_| None,
        );
        assert_eq!(found, Ok(Some("CKF_LOGIN_REQUIRED set".to_owned())));
    }

    #[test]
    fn a_reference_without_value_is_told() {
        let relation = Relation::Equals(Expected::Number(Number::Reference(
            crate::sequence::Reference::to("nobody"),
        )));
        assert!(broken(&Value::Number(1), &relation, Domain::Plain, &|_| None).is_err());
    }
}
