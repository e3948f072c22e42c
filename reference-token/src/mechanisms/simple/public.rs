//! CKM_PUB_KEY_FROM_PRIV_KEY: [PKCS11-Base 3.2] section 6.43.8. The public parts of a private key,
//! and the attributes that its public key takes over from it.

use ::der::Decode;
use ::der::asn1::UintRef;
use cryptoki_sys::*;

use crate::attributes::{Attributes, Value};
use crate::mechanisms::{Contribution, Inheritance, Product, Source, der};
use crate::rv::{Result, ensure, refusal, refuse};

/// Key types of which the token has private keys.
pub(super) const KEYS: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_EC,
    CKK_EC_EDWARDS,
    CKK_EC_MONTGOMERY,
    CKK_DSA,
    CKK_DH,
    CKK_X9_42_DH,
    CKK_ML_DSA,
    CKK_SLH_DSA,
    CKK_ML_KEM,
];

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

/// The attributes that make a public key of the type: those that the private key has too, and the
/// public value, which it has in its SubjectPublicKeyInfo alone.
fn public_parts(private: &Attributes, key_type: CK_KEY_TYPE) -> Result<Contribution> {
    let (shared, value): (&[_], _) = match key_type {
        CKK_RSA => (&[CKA_MODULUS, CKA_PUBLIC_EXPONENT], None),
        CKK_EC => {
            let point = der::octet_string(public_bits(private)?);
            (&[CKA_EC_PARAMS], Some((CKA_EC_POINT, point)))
        }
        CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let point = public_bits(private)?.to_vec();
            (&[CKA_EC_PARAMS], Some((CKA_EC_POINT, point)))
        }
        CKK_DSA | CKK_X9_42_DH => {
            let value = public_number(private)?;
            let domain = &[CKA_PRIME, CKA_SUBPRIME, CKA_BASE];
            (domain, Some((CKA_VALUE, value)))
        }
        CKK_DH => {
            let value = public_number(private)?;
            (&[CKA_PRIME, CKA_BASE], Some((CKA_VALUE, value)))
        }
        CKK_ML_DSA | CKK_SLH_DSA | CKK_ML_KEM => {
            let value = public_bits(private)?.to_vec();
            (&[CKA_PARAMETER_SET], Some((CKA_VALUE, value)))
        }
        _ => return refuse(CKR_KEY_TYPE_INCONSISTENT),
    };
    let copied = shared.iter().map(|attribute| {
        let copy = private.get(*attribute).cloned();
        Ok((*attribute, copy.ok_or(refusal(CKR_FUNCTION_FAILED))?))
    });
    let value = value.map(|(attribute, value)| Ok((attribute, Value::Bytes(value))));
    copied.chain(value).collect()
}

/// The INTEGER in subjectPublicKey of a key over a prime field.
fn public_number(private: &Attributes) -> Result<Vec<u8>> {
    let number = UintRef::from_der(public_bits(private)?);
    let number = number.map_err(|_| refusal(CKR_FUNCTION_FAILED))?;
    Ok(number.as_bytes().to_vec())
}

/// The bits of subjectPublicKey in the SubjectPublicKeyInfo that every private key carries.
fn public_bits(private: &Attributes) -> Result<&[u8]> {
    let info = private.bytes(CKA_PUBLIC_KEY_INFO);
    spki::SubjectPublicKeyInfoRef::try_from(info)
        .ok()
        .and_then(|info| info.subject_public_key.as_bytes())
        .ok_or(refusal(CKR_FUNCTION_FAILED))
}
