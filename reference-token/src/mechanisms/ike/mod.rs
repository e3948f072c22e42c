//! Key derivation of IKE: [PKCS11-Base 3.2] section 6.64, RFC 2409 and RFC 7296. The PRF is any
//! MAC. This file owns the parameters and the table; `steps` what the PRF is applied to.

mod steps;
#[cfg(test)]
mod tests;

use cryptoki_sys::*;

use super::prf::Prf;
use super::{Derivation, Entry, Family, Form, IkeForm, Named, Parameter, Yield};
use crate::rv::{Result, refuse};

use steps::{extended, first, initial, plus};

/// The IKE mechanisms.
pub(super) struct Ike;

/// A structure of section 6.64.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IkeParameter {
    pub(crate) prf: CK_MECHANISM_TYPE,
    pub(crate) call: IkeCall,
}

/// What the PRF is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IkeCall {
    /// CK_IKE_PRF_DERIVE_PARAMS; the new key is there when `bRekey` is set.
    Initial {
        data_as_key: bool,
        nonces: Vec<u8>,
        new_key: Option<Named>,
    },
    /// CK_IKE2_PRF_PLUS_DERIVE_PARAMS.
    Plus {
        seed_key: Option<Named>,
        seed: Vec<u8>,
    },
    /// CK_IKE1_PRF_DERIVE_PARAMS; the cookies of both sides one after the other.
    First {
        exchanged: Named,
        previous: Option<Named>,
        cookies: Vec<u8>,
        number: u8,
    },
    /// CK_IKE1_EXTENDED_DERIVE_PARAMS.
    Extended {
        exchanged: Option<Named>,
        extra: Vec<u8>,
    },
}

impl IkeParameter {
    pub(super) fn named_keys(&mut self) -> Vec<&mut Named> {
        match &mut self.call {
            IkeCall::Initial { new_key: key, .. }
            | IkeCall::Plus { seed_key: key, .. }
            | IkeCall::Extended { exchanged: key, .. } => key.iter_mut().collect(),
            IkeCall::First {
                exchanged,
                previous,
                ..
            } => std::iter::once(exchanged).chain(previous).collect(),
        }
    }
}

/// Lengths of keys in bytes.
const fn entry(mechanism: CK_MECHANISM_TYPE, form: IkeForm) -> Entry {
    Entry {
        mechanism,
        sizes: (1, 4096),
        flags: CKF_DERIVE,
        form: Form::Ike(form),
        keys: &[],
    }
}

static ENTRIES: [Entry; 4] = [
    entry(CKM_IKE2_PRF_PLUS_DERIVE, IkeForm::PrfPlus),
    entry(CKM_IKE_PRF_DERIVE, IkeForm::Prf),
    entry(CKM_IKE1_PRF_DERIVE, IkeForm::Prf1),
    entry(CKM_IKE1_EXTENDED_DERIVE, IkeForm::Extended1),
];

impl Family for Ike {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let Parameter::Ike(parameter) = &asked.mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let prf = Prf::named(parameter.prf)?;
        let product = match &parameter.call {
            IkeCall::Initial {
                data_as_key,
                nonces,
                new_key,
            } => initial(asked, &prf, (*data_as_key, nonces, new_key.as_ref())),
            IkeCall::Plus { seed_key, seed } => plus(asked, &prf, seed_key.as_ref(), seed),
            IkeCall::First {
                exchanged,
                previous,
                cookies,
                number,
            } => {
                let keys = (exchanged, previous.as_ref());
                first(asked, &prf, keys, (cookies, *number))
            }
            IkeCall::Extended { exchanged, extra } => {
                extended(asked, &prf, exchanged.as_ref(), extra)
            }
        };
        Ok(Yield::one(product?))
    }
}
