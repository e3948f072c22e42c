//! What a derived key inherits: the rules about CKA_SENSITIVE, CKA_EXTRACTABLE and their history
//! that each derivation mechanism names one of, and the template that a base key imposes.

use cryptoki_sys::*;

use crate::attributes::{Attributes, Origin, Template, Value};
use crate::mechanisms::Inheritance;
use crate::rv::{Result, ensure};

/// Sections 4.10 and 5.18.4 to 5.18.5: a key's CKA_UNWRAP_TEMPLATE or CKA_DERIVE_TEMPLATE is added
/// to the caller's template, which must not contradict it.
pub(super) fn impose(
    key: &Attributes,
    attribute: CK_ATTRIBUTE_TYPE,
    template: &Template,
) -> Result<Template> {
    let mut merged = template.clone();
    if let Some(Value::Template(imposed)) = key.get(attribute) {
        for (name, value) in imposed {
            force(&mut merged, *name, value.clone())?;
        }
    }
    Ok(merged)
}

/// Sets an attribute that the template may repeat but not contradict.
fn force(template: &mut Template, attribute: CK_ATTRIBUTE_TYPE, value: Value) -> Result<()> {
    let agrees = template
        .iter()
        .all(|(name, given)| *name != attribute || *given == value);
    ensure(agrees, CKR_TEMPLATE_INCONSISTENT)?;
    supply(template, attribute, value);
    Ok(())
}

/// Sets an attribute that the template does not name.
pub(super) fn supply(template: &mut Template, attribute: CK_ATTRIBUTE_TYPE, value: Value) {
    if !template.iter().any(|(name, _)| *name == attribute) {
        template.push((attribute, value));
    }
}

