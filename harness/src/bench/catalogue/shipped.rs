//! The catalogues that come with the program, inside it.

use std::path::Path;

use super::Catalogue;
use crate::yaml::Diagnostic;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$((
            concat!("bench/", $name),
            include_str!(concat!("../../../../suites/bench/", $name, ".yaml")),
        )),*]
    };
}

const FILES: &[(&str, &str)] = shipped![
    "sessions", "objects", "random", "digest", "cipher", "mac", "sign", "keygen", "wrap", "derive",
    "kem",
];

/// The shipped catalogues, in the order in which they run.
///
/// # Errors
/// A [`Diagnostic`]; a test keeps that from happening.
pub fn shipped() -> Result<Vec<Catalogue>, Diagnostic> {
    FILES
        .iter()
        .map(|(name, text)| Catalogue::parse(Path::new(&format!("{name}.yaml")), text))
        .collect()
}
