//! What somebody can come to have and to know, by what a target permits: facts, and the steps between
//! them. Keys that are generated have a value for each set of roles they are generated with, imported ones
//! share one that is known; that bounds the model, in which all conclusions are drawn.
//!
//! A step that changes a key is taken as if the key before were still there. So a way that is found is a
//! conjecture until it is executed.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::changes;
use super::permission::{
    DECRYPT, DERIVE, ENCRYPT, Permission, Protection, Roles, UNWRAP, WRAP, Wrapping,
};

/// A value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// That of the key that must not be revealed.
    Secret,
    /// One that is known from the beginning.
    Known,
    /// That of the key that was generated with these roles.
    Made(Roles),
}

/// What somebody has at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// A handle to a key with a value, for these roles, protected so.
    Key(Name, Roles, Protection),
    /// The second value, wrapped with the key of the first.
    Blob(&'static Wrapping, Name, Name),
    /// The value itself.
    Knows(Name),
}

/// A step: what is needed, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// What must be permitted.
    pub permission: Permission,
    /// What must be had before, in the order in which it is best come by.
    pub premises: Vec<Fact>,
    /// What is had afterwards.
    pub conclusion: Fact,
}

/// The question of a search.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The roles of the key that must not be revealed.
    pub roles: Roles,
    /// What protects it.
    pub protection: Protection,
}

/// All conclusions.
#[derive(Debug, Default)]
pub struct Conclusions(BTreeMap<Fact, (u32, Option<Step>)>);

impl Conclusions {
    /// Draws all conclusions from what is permitted, leaving out some steps. Of several ways to a fact the
    /// one with the fewest steps is kept.
    #[must_use]
    pub fn draw(goal: &Goal, permitted: &BTreeSet<Permission>, without: &BTreeSet<Step>) -> Self {
        let secret = Fact::Key(Name::Secret, goal.roles, goal.protection);
        let mut known = Self(BTreeMap::from([
            (secret, (0, None)),
            (Fact::Knows(Name::Known), (0, None)),
        ]));
        loop {
            let mut changed = false;
            for step in known.steps(permitted) {
                if !without.contains(&step) {
                    changed |= known.add(step);
                }
            }
            if !changed {
                return known;
            }
        }
    }

    /// How many facts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The steps to a fact, each after what it needs; `None` if there is no way.
    #[must_use]
    pub fn way(&self, to: Fact) -> Option<Vec<Step>> {
        self.0.contains_key(&to).then(|| {
            let (mut way, mut done) = (Vec::new(), BTreeSet::new());
            self.collect(to, &mut done, &mut way);
            way
        })
    }

    fn collect(&self, fact: Fact, done: &mut BTreeSet<Fact>, way: &mut Vec<Step>) {
        if !done.insert(fact) {
            return;
        }
        if let Some((_, Some(step))) = self.0.get(&fact) {
            for premise in &step.premises {
                self.collect(*premise, done, way);
            }
            way.push(step.clone());
        }
    }

    fn add(&mut self, step: Step) -> bool {
        let costs = step
            .premises
            .iter()
            .map(|fact| self.0.get(fact).map(|(cost, _)| *cost));
        let Some(cost) = costs.sum::<Option<u32>>().map(|sum| sum + 1) else {
            return false;
        };
        let better = self
            .0
            .get(&step.conclusion)
            .is_none_or(|(before, _)| cost < *before);
        if better {
            self.0.insert(step.conclusion, (cost, Some(step)));
        }
        better
    }

