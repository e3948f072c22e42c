//! Steps of the search in the language of suites, as text: what is tried, and what is shown as proof.

use std::path::Path;

use super::permission::{
    By, DECRYPT, DERIVE, Derivation, ENCRYPT, Protection, Roles, UNWRAP, WRAP, Wrapping,
};
use crate::oracle::{Attack, Success};
use crate::plan::{Case, Suite};
use crate::yaml::Diagnostic;

/// The value of imported keys.
pub(super) const KNOWN: &str = "\"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\"";
/// A block to compare keys by.
const BLOCK: &str = "00000000000000000000000000000000";

/// Steps, one a line.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    setup: Vec<String>,
    steps: Vec<String>,
}

impl Script {
    fn step(&mut self, call: String, gives: Option<(&str, &str)>) -> &mut Self {
        self.steps.push(with_gives(call, gives));
        self
    }

    /// The key that must not be revealed, in preparation of all else.
    pub(super) fn secret(&mut self, protection: Protection, roles: Roles) -> &mut Self {
        let call = generate(&usages(roles), protection);
        let step = with_gives(call, Some(("key", "secret")));
        self.setup
            .push(step + "    not-applicable-on: creation-refused\n");
        self
    }

    pub(super) fn generate(
        &mut self,
        name: &str,
        roles: Roles,
        protection: Protection,
    ) -> &mut Self {
        let call = generate(&usages(roles), protection);
        self.step(call, Some(("key", name)))
    }

    /// A key of a value that is known: written out, or revealed before.
    pub(super) fn import(&mut self, name: &str, roles: Roles, value: &str) -> &mut Self {
        let usages = usages(roles);
        let call = format!(
            "C_CreateObject: {{ session: $session, template: {{ CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, \
             CKA_TOKEN: false{usages}, CKA_EXTRACTABLE: true, CKA_VALUE: {value} }} }}"
        );
        self.step(call, Some(("object", name)))
    }

    /// Other roles for a key; gives the name of the key that has them.
    pub(super) fn change(&mut self, by: By, name: &str, from: Roles, to: Roles) -> String {
        let off = from.without(to).attributes().map(|a| (a, false));
        let on = to.without(from).attributes().map(|a| (a, true));
        let changes: Vec<(&str, bool)> = off.chain(on).collect();
        self.alter(by, name, &changes)
    }

    /// Nothing that keeps the value of a key inside.
    pub(super) fn lower(&mut self, by: By, name: &str, from: Protection) -> String {
        let sensitive = from.sensitive.then_some(("CKA_SENSITIVE", false));
        let extractable = (!from.extractable).then_some(("CKA_EXTRACTABLE", true));
        let changes: Vec<(&str, bool)> = sensitive.into_iter().chain(extractable).collect();
        let lowered = self.alter(by, name, &changes);
        self.step(
            format!(
                "C_GetAttributeValue: {{ session: $session, object: ${lowered}, template: {{ CKA_SENSITIVE: {{ buffer: 1 }}, \
                 CKA_EXTRACTABLE: {{ buffer: 1 }} }} }}\n    \
                 expect: {{ template.CKA_SENSITIVE: 0, template.CKA_EXTRACTABLE: 1 }}"
            ),
            None,
        );
        lowered
    }

    fn alter(&mut self, by: By, name: &str, changes: &[(&str, bool)]) -> String {
        let pair = |(attribute, value): &(&str, bool)| format!("{attribute}: {value}");
        match by {
            By::Set => {
                for change in changes {
                    let change = pair(change);
                    self.step(
                        format!(
                            "C_SetAttributeValue: {{ session: $session, object: ${name}, template: {{ {change} }} }}"
                        ),
                        None,
                    );
                }
                name.to_owned()
            }
            By::Copy => {
                let copy = format!("{name}-copy{}", self.steps.len());
                let changes: Vec<String> = changes.iter().map(pair).collect();
                let changes = changes.join(", ");
                self.step(
                    format!(
                        "C_CopyObject: {{ session: $session, object: ${name}, template: {{ {changes} }} }}"
                    ),
                    Some(("new_object", &copy)),
                );
                copy
            }
        }
    }

