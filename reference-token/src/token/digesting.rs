//! Digest operations: section 5.12.

use cryptoki_sys::*;

use super::kind::Kind;
use super::library::with_session;
use super::operation::{Running, Step, Work, continuing, with_operation};
use super::output::{Output, Room};
use super::transcript::Transcript;
use crate::mechanisms::{Mechanism, find_for};
use crate::rv::{Result, ensure, refuse};

/// C_DigestInit.
pub(crate) fn digest_init(session: CK_SESSION_HANDLE, mechanism: &Mechanism) -> Result<()> {
    with_session(session, |token| {
        let mut operations = token.session(session)?.operations();
        operations.check_start(Kind::Digest)?;
        let (family, _) = find_for(mechanism.kind, CKF_DIGEST)?;
        let work = Work::Digest(family.digest(mechanism)?);
        let transcript = Transcript::of(mechanism, None);
        operations.start(Kind::Digest, Running::new(work, transcript))
    })
}

/// Gives the digest out if it fits, and ends the operation only then.
fn deliver(running: Running, data: &[u8], room: Room) -> Step<Output> {
    let length = match &running.work {
        Work::Digest(work) => work.length_after(data.len()),
        _ => return (None, refuse(CKR_GENERAL_ERROR)),
    };
    match (room.answer(length), running) {
        (Some(Output::TooSmall(length)), _) if mutant!("digest-ends-when-too-small") => {
            (None, Ok(Output::TooSmall(length)))
        }
        (Some(answer), running) => (Some(running), Ok(answer)),
        (
            None,
            Running {
                work: Work::Digest(mut work),
                ..
            },
        ) => {
            match mutant!("race-on-digest") {
                true => work.update(&crate::mutants::crossed(data)),
                false => work.update(data),
            }
            let again = mutant!("digest-final-twice").then(|| work.duplicate());
            let again = again.map(|work| Running::new(Work::Digest(work), Transcript::none()));
            (again, Ok(Output::Bytes(work.finish())))
        }
        _ => (None, refuse(CKR_GENERAL_ERROR)),
    }
}

/// C_Digest. `arguments` fail with what is wrong with the pointers, which ends the operation.
pub(crate) fn digest<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, Kind::Digest, |running| {
        match arguments().and_then(|given| running.check_whole().map(|()| given)) {
            Err(refusal) => (None, Err(refusal)),
            Ok((data, room)) => deliver(running, data, room),
        }
    })
}

/// C_DigestUpdate: an error ends the operation.
pub(crate) fn digest_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    continuing(session, Kind::Digest, |running| {
        running.absorb(arguments()?)
    })
}

/// C_DigestKey: any secret key, sensitive or not. A refused key leaves the operation as it was.
pub(crate) fn digest_key(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Result<()> {
    with_operation(session, Kind::Digest, |mut running| {
        let value = with_session(session, |token| {
            let key = &token.visible(key, CKR_KEY_HANDLE_INVALID)?.attributes;
            ensure(
                key.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY)
                    || mutant!("digest-key-takes-any-object"),
                CKR_KEY_INDIGESTIBLE,
            )?;
            let lost = usize::from(mutant!("digested-key-cut"));
            Ok(key.bytes(CKA_VALUE).iter().skip(lost).copied().collect())
        });
        let result = value.and_then(|value: Vec<u8>| running.absorb(&value));
        if result.is_ok() {
            // Section 5.6: key information that cannot leave the token makes a state unsavable.
            running.transcript.forget();
        }
        (Some(running), result)
    })
}

/// C_DigestFinal.
pub(crate) fn digest_final(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, Kind::Digest, |running| match arguments() {
        Err(refusal) => (None, Err(refusal)),
        Ok(room) => deliver(running, &[], room),
    })
}
