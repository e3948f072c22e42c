//! Encryption and decryption operations: sections 5.8 and 5.10. Both directions are the same
//! machine with other names.

use cryptoki_sys::*;

use super::kind::Kind;
use super::operation::{Running, Step, Work, continuing, with_operation};
use super::output::{Output, Room};
use super::signing::start_keyed;
use crate::mechanisms::{Ciphering, Mechanism};
use crate::rv::{Result, refuse};

/// Which way a cipher runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

impl Direction {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Direction::Encrypt => Kind::Encrypt,
            Direction::Decrypt => Kind::Decrypt,
        }
    }
}

/// C_EncryptInit and C_DecryptInit.
pub(crate) fn cipher_init(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        direction.kind(),
        |family, mechanism, key| {
            Ok(Work::Cipher(match direction {
                Direction::Encrypt => family.encrypt(mechanism, key)?,
                Direction::Decrypt => family.decrypt(mechanism, key)?,
            }))
        },
    )
}

/// All of `data` in one go.
pub(super) fn whole(mut work: Box<dyn Ciphering>, data: &[u8]) -> Result<Vec<u8>> {
    let mut output = work.update(data)?;
    output.extend(work.finish()?);
    Ok(output)
}

/// Computes output whose length shows only afterwards, and gives it out if it fits: the operation
/// then ends, and otherwise goes on as it was. Only where it may not fit is a copy of the state
/// needed for that.
fn deliver(
    running: Running,
    bound: usize,
    room: Room,
    compute: impl FnOnce(Box<dyn Ciphering>) -> Result<Vec<u8>>,
) -> Step<Output> {
    let Room::Bytes(room) = room else {
        let goes_on = !mutant!("size-query-ends-operation");
        return (goes_on.then_some(running), Ok(Output::Length(bound)));
    };
    let copy = match running.work {
        Work::Cipher(work) if bound <= room => {
            return (None, compute(work).map(Output::Bytes));
        }
        Work::Cipher(ref work) => work.duplicate(),
        _ => return (None, refuse(CKR_GENERAL_ERROR)),
    };
    match compute(copy) {
        Err(refusal) => (None, Err(refusal)),
        Ok(output) if output.len() > room => {
            let goes_on = !mutant!("too-small-ends-encryption");
            (
                goes_on.then_some(running),
                Ok(Output::TooSmall(output.len())),
            )
        }
        Ok(output) => (None, Ok(Output::Bytes(output))),
    }
}

/// C_Encrypt and C_Decrypt. `arguments` fail with what is wrong with the pointers, which ends the
/// operation.
pub(crate) fn cipher<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, direction.kind(), |mut running| {
        let begun = arguments().and_then(|(data, room)| {
            running.check_whole()?;
            Ok((data, room, running.cipher()?.bound(data.len())))
        });
        match begun {
            Err(refusal) => (None, Err(refusal)),
            Ok((data, room, bound)) => deliver(running, bound, room, |work| whole(work, data)),
        }
    })
}

/// C_EncryptUpdate and C_DecryptUpdate: an error other than too small a buffer ends the operation.
pub(crate) fn cipher_update<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    continuing(session, direction.kind(), |running| {
        let (data, room) = arguments()?;
        running.check_multipart()?;
        let length = running.cipher()?.update_length(data.len());
        match room.answer(length) {
            Some(answer) => Ok(answer),
            None => Ok(Output::Bytes(running.transform(data)?)),
        }
    })
}

/// C_EncryptFinal and C_DecryptFinal.
pub(crate) fn cipher_final(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, direction.kind(), |mut running| {
        let begun = arguments().and_then(|room| {
            running.check_multipart()?;
            Ok((room, running.cipher()?.bound(0)))
        });
        match begun {
            Err(refusal) => (None, Err(refusal)),
            Ok((room, bound)) => deliver(running, bound, room, |work| work.finish()),
        }
    })
}