    pub(super) fn wrap(&mut self, by: &Wrapping, under: &str, key: &str, blob: &str) -> &mut Self {
        let mechanism = mechanism(by);
        let call = format!(
            "C_WrapKey: {{ session: $session, mechanism: {mechanism}, wrapping_key: ${under}, key: ${key}, \
             wrapped_key: {{ buffer: 64 }} }}"
        );
        self.step(call, Some(("wrapped_key", blob)))
    }

    pub(super) fn unwrap(
        &mut self,
        by: &Wrapping,
        under: &str,
        blob: &str,
        name: &str,
        roles: Roles,
    ) -> &mut Self {
        let (mechanism, usages) = (mechanism(by), usages(roles));
        let call = format!(
            "C_UnwrapKey: {{ session: $session, mechanism: {mechanism}, unwrapping_key: ${under}, wrapped_key: ${blob}, \
             template: {{ CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, CKA_TOKEN: false{usages}, \
             CKA_SENSITIVE: false, CKA_EXTRACTABLE: true }} }}"
        );
        self.step(call, Some(("key", name)))
    }

    pub(super) fn encrypt(
        &mut self,
        by: &Wrapping,
        under: &str,
        value: &str,
        blob: &str,
    ) -> &mut Self {
        let mechanism = mechanism(by);
        self.step(
            format!(
                "C_EncryptInit: {{ session: $session, mechanism: {mechanism}, key: ${under} }}"
            ),
            None,
        );
        let call = format!(
            "C_Encrypt: {{ session: $session, data: {value}, encrypted_data: {{ buffer: 64 }} }}"
        );
        self.step(call, Some(("encrypted_data", blob)))
    }

    pub(super) fn decrypt(
        &mut self,
        by: &Wrapping,
        under: &str,
        blob: &str,
        name: &str,
    ) -> &mut Self {
        let mechanism = mechanism(by);
        self.step(
            format!(
                "C_DecryptInit: {{ session: $session, mechanism: {mechanism}, key: ${under} }}"
            ),
            None,
        );
        let call = format!(
            "C_Decrypt: {{ session: $session, encrypted_data: ${blob}, data: {{ buffer: 64 }} }}"
        );
        self.step(call, Some(("data", name)))
    }

    pub(super) fn read(&mut self, key: &str, name: &str) -> &mut Self {
        let call = format!(
            "C_GetAttributeValue: {{ session: $session, object: ${key}, template: {{ CKA_VALUE: {{ buffer: 64 }} }} }}\n    \
             expect: {{ template.CKA_VALUE: {{ length: {{ at-least: 16 }} }} }}"
        );
        self.step(call, Some(("template.CKA_VALUE", name)))
    }

    pub(super) fn derive(&mut self, by: &Derivation, base: &str, name: &str) -> &mut Self {
        let Derivation {
            name: mechanism,
            parameter,
            length,
            ..
        } = by;
        let call = format!(
            "C_DeriveKey: {{ session: $session, mechanism: {{ type: {mechanism}, parameter: {parameter} }}, base_key: ${base}, \
             template: {{ CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_GENERIC_SECRET, CKA_TOKEN: false, \
             CKA_SENSITIVE: false, CKA_EXTRACTABLE: true, CKA_VALUE_LEN: {length} }} }}"
        );
        self.step(call, Some(("key", name)))
    }

