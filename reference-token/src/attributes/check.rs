//! What holds for attributes whoever sets them and when: which an object of a shape can have, the
//! form of their values, and how they go together.

use cryptoki_sys::*;

use super::table::{Kind, Rule, Shape, kinds};
use super::{Attributes, Value, is_known};
use crate::rv::{Result, ensure, refuse};

/// The row of an attribute for objects of this shape. An attribute of other objects makes the
/// template inconsistent; one of no object at all has an invalid type (section 4.1.1).
pub(super) fn rule_for(shape: Shape, attribute: CK_ATTRIBUTE_TYPE) -> Result<&'static Rule> {
    match shape.rule(attribute) {
        Some(rule) => Ok(rule),
        None if is_known(attribute) => refuse(CKR_TEMPLATE_INCONSISTENT),
        None => refuse(CKR_ATTRIBUTE_TYPE_INVALID),
    }
}

/// Whether the bytes are a value of the attribute's data type.
pub(super) fn check_value(rule: &Rule, value: &Value) -> Result<()> {
    ensure(is_value(rule.kind, value), CKR_ATTRIBUTE_VALUE_INVALID)
}

fn is_value(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        // A nested template is for objects yet unknown: each value has a type that its attribute
        // has somewhere.
        (Kind::Template, Value::Template(nested)) => nested
            .iter()
            .all(|(attribute, value)| kinds(*attribute).iter().any(|kind| is_value(*kind, value))),
        (Kind::Template, Value::Bytes(_)) | (_, Value::Template(_)) => false,
        (Kind::Bool, value) => value.as_bool().is_some() || mutant!("boolean-takes-any-byte"),
        (Kind::Ulong, value) => value.as_ulong().is_some(),
        (Kind::OneOf(names), value) => value.as_ulong().is_some_and(|name| names.contains(&name)),
        (Kind::Bytes, _) => true,
        (Kind::Text, value) => std::str::from_utf8(value.bytes()).is_ok(),
        (Kind::Date, value) => is_date(value.bytes()) || mutant!("date-not-checked"),
        (Kind::Time, value) => is_time(value.bytes()),
        (Kind::Ulongs, value) => value.bytes().len().is_multiple_of(size_of::<CK_ULONG>()),
    }
}

/// Section 3.4: a CK_DATE is year, month and day in ASCII digits; an empty one is no date.
fn is_date(bytes: &[u8]) -> bool {
    match bytes.len() {
        0 => true,
        8 => {
            bytes.iter().all(u8::is_ascii_digit)
                && number(&bytes[4..6]).is_some_and(|month| (1..=12).contains(&month))
                && number(&bytes[6..8]).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

/// Section 6.53.5.1: a date and hour, minute and second in ASCII digits; an empty one is no time.
fn is_time(bytes: &[u8]) -> bool {
    let below = |digits: &[u8], end| number(digits).is_some_and(|number| number < end);
    match bytes.len() {
        0 => true,
        14 => {
            bytes.iter().all(u8::is_ascii_digit)
                && is_date(&bytes[..8])
                && below(&bytes[8..10], 24)
                && below(&bytes[10..12], 60)
                // A leap second may be inserted.
                && below(&bytes[12..], 61)
        }
        _ => false,
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Relations between attributes that hold for every object, new or changed.
pub(super) fn check_consistency(attributes: &Attributes) -> Result<()> {
    // Section 4.10: only private objects can ask for the PIN at every use.
    let asks_always = attributes.bool(CKA_ALWAYS_AUTHENTICATE);
    ensure(
        !asks_always || attributes.bool(CKA_PRIVATE),
        CKR_TEMPLATE_INCONSISTENT,
    )?;
    match attributes.ulong(CKA_CLASS) {
        Some(CKO_CERTIFICATE) => check_certificate(attributes),
        Some(CKO_TRUST) => check_trust(attributes),
        _ => Ok(()),
    }
}

/// Sections 4.6.3 and 4.6.4: a certificate is here or at a URL, and then its key hashes are here.
/// What is here has its subject. An attribute certificate has no URL.
fn check_certificate(certificate: &Attributes) -> Result<()> {
    let empty = |attribute| certificate.bytes(attribute).is_empty();
    ensure(
        !empty(CKA_VALUE) || !empty(CKA_URL),
        CKR_TEMPLATE_INCOMPLETE,
    )?;
    let hashed = !empty(CKA_HASH_OF_SUBJECT_PUBLIC_KEY) && !empty(CKA_HASH_OF_ISSUER_PUBLIC_KEY);
    ensure(empty(CKA_URL) || hashed, CKR_TEMPLATE_INCOMPLETE)?;
    let wtls = certificate.ulong(CKA_CERTIFICATE_TYPE) == Some(CKC_WTLS);
    let nameless = empty(CKA_SUBJECT) && !empty(CKA_VALUE);
    ensure(!(wtls && nameless), CKR_TEMPLATE_INCOMPLETE)
}

/// Section 4.7, footnote 2: trust is bound to a certificate by its hash; doubt need not be.
fn check_trust(trust: &Attributes) -> Result<()> {
    const BINDING: [CK_ULONG; 3] = [
        CKT_TRUSTED as CK_ULONG,
        CKT_TRUST_ANCHOR as CK_ULONG,
        CKT_TRUST_MUST_VERIFY_TRUST as CK_ULONG,
    ];
    let binds = (CKA_TRUST_SERVER_AUTH..=CKA_TRUST_OCSP_SIGNING)
        .filter_map(|attribute| trust.ulong(attribute))
        .any(|state| BINDING.contains(&state));
    let bound =
        !trust.bytes(CKA_HASH_OF_CERTIFICATE).is_empty() && trust.has(CKA_NAME_HASH_ALGORITHM);
    ensure(!binds || bound, CKR_TEMPLATE_INCOMPLETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_eight_digits_or_nothing() {
        assert!(is_date(b"") && is_date(b"20261123"));
        assert!(!is_date(b"2026112") && !is_date(b"20261323") && !is_date(b"2026-1-1"));
    }

    #[test]
    fn a_time_is_a_date_and_six_digits_or_nothing() {
        assert!(is_time(b"") && is_time(b"20261128093000") && is_time(b"20161231235960"));
        for wrong in [
            &b"20261128"[..],
            b"20261328093000",
            b"20261128240000",
            b"20261128096000",
            b"20261128093061",
            b"2026112809300Z",
        ] {
            assert!(!is_time(wrong));
        }
    }
}
