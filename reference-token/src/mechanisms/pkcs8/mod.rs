//! Private keys as PKCS #8 PrivateKeyInfo: [PKCS11-Base 3.2] section 6.7, for wrapping and
//! unwrapping. Owns the encodings alone; whether a decoded key is sound is for `settle` to say. This
//! file has the algorithms, and what they are called where a public key is written; `structures` the
//! ASN.1, `encode` and `decode` the two directions.

mod decode;
mod encode;
mod structures;
#[cfg(test)]
mod tests;

use cryptoki_sys::*;
use der::Encode;
use der::asn1::ObjectIdentifier;

use super::ec;
use crate::attributes::Attributes;
use crate::rv::{Refusal, Result, refusal};

use encode::domain;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// How keys of an algorithm are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// RSAPrivateKey of RFC 8017; no parameters but NULL.
    Rsa,
    /// ECPrivateKey of RFC 5915; the curve in the parameters.
    Ec,
    /// CurvePrivateKey of RFC 8410, an OCTET STRING; the algorithm names the curve.
    Curve,
    /// INTEGER; DHParameter of PKCS #3.
    Dh,
    /// INTEGER; DomainParameters of ANSI X9.42.
    X942,
    /// INTEGER; Dss-Parms of RFC 3279.
    Dsa,
    /// The CHOICE of RFC 9881 and RFC 9935: a seed, a value or both.
    Seeded,
    /// The value alone (RFC 9909).
    Bare,
}

/// An algorithm identifier and what it stands for.
struct Algorithm {
    oid: ObjectIdentifier,
    key_type: CK_KEY_TYPE,
    /// CKA_PARAMETER_SET, of key types that have one.
    set: Option<CK_ULONG>,
    form: Form,
}

const fn plain(oid: &str, key_type: CK_KEY_TYPE, form: Form) -> Algorithm {
    Algorithm {
        oid: ObjectIdentifier::new_unwrap(oid),
        key_type,
        set: None,
        form,
    }
}

const fn set(oid: &str, key_type: CK_KEY_TYPE, set: CK_ULONG, form: Form) -> Algorithm {
    let algorithm = plain(oid, key_type, form);
    Algorithm {
        set: Some(set),
        ..algorithm
    }
}

#[rustfmt::skip]
static ALGORITHMS: [Algorithm; 27] = [
    plain("1.2.840.113549.1.1.1", CKK_RSA,           Form::Rsa),
    plain("1.2.840.10045.2.1",    CKK_EC,            Form::Ec),
    plain("1.3.101.110",          CKK_EC_MONTGOMERY, Form::Curve),
    plain("1.3.101.111",          CKK_EC_MONTGOMERY, Form::Curve),
    plain("1.3.101.112",          CKK_EC_EDWARDS,    Form::Curve),
    plain("1.3.101.113",          CKK_EC_EDWARDS,    Form::Curve),
    plain("1.2.840.113549.1.3.1", CKK_DH,            Form::Dh),
    plain("1.2.840.10046.2.1",    CKK_X9_42_DH,      Form::X942),
    plain("1.2.840.10040.4.1",    CKK_DSA,           Form::Dsa),
    set("2.16.840.1.101.3.4.3.17", CKK_ML_DSA,  CKP_ML_DSA_44,   Form::Seeded),
    set("2.16.840.1.101.3.4.3.18", CKK_ML_DSA,  CKP_ML_DSA_65,   Form::Seeded),
    set("2.16.840.1.101.3.4.3.19", CKK_ML_DSA,  CKP_ML_DSA_87,   Form::Seeded),
    set("2.16.840.1.101.3.4.4.1",  CKK_ML_KEM,  CKP_ML_KEM_512,  Form::Seeded),
    set("2.16.840.1.101.3.4.4.2",  CKK_ML_KEM,  CKP_ML_KEM_768,  Form::Seeded),
    set("2.16.840.1.101.3.4.4.3",  CKK_ML_KEM,  CKP_ML_KEM_1024, Form::Seeded),
    set("2.16.840.1.101.3.4.3.20", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S,  Form::Bare),
    set("2.16.840.1.101.3.4.3.21", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F,  Form::Bare),
    set("2.16.840.1.101.3.4.3.22", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S,  Form::Bare),
    set("2.16.840.1.101.3.4.3.23", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F,  Form::Bare),
    set("2.16.840.1.101.3.4.3.24", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S,  Form::Bare),
    set("2.16.840.1.101.3.4.3.25", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F,  Form::Bare),
    set("2.16.840.1.101.3.4.3.26", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S, Form::Bare),
    set("2.16.840.1.101.3.4.3.27", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F, Form::Bare),
    set("2.16.840.1.101.3.4.3.28", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S, Form::Bare),
    set("2.16.840.1.101.3.4.3.29", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F, Form::Bare),
    set("2.16.840.1.101.3.4.3.30", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S, Form::Bare),
    set("2.16.840.1.101.3.4.3.31", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F, Form::Bare),
];

/// The key lacks something that its encoding needs, or is of a type that has none.
fn unwrappable<E>(_: E) -> Refusal {
    refusal(CKR_KEY_NOT_WRAPPABLE)
}

/// SubjectPublicKeyInfo of a key whose algorithm stands for a parameter set; the public key goes in
/// as it is (RFC 9881, 9909 and 9935).
pub(super) fn public_info(key_type: CK_KEY_TYPE, set: CK_ULONG, public: &[u8]) -> Result<Vec<u8>> {
    let algorithm = ALGORITHMS
        .iter()
        .find(|algorithm| algorithm.key_type == key_type && algorithm.set == Some(set))
        .ok_or(refusal(CKR_PARAMETER_SET_NOT_SUPPORTED))?;
    let oid = algorithm.oid.to_der();
    let oid = oid.map_err(|_| refusal(CKR_GENERAL_ERROR))?;
    let algorithm = super::der::sequence(&[&oid]);
    Ok(super::der::sequence(&[
        &algorithm,
        &super::der::bit_string(public),
    ]))
}

/// SubjectPublicKeyInfo of a key over a prime field: the public value as an INTEGER (RFC 3279).
pub(super) fn domain_info(key: &Attributes, public: &[u8]) -> Result<Vec<u8>> {
    let algorithm = algorithm_of(key)?;
    let oid = algorithm.oid.to_der();
    let oid = oid.map_err(|_| refusal(CKR_GENERAL_ERROR))?;
    let parameters = domain(algorithm.form, key)?;
    let algorithm = super::der::sequence(&[&oid, &parameters]);
    let public = super::der::unsigned_integer(public);
    Ok(super::der::sequence(&[
        &algorithm,
        &super::der::bit_string(&public),
    ]))
}

fn algorithm_of(key: &Attributes) -> Result<&'static Algorithm> {
    let (key_type, set) = (key.ulong(CKA_KEY_TYPE), key.ulong(CKA_PARAMETER_SET));
    let named = match key_type {
        Some(CKK_EC_EDWARDS | CKK_EC_MONTGOMERY) => Some(ec::wrapped(key)?.0),
        _ => None,
    };
    let matches = |algorithm: &&Algorithm| {
        Some(algorithm.key_type) == key_type
            && algorithm.set.is_none_or(|wanted| Some(wanted) == set)
            && named.is_none_or(|oid| algorithm.oid.to_der().is_ok_and(|own| own == oid))
    };
    ALGORITHMS
        .iter()
        .find(matches)
        .ok_or(())
        .map_err(unwrappable)
}
