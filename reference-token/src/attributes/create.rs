//! From a template to a complete set of attributes: [PKCS11-Base 3.2] section 4.1.1.
//! Owns which attributes may, must and need not be given for each way of creating an object, and
//! the defaults. Key material and what is computed from it belong to `mechanisms`.

use cryptoki_sys::*;

use super::check::{check_consistency, check_value, rule_for};
use super::table::{Preset, Rule, Shape, TOKEN};
use super::{Attributes, Template, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The function that creates the object: it decides which footnotes of section 4.2 apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// C_CreateObject.
    Created,
    /// C_GenerateKey or C_GenerateKeyPair with this mechanism.
    Generated(CK_MECHANISM_TYPE),
    /// C_UnwrapKey.
    Unwrapped,
    /// C_DeriveKey: what the base key, and so the new one, can still claim.
    Derived {
        always_sensitive: bool,
        never_extractable: bool,
    },
}

/// What an object is to be made from.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    pub(crate) origin: Origin,
    pub(crate) template: &'a Template,
    /// The class that the function implies.
    pub(crate) class: Option<CK_OBJECT_CLASS>,
    /// The key type that the mechanism implies.
    pub(crate) key_type: Option<CK_KEY_TYPE>,
    /// Whether the SO is logged in, who alone may set CKA_TRUSTED.
    pub(crate) by_so: bool,
}

/// The attributes of a new object: the template, checked, and the defaults. Values that the
/// mechanism contributes are not in it.
pub(crate) fn complete(recipe: &Recipe) -> Result<Attributes> {
    let given = collect(recipe.template)?;
    let shape = shape(recipe, &given)?;
    for (attribute, value) in given.iter() {
        let rule = rule_for(shape, attribute)?;
        check_value(rule, value)?;
        check_right(recipe, rule, value)?;
    }
    let mut attributes = given;
    attributes.set(CKA_CLASS, Value::ulong(shape.class));
    if let (Some(name), Some(subtype)) = (Shape::discriminator(shape.class), shape.subtype) {
        attributes.set(name, Value::ulong(subtype));
    }
    for rule in shape.rules() {
        if attributes.has(rule.attribute) {
            continue;
        }
        let missing = is_required(recipe.origin, rule) && !mutant!("incomplete-template-accepted");
        ensure(!missing, CKR_TEMPLATE_INCOMPLETE)?;
        if let Some(value) = default_value(rule.default, shape.subtype) {
            attributes.set(rule.attribute, value);
        }
    }
    record_history(&mut attributes, recipe.origin);
    check_consistency(&attributes)?;
    Ok(attributes)
}

/// Section 4.1.1: one attribute with two values is inconsistent, the same value twice is not.
fn collect(template: &Template) -> Result<Attributes> {
    let mut given = Attributes::default();
    for (attribute, value) in template {
        match given.get(*attribute) {
            Some(earlier) if earlier != value && !mutant!("contradicting-template-accepted") => {
                return refuse(CKR_TEMPLATE_INCONSISTENT);
            }
            _ => given.set(*attribute, value.clone()),
        }
    }
    Ok(given)
}

fn shape(recipe: &Recipe, given: &Attributes) -> Result<Shape> {
    let class = named(given, CKA_CLASS, recipe.class)?.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    // Sections 4.3 and 4.13 to 4.15: these describe the token; an application cannot make one.
    let described = [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE, CKO_VALIDATION];
    ensure(!described.contains(&class), CKR_TEMPLATE_INCONSISTENT)?;
    let subtype = match Shape::discriminator(class) {
        Some(name) => {
            let named = named(given, name, recipe.key_type)?;
            Some(named.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?)
        }
        None => None,
    };
    let shape = Shape { class, subtype };
    ensure(shape.is_supported(), CKR_ATTRIBUTE_VALUE_INVALID)?;
    Ok(shape)
}

/// A class or type that the template may name and the function may imply, if they agree.
fn named(
    given: &Attributes,
    attribute: CK_ATTRIBUTE_TYPE,
    implied: Option<CK_ULONG>,
) -> Result<Option<CK_ULONG>> {
    let Some(value) = given.get(attribute) else {
        return Ok(implied);
    };
    let named = value
        .as_ulong()
        .ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    ensure(
        implied.is_none_or(|implied| implied == named),
        CKR_TEMPLATE_INCONSISTENT,
    )?;
    Ok(Some(named))
}

