//! Keys written as PKCS #8, and their domains wherever these are written.

use cryptoki_sys::*;
use der::Encode;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use pkcs8::PrivateKeyInfoRef;
use spki::AlgorithmIdentifierRef;

use super::structures::{Both, Dh, EcPrivateKey, RsaPrivateKey, Three, X942};
use super::{Form, algorithm_of, unwrappable};
use crate::attributes::Attributes;
use crate::mechanisms::ec;
use crate::rv::{Result, ensure};

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
        Form::Curve => (
            None,
            crate::mechanisms::der::octet_string(key.bytes(CKA_VALUE)),
        ),
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
pub(super) fn domain(form: Form, key: &Attributes) -> Result<Vec<u8>> {
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
        return Ok(crate::mechanisms::der::octet_string(value));
    }
    let both = Both {
        seed: OctetStringRef::new(seed).map_err(unwrappable)?,
        value: OctetStringRef::new(value).map_err(unwrappable)?,
    };
    both.to_der().map_err(unwrappable)
}
