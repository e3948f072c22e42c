//! Passing data to a running operation: what an update of each kind does. The multiple-part
//! functions, the dual functions and the single-part functions that begin with it share it.

use cryptoki_sys::*;

use super::operation::{Running, Work};
use crate::mechanisms::Ciphering;
use crate::rv::{Result, ensure, refuse};

impl Running {
    /// CKR_OPERATION_NOT_INITIALIZED unless the mechanism takes data in parts: there is no
    /// multiple-part operation of a single-part mechanism.
    pub(super) fn check_multipart(&self) -> Result<()> {
        let multipart = match &self.work {
            Work::Cipher(work) => work.is_multipart(),
            Work::Digest(_) => true,
            Work::Sign(work) => work.is_multipart(),
            Work::Verify(work) => work.is_multipart(),
            Work::VerifySignature(held) => held.work.is_multipart_after_signature(),
            _ => false,
        };
        ensure(multipart, CKR_OPERATION_NOT_INITIALIZED)
    }

    /// Passes on a part of the data of a digest, signature or verification.
    pub(super) fn absorb(&mut self, data: &[u8]) -> Result<()> {
        self.check_multipart()?;
        match &mut self.work {
            Work::Digest(work) => work.update(data),
            Work::Sign(work) => work.update(data)?,
            Work::Verify(_) if self.in_parts && mutant!("verify-ignores-later-parts") => {}
            Work::Verify(work) => work.update(data)?,
            Work::VerifySignature(held) => held.work.update(data)?,
            _ => return refuse(CKR_GENERAL_ERROR),
        }
        self.in_parts = true;
        self.transcript.add(data);
        Ok(())
    }

    /// The cipher of an encryption or decryption.
    pub(super) fn cipher(&mut self) -> Result<&mut Box<dyn Ciphering>> {
        match &mut self.work {
            Work::Cipher(work) => Ok(work),
            _ => refuse(CKR_GENERAL_ERROR),
        }
    }

    /// Passes on a part of the data of an encryption or decryption.
    pub(super) fn transform(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let output = self.cipher()?.update(data)?;
        self.in_parts = true;
        self.transcript.add(data);
        Ok(output)
    }

    /// CKR_OPERATION_ACTIVE for a single-part function after a multiple-part one.
    pub(super) fn check_whole(&self) -> Result<()> {
        let whole = !self.in_parts || mutant!("single-part-after-update");
        ensure(whole, CKR_OPERATION_ACTIVE)
    }
}
