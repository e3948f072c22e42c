//! From a way through the model to a case that anybody can run: every step a call, and at the end the
//! proof by use.

use std::collections::BTreeMap;

use super::model::{Fact, Goal, Name, Step};
use super::permission::{Permission, Protection};
use super::script::{self, KNOWN, Script};
use crate::oracle::Success;
use crate::plan::Case;
use crate::target::SecurityProfile;
use crate::yaml::Diagnostic;

/// What the standard says of the way: the clause that one of its steps breaks, if one does.
#[must_use]
pub fn forbidden_by(way: &[Step]) -> Option<&'static str> {
    way.iter().find_map(|step| step.permission.forbidden_by())
}

/// The case of a way.
///
/// # Errors
/// If what is written is not read: a fault of this program.
pub fn case(id: &str, goal: &Goal, way: &[Step]) -> Result<Case, Box<Diagnostic>> {
    let mut writer = Writer::default();
    writer.script.secret(goal.protection, goal.roles);
    let secret = Fact::Key(Name::Secret, goal.roles, goal.protection);
    writer.names.insert(secret, "secret".to_owned());
    for step in way {
        writer.step(step);
    }
    // The proof is no part of the way.
    let functions = writer.script.functions();
    if let Some(value) = writer.names.get(&Fact::Knows(Name::Secret)).cloned() {
        writer.script.proves("secret", &value);
    }
    let forbidden = forbidden_by(way);
    let mut attack = script::attack(match forbidden {
        Some(_) => Success::Violation,
        None => Success::Weak,
    });
    attack.profile = forbidden
        .is_none()
        .then_some(SecurityProfile::SecureTemplates);
    let title = format!(
        "The value of a key that is {} is revealed: {functions}{}",
        what(goal.protection),
        mechanisms(way)
    );
    writer
        .script
        .case(id, &title, forbidden.unwrap_or("4.11"), attack)
}

/// The mechanisms of a way, each once.
fn mechanisms(way: &[Step]) -> String {
    let mut names: Vec<&str> = way
        .iter()
        .filter_map(|step| step.permission.mechanism())
        .collect();
    names.dedup();
    match names.as_slice() {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    }
}

/// A protection in words.
pub(super) fn what(protection: Protection) -> &'static str {
    match (protection.sensitive, protection.extractable) {
        (true, true) => "sensitive",
        (true, false) => "sensitive and not extractable",
        (false, false) => "not extractable",
        (false, true) => "open",
    }
}

#[derive(Default)]
struct Writer {
    script: Script,
    /// What each fact is called in the script.
    names: BTreeMap<Fact, String>,
    count: usize,
}

impl Writer {
    fn fresh(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}{}", self.count)
    }

    fn name(&self, fact: Fact) -> String {
        self.names.get(&fact).cloned().unwrap_or_default()
    }

    /// A known value as an argument.
    fn value(&self, of: Name) -> String {
        match (of, self.names.get(&Fact::Knows(of))) {
            (_, Some(name)) => format!("{{ of: ${name}, take: 16 }}"),
            (_, None) => KNOWN.to_owned(),
        }
    }

    fn step(&mut self, step: &Step) {
        let premise = |at: usize| step.premises.get(at).copied();
        let named =
            |writer: &Self, at: usize| premise(at).map_or(String::new(), |f| writer.name(f));
        let name = match (step.permission, step.conclusion) {
            (Permission::Generate(roles), _) => {
                let name = self.fresh("key");
                self.script.generate(&name, roles, Protection::OPEN);
                name
            }
            (Permission::Import(roles), Fact::Key(of, ..)) => {
                let (name, value) = (self.fresh("key"), self.value(of));
                self.script.import(&name, roles, &value);
                name
            }
            (Permission::Change(by, from, to), _) => {
                let before = named(self, 0);
                self.script.change(by, &before, from, to)
            }
            (Permission::Wrap(by, _), _) => {
                let (blob, under, of) = (self.fresh("blob"), named(self, 0), named(self, 1));
                self.script.wrap(by, &under, &of, &blob);
                blob
            }
            (Permission::Plant(by, _), Fact::Blob(_, _, of)) => {
                let (blob, under, value) = (self.fresh("blob"), named(self, 1), self.value(of));
                self.script.encrypt(by, &under, &value, &blob);
                blob
            }
            (Permission::Plant(by, roles) | Permission::Unwrap(by, roles), _) => {
                let (key, blob, under) = (self.fresh("key"), named(self, 0), named(self, 1));
                self.script.unwrap(by, &under, &blob, &key, roles);
                key
            }
            (Permission::Decrypt(by), _) => {
                let (value, blob, under) = (self.fresh("value"), named(self, 0), named(self, 1));
                self.script.decrypt(by, &under, &blob, &value);
                value
            }
            (Permission::Read(_), _) => {
                let (value, key) = (self.fresh("value"), named(self, 0));
                self.script.read(&key, &value);
                value
            }
            (Permission::Lower(by, from), _) => {
                let before = named(self, 0);
                self.script.lower(by, &before, from)
            }
            (Permission::Derive(by, _), _) => {
                let (key, value, base) = (self.fresh("key"), self.fresh("value"), named(self, 0));
                self.script.derive(by, &base, &key).read(&key, &value);
                value
            }
            (Permission::Import(_), _) => return,
        };
        self.names.insert(step.conclusion, name);
    }
}
