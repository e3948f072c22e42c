//! Private keys as PKCS #8 PrivateKeyInfo: [PKCS11-Base 3.2] section 6.7, for wrapping and
//! unwrapping. Owns the encodings alone; whether a decoded key is sound is for `settle` to say.

use cryptoki_sys::*;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use pkcs8::PrivateKeyInfoRef;
use spki::AlgorithmIdentifierRef;

use super::{Contribution, ec};
use crate::attributes::{Attributes, Value};
use crate::rv::{Refusal, Result, ensure, refusal};

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

/// RFC 8017 appendix A.1.2, of two primes.
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime_1: UintRef<'a>,
    prime_2: UintRef<'a>,
    exponent_1: UintRef<'a>,
    exponent_2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

/// RFC 5915. Section 6.7: parameters are not written, and what becomes of a public key is open.
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", optional = "true")]
    parameters: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

/// Dss-Parms (p, q, g).
#[derive(Sequence)]
struct Three<'a> {
    first: UintRef<'a>,
    second: UintRef<'a>,
    third: UintRef<'a>,
}

/// DomainParameters of ANSI X9.42; a token has no place for the optional ones.
#[derive(Sequence)]
struct X942<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
    subprime: UintRef<'a>,
    #[asn1(optional = "true")]
    cofactor: Option<UintRef<'a>>,
    #[asn1(optional = "true")]
    validation: Option<AnyRef<'a>>,
}

/// DHParameter of PKCS #3.
#[derive(Sequence)]
struct Dh<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
    #[asn1(optional = "true")]
    length: Option<u32>,
}

/// The choice `both` of RFC 9881 and RFC 9935.
#[derive(Sequence)]
struct Both<'a> {
    seed: &'a OctetStringRef,
    value: &'a OctetStringRef,
}

/// Tag of the choice `seed`: [0] IMPLICIT OCTET STRING.
const SEED: u8 = 0x80;

/// The key lacks something that its encoding needs, or is of a type that has none.
fn unwrappable<E>(_: E) -> Refusal {
    refusal(CKR_KEY_NOT_WRAPPABLE)
}

/// The bytes are no such encoding.
fn invalid<E>(_: E) -> Refusal {
    refusal(CKR_WRAPPED_KEY_INVALID)
}

/// The PrivateKeyInfo of a private key object; CKR_KEY_NOT_WRAPPABLE if it cannot have one.
pub(crate) fn encode(key: &Attributes) -> Result<Vec<u8>> {
    let algorithm = algorithm_of(key)?;
    let (parameters, content) = match algorithm.form {
        Form::Rsa => (Some(vec![0x05, 0x00]), rsa(key)?),
        Form::Ec => {
            let (oid, value) = ec::wrapped(key)?;
            let content = EcPrivateKey {
                version: 1,
                private_key: OctetStringRef::new(&value).map_err(unwrappable)?,
                parameters: None,
                public_key: None,
            };
            (Some(oid.to_vec()), content.to_der().map_err(unwrappable)?)
        }
        Form::Curve => (None, super::der::octet_string(key.bytes(CKA_VALUE))),
        Form::Dh | Form::X942 | Form::Dsa => {
            let value = integer(key, CKA_VALUE)?;
            let parameters = domain(algorithm.form, key)?;
            (Some(parameters), value.to_der().map_err(unwrappable)?)
        }
        Form::Seeded => (None, seeded(key)?),
        Form::Bare => (None, key.bytes(CKA_VALUE).to_vec()),
    };
    let parameters = parameters.as_deref().map(AnyRef::try_from).transpose();
    let algorithm = AlgorithmIdentifierRef {
        oid: algorithm.oid,
        parameters: parameters.map_err(unwrappable)?,
    };
    let content = OctetStringRef::new(&content).map_err(unwrappable)?;
    PrivateKeyInfoRef::new(algorithm, content)
        .to_der()
        .map_err(unwrappable)
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

/// A big integer of a key, which must be there.
fn integer(key: &Attributes, attribute: CK_ATTRIBUTE_TYPE) -> Result<UintRef<'_>> {
    let bytes = key.bytes(attribute);
    ensure(!bytes.is_empty(), CKR_KEY_NOT_WRAPPABLE)?;
    UintRef::new(bytes).map_err(unwrappable)
}

