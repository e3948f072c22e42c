//! Private keys in the form in which they are wrapped: PrivateKeyInfo of PKCS #8 (RFC 5208), as
//! [PKCS11-Base 3.2] 6.7 has it of RSA keys and keys on elliptic curves.

use cryptoki_sys::*;
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

#[derive(Sequence)]
struct PrivateKeyInfo<'k> {
    version: u8,
    algorithm: Algorithm<'k>,
    private_key: &'k OctetStringRef,
}

#[derive(Sequence)]
struct Algorithm<'k> {
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'k>>,
}

/// RFC 8017, A.1.2.
#[derive(Sequence)]
struct RsaPrivateKey<'k> {
    version: u8,
    modulus: UintRef<'k>,
    public_exponent: UintRef<'k>,
    private_exponent: UintRef<'k>,
    prime_1: UintRef<'k>,
    prime_2: UintRef<'k>,
    exponent_1: UintRef<'k>,
    exponent_2: UintRef<'k>,
    coefficient: UintRef<'k>,
}

/// RFC 5915, 3, without what the algorithm says.
#[derive(Sequence)]
struct EcPrivateKey<'k> {
    version: u8,
    private_key: &'k OctetStringRef,
}

/// The key of a type with these attributes; `None` if it is of another type, or attributes that the form has
/// are missing.
pub(super) fn encoded<'k>(
    key_type: CK_KEY_TYPE,
    attribute: impl Fn(CK_ATTRIBUTE_TYPE) -> Option<&'k [u8]>,
) -> Option<Vec<u8>> {
    let (oid, parameters, key) = match key_type {
        CKK_RSA => {
            let number = |name| UintRef::new(attribute(name)?).ok();
            let key = RsaPrivateKey {
                version: 0,
                modulus: number(CKA_MODULUS)?,
                public_exponent: number(CKA_PUBLIC_EXPONENT)?,
                private_exponent: number(CKA_PRIVATE_EXPONENT)?,
                prime_1: number(CKA_PRIME_1)?,
                prime_2: number(CKA_PRIME_2)?,
                exponent_1: number(CKA_EXPONENT_1)?,
                exponent_2: number(CKA_EXPONENT_2)?,
                coefficient: number(CKA_COEFFICIENT)?,
            };
            (RSA_ENCRYPTION, Some(AnyRef::NULL), key.to_der().ok()?)
        }
        CKK_EC => {
            let key = EcPrivateKey {
                version: 1,
                private_key: OctetStringRef::new(attribute(CKA_VALUE)?).ok()?,
            };
            let curve = AnyRef::from_der(attribute(CKA_EC_PARAMS)?).ok()?;
            (EC_PUBLIC_KEY, Some(curve), key.to_der().ok()?)
        }
        // RFC 8410: the curve is the algorithm.
        CKK_EC_MONTGOMERY | CKK_EC_EDWARDS => {
            let curve = ObjectIdentifier::from_der(attribute(CKA_EC_PARAMS)?).ok()?;
            let key = OctetStringRef::new(attribute(CKA_VALUE)?).ok()?;
            (curve, None, key.to_der().ok()?)
        }
        _ => return None,
    };
    let info = PrivateKeyInfo {
        version: 0,
        algorithm: Algorithm { oid, parameters },
        private_key: OctetStringRef::new(&key).ok()?,
    };
    info.to_der().ok()
}
