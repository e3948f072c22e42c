//! What is expected of an output: equalities and relations to literals and to earlier results.

use serde::{Deserialize, Serialize};

use super::argument::{Content, Number};
use super::reference::Reference;

/// A statement about one output or capture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// An output of the call (`signature`, `info.flags`), or a capture if `captured`.
    pub subject: Reference,
    /// True if the subject is the name of a capture (written with a dollar).
    pub captured: bool,
    /// What must hold.
    pub relation: Relation,
}

/// What must hold of a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Relation {
    /// It equals this.
    Equals(Expected),
    /// It is anything but this.
    Differs(Expected),
    /// It equals one of these.
    OneOf(Vec<Expected>),
    /// Its number of elements or bytes is so.
    Length(Box<Relation>),
    /// It is a number not below this.
    AtLeast(Number),
    /// It is a number not above this.
    AtMost(Number),
    /// It is a list with all of these.
    Contains(Vec<Expected>),
    /// It is a list with none of these.
    Excludes(Vec<Expected>),
    /// All these bits are set.
    Has(u64),
    /// None of these bits is set.
    Lacks(u64),
    /// It is a list without repetition.
    Unique,
    /// It is text padded with blanks and not terminated by NUL ([PKCS11-Base 3.2] 3).
    Padded,
    /// It is bytes that cannot be told from random ones by counting ones and runs.
    Random,
    /// It is this text, blanks at the end aside.
    Text(String),
    /// `CK_UNAVAILABLE_INFORMATION` stands for its length, or it is that number.
    Unavailable,
    /// It is an RSA modulus with the fingerprint of ROCA (Nemec et al., CCS 2017, CVE-2017-15361).
    Roca,
    /// It is an RSA public exponent that FIPS 186-5, A.1.1, does not allow: even, not above 2^16, or not below 2^256.
    WeakExponent,
    /// All of these hold.
    All(Vec<Relation>),
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Expected {
    /// A number, or a reference to anything.
    Number(Number),
    /// Bytes.
    Bytes(Content),
    /// A version.
    Version(u8, u8),
}