    /// That bytes begin with the value of a key: they encrypt as it does.
    pub(super) fn proves(&mut self, key: &str, value: &str) -> &mut Self {
        self.import("proof", ENCRYPT, &format!("{{ of: ${value}, take: 16 }}"));
        for (key, expected) in [(key, false), ("proof", true)] {
            self.step(
                format!(
                    "C_EncryptInit: {{ session: $session, mechanism: CKM_AES_ECB, key: ${key} }}"
                ),
                None,
            );
            let call = format!(
                "C_Encrypt: {{ session: $session, data: \"{BLOCK}\", encrypted_data: {{ buffer: 16 }} }}"
            );
            match expected {
                false => self.step(call, Some(("encrypted_data", "block"))),
                true => self.step(call + "\n    expect: { encrypted_data: $block }", None),
            };
        }
        self
    }

    /// The script as a case: an attack, so that a step that is refused is told.
    ///
    /// # Errors
    /// If the text is no suite, which is a fault of this program.
    pub(super) fn case(
        &self,
        id: &str,
        title: &str,
        clause: &str,
        attack: Attack,
    ) -> Result<Case, Box<Diagnostic>> {
        let (suite, own) = id.rsplit_once('/').unwrap_or(("security", id));
        let lines = |list: &[String]| -> String { list.concat() };
        let setup = match self.setup.is_empty() {
            true => String::new(),
            false => format!("  setup:\n{}", lines(&self.setup)),
        };
        let text = format!(
            "suite: {suite}\ncites: {{ document: PKCS11-Base, version: \"3.2\" }}\nlevel: security\nstate: rw-user\nneeds: {{ disposable: true }}\ncases:\n\
             - id: {own}\n  clause: \"{clause}\"\n{setup}  steps:\n{}",
            lines(&self.steps)
        );
        let suite = Suite::parse(Path::new("search.yaml"), &text).map_err(Box::new)?;
        let mut case =
            suite.cases.into_iter().next().unwrap_or_else(|| {
                unreachable!("a suite that was read has the case that was written")
            });
        title.clone_into(&mut case.title);
        (case.attack, case.line) = (Some(attack), 0);
        Ok(case)
    }

    /// The functions called, in order, the same ones in a row once.
    pub(super) fn functions(&self) -> String {
        let names = self.steps.iter().filter_map(|step| {
            let name = step.trim_start().strip_prefix("- ")?.split(':').next()?;
            (!name.ends_with("Init")).then_some(name)
        });
        let mut names: Vec<&str> = names.collect();
        names.dedup();
        names.join(", ")
    }
}

/// An attack of the search.
pub(super) fn attack(means: Success) -> Attack {
    Attack {
        means,
        profile: None,
        held: false,
        from: "found by the search over what the target permits".to_owned(),
    }
}

fn with_gives(call: String, gives: Option<(&str, &str)>) -> String {
    let gives = gives.map_or(String::new(), |(output, name)| {
        format!("    gives: {{ {output}: ${name} }}\n")
    });
    format!("  - {call}\n{gives}")
}

fn generate(usages: &str, protection: Protection) -> String {
    let Protection {
        sensitive,
        extractable,
    } = protection;
    format!(
        "C_GenerateKey: {{ session: $session, mechanism: CKM_AES_KEY_GEN, template: {{ CKA_TOKEN: false, CKA_VALUE_LEN: 16, \
         CKA_SENSITIVE: {sensitive}, CKA_EXTRACTABLE: {extractable}{usages} }} }}"
    )
}

/// The usages of a key, all of them said: defaults are the token's.
fn usages(roles: Roles) -> String {
    let all = WRAP.and(UNWRAP).and(ENCRYPT).and(DECRYPT).and(DERIVE);
    let on = roles.attributes().map(|attribute| (attribute, true));
    let off = all
        .without(roles)
        .attributes()
        .map(|attribute| (attribute, false));
    let pairs = on.chain(off);
    pairs
        .map(|(attribute, value)| format!(", {attribute}: {value}"))
        .collect()
}

fn mechanism(of: &Wrapping) -> String {
    match of.parameter {
        "" => of.name.to_owned(),
        parameter => format!("{{ type: {}, parameter: \"{parameter}\" }}", of.name),
    }
}
