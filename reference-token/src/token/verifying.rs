//! Verification of signatures and MACs: section 5.15.

use cryptoki_sys::*;

use super::kind::Kind;
use super::operation::{Running, Step, Work, continuing, with_operation};
use super::output::{Output, Room};
use super::signing::start_keyed;
use crate::mechanisms::{Mechanism, Verifying};
use crate::rv::{Result, ensure, refuse};

/// C_VerifyInit.
pub(crate) fn verify_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::Verify,
        |family, mechanism, key| Ok(Work::Verify(family.verify(mechanism, key)?)),
    )
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
            if mutant!("verify-accepts-anything") {
                return Ok(());
            }
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

/// A verification whose signature came first.
pub(super) struct Held {
    pub(super) work: Box<dyn Verifying>,
    pub(super) signature: Vec<u8>,
}

/// C_VerifySignatureInit: whatever can verify can do so. The signature is judged at the end, as the
/// function lists no code for a bad one.
pub(crate) fn verify_signature_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    signature: &[u8],
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::VerifySignature,
        |family, mechanism, key| {
            Ok(Work::VerifySignature(Held {
                work: family.verify(mechanism, key)?,
                signature: signature.to_vec(),
            }))
        },
    )
}

fn held(running: Running) -> Result<Held> {
    match running.work {
        Work::VerifySignature(held) => Ok(held),
        _ => refuse(CKR_GENERAL_ERROR),
    }
}

/// C_VerifySignature: always ends the operation. Unlike C_Verify it does not list
/// CKR_OPERATION_ACTIVE for a call after C_VerifySignatureUpdate.
pub(crate) fn verify_signature<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::VerifySignature, |running| {
        let result = arguments().and_then(|data| {
            ensure(!running.in_parts, CKR_OPERATION_NOT_INITIALIZED)?;
            let Held {
                mut work,
                signature,
            } = held(running)?;
            work.update(data)?;
            work.finish(&signature)
        });
        (None, result)
    })
}

/// C_VerifySignatureUpdate: an error ends the operation.
pub(crate) fn verify_signature_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    continuing(session, Kind::VerifySignature, |running| {
        running.absorb(arguments()?)
    })
}

/// C_VerifySignatureFinal: always ends the operation.
pub(crate) fn verify_signature_final(session: CK_SESSION_HANDLE) -> Result<()> {
    with_operation(session, Kind::VerifySignature, |running| {
        let result = running.check_multipart().and_then(|()| {
            let Held { work, signature } = held(running)?;
            work.finish(&signature)
        });
        (None, result)
    })
}

/// C_VerifyRecoverInit.
pub(crate) fn verify_recover_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::VerifyRecover,
        |family, mechanism, key| Ok(Work::VerifyRecover(family.verify_recover(mechanism, key)?)),
    )
}

/// C_VerifyRecover. An invalid signature comes before too small a buffer.
pub(crate) fn verify_recover<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, Kind::VerifyRecover, |running| match arguments() {
        Err(refusal) => (None, Err(refusal)),
        Ok((signature, room)) => recover(running, signature, room),
    })
}

fn recover(running: Running, signature: &[u8], room: Room) -> Step<Output> {
    let Work::VerifyRecover(work) = &running.work else {
        return (None, refuse(CKR_GENERAL_ERROR));
    };
    if room == Room::Query {
        let answer = Output::Length(work.bound_for(signature));
        return (Some(running), Ok(answer));
    }
    match work.recover(signature) {
        Err(refusal) => (None, Err(refusal)),
        Ok(data) => match room.answer(data.len()) {
            Some(answer) => (Some(running), Ok(answer)),
            None => (None, Ok(Output::Bytes(data))),
        },
    }
}