fn rsa(key: &Attributes) -> Result<Vec<u8>> {
    let content = RsaPrivateKey {
        version: 0,
        modulus: integer(key, CKA_MODULUS)?,
        public_exponent: integer(key, CKA_PUBLIC_EXPONENT)?,
        private_exponent: integer(key, CKA_PRIVATE_EXPONENT)?,
        prime_1: integer(key, CKA_PRIME_1)?,
        prime_2: integer(key, CKA_PRIME_2)?,
        exponent_1: integer(key, CKA_EXPONENT_1)?,
        exponent_2: integer(key, CKA_EXPONENT_2)?,
        coefficient: integer(key, CKA_COEFFICIENT)?,
    };
    content.to_der().map_err(unwrappable)
}

/// The parameters of a key over a prime field.
fn domain(form: Form, key: &Attributes) -> Result<Vec<u8>> {
    let (prime, base) = (integer(key, CKA_PRIME)?, integer(key, CKA_BASE)?);
    let encoded = match form {
        Form::Dh => Dh {
            prime,
            base,
            length: None,
        }
        .to_der(),
        Form::X942 => X942 {
            prime,
            base,
            subprime: integer(key, CKA_SUBPRIME)?,
            cofactor: None,
            validation: None,
        }
        .to_der(),
        _ => Three {
            first: prime,
            second: integer(key, CKA_SUBPRIME)?,
            third: base,
        }
        .to_der(),
    };
    encoded.map_err(unwrappable)
}

