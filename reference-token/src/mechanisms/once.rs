//! Verification of stateful hash-based signatures, single-part: what HSS and XMSS have in common.

use std::marker::PhantomData;

use cryptoki_sys::*;

use super::Verifying;
use crate::attributes::Attributes;
use crate::rv::{Result, ensure};

/// A family whose public keys verify.
pub(super) trait Stateful: Send + 'static {
    /// Whether the signature of the message is one of the public key in CKA_VALUE;
    /// CKR_SIGNATURE_LEN_RANGE if it does not have the length of one.
    fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool>;
}

struct Operation<S> {
    value: Vec<u8>,
    data: Vec<u8>,
    family: PhantomData<S>,
}

/// A verification with a public key object.
pub(super) fn verify<S: Stateful>(key: &Attributes) -> Box<dyn Verifying> {
    Box::new(Operation::<S> {
        value: key.bytes(CKA_VALUE).to_vec(),
        data: Vec::new(),
        family: PhantomData,
    })
}

impl<S: Stateful> Verifying for Operation<S> {
    fn is_multipart(&self) -> bool {
        false
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let valid = S::verify(&self.value, &self.data, signature)?;
        ensure(valid, CKR_SIGNATURE_INVALID)
    }
}
