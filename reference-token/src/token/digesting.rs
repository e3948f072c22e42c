//! Digest operations: section 5.12.

use cryptoki_sys::*;

use super::library::with_session;
use super::operation::{Kind, Running, Work, with_operation};
use super::output::{Output, Room};
use crate::mechanisms::{Digesting, Mechanism, find_for};
use crate::rv::{Result, ensure, refuse};

/// C_DigestInit.
pub(crate) fn digest_init(session: CK_SESSION_HANDLE, mechanism: &Mechanism) -> Result<()> {
    with_session(session, |token| {
        token.session(session)?.operations.check_start()?;
        let (family, _) = find_for(mechanism.kind, CKF_DIGEST)?;
        let work = Work::Digest(family.digest(mechanism)?);
        token
            .session_mut(session)?
            .operations
            .start(Kind::Digest, Running::new(work))
    })
}

/// Gives the digest out if it fits, and ends the operation only then.
fn deliver(
    work: Box<dyn Digesting>,
    in_parts: bool,
    data: &[u8],
    room: Room,
) -> (Option<Running>, Result<Output>) {
    if let Some(answer) = room.answer(work.length()) {
        let mut running = Running::new(Work::Digest(work));
        running.in_parts = in_parts;
        return (Some(running), Ok(answer));
    }
    let mut work = work;
    work.update(data);
    (None, Ok(Output::Bytes(work.finish())))
}

/// C_Digest. `arguments` fail with what is wrong with the pointers, which ends the operation.
pub(crate) fn digest<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, Kind::Digest, |running| {
        let (data, room) = match arguments() {
            Ok(arguments) => arguments,
            Err(refusal) => return (None, Err(refusal)),
        };
        match running {
            Running { in_parts: true, .. } => (None, refuse(CKR_OPERATION_ACTIVE)),
            Running {
                work: Work::Digest(work),
                ..
            } => deliver(work, false, data, room),
            _ => (None, refuse(CKR_GENERAL_ERROR)),
        }
    })
}

/// C_DigestUpdate.
pub(crate) fn digest_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::Digest, |mut running| {
        let data = match arguments() {
            Ok(data) => data,
            Err(refusal) => return (None, Err(refusal)),
        };
        running.in_parts = true;
        if let Work::Digest(work) = &mut running.work {
            work.update(data);
        }
        (Some(running), Ok(()))
    })
}

/// C_DigestKey: any secret key, sensitive or not. A refused key leaves the operation as it was.
pub(crate) fn digest_key(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Result<()> {
    with_operation(session, Kind::Digest, |mut running| {
        let value = with_session(session, |token| {
            let key = &token.visible(key, CKR_KEY_HANDLE_INVALID)?.attributes;
            ensure(
                key.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY),
                CKR_KEY_INDIGESTIBLE,
            )?;
            Ok(key.bytes(CKA_VALUE).to_vec())
        });
        let result = value.map(|value| {
            running.in_parts = true;
            if let Work::Digest(work) = &mut running.work {
                work.update(&value);
            }
        });
        (Some(running), result)
    })
}

/// C_DigestFinal.
pub(crate) fn digest_final(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, Kind::Digest, |running| {
        match (arguments(), running) {
            (Err(refusal), _) => (None, Err(refusal)),
            (
                Ok(room),
                Running {
                    work: Work::Digest(work),
                    in_parts,
                    ..
                },
            ) => deliver(work, in_parts, &[], room),
            _ => (None, refuse(CKR_GENERAL_ERROR)),
        }
    })
}
