//! Generic secret keys: [PKCS11-Base 3.2] section 6.8. Values of any length, for MACs and
//! derivation.

use cryptoki_sys::*;

use super::{Contribution, Entry, Family, Form, Mechanism, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal};

/// CKM_GENERIC_SECRET_KEY_GEN.
pub(super) struct GenericSecrets;

/// Lengths of keys in bits, the unit of section 6.8.4.
const BITS: (CK_ULONG, CK_ULONG) = (8, 8 * 4096);

static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_GENERIC_SECRET_KEY_GEN,
    sizes: BITS,
    flags: CKF_GENERATE,
    form: Form::None,
    keys: &[CKK_GENERIC_SECRET],
}];

impl Family for GenericSecrets {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_GENERIC_SECRET)
    }

    fn generate_key(&self, _: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let length = template
            .ulong(CKA_VALUE_LEN)
            .ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        ensure(
            (1..=BITS.1 / 8).contains(&length),
            CKR_ATTRIBUTE_VALUE_INVALID,
        )?;
        Ok(vec![(CKA_VALUE, Value::Bytes(random(length as usize)?))])
    }
}
