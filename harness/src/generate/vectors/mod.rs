//! Test vectors as cases: the Wycheproof sets that say something of a mechanism, one suite a set, one
//! case a vector. Whoever wants them names them: they are no part of a run that is given no names.
//!
//! A vector that is to be refused passes if it is, whatever the return value; what is merely
//! acceptable never fails a module. One file for each kind of operation; a table in `tests` says which
//! sets have no counterpart in the standard.

mod call;
mod cipher;
mod curve;
mod derive;
mod hash;
mod kdf;
mod kem;
mod mac;
mod packed;
#[allow(dead_code, reason = "the list of all of them is for the build script")]
mod sets;
mod signature;
mod stateful;
mod vector;
mod wrap;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::draft::Draft;
use crate::plan::Suite;

/// The front of the names of all suites of vectors.
pub const ROOM: &str = "vectors";

/// What evidence and messages name as the file of these cases.
pub const SOURCE: &str = "test vectors";

/// Sets of one kind: their names as the files have them, and what makes the cases of one.
struct Family {
    sets: &'static str,
    drafts: fn(&str) -> Vec<Draft>,
}

impl Family {
    fn sets(&self) -> impl Iterator<Item = &'static str> {
        self.sets.split_whitespace()
    }

    fn has(&self, set: &str) -> bool {
        self.sets().any(|name| name == set)
    }
}

const FAMILIES: [Family; 20] = [
    signature::ECDSA,
    signature::EDDSA,
    signature::DSA,
    signature::RSA_PKCS1,
    signature::RSA_PSS,
    signature::ML_DSA_VERIFY,
    signature::ML_DSA_SIGN,
    cipher::AEAD,
    cipher::BLOCK,
    cipher::RSA_OAEP,
    cipher::RSA_PKCS1,
    wrap::KEY_WRAP,
    mac::MAC,
    mac::GMAC,
    derive::ECDH,
    derive::XDH,
    derive::HKDF,
    derive::PBKDF2,
    derive::PBES2,
    kem::ML_KEM,
];

/// True if a pattern or an id is about vectors. Nothing but their own name means them: a pattern such as
/// `*rsa*` would otherwise bring thousands of cases into a short run.
#[must_use]
pub fn are_meant(pattern: &str) -> bool {
    pattern
        .strip_prefix(ROOM)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The suites of vectors whose names are wanted: `vectors/wycheproof/aes_gcm`. The files of the others
/// are not read.
#[must_use]
pub fn suites(wanted: impl Fn(&str) -> bool) -> Vec<Suite> {
    let sets = FAMILIES
        .iter()
        .flat_map(|family| family.sets().map(move |set| (family, set)));
    let named = sets.map(|(family, set)| (format!("{ROOM}/wycheproof/{set}"), family, set));
    let more = wanted(stateful::NAME);
    let derived = kdf::SUITES.iter().filter(|data| wanted(data.name));
    let derived: Vec<Suite> = derived.map(kdf::Data::suite).collect();
    let wanted: Vec<_> = named.filter(|(name, ..)| wanted(name)).collect();
    // A file is read in its own time; all of them together are worth every processor.
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut made: Vec<(usize, Suite)> = std::thread::scope(|scope| {
        let worker = || {
            let taken = || next.fetch_add(1, Ordering::Relaxed);
            let rest = std::iter::from_fn(|| {
                let place = taken();
                let (name, family, set) = wanted.get(place)?;
                Some((place, suite(name, family, set)))
            });
            rest.collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .flat_map(|made| made.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    made.sort_by_key(|(place, _)| *place);
    let made = made.into_iter().map(|(_, suite)| suite);
    made.chain(more.then(stateful::suite))
        .chain(derived)
        .collect()
}

fn suite(name: &str, family: &Family, set: &str) -> Suite {
    let drafts = (family.drafts)(set).into_iter();
    Suite {
        name: name.to_owned(),
        file: SOURCE.to_owned(),
        cases: drafts.map(|draft| draft.into_case(name)).collect(),
    }
}

#[cfg(test)]
mod tests;
