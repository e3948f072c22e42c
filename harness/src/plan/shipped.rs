//! The suites that come with the program, inside it: an installed binary needs no others.

use std::path::Path;

use super::{Suite, Waivers};
use crate::yaml::{Diagnostic, Document};

macro_rules! shipped {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../suites/", $path)))),*]
    };
}

/// Suites of cases, in the order in which they run.
const SUITES: &[(&str, &str)] = shipped![
    "profiles/baseline-provider.yaml",
    "profiles/extended-provider.yaml",
    "profiles/authentication-token.yaml",
    "profiles/public-certificates-token.yaml",
    "profiles/hkdf-tls-token.yaml",
    "profiles/complete-provider.yaml",
    "life/sessions.yaml",
    "life/login.yaml",
    "life/login-user.yaml",
    "life/objects.yaml",
    "life/impossible-objects.yaml",
    "life/rare-attributes.yaml",
    "life/token-objects.yaml",
    "life/many-objects.yaml",
    "life/search.yaml",
    "operations/library.yaml",
    "operations/information.yaml",
    "operations/ends.yaml",
    "operations/parts.yaml",
    "operations/arrays.yaml",
    "operations/data.yaml",
    "operations/rsa-limits.yaml",
    "operations/keys.yaml",
    "operations/wrapped-keys.yaml",
    "operations/pin-for-each-use.yaml",
    "operations/parameters.yaml",
    "operations/worked-out.yaml",
    "operations/saved-state.yaml",
    "operations/signatures.yaml",
    "operations/messages.yaml",
    "operations/one-time.yaml",
    "operations/random.yaml",
    "security/key-separation.yaml",
    "security/downgrade.yaml",
    "security/wrapping.yaml",
    "security/rsa.yaml",
    "security/curves.yaml",
    "life/notifications.yaml",
    "life/asynchronous.yaml",
    "life/processes.yaml",
    "life/reload.yaml",
    "life/removal.yaml",
    "threads/locking.yaml",
    "threads/sessions.yaml",
    "threads/operations.yaml",
    "life/wrong-pin.yaml",
    "life/pin.yaml",
    "life/init-token.yaml",
    "undefined/threads.yaml",
    "vectors/nist/digests.yaml",
    "vectors/nist/ciphers.yaml",
];

/// Folders of suites that only run when they are named: what takes long, and what the standard does not
/// ask for.
const BY_NAME: &[&str] = &["vectors", "undefined"];

/// The folder of a suite, id or pattern that means only what is named by it; absent for all others.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static str> {
    let folder = name.split('/').next().unwrap_or(name);
    BY_NAME.iter().find(|known| **known == folder).copied()
}

/// Suites that may leave a token locked or empty, and so run after all others, generated ones too.
const LAST: &[&str] = &["life/wrong-pin", "life/pin", "life/init-token"];

/// True if the suite of this name runs after all others.
#[must_use]
pub fn runs_last(suite: &str) -> bool {
    LAST.contains(&suite)
}

/// Suites that provision tokens; run when a target asks for them.
const PROVISIONING: &[(&str, &str)] = shipped![
    "profiles/provision/init-token.yaml",
    "profiles/provision/certificates.yaml",
    "profiles/provision/authentication.yaml",
    "profiles/provision/authentication-generate.yaml",
];

/// Suites that tell what the host keeps from a target, and how keys get into it; see `probe`.
const CANARIES: &[(&str, &str)] = shipped!["canaries/host.yaml", "canaries/import.yaml"];

/// Waivers that shipped targets name.
pub(super) const WAIVERS: &[(&str, &str)] = shipped![
    "targets/waivers/gnome-keyring.yaml",
    "targets/waivers/kryoptic.yaml",
    "targets/waivers/nss-softokn.yaml",
    "targets/waivers/opencryptoki.yaml",
    "targets/waivers/softhsm2.yaml",
    "targets/waivers/tpm2-pkcs11.yaml",
];

/// Shipped waivers by their path below `suites/`.
///
/// # Errors
/// A [`Diagnostic`] if there are none of that path.
pub fn waivers(path: &str) -> Result<(Waivers, Document), Diagnostic> {
    let found = WAIVERS.iter().find(|(known, _)| *known == path);
    let Some((path, text)) = found else {
        let text = "no waivers of this name come with the program";
        return Err(Diagnostic::new(Path::new(path), text));
    };
    Waivers::parse(Path::new(path), text)
}

/// The shipped suites of cases whose names, `life/login`, are wanted.
///
/// # Errors
/// A [`Diagnostic`]; a test keeps that from happening.
pub fn suites(wanted: impl Fn(&str) -> bool) -> Result<Vec<Suite>, Diagnostic> {
    // Reading is the longest part of a short run that the program itself can hurry.
    std::thread::scope(|scope| {
        let readers: Vec<_> = SUITES
            .iter()
            .filter(|(path, _)| wanted(path.trim_end_matches(".yaml")))
            .map(|(path, text)| scope.spawn(|| Suite::parse(Path::new(path), text)))
            .collect();
        readers
            .into_iter()
            .map(|reader| {
                reader
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// A shipped suite by its path below `suites/`, with or without `../` as targets write it.
///
/// # Errors
/// A [`Diagnostic`] if there is none of that path.
pub fn suite(path: &str) -> Result<Suite, Diagnostic> {
    let path = path.trim_start_matches("../");
    match SUITES
        .iter()
        .chain(PROVISIONING)
        .chain(CANARIES)
        .find(|(known, _)| *known == path)
    {
        Some((path, text)) => Suite::parse(Path::new(path), text),
        None => Err(Diagnostic::new(
            Path::new(path),
            "no suite of this name comes with the program",
        )
        .help("give the path of a file, or one of the shipped suites (`p11assay list`)")),
    }
}

/// True if waivers or a suite come with the program by this path below `suites/`.
#[must_use]
pub fn has(path: &str) -> bool {
    let waivers = WAIVERS.iter().map(|(known, _)| *known);
    paths().chain(waivers).any(|known| known == path)
}

/// Paths of all shipped files below `suites/`.
pub fn paths() -> impl Iterator<Item = &'static str> {
    let all = SUITES.iter().chain(PROVISIONING).chain(CANARIES);
    all.map(|(path, _)| *path)
}
