//! Wrapping in two steps: CKM_RSA_AES_KEY_WRAP, [PKCS11-Base 3.2] section 6.1.19, and wrapping
//! through a key agreement, sections 6.3.20 to 6.3.23. A key is wrapped with a new AES key, and that
//! is encrypted with RSA or agreed upon; all steps are mechanisms of their own families. The sections
//! speak of asymmetric keys; secret keys are wrapped in the same way.

use cryptoki_sys::*;

use super::{Entry, Family, Form, Mechanism, Parameter, der, ec, find_for, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The wrapping mechanisms of two steps.
pub(super) struct Hybrid;

const WRAPS: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;

const fn agreed(mechanism: CK_MECHANISM_TYPE, like: &Entry, keys: &'static [CK_KEY_TYPE]) -> Entry {
    Entry {
        mechanism,
        sizes: like.sizes,
        flags: WRAPS | like.flags & ec::CLAIMS,
        form: Form::EcdhAes,
        keys,
    }
}

/// Keys are sized as in the mechanisms of the first steps.
static ENTRIES: [Entry; 4] = [
    Entry {
        mechanism: CKM_RSA_AES_KEY_WRAP,
        sizes: (512, 16384),
        flags: WRAPS,
        form: Form::RsaAes,
        keys: &[CKK_RSA],
    },
    agreed(
        CKM_ECDH_AES_KEY_WRAP,
        &ec::AGREEMENT,
        &[CKK_EC, CKK_EC_MONTGOMERY],
    ),
    agreed(
        CKM_ECDH_X_AES_KEY_WRAP,
        &ec::RFC_AGREEMENT,
        &[CKK_EC_MONTGOMERY],
    ),
    agreed(CKM_ECDH_COF_AES_KEY_WRAP, &ec::AGREEMENT, &[CKK_EC]),
];

/// How the AES key gets to the other side.
enum Transport {
    /// Encrypted with this mechanism.
    Rsa(Mechanism),
    /// As what this mechanism derives from a key pair made for the purpose.
    Ecdh(Mechanism),
}

/// The first step, and the length of the AES key in bytes.
fn transport(mechanism: &Mechanism) -> Result<(Transport, usize)> {
    let (aes_bits, transport) = match &mechanism.parameter {
        Parameter::RsaAes { aes_bits, oaep } => {
            let outer = Mechanism {
                kind: CKM_RSA_PKCS_OAEP,
                parameter: oaep.as_ref().clone(),
            };
            (*aes_bits, Transport::Rsa(outer))
        }
        Parameter::EcdhAes {
            aes_bits,
            agreement,
        } => {
            let outer = Mechanism {
                kind: match mechanism.kind {
                    CKM_ECDH_COF_AES_KEY_WRAP => CKM_ECDH1_COFACTOR_DERIVE,
                    _ => CKM_ECDH1_DERIVE,
                },
                parameter: agreement.as_ref().clone(),
            };
            (*aes_bits, Transport::Ecdh(outer))
        }
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    let sized = [128, 192, 256].contains(&aes_bits);
    ensure(sized, CKR_MECHANISM_PARAM_INVALID)?;
    Ok((transport, aes_bits as usize / 8))
}

/// What to ask of the agreement: a derivation function makes as many bytes as it is asked for, and
/// the bare secret has the AES key at its beginning, not where CKM_ECDH1_DERIVE would take it.
fn derived(agreement: &Mechanism, length: usize) -> Option<usize> {
    match agreement.parameter {
        Parameter::Ecdh1 { kdf: CKD_NULL, .. } => None,
        _ => Some(length),
    }
}

/// Section 6.3.20: the first bits of what was derived; a curve may be too small to have as many.
fn first_bits(mut derived: Vec<u8>, length: usize) -> Result<Vec<u8>> {
    ensure(derived.len() >= length, CKR_MECHANISM_PARAM_INVALID)?;
    derived.truncate(length);
    Ok(derived)
}

/// A public value as CKA_EC_POINT has it: in an OCTET STRING on short Weierstrass curves.
fn as_attribute(key: &Attributes, public: Vec<u8>) -> Vec<u8> {
    match key.ulong(CKA_KEY_TYPE) {
        Some(CKK_EC) => der::octet_string(&public),
        _ => public,
    }
}

impl Transport {
    /// What goes before the wrapped key, and the AES key.
    fn make(&self, wrapper: &Attributes, length: usize) -> Result<(Vec<u8>, Vec<u8>)> {
        match self {
            Transport::Rsa(outer) => {
                let value = random(length)?;
                let (rsa, _) = find_for(outer.kind, CKF_WRAP)?;
                // The AES key is the mechanism's own: it is the RSA key that has no room for it.
                let sealed = rsa.wrap(outer, wrapper, value.clone());
                let sealed = sealed.map_err(|refused| match refused.code() {
                    CKR_DATA_LEN_RANGE => refusal(CKR_KEY_SIZE_RANGE),
                    _ => refused,
                })?;
                Ok((sealed, value))
            }
            Transport::Ecdh(outer) => {
                let (ec, _) = find_for(outer.kind, CKF_ENCAPSULATE)?;
                let (public, value) = ec.encapsulate(outer, wrapper, derived(outer, length))?;
                Ok((as_attribute(wrapper, public), first_bits(value, length)?))
            }
        }
    }

    /// The AES key, and the wrapped key behind what it comes from.
    fn open<'a>(
        &self,
        unwrapper: &Attributes,
        length: usize,
        wrapped: &'a [u8],
    ) -> Result<(Vec<u8>, &'a [u8])> {
        let short = refusal(CKR_ENCRYPTED_DATA_LEN_RANGE);
        match self {
            Transport::Rsa(outer) => {
                // The first part is as long as the modulus.
                let modulus = der::trim(unwrapper.bytes(CKA_MODULUS)).len();
                let (first, second) = wrapped.split_at_checked(modulus).ok_or(short)?;
                let (rsa, _) = find_for(outer.kind, CKF_UNWRAP)?;
                let value = rsa.unwrap(outer, unwrapper, first)?;
                ensure(value.len() == length, CKR_ENCRYPTED_DATA_INVALID)?;
                Ok((value, second))
            }
            Transport::Ecdh(outer) => {
                let (ec, _) = find_for(outer.kind, CKF_DECAPSULATE)?;
                let (public, second) = match unwrapper.ulong(CKA_KEY_TYPE) {
                    Some(CKK_EC) => der::split_octet_string(wrapped).ok_or(short)?,
                    _ => {
                        let length = ec.encapsulated_length(outer, unwrapper)?;
                        wrapped.split_at_checked(length).ok_or(short)?
                    }
                };
                let value = ec.decapsulate(outer, unwrapper, public, derived(outer, length))?;
                Ok((first_bits(value, length)?, second))
            }
        }
    }
}

fn aes_key(value: Vec<u8>) -> Attributes {
    [(CKA_VALUE, Value::Bytes(value))].into_iter().collect()
}

const INNER: Mechanism = Mechanism {
    kind: CKM_AES_KEY_WRAP_KWP,
    parameter: Parameter::None,
};

impl Family for Hybrid {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn wraps_with_secret(&self) -> bool {
        true
    }

    fn wrap(&self, mechanism: &Mechanism, wrapper: &Attributes, key: Vec<u8>) -> Result<Vec<u8>> {
        let (transport, length) = transport(mechanism)?;
        let (mut output, value) = transport.make(wrapper, length)?;
        let (aes, _) = find_for(INNER.kind, CKF_WRAP)?;
        output.extend(aes.wrap(&INNER, &aes_key(value), key)?);
        Ok(output)
    }

    fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapper: &Attributes,
        wrapped: &[u8],
    ) -> Result<Vec<u8>> {
        let (transport, length) = transport(mechanism)?;
        let (value, wrapped) = transport.open(unwrapper, length, wrapped)?;
        let (aes, _) = find_for(INNER.kind, CKF_UNWRAP)?;
        aes.unwrap(&INNER, &aes_key(value), wrapped)
    }
}
