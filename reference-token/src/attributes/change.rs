//! Changing attributes of an object: [PKCS11-Base 3.2] sections 4.1.2 and 4.1.3.
//! Owns which attributes C_SetAttributeValue and C_CopyObject may change and in which direction.
//! Whether the object may be touched at all is for `token` to say.

use cryptoki_sys::*;

use super::check::{check_consistency, check_value, rule_for};
use super::table::{COPY, Rule, Shape};
use super::{Attributes, Template, Value};
use crate::rv::{Result, ensure, refuse};

/// The attributes of an object after C_SetAttributeValue with `template`.
pub(crate) fn modified(
    object: &Attributes,
    template: &Template,
    by_so: bool,
) -> Result<Attributes> {
    apply(object, template, by_so, false)
}

/// The attributes of a copy that C_CopyObject makes with `template`, still with the
/// CKA_UNIQUE_ID of the original.
pub(crate) fn copied(object: &Attributes, template: &Template, by_so: bool) -> Result<Attributes> {
    apply(object, template, by_so, true)
}

fn apply(
    object: &Attributes,
    template: &Template,
    by_so: bool,
    copying: bool,
) -> Result<Attributes> {
    let shape = shape_of(object);
    let mut changed = Attributes::default();
    let mut result = object.clone();
    for (attribute, value) in template {
        let rule = rule_for(shape, *attribute)?;
        check_value(rule, value)?;
        check_change(object, rule, value, by_so, copying)?;
        if changed
            .get(*attribute)
            .is_some_and(|earlier| earlier != value)
        {
            return refuse(CKR_TEMPLATE_INCONSISTENT);
        }
        changed.set(*attribute, value.clone());
        result.set(*attribute, value.clone());
    }
    check_consistency(&result)?;
    Ok(result)
}

pub(super) fn shape_of(object: &Attributes) -> Shape {
    let class = object
        .ulong(CKA_CLASS)
        .unwrap_or(CK_UNAVAILABLE_INFORMATION);
    let subtype = Shape::discriminator(class).and_then(|name| object.ulong(name));
    Shape { class, subtype }
}

fn check_change(
    object: &Attributes,
    rule: &Rule,
    value: &Value,
    by_so: bool,
    copying: bool,
) -> Result<()> {
    // Footnotes 10 to 12 speak of changing an attribute, so they too make it changeable, except
    // for those that only a copy may change.
    let at_will = rule.note(8) || rule.note(10) || rule.note(11) || rule.note(12);
    let copying = copying || mutant!("private-changes-in-place");
    let allowed = if rule.note(COPY) { copying } else { at_will };
    let writable = allowed || mutant!("read-only-attribute-changes");
    ensure(writable, CKR_ATTRIBUTE_READ_ONLY)?;
    // Footnotes 11 and 12 hold for flags as for truth values: any bit that is set is a CK_TRUE.
    let is_set = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
    let before = is_set(object.bytes(rule.attribute));
    let after = is_set(value.bytes());
    let trusts = rule.note(10) && after && !mutant!("anyone-may-trust");
    ensure(!trusts || by_so, CKR_ATTRIBUTE_READ_ONLY)?;
    ensure(
        !(rule.note(11) && before && !after) || mutant!("sensitive-can-be-cleared"),
        CKR_ATTRIBUTE_READ_ONLY,
    )?;
    ensure(
        !(rule.note(12) && !before && after) || mutant!("extractable-can-be-set"),
        CKR_ATTRIBUTE_READ_ONLY,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attributes: &[(CK_ATTRIBUTE_TYPE, bool)]) -> Attributes {
        let fixed = [
            (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::ulong(CKK_AES)),
        ];
        let given = attributes
            .iter()
            .map(|(name, value)| (*name, Value::bool(*value)));
        fixed.into_iter().chain(given).collect()
    }

    fn set(object: &Attributes, attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Result<Attributes> {
        modified(object, &vec![(attribute, Value::bool(value))], false)
    }

    #[test]
    fn sensitive_goes_only_up_and_extractable_only_down() {
        let open = key(&[(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true)]);
        assert!(set(&open, CKA_SENSITIVE, true).unwrap().bool(CKA_SENSITIVE));
        assert!(
            !set(&open, CKA_EXTRACTABLE, false)
                .unwrap()
                .bool(CKA_EXTRACTABLE)
        );
        let closed = key(&[(CKA_SENSITIVE, true), (CKA_EXTRACTABLE, false)]);
        for (attribute, value) in [(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true)] {
            let refusal = set(&closed, attribute, value).unwrap_err();
            assert_eq!(refusal.code(), CKR_ATTRIBUTE_READ_ONLY);
        }
    }

    #[test]
    fn wrap_with_trusted_sticks_once_set() {
        let object = key(&[(CKA_WRAP_WITH_TRUSTED, true)]);
        let refusal = set(&object, CKA_WRAP_WITH_TRUSTED, false).unwrap_err();
        assert_eq!(refusal.code(), CKR_ATTRIBUTE_READ_ONLY);
    }

    #[test]
    fn token_and_private_change_only_in_a_copy() {
        let object = key(&[(CKA_TOKEN, false), (CKA_PRIVATE, true)]);
        for attribute in [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_DESTROYABLE] {
            let template = vec![(attribute, Value::bool(true))];
            assert!(modified(&object, &template, false).is_err());
            assert!(copied(&object, &template, false).is_ok());
        }
    }

    #[test]
    fn a_copy_cannot_become_copyable_again() {
        let template = vec![(CKA_COPYABLE, Value::bool(true))];
        assert!(copied(&key(&[(CKA_COPYABLE, false)]), &template, false).is_err());
    }

    #[test]
    fn only_the_so_trusts() {
        let template = vec![(CKA_TRUSTED, Value::bool(true))];
        let object = key(&[(CKA_TRUSTED, false)]);
        assert!(modified(&object, &template, false).is_err());
        assert!(modified(&object, &template, true).is_ok());
    }

    #[test]
    fn what_the_object_is_cannot_change() {
        for attribute in [
            CKA_CLASS,
            CKA_KEY_TYPE,
            CKA_LOCAL,
            CKA_ALWAYS_SENSITIVE,
            CKA_VALUE,
        ] {
            let value = match attribute {
                CKA_CLASS => Value::ulong(CKO_SECRET_KEY),
                CKA_KEY_TYPE => Value::ulong(CKK_AES),
                CKA_VALUE => Value::Bytes(vec![0; 16]),
                _ => Value::bool(true),
            };
            let refusal = modified(&key(&[]), &vec![(attribute, value)], false).unwrap_err();
            assert_eq!(refusal.code(), CKR_ATTRIBUTE_READ_ONLY, "{attribute:#x}");
        }
    }
}
