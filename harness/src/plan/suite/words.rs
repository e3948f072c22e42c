//! The keys and words of suite files. The reader and the JSON Schema share them, so that an editor
//! completes what is read.

use p11assay_reports::evidence::{Class, Level};

use super::Ladder;
use crate::oracle::Success;

pub(crate) const SUITE_KEYS: &[&str] = &[
    "suite", "title", "cites", "level", "class", "state", "needs", "setup", "cases",
];
pub(crate) const CASE_KEYS: &[&str] = &[
    "id", "title", "clause", "cites", "level", "class", "state", "needs", "setup", "steps",
    "variants", "with", "attack",
];
pub(crate) const VARIANT_KEYS: &[&str] =
    &["id", "title", "clause", "cites", "needs", "with", "level"];
pub(crate) const ATTACK_KEYS: &[&str] = &["means", "from", "profile"];
pub(crate) const CITES_KEYS: &[&str] = &["document", "version"];
pub(crate) const NEEDS_KEYS: &[&str] = &[
    "version",
    "functions",
    "mechanism",
    "mechanisms",
    "token-flags",
    "profile",
    "pin",
    "so-pin",
    "disposable",
    "removable",
    "own-token",
];
pub(crate) const MECHANISM_NEED_KEYS: &[&str] = &["type", "for", "key-size"];
pub(crate) const LEVELS: &[(&str, Level)] = &[
    ("must", Level::Must),
    ("should", Level::Should),
    ("profile", Level::Profile),
    ("security", Level::Security),
];
pub(crate) const SUCCESSES: &[(&str, Success)] =
    &[("violation", Success::Violation), ("weak", Success::Weak)];
pub(crate) const CLASSES: &[(&str, Class)] = &[("A", Class::A), ("B", Class::B), ("C", Class::C)];
pub(crate) const LADDERS: &[(&str, Ladder)] = &[
    ("loaded", Ladder::Loaded),
    ("initialized", Ladder::Initialized),
    ("session", Ladder::Session),
    ("rw-session", Ladder::RwSession),
    ("user", Ladder::User),
    ("rw-user", Ladder::RwUser),
    ("so", Ladder::So),
];
/// What a mechanism is needed for, and the flag of CK_MECHANISM_INFO that says it can.
pub(crate) const PURPOSES: &[(&str, u64)] = &[
    ("encrypt", cryptoki_sys::CKF_ENCRYPT),
    ("decrypt", cryptoki_sys::CKF_DECRYPT),
    ("digest", cryptoki_sys::CKF_DIGEST),
    ("sign", cryptoki_sys::CKF_SIGN),
    ("sign-recover", cryptoki_sys::CKF_SIGN_RECOVER),
    ("verify", cryptoki_sys::CKF_VERIFY),
    ("verify-recover", cryptoki_sys::CKF_VERIFY_RECOVER),
    ("generate", cryptoki_sys::CKF_GENERATE),
    ("generate-key-pair", cryptoki_sys::CKF_GENERATE_KEY_PAIR),
    ("wrap", cryptoki_sys::CKF_WRAP),
    ("unwrap", cryptoki_sys::CKF_UNWRAP),
    ("derive", cryptoki_sys::CKF_DERIVE),
    ("encapsulate", cryptoki_sys::CKF_ENCAPSULATE),
    ("decapsulate", cryptoki_sys::CKF_DECAPSULATE),
];