/// Applies a rule of inheritance from `sources`, the base key first, to the template of a key;
/// gives back what the new key can still claim.
pub(super) fn inherit(
    rule: Inheritance,
    sources: &[&Attributes],
    template: &mut Template,
) -> Result<Origin> {
    let every = |attribute| sources.iter().all(|key| key.bool(attribute));
    let any = |attribute| sources.iter().any(|key| key.bool(attribute));
    let of_base = |attribute| sources.first().is_some_and(|key| key.bool(attribute));
    let origin = |always_sensitive, never_extractable| Origin::Derived {
        always_sensitive,
        never_extractable,
    };
    match rule {
        Inheritance::Free => Ok(origin(
            of_base(CKA_ALWAYS_SENSITIVE),
            of_base(CKA_NEVER_EXTRACTABLE),
        )),
        Inheritance::Sticky | Inheritance::StickyFromBase => {
            let sheds = mutant!("derived-key-sheds-protection");
            if any(CKA_SENSITIVE) && !sheds {
                force(template, CKA_SENSITIVE, Value::bool(true))?;
            }
            if !every(CKA_EXTRACTABLE) && !sheds {
                force(template, CKA_EXTRACTABLE, Value::bool(false))?;
            }
            if rule == Inheritance::StickyFromBase {
                supply(template, CKA_SENSITIVE, Value::bool(false));
                supply(template, CKA_EXTRACTABLE, Value::bool(true));
            }
            Ok(origin(
                every(CKA_ALWAYS_SENSITIVE),
                every(CKA_NEVER_EXTRACTABLE),
            ))
        }
        Inheritance::FromBase => {
            for attribute in [CKA_SENSITIVE, CKA_EXTRACTABLE] {
                supply(template, attribute, Value::bool(of_base(attribute)));
            }
            Ok(origin(
                any(CKA_ALWAYS_SENSITIVE),
                any(CKA_NEVER_EXTRACTABLE),
            ))
        }
        Inheritance::Same => {
            let history = [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE];
            for attribute in [CKA_SENSITIVE, CKA_EXTRACTABLE].into_iter().chain(history) {
                force(template, attribute, Value::bool(of_base(attribute)))?;
            }
            // Not for an application to set, so it does not stand in a template as such.
            template.retain(|(attribute, _)| !history.contains(attribute));
            Ok(origin(of_base(history[0]), of_base(history[1])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(flags: &[(CK_ATTRIBUTE_TYPE, bool)]) -> Attributes {
        let flag = |(name, value): &(CK_ATTRIBUTE_TYPE, bool)| (*name, Value::bool(*value));
        flags.iter().map(flag).collect()
    }

    fn secretive() -> Attributes {
        key(&[
            (CKA_SENSITIVE, true),
            (CKA_EXTRACTABLE, false),
            (CKA_ALWAYS_SENSITIVE, true),
            (CKA_NEVER_EXTRACTABLE, true),
        ])
    }

    fn open() -> Attributes {
        key(&[(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true)])
    }

    fn derived(always_sensitive: bool, never_extractable: bool) -> Origin {
        Origin::Derived {
            always_sensitive,
            never_extractable,
        }
    }

    /// Section 6.43.3: one sensitive source suffices to make the key sensitive, and its history
    /// needs both.
    #[test]
    fn a_sticky_rule_takes_the_stricter_of_two_sources() {
        let (secretive, open) = (secretive(), open());
        let mut template = Vec::new();
        let sources = [&open, &secretive];
        let origin = inherit(Inheritance::Sticky, &sources, &mut template).unwrap();
        assert_eq!(origin, derived(false, false));
        assert!(template.contains(&(CKA_SENSITIVE, Value::bool(true))));
        assert!(template.contains(&(CKA_EXTRACTABLE, Value::bool(false))));
        let mut loose = vec![(CKA_EXTRACTABLE, Value::bool(true))];
        let refusal = inherit(Inheritance::Sticky, &sources, &mut loose).unwrap_err();
        assert_eq!(refusal.code(), CKR_TEMPLATE_INCONSISTENT);
    }

    /// Section 6.20.5.
    #[test]
    fn a_free_rule_leaves_the_template_alone() {
        let mut template = vec![(CKA_EXTRACTABLE, Value::bool(true))];
        let origin = inherit(Inheritance::Free, &[&secretive()], &mut template).unwrap();
        assert_eq!(origin, derived(true, true));
        assert_eq!(template.len(), 1);
    }

    /// Section 6.42.7.
    #[test]
    fn a_key_based_kdf_takes_the_base_key_for_a_default_and_any_history() {
        let mut template = Vec::new();
        let sources = [&open(), &secretive()];
        let origin = inherit(Inheritance::FromBase, &sources, &mut template).unwrap();
        assert_eq!(origin, derived(true, true));
        assert!(template.contains(&(CKA_SENSITIVE, Value::bool(false))));
    }

    /// Section 6.39.6.
    #[test]
    fn key_material_is_exactly_as_secret_as_its_base_key() {
        let mut template = vec![(CKA_ALWAYS_SENSITIVE, Value::bool(true))];
        let origin = inherit(Inheritance::Same, &[&secretive()], &mut template).unwrap();
        assert_eq!(origin, derived(true, true));
        let both = [
            (CKA_SENSITIVE, Value::bool(true)),
            (CKA_EXTRACTABLE, Value::bool(false)),
        ];
        assert_eq!(template, both);
        let mut other = vec![(CKA_SENSITIVE, Value::bool(false))];
        assert!(inherit(Inheritance::Same, &[&secretive()], &mut other).is_err());
    }

    #[test]
    fn an_imposed_template_adds_and_does_not_yield() {
        let mut base = open();
        let imposed = vec![(CKA_SENSITIVE, Value::bool(true))];
        base.set(CKA_DERIVE_TEMPLATE, Value::Template(imposed.clone()));
        let merged = impose(&base, CKA_DERIVE_TEMPLATE, &Vec::new()).unwrap();
        assert_eq!(merged, imposed);
        let other = vec![(CKA_SENSITIVE, Value::bool(false))];
        let refusal = impose(&base, CKA_DERIVE_TEMPLATE, &other).unwrap_err();
        assert_eq!(refusal.code(), CKR_TEMPLATE_INCONSISTENT);
    }
}