/// Section 4.2, footnotes 2, 4, 6 and 10: values an application may not supply.
fn check_right(recipe: &Recipe, rule: &Rule, value: &Value) -> Result<()> {
    let forbidden = match recipe.origin {
        Origin::Created => rule.note(2),
        Origin::Generated(mechanism) => rule.note(4) && !brings(mechanism, rule.attribute),
        Origin::Unwrapped => rule.note(6),
        // Derivation has no footnote of its own; what is contributed elsewhere is here too.
        Origin::Derived { .. } => rule.note(4) && rule.note(6),
    };
    let supplied = forbidden || rule.note(TOKEN);
    let allowed = !supplied || mutant!("read-only-attribute-given");
    ensure(allowed, CKR_ATTRIBUTE_READ_ONLY)?;
    let trusts = rule.note(10) && value.as_bool() == Some(true);
    let may_trust = recipe.by_so || mutant!("anyone-creates-trusted");
    ensure(!trusts || may_trust, CKR_ATTRIBUTE_READ_ONLY)
}

/// Section 6.2.10, against footnote 4: the template brings the primes that a base is made for.
fn brings(mechanism: CK_MECHANISM_TYPE, attribute: CK_ATTRIBUTE_TYPE) -> bool {
    mechanism == CKM_DSA_FIPS_G_GEN && [CKA_PRIME, CKA_SUBPRIME].contains(&attribute)
}

/// Section 4.2, footnotes 1, 3 and 5.
fn is_required(origin: Origin, rule: &Rule) -> bool {
    match origin {
        Origin::Created => rule.note(1),
        Origin::Generated(CKM_DSA_FIPS_G_GEN) => false,
        Origin::Generated(_) => rule.note(3),
        Origin::Unwrapped => rule.note(5),
        Origin::Derived { .. } => false,
    }
}

fn default_value(default: Preset, subtype: Option<CK_ULONG>) -> Option<Value> {
    match default {
        Preset::Absent => None,
        Preset::Empty => Some(Value::Bytes(Vec::new())),
        Preset::False => Some(Value::bool(false)),
        Preset::True => Some(Value::bool(true)),
        Preset::Ulong(value) => Some(Value::ulong(value)),
        Preset::TrueFor(types) => Some(Value::bool(subtype.is_some_and(|t| types.contains(&t)))),
    }
}

