//! Digest mechanisms: [PKCS11-Base 3.2] sections 6.20 to 6.31.

use cryptoki_sys::*;

use super::hash::Running;
use super::{Digesting, Entry, Family, Form, Hash, Mechanism};
use crate::rv::{Result, refusal};

/// The digest mechanisms of the SHA families.
pub(super) struct Digests;

const fn digest(mechanism: CK_MECHANISM_TYPE) -> Entry {
    Entry {
        mechanism,
        sizes: (0, 0),
        flags: CKF_DIGEST,
        form: Form::None,
        keys: &[],
    }
}

static ENTRIES: [Entry; 11] = [
    digest(CKM_SHA_1),
    digest(CKM_SHA224),
    digest(CKM_SHA256),
    digest(CKM_SHA384),
    digest(CKM_SHA512),
    digest(CKM_SHA512_224),
    digest(CKM_SHA512_256),
    digest(CKM_SHA3_224),
    digest(CKM_SHA3_256),
    digest(CKM_SHA3_384),
    digest(CKM_SHA3_512),
];

struct RunningDigest {
    length: usize,
    running: Box<dyn Running>,
}

impl Digesting for RunningDigest {
    fn length(&self) -> usize {
        self.length
    }
    fn update(&mut self, data: &[u8]) {
        self.running.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.running.finish()
    }
}

impl Family for Digests {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn digest(&self, mechanism: &Mechanism) -> Result<Box<dyn Digesting>> {
        let hash = Hash::by_mechanism(mechanism.kind).ok_or(refusal(CKR_MECHANISM_INVALID))?;
        Ok(Box::new(RunningDigest {
            length: hash.length(),
            running: hash.running(),
        }))
    }
}
