//! Verification of signatures and MACs: section 5.15, but for the recovery of data.

use cryptoki_sys::*;

use super::kind::Kind;
use super::operation::{Running, Work, continuing, with_operation};
use super::signing::start_keyed;
use crate::mechanisms::{Mechanism, Verifying};
use crate::rv::{Result, refuse};

/// C_VerifyInit.
pub(crate) fn verify_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(session, mechanism, key, Kind::Verify, |family, key| {
        Ok(Work::Verify(family.verify(mechanism, key)?))
    })
}

fn verifier(running: Running) -> Result<Box<dyn Verifying>> {
    match running.work {
        Work::Verify(work) => Ok(work),
        _ => refuse(CKR_GENERAL_ERROR),
    }
}

/// C_Verify: always ends the operation.
pub(crate) fn verify<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], &'a [u8])>,
) -> Result<()> {
    with_operation(session, Kind::Verify, |running| {
        let result = arguments().and_then(|(data, signature)| {
            running.check_whole()?;
            let mut work = verifier(running)?;
            work.update(data)?;
            work.finish(signature)
        });
        (None, result)
    })
}

/// C_VerifyUpdate: an error ends the operation.
pub(crate) fn verify_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    continuing(session, Kind::Verify, |running| {
        running.absorb(arguments()?)
    })
}

/// C_VerifyFinal: always ends the operation.
pub(crate) fn verify_final<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::Verify, |running| {
        let result = arguments().and_then(|signature| {
            running.check_multipart()?;
            verifier(running)?.finish(signature)
        });
        (None, result)
    })
}
