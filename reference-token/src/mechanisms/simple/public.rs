//! CKM_PUB_KEY_FROM_PRIV_KEY: [PKCS11-Base 3.2] section 6.43.8. The public parts of a private key,
//! and the attributes that its public key takes over from it.

use cryptoki_sys::*;

use crate::attributes::{Attributes, Value};
use crate::mechanisms::{Contribution, Inheritance, Product, Source, der};
use crate::rv::{Result, ensure, refusal, refuse};

/// Key types whose private keys have their public parts with them.
pub(super) const KEYS: &[CK_KEY_TYPE] = &[CKK_RSA, CKK_EC];

/// Attributes that a private key has under one name and a public key under another.
const COUNTERPARTS: [(CK_ATTRIBUTE_TYPE, CK_ATTRIBUTE_TYPE); 5] = [
    (CKA_ENCRYPT, CKA_DECRYPT),
    (CKA_VERIFY, CKA_SIGN),
    (CKA_VERIFY_RECOVER, CKA_SIGN_RECOVER),
    (CKA_WRAP, CKA_UNWRAP),
    (CKA_DERIVE, CKA_DERIVE),
];

/// Attributes copied where the template names none.
const COPIED: [CK_ATTRIBUTE_TYPE; 6] = [
    CKA_ID,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_SUBJECT,
    CKA_PUBLIC_KEY_INFO,
    CKA_ALLOWED_MECHANISMS,
];

/// The public key of a private key.
pub(super) fn public_key(private: &Attributes) -> Result<Product> {
    let is_private = private.ulong(CKA_CLASS) == Some(CKO_PRIVATE_KEY);
    ensure(is_private, CKR_KEY_TYPE_INCONSISTENT)?;
    let key_type = private
        .ulong(CKA_KEY_TYPE)
        .ok_or(refusal(CKR_KEY_TYPE_INCONSISTENT))?;
    let mut defaults = vec![
        (CKA_TOKEN, Value::bool(false)),
        (CKA_PRIVATE, Value::bool(false)),
        (CKA_MODIFIABLE, Value::bool(true)),
        (CKA_COPYABLE, Value::bool(true)),
        // So it stands there, and a session object still ends with its session.
        (CKA_DESTROYABLE, Value::bool(false)),
    ];
    for (public, own) in COUNTERPARTS {
        defaults.push((public, Value::bool(private.bool(own))));
    }
    for attribute in COPIED {
        if let Some(value) = private.get(attribute) {
            defaults.push((attribute, value.clone()));
        }
    }
    let mut fixed = Vec::new();
    if let Some(mechanism) = private.get(CKA_KEY_GEN_MECHANISM) {
        fixed.push((CKA_KEY_GEN_MECHANISM, mechanism.clone()));
    }
    Ok(Product {
        class: CKO_PUBLIC_KEY,
        key_type: Some(key_type),
        source: Source::Own,
        inheritance: Inheritance::Free,
        defaults,
        fixed,
        contribution: public_parts(private, key_type)?,
    })
}

fn public_parts(private: &Attributes, key_type: CK_KEY_TYPE) -> Result<Contribution> {
    let copy = |attribute| {
        let value = private.get(attribute).cloned();
        Ok((attribute, value.ok_or(refusal(CKR_FUNCTION_FAILED))?))
    };
    match key_type {
        CKK_RSA => [CKA_MODULUS, CKA_PUBLIC_EXPONENT]
            .map(copy)
            .into_iter()
            .collect(),
        CKK_EC => {
            let point = der::octet_string(public_bits(private)?);
            let point = (CKA_EC_POINT, Value::Bytes(point));
            Ok(vec![copy(CKA_EC_PARAMS)?, point])
        }
        _ => refuse(CKR_KEY_TYPE_INCONSISTENT),
    }
}

/// The bits of subjectPublicKey in the SubjectPublicKeyInfo that every private key carries.
fn public_bits(private: &Attributes) -> Result<&[u8]> {
    let info = private.bytes(CKA_PUBLIC_KEY_INFO);
    spki::SubjectPublicKeyInfoRef::try_from(info)
        .ok()
        .and_then(|info| info.subject_public_key.as_bytes())
        .ok_or(refusal(CKR_FUNCTION_FAILED))
}
