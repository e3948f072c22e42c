//! Mutants: the manifest and the sources name the same, each once; and with the feature `mutants`,
//! each of them makes a difference that an application can see. `stage` writes transcripts of calls,
//! the files beside it are batteries of them by area, and `observed` compares.

#![cfg_attr(
    feature = "mutants",
    allow(unsafe_code, reason = "the token is called through its C functions")
)]

#[cfg(feature = "mutants")]
#[macro_use]
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "mutants")]
#[macro_use]
mod stage;

#[cfg(feature = "mutants")]
mod attacks;
#[cfg(feature = "mutants")]
mod crypto;
#[cfg(feature = "mutants")]
mod general;
#[cfg(feature = "mutants")]
mod keys;
#[cfg(feature = "mutants")]
mod memory;
#[cfg(feature = "mutants")]
mod objects;
#[cfg(feature = "mutants")]
mod observed;
#[cfg(feature = "mutants")]
mod protocols;
#[cfg(feature = "mutants")]
mod sessions;
#[cfg(feature = "mutants")]
mod threads;
#[cfg(feature = "mutants")]
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default)]
    mutant: Vec<Mutant>,
}

/// One seeded fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    /// Part of the standard that it is about.
    area: String,
    /// What an application meets.
    fault: String,
    /// Section of [PKCS11-Base 3.2] that it breaks.
    clause: String,
    /// How a process with it ends, where that is the fault.
    end: Option<End>,
}

/// How a process ends that meets a mutant.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum End {
    /// As it would without one, but with other answers: the default.
    #[serde(skip)]
    Answer,
    /// By a signal.
    Crash,
    /// Before it is through.
    Exit,
    /// Not at all.
    Hang,
    /// With more and more memory.
    Leak,
    /// With the same answers, only later: no transcript tells.
    Late,
}

const AREAS: [&str; 15] = [
    "general",
    "slots",
    "removal",
    "sessions",
    "login",
    "objects",
    "attributes",
    "search",
    "ciphers",
    "digests",
    "signatures",
    "keys",
    "messages",
    "memory",
    "threads",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> Manifest {
    let text = std::fs::read_to_string(root().join("mutants.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// Every mutant that the sources name, with how often.
fn seeded(folder: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            seeded(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("mutant!(\"").skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                *found.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_mutant_of_the_manifest_is_seeded_once_and_no_other_is() {
    let mut found = BTreeMap::new();
    seeded(&root().join("src"), &mut found);
    for mutant in &manifest().mutant {
        let times = found.remove(&mutant.name);
        assert_eq!(times, Some(1), "{} in the sources", mutant.name);
        assert!(AREAS.contains(&mutant.area.as_str()), "{}", mutant.name);
        assert!(!mutant.fault.is_empty(), "{}", mutant.name);
        assert_ne!(mutant.end, Some(End::Answer), "{}", mutant.name);
        let numbers = |clause: &str| clause.split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(
            numbers(&mutant.clause),
            "{}: {}",
            mutant.name,
            mutant.clause
        );
    }
    assert!(found.is_empty(), "not in mutants.toml: {found:?}");
}
