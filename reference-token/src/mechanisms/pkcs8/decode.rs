//! Keys read from PKCS #8.

use cryptoki_sys::*;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;

use super::structures::{Both, Dh, EcPrivateKey, RsaPrivateKey, SEED, Three, X942};
use super::{ALGORITHMS, Algorithm, Form};
use crate::attributes::Value;
use crate::mechanisms::Contribution;
use crate::rv::{Refusal, Result, ensure, refusal};

/// The bytes are no such encoding.
fn invalid<E>(_: E) -> Refusal {
    refusal(CKR_WRAPPED_KEY_INVALID)
}

/// What a PrivateKeyInfo says of a key, its type included; CKR_WRAPPED_KEY_INVALID if it is none.
/// Zeros after it are what a cipher without padding filled its last block with.
pub(crate) fn decode(bytes: &[u8]) -> Result<Contribution> {
    let (info, rest) = PrivateKeyInfoRef::from_der_partial(bytes).map_err(invalid)?;
    ensure(rest.iter().all(|byte| *byte == 0), CKR_WRAPPED_KEY_INVALID)?;
    let algorithm = ALGORITHMS
        .iter()
        .find(|algorithm| algorithm.oid == info.algorithm.oid)
        .ok_or(())
        .map_err(invalid)?;
    let content = info.private_key.as_bytes();
    let parameters = info.algorithm.parameters;
    let mut contribution = vec![(CKA_KEY_TYPE, Value::ulong(algorithm.key_type))];
    if let Some(set) = algorithm.set {
        contribution.push((CKA_PARAMETER_SET, Value::ulong(set)));
    }
    let rest = match algorithm.form {
        Form::Rsa => decode_rsa(content)?,
        Form::Ec => decode_ec(parameters, content)?,
        Form::Curve => decode_curve(algorithm, parameters, content)?,
        Form::Dh | Form::X942 | Form::Dsa => {
            let parameters = parameters.ok_or(()).map_err(invalid)?;
            let mut domain = decode_domain(algorithm.form, parameters)?;
            domain.push((CKA_VALUE, UintRef::from_der(content).map_err(invalid)?));
            numbers(&domain)
        }
        Form::Seeded => decode_seeded(content)?,
        Form::Bare => vec![(CKA_VALUE, Value::Bytes(content.to_vec()))],
    };
    contribution.extend(rest);
    Ok(contribution)
}

fn numbers(numbers: &[(CK_ATTRIBUTE_TYPE, UintRef)]) -> Contribution {
    let value = |number: &UintRef| Value::Bytes(number.as_bytes().to_vec());
    let named = numbers.iter();
    named.map(|(name, number)| (*name, value(number))).collect()
}

fn decode_rsa(content: &[u8]) -> Result<Contribution> {
    let key = RsaPrivateKey::from_der(content).map_err(invalid)?;
    ensure(key.version == 0, CKR_WRAPPED_KEY_INVALID)?;
    Ok(numbers(&[
        (CKA_MODULUS, key.modulus),
        (CKA_PUBLIC_EXPONENT, key.public_exponent),
        (CKA_PRIVATE_EXPONENT, key.private_exponent),
        (CKA_PRIME_1, key.prime_1),
        (CKA_PRIME_2, key.prime_2),
        (CKA_EXPONENT_1, key.exponent_1),
        (CKA_EXPONENT_2, key.exponent_2),
        (CKA_COEFFICIENT, key.coefficient),
    ]))
}

fn decode_ec(parameters: Option<AnyRef>, content: &[u8]) -> Result<Contribution> {
    let key = EcPrivateKey::from_der(content).map_err(invalid)?;
    ensure(key.version == 1, CKR_WRAPPED_KEY_INVALID)?;
    // The curve stands in the algorithm; one named beside the key too must be the same.
    let agrees = key.parameters.is_none() || key.parameters == parameters;
    ensure(agrees, CKR_WRAPPED_KEY_INVALID)?;
    let parameters = parameters.ok_or(()).map_err(invalid)?;
    let parameters = parameters.to_der().map_err(invalid)?;
    Ok(vec![
        (CKA_EC_PARAMS, Value::Bytes(parameters)),
        (CKA_VALUE, Value::Bytes(key.private_key.as_bytes().to_vec())),
    ])
}

fn decode_curve(
    algorithm: &Algorithm,
    parameters: Option<AnyRef>,
    content: &[u8],
) -> Result<Contribution> {
    // RFC 8410 section 3: the parameters must be absent.
    ensure(parameters.is_none(), CKR_WRAPPED_KEY_INVALID)?;
    let value = crate::mechanisms::der::read_octet_string(content)
        .ok_or(())
        .map_err(invalid)?;
    let curve = algorithm.oid.to_der().map_err(invalid)?;
    Ok(vec![
        (CKA_EC_PARAMS, Value::Bytes(curve)),
        (CKA_VALUE, Value::Bytes(value.to_vec())),
    ])
}

fn decode_domain<'a>(
    form: Form,
    parameters: AnyRef<'a>,
) -> Result<Vec<(CK_ATTRIBUTE_TYPE, UintRef<'a>)>> {
    Ok(match form {
        Form::Dh => {
            let domain: Dh<'a> = parameters.decode_as().map_err(invalid)?;
            vec![(CKA_PRIME, domain.prime), (CKA_BASE, domain.base)]
        }
        Form::X942 => {
            let domain: X942<'a> = parameters.decode_as().map_err(invalid)?;
            vec![
                (CKA_PRIME, domain.prime),
                (CKA_BASE, domain.base),
                (CKA_SUBPRIME, domain.subprime),
            ]
        }
        _ => {
            let domain: Three<'a> = parameters.decode_as().map_err(invalid)?;
            vec![
                (CKA_PRIME, domain.first),
                (CKA_SUBPRIME, domain.second),
                (CKA_BASE, domain.third),
            ]
        }
    })
}

fn decode_seeded(content: &[u8]) -> Result<Contribution> {
    let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    if let Ok(both) = Both::from_der(content) {
        let (seed, value) = (both.seed.as_bytes(), both.value.as_bytes());
        return Ok(vec![(CKA_SEED, bytes(seed)), (CKA_VALUE, bytes(value))]);
    }
    match crate::mechanisms::der::read(content) {
        Some((SEED, seed)) => Ok(vec![(CKA_SEED, bytes(seed))]),
        _ => {
            let value = crate::mechanisms::der::read_octet_string(content);
            Ok(vec![(CKA_VALUE, bytes(value.ok_or(()).map_err(invalid)?))])
        }
    }
}