/// Seed and value if the key has both, and otherwise what it has.
fn seeded(key: &Attributes) -> Result<Vec<u8>> {
    let (seed, value) = (key.bytes(CKA_SEED), key.bytes(CKA_VALUE));
    if seed.is_empty() {
        return Ok(super::der::octet_string(value));
    }
    let both = Both {
        seed: OctetStringRef::new(seed).map_err(unwrappable)?,
        value: OctetStringRef::new(value).map_err(unwrappable)?,
    };
    both.to_der().map_err(unwrappable)
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
    let value = super::der::read_octet_string(content)
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
    match super::der::read(content) {
        Some((SEED, seed)) => Ok(vec![(CKA_SEED, bytes(seed))]),
        _ => {
            let value = super::der::read_octet_string(content);
            Ok(vec![(CKA_VALUE, bytes(value.ok_or(()).map_err(invalid)?))])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    fn key(attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>) -> Attributes {
        attributes.into_iter().collect()
    }

    fn bytes(value: &str) -> Value {
        Value::Bytes(hex(value))
    }

    /// RFC 8410 section 10.3: the first private key.
    #[test]
    fn ed25519_keys_as_in_rfc_8410() {
        let info = hex("302e020100300506032b657004220420
             d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842");
        let decoded = key(decode(&info).unwrap());
        assert_eq!(decoded.ulong(CKA_KEY_TYPE), Some(CKK_EC_EDWARDS));
        assert_eq!(decoded.bytes(CKA_EC_PARAMS), hex("06032b6570"));
        assert_eq!(encode(&decoded).unwrap(), info);
    }

    /// RFC 5958's form with the public key beside the private one, RFC 8410 section 10.3.
    #[test]
    fn a_public_key_beside_the_private_one_is_ignored() {
        let info = hex("3072020101300506032b657004220420
             d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842
             a01f301d060a2a864886f70d01090914310f0c0d437572646c65204368616972
             7381210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        let decoded = key(decode(&info).unwrap());
        assert_eq!(decoded.bytes(CKA_VALUE)[..2], [0xd4, 0xee]);
    }

    #[test]
    fn every_form_reads_back_as_it_was_written() {
        let of = |kind, rest: &[(CK_ATTRIBUTE_TYPE, &str)]| {
            let mut object = key(vec![(CKA_KEY_TYPE, Value::ulong(kind))]);
            for (name, value) in rest {
                object.set(*name, bytes(value));
            }
            object
        };
        let with_set = |mut object: Attributes, set| {
            object.set(CKA_PARAMETER_SET, Value::ulong(set));
            object
        };
        let p256 = "06082a8648ce3d030107";
        let scalar = "00000000000000000000000000000000000000000000000000000000000000ff";
        let objects = [
            of(
                CKK_RSA,
                &[
                    (CKA_MODULUS, "c5"),
                    (CKA_PUBLIC_EXPONENT, "03"),
                    (CKA_PRIVATE_EXPONENT, "05"),
                    (CKA_PRIME_1, "07"),
                    (CKA_PRIME_2, "0b"),
                    (CKA_EXPONENT_1, "0d"),
                    (CKA_EXPONENT_2, "ff11"),
                    (CKA_COEFFICIENT, "13"),
                ],
            ),
            of(CKK_EC, &[(CKA_EC_PARAMS, p256), (CKA_VALUE, scalar)]),
            of(
                CKK_EC_MONTGOMERY,
                &[(CKA_EC_PARAMS, "06032b656f"), (CKA_VALUE, "0001")],
            ),
            of(
                CKK_DH,
                &[(CKA_PRIME, "fb"), (CKA_BASE, "02"), (CKA_VALUE, "81")],
            ),
            of(
                CKK_X9_42_DH,
                &[
                    (CKA_PRIME, "fb"),
                    (CKA_BASE, "02"),
                    (CKA_SUBPRIME, "05"),
                    (CKA_VALUE, "03"),
                ],
            ),
            of(
                CKK_DSA,
                &[
                    (CKA_PRIME, "fb"),
                    (CKA_SUBPRIME, "05"),
                    (CKA_BASE, "02"),
                    (CKA_VALUE, "03"),
                ],
            ),
            with_set(
                of(CKK_ML_KEM, &[(CKA_SEED, "00"), (CKA_VALUE, "0102")]),
                CKP_ML_KEM_768,
            ),
            with_set(of(CKK_ML_DSA, &[(CKA_VALUE, "0102")]), CKP_ML_DSA_87),
            with_set(
                of(CKK_SLH_DSA, &[(CKA_VALUE, "0102")]),
                CKP_SLH_DSA_SHAKE_192F,
            ),
        ];
        for object in objects {
            let mut info = encode(&object).unwrap();
            assert_eq!(key(decode(&info).unwrap()), object);
            info.extend([0; 7]);
            assert_eq!(key(decode(&info).unwrap()), object);
            info.push(1);
            let refusal = decode(&info).unwrap_err();
            assert_eq!(refusal.code(), CKR_WRAPPED_KEY_INVALID);
        }
    }

    /// RFC 5915 within PKCS #8: what the encoding of an EC key is to the byte.
    #[test]
    fn ec_keys_have_no_parameters_and_full_length() {
        let object = key(vec![
            (CKA_KEY_TYPE, Value::ulong(CKK_EC)),
            // Named by curve name; PKCS #8 has identifiers alone.
            (CKA_EC_PARAMS, bytes("1309736563703235367231")),
            (CKA_VALUE, bytes("ff")),
        ]);
        let expected = hex("3041020100301306072a8648ce3d020106082a8648ce3d030107
             042730250201010420
             00000000000000000000000000000000000000000000000000000000000000ff");
        assert_eq!(encode(&object).unwrap(), expected);
    }

    #[test]
    fn a_seed_alone_is_taken() {
        let info = hex("3014020100300b060960864801650304040104028000");
        let decoded = key(decode(&info).unwrap());
        assert_eq!(decoded.get(CKA_SEED), Some(&Value::Bytes(Vec::new())));
        assert_eq!(decoded.ulong(CKA_PARAMETER_SET), Some(CKP_ML_KEM_512));
    }

    #[test]
    fn a_key_that_lacks_a_part_is_not_wrappable() {
        let partial = key(vec![
            (CKA_KEY_TYPE, Value::ulong(CKK_RSA)),
            (CKA_MODULUS, bytes("c5")),
        ]);
        for object in [partial, key(vec![(CKA_KEY_TYPE, Value::ulong(CKK_HSS))])] {
            assert_eq!(encode(&object).unwrap_err().code(), CKR_KEY_NOT_WRAPPABLE);
        }
        for bad in ["", "3000", "302e020100"] {
            assert_eq!(
                decode(&hex(bad)).unwrap_err().code(),
                CKR_WRAPPED_KEY_INVALID
            );
        }
    }
}
