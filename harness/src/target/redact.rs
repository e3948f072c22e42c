//! Taking PINs out of evidence and output.
//!
//! Which secrets a run knows is left to whoever fetched them.

use std::fmt;

use zeroize::Zeroizing;

use super::secret::{MASK, Secret};
use super::uri::encode_query;

/// Takes known secrets out of any text.
///
/// A secret of eight bytes or more is masked wherever it stands. A shorter one could be a part of
/// any number, so it is masked where it stands alone: no letter or digit directly before or after.
/// One of fewer than four bytes is left alone in running text, which it would make unreadable
/// without being a secret to anyone who can count; [`Redactor::field`] still masks it.
/// Hexadecimal and percent-encoded forms are masked like the text.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that one secret inside another does not leave half of it.
    patterns: Vec<Zeroizing<String>>,
    /// The secrets as they are, for whole fields.
    fields: Vec<Secret>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.fields.len())
    }
}

impl Redactor {
    /// Shortest secret masked in running text, in bytes.
    pub const SHORTEST: usize = 4;
    /// Shortest pattern masked even inside a word, in bytes.
    pub const ANYWHERE: usize = 8;

    /// A redactor of these secrets.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(secret);
        }
        redactor
    }

    /// Learns one more secret.
    pub fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        if text.is_empty() || self.fields.contains(secret) {
            return;
        }
        self.fields.push(secret.clone());
        if text.len() < Self::SHORTEST {
            return;
        }
        let lower: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let upper = lower.to_uppercase();
        let encoded = encode_query(text);
        for form in [text.to_owned(), lower, upper, encoded] {
            if !self.patterns.iter().any(|known| **known == form) {
                self.patterns.push(Zeroizing::new(form));
            }
        }
        self.patterns
            .sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
    }

    /// The text with every secret masked, by the rule above.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for pattern in &self.patterns {
            out = masked(&out, pattern);
        }
        out
    }

    /// A value on its own: masked whole if it is a secret of any length, otherwise as running text.
    #[must_use]
    pub fn field(&self, value: &str) -> String {
        if self.fields.iter().any(|secret| secret.expose() == value) {
            return MASK.to_owned();
        }
        self.text(value)
    }
}

fn masked(text: &str, pattern: &str) -> String {
    let anywhere = pattern.len() >= Redactor::ANYWHERE;
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices(pattern) {
        let after = at + pattern.len();
        let before = text[..at].chars().next_back();
        let alone = ![before, text[after..].chars().next()]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric);
        if anywhere || alone {
            out.push_str(&text[done..at]);
            out.push_str(MASK);
            done = after;
        }
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_length() {
        let secrets: Vec<Secret> = ["12345678", "1234", "7", "p w&d"]
            .into_iter()
            .map(Secret::new)
            .collect();
        let redactor = Redactor::new(&secrets);
        let cases = [
            (
                "login with 1234, then 12345678.",
                "login with ***, then ***.",
            ),
            ("handle 0x91234 of 12340", "handle 0x91234 of 12340"),
            ("id=a12345678b", "id=a***b"),
            ("pin 31323334 as hexadecimal", "pin *** as hexadecimal"),
            ("inside 0031323334ff too", "inside 00***ff too"),
            ("slot 7", "slot 7"),
            ("?pin-value=p%20w%26d", "?pin-value=***"),
            ("é1234é 1234", "é1234é ***"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
        }
        assert_eq!(redactor.field("7"), MASK);
        assert_eq!(redactor.field("17"), "17");
        assert_eq!(Redactor::new(&[Secret::new("")]).text("a b"), "a b");
    }
}
