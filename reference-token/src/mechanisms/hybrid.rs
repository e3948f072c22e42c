//! CKM_RSA_AES_KEY_WRAP: [PKCS11-Base 3.2] section 6.1.22. A key is wrapped with a new AES key, and
//! that with RSA; both steps are mechanisms of their own families. The section speaks of asymmetric
//! keys; secret keys are wrapped in the same way.

use cryptoki_sys::*;

use super::{Entry, Family, Form, Mechanism, Parameter, find_for, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The wrapping mechanisms of two steps.
pub(super) struct Hybrid;

/// Moduli in bits, as the other RSA mechanisms have them.
static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_RSA_AES_KEY_WRAP,
    sizes: (512, 16384),
    flags: CKF_WRAP | CKF_UNWRAP,
    form: Form::RsaAes,
    keys: &[CKK_RSA],
}];

/// The mechanism for the AES key, and the length of that in bytes.
fn steps(mechanism: &Mechanism) -> Result<(Mechanism, usize)> {
    let Parameter::RsaAes { aes_bits, oaep } = &mechanism.parameter else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let sized = [128, 192, 256].contains(aes_bits);
    ensure(sized, CKR_MECHANISM_PARAM_INVALID)?;
    let outer = Mechanism {
        kind: CKM_RSA_PKCS_OAEP,
        parameter: oaep.as_ref().clone(),
    };
    Ok((outer, *aes_bits as usize / 8))
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
        let (outer, length) = steps(mechanism)?;
        let value = random(length)?;
        let (rsa, _) = find_for(outer.kind, CKF_WRAP)?;
        let (aes, _) = find_for(INNER.kind, CKF_WRAP)?;
        let mut output = rsa.wrap(&outer, wrapper, value.clone())?;
        output.extend(aes.wrap(&INNER, &aes_key(value), key)?);
        Ok(output)
    }

    fn unwrap(
        &self,
        mechanism: &Mechanism,
        unwrapper: &Attributes,
        wrapped: &[u8],
    ) -> Result<Vec<u8>> {
        let (outer, length) = steps(mechanism)?;
        let short = refusal(CKR_ENCRYPTED_DATA_LEN_RANGE);
        // The first part is as long as the modulus.
        let modulus = super::der::trim(unwrapper.bytes(CKA_MODULUS)).len();
        let (first, second) = wrapped.split_at_checked(modulus).ok_or(short)?;
        let (rsa, _) = find_for(outer.kind, CKF_UNWRAP)?;
        let (aes, _) = find_for(INNER.kind, CKF_UNWRAP)?;
        let value = rsa.unwrap(&outer, unwrapper, first)?;
        ensure(value.len() == length, CKR_ENCRYPTED_DATA_INVALID)?;
        aes.unwrap(&INNER, &aes_key(value), second)
    }
}
