//! What a target permits: each permission tried by sequences of its own. Where the keys that a try needs
//! can be had in two ways, both are tried.

use std::collections::BTreeSet;

use p11assay_reports::evidence::Verdict;

use super::permission::{
    By, DECRYPT, DERIVE, ENCRYPT, Permission, Protection, Roles, UNWRAP, WRAP,
};
use super::script::{self, KNOWN, Script};
use crate::oracle::{Attack, Reading, Success};
use crate::plan::Case;
use crate::run::job::{job, verdict};
use crate::run::{Station, StationError};
use crate::sequence::Value;
use crate::yaml::Diagnostic;

/// Why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The station.
    #[error(transparent)]
    Station(#[from] StationError),
    /// A script that is no suite: a fault of this program.
    #[error(transparent)]
    Script(#[from] Box<Diagnostic>),
}

/// Tries everything; gives what succeeded.
///
/// # Errors
/// [`ObserveError`].
pub fn observe(station: &mut Station, given: &Value) -> Result<BTreeSet<Permission>, ObserveError> {
    let mut tries: Vec<(Permission, Case)> = Vec::new();
    for permission in Permission::all() {
        for script in scripts(permission) {
            tries.push((permission, try_case(&script)?));
        }
    }
    let cases: Vec<Case> = tries.iter().map(|(_, case)| case.clone()).collect();
    let succeeded = execute(station, given, &cases)?;
    let permitted = tries.into_iter().zip(succeeded).filter(|(_, ok)| *ok);
    Ok(permitted.map(|((permission, _), _)| permission).collect())
}

/// Executes attacks; says of each whether it came to its end.
pub(super) fn execute(
    station: &mut Station,
    given: &Value,
    cases: &[Case],
) -> Result<Vec<bool>, StationError> {
    let numbered = cases.iter().zip(0..);
    let jobs: Vec<_> = numbered.map(|(case, n)| job(n, case, given)).collect();
    let ran = station.execute(jobs.clone())?;
    let all = cases.iter().zip(&jobs).zip(&ran);
    Ok(all
        .map(|((case, job), ran)| {
            let judged = verdict(case, job, ran, Reading::Relaxed);
            case.attack.as_ref().map(Attack::verdict) == Some(judged.verdict)
                && judged.verdict != Verdict::Pass
        })
        .collect())
}

fn try_case(script: &Script) -> Result<Case, Box<Diagnostic>> {
    let attack = script::attack(Success::Weak);
    script.case("security/search/try", "", "5.18", attack)
}

/// A way to have one key under two handles with a role each, or a key with both roles.
fn keys(script: &mut Script, way: usize, one: Roles, other: Roles) -> [&'static str; 2] {
    match way {
        0 => {
            script.generate("both", one.and(other), Protection::OPEN);
            ["both", "both"]
        }
        _ => {
            script
                .import("one", one, KNOWN)
                .import("other", other, KNOWN);
            ["one", "other"]
        }
    }
}

/// The ways to try a permission.
fn scripts(permission: Permission) -> Vec<Script> {
    let ways = match permission {
        Permission::Decrypt(_) | Permission::Plant(..) | Permission::Unwrap(..) => 2,
        Permission::Wrap(..) => 2,
        _ => 1,
    };
    (0..ways).map(|way| script(permission, way)).collect()
}

fn script(permission: Permission, way: usize) -> Script {
    let mut script = Script::default();
    match permission {
        Permission::Generate(roles) => {
            script.generate("key", roles, Protection::OPEN);
        }
        Permission::Import(roles) => {
            script.import("key", roles, KNOWN);
        }
        Permission::Change(by, from, to) => {
            script.generate("key", from, Protection::OPEN);
            script.change(by, "key", from, to);
        }
        Permission::Wrap(wrapping, protection) => {
            match way {
                0 => script.generate("by", WRAP, Protection::OPEN),
                _ => script.import("by", WRAP, KNOWN),
            };
            script
                .generate("key", ENCRYPT, protection)
                .wrap(wrapping, "by", "key", "blob");
        }
        Permission::Decrypt(wrapping) => {
            let [by, back] = keys(&mut script, way, WRAP, DECRYPT);
            script
                .generate("key", ENCRYPT, Protection::OPEN)
                .wrap(wrapping, by, "key", "blob")
                .decrypt(wrapping, back, "blob", "value")
                .proves("key", "value");
        }
        Permission::Plant(wrapping, roles) => {
            let [by, back] = keys(&mut script, way, ENCRYPT, UNWRAP);
            script
                .encrypt(wrapping, by, KNOWN, "blob")
                .unwrap(wrapping, back, "blob", "key", roles);
        }
        Permission::Unwrap(wrapping, roles) => {
            let [by, back] = keys(&mut script, way, WRAP, UNWRAP);
            script
                .generate("key", ENCRYPT, Protection::OPEN)
                .wrap(wrapping, by, "key", "blob")
                .unwrap(wrapping, back, "blob", "again", roles);
        }
        Permission::Read(protection) => {
            script
                .generate("key", ENCRYPT, protection)
                .read("key", "value");
        }
        Permission::Lower(by, protection) => {
            script.generate("key", ENCRYPT, protection);
            script.lower(by, "key", protection);
        }
        Permission::Derive(by, protection) => {
            script
                .generate("key", DERIVE, protection)
                .derive(by, "key", "derived")
                .read("derived", "value");
        }
    }
    script
}

/// The roles with which a target makes a key that is to be revealed: with derivation, if it lets that.
pub(super) fn secret_roles(
    station: &mut Station,
    given: &Value,
    protection: Protection,
) -> Result<Option<Roles>, ObserveError> {
    for roles in [ENCRYPT.and(DERIVE), ENCRYPT] {
        let mut script = Script::default();
        script.generate("secret", roles, protection);
        if execute(station, given, &[try_case(&script)?])? == [true] {
            return Ok(Some(roles));
        }
    }
    Ok(None)
}

/// The roles between which keys change.
pub(super) fn changes(
    permitted: &BTreeSet<Permission>,
) -> impl Iterator<Item = (By, Roles, Roles)> + '_ {
    permitted.iter().filter_map(|permission| match permission {
        Permission::Change(by, from, to) => Some((*by, *from, *to)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A try that is not written in the language would only be noticed on a target.
    #[test]
    fn every_try_is_a_sequence() {
        for permission in Permission::all() {
            for script in scripts(permission) {
                let case = try_case(&script).unwrap_or_else(|e| panic!("{permission:?}: {e}"));
                assert!(case.sequence.calls().count() > 0, "{permission:?}");
            }
        }
    }
}
