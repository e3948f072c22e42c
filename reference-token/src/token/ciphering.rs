//! Encryption and decryption operations: sections 5.8 and 5.10. Both directions are the same
//! machine with other names.

use cryptoki_sys::*;

use super::operation::{Kind, Running, Work, with_operation};
use super::output::{Output, Room};
use super::signing::{Wanted, start_keyed};
use crate::mechanisms::{Ciphering, Mechanism};
use crate::rv::{Result, ensure, refuse};

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

    fn wanted(self) -> Wanted {
        match self {
            Direction::Encrypt => Wanted {
                flag: CKF_ENCRYPT,
                usage: CKA_ENCRYPT,
                class: CKO_PUBLIC_KEY,
            },
            Direction::Decrypt => Wanted {
                flag: CKF_DECRYPT,
                usage: CKA_DECRYPT,
                class: CKO_PRIVATE_KEY,
            },
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
    let start = (direction.kind(), direction.wanted());
    start_keyed(session, mechanism, key, start, |family, key| {
        Ok(Work::Cipher(match direction {
            Direction::Encrypt => family.encrypt(mechanism, key)?,
            Direction::Decrypt => family.decrypt(mechanism, key)?,
        }))
    })
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
) -> (Option<Running>, Result<Output>) {
    let Room::Bytes(room) = room else {
        return (Some(running), Ok(Output::Length(bound)));
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
        Ok(output) if output.len() > room => (Some(running), Ok(Output::TooSmall(output.len()))),
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
    with_operation(session, direction.kind(), |running| match arguments() {
        Err(refusal) => (None, Err(refusal)),
        Ok(_) if running.in_parts => (None, refuse(CKR_OPERATION_ACTIVE)),
        Ok((data, room)) => {
            let bound = match &running.work {
                Work::Cipher(work) => work.bound(data.len()),
                _ => 0,
            };
            deliver(running, bound, room, |work| whole(work, data))
        }
    })
}

/// C_EncryptUpdate and C_DecryptUpdate: an error other than too small a buffer ends the operation.
pub(crate) fn cipher_update<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, direction.kind(), |mut running| {
        let (data, room) = match arguments() {
            Ok(arguments) => arguments,
            Err(refusal) => return (None, Err(refusal)),
        };
        let Work::Cipher(work) = &mut running.work else {
            return (None, refuse(CKR_GENERAL_ERROR));
        };
        if let Err(refusal) = ensure(work.is_multipart(), CKR_OPERATION_NOT_INITIALIZED) {
            return (None, Err(refusal));
        }
        if let Some(answer) = room.answer(work.update_length(data.len())) {
            return (Some(running), Ok(answer));
        }
        match work.update(data) {
            Err(refusal) => (None, Err(refusal)),
            Ok(output) => {
                running.in_parts = true;
                (Some(running), Ok(Output::Bytes(output)))
            }
        }
    })
}

/// C_EncryptFinal and C_DecryptFinal.
pub(crate) fn cipher_final(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, direction.kind(), |running| {
        let room = match arguments() {
            Ok(room) => room,
            Err(refusal) => return (None, Err(refusal)),
        };
        let bound = match &running.work {
            Work::Cipher(work) if work.is_multipart() => work.bound(0),
            _ => return (None, refuse(CKR_OPERATION_NOT_INITIALIZED)),
        };
        deliver(running, bound, room, |work| work.finish())
    })
}
