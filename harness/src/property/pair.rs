//! Pairs of keys that are generated, read, and created again from what was read ([PKCS11-Base 3.2] 5.18.2, 5.7.5,
//! 5.7.1). What is done with them is left to the properties.

use cryptoki_sys::*;

use super::key::open;
use super::script::{
    Make, SESSION, Script, asked, attribute, flag, handle, kept, octets, of_type, on, template,
    ulong,
};
use crate::cryptoki::Function::{C_CreateObject, C_GenerateKeyPair, C_GetAttributeValue};
use crate::cryptoki::names::{self, Kind};
use crate::sequence::{Attribute, ParameterValue};

/// The usages of the two halves of a pair, the public one first.
pub(super) type Usages<'u> = [&'u [CK_ATTRIBUTE_TYPE]; 2];

/// The numbers of a key of this type, public and private, that are no domain parameters.
pub(super) fn numbers(key_type: CK_KEY_TYPE) -> [&'static [CK_ATTRIBUTE_TYPE]; 2] {
    match key_type {
        CKK_RSA => [
            &[CKA_MODULUS, CKA_PUBLIC_EXPONENT],
            &[
                CKA_MODULUS,
                CKA_PUBLIC_EXPONENT,
                CKA_PRIVATE_EXPONENT,
                CKA_PRIME_1,
                CKA_PRIME_2,
                CKA_EXPONENT_1,
                CKA_EXPONENT_2,
                CKA_COEFFICIENT,
            ],
        ],
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => [&[CKA_EC_POINT], &[CKA_VALUE]],
        _ => [&[CKA_VALUE], &[CKA_VALUE]],
    }
}

/// The call that generates a pair in the session of the case. The private half shows itself if it is to be open.
pub(super) fn generate(
    mechanism: CK_MECHANISM_TYPE,
    domain: &[Attribute],
    usages: Usages<'_>,
    names: [&str; 2],
    is_open: bool,
) -> Make {
    let [mut public, mut private] = usages.map(|usages| {
        let usages = usages.iter().map(|usage| flag(*usage, true));
        let session = std::iter::once(flag(CKA_TOKEN, false));
        session.chain(usages).collect::<Vec<Attribute>>()
    });
    public.extend(domain.iter().cloned());
    if is_open {
        private.retain(|given| given.attribute != CKA_TOKEN);
        private.splice(0..0, open());
    }
    let [first, second] = names;
    on(SESSION, C_GenerateKeyPair)
        .with("mechanism", of_type(mechanism, ParameterValue::None))
        .with("public_key_template", template(public))
        .with("private_key_template", template(private))
        .keep("public_key", first)
        .keep("private_key", second)
        .presumed()
}

/// Under which name a number of a key is kept.
pub(super) fn number_of(name: &str, number: CK_ATTRIBUTE_TYPE) -> String {
    format!("{name}-{}", names::display(Kind::ATTRIBUTE, number))
}

/// Reads numbers of a key and keeps each.
pub(super) fn read(script: &mut Script, name: &str, numbers: &[CK_ATTRIBUTE_TYPE]) {
    let call = on(SESSION, C_GetAttributeValue)
        .with("object", handle(name))
        .with("template", asked(numbers));
    let keep = |call: Make, number: &u64| call.keep(&attribute(*number), &number_of(name, *number));
    script.add(numbers.iter().fold(call, keep).presumed());
}

/// Creates a half of a pair, the public one or the private one, from what was read of a key.
pub(super) fn import(
    script: &mut Script,
    key_type: CK_KEY_TYPE,
    half: usize,
    domain: &[Attribute],
    usages: &[CK_ATTRIBUTE_TYPE],
    [from, name]: [&str; 2],
) {
    let mut attributes = described(key_type, half, usages);
    // The size and the exponent of RSA keys are told for their generation alone.
    let domain = domain.iter().filter(|_| key_type != CKK_RSA);
    attributes.extend(domain.cloned());
    let numbers = numbers(key_type)[half].iter();
    attributes.extend(numbers.map(|number| octets(*number, kept(&number_of(from, *number)))));
    create(script, attributes, name);
}

/// What the template of a half says beside its numbers.
pub(super) fn described(
    key_type: CK_KEY_TYPE,
    half: usize,
    usages: &[CK_ATTRIBUTE_TYPE],
) -> Vec<Attribute> {
    let (mut attributes, class) = match half {
        0 => (vec![flag(CKA_TOKEN, false)], CKO_PUBLIC_KEY),
        _ => (open(), CKO_PRIVATE_KEY),
    };
    attributes.extend([ulong(CKA_CLASS, class), ulong(CKA_KEY_TYPE, key_type)]);
    attributes.extend(usages.iter().map(|usage| flag(*usage, true)));
    attributes
}

/// Creates a key.
pub(super) fn create(script: &mut Script, attributes: Vec<Attribute>, name: &str) {
    let call = on(SESSION, C_CreateObject).with("template", template(attributes));
    script.add(call.keep("object", name).presumed());
}
