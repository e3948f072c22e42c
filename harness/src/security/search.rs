//! The search: what the target permits, the ways that follow from it, and the proof of each on the target.

use std::collections::BTreeSet;

use super::model::{Conclusions, Fact, Goal, Name, Step};
use super::observe::{ObserveError, execute, observe, secret_roles};
use super::path::{self, what};
use super::permission::{Permission, Protection};
use crate::plan::Case;
use crate::run::Station;
use crate::sequence::Value;

/// Most ways that are told of one kind of key.
const WAYS: usize = 6;
/// Most ways that are executed for one kind of key, those included that turn out to be none.
const TRIES: usize = 60;

/// What became of the search for one kind of key.
#[derive(Debug)]
pub struct Answer {
    /// What protects such keys.
    pub protection: Protection,
    /// What was found out about them.
    pub found: Found,
}

/// What the search found out about one kind of key.
#[derive(Debug)]
pub enum Found {
    /// It was made.
    Ways {
        /// The ways to the value of such a key, each proved; none if it stays inside.
        cases: Vec<Case>,
        /// What was looked at, for people.
        looked_at: String,
    },
    /// There was no such key to look for, and why.
    NoKey(String),
}

impl Answer {
    /// Id of what is told of such keys.
    #[must_use]
    pub fn id(&self) -> String {
        answer_id(self.protection)
    }

    /// What was looked for.
    #[must_use]
    pub fn title(&self) -> String {
        format!(
            "The value of a key that is {} is revealed",
            what(self.protection)
        )
    }
}

/// The group of all cases of the search.
pub const FOLDER: &str = "security/search";

fn answer_id(protection: Protection) -> String {
    format!("{FOLDER}/{protection}")
}

/// Looks for ways to the value of every kind of key that must not be revealed.
///
/// # Errors
/// [`ObserveError`] if the target cannot be asked.
pub fn search(station: &mut Station, given: &Value) -> Result<Vec<Answer>, ObserveError> {
    let permitted = observe(station, given)?;
    let kinds = Protection::ALL.into_iter().filter(|kind| kind.hides());
    kinds
        .map(|kind| of_kind(station, given, &permitted, kind))
        .collect()
}

fn of_kind(
    station: &mut Station,
    given: &Value,
    permitted: &BTreeSet<Permission>,
    protection: Protection,
) -> Result<Answer, ObserveError> {
    let answer = |found| Answer { protection, found };
    let Some(roles) = secret_roles(station, given, protection)? else {
        let kind = what(protection);
        let reason = format!("the token generates no AES key that is {kind}");
        return Ok(answer(Found::NoKey(reason)));
    };
    let id = answer_id(protection);
    let mut cases = Vec::new();
    let goal = Goal { roles, protection };
    let (mut left, mut vain) = (permitted.clone(), BTreeSet::new());
    let facts = Conclusions::draw(&goal, permitted, &vain).count();
    for _ in 0..TRIES {
        let known = Conclusions::draw(&goal, &left, &vain);
        let Some(way) = known.way(Fact::Knows(Name::Secret)) else {
            break;
        };
        let id = match cases.len() {
            0 => id.clone(),
            n => format!("{id}-{}", n + 1),
        };
        let case = path::case(&id, &goal, &way)?;
        if execute(station, given, std::slice::from_ref(&case))? == [true] {
            cases.push(case);
            close(&mut left, &way);
        } else {
            // The model knows no order of changes: what failed is left out, and another way looked for.
            vain.extend(way.last().cloned());
        }
        if cases.len() == WAYS {
            break;
        }
    }
    let looked_at = format!(
        "{} of {} permissions hold, {facts} facts follow, {} of the ways did not lead there",
        permitted.len(),
        Permission::all().len(),
        vain.len()
    );
    Ok(answer(Found::Ways { cases, looked_at }))
}

/// Takes away what the way rests on, so that the next one is another.
fn close(left: &mut BTreeSet<Permission>, way: &[Step]) {
    let rank = |permission: &Permission| match permission {
        Permission::Read(protection) if protection.hides() => 6,
        Permission::Derive(..) => 5,
        Permission::Lower(..) => 4,
        Permission::Unwrap(..) => 3,
        Permission::Decrypt(_) => 2,
        _ => 1,
    };
    let steps = way.iter().map(|step| step.permission);
    let Some(pillar) = steps.max_by_key(rank) else {
        return;
    };
    left.retain(|permission| match (permission, pillar) {
        (Permission::Unwrap(by, _), Permission::Unwrap(pillar, _)) => *by != pillar,
        (permission, pillar) => *permission != pillar,
    });
}
