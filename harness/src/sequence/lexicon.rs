//! Small words of the language: hexadecimal text, and the kinds of constant a name may be.

use crate::cryptoki::function::Domain;
use crate::cryptoki::names;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Hexadecimal digits as bytes; blanks between bytes are allowed.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut digits = text.bytes().filter(|c| !c.is_ascii_whitespace());
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    while let Some(first) = digits.next() {
        bytes.push(digit(first)? << 4 | digit(digits.next()?)?);
    }
    Some(bytes)
}

/// A number as people write it: by name where it has one.
pub(crate) fn show(domain: Domain, value: u64) -> String {
    match domain {
        Domain::Constant(kind) => names::display(kind, value),
        Domain::Flags(kind) => names::display_flags(kind, value),
        _ if value == cryptoki_sys::CK_UNAVAILABLE_INFORMATION => {
            "CK_UNAVAILABLE_INFORMATION".to_owned()
        }
        _ => value.to_string(),
    }
}

/// The prefix that names of a domain have, for suggestions.
pub(crate) fn prefix(domain: Domain) -> &'static str {
    match domain {
        Domain::Constant(kind) | Domain::Flags(kind) => names::of_kind(kind)
            .first()
            .and_then(|c| c.name.find('_').map(|at| &c.name[..=at])),
        _ => None,
    }
    .unwrap_or("CK")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(from_hex("00 ff 1A"), Some(vec![0, 255, 26]));
        assert_eq!(to_hex(&[0, 255, 26]), "00ff1a");
        for wrong in ["0", "0g", "+1"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