    fn keys(&self) -> impl Iterator<Item = (Name, Roles, Protection)> + '_ {
        self.0.keys().filter_map(|fact| match fact {
            Fact::Key(name, roles, protection) => Some((*name, *roles, *protection)),
            _ => None,
        })
    }

    fn blobs(&self) -> impl Iterator<Item = (&'static Wrapping, Name, Name)> + '_ {
        self.0.keys().filter_map(|fact| match fact {
            Fact::Blob(wrapping, under, of) => Some((*wrapping, *under, *of)),
            _ => None,
        })
    }

    fn values(&self) -> impl Iterator<Item = Name> + '_ {
        self.0.keys().filter_map(|fact| match fact {
            Fact::Knows(name) => Some(*name),
            _ => None,
        })
    }

    /// The cheapest handle to each value that has a role.
    fn with_role(&self, role: Roles) -> BTreeMap<Name, Fact> {
        let mut best: BTreeMap<Name, (u32, Fact)> = BTreeMap::new();
        for (fact, (cost, _)) in &self.0 {
            if let Fact::Key(name, roles, _) = fact
                && roles.has(role)
                && best.get(name).is_none_or(|(before, _)| cost < before)
            {
                best.insert(*name, (*cost, *fact));
            }
        }
        best.into_iter()
            .map(|(name, (_, fact))| (name, fact))
            .collect()
    }

    /// Every step that can be taken now.
    fn steps(&self, permitted: &BTreeSet<Permission>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut step = |permission, premises: &[Fact], conclusion| {
            steps.push(Step {
                permission,
                premises: premises.to_vec(),
                conclusion,
            });
        };
        let [wrapping, unwrapping, encrypting, decrypting] =
            [WRAP, UNWRAP, ENCRYPT, DECRYPT].map(|role| self.with_role(role));
        for permission in permitted.iter().copied() {
            match permission {
                Permission::Generate(roles) => {
                    let made = Fact::Key(Name::Made(roles), roles, Protection::OPEN);
                    step(permission, &[], made);
                }
                Permission::Import(roles) => {
                    for name in self.values().filter(|name| *name != Name::Secret) {
                        let key = Fact::Key(name, roles, Protection::OPEN);
                        step(permission, &[Fact::Knows(name)], key);
                    }
                }
                // Below, all at once.
                Permission::Change(..) => {}
                Permission::Wrap(by, protection) => {
                    for (name, roles, _) in self.keys().filter(|key| key.2 == protection) {
                        for (under, key) in wrapping.iter().filter(|(under, _)| **under != name) {
                            let of = Fact::Key(name, roles, protection);
                            step(permission, &[*key, of], Fact::Blob(by, *under, name));
                        }
                    }
                }
                Permission::Decrypt(by) => {
                    for (_, under, name) in self.blobs().filter(|blob| blob.0 == by) {
                        if let Some(key) = decrypting.get(&under) {
                            let blob = Fact::Blob(by, under, name);
                            step(permission, &[blob, *key], Fact::Knows(name));
                        }
                    }
                }
                Permission::Plant(by, roles) | Permission::Unwrap(by, roles) => {
                    let plants = matches!(permission, Permission::Plant(..));
                    for name in self.values().filter(|_| plants) {
                        for (under, key) in encrypting.iter().filter(|(u, _)| **u != Name::Secret) {
                            let premises = [Fact::Knows(name), *key];
                            step(permission, &premises, Fact::Blob(by, *under, name));
                        }
                    }
                    for (_, under, name) in self.blobs().filter(|blob| blob.0 == by) {
                        if let Some(key) = unwrapping.get(&under) {
                            let premises = [Fact::Blob(by, under, name), *key];
                            let again = Fact::Key(name, roles, Protection::OPEN);
                            step(permission, &premises, again);
                        }
                    }
                }
                Permission::Read(protection) => {
                    for (name, roles, _) in self.keys().filter(|key| key.2 == protection) {
                        let key = Fact::Key(name, roles, protection);
                        step(permission, &[key], Fact::Knows(name));
                    }
                }
                Permission::Lower(_, protection) => {
                    for (name, roles, _) in self.keys().filter(|key| key.2 == protection) {
                        let key = Fact::Key(name, roles, protection);
                        let open = Fact::Key(name, roles, Protection::OPEN);
                        step(permission, &[key], open);
                    }
                }
                Permission::Derive(_, protection) => {
                    let able =
                        |key: &(Name, Roles, Protection)| key.1.has(DERIVE) && key.2 == protection;
                    for (name, roles, _) in self.keys().filter(able) {
                        let key = Fact::Key(name, roles, protection);
                        step(permission, &[key], Fact::Knows(name));
                    }
                }
            }
        }
        for (by, from, to) in changes(permitted) {
            let own = |key: &(Name, Roles, Protection)| key.0 != Name::Secret && key.1 == from;
            for (name, roles, protection) in self.keys().filter(own) {
                let before = Fact::Key(name, roles, protection);
                let after = Fact::Key(name, to, protection);
                step(Permission::Change(by, from, to), &[before], after);
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::super::permission::{By, DERIVATIONS, WRAPPINGS};
    use super::*;

    const SENSITIVE: Protection = Protection {
        sensitive: true,
        extractable: true,
    };

    fn way(permitted: &[Permission], protection: Protection) -> Option<Vec<Permission>> {
        let goal = Goal {
            roles: ENCRYPT.and(DERIVE),
            protection,
        };
        let permitted = permitted.iter().copied().collect();
        let known = Conclusions::draw(&goal, &permitted, &BTreeSet::new());
        let way = known.way(Fact::Knows(Name::Secret))?;
        Some(way.into_iter().map(|step| step.permission).collect())
    }

    #[test]
    fn a_key_with_two_roles_reveals_what_it_wraps() {
        let both = Permission::Generate(WRAP.and(DECRYPT));
        let wrap = Permission::Wrap(&WRAPPINGS[0], SENSITIVE);
        let decrypt = Permission::Decrypt(&WRAPPINGS[0]);
        assert_eq!(
            way(&[both, wrap, decrypt], SENSITIVE),
            Some(vec![both, wrap, decrypt])
        );
        assert_eq!(way(&[both, wrap], SENSITIVE), None);
        assert_eq!(way(&[both, decrypt], SENSITIVE), None);
        // Of another mode, or of another protection.
        let other = Permission::Decrypt(&WRAPPINGS[1]);
        assert_eq!(way(&[both, wrap, other], SENSITIVE), None);
        assert_eq!(way(&[both, wrap, decrypt], Protection::ALL[0]), None);
    }

    /// Two keys that are generated with a role each are two keys.
    #[test]
    fn roles_of_two_keys_do_not_meet() {
        let keys = [WRAP, DECRYPT].map(Permission::Generate);
        let wrap = Permission::Wrap(&WRAPPINGS[0], SENSITIVE);
        let decrypt = Permission::Decrypt(&WRAPPINGS[0]);
        let apart = [keys[0], keys[1], wrap, decrypt];
        assert_eq!(way(&apart, SENSITIVE), None);
        // Until a role changes, after the key has wrapped.
        let change = Permission::Change(By::Set, WRAP, DECRYPT);
        let found = way(&[keys[0], wrap, decrypt, change], SENSITIVE);
        assert_eq!(found, Some(vec![keys[0], wrap, change, decrypt]));
    }

    #[test]
    fn a_wrapping_key_is_carried_out_and_comes_back_with_another_role() {
        let transport = Permission::Generate(WRAP.and(UNWRAP));
        let own = Permission::Generate(WRAP);
        let by = &WRAPPINGS[2];
        let carry = Permission::Wrap(by, Protection::OPEN);
        let back = Permission::Unwrap(by, DECRYPT);
        let wrap = Permission::Wrap(by, SENSITIVE);
        let decrypt = Permission::Decrypt(by);
        let found = way(&[transport, own, carry, back, wrap, decrypt], SENSITIVE);
        assert_eq!(found.map(|steps| steps.len()), Some(6));
    }

    #[test]
    fn the_fewest_steps_are_taken() {
        let by = &WRAPPINGS[0];
        let permitted = [
            Permission::Generate(WRAP.and(DECRYPT)),
            Permission::Wrap(by, SENSITIVE),
            Permission::Decrypt(by),
            Permission::Derive(&DERIVATIONS[0], SENSITIVE),
        ];
        let derive = Permission::Derive(&DERIVATIONS[0], SENSITIVE);
        assert_eq!(way(&permitted, SENSITIVE), Some(vec![derive]));
    }
}
