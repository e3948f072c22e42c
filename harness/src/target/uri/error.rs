//! What can be wrong with a PKCS #11 URI, and how to write it right.

/// Why a text is no PKCS #11 URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Another scheme, or none.
    #[error("a PKCS #11 URI begins with `pkcs11:`")]
    Scheme,
    /// An attribute without `=`.
    #[error("`{0}` is not an attribute: write name=value")]
    NoValue(String),
    /// An attribute name with other characters than RFC 7512 allows.
    #[error("`{0}` is not an attribute name: only letters, digits, `-` and `_` may be in one")]
    Name(String),
    /// A character that must be percent-encoded.
    #[error("`{character}` in the value of `{name}` must be percent-encoded, as `{encoded}`")]
    Character {
        /// The attribute.
        name: String,
        /// The character.
        character: char,
        /// How to write it.
        encoded: String,
    },
    /// `%` without two hexadecimal digits.
    #[error(
        "`%` in the value of `{0}` must be followed by two hexadecimal digits; `%` itself is `%25`"
    )]
    Percent(String),
    /// Bytes that are no text where text is wanted.
    #[error("the value of `{0}` is not UTF-8")]
    NotText(String),
    /// A second attribute of a name that may be given once.
    #[error("`{0}` is given twice: remove one")]
    Twice(String),
    /// A value longer than its PKCS #11 field, or of characters it cannot hold.
    #[error("the value of `{name}` cannot occur: its field holds {limit} bytes{}", if *.ascii { ", all ASCII" } else { "" })]
    Impossible {
        /// The attribute.
        name: String,
        /// Size of the field.
        limit: usize,
        /// Whether the field is limited to ASCII.
        ascii: bool,
    },
    /// A value that breaks the rule of its attribute.
    #[error("the value of `{name}` must be {wanted}")]
    Value {
        /// The attribute.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// An object type that RFC 7512 does not know.
    #[error("{0}")]
    Type(String),
    /// Both ways of giving a PIN.
    #[error("`pin-source` and `pin-value` exclude each other: remove one")]
    TwoPins,
    /// A PIN source that would run a program.
    #[error("a PIN from the output of a command is not supported: use pin-source=file:/path")]
    PinCommand,
    /// A PIN source that is a URI of a scheme that is not read.
    #[error("PIN source `{0}` is not supported: use file:/path or env:NAME")]
    PinScheme(String),
}
