//! The words of a verdict: how a case ended, how binding it is, how honest, and on which place in a standard it rests.

use serde::{Deserialize, Serialize};

/// How a case ended. The order is the order of gravity: a case with several findings takes the
/// gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All expectations held.
    Pass,
    /// The case does not apply to this target; `Case::reason` says why.
    NotApplicable,
    /// The standard permits what the target did, yet it serves the application or its security badly.
    PermittedButWeak,
    /// The host or its configuration kept the case from being judged.
    Environment,
    /// The target did what the standard does not permit.
    Deviation,
    /// A deviation that breaks a security property the standard promises.
    SecurityViolation,
    /// The target did not return within its deadline.
    Hang,
    /// The target ended the worker (signal, exit, memory limit, file limit), or wrote outside its buffers.
    Crash,
    /// p11assay itself failed: not a statement on the target.
    HarnessFault,
}

/// How binding the judged requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The standard says MUST or SHALL.
    Must,
    /// The standard says SHOULD.
    Should,
    /// A condition of a profile.
    Profile,
    /// A security property.
    Security,
}

/// How honest the arguments of a case are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Legal calls.
    A,
    /// Honest memory with bad values.
    B,
    /// Lying pointers or lengths.
    C,
}

/// Why a case does not apply to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The module or the token lacks what the case is about: a version, a function, a mechanism.
    Absent,
    /// The token has it, and its policy keeps the case from it: a size of key, an approved mode, a user.
    Refused,
    /// The run could not come to the state that the case asks for: no PIN was given, the token may not
    /// be overwritten, or it does not hold what the case presumes.
    NotReachable,
}

/// A place in a standard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Clause {
    /// Short name of the document, `PKCS11-Base`, `PKCS11-Prof`.
    pub document: String,
    /// Its version, `3.2`.
    pub version: String,
    /// The section, `5.13.1`.
    pub section: String,
}