/// Sections 4.8, 4.10 and 5.7.1: where the key comes from, and what that lets it claim.
fn record_history(attributes: &mut Attributes, origin: Origin) {
    let sensitive = attributes.bool(CKA_SENSITIVE);
    let unextractable = !attributes.bool(CKA_EXTRACTABLE);
    let (always_sensitive, never_extractable) = match origin {
        _ if mutant!("always-sensitive-claimed-on-import") => (sensitive, unextractable),
        Origin::Created | Origin::Unwrapped => (false, false),
        Origin::Generated(_) => (sensitive, unextractable),
        Origin::Derived {
            always_sensitive,
            never_extractable,
        } => (
            (always_sensitive || mutant!("derived-key-claims-always-sensitive")) && sensitive,
            never_extractable && unextractable,
        ),
    };
    let mut record = |attribute, value| {
        if attributes.has(attribute) {
            attributes.set(attribute, value);
        }
    };
    record(CKA_ALWAYS_SENSITIVE, Value::bool(always_sensitive));
    record(CKA_NEVER_EXTRACTABLE, Value::bool(never_extractable));
    if mutant!("local-claimed-on-import") {
        record(CKA_LOCAL, Value::bool(true));
    }
    if let Origin::Generated(mechanism) = origin {
        record(CKA_LOCAL, Value::bool(true));
        record(CKA_KEY_GEN_MECHANISM, Value::ulong(mechanism));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(attribute: CK_ATTRIBUTE_TYPE, value: &str) -> (CK_ATTRIBUTE_TYPE, Value) {
        (attribute, Value::Bytes(value.as_bytes().to_vec()))
    }

    fn class(class: CK_OBJECT_CLASS) -> (CK_ATTRIBUTE_TYPE, Value) {
        (CKA_CLASS, Value::ulong(class))
    }

    fn create(template: Template) -> Result<Attributes> {
        complete(&Recipe {
            origin: Origin::Created,
            template: &template,
            class: None,
            key_type: None,
            by_so: false,
        })
    }

    #[test]
    fn a_data_object_takes_the_defaults_of_sections_4_4_and_4_5() {
        let object = create(vec![class(CKO_DATA)]).unwrap();
        for absent in [CKA_TOKEN, CKA_PRIVATE] {
            assert!(!object.bool(absent));
        }
        for present in [CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE] {
            assert!(object.bool(present));
        }
        assert_eq!(object.get(CKA_VALUE), Some(&Value::Bytes(vec![])));
    }

    #[test]
    fn a_template_without_a_class_is_incomplete() {
        assert_eq!(create(vec![]).unwrap_err().code(), CKR_TEMPLATE_INCOMPLETE);
    }

    #[test]
    fn domain_parameters_are_for_a_key_type_that_has_them() {
        // Section 4.12: the type of key that they can be used to generate.
        let template = vec![
            class(CKO_DOMAIN_PARAMETERS),
            (CKA_KEY_TYPE, Value::ulong(CKK_AES)),
        ];
        let refusal = create(template).unwrap_err();
        assert_eq!(refusal.code(), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    #[test]
    fn two_values_for_one_attribute_are_inconsistent_and_one_value_twice_is_not() {
        let twice = vec![class(CKO_DATA), text(CKA_LABEL, "a"), text(CKA_LABEL, "a")];
        assert!(create(twice).is_ok());
        let differing = vec![class(CKO_DATA), text(CKA_LABEL, "a"), text(CKA_LABEL, "b")];
        assert_eq!(
            create(differing).unwrap_err().code(),
            CKR_TEMPLATE_INCONSISTENT
        );
    }

    #[test]
    fn an_attribute_of_another_class_is_inconsistent_and_an_unknown_one_is_invalid() {
        let foreign = vec![class(CKO_DATA), text(CKA_MODULUS, "a")];
        assert_eq!(
            create(foreign).unwrap_err().code(),
            CKR_TEMPLATE_INCONSISTENT
        );
        // Section 4.1.1: described by the standard, if for objects that are not here.
        let elsewhere = vec![class(CKO_DATA), text(CKA_X2RATCHET_RK, "a")];
        assert_eq!(
            create(elsewhere).unwrap_err().code(),
            CKR_TEMPLATE_INCONSISTENT
        );
        let unknown = vec![class(CKO_DATA), text(CKA_VENDOR_DEFINED | 7, "a")];
        assert_eq!(
            create(unknown).unwrap_err().code(),
            CKR_ATTRIBUTE_TYPE_INVALID
        );
    }

    #[test]
    fn values_of_the_wrong_form_are_invalid() {
        for (attribute, bytes) in [
            (CKA_TOKEN, vec![2]),
            (CKA_TOKEN, vec![1, 1]),
            (CKA_LABEL, vec![0xff, 0xfe]),
        ] {
            let template = vec![class(CKO_DATA), (attribute, Value::Bytes(bytes))];
            assert_eq!(
                create(template).unwrap_err().code(),
                CKR_ATTRIBUTE_VALUE_INVALID
            );
        }
    }

    #[test]
    fn what_the_token_supplies_is_read_only() {
        let unique = vec![class(CKO_DATA), text(CKA_UNIQUE_ID, "mine")];
        assert_eq!(create(unique).unwrap_err().code(), CKR_ATTRIBUTE_READ_ONLY);
        let trusted = vec![
            class(CKO_CERTIFICATE),
            (CKA_CERTIFICATE_TYPE, Value::ulong(CKC_X_509)),
            text(CKA_SUBJECT, "s"),
            text(CKA_VALUE, "v"),
            (CKA_TRUSTED, Value::bool(true)),
        ];
        assert_eq!(create(trusted).unwrap_err().code(), CKR_ATTRIBUTE_READ_ONLY);
    }

    #[test]
    fn only_a_generated_key_can_claim_to_have_always_been_sensitive() {
        let template = vec![
            (CKA_VALUE_LEN, Value::ulong(16)),
            (CKA_SENSITIVE, Value::bool(true)),
            (CKA_EXTRACTABLE, Value::bool(false)),
        ];
        let make = |origin, template: &Template| {
            complete(&Recipe {
                origin,
                template,
                class: Some(CKO_SECRET_KEY),
                key_type: Some(CKK_AES),
                by_so: false,
            })
            .unwrap()
        };
        let generated = make(Origin::Generated(CKM_AES_KEY_GEN), &template);
        assert!(generated.bool(CKA_ALWAYS_SENSITIVE) && generated.bool(CKA_NEVER_EXTRACTABLE));
        assert!(generated.bool(CKA_LOCAL));
        let unwrapped = make(Origin::Unwrapped, &template);
        assert!(!unwrapped.bool(CKA_ALWAYS_SENSITIVE) && !unwrapped.bool(CKA_LOCAL));
    }
}
