//! CKM_NULL: [PKCS11-Base 3.2] section 6.63. What goes in comes out; a signature is the data.
//! It takes keys of every type, as the section names none. Derivation is not here.

use cryptoki_sys::*;

use super::block::{Stream, Streaming};
use super::{
    Ciphering, Digesting, Entry, Family, Form, Mechanism, Recovering, Signing, Verifying, secret,
};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure};

/// CKM_NULL.
pub(super) struct Null;

static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_NULL,
    sizes: (0, 0),
    flags: CKF_ENCRYPT
        | CKF_DECRYPT
        | CKF_DIGEST
        | CKF_SIGN
        | CKF_VERIFY
        | CKF_SIGN_RECOVER
        | CKF_VERIFY_RECOVER
        | CKF_WRAP
        | CKF_UNWRAP,
    form: Form::None,
    keys: secret::AND_COMMON_PAIRS,
}];

#[derive(Clone)]
struct Through;

impl Stream for Through {
    fn apply(&mut self, _: &mut [u8]) -> Result<()> {
        Ok(())
    }
}

/// The data so far.
struct Collected(Vec<u8>);

impl Digesting for Collected {
    fn length(&self) -> usize {
        self.0.len()
    }
    fn length_after(&self, more: usize) -> usize {
        self.0.len().saturating_add(more)
    }
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0
    }
    fn duplicate(&self) -> Box<dyn Digesting> {
        Box::new(Collected(self.0.clone()))
    }
}

impl Signing for Collected {
    fn length(&self) -> usize {
        self.0.len()
    }
    fn length_after(&self, more: usize) -> usize {
        self.0.len().saturating_add(more)
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.0)
    }
}

impl Verifying for Collected {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }
    /// The section knows one answer to whatever is not identical, of another length or not.
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        ensure(self.0 == signature, CKR_SIGNATURE_INVALID)
    }
}

impl Recovering for Through {
    fn bound(&self) -> usize {
        0
    }
    fn bound_for(&self, signature: &[u8]) -> usize {
        signature.len()
    }
    fn recover(&self, signature: &[u8]) -> Result<Vec<u8>> {
        Ok(signature.to_vec())
    }
}

impl Family for Null {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }
    fn digest(&self, _: &Mechanism) -> Result<Box<dyn Digesting>> {
        Ok(Box::new(Collected(Vec::new())))
    }
    fn sign(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Collected(Vec::new())))
    }
    fn verify(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(Collected(Vec::new())))
    }
    fn sign_recover(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Collected(Vec::new())))
    }
    fn verify_recover(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Recovering>> {
        Ok(Box::new(Through))
    }
    fn encrypt(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Ciphering>> {
        Ok(Box::new(Streaming(Through)))
    }
    fn decrypt(&self, _: &Mechanism, _: &Attributes) -> Result<Box<dyn Ciphering>> {
        Ok(Box::new(Streaming(Through)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::trial::{both, digest, plain};

    #[test]
    fn what_goes_in_comes_out() {
        both(&plain(CKM_NULL), b"key", b"any data", b"any data");
        assert_eq!(digest(&plain(CKM_NULL), b"data").unwrap(), b"data");
    }

    #[test]
    fn a_signature_is_the_data_and_everything_else_is_invalid() {
        let key = Attributes::default();
        let mut signing = Null.sign(&plain(CKM_NULL), &key).unwrap();
        assert_eq!(signing.length_after(4), 4);
        signing.update(b"data").unwrap();
        assert_eq!(signing.finish().unwrap(), b"data");
        for (signature, code) in [
            (&b"dat"[..], CKR_SIGNATURE_INVALID),
            (b"Data", CKR_SIGNATURE_INVALID),
        ] {
            let mut verifying = Null.verify(&plain(CKM_NULL), &key).unwrap();
            verifying.update(b"data").unwrap();
            assert_eq!(verifying.finish(signature).unwrap_err().code(), code);
        }
    }
}
